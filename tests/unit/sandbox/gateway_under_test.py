# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in gateway with one route for tests, and backends for it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.gateway import stages
from sandbox.gateway.attachment import Listener
from sandbox.gateway.backends import Backend
from sandbox.gateway.forward import Forwarder
from sandbox.gateway.listeners import Sockets
from sandbox.gateway.proxy import Proxy
from sandbox.gateway.routing import Site, Target
from sandbox.gateway.rules import compile_rules
from sandbox.gateway.stages import Stage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Gateway:
    """A gateway under test."""

    url: str
    session: aiohttp.ClientSession
    sockets: Sockets
    proxy: Proxy

    async def ask(self, method: str = "GET", path: str = "/", **options: Any) -> tuple[int, str, Any]:
        """Send a request for host a.local; return status, text and headers."""
        headers = {"Host": "a.local"} | options.pop("headers", {})
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **options
        ) as answer:
            return answer.status, await answer.text(), answer.headers


@asynccontextmanager
async def backend(handler: Handler) -> AsyncIterator[str]:
    """A backend with one handler; yields host:port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def gateway(
    *backends: Backend, rule: dict[str, Any] | None = None, extra: Sequence[Stage] = ()
) -> AsyncIterator[Gateway]:
    """A gateway with one route for a.local; ``extra`` stages stand where policy enforcement belongs."""
    (compiled,) = compile_rules({"rules": [rule or {}]})
    target = Target(("models", "r"), compiled, compiled.matches[0], backends)
    site = Site(Listener(("maas", "gw"), "http", 8000, "HTTP", "", {}), {"a.local": [target]})
    address = ("127.0.0.1", free_port())
    async with Forwarder(random.Random(1)) as forward, aiohttp.ClientSession() as session:
        proxy = Proxy(stages.chain((stages.match_listener, stages.match_route, *extra, stages.apply_filters, forward)))
        proxy.ports = {address: {"": site}}
        sockets = Sockets(proxy.handler)
        assert await sockets.sync([address]) == {}
        try:
            yield Gateway(f"http://{address[0]}:{address[1]}", session, sockets, proxy)
        finally:
            await sockets.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def mirror(request: web.Request) -> web.StreamResponse:
    """Answer with the request."""
    body = await request.read()
    return web.json_response(
        {
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body.decode(),
        },
        headers={"X-Backend": "1"},
    )


async def ticks(request: web.Request) -> web.StreamResponse:
    """Stream three events, 0.1 s apart."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(3):
        await response.write(f"data: {number}\n\n".encode())
        await asyncio.sleep(0.1)
    await response.write_eof()
    return response


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run one asynchronous test."""

    async def limited() -> None:
        async with asyncio.timeout(10):
            await test()

    asyncio.run(limited())
