# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-in gateway decides to serve, and what it writes into statuses."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.apiserver import Object, key_of
from sandbox.gateway import admin, status
from sandbox.gateway.attachment import selects
from sandbox.gateway.plan import Plan, make_plan, number_gateways
from sandbox.gateway.world import World
from tests.sandbox import objects

NOW, LATER = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)
PARENT = {"name": "gw", "namespace": "maas"}
DEFAULT_STATUS = {
    "conditions": [
        {"type": kind, "status": "Unknown", "reason": "Pending", "message": "", "lastTransitionTime": objects.NOW}
        for kind in ("Accepted", "Programmed")
    ]
}


def live(thing: Object, generation: int = 1, created: str = objects.NOW, **status: Any) -> Object:
    """Give an object what the API server adds."""
    namespace, name = key_of(thing)
    extra = {"uid": f"uid-of-{namespace}/{name}", "generation": generation, "creationTimestamp": created}
    return thing | {"metadata": thing["metadata"] | extra} | ({"status": status} if status else {})


def world(*things: Object) -> World:
    """Sort objects into a world."""
    fields = {
        "GatewayClass": "classes",
        "Gateway": "gateways",
        "HTTPRoute": "routes",
        "ReferenceGrant": "grants",
        "Service": "services",
        "EndpointSlice": "slices",
        "Pod": "pods",
        "Deployment": "deployments",
        "Namespace": "namespaces",
    }
    found: dict[str, dict[Any, Object]] = {field: {} for field in fields.values()}
    for thing in (objects.gateway_class(), *things):
        found[fields[thing["kind"]]][key_of(thing)] = live(thing) if "uid" not in thing["metadata"] else thing
    return World(**found)


def plan_of(*things: Object) -> Plan:
    """Make the plan of sandbox 7."""
    seen = world(*things)
    return make_plan(7, seen, number_gateways(7, seen, {}))


def simple(*listeners: Object, **status: Any) -> tuple[Object, Object]:
    """A Gateway maas/gw and its Deployment."""
    return live(objects.gateway("maas", "gw", *listeners), **status), objects.deployment("maas", "gw-istio")


def conditions(found: list[Object]) -> dict[str, tuple[str, str]]:
    """Return type, status and reason of conditions."""
    return {c["type"]: (c["status"], c["reason"]) for c in found}


class TestNumbers:
    def test_in_order_of_creation_then_name(self) -> None:
        things = [
            live(objects.gateway("b", "x"), created="2026-01-01T00:00:00Z"),
            live(objects.gateway("a", "x"), created="2026-01-01T00:00:00Z"),
            live(objects.gateway("a", "old"), created="2025-01-01T00:00:00Z"),
        ]
        assert number_gateways(7, world(*things), {}) == {"uid-of-a/old": 1, "uid-of-a/x": 2, "uid-of-b/x": 3}

    def test_a_number_stays_and_a_free_one_is_taken_again(self) -> None:
        known = {"uid-of-a/gone": 1, "uid-of-a/here": 2}
        things = [objects.gateway("a", "here"), objects.gateway("a", "new")]
        assert number_gateways(7, world(*things), known) == {"uid-of-a/here": 2, "uid-of-a/new": 1}

    def test_the_address_of_an_earlier_run_is_kept(self) -> None:
        former = live(objects.gateway("b", "x"), addresses=[{"type": "IPAddress", "value": "127.0.2.7"}])
        foreign = live(objects.gateway("c", "x"), addresses=[{"type": "IPAddress", "value": "127.0.4.8"}])
        things = [former, foreign, objects.gateway("a", "x")]
        assert number_gateways(7, world(*things), {}) == {"uid-of-b/x": 3, "uid-of-a/x": 1, "uid-of-c/x": 2}

    def test_gateways_of_other_classes_have_none(self) -> None:
        other = objects.gateway_class("other", "example.com/controller")
        assert number_gateways(7, world(other, objects.gateway("a", "x", gateway_class="other")), {}) == {}


class TestPlan:
    def test_what_is_served_where(self) -> None:
        service = objects.service("models", "qwen")
        plan = plan_of(
            *simple(objects.listener(hostname="*.maas.local")),
            service,
            objects.endpoint_slice(service, "qwen-1", "qwen-2", "other"),
            objects.pod("models", "qwen-1", "127.0.0.1:4001"),
            objects.pod("models", "qwen-2", "127.0.0.1:4002", port=9090),
            objects.pod("models", "other"),
            objects.route("models", "qwen", "qwen.maas.local", parent=PARENT),
        )
        site = plan.ports["127.0.0.7", 8000]["*.maas.local"]
        (target,) = site.hosts["qwen.maas.local"]
        (backend,) = target.backends
        assert backend.endpoints == ("127.0.0.1:4001",)
        assert backend.notes == (
            "Pod qwen-2 listens on port 9090, its Service points to 8080",
            "no process stands for Pod other: the sandbox runs the simulator image only",
        )
        page = admin.describe(plan, {})
        assert (
            "listener http: http://127.0.0.7:8000\n    host qwen.maas.local\n      PathPrefix / -> models/qwen:80"
            in page
        )

    def test_endpoints_that_are_not_ready_are_not_used(self) -> None:
        service = objects.service("models", "qwen")
        things = [
            service,
            objects.endpoint_slice(service, "qwen-1", ready=False),
            objects.pod("models", "qwen-1", "127.0.0.1:4001"),
            objects.route("models", "qwen", parent=PARENT),
        ]
        (target,) = plan_of(*simple(), *things).ports["127.0.0.7", 8000][""].hosts[""]
        assert target.backends[0].endpoints == ()

    def test_two_references_to_one_listener_serve_once(self) -> None:
        route = objects.route("maas", "r", "a.local", parent=[PARENT, PARENT | {"sectionName": "http"}])
        plan = plan_of(*simple(), route)
        assert len(plan.ports["127.0.0.7", 8000][""].hosts["a.local"]) == 1
        assert len(plan.routes["maas", "r"].attachments) == 2

    @pytest.mark.parametrize("kinds", [[{"kind": "GRPCRoute"}], [{"kind": "HTTPRoute", "group": "example.com"}]])
    def test_listeners_for_other_kinds_of_routes(self, kinds: list[Object]) -> None:
        listener = objects.listener()
        listener["allowedRoutes"]["kinds"] = kinds
        (attached,) = (
            plan_of(*simple(listener), objects.route("maas", "r", parent=PARENT)).routes["maas", "r"].attachments
        )
        assert attached.problem is not None
        assert attached.problem.reason == "NotAllowedByListeners"

    @pytest.mark.parametrize(
        ("namespace", "fields", "reason"),
        [
            ("maas", {}, None),
            ("models", {}, "NotAllowedByListeners"),
            ("maas", {"port": 8000}, None),
            ("maas", {"port": 8001}, "NoMatchingParent"),
            ("maas", {"sectionName": "http", "port": 8001}, "NoMatchingParent"),
        ],
    )
    def test_who_may_attach_to_what(self, namespace: str, fields: Object, reason: str | None) -> None:
        gateway = simple(objects.listener(allow="Same"))
        plan = plan_of(*gateway, objects.route(namespace, "r", parent=PARENT | fields))
        (attached,) = plan.routes[namespace, "r"].attachments
        assert (attached.problem.reason if attached.problem else None) == reason

    def test_foreign_gateways_and_routes_are_left_alone(self) -> None:
        other = objects.gateway_class("other", "example.com/controller")
        gateway = objects.gateway("maas", "gw", gateway_class="other")
        mesh = objects.route("maas", "mesh", parent={"kind": "Service", "group": "", "name": "gw"})
        plan = plan_of(other, gateway, mesh, objects.route("maas", "r", parent=PARENT))
        assert (plan.gateways, plan.routes, plan.ports) == ({}, {}, {})
        assert "class other is no GatewayClass of istio.io/gateway-controller" in plan.ignored["Gateway maas/gw"]
        assert "HTTPRoute maas/r" in plan.ignored

    def test_addresses_of_ones_own_are_refused(self) -> None:
        gateway, deployment = simple()
        gateway["spec"]["addresses"] = [{"value": "10.0.0.1"}]
        problem = plan_of(gateway, deployment).gateways["maas", "gw"].problem
        assert problem is not None
        assert problem.reason == "AddressNotUsable"

    @pytest.mark.parametrize(("kind", "reason"), [("LoadBalancer", "AddressNotAssigned"), ("ClusterIP", "")])
    def test_without_a_load_balancer_only_other_services_have_an_address(self, kind: str, reason: str) -> None:
        service = objects.service("maas", "gw-istio")
        service["spec"]["type"] = kind
        seen = world(*simple(), service)
        gateway = make_plan(7, seen, number_gateways(7, seen, {}), load_balancer=False).gateways["maas", "gw"]
        assert (gateway.problem.reason if gateway.problem else "") == reason
        assert (gateway.binds(gateway.listeners[0]) is None) == bool(reason)

    def test_a_grant_may_name_a_service_or_all(self) -> None:
        rules = [{"backendRefs": [{"name": "qwen", "namespace": "models", "port": 80}]}]
        route = objects.route("maas", "r", parent=PARENT, rules=rules)
        service = objects.service("models", "qwen")

        def problems(*grants: Object) -> list[str]:
            return [p.reason for p in plan_of(*simple(), route, service, *grants).routes["maas", "r"].broken]

        assert problems() == ["RefNotPermitted"]
        assert problems(objects.grant("models", "g", from_namespace="maas")) == []
        assert problems(objects.grant("models", "g", from_namespace="maas", service="qwen")) == []
        assert problems(objects.grant("models", "g", from_namespace="maas", service="other")) == ["RefNotPermitted"]
        assert problems(objects.grant("models", "g", from_namespace="other")) == ["RefNotPermitted"]
        assert problems(objects.grant("maas", "g", from_namespace="maas")) == ["RefNotPermitted"]

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"type": "ExternalName", "externalName": "x.example.com"}, "InvalidKind"),
            ({"ports": [{"port": 80, "appProtocol": "kubernetes.io/h2c"}]}, "UnsupportedProtocol"),
            ({"ports": []}, "BackendNotFound"),
        ],
    )
    def test_services_that_cannot_be_used(self, fields: Object, reason: str) -> None:
        service = objects.service("maas", "r")
        service["spec"] |= fields
        broken = plan_of(*simple(), service, objects.route("maas", "r", parent=PARENT)).routes["maas", "r"].broken
        assert [problem.reason for problem in broken] == [reason]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_label_selectors(selector: Object, expected: bool) -> None:
    assert selects(selector, {"a": "1"}) is expected


class TestGatewayStatus:
    def test_from_the_default_to_programmed(self) -> None:
        gateway, deployment = simple(**deepcopy(DEFAULT_STATUS))
        plan = plan_of(gateway, deployment, objects.route("maas", "r", parent=PARENT))
        wanted = status.gateway_status(plan, plan.gateways["maas", "gw"], {}, NOW)
        assert wanted is not None
        assert wanted["addresses"] == [{"type": "IPAddress", "value": "127.0.0.7"}]
        assert conditions(wanted["conditions"]) == {
            "Accepted": ("True", "Accepted"),
            "Programmed": ("True", "Programmed"),
        }
        (listener,) = wanted["listeners"]
        assert listener["attachedRoutes"] == 1
        assert listener["supportedKinds"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]
        for condition in (*wanted["conditions"], *listener["conditions"]):
            assert condition["observedGeneration"] == 1
            assert condition["lastTransitionTime"] == "2026-05-01T00:00:00Z"

    def test_nothing_to_write_when_it_is_there(self) -> None:
        gateway, deployment = simple(**deepcopy(DEFAULT_STATUS))
        plan = plan_of(gateway, deployment)
        wanted = status.gateway_status(plan, plan.gateways["maas", "gw"], {}, NOW)
        after = plan_of(gateway | {"status": wanted}, deployment)
        assert status.gateway_status(after, after.gateways["maas", "gw"], {}, LATER) is None

    def test_times_move_with_the_status_only(self) -> None:
        gateway, deployment = simple(**deepcopy(DEFAULT_STATUS))
        plan = plan_of(gateway, deployment)
        first = status.gateway_status(plan, plan.gateways["maas", "gw"], {}, NOW)
        assert first is not None
        first["conditions"].append({"type": "kuadrant.io/Affected", "status": "True"})
        gateway["metadata"]["generation"] = 2
        plan = plan_of(gateway | {"status": first}, deployment)
        failures = {("127.0.0.7", 8000): "busy"}
        second = status.gateway_status(plan, plan.gateways["maas", "gw"], failures, LATER)
        assert second is not None
        accepted, programmed, foreign = second["conditions"]
        assert (accepted["lastTransitionTime"], accepted["observedGeneration"]) == ("2026-05-01T00:00:00Z", 2)
        assert (programmed["status"], programmed["reason"]) == ("False", "AddressNotUsable")
        assert programmed["lastTransitionTime"] == "2026-05-02T00:00:00Z"
        assert foreign == {"type": "kuadrant.io/Affected", "status": "True"}
        assert second["addresses"] == []

    def test_half_a_gateway_is_not_programmed(self) -> None:
        tls = objects.listener("https", 8443, protocol="HTTPS")
        plan = plan_of(*simple(objects.listener(), tls))
        wanted = status.gateway_status(plan, plan.gateways["maas", "gw"], {}, NOW)
        assert wanted is not None
        assert conditions(wanted["conditions"]) == {
            "Accepted": ("True", "Accepted"),
            "Programmed": ("False", "Invalid"),
        }
        assert wanted["addresses"], "the other half answers"
        http, https = wanted["listeners"]
        assert conditions(http["conditions"])["Programmed"] == ("True", "Programmed")
        assert conditions(https["conditions"])["Accepted"] == ("True", "Accepted")
        assert conditions(https["conditions"])["Programmed"] == ("False", "Invalid")

    def test_listeners_that_are_refused(self) -> None:
        udp = objects.listener("udp", 53, protocol="UDP")
        clash = [objects.listener("a", 80), objects.listener("b", 80, protocol="HTTPS")]
        kinds = objects.listener("kinds", 81)
        kinds["allowedRoutes"]["kinds"] = [{"kind": "HTTPRoute"}, {"kind": "TCPRoute"}]
        plan = plan_of(*simple(udp, *clash, kinds))
        wanted = status.gateway_status(plan, plan.gateways["maas", "gw"], {}, NOW)
        assert wanted is not None
        found = {listener["name"]: conditions(listener["conditions"]) for listener in wanted["listeners"]}
        assert found["udp"]["Accepted"] == ("False", "UnsupportedProtocol")
        assert found["a"]["Conflicted"] == found["b"]["Conflicted"] == ("True", "ProtocolConflict")
        assert found["kinds"]["ResolvedRefs"] == ("False", "InvalidRouteKinds")
        assert found["kinds"]["Programmed"] == ("True", "Programmed")
        assert conditions(wanted["conditions"])["Accepted"] == ("True", "ListenersNotValid")

    def test_a_gateway_whose_deployment_went_is_pending(self) -> None:
        gateway, _ = simple(conditions=[{"type": "Accepted", "status": "True", "lastTransitionTime": "t"}])
        plan = plan_of(gateway)
        wanted = status.gateway_status(plan, plan.gateways["maas", "gw"], {}, NOW)
        assert plan.ports == {}
        assert wanted is not None
        assert conditions(wanted["conditions"])["Programmed"] == ("False", "Pending")
        assert conditions(wanted["listeners"][0]["conditions"])["Programmed"] == ("False", "Pending")


class TestRouteStatus:
    def test_foreign_entries_stay_and_ours_go_with_the_reference(self) -> None:
        foreign = {"parentRef": PARENT, "controllerName": "kuadrant.io/policy-controller", "conditions": []}
        route = live(objects.route("models", "r", parent=PARENT), parents=[foreign])
        plan = plan_of(*simple(), route)
        parents = status.route_parents(plan.routes["models", "r"], NOW)
        assert parents is not None
        assert parents[0] == foreign
        assert conditions(parents[1]["conditions"]) == {
            "Accepted": ("True", "Accepted"),
            "ResolvedRefs": ("False", "BackendNotFound"),
        }
        settled = plan_of(*simple(), route | {"status": {"parents": parents[::-1]}})
        assert status.route_parents(settled.routes["models", "r"], LATER) is None, "another order is no difference"
        moved = route | {"status": {"parents": parents}}
        moved["spec"] = moved["spec"] | {"parentRefs": [{"name": "elsewhere"}]}
        gone = plan_of(*simple(), moved)
        assert status.route_parents(gone.routes["models", "r"], LATER) == [foreign]

    def test_one_entry_for_each_reference(self) -> None:
        refs = [PARENT | {"sectionName": "http"}, PARENT | {"sectionName": "nowhere"}]
        plan = plan_of(*simple(), objects.route("maas", "r", parent=refs))
        parents = status.route_parents(plan.routes["maas", "r"], NOW)
        assert parents is not None
        assert [conditions(parent["conditions"])["Accepted"][1] for parent in parents] == [
            "Accepted",
            "NoMatchingParent",
        ]

    def test_all_broken_references_are_named_once(self) -> None:
        refs = [{"name": name, "port": 80} for name in ("a", "b", "a")]
        plan = plan_of(*simple(), objects.route("maas", "r", parent=PARENT, rules=[{"backendRefs": refs}]))
        parents = status.route_parents(plan.routes["maas", "r"], NOW)
        assert parents is not None
        assert parents[0]["conditions"][1]["message"] == "Service maas/a does not exist; Service maas/b does not exist"

    def test_unsupported_is_accepted_false_but_attached(self) -> None:
        rules = [{"filters": [{"type": "RequestMirror", "requestMirror": {}}]}]
        gateway, deployment = simple()
        plan = plan_of(gateway, deployment, objects.route("maas", "r", parent=PARENT, rules=rules))
        found = plan.routes["maas", "r"]
        parents = status.route_parents(found, NOW)
        assert parents is not None
        assert conditions(parents[0]["conditions"])["Accepted"] == ("False", "UnsupportedValue")
        assert plan.attached(plan.gateways["maas", "gw"].listeners[0]) == 1
        assert plan.ports["127.0.0.7", 8000][""].hosts == {}
        assert status.route_parents(replace(found, problem=None), NOW) != parents
