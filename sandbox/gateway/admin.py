# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin port: is the gateway ready, what does it serve, and why not more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from aiohttp import web

from sandbox.errors import SandboxError
from sandbox.gateway.attachment import Listener
from sandbox.gateway.controller import Controller
from sandbox.gateway.plan import Address, GatewayPlan, Plan
from sandbox.gateway.routing import Site, Target
from sandbox.gateway.status import Failures
from sandbox.gateway.world import title
from sandbox.kuadrant.faults import Faults


async def serve(controller: Controller, host: str, url_file: Path | None) -> web.AppRunner:
    """Listen on a free port of ``host`` and write the URL into ``url_file``. Raises SandboxError."""
    app = web.Application()
    _add_state(app, controller)
    _add_metrics(app, controller)
    _add_faults(app, controller)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        url = f"http://{host}:{runner.addresses[0][1]}"
        if url_file:
            _write_at_once(url_file, f"{url}\n")
    except OSError as error:
        await runner.cleanup()
        raise SandboxError(
            f"the admin port cannot be opened on {host}, or not written to {url_file}: {error}"
        ) from error
    pages = "/healthz/ready, /routes, /limitador/metrics, /stats/prometheus, /faults"
    print(f"admin port: {url} ({pages})", flush=True)
    return runner


def _add_state(app: web.Application, controller: Controller) -> None:
    async def ready(_: web.Request) -> web.Response:
        waiting = [str(informer.resource) for informer in controller.informers.values() if not informer.synced.is_set()]
        if controller.ready.is_set():
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"waiting for: {', '.join(waiting) or 'the first pass'}\n")

    async def routes(_: web.Request) -> web.Response:
        return web.Response(text=describe(controller.plan, controller.failures))

    app.router.add_get("/healthz/ready", ready)
    app.router.add_get("/routes", routes)


def _add_metrics(app: web.Application, controller: Controller) -> None:
    async def limitador(_: web.Request) -> web.Response:
        text = controller.kuadrant.limitador_metrics()
        return (
            web.Response(text=text)
            if text is not None
            else web.Response(status=503, text="Limitador does not answer\n")
        )

    async def shim(_: web.Request) -> web.Response:
        return web.Response(text=controller.kuadrant.shim_metrics())

    app.router.add_get("/limitador/metrics", limitador)
    app.router.add_get("/stats/prometheus", shim)


def _add_faults(app: web.Application, controller: Controller) -> None:
    """GET /faults shows the switches; PUT and DELETE /faults/NAME turn one on and off, DELETE /faults all."""

    def change(faults: Callable[[], Faults]) -> web.Response:
        try:
            controller.kuadrant.faults = faults()
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        controller.look_again()
        return web.json_response(controller.kuadrant.faults.describe())

    async def show(_: web.Request) -> web.Response:
        return change(lambda: controller.kuadrant.faults)

    async def put(request: web.Request) -> web.Response:
        return change(lambda: controller.kuadrant.faults.set(request.match_info["switch"]))

    async def delete(request: web.Request) -> web.Response:
        return change(lambda: controller.kuadrant.faults.clear(request.match_info["switch"]))

    async def clear(_: web.Request) -> web.Response:
        return change(Faults)

    app.router.add_get("/faults", show)
    app.router.add_put("/faults/{switch}", put)
    app.router.add_delete("/faults/{switch}", delete)
    app.router.add_delete("/faults", clear)


def _write_at_once(path: Path, text: str) -> None:
    """Write so that a reader never sees half of it."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def describe(plan: Plan, failures: Failures) -> str:
    """Return a page that says what is served where, and why something is not."""
    lines = [line for key in sorted(plan.gateways) for line in _gateway(plan, plan.gateways[key], failures)]
    missing = [*_unserved(plan), *(f"  {name}: {why}" for name, why in sorted(plan.ignored.items()))]
    return "\n".join([*(lines or ["no Gateway is served"]), "", *(["not served:", *missing] if missing else [])]) + "\n"


def _gateway(plan: Plan, gateway: GatewayPlan, failures: Failures) -> Iterator[str]:
    meta = gateway.gateway["metadata"]
    state = gateway.problem.message if gateway.problem else gateway.address
    yield f"Gateway {meta['namespace']}/{meta['name']}: {state}"
    for listener in gateway.listeners:
        where = gateway.binds(listener)
        yield f"  listener {listener.name}: {_state(listener, where, failures)}"
        if where:
            yield from _site(plan.ports[where][listener.hostname])


def _state(listener: Listener, where: Address | None, failures: Failures) -> str:
    if where is None:
        return f"not served: {listener.problem.message if listener.problem else 'see the Gateway'}"
    return f"not served: {failures[where]}" if where in failures else f"http://{where[0]}:{where[1]}"


def _site(site: Site) -> Iterator[str]:
    for host, targets in sorted(site.hosts.items()):
        yield f"    host {host or '(any)'}"
        for target in targets:
            yield f"      {target.match} -> {_destination(target)}  (HTTPRoute {title(target.route)})"


def _destination(target: Target) -> str:
    if target.rule.filters.redirect:
        return f"redirect {target.rule.filters.redirect.status}"
    parts = []
    for backend in target.backends:
        state = backend.problem.message if backend.problem else ", ".join(backend.endpoints) or "no endpoint"
        parts.append(f"{backend.name} [{'; '.join([state, *backend.notes])}]")
    return " + ".join(parts) or "no backend"


def _unserved(plan: Plan) -> Iterator[str]:
    for key, route in sorted(plan.routes.items()):
        problems = [route.problem, *(attachment.problem for attachment in route.attachments)]
        for problem in filter(None, problems):
            yield f"  HTTPRoute {title(key)}: {problem.reason}: {problem.message}"
