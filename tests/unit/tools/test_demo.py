# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the demo: from a hostname to its gateway, and what a person is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sandbox.paths import Home
from tools import demo

ROUTE: dict[str, Any] = {
    "metadata": {"name": "simulator", "namespace": "models"},
    "spec": {
        "hostnames": ["simulator.maas.local"],
        "parentRefs": [{"name": "maas", "namespace": "edge", "sectionName": "plain"}],
    },
}
GATEWAY: dict[str, Any] = {
    "spec": {"listeners": [{"name": "other", "port": 9000}, {"name": "plain", "port": 8000}]},
    "status": {"addresses": [{"value": "127.0.0.1"}]},
}
ANSWER = {"choices": [{"message": {"content": "Little."}}], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


class Objects:
    """An API server with one route and one gateway."""

    def __init__(self, gateway: dict[str, Any]) -> None:
        self.gateway = gateway

    def list_cluster_custom_object(self, *_: str) -> dict[str, Any]:
        return {"items": [ROUTE]}

    def get_namespaced_custom_object(self, *where: str) -> dict[str, Any]:
        assert where[2:] == ("edge", "gateways", "maas")
        return self.gateway


class Model(BaseHTTPRequestHandler):
    """Answers for one hostname, as a gateway does."""

    def do_GET(self) -> None:
        self.answer({"data": [{"id": "small"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["model"] == "small"
        self.answer(ANSWER)

    def answer(self, body: dict[str, Any]) -> None:
        known = self.headers["Host"].startswith("simulator.maas.local:")
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(body if known else {"error": "no route"}).encode())

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_hostname_leads_to_the_listener_of_its_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.client, "CustomObjectsApi", lambda: Objects(GATEWAY))
    assert demo.find_endpoint("simulator.maas.local") == demo.Endpoint("simulator.maas.local", "127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("hostname", "gateway", "message"),
    [
        ("other.maas.local", GATEWAY, r"No HTTPRoute .* other\.maas\.local"),
        ("simulator.maas.local", {"spec": GATEWAY["spec"]}, "Gateway edge/maas has no address"),
    ],
)
def test_what_is_missing_on_the_way_is_named(
    monkeypatch: pytest.MonkeyPatch, hostname: str, gateway: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(demo.client, "CustomObjectsApi", lambda: Objects(gateway))
    with pytest.raises(demo.DemoError, match=message):
        demo.find_endpoint(hostname)


def test_the_report_shows_the_answer_and_the_way_by_hand(port: int) -> None:
    endpoint = demo.Endpoint("simulator.maas.local", "127.0.0.1", port)
    text = demo.report(endpoint, *demo.chat(endpoint), Home("default", Path("/state")))
    assert '"content": "Little."' in text
    assert "The model `small` answered through the gateway: 7 tokens in, 2 out." in text
    assert f"curl --resolve simulator.maas.local:{port}:127.0.0.1 http://simulator.maas.local:{port}/v1/chat" in text
    assert "KUBECONFIG=/state/kubeconfig" in text


def test_a_refusal_is_quoted(port: int) -> None:
    with pytest.raises(demo.DemoError, match=r"gave 404: .*no route"):
        demo.chat(demo.Endpoint("unknown.maas.local", "127.0.0.1", port))


def test_silence_is_named(port: int) -> None:
    with pytest.raises(demo.DemoError, match=r"does not answer at 127\.0\.0\.2:1:"):
        demo.chat(demo.Endpoint("simulator.maas.local", "127.0.0.2", 1))
