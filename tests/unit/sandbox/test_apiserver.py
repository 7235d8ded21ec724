# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the API server against servers that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from sandbox.apiserver import ApiError, ApiServer, Credentials, Informer, Object, Resource, read_kubeconfig
from sandbox.errors import SandboxError

PODS = Resource("", "v1", "pods")
ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes")


def pod(name: str, **fields: Any) -> Object:
    """A Pod that is recognized by its name."""
    return {"metadata": {"namespace": "models", "name": name, "managedFields": ["long"]}, **fields}


class FakeServer:
    """Lists what ``items`` holds, or answers with ``failure``; each watch sends ``events`` and then stays open."""

    def __init__(self) -> None:
        self.items: list[Object] = []
        self.failure = 0
        self.events: list[Any] = []
        self.events_of_definitions: list[Any] = []
        self.ends = False
        self.requests: list[str] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Cut all connections."""
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def _get(self, request: web.Request) -> web.StreamResponse:
        watching = "watch" in request.query
        self.requests.append(f"{'watch' if watching else 'list'} {request.path}")
        definitions = request.path.endswith("customresourcedefinitions")
        if self.failure and not definitions:
            return web.json_response({"message": "because"}, status=self.failure)
        if not watching:
            return web.json_response({"items": self.items, "metadata": {"resourceVersion": "7"}})
        response = web.StreamResponse()
        await response.prepare(request)
        events = self.events_of_definitions if definitions else self.events
        text = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        for start in range(0, len(text), 50_000):
            await response.write(text[start : start + 50_000])
            await asyncio.sleep(0)
        if not self.ends:
            await asyncio.sleep(30)
        return response


@asynccontextmanager
async def informed(server: FakeServer, resource: Resource = PODS) -> AsyncIterator[Informer]:
    """A running informer."""
    await server.start()
    async with ApiServer(Credentials(server.url, None, ""), "tests") as api:
        informer = Informer(api, resource, lambda: None)
        task = asyncio.create_task(informer.run())
        try:
            yield informer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await server.stop()


async def until(check: Callable[[], bool]) -> None:
    """Wait until a check holds."""
    while not check():
        await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run one asynchronous test."""

    async def limited() -> None:
        async with asyncio.timeout(15):
            await test()

    asyncio.run(limited())


def names(informer: Informer) -> set[str]:
    """Names of the objects that an informer knows."""
    return {name for _, name in informer.objects}


def test_events_change_what_is_known() -> None:
    async def check() -> None:
        server = FakeServer()
        server.items = [pod("old"), pod("changed", spec=1)]
        server.events = [
            {"type": "ADDED", "object": pod("new")},
            {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "8"}}},
            {"type": "MODIFIED", "object": pod("changed", spec=2)},
            {"type": "DELETED", "object": pod("old")},
        ]
        async with informed(server) as informer:
            await until(lambda: names(informer) == {"new", "changed"})
            changed = informer.objects["models", "changed"]
            assert changed["spec"] == 2
            assert "managedFields" not in changed["metadata"]

    run(check)


def test_long_events_are_read_whole() -> None:
    async def check() -> None:
        server = FakeServer()
        server.events = [{"type": "ADDED", "object": pod("long", spec="x" * 500_000)}]
        async with informed(server) as informer:
            await until(lambda: names(informer) == {"long"})
            assert len(informer.objects["models", "long"]["spec"]) == 500_000

    run(check)


def test_a_version_that_is_too_old_leads_to_a_new_list(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        server = FakeServer()
        server.items = [pod("old")]
        server.events = [{"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}]
        async with informed(server) as informer:
            await until(lambda: names(informer) == {"old"})
            server.items = [pod("new")]
            await until(lambda: names(informer) == {"new"})

    run(check)
    assert "too old" not in caplog.text, "this is everyday life, no warning"


def test_a_watch_that_ends_is_followed_by_a_new_list() -> None:
    async def check() -> None:
        server = FakeServer()
        server.ends = True
        async with informed(server) as informer:
            await informer.synced.wait()
            server.items = [pod("new")]
            await until(lambda: names(informer) == {"new"})
            await asyncio.sleep(1)
            assert len(server.requests) < 30, "watches that end at once are not repeated without a pause"

    run(check)


def test_what_is_known_stays_while_the_server_is_away() -> None:
    async def check() -> None:
        server = FakeServer()
        server.items = [pod("old")]
        async with informed(server) as informer:
            await until(lambda: names(informer) == {"old"})
            await server.stop()
            await asyncio.sleep(0.3)
            assert names(informer) == {"old"}
            server.items = [pod("new")]
            await server.start()
            await until(lambda: names(informer) == {"new"})

    run(check)


def test_a_kind_that_is_missing_counts_as_empty_until_it_is_installed() -> None:
    async def check() -> None:
        server = FakeServer()
        server.failure = 404
        async with informed(server, ROUTES) as informer:
            await informer.synced.wait()
            assert informer.objects == {}
            await until(lambda: server.requests[-1].endswith("customresourcedefinitions"))
            waiting = len(server.requests)
            await asyncio.sleep(0.5)
            assert len(server.requests) == waiting, "it waits for an event, it does not ask again and again"
            server.failure, server.items = 0, [pod("route")]
            await server.stop()
            server.events_of_definitions = [{"type": "MODIFIED", "object": {"metadata": {"name": str(ROUTES)}}}]
            await server.start()
            await until(lambda: names(informer) == {"route"})

    run(check)


def test_other_refusals_are_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        server = FakeServer()
        server.failure = 403
        async with informed(server) as informer:
            await until(lambda: "HTTP 403: because" in caplog.text)
            assert not informer.synced.is_set()
            server.failure = 0
            await informer.synced.wait()

    run(check)


def test_errors_carry_the_message_of_the_server() -> None:
    async def check() -> None:
        server = FakeServer()
        server.failure = 409
        await server.start()
        async with ApiServer(Credentials(server.url, None, ""), "tests") as api:
            with pytest.raises(ApiError, match="HTTP 409: because") as error:
                await api.list(PODS)
            assert error.value.status == 409
        await server.stop()

    run(check)


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("models", "a"), "/api/v1/namespaces/models/pods/a"),
        (ROUTES, ("m", "r", "status"), "/apis/gateway.networking.k8s.io/v1/namespaces/m/httproutes/r/status"),
    ],
)
def test_paths(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    assert resource.path(*arguments) == path


@pytest.mark.parametrize("content", [None, "", "a: [", "{current-context: a, contexts: []}"])
def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SandboxError, match=str(path)):
        read_kubeconfig(path)


def test_a_kubeconfig_with_a_token(tmp_path: Path) -> None:
    path = tmp_path / "config"
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert read_kubeconfig(path) == Credentials("http://127.0.0.1:1", None, "secret")
