# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests through a gateway; the gateway is a small server of the test's own."""

from __future__ import annotations

import time

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import Check
from ansible_collections.maas_billing.platform.plugins.module_utils.probe import ask, ask_until_right, ask_when_known
from tests.unit.plugins.server import Reply, Server, serving


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


class TestWhenKnown:
    """A gateway needs a moment to know a new key."""

    def test_it_asks_again_while_the_key_is_unknown(self, server: Server) -> None:
        server.answer = lambda _request: Reply(401 if len(server.requests) < 3 else 200)

        assert ask_when_known(Check("it", "h"), "127.0.0.1", server.port, patience=10).ok
        assert len(server.requests) == 3

    def test_a_request_that_a_restarted_limiter_lost_is_sent_once_more(self, server: Server) -> None:
        server.answer = lambda _request: Reply(500 if len(server.requests) < 2 else 200)

        assert ask_when_known(Check("it", "h"), "127.0.0.1", server.port, patience=10).ok
        assert len(server.requests) == 2

    def test_a_service_that_stays_down_is_told(self, server: Server) -> None:
        server.answers({}, 500)

        assert ask_when_known(Check("it", "h"), "127.0.0.1", server.port, patience=10).status == 500
        assert len(server.requests) == 2

    @pytest.mark.parametrize("status", [200, 403, 404, 429, 503])
    def test_any_other_answer_counts_as_it_is(self, server: Server, status: int) -> None:
        server.answers({}, status)

        assert ask_when_known(Check("it", "h"), "127.0.0.1", server.port, patience=10).status == status
        assert len(server.requests) == 1

    def test_a_refusal_that_is_wanted_is_right_at_once(self, server: Server) -> None:
        server.answers({}, 401)

        assert ask_when_known(Check("it", "h", status=401), "127.0.0.1", server.port, patience=10).ok
        assert len(server.requests) == 1

    def test_its_patience_ends(self, server: Server) -> None:
        server.answers({}, 401)
        begin = time.monotonic()

        assert not ask_when_known(Check("it", "h"), "127.0.0.1", server.port, patience=0.5).ok
        assert time.monotonic() - begin < 2
