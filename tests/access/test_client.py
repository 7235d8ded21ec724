# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The endpoint as applications use it: throttled at the boundary, waited for, counted; the key goes no further."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from sandbox.workload import ENDPOINT
from tests.access.clients import Clients
from tests.access.deployment import Object, Site
from tests.sandboxes import delivered

MODEL = "simulator"
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What does it cost to answer this?"}]
WINDOW_SECONDS = 5
_PODS = "/api/v1/namespaces/maas-models/pods"


def application(clients: Clients, key: str, retries: int = 0) -> openai.OpenAI:
    """The official client, pointed to the gateway."""
    host = {"Host": clients.host(MODEL)}
    return openai.OpenAI(base_url=clients.url, api_key=key, default_headers=host, max_retries=retries)


# -- The published request test ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "calls", "admitted"), [("alice", 7, 5), ("carol", 22, 20)], ids=["free", "premium"])
def test_calls_beyond_the_boundary_of_a_tier_are_throttled(
    site: Site, clients: Clients, user: str, calls: int, admitted: int
) -> None:
    statuses = clients.statuses(calls, delivered(site.home)[user])
    assert statuses == [200] * admitted + [429] * (calls - admitted)


# -- An application that waits ----------------------------------------------------------------------------------------


@pytest.fixture
def hasty_tier(site: Site, intent: Object) -> Iterator[str]:
    """The key of a user whose tier forgets soon: three requests in five seconds."""
    wanted = copy.deepcopy(intent)
    wanted["tiers"].append({"name": "hasty", "requests": [{"limit": 3, "window": "5s"}], "unlimited": True})
    wanted["teams"].append({"name": "robots", "tier": "hasty"})
    wanted["users"].append({"name": "robot", "team": "robots"})
    site.apply(wanted)
    yield delivered(site.home)["robot"]
    site.apply(intent)


def test_an_application_that_retries_on_429_gets_all_its_answers(clients: Clients, hasty_tier: str) -> None:
    seen: Counter[int] = Counter()
    client = application(clients, hasty_tier, retries=6)
    client._client.event_hooks["response"].append(lambda response: seen.update([response.status_code]))
    begin = time.monotonic()
    answers = [client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=4) for _ in range(5)]
    seconds = time.monotonic() - begin
    assert all(answer.usage and answer.usage.total_tokens for answer in answers)
    assert seen[200] == 5
    assert seen[429] >= 1
    assert set(seen) == {200, 429}
    # The fourth request had to wait for the end of the window, and not for much longer.
    assert WINDOW_SECONDS - 1 < seconds < 3 * WINDOW_SECONDS


def test_an_application_that_does_not_wait_is_told_so(clients: Clients, site: Site) -> None:
    clients.statuses(5, delivered(site.home)["alice"])
    client = application(clients, delivered(site.home)["alice"])
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=4)


# -- What is counted --------------------------------------------------------------------------------------------------


def test_counted_tokens_are_those_that_the_client_received(clients: Clients, site: Site) -> None:
    """Whole answers and streams alike, by user and model."""
    before = site.counted()
    client = application(clients, delivered(site.home)["dave"])
    received = 0
    for tokens in (1, 20):
        answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=tokens)
        assert answer.usage is not None
        received += answer.usage.total_tokens
    stream = client.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=30, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert len(chunks) > 3
    assert chunks[-1].usage is not None
    received += chunks[-1].usage.total_tokens
    after = site.counted()
    grown = {owner: count - before.get(owner, 0) for owner, count in after.items() if count != before.get(owner, 0)}
    assert grown == {("dave", MODEL): received, ("dave", ""): 3}


# -- What the model sees ----------------------------------------------------------------------------------------------


class _Mirror(BaseHTTPRequestHandler):
    """A model server that answers with the headers that it was sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {name.lower(): value for name, value in self.headers.items()}
        content = json.dumps({"model": MODEL, "usage": {"total_tokens": 1}, "seen": seen}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@contextmanager
def mirrored(site: Site) -> Iterator[None]:
    """Have a mirror stand for the simulator's Pod, behind its route as it is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    (pod,) = (pod for pod in site.read(_PODS)["items"] if pod["metadata"]["name"].startswith(f"{MODEL}-"))
    path, stood = f"{_PODS}/{pod['metadata']['name']}", pod["metadata"]["annotations"][ENDPOINT]
    site.edit(path, {"metadata": {"annotations": {ENDPOINT: f"127.0.0.1:{server.server_port}"}}})
    try:
        yield
    finally:
        site.edit(path, {"metadata": {"annotations": {ENDPOINT: stood}}})
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_model_sees_neither_the_key_nor_an_identity(clients: Clients, site: Site) -> None:
    key = delivered(site.home)["dave"]
    forged = {"X-Maas-User": "eve", "x-maas-team": "research", "X-MAAS-Tier": "enterprise", "X-Kept": "yes"}

    def seen() -> Object:
        body: Object = clients.ask(key, **forged).body
        return body.get("seen") or {}

    with mirrored(site):
        site.cluster.wait_for(seen, "the mirror answers", 5)
        headers = seen()
    assert headers["x-kept"] == "yes"
    assert "authorization" not in headers
    assert not [name for name in headers if name.startswith("x-maas-")]
    assert key not in json.dumps(headers)
    site.cluster.wait_for(lambda: not seen(), "the simulator answers again", 5)
