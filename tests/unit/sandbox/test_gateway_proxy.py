# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request path of the stand-in gateway: bodies, streams, time and sockets."""

from __future__ import annotations

import asyncio
import errno
import gzip
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sandbox.gateway.backends import Backend
from sandbox.gateway.listeners import Sockets, explain
from tests.unit.sandbox.gateway_under_test import backend, free_port, gateway, mirror, run, ticks


def test_answers_arrive_as_they_are_made() -> None:
    async def check() -> None:
        async with backend(ticks) as where, gateway(Backend("b", 1, (where,))) as gw:
            started, arrivals = time.monotonic(), []
            async with gw.session.get(gw.url, headers={"Host": "a.local"}) as answer:
                arrivals.append(("headers", time.monotonic() - started))
                arrivals += [(block.decode(), time.monotonic() - started) async for block in answer.content.iter_any()]
            assert [text for text, _ in arrivals] == ["headers", "data: 0\n\n", "data: 1\n\n", "data: 2\n\n"]
            assert arrivals[1][1] < 0.09
            assert 0.09 < arrivals[2][1] < 0.19

    run(check)


def test_requests_are_passed_on_as_they_arrive() -> None:
    seen: list[tuple[str, float]] = []

    async def collect(request: web.Request) -> web.StreamResponse:
        seen.extend([(block.decode(), time.monotonic()) async for block in request.content.iter_any()])
        return web.Response()

    async def slow() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(0.2)
        yield b"two"

    async def check() -> None:
        async with backend(collect) as where, gateway(Backend("b", 1, (where,))) as gw:
            status, _, _ = await gw.ask("POST", data=slow())
            assert status == 200
            assert [text for text, _ in seen] == ["one", "two"]
            assert seen[1][1] - seen[0][1] > 0.15

    run(check)


def test_bodies_and_encodings_pass_untouched() -> None:
    async def check() -> None:
        async with backend(mirror) as where, gateway(Backend("b", 1, (where,))) as gw:
            headers = {"Content-Encoding": "gzip", "Authorization": "Bearer k", "X-Request-Id": "given"}
            headers |= {"X-Forwarded-For": "10.0.0.9", "Expect": "100-continue", "TE": "trailers"}
            status, text, answered = await gw.ask("POST", "/v1/a%2Fb//c?x=%20&y", data=b"not gzip", headers=headers)
            assert status == 200, text
            assert '"path": "/v1/a%2Fb//c?x=%20&y"' in text
            assert '"body": "not gzip"' in text
            for part in ('"x-request-id": "given"', '"x-forwarded-for": "10.0.0.9, 127.0.0.1"', '"host": "a.local"'):
                assert part in text
            assert "expect" not in text
            assert '"te"' not in text
            assert answered["X-Backend"] == "1"
            assert answered["Server"] == "sandbox-gateway"

    run(check)


def test_a_client_that_leaves_ends_the_work_of_the_backend() -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.02)
        finally:
            ended.set()

    async def check() -> None:
        async with backend(endless) as where, gateway(Backend("b", 1, (where,))) as gw:
            async with gw.session.get(gw.url, headers={"Host": "a.local"}) as answer:
                await answer.content.readany()
                answer.close()
            async with asyncio.timeout(2):
                await ended.wait()

    run(check)


def test_a_client_that_leaves_before_the_answer_ends_the_work_too() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()
        return web.Response()

    async def check() -> None:
        async with backend(silent) as where, gateway(Backend("b", 1, (where,))) as gw:
            asking = asyncio.create_task(gw.ask())
            await begun.wait()
            asking.cancel()
            async with asyncio.timeout(2):
                await ended.wait()

    run(check)


def test_compressed_answers_pass_untouched() -> None:
    content = gzip.compress(b"long " * 100)

    async def compressed(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers={"Content-Encoding": "gzip"})

    async def check() -> None:
        async with backend(compressed) as where, gateway(Backend("b", 1, (where,))) as gw:
            answer = await gw.session.get(gw.url, headers={"Host": "a.local"}, auto_decompress=False)
            assert await answer.read() == content
            assert answer.headers["Content-Encoding"] == "gzip"

    run(check)


def test_without_a_listener_for_the_host_there_is_nothing() -> None:
    async def check() -> None:
        async with gateway() as gw:
            (port,) = gw.proxy.ports.values()
            assert (await gw.ask(headers={"Host": "b.local"}))[:2] == (404, "")
            port["*.b.local"] = port.pop("")
            assert (await gw.ask())[:2] == (404, "")

    run(check)


def test_an_answer_that_breaks_off_is_not_passed_as_whole() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async def check() -> None:
        async with backend(broken) as where, gateway(Backend("b", 1, (where,))) as gw:
            with pytest.raises(aiohttp.ClientPayloadError):
                await gw.ask()

    run(check)


@pytest.mark.parametrize("late", ["headers", "body"])
def test_the_time_of_a_rule_counts_to_the_end_of_the_answer(late: str) -> None:
    async def sleepy(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if late == "body":
            await response.prepare(request)
            await response.write(b"begin")
        await asyncio.sleep(5)
        return response

    async def check() -> None:
        rule = {"timeouts": {"request": "200ms"}}
        async with backend(sleepy) as where, gateway(Backend("b", 1, (where,)), rule=rule) as gw:
            started = time.monotonic()
            if late == "headers":
                status, text, _ = await gw.ask()
                assert (status, text) == (504, "upstream request timeout")
            else:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await gw.ask()
            assert 0.15 < time.monotonic() - started < 1

    run(check)


def test_a_target_with_scheme_and_host_is_understood() -> None:
    async def check() -> None:
        async with backend(mirror) as where, gateway(Backend("b", 1, (where,))) as gw:
            host, port = gw.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET http://a.local/v1?x=1 HTTP/1.1\r\nHost: a.local\r\nConnection: close\r\n\r\n")
            answer = (await reader.read()).decode()
            writer.close()
            await writer.wait_closed()
            assert answer.startswith("HTTP/1.1 200")
            assert '"path": "/v1?x=1"' in answer

    run(check)


def test_sockets_follow_what_is_wanted() -> None:
    async def check() -> None:
        sockets = Sockets(lambda address: None)
        first, second = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        assert await sockets.sync([first, second]) == {}
        assert await sockets.sync([second]) == {}
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(first)
            other.listen()
            failures = await sockets.sync([first, second])
            assert "in use by another program" in failures[first]
            assert second not in failures
        assert await sockets.sync([first]) == {}
        await sockets.close()

    run(check)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "ss -ltnp 'sport = :80'"),
        (errno.EACCES, "net.ipv4.ip_unprivileged_port_start=80"),
        (errno.EADDRNOTAVAIL, "add it to the loopback interface"),
        (errno.ENOBUFS, "cannot be used"),
    ],
)
def test_what_is_wrong_with_an_address(number: int, words: str) -> None:
    assert words in explain(("127.0.0.1", 80), OSError(number, "text"))
