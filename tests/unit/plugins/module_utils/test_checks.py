# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a gateway, and what is said of its answers; the gateway is a small server of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import (
    Answer,
    Check,
    cause,
    chat,
    closed_checks,
    host_header,
    judge,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.probe import ask
from tests.unit.plugins.server import Reply, Request, Server

COMPLETED = {"choices": [{"message": {"role": "assistant", "content": "Yes."}}], "usage": {"total_tokens": 5}}


def platform(*models: dict[str, Any]) -> Platform:
    same = {"server": "simulator", "allow_unmetered_streams": True}
    return read_platform({"domain": "maas.local", "models": [{**same, **model} for model in models]})


TINY = platform({"name": "tiny", "model_id": "Qwen/Qwen3-0.6B"})


def gateway(request: Request) -> Reply:
    """Answer as a gateway with the one model ``tiny`` and the one key ``abc``."""
    if request.headers["host"].partition(":")[0] != "tiny.maas.local":
        return Reply(404, b"")
    if request.headers.get("authorization") != "Bearer abc":
        return Reply(401, {"error": {"code": "invalid_api_key"}})
    return Reply(200, COMPLETED)


def answers(checks: list[Check], server: Server) -> list[Answer]:
    return [ask(check, "127.0.0.1", server.port) for check in checks]


class TestClosedChecks:
    """Nobody reaches a model without a key."""

    def test_every_model_is_asked_and_a_name_that_none_has(self) -> None:
        checks = closed_checks(platform({"name": "tiny"}, {"name": "big", "subdomain": "large"}))

        assert [(check.host, check.status) for check in checks] == [
            ("tiny.maas.local", 401),
            ("large.maas.local", 401),
            ("no-such-model.maas.local", 404),
        ]
        assert not any(check.headers for check in checks)

    def test_a_name_that_no_model_has_is_found_whatever_models_are_called(self) -> None:
        checks = closed_checks(platform({"name": "no-such-model"}, {"name": "no-such-model-0"}))

        assert checks[-1].host == "no-such-model-1.maas.local"

    def test_without_models_it_is_still_shown_that_other_names_are_refused(self) -> None:
        assert [check.status for check in closed_checks(platform())] == [404]

    def test_they_hold_for_a_gateway_that_is_right(self, server: Server) -> None:
        server.answer = gateway

        assert [(answer.ok, answer.said) for answer in answers(closed_checks(TINY), server)] == [
            (True, "answered 401"),
            (True, "answered 404"),
        ]

    @pytest.mark.parametrize(
        ("wrong", "failed"),
        [
            (lambda _request: Reply(200, COMPLETED), {401, 404}),
            (lambda request: Reply(200, COMPLETED) if gateway(request).status == 401 else gateway(request), {401}),
            (lambda _request: Reply(401), {404}),
            (lambda _request: Reply(404), {401}),
            (lambda _request: Reply(500), {401, 404}),
        ],
        ids=["everybody-admitted", "model-open", "every-name-known", "no-name-known", "broken"],
    )
    def test_the_right_one_fails_for_a_gateway_that_is_wrong(
        self, server: Server, wrong: Any, failed: set[int]
    ) -> None:
        server.answer = wrong

        assert {item.check.status for item in answers(closed_checks(TINY), server) if not item.ok} == failed


class TestChat:
    """A completion, with a key or without."""

    def check(self, authorization: str | None = "Bearer abc", status: int = 200) -> Check:
        return chat("a chat", "tiny.maas.local", TINY.models[0], authorization, status)

    def test_it_asks_for_one_token_of_the_model_by_its_id(self) -> None:
        check = self.check()

        assert (check.method, check.path) == ("POST", "/v1/chat/completions")
        assert check.body is not None
        assert (check.body["model"], check.body["max_tokens"]) == ("Qwen/Qwen3-0.6B", 1)
        assert check.headers == (("Authorization", "Bearer abc"),)

    def test_without_a_key_it_sends_no_header(self) -> None:
        assert self.check(None, 401).headers == ()

    @pytest.mark.parametrize(("authorization", "status"), [("Bearer abc", 200), ("Bearer x", 401), (None, 401)])
    def test_it_holds_for_a_gateway_that_is_right(self, server: Server, authorization: Any, status: int) -> None:
        server.answer = gateway
        (answer,) = answers([self.check(authorization, status)], server)

        assert answer.ok

    @pytest.mark.parametrize(
        "body",
        [{}, {"choices": []}, {**COMPLETED, "usage": None}, {**COMPLETED, "usage": {"total_tokens": 0}}, b"<html>"],
    )
    def test_an_answer_that_is_no_completion_or_costs_nothing_is_wrong(self, server: Server, body: Any) -> None:
        server.answers(body)
        (answer,) = answers([self.check()], server)

        assert (answer.status, answer.ok) == (200, False)


class TestCause:
    """What a wrong status usually means."""

    @pytest.mark.parametrize(
        ("wanted", "came", "word"),
        [
            (401, 200, "AuthPolicy"),
            (403, 200, "AuthPolicy"),
            (429, 200, "limiter"),
            (200, 401, "Secret"),
            (200, 403, "tier"),
            (200, 404, "HTTPRoute"),
            (200, 429, "limit is used up"),
            (200, 503, "pod"),
            (200, 500, "Authorino"),
            (401, 500, "Authorino"),
            (200, 0, "address"),
        ],
    )
    def test_it_names_what_to_look_at(self, wanted: int, came: int, word: str) -> None:
        assert word in cause(wanted, came)

    def test_it_is_empty_where_nobody_knows(self) -> None:
        assert cause(200, 418) == ""

    def test_an_answer_tells_it(self) -> None:
        answer = judge(Check("it", "h", status=401), 200, b"", 0.1)

        assert answer.said == f"answered 200 instead of 401; likely cause: {cause(401, 200)}"


class TestJudge:
    """Status and body against what the check asks for."""

    def judged(self, check: Check, status: int, data: bytes) -> Answer:
        return judge(check, status, data, 0.1)

    def test_another_status_is_told_with_the_beginning_of_the_body(self) -> None:
        answer = self.judged(Check("it", "h"), 503, b" no healthy upstream " + b"x" * 300)

        assert not answer.ok
        beginning = "no healthy upstream " + "x" * 180
        assert answer.said == f"answered 503 instead of 200: {beginning}; likely cause: {cause(200, 503)}"

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


def test_the_standard_port_is_not_named() -> None:
    assert host_header("tiny.maas.local", 80) == "tiny.maas.local"
    assert host_header("tiny.maas.local", 8000) == "tiny.maas.local:8000"
