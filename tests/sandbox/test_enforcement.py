# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies on a real API server with hand-written objects, enforced by the stand-in gateway on real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sandbox import cli
from sandbox.kuadrant.faults import SWITCHES
from sandbox.paths import Home
from tests.sandbox import objects
from tests.sandbox.control_plane import ControlPlane, eventually, running
from tests.sandbox.stage import GatewayProcess, Response, address, ask, condition, gateway_process
from tests.unit.sandbox import kuadrant_objects as k

Object = dict[str, Any]
PARENT = {"name": "gw", "namespace": "maas"}
HOST = "qwen.maas.local"
POLICIES = [k.auth_policy(), k.request_policy(), k.token_policy(), k.telemetry(), k.lua_filter()]
KEYS = [k.key("alice", "free"), k.key("bob", "premium"), k.key("eve", "enterprise"), k.key("gus", "gold")]
_KINDS = {
    "kuadrant.io/v1": ("AuthPolicy", "RateLimitPolicy"),
    "kuadrant.io/v1alpha1": ("TokenRateLimitPolicy",),
    "kuadrant.io/v1beta1": ("Kuadrant",),
    "extensions.kuadrant.io/v1alpha1": ("TelemetryPolicy",),
    "operator.authorino.kuadrant.io/v1beta1": ("Authorino",),
    "limitador.kuadrant.io/v1alpha1": ("Limitador",),
    "networking.istio.io/v1alpha3": ("EnvoyFilter",),
    "extensions.istio.io/v1alpha1": ("WasmPlugin",),
    "security.istio.io/v1": ("PeerAuthentication",),
}


class _Model(BaseHTTPRequestHandler):
    """Answers with 30 tokens; at /stream with an event every 0.25 s."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/stream":
            self._stream()
            return
        seen = {name.lower(): value for name, value in self.headers.items()}
        content = json.dumps({"model": "served", "usage": {"total_tokens": 30}, "seen": seen}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        with contextlib.suppress(OSError):
            for event in ("{}", "{}", '{"model": "served", "usage": {"total_tokens": 7}}', "[DONE]"):
                self.wfile.write(f"data: {event}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.25)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@contextlib.contextmanager
def model() -> Iterator[str]:
    """A model server; yields host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def definition(api: str, kind: str) -> Object:
    """A CRD that takes everything: what is tested here is the gateway, not schemas."""
    group, _, version = api.partition("/")
    plural = f"{kind.lower().removesuffix('y')}ies" if kind.endswith("y") else f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [served | {"subresources": {"status": {}}}],
        },
    }


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with a Gateway, two models and all of Kuadrant."""
    with running(tmp_path_factory.mktemp("plane")) as plane, model() as endpoint:
        plane.install_gateway_api()
        for api, kinds in _KINDS.items():
            for kind in kinds:
                made = plane.create(definition(api, kind))
                path = f"/apis/{api}/{made['spec']['names']['plural']}"
                eventually(lambda path=path: plane.request("GET", path))
        for name in ("maas", "models", "kuadrant-system"):
            plane.create(objects.namespace(name))
        plane.create(objects.gateway_class())
        plane.create(objects.deployment("maas", "gw-istio"))
        plane.create(objects.gateway("maas", "gw", objects.listener(hostname="*.maas.local")))
        for name in ("qwen", "tiny"):
            service = objects.service("models", name)
            plane.create(service)
            plane.create(objects.endpoint_slice(service, f"{name}-1"))
            plane.create(objects.pod("models", f"{name}-1", endpoint))
            plane.create(objects.route("models", name, f"{name}.maas.local", parent=PARENT))
        for thing in k.kuadrant():
            plane.create(thing)
        yield plane


@pytest.fixture(scope="module")
def gateway(plane: ControlPlane) -> Iterator[GatewayProcess]:
    """The gateway, serving."""
    with gateway_process(plane) as gateway:
        eventually(lambda: _is(200, call()))
        yield gateway


@pytest.fixture
def enforced(plane: ControlPlane, gateway: GatewayProcess) -> Iterator[ControlPlane]:
    """The policies and keys of 20.5, in force; counters begin at 0."""
    for thing in (*KEYS, *POLICIES):
        plane.create(thing)
    for policy in POLICIES[:4]:
        eventually(lambda policy=policy: is_enforced(plane, policy))
    yield plane
    switch(gateway, "DELETE", "/faults")
    plane.delete(*POLICIES, *KEYS)
    eventually(lambda: _is(200, call()))
    assert '"on"' not in gateway.page("/faults")


def call(key: str = "", host: str = HOST, path: str = "/", **headers: str) -> Response:
    """Ask a model."""
    if key:
        headers.setdefault("Authorization", f"APIKEY {key}")
    return ask(address(), host, path, "POST", b"{}", **headers)


def statuses(count: int, key: str = "", host: str = HOST) -> dict[int, int]:
    """Ask several times and count the answers by their status."""
    return dict(Counter(call(key, host).status for _ in range(count)))


def is_enforced(plane: ControlPlane, policy: Object) -> bool:
    """Tell whether the status of a policy is about its present generation and says so."""
    live = plane.get(policy)
    assert live["status"]["observedGeneration"] == live["metadata"]["generation"]
    return bool(condition(live["status"]["conditions"], "Enforced")["status"] == "True")


def _is(status: int, answer: Response) -> bool:
    assert answer.status == status, answer
    return True


def switch(gateway: GatewayProcess, method: str, path: str) -> Response:
    """Use the switches on the admin port."""
    return ask(gateway.url.removeprefix("http://"), "admin", path, method)


def series(gateway: GatewayProcess, start: str) -> int:
    """Sum the series of Limitador that begin with these words and name alice."""
    lines = gateway.page("/limitador/metrics").splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith(start) and 'user="alice"' in line)


def shim(gateway: GatewayProcess, name: str) -> int:
    """Read a counter of the shim."""
    lines = gateway.page("/stats/prometheus").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"kuadrant_{name} "))


def test_the_set_of_20_5(enforced: ControlPlane, gateway: GatewayProcess) -> None:
    assert [call(key).status for key in ("", "wrong", "key-gus")] == [401, 401, 403]
    assert call(host="QWEN.maas.local").status == 401
    assert [call(Authorization=f"{p} key-eve").status for p in ("APIKEY", "Bearer", "apikey")] == [200, 200, 401]
    tokens = series(gateway, "authorized_hits{")
    assert statuses(7, "key-alice") == {200: 4, 429: 3}
    assert series(gateway, "authorized_hits{") - tokens == 5 + 120
    assert statuses(22, "key-bob") == {200: 20, 429: 2}
    assert statuses(7, "key-alice", "tiny.maas.local") == {200: 4, 429: 3}
    assert shim(gateway, "misses") == 0
    assert shim(gateway, "hits") == shim(gateway, "allowed") == 1 + 3 + 3 + 7 + 22 + 7
    assert shim(gateway, "denied") == 1 + 3 + 1 + 3 + 2 + 3
    types = [c["type"] for c in enforced.get(objects.gateway("maas", "gw"))["status"]["conditions"]]
    assert types == ["Accepted", "Programmed", *(f"kuadrant.io/{kind}Affected" for kind in _AFFECTING)]
    parents = enforced.get(objects.route("models", "qwen", parent=PARENT))["status"]["parents"]
    assert [parent["controllerName"] for parent in parents] == [objects.ISTIO, "kuadrant.io/policy-controller"]


_AFFECTING = ("AuthPolicy", "RateLimitPolicy", "TokenRateLimitPolicy")


def test_s1_s8_without_guards(enforced: ControlPlane, gateway: GatewayProcess) -> None:
    enforced.delete(k.lua_filter())
    eventually(lambda: _is(200, call(host="QWEN.maas.local")))
    assert shim(gateway, "misses") > 0
    assert call("key-eve").json["seen"]["authorization"] == "APIKEY key-eve"


def test_keys_and_policies_take_effect_soon(enforced: ControlPlane) -> None:
    begin = time.monotonic()
    enforced.create(k.key("new", "free"))
    eventually(lambda: _is(200, call("key-new")), pause=0.01)
    assert time.monotonic() - begin < 3
    enforced.delete(k.key("new"))
    eventually(lambda: _is(401, call("key-new")), pause=0.01)
    enforced.patch(k.key("gus"), {"metadata": {"annotations": {"kuadrant.io/groups": "free"}}})
    time.sleep(0.5)
    assert call("key-gus").status == 403  # E34
    rules = k.auth_rules(unauthenticated={"code": 402})
    begin = time.monotonic()
    enforced.patch(k.auth_policy(), {"spec": k.auth_policy(rules)["spec"]})
    eventually(lambda: _is(402, call()), pause=0.01)
    assert 0.5 < time.monotonic() - begin < 5
    assert call("key-gus").status == 200  # the AuthConfig was built anew


def test_t5_a_connection_that_is_reset(enforced: ControlPlane) -> None:
    rules = k.auth_rules(unauthorized=None)
    rules["authorization"] = {"raises": k.predicates("int(auth.identity.metadata.name) > 0")}
    enforced.patch(k.auth_policy(), {"spec": k.auth_policy(rules)["spec"]})

    def reset() -> bool:
        try:
            call("key-eve")
        except (ConnectionResetError, http.client.RemoteDisconnected):
            return True
        return False

    eventually(reset)
    assert call().status == 401
    # The next test has a policy of the same name, which may find what is in force now.
    rules = k.auth_rules()
    rules["authorization"]["raises"] = None  # a merge patch keeps what is not named
    enforced.patch(k.auth_policy(), {"spec": k.auth_policy(rules)["spec"]})
    eventually(lambda: _is(200, call("key-eve")))


def test_streams_and_clients_that_leave(enforced: ControlPlane, gateway: GatewayProcess) -> None:
    assert "[DONE]" in call("key-eve", path="/stream").text
    counted = 'authorized_hits{limitador_namespace="models/qwen",model="served",tier="enterprise",user="eve"}'

    def tokens() -> int:
        lines = gateway.page("/limitador/metrics").splitlines()
        return next(int(line.split()[-1]) for line in lines if line.startswith(counted))

    before = tokens()
    connection = http.client.HTTPConnection(address())
    with contextlib.closing(connection):
        connection.request("POST", "/stream", headers={"Host": HOST, "Authorization": "APIKEY key-eve"})
        connection.getresponse().read(5)
    time.sleep(1.2)
    assert tokens() == before  # S7
    call("key-eve", path="/stream")
    assert tokens() == before + 7


def test_what_is_not_implemented(enforced: ControlPlane) -> None:
    opa = {"rules": {"authorization": {"x": {"opa": {"rego": "allow { true }"}}}}}
    enforced.patch(k.auth_policy(), {"spec": {"defaults": opa}})
    answer = eventually(lambda: refused("key-eve"))
    assert "spec.defaults.rules.authorization.x.opa" in answer.text

    def said() -> Object:
        live = enforced.get(k.auth_policy())
        assert live["status"]["observedGeneration"] == 2
        return condition(live["status"]["conditions"], "Enforced")

    found = eventually(said)
    assert (found["status"], found["reason"]) == ("False", "NotImplemented")


def refused(key: str) -> Response:
    """Return an answer, which must be 500."""
    answer = call(key)
    assert answer.status == 500, answer
    return answer


def test_every_switch(enforced: ControlPlane, gateway: GatewayProcess) -> None:
    assert statuses(5, "key-alice", "tiny.maas.local")[429] >= 1
    expected = {"enforced-without-enforcing": (200, 200), "limiter-down": (401, 200), "limiter-hanging": (401, 200)}
    expected |= {"auth-down": (500, 500), "auth-hanging": (500, 500)}
    for name, answers in expected.items():
        assert json.loads(switch(gateway, "PUT", f"/faults/{name}").text)[name] is True
        assert (call().status, call("key-alice", "tiny.maas.local").status) == answers, name
        assert ask(gateway.url.removeprefix("http://"), "admin", "/limitador/metrics").status == (
            503 if "limiter" in name else 200
        )
        assert is_enforced(enforced, k.auth_policy())
        switch(gateway, "DELETE", f"/faults/{name}")
        assert (call().status, call("key-alice", "tiny.maas.local").status) == (401, 429), name
    switch(gateway, "PUT", "/faults/late=2")
    begin = time.monotonic()
    enforced.create(k.key("late", "free"))
    eventually(lambda: _is(200, call("key-late")))
    assert 1.9 < time.monotonic() - begin < 6
    enforced.delete(k.key("late"))
    assert switch(gateway, "PUT", "/faults/nosuch").status == 400


def test_the_command_line_turns_switches(
    gateway: GatewayProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    home = Home.of("test")
    home.root.mkdir(parents=True)
    assert cli.main(["faults", "--name", "test"]) == 1
    assert "The gateway of the sandbox 'test' does not answer" in capsys.readouterr().err
    home.gateway_url.write_text(f"{gateway.url}\n", encoding="utf-8")
    assert cli.main(["faults", "--name", "test", "--set", "auth-down", "--set", "late=2"]) == 0
    lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert lines == dict.fromkeys(SWITCHES, "off") | {"auth-down": "on", "late": "2.0"}
    assert cli.main(["faults", "--name", "test", "--set", "nosuch"]) == 1
    assert "'nosuch' is no switch: enforced-without-enforcing, late=SECONDS" in capsys.readouterr().err
    assert cli.main(["faults", "--name", "test", "--clear"]) == 0
    assert "on" not in capsys.readouterr().out.split()
