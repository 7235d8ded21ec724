# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests through a gateway, and what is said of the answers; the gateway is a small server of the test's own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.probe import (
    Answer,
    Check,
    ask,
    ask_until_right,
    host_header,
    judge,
    model_checks,
)
from tests.unit.plugins.server import Reply, Request, Server, serving

LISTED = {"object": "list", "data": [{"id": "tiny", "object": "model"}]}
COMPLETED = {"choices": [{"message": {"role": "assistant", "content": "Yes."}}], "usage": {"total_tokens": 5}}


def platform(*models: dict[str, Any]) -> Platform:
    return read_platform({"domain": "maas.local", "models": [{"server": "simulator", **model} for model in models]})


def gateway(request: Request) -> Reply:
    """Answer as a gateway with the one model ``tiny``."""
    if request.headers["host"].partition(":")[0] != "tiny.maas.local":
        return Reply(404, b"")
    return Reply(200, COMPLETED if request.method == "POST" else LISTED)


class TestModelChecks:
    """What follows from the inventory."""

    def test_every_model_is_asked_and_a_name_that_none_has(self) -> None:
        checks = model_checks(platform({"name": "tiny"}, {"name": "big", "subdomain": "large"}), chat=False)

        assert [(check.host, check.status) for check in checks] == [
            ("tiny.maas.local", 200),
            ("large.maas.local", 200),
            ("no-such-model.maas.local", 404),
        ]

    def test_a_name_that_no_model_has_is_found_whatever_models_are_called(self) -> None:
        checks = model_checks(platform({"name": "no-such-model"}), chat=False)

        assert checks[-1].host == "no-such-model-either.maas.local"

    def test_without_models_it_is_still_shown_that_other_names_are_refused(self) -> None:
        assert [check.status for check in model_checks(platform(), chat=True)] == [404]

    def test_a_chat_asks_for_one_token_of_the_model_by_its_id(self) -> None:
        _listing, chat, _refusal = model_checks(platform({"name": "tiny", "model_id": "Qwen/Qwen3-0.6B"}), chat=True)

        assert (chat.method, chat.path) == ("POST", "/v1/chat/completions")
        assert chat.body is not None
        assert (chat.body["model"], chat.body["max_tokens"]) == ("Qwen/Qwen3-0.6B", 1)

    def test_all_checks_hold_for_a_gateway_that_is_right(self, server: Server) -> None:
        server.answer = gateway
        answers = [
            ask(check, "127.0.0.1", server.port) for check in model_checks(platform({"name": "tiny"}), chat=True)
        ]

        assert [(answer.ok, answer.said) for answer in answers] == [
            (True, "answered 200"),
            (True, "answered 200"),
            (True, "answered 404"),
        ]

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda _request: Reply(200, LISTED),
            lambda _request: Reply(404, b""),
            lambda request: Reply(gateway(request).status, {"data": [{"id": "another"}], "choices": []}),
            lambda request: Reply(gateway(request).status, b"<html>Hello</html>"),
        ],
        ids=["every-name-answers", "no-name-answers", "another-model-answers", "something-else-answers"],
    )
    def test_some_check_fails_for_a_gateway_that_is_wrong(self, server: Server, wrong: Any) -> None:
        server.answer = wrong
        answers = [
            ask(check, "127.0.0.1", server.port) for check in model_checks(platform({"name": "tiny"}), chat=True)
        ]

        assert not all(answer.ok for answer in answers)


class TestAsk:
    """One request."""

    def test_it_goes_to_the_address_under_the_name_of_the_host(self, server: Server) -> None:
        headers = (("X-Trace", "7"),)
        ask(Check("all of it", "tiny.maas.local", "/v1/x?y=z", "PUT", headers, {"a": 1}), "127.0.0.1", server.port)

        (request,) = server.requests
        assert (request.method, request.target, request.json) == ("PUT", "/v1/x?y=z", {"a": 1})
        assert request.headers["host"] == f"tiny.maas.local:{server.port}"
        assert request.headers["x-trace"] == "7"
        assert request.headers["content-type"] == "application/json"

    def test_a_host_can_be_written_in_capitals(self, server: Server) -> None:
        ask(Check("capitals", "TINY.MAAS.LOCAL"), "127.0.0.1", server.port)

        assert server.requests[0].headers["host"] == f"TINY.MAAS.LOCAL:{server.port}"

    def test_the_standard_port_is_not_named(self) -> None:
        assert host_header("tiny.maas.local", 80) == "tiny.maas.local"
        assert host_header("tiny.maas.local", 8000) == "tiny.maas.local:8000"

    def test_nobody_there_is_an_answer_with_status_zero(self, closed_port: int) -> None:
        answer = ask(Check("anybody", "tiny.maas.local"), "127.0.0.1", closed_port)

        assert (answer.status, answer.ok) == (0, False)
        assert answer.said.startswith(f"no answer from 127.0.0.1:{closed_port}: ")

    def test_a_header_that_cannot_be_sent_is_told(self, server: Server) -> None:
        answer = ask(
            Check("split", "tiny.maas.local", headers=(("X-Trace", "7\nX-More: 8"),)), "127.0.0.1", server.port
        )

        assert (answer.status, answer.ok) == (0, False)
        assert "Invalid header value" in answer.said
        assert server.requests == []

    def test_a_redirect_is_an_answer_and_not_followed(self, server: Server) -> None:
        with serving() as elsewhere:
            server.answer = lambda _request: Reply(307, b"", {"Location": elsewhere.url})
            answer = ask(Check("redirect", "tiny.maas.local"), "127.0.0.1", server.port)

            assert (answer.status, answer.said) == (307, "answered 307 instead of 200")
            assert elsewhere.requests == []


class TestJudge:
    """Status and body against what the check asks for."""

    def judged(self, check: Check, status: int, data: bytes) -> Answer:
        return judge(check, status, data, 0.1)

    def test_another_status_is_told_with_the_beginning_of_the_body(self) -> None:
        answer = self.judged(Check("it", "h"), 503, b" no healthy upstream " + b"x" * 300)

        assert not answer.ok
        assert answer.said == "answered 503 instead of 200: " + "no healthy upstream " + "x" * 180

    def test_the_wanted_refusal_is_right(self) -> None:
        assert self.judged(Check("it", "h", status=404), 404, b"").ok

    def test_a_body_that_does_not_hold_is_told_with_the_expression(self) -> None:
        answer = self.judged(Check("it", "h", holds="data[0].id == 'tiny'"), 200, b'{"data": []}')

        assert not answer.ok
        assert answer.said == "the body is not as it should be (data[0].id == 'tiny'): {\"data\": []}"

    def test_a_body_that_holds_is_handed_on(self) -> None:
        answer = self.judged(Check("it", "h", holds="data[0].id"), 200, b'{"data": [{"id": "tiny"}]}')

        assert answer.ok
        assert answer.body == {"data": [{"id": "tiny"}]}

    @pytest.mark.parametrize("data", [b"", b"plain", b"\xff\xfe"])
    def test_a_body_that_is_no_json_holds_nothing(self, data: bytes) -> None:
        answer = self.judged(Check("it", "h", holds="data"), 200, data)

        assert (answer.ok, answer.body) == (False, None)

    @pytest.mark.parametrize("expression", ["data[", "length(data)", "no_such_function(data)", "'"])
    def test_an_expression_that_cannot_be_tried_is_told(self, expression: str) -> None:
        answer = self.judged(Check("it", "h", holds=expression), 200, b"{}")

        assert not answer.ok
        assert answer.said.startswith(f"{expression} cannot be tried on the body: ")


class TestUntilRight:
    """A gateway needs a moment; but not for ever."""

    def test_a_wrong_answer_is_asked_for_again_until_it_is_right(self, server: Server) -> None:
        server.answer = lambda _request: Reply(503 if len(server.requests) < 3 else 200)
        (answer,) = ask_until_right([Check("it", "h")], "127.0.0.1", server.port, patience=10)

        assert answer.ok
        assert len(server.requests) == 3

    def test_all_checks_share_the_patience_and_each_is_asked_at_least_once(self, server: Server) -> None:
        server.answers({}, 503)
        begin = time.monotonic()
        answers = ask_until_right([Check("a", "a"), Check("b", "b")], "127.0.0.1", server.port, patience=0.5)

        assert [(answer.check.name, answer.ok) for answer in answers] == [("a", False), ("b", False)]
        assert time.monotonic() - begin < 2

    def test_a_right_answer_is_asked_for_once(self, server: Server) -> None:
        ask_until_right([Check("a", "a"), Check("b", "b")], "127.0.0.1", server.port, patience=10)

        assert len(server.requests) == 2
