# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the demo: keys, answers and counts, and what a person is told."""

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

GATEWAY: dict[str, Any] = {
    "metadata": {"name": "maas"},
    "spec": {"listeners": [{"name": "http", "port": 8000}]},
    "status": {"addresses": [{"value": "127.0.0.1"}]},
}
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
ANSWER = {"choices": [{"message": {"content": "Little."}}], "usage": USAGE}
METRICS = """\
# TYPE authorized_hits counter
authorized_hits{limitador_namespace="m/simulator",user="carol",tier="premium",model="simulator"} 9
authorized_hits{model="simulator",limitador_namespace="m/other",user="carol"} 1
authorized_hits{limitador_namespace="m/simulator",user="carol",tier="premium"} 4
limited_calls{limitador_namespace="m/simulator",user="carol",model="simulator"} 7
"""


class Gateway(BaseHTTPRequestHandler):
    """Answers for one hostname and one key, and tells what it counted."""

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/limitador/metrics" else 404, METRICS)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["model"] == "simulator"
        known = self.headers["Host"].startswith("simulator.maas.local:")
        admitted = self.headers["Authorization"] == "Bearer the-key"
        self.answer(200 if known and admitted else 401, json.dumps(ANSWER if admitted else {"error": "no key"}))

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def home(tmp_path: Path, port: int) -> Home:
    home = Home("default", tmp_path)
    home.gateway_url.parent.mkdir(parents=True, exist_ok=True)
    home.gateway_url.write_text(f"http://127.0.0.1:{port}\n")
    return home


def objects(*gateways: dict[str, Any]) -> Any:
    class Objects:
        def list_cluster_custom_object(self, *_: str) -> dict[str, Any]:
            return {"items": list(gateways)}

    return Objects


def test_every_model_is_found_behind_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.client, "CustomObjectsApi", objects(GATEWAY))
    assert demo.find_endpoints() == [demo.Endpoint(model, "127.0.0.1", 8000) for model in ("simulator", "echo")]


@pytest.mark.parametrize("gateways", [(), ({**GATEWAY, "status": {}},), ({**GATEWAY, "metadata": {"name": "other"}},)])
def test_a_gateway_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, gateways: Any) -> None:
    monkeypatch.setattr(demo.client, "CustomObjectsApi", objects(*gateways))
    with pytest.raises(demo.DemoError, match="Gateway maas"):
        demo.find_endpoints()


def test_a_refusal_is_quoted(port: int) -> None:
    with pytest.raises(demo.DemoError, match=r"gave 401: .*no key"):
        demo.Endpoint("simulator", "127.0.0.1", port).chat("another-key")


def test_silence_is_named() -> None:
    with pytest.raises(demo.DemoError, match=r"does not answer at 127\.0\.0\.2:1:"):
        demo.Endpoint("simulator", "127.0.0.2", 1).chat("the-key")


def test_keys_are_read_from_the_file_that_the_playbook_wrote(home: Home) -> None:
    line = {"user": "carol", "team": "research", "key": "default", "value": "the-key"}
    demo.keys_file(home).write_text(json.dumps(line) + "\n")
    assert demo.read_keys(home) == {"carol": "the-key"}


def test_tokens_are_those_of_counts_with_a_model(home: Home) -> None:
    assert demo.counted(home) == {("carol", "simulator"): 10}


def test_what_was_received_is_compared_with_what_was_counted_since(home: Home) -> None:
    before = {("carol", "simulator"): 1}
    assert demo.compare({("carol", "simulator"): 9}, before, home)[-1].split() == ["carol", "simulator", "9", "9"]
    with pytest.raises(demo.DemoError, match="Not counted as received"):
        demo.compare({("carol", "simulator"): 8}, before, home)


def test_the_report_shows_the_answer_and_the_way_by_hand(home: Home, port: int) -> None:
    endpoint = demo.Endpoint("simulator", "127.0.0.1", port)
    text = demo.report(endpoint, endpoint.chat("the-key"), ["a table"], home)
    assert '"content": "Little."' in text
    assert "The model `simulator` answered through the gateway: 7 tokens in, 2 out." in text
    assert f"curl --resolve simulator.maas.local:{port}:127.0.0.1 http://simulator.maas.local:{port}/v1/chat" in text
    assert f"KUBECONFIG={home.kubeconfig}" in text
    assert "the-key" not in text
