# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statuses of policies, Gateways and routes: words and times as measured (section 4.2 and after E44)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import objects
from tests.unit.sandbox import kuadrant_objects as k
from tests.unit.sandbox.kuadrant_cluster import Cluster

QWEN = {"kind": "HTTPRoute", "name": "qwen"}


def test_accepted_and_enforced_with_the_generation_only_in_the_status() -> None:
    policies = [k.auth_policy(), k.request_policy(), k.token_policy(), k.telemetry()]
    cluster = Cluster(*policies)
    for policy in policies:
        status = cluster.get(policy)["status"]
        assert status["observedGeneration"] == 1
        said = {c["type"]: (c["status"], c["reason"], c["message"]) for c in status["conditions"]}
        assert said == {
            "Accepted": ("True", "Accepted", f"{policy['kind']} has been accepted"),
            "Enforced": ("True", "Enforced", f"{policy['kind']} has been successfully enforced"),
        }
        assert not any("observedGeneration" in condition for condition in status["conditions"])


def test_times_and_the_old_status_after_a_change() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy())
    cluster.put(k.request_policy({"a": k.limit((1, "1m"))}), wait=0.05)
    status = cluster.get(k.request_policy())["status"]
    assert (status["observedGeneration"], cluster.condition(k.request_policy())[1]) == (1, "Enforced")
    cluster.wait(0.2)
    words = "RateLimitPolicy waiting for the following components to sync: [Limitador EnvoyFilter]"
    assert cluster.condition(k.request_policy()) == ("False", "Unknown", words)
    assert cluster.get(k.request_policy())["status"]["observedGeneration"] == 2
    cluster.wait(0.55)
    assert cluster.condition(k.request_policy())[1] == "Enforced"
    cluster.put(k.auth_policy(k.auth_rules(unauthenticated={})), wait=0.9)
    assert "[AuthConfig]" in cluster.condition(k.auth_policy())[2]
    cluster.wait(0.3)
    assert cluster.condition(k.auth_policy())[1] == "Enforced"


def test_target_not_found_says_nothing_of_enforced() -> None:
    lost = k.request_policy(target={"name": "nosuch"})
    section = k.request_policy(name="section", target={"sectionName": "nosuch"})
    usage = k.policy("TelemetryPolicy", "usage", k.telemetry()["spec"], {"name": "nosuch"})
    usage["spec"]["targetRef"]["name"] = "nosuch"
    cluster = Cluster(lost, section, usage)
    assert [c["type"] for c in cluster.get(lost)["status"]["conditions"]] == ["Accepted"]
    assert cluster.condition(lost, "Accepted") == (
        "False",
        "TargetNotFound",
        "RateLimitPolicy target nosuch was not found",
    )
    assert cluster.condition(section, "Accepted")[1] == "TargetNotFound"
    assert cluster.condition(usage)[0] == "True"


def test_no_route_and_a_route_that_is_replaced() -> None:
    cluster = Cluster(k.request_policy())
    parent = {"name": "gw", "namespace": "maas"}
    routes = [objects.route("models", name, f"{name}.maas.local", parent=parent) for name in ("qwen", "tiny")]
    cluster.delete(*routes)
    words = "RateLimitPolicy is not in the path to any existing routes"
    assert cluster.condition(k.request_policy()) == ("False", "Unknown", words)
    cluster.put(*routes)
    assert cluster.condition(k.request_policy())[1] == "Enforced"


def bare(name: str, target: k.Object | None = None, namespace: str = "maas", **limits: k.Object) -> k.Object:
    """A RateLimitPolicy with bare limits."""
    return k.policy("RateLimitPolicy", name, {"limits": limits}, target, namespace)


def test_two_on_one_target_and_both_routes_replaced() -> None:
    one = {"all": k.limit((1, "1m"), counter="")}
    cluster = Cluster(bare("older", **one))
    cluster.wait(2)
    cluster.put(bare("newer", all=k.limit((2, "1m"), counter="")))
    assert cluster.condition(bare("older")) == ("False", "Overridden", "RateLimitPolicy is overridden by [maas/newer]")
    assert cluster.statuses(3) == "2x200 1x429"
    cluster.put(bare("r1", QWEN, "models", all=k.limit((3, "1m"), counter="")))
    assert cluster.condition(bare("newer"))[2] == "RateLimitPolicy has been partially enforced"
    assert cluster.statuses(4) == "3x200 1x429"
    cluster.put(bare("r2", {"kind": "HTTPRoute", "name": "tiny"}, "models", **one))
    assert cluster.condition(bare("newer"))[2] == "RateLimitPolicy is overridden by [models/r1 models/r2]"
    assert cluster.condition(bare("r1", namespace="models"))[1] == "Enforced"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"limits": {"a": k.limit((1, "1m"), counter="")}}, 4),
        ({"defaults": {"limits": {"a": k.limit((1, "1m"), counter="")}}}, 4),
        ({"defaults": {"strategy": "merge", "limits": {"a": k.limit((1, "1m"), counter="")}}}, 1),
        ({"defaults": {"strategy": "merge", "limits": {"b": k.limit((1, "1m"), counter="")}}}, 4),
        ({"overrides": {"limits": {"a": k.limit((1, "1m"), counter="")}}}, 1),
        ({"overrides": {"strategy": "merge", "limits": {"b": k.limit((1, "1m"), counter="")}}}, 1),
        ({"overrides": {"strategy": "merge", "limits": {"z": k.limit((9, "1m"), counter="")}}}, 4),
    ],
)
def test_strategies(body: Any, expected: int) -> None:
    below = bare("below", QWEN, "models", b=k.limit((4, "1m"), counter=""))
    cluster = Cluster(k.policy("RateLimitPolicy", "above", body), below)
    assert cluster.statuses(5).startswith(f"{expected}x200")


def test_listeners_and_rules_as_targets() -> None:
    backends = [{"name": "x", "port": 80}]
    rules = [
        {"name": name, "matches": [{"path": {"value": f"/{name}"}}], "backendRefs": backends} for name in ("a", "b")
    ]
    parent = {"name": "gw", "namespace": "maas"}
    cluster = Cluster(
        objects.route("models", "both", "both.maas.local", parent=parent, rules=rules),
        bare(
            "rule",
            {"kind": "HTTPRoute", "name": "both", "sectionName": "b"},
            "models",
            x=k.limit((2, "1m"), counter=""),
        ),
        bare("listener", {"sectionName": "http"}, y=k.limit((3, "1m"), counter="")),
    )
    answers = [[cluster.ask("", "both.maas.local", path=path).status for _ in range(4)] for path in ("/a", "/b")]
    assert answers == [[200, 200, 200, 429], [200, 200, 429, 429]]


def test_without_kuadrant_and_while_its_parts_start() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy())
    kuadrant, authorino, limitador, *_ = k.kuadrant()
    cluster.put(authorino | {"status": {}}, limitador | {"status": {}})
    assert (
        cluster.condition(k.auth_policy())[2] == "AuthPolicy waiting for the following components to sync: [Authorino]"
    )
    assert cluster.condition(k.request_policy())[2].endswith("components to sync: [Limitador]")
    cluster.delete(limitador)
    assert cluster.condition(k.request_policy())[1] == "MissingResource"
    cluster.delete(kuadrant)
    assert cluster.condition(k.auth_policy())[1] == "MissingResource"
    assert cluster.ask().status == 200


def test_a_dependency_that_came_after_the_operator() -> None:
    crd = next(thing for thing in k.definitions() if "wasmplugins" in thing["metadata"]["name"])
    cluster = Cluster(k.auth_policy())
    cluster.delete(crd)
    words = (
        "[Gateway API provider (istio / envoy gateway)] is not installed,"
        " please restart Kuadrant Operator pod once dependency has been installed"
    )
    assert cluster.condition(k.auth_policy(), "Accepted") == ("False", "MissingDependency", words)
    assert len(cluster.get(k.auth_policy())["status"]["conditions"]) == 1
    cluster.put(crd)
    assert cluster.condition(k.auth_policy(), "Accepted")[1] == "MissingDependency"
    cluster.wait(2)
    cluster.restart("kuadrant-operator-controller-manager")
    cluster.wait(3)
    assert cluster.condition(k.auth_policy())[1] == "Enforced"


def test_what_policies_leave_on_gateways_and_routes() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy())
    route, gateway = objects.route("models", "qwen", parent={}), objects.gateway("maas", "gw")
    live = cluster.get(route)
    live["status"] = {"parents": [{"parentRef": {"name": "gw"}, "controllerName": objects.ISTIO, "conditions": []}]}
    cluster.put(live)
    listener = {"name": "http", "conditions": [{"type": "Accepted"}]}
    cluster.put(cluster.get(gateway) | {"status": {"conditions": [{"type": "Accepted"}], "listeners": [listener]}})
    _, entry = cluster.get(route)["status"]["parents"]
    assert (entry["controllerName"], entry["parentRef"]) == ("kuadrant.io/policy-controller", {"name": "gw"})
    kinds = ["kuadrant.io/AuthPolicyAffected", "kuadrant.io/RateLimitPolicyAffected"]
    assert [c["type"] for c in entry["conditions"]] == kinds
    assert entry["conditions"][0]["message"] == "Object affected by AuthPolicy [maas/auth]"
    status = cluster.get(gateway)["status"]
    assert [c["type"] for c in status["conditions"]] == ["Accepted", *kinds]
    assert [c["type"] for c in status["listeners"][0]["conditions"]] == ["Accepted", *kinds]
    cluster.delete(k.auth_policy(), k.request_policy())
    assert len(cluster.get(route)["status"]["parents"]) == 1
    assert [c["type"] for c in cluster.get(gateway)["status"]["conditions"]] == ["Accepted"]


def test_without_an_operator_nothing_is_written() -> None:
    cluster, operator = Cluster(), k.program("kuadrant-operator-controller-manager")
    cluster.delete(*operator)
    entry = {"parentRef": {"name": "gw"}, "controllerName": "kuadrant.io/policy-controller", "conditions": []}
    cluster.put(
        cluster.get(objects.route("models", "qwen", parent={})) | {"status": {"parents": [entry]}}, k.auth_policy()
    )
    assert cluster.get(objects.route("models", "qwen", parent={}))["status"]["parents"] == [entry]
    assert "status" not in cluster.get(k.auth_policy())


def test_an_operator_that_is_scaled_to_nothing_is_none() -> None:
    deployment, pod = k.program("kuadrant-operator-controller-manager")
    cluster = Cluster()
    cluster.delete(pod)
    cluster.put(deployment | {"spec": deployment["spec"] | {"replicas": 0}}, k.auth_policy())
    assert "status" not in cluster.get(k.auth_policy())


def _rules(**change: Any) -> k.Object:
    return k.auth_policy(k.auth_rules() | change)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (_rules(metadata={"x": {}}), "spec.defaults.rules.metadata "),
        (_rules(authentication={"x": {"jwt": {"issuerUrl": "u"}}}), "rules.authentication.x.jwt "),
        (_rules(authorization={"x": {"opa": {"rego": "r"}}}), "rules.authorization.x.opa "),
        (_rules(authorization={"x": {"patternMatching": {"patterns": [{"selector": "s"}]}}}), "patterns[0].selector "),
        (_rules(response={"success": {"headers": {"h": {"wristband": {}}}}}), "success.headers.h.wristband "),
        (_rules(response={"unauthorized": {"body": {"selector": "s"}}}), "unauthorized.body.selector "),
        (_rules(authentication={}), "without authentication"),
        (_rules(authentication={"x": {}}), "rules.authentication.x without apiKey"),
        (_rules(authorization={"x": {}}), "rules.authorization.x without patternMatching"),
        (_rules(authorization={"x": k.predicates("true" + " || true" * 15_000)}), "with 120004 characters "),
        (k.request_policy({"a": k.limit((1, "1m"), counter='request.headers["a"]')}), "double quotes"),
        (k.policy("RateLimitPolicy", "r", {"when": [], "limits": {"a": k.limit((1, "1m"))}}), "spec.when "),
    ],
)
def test_what_is_not_implemented_is_refused_and_named(policy: k.Object, words: str) -> None:
    cluster = Cluster(policy, k.key("a", "free"))
    status, reason, message = cluster.condition(policy)
    assert (status, reason) == ("False", "NotImplemented")
    assert words in message
    assert cluster.condition(policy, "Accepted")[0] == "True"
    answer = cluster.ask("key-a")
    assert (answer.status, answer.model_saw) == (500, None)
    assert words.split()[0] in answer.text


def test_an_auth_policy_that_does_not_compile_closes() -> None:
    policy = _rules(authorization={"x": k.predicates("1 +")})
    cluster = Cluster(policy, k.key("a", "free"))
    assert cluster.condition(policy)[1] == "InvalidCelExpression"
    assert cluster.ask("key-a").status == 500
