# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to an API server, one at a time and many at once."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster import api as api_module
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import (
    CONCURRENCY,
    Api,
    concurrently,
    together,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from tests.unit.plugins.server import Reply, Server, serving

NOTES = "/api/v1/namespaces/team/configmaps/notes"


def connect(url: str, headers: dict[str, str] | None = None, **options: Any) -> Api:
    return Api(configuration({"host": url, "api_key": "secret", **options}, {}), "tests", headers)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits long for a server that does not come back."""
    monkeypatch.setattr(api_module, "_OUTAGE_SECONDS", 0.2)
    monkeypatch.setattr(api_module, "_OUTAGE_PAUSE_SECONDS", 0.05)


@pytest.fixture
def api(server: Server) -> Api:
    return connect(server.url)


class TestConnection:
    """Ways there, and none."""

    def test_a_server_that_is_not_there_is_named(self, closed_port: int) -> None:
        with pytest.raises(ApiError) as caught:
            connect(f"http://127.0.0.1:{closed_port}").request("GET", "/version")

        assert caught.value.status == 0
        assert str(caught.value).startswith(f"The API server http://127.0.0.1:{closed_port} cannot be reached: [Errno ")
        assert "] Connection refused. See whether it runs, and whether maas_connection " in str(caught.value)
        assert str(caught.value).endswith("; then run again.")

    def test_a_name_that_nobody_knows_is_named(self) -> None:
        with pytest.raises(
            ApiError,
            match=r"^The API server https://nowhere\.invalid:6443 cannot be reached: (Failed to resolve|\[Errno )",
        ):
            connect("https://nowhere.invalid:6443").request("GET", "/version")

    def test_a_server_without_tls_is_told_from_one_that_is_not_there(self, server: Server) -> None:
        with pytest.raises(ApiError, match=r"cannot be reached: .*(SSL|TLS)"):
            connect(server.url.replace("http:", "https:")).request("GET", "/version")

    def test_no_connection_changes_the_tls_that_all_threads_share(self) -> None:
        context = connect("https://127.0.0.1:6443", validate_certs=False)._pool.connection_pool_kw["ssl_context"]
        sent = ssl.MemoryBIO()
        context.set_alpn_protocols(["other"])  # As urllib3 does for each, with the same protocols.
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()

        assert b"\x08http/1.1" in sent.read()

    def test_a_connection_that_breaks_is_a_failure(self, server: Server, api: Api) -> None:
        server.answer = lambda _request: Reply(200, b'{"kind"', cut=True)

        with pytest.raises(ApiError, match="cannot be reached"):
            api.request("GET", "/version")

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    def test_what_does_no_harm_twice_is_asked_again_when_the_connection_broke(
        self, server: Server, api: Api, method: str
    ) -> None:
        server.answer = lambda _request: Reply(200, {"ok": True}, cut=len(server.requests) < 3)

        assert api.request(method, NOTES) == {"ok": True}
        assert len(server.requests) == 3

    def test_what_could_be_done_twice_is_not(self, server: Server, api: Api) -> None:
        server.answer = lambda _request: Reply(200, {"ok": True}, cut=True)

        with pytest.raises(ApiError, match="cannot be reached"):
            api.request("POST", "/api/v1/namespaces/team/configmaps")
        assert len(server.requests) == 1

    def test_a_server_that_is_started_again_is_waited_for(self, closed_port: int) -> None:
        api = connect(f"http://127.0.0.1:{closed_port}")
        later = threading.Timer(0.1, lambda: stack.enter_context(serving(closed_port)))
        with ExitStack() as stack:
            later.start()
            assert api.request("POST", "/api/v1/namespaces") == {}
            later.join()

    def test_one_that_stayed_away_is_not_waited_for_again(self, closed_port: int) -> None:
        api = connect(f"http://127.0.0.1:{closed_port}")
        seconds = []
        for _request in range(2):
            begin = time.monotonic()
            with pytest.raises(ApiError, match="cannot be reached"):
                api.request("GET", "/version")
            seconds.append(time.monotonic() - begin)

        assert seconds[0] > 0.2
        assert seconds[1] < 0.15

    def test_a_request_that_always_breaks_ends_although_others_get_through(self, server: Server, api: Api) -> None:
        server.answer = lambda request: Reply(200, {"ok": True}, cut=request.path == NOTES)
        done = threading.Event()

        def others() -> None:
            while not done.is_set():
                api.request("GET", "/version")

        thread = threading.Thread(target=others)
        thread.start()
        begin = time.monotonic()
        try:
            with pytest.raises(ApiError, match="cannot be reached"):
                api.request("GET", NOTES)
        finally:
            done.set()
            thread.join()
        assert time.monotonic() - begin < 5

    def test_a_server_that_has_too_much_to_do_is_asked_again(self, server: Server, api: Api) -> None:
        busy = Reply(429, {"message": "too many requests"}, {"Retry-After": "0"})
        server.answer = lambda _request: busy if len(server.requests) < 3 else Reply(200, {"ok": True})

        assert api.request("GET", "/version") == {"ok": True}
        assert len(server.requests) == 3

    @pytest.mark.parametrize("code", [500, 503, 409])
    def test_no_other_refused_request_is_sent_twice(self, server: Server, api: Api, code: int) -> None:
        server.answers({"message": "no"}, code)

        with pytest.raises(ApiError, match="no"):
            api.request("PATCH", NOTES, body={})
        assert len(server.requests) == 1

    def test_a_proxy_is_used_and_given_what_it_asks_for(self, server: Server) -> None:
        options = {"proxy": server.url, "proxy_headers": {"proxy_basic_auth": "me:pass"}}
        connect("http://cluster.example:8080", **options).request("GET", "/version")

        (request,) = server.requests
        assert request.target == "http://cluster.example:8080/version"
        assert request.headers["proxy-authorization"] == "Basic bWU6cGFzcw=="

    @pytest.mark.parametrize("rules", ["127.0.0.1", "*", "example.org, 127.0.0.1"])
    def test_a_host_that_needs_no_proxy_is_asked_directly(self, server: Server, closed_port: int, rules: str) -> None:
        options = {"proxy": f"http://127.0.0.1:{closed_port}", "no_proxy": rules}
        connect(server.url, **options).request("GET", "/version")

        assert server.requests[0].target == "/version"

    @pytest.mark.parametrize("rules", ["", "example.org", "7.0.0.1", "27.0.0.1"])
    def test_any_other_is_asked_through_it(self, server: Server, closed_port: int, rules: str) -> None:
        options = {"proxy": f"http://127.0.0.1:{closed_port}", "no_proxy": rules}

        with pytest.raises(ApiError, match="cannot be reached"):
            connect(server.url, **options).request("GET", "/version")
        assert server.requests == []

    @pytest.mark.parametrize("rule", ["cluster.example", ".example", "example"])
    def test_a_domain_needs_no_proxy_with_all_that_is_below_it(self, server: Server, rule: str) -> None:
        options = {"proxy": server.url, "no_proxy": rule}

        with pytest.raises(ApiError):
            connect("http://cluster.example:1", **options).request("GET", "/version")
        assert server.requests == []


class TestConcurrently:
    """Side by side, but never too many, and results in order."""

    def test_results_come_in_the_order_of_the_items(self) -> None:
        assert concurrently(lambda number: (time.sleep((5 - number) / 200), number)[1], range(5)) == [0, 1, 2, 3, 4]

    def test_no_more_than_a_dozen_are_under_way(self) -> None:
        lock, now, most = threading.Lock(), 0, 0

        def work(_item: int) -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.005)
            with lock:
                now -= 1

        concurrently(work, range(40))
        assert 1 < most <= CONCURRENCY

    def test_the_first_failure_is_raised(self) -> None:
        with pytest.raises(ApiError, match="number 1"):
            concurrently(self.fail_on_odd, range(4))

    def fail_on_odd(self, number: int) -> int:
        if number % 2:
            raise ApiError(f"number {number}")
        return number

    @pytest.mark.parametrize("items", [[], [7]])
    def test_one_item_or_none_needs_no_threads(self, items: list[int]) -> None:
        assert concurrently(lambda _item: threading.current_thread(), items) == [threading.main_thread()] * len(items)

    def test_different_tasks_run_together(self) -> None:
        assert together(lambda: 1, lambda: "two") == [1, "two"]
