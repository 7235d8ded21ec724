# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in gateway on a real API server, with hand-written objects."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox import objects
from tests.sandbox.control_plane import ControlPlane, eventually, running
from tests.sandbox.stage import (
    GatewayProcess,
    accepted_reason,
    address,
    ask,
    asked_all_the_time,
    bindable,
    condition,
    gateway_process,
    gone,
    mirror,
    ok,
    parent_of,
    programmed,
)

Object = dict[str, Any]
PARENT = {"name": "inference", "namespace": "maas"}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with the Gateway API and what istiod makes."""
    with running(tmp_path_factory.mktemp("plane")) as plane:
        plane.install_gateway_api()
        plane.create(objects.gateway_class())
        plane.create(objects.namespace("maas"))
        plane.create(objects.namespace("models", tier="trusted"))
        yield plane


@pytest.fixture(scope="module")
def gateway(plane: ControlPlane) -> Iterator[GatewayProcess]:
    """A gateway that serves the Gateway maas/inference at port 8000 for *.maas.local."""
    plane.create(objects.deployment("maas", "inference-istio"))
    plane.create(objects.gateway("maas", "inference", objects.listener(hostname="*.maas.local")))
    with gateway_process(plane) as gateway:
        eventually(lambda: ask(address(), "none.maas.local").status == 404)
        yield gateway


@pytest.fixture(scope="module")
def qwen(plane: ControlPlane) -> Iterator[str]:
    """A backend and the objects that lead to it: Service, EndpointSlice and Pod ``qwen`` in namespace models."""
    with mirror("qwen") as endpoint:
        service = objects.service("models", "qwen")
        for thing in (service, objects.endpoint_slice(service, "qwen-1"), objects.pod("models", "qwen-1", endpoint)):
            plane.create(thing)
        yield endpoint


@pytest.fixture
def made(plane: ControlPlane) -> Iterator[list[Object]]:
    """Objects put in here are deleted after the test."""
    things: list[Object] = []
    yield things
    plane.delete(*things)


def test_a_route_works_and_says_so(plane: ControlPlane, gateway: GatewayProcess, qwen: str, made: list[Object]) -> None:
    route = plane.create(objects.route("models", "qwen", "qwen.maas.local", parent=PARENT))
    made.append(route)
    answer = eventually(
        lambda: ok(ask(address(), "QWEN.maas.local:8000", "/v1/models?a=%20b", Connection="x-drop", **{"x-drop": "1"}))
    )
    seen = answer.json
    assert seen["target"] == "/v1/models?a=%20b"
    assert seen["headers"]["host"] == "QWEN.maas.local:8000"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert len(seen["headers"]["x-request-id"]) == 36
    assert "x-drop" not in seen["headers"]
    assert "keep-alive" not in answer.headers
    conditions = parent_of(plane, route)["conditions"]
    assert {c["type"]: (c["status"], c["reason"]) for c in conditions} == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
    }
    assert f"PathPrefix / -> models/qwen:80 [{qwen}]" in gateway.page("/routes")
    listener = eventually(lambda: _attached(plane, 1))
    assert {c["type"]: c["status"] for c in listener["conditions"]} == {
        "Accepted": "True",
        "Conflicted": "False",
        "Programmed": "True",
        "ResolvedRefs": "True",
    }
    status = plane.get(objects.gateway("maas", "inference"))["status"]
    assert status["addresses"] == [{"type": "IPAddress", "value": address().partition(":")[0]}]
    assert condition(status["conditions"], "Programmed")["status"] == "True"
    plane.delete(route)
    eventually(lambda: ask(address(), "qwen.maas.local").status == 404)
    eventually(lambda: _attached(plane, 0))


def _attached(plane: ControlPlane, count: int) -> Object:
    listener: Object = plane.get(objects.gateway("maas", "inference"))["status"]["listeners"][0]
    assert listener["attachedRoutes"] == count
    return listener


def test_answers_of_the_gateway_itself(
    plane: ControlPlane, gateway: GatewayProcess, qwen: str, made: list[Object]
) -> None:
    empty = objects.service("models", "empty")
    deaf = objects.service("models", "deaf")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        made += [
            plane.create(thing)
            for thing in (
                empty,
                deaf,
                objects.endpoint_slice(deaf, "deaf-1"),
                objects.pod("models", "deaf-1", f"127.0.0.1:{closed.getsockname()[1]}"),
                objects.route("models", "empty", "empty.maas.local", parent=PARENT),
                objects.route("models", "deaf", "deaf.maas.local", parent=PARENT),
                objects.route("models", "missing", "missing.maas.local", parent=PARENT),
            )
        ]
        eventually(lambda: ask(address(), "missing.maas.local").status == 500)
        unknown = ask(address(), "unknown.maas.local")
        assert (unknown.status, unknown.text) == (404, "")
        assert ask(address(), "elsewhere.example.com").status == 404
        none = ask(address(), "empty.maas.local")
        assert (none.status, none.text) == (503, "no healthy upstream")
        refused = ask(address(), "deaf.maas.local", method="POST", body=b"{}")
        assert refused.status == 503
        assert "connection failure" in refused.text
    resolved = condition(
        parent_of(plane, objects.route("models", "missing", parent=PARENT))["conditions"], "ResolvedRefs"
    )
    assert (resolved["status"], resolved["reason"]) == ("False", "BackendNotFound")
    assert "models/missing" in resolved["message"]


@pytest.mark.parametrize(
    ("fields", "kind", "reason", "words"),
    [
        ({"parent": PARENT | {"sectionName": "https"}}, "Accepted", "NoMatchingParent", "sectionName https"),
        ({"parent": PARENT | {"port": 9}}, "Accepted", "NoMatchingParent", "http (port 8000)"),
        ({"parent": PARENT, "hostnames": ["a.example.com"]}, "Accepted", "NoMatchingListenerHostname", "*.maas.local"),
        (
            {"parent": PARENT, "rules": [{"matches": [{"path": {"type": "RegularExpression", "value": "/a.*"}}]}]},
            "Accepted",
            "UnsupportedValue",
            "spec.rules[0].matches[0].path.type 'RegularExpression'",
        ),
        (
            {"parent": PARENT, "rules": [{"backendRefs": [{"name": "qwen", "port": 81}]}]},
            "ResolvedRefs",
            "BackendNotFound",
            "has no port 81; its ports: 80",
        ),
        (
            {
                "parent": PARENT,
                "rules": [{"backendRefs": [{"name": "q", "kind": "Bucket", "group": "x.io", "port": 1}]}],
            },
            "ResolvedRefs",
            "InvalidKind",
            "Bucket.x.io",
        ),
        (
            {"parent": PARENT, "rules": [{"backendRefs": [{"name": "qwen", "namespace": "maas", "port": 80}]}]},
            "ResolvedRefs",
            "RefNotPermitted",
            "ReferenceGrant in namespace maas",
        ),
    ],
)
def test_reasons(
    plane: ControlPlane,
    gateway: GatewayProcess,
    qwen: str,
    made: list[Object],
    fields: Any,
    kind: str,
    reason: str,
    words: str,
) -> None:
    route = objects.route("models", "wrong", **({"hostnames": ["wrong.maas.local"]} | fields))
    made.append(plane.create(route))
    found = condition(parent_of(plane, route)["conditions"], kind)
    assert (found["status"], found["reason"]) == ("False", reason)
    assert words in found["message"]
    if kind == "Accepted":
        assert ask(address(), "wrong.maas.local").status == 404
        assert f"HTTPRoute models/wrong: {reason}" in gateway.page("/routes")
    else:
        assert ask(address(), "wrong.maas.local").status == 500


def test_a_grant_opens_another_namespace(
    plane: ControlPlane, gateway: GatewayProcess, qwen: str, made: list[Object]
) -> None:
    rules = [{"backendRefs": [{"name": "qwen", "namespace": "models", "port": 80}]}]
    route = objects.route("maas", "far", "far.maas.local", parent={"name": "inference"}, rules=rules)
    made.append(plane.create(route))
    eventually(lambda: ask(address(), "far.maas.local").status == 500)
    made.append(plane.create(objects.grant("models", "open", from_namespace="maas", service="qwen")))
    eventually(lambda: ok(ask(address(), "far.maas.local")))
    assert condition(parent_of(plane, route)["conditions"], "ResolvedRefs")["status"] == "True"


def test_allowed_namespaces_and_most_specific_listener(
    plane: ControlPlane, gateway: GatewayProcess, qwen: str, made: list[Object]
) -> None:
    selector = {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["trusted"]}]}
    listeners = (
        objects.listener("same", 8010, "*.same.local", allow="Same"),
        objects.listener("trusted", 8010, "*.trusted.local", allow=selector),
        objects.listener("deep", 8010, "*.deep.trusted.local"),
    )
    second = objects.gateway("maas", "second", *listeners)
    made += [plane.create(objects.deployment("maas", "second-istio")), plane.create(second)]
    parent = {"name": "second", "namespace": "maas"}
    names = ["a.same.local", "a.trusted.local", "a.deep.trusted.local"]
    rules = [{"backendRefs": [{"name": "qwen", "port": 80}]}]
    route = objects.route("models", "many", *names, parent=parent | {"sectionName": "trusted"}, rules=rules)
    made.append(plane.create(route))
    where = address(2, 8010)
    eventually(lambda: ok(ask(where, "a.trusted.local")))
    assert ask(where, "a.same.local").status == 404
    # The route is attached to the listener "trusted" only; the host belongs to the more specific listener "deep".
    assert ask(where, "a.deep.trusted.local").status == 404
    plane.patch(route, {"spec": {"parentRefs": [parent | {"sectionName": "same"}]}})
    refused = eventually(lambda: accepted_reason(plane, route, "NotAllowedByListeners"))
    assert "from namespace models" in refused["message"]


def test_statuses_of_others_are_kept_and_times_are_stable(
    plane: ControlPlane, gateway: GatewayProcess, qwen: str, made: list[Object]
) -> None:
    route = plane.create(objects.route("models", "shared", "shared.maas.local", parent=PARENT))
    made.append(route)
    before = parent_of(plane, route)
    foreign = {
        "parentRef": PARENT | {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
        "controllerName": "kuadrant.io/policy-controller",
        "conditions": [
            {
                "type": "kuadrant.io/Affected",
                "status": "True",
                "reason": "Accepted",
                "message": "",
                "lastTransitionTime": objects.NOW,
            }
        ],
    }
    plane.patch(route, {"status": {"parents": [foreign, before]}}, "/status")
    time.sleep(1.1)
    plane.patch(route, {"spec": {"hostnames": ["other.maas.local"]}})
    after = parent_of(plane, route)
    assert (
        condition(after["conditions"], "Accepted")["lastTransitionTime"]
        == condition(before["conditions"], "Accepted")["lastTransitionTime"]
    )
    assert foreign in plane.get(route)["status"]["parents"]
    settled = plane.get(route)["metadata"]["resourceVersion"]
    time.sleep(0.5)
    assert plane.get(route)["metadata"]["resourceVersion"] == settled, "a status that is true is not written again"
    plane.patch(route, {"spec": {"parentRefs": [{"name": "elsewhere"}]}})
    eventually(lambda: plane.get(route)["status"]["parents"] == [foreign])
    managers = {entry["manager"] for entry in plane.get(route)["metadata"]["managedFields"] if entry.get("subresource")}
    assert "sandbox-gateway" in managers


def test_a_gateway_needs_its_deployment(plane: ControlPlane, gateway: GatewayProcess, made: list[Object]) -> None:
    lonely = objects.gateway("maas", "lonely", objects.listener(port=8020))
    made.append(plane.create(lonely))
    eventually(lambda: "waiting for Deployment maas/lonely-istio, which istiod makes" in gateway.page("/routes"))
    assert condition(plane.get(lonely)["status"]["conditions"], "Accepted")["status"] == "Unknown"
    proxy = objects.deployment("maas", "lonely-istio")
    made.append(plane.create(proxy))
    where = eventually(lambda: plane.get(lonely)["status"]["addresses"][0]["value"]) + ":8020"
    assert ask(where, "x").status == 404
    plane.delete(proxy)
    status = eventually(lambda: programmed(plane, lonely, "Pending"))
    assert "istiod" in status["message"]
    with pytest.raises(ConnectionRefusedError):
        ask(where, "x")


def test_busy_ports_tls_and_freed_ports(plane: ControlPlane, gateway: GatewayProcess, made: list[Object]) -> None:
    made.append(plane.create(objects.deployment("maas", "busy-istio")))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address(2).partition(":")[0], 8030))
        other.listen()
        secure = objects.listener("https", 8443, protocol="HTTPS", tls={"certificateRefs": [{"name": "c"}]})
        busy = objects.gateway("maas", "busy", objects.listener(port=8030), secure)
        made.append(plane.create(busy))
        found = eventually(lambda: programmed(plane, busy, "Invalid"))
        assert "8030 is in use by another program" in found["message"]
        assert "does not serve TLS yet" in found["message"]
        conditions = {entry["name"]: entry["conditions"] for entry in plane.get(busy)["status"]["listeners"]}
        assert condition(conditions["https"], "Accepted")["status"] == "True"
        assert condition(conditions["https"], "Programmed")["reason"] == "Invalid"
        plane.patch(busy, {"spec": {"listeners": [objects.listener(port=8030)]}})
        eventually(lambda: programmed(plane, busy, "AddressNotUsable"))
    eventually(lambda: programmed(plane, busy, "Programmed"))
    where = plane.get(busy)["status"]["addresses"][0]["value"]
    assert ask(f"{where}:8030", "x").status == 404
    plane.delete(busy)
    started = time.monotonic()
    eventually(lambda: bindable(where, 8030))
    assert time.monotonic() - started < 1


def test_the_kinds_may_go_and_come_back(plane: ControlPlane, gateway: GatewayProcess, qwen: str) -> None:
    plane.create(objects.route("models", "qwen", "qwen.maas.local", parent=PARENT))
    eventually(lambda: ok(ask(address(), "qwen.maas.local")))
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "httproutes.gateway.networking.k8s.io"},
    }
    whole = plane.get(definition)
    plane.delete(definition)
    eventually(lambda: ask(address(), "qwen.maas.local").status == 404)
    eventually(lambda: gone(plane, definition))
    plane.create(
        {key: whole[key] for key in ("apiVersion", "kind", "spec")}
        | {"metadata": {k: whole["metadata"][k] for k in ("name", "annotations")}}
    )
    route = eventually(lambda: plane.create(objects.route("models", "qwen", "qwen.maas.local", parent=PARENT)))
    eventually(lambda: ok(ask(address(), "qwen.maas.local")))
    plane.delete(route)


def test_it_serves_on_while_the_api_server_is_away(
    plane: ControlPlane, gateway: GatewayProcess, qwen: str, made: list[Object]
) -> None:
    made.append(plane.create(objects.route("models", "qwen", "qwen.maas.local", parent=PARENT)))
    eventually(lambda: ok(ask(address(), "qwen.maas.local")))
    with asked_all_the_time("qwen.maas.local") as statuses:
        plane.stop_apiserver()
        time.sleep(0.5)
        plane.start_apiserver()
        rules = [{"backendRefs": [{"name": "qwen", "port": 80}]}]
        made.append(plane.create(objects.route("models", "late", "late.maas.local", parent=PARENT, rules=rules)))
        eventually(lambda: ok(ask(address(), "late.maas.local")))
    assert len(statuses) > 20
    assert set(statuses) == {200}


def test_a_new_gateway_process_changes_nothing(plane: ControlPlane, gateway: GatewayProcess) -> None:
    eventually(lambda: _attached(plane, 0))
    status = plane.get(objects.gateway("maas", "inference"))["status"]
    gateway.process.terminate()
    assert gateway.process.wait(timeout=10) == 0
    with gateway_process(plane):
        eventually(lambda: ask(address(), "none.maas.local").status == 404)
        assert plane.get(objects.gateway("maas", "inference"))["status"] == status
