# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of the stand-in gateway: filters, choice of a backend, and stages put into the chain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from multidict import CIMultiDict

from sandbox.gateway.backends import Backend
from sandbox.gateway.forward import end_to_end
from sandbox.gateway.rules import HeaderEdit, Match, Rule
from sandbox.gateway.stages import Answer, Exchange, Proceed
from sandbox.gateway.world import Problem
from tests.unit.sandbox.gateway_under_test import backend, free_port, gateway, mirror, run, ticks


def test_weights_and_broken_backends() -> None:
    async def check() -> None:
        async with backend(mirror) as where:
            good, bad = Backend("g", 3, (where,)), Backend("b", 1, problem=Problem("BackendNotFound", ""))
            async with gateway(good, bad, Backend("never", 0, ("127.0.0.1:1",))) as gw:
                count = Counter([(await gw.ask())[0] for _ in range(200)])
            assert set(count) == {200, 500}
            assert 30 <= count[500] <= 70
            async with gateway(Backend("g", 0, (where,))) as gw:
                assert (await gw.ask())[0] == 500
            async with gateway() as gw:
                assert (await gw.ask())[0] == 500

    run(check)


def test_another_endpoint_is_tried_when_one_refuses_the_connection() -> None:
    async def check() -> None:
        async with backend(mirror) as where, gateway(Backend("b", 1, (f"127.0.0.1:{free_port()}", where))) as gw:
            for _ in range(10):
                status, text, _ = await gw.ask("POST", data=b"whole")
                assert status == 200
                assert '"body": "whole"' in text

    run(check)


def test_filters() -> None:
    rule = {
        "matches": [{"path": {"value": "/old"}}],
        "filters": [
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {
                    "set": [{"name": "X-Set", "value": "1"}],
                    "add": [{"name": "X-Add", "value": "2"}],
                    "remove": ["authorization"],
                },
            },
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["X-Backend"]}},
            {
                "type": "URLRewrite",
                "urlRewrite": {
                    "hostname": "b.local",
                    "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"},
                },
            },
        ],
    }

    async def check() -> None:
        async with backend(mirror) as where, gateway(Backend("b", 1, (where,)), rule=rule) as gw:
            status, text, headers = await gw.ask(path="/old/x?q=1", headers={"Authorization": "k", "X-Set": "0"})
            assert status == 200
            for part in ('"path": "/new/x?q=1"', '"host": "b.local"', '"x-set": "1"', '"x-add": "2"'):
                assert part in text
            assert "authorization" not in text
            assert "X-Backend" not in headers
            assert (await gw.ask(path="/oldest"))[0] == 404

    run(check)


def test_redirects() -> None:
    async def check() -> None:
        redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        async with gateway(rule={"filters": [redirect]}) as gw:
            status, text, headers = await gw.ask(path="/a?b=c", headers={"Host": "a.local:8000"})
            assert (status, text, headers["Location"]) == (301, "", "https://a.local/a?b=c")

    run(check)


def test_a_stage_may_answer_early_change_the_request_and_follow_a_stream() -> None:
    events: list[str] = []

    async def police(exchange: Exchange, proceed: Proceed) -> Answer:
        assert exchange.target is not None
        assert exchange.target.route == ("models", "r")
        if exchange.headers.get("Authorization") != "APIKEY good":
            return Answer(401, CIMultiDict({"WWW-Authenticate": "APIKEY"}), b'{"error": 1}')
        exchange.headers["X-User"] = "alice"
        answer = await proceed(exchange)
        assert not isinstance(answer.body, bytes)
        answer.body = watch(answer.body)
        return answer

    async def watch(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        outcome = "aborted"
        try:
            async for block in body:
                events.append(block.decode().strip())
                yield block
            outcome = "whole"
        finally:
            events.append(outcome)

    async def check() -> None:
        async with backend(ticks) as where, gateway(Backend("b", 1, (where,)), extra=[police]) as gw:
            status, text, headers = await gw.ask("POST", data=b"x" * 100_000, headers={"Expect": "100-continue"})
            assert (status, text, headers["WWW-Authenticate"]) == (401, '{"error": 1}', "APIKEY")
            await gw.ask(headers={"Authorization": "APIKEY good"})
            assert events == ["data: 0", "data: 1", "data: 2", "whole"]
            events.clear()
            request = gw.session.get(gw.url, headers={"Host": "a.local", "Authorization": "APIKEY good"})
            async with request as answer:
                await answer.content.readany()
                answer.close()
            while "aborted" not in events:
                await asyncio.sleep(0.01)
            assert "whole" not in events
        async with backend(mirror) as where, gateway(Backend("b", 1, (where,)), extra=[police]) as gw:
            _, text, _ = await gw.ask(headers={"Authorization": "APIKEY good"})
            assert '"x-user": "alice"' in text

    run(check)


def test_a_stage_that_fails_is_an_error_500_and_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    async def clumsy(exchange: Exchange, proceed: Proceed) -> Answer:
        raise KeyError("oops")

    async def check() -> None:
        async with gateway(extra=[clumsy]) as gw:
            assert (await gw.ask())[0] == 500
            assert (await gw.ask())[0] == 500

    run(check)
    assert "GET a.local/ failed" in caplog.text


def test_hop_by_hop_headers_are_dropped() -> None:
    headers = CIMultiDict({"connection": "close, X-Mine", "X-mine": "1", "upgrade": "h2c", "Set-Cookie": "a"})
    headers.add("Set-Cookie", "b")
    assert list(end_to_end(headers).items()) == [("Set-Cookie", "a"), ("Set-Cookie", "b")]


def test_edits_of_headers() -> None:
    headers = CIMultiDict([("A", "1"), ("a", "2"), ("B", "3")])
    HeaderEdit(set=(("a", "9"),), add=(("b", "4"),), remove=("c",)).apply(headers)
    assert sorted((name.lower(), value) for name, value in headers.items()) == [("a", "9"), ("b", "3"), ("b", "4")]
    assert Rule().matches == (Match(),)
