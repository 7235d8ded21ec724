# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this object in force? Every line of the table."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import (
    TABLE,
    group_kind,
    is_ready,
)
from tests.unit.plugins.statuses import ISTIO, Object, condition, conditions, obj, parent, policy, route

OPENSHIFT = "openshift.io/gateway-controller/v1"
KUADRANT = "kuadrant.io/policy-controller"


KUADRANTS_PARENT = {"controllerName": KUADRANT, "conditions": [condition("kuadrant.io/AuthPolicyAffected")]}
READY = conditions(condition("Ready"))
POLICY_READY = policy(condition("Accepted"), condition("Enforced"))
WORKLOAD = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2, "observedGeneration": 1}
DAEMONS = {
    "desiredNumberScheduled": 3,
    "updatedNumberScheduled": 3,
    "numberAvailable": 3,
    "observedGeneration": 1,
}

# One object in force for every kind of the table.
IN_FORCE: dict[str, Object] = {
    "Namespace": obj("Namespace", {"phase": "Active"}),
    "Pod": obj("Pod", conditions(condition("PodScheduled"), condition("Ready"))),
    "Deployment.apps": obj("Deployment.apps", WORKLOAD, {"replicas": 2}),
    "StatefulSet.apps": obj("StatefulSet.apps", WORKLOAD, {"replicas": 2}),
    "DaemonSet.apps": obj("DaemonSet.apps", DAEMONS),
    "CustomResourceDefinition.apiextensions.k8s.io": obj(
        "CustomResourceDefinition.apiextensions.k8s.io",
        conditions(condition("NamesAccepted", generation=None), condition("Established", generation=None)),
    ),
    "GatewayClass.gateway.networking.k8s.io": obj(
        "GatewayClass.gateway.networking.k8s.io", conditions(condition("Accepted"))
    ),
    "Gateway.gateway.networking.k8s.io": obj(
        "Gateway.gateway.networking.k8s.io", conditions(condition("Accepted"), condition("Programmed"))
    ),
    "HTTPRoute.gateway.networking.k8s.io": route(parent()),
    "AuthPolicy.kuadrant.io": obj("AuthPolicy.kuadrant.io", POLICY_READY),
    "RateLimitPolicy.kuadrant.io": obj("RateLimitPolicy.kuadrant.io", POLICY_READY),
    "TokenRateLimitPolicy.kuadrant.io": obj("TokenRateLimitPolicy.kuadrant.io", POLICY_READY),
    "Subscription.operators.coreos.com": obj("Subscription.operators.coreos.com", {"state": "AtLatestKnown"}),
    "ClusterServiceVersion.operators.coreos.com": obj(
        "ClusterServiceVersion.operators.coreos.com", {"phase": "Succeeded"}
    ),
    "DSCInitialization.dscinitialization.opendatahub.io": obj(
        "DSCInitialization.dscinitialization.opendatahub.io", {"phase": "Ready"}
    ),
    "Route.route.openshift.io": obj("Route.route.openshift.io", {"ingress": [conditions(condition("Admitted"))]}),
    **{
        kind: obj(kind, READY)
        for kind in (
            "Kuadrant.kuadrant.io",
            "Limitador.limitador.kuadrant.io",
            "Authorino.operator.authorino.kuadrant.io",
            "Certificate.cert-manager.io",
            "Issuer.cert-manager.io",
            "ClusterIssuer.cert-manager.io",
            "InferenceService.serving.kserve.io",
            "LLMInferenceService.serving.kserve.io",
            "Istio.sailoperator.io",
            "DataScienceCluster.datasciencecluster.opendatahub.io",
        )
    },
}


def test_every_kind_of_the_table_is_tested() -> None:
    assert set(IN_FORCE) == set(TABLE)


@pytest.mark.parametrize("kind", TABLE)
def test_an_object_that_its_controller_calls_good_is_ready(kind: str) -> None:
    assert is_ready(IN_FORCE[kind])


@pytest.mark.parametrize("kind", TABLE)
def test_an_object_about_which_nobody_said_anything_is_not_ready(kind: str) -> None:
    silent = {**IN_FORCE[kind], "status": {}}

    assert not is_ready(silent)
    assert not is_ready({name: value for name, value in silent.items() if name != "status"})


@pytest.mark.parametrize("kind", TABLE)
def test_an_object_that_is_being_deleted_is_not_ready(kind: str) -> None:
    going = copy.deepcopy(IN_FORCE[kind])
    going["metadata"]["deletionTimestamp"] = "2026-11-23T02:00:00Z"

    assert not is_ready(going)


def conditions_in(status: Object) -> list[Object]:
    groups = [status, *status.get("parents", []), *status.get("ingress", [])]
    return [item for group in groups for item in group.get("conditions", [])]


@pytest.mark.parametrize("kind", [kind for kind, example in IN_FORCE.items() if conditions_in(example["status"])])
@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_no_condition_but_true_makes_it_ready(kind: str, status: str) -> None:
    bad = copy.deepcopy(IN_FORCE[kind])
    conditions_in(bad["status"])[-1]["status"] = status

    assert not is_ready(bad)


@pytest.mark.parametrize(
    "kind",
    ["Pod", "GatewayClass.gateway.networking.k8s.io", "Gateway.gateway.networking.k8s.io", "Issuer.cert-manager.io"],
)
def test_a_condition_of_an_older_generation_does_not_count(kind: str) -> None:
    changed = copy.deepcopy(IN_FORCE[kind])
    changed["metadata"]["generation"] = 2

    assert not is_ready(changed)


@pytest.mark.parametrize("kind", ["Deployment.apps", "DaemonSet.apps", "AuthPolicy.kuadrant.io"])
def test_a_status_that_lags_behind_does_not_count(kind: str) -> None:
    changed = copy.deepcopy(IN_FORCE[kind])
    changed["metadata"]["generation"] = 2

    assert not is_ready(changed)


def test_a_condition_that_names_no_generation_is_taken_as_it_stands() -> None:
    definition = copy.deepcopy(IN_FORCE["CustomResourceDefinition.apiextensions.k8s.io"])
    definition["metadata"]["generation"] = 5

    assert is_ready(definition)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "Service", "ServiceMonitor.monitoring.coreos.com"])
def test_a_kind_without_a_line_is_ready_when_it_exists(kind: str) -> None:
    assert is_ready(obj(kind, {}))


class TestWorkloads:
    """Deployments and their like are ready when all replicas are those wanted, new and available."""

    @pytest.mark.parametrize("field", ["replicas", "updatedReplicas", "availableReplicas"])
    @pytest.mark.parametrize("number", [1, 3, None])
    def test_a_deployment_with_any_other_number_is_not_ready(self, field: str, number: int | None) -> None:
        assert not is_ready(obj("Deployment.apps", {**WORKLOAD, field: number}, {"replicas": 2}))

    @pytest.mark.parametrize("field", ["updatedReplicas", "readyReplicas"])
    def test_a_stateful_set_with_any_other_number_is_not_ready(self, field: str) -> None:
        assert not is_ready(obj("StatefulSet.apps", {**WORKLOAD, field: 1}, {"replicas": 2}))

    @pytest.mark.parametrize("kind", ["Deployment.apps", "StatefulSet.apps"])
    def test_none_wanted_and_none_there_is_ready(self, kind: str) -> None:
        assert is_ready(obj(kind, {"observedGeneration": 1}, {"replicas": 0}))

    @pytest.mark.parametrize("field", ["updatedNumberScheduled", "numberAvailable"])
    def test_a_daemon_set_with_any_other_number_is_not_ready(self, field: str) -> None:
        assert not is_ready(obj("DaemonSet.apps", {**DAEMONS, field: 2}))

    def test_a_daemon_set_that_no_node_wants_is_ready_once_its_controller_has_seen_it(self) -> None:
        # The API server writes these zeros into every new DaemonSet.
        fresh = {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0}

        assert not is_ready(obj("DaemonSet.apps", fresh))
        assert is_ready(obj("DaemonSet.apps", {**fresh, "observedGeneration": 1}))


class TestRoutes:
    """Only what the gateway's own controller says of a route counts, and it has to say it for every Gateway."""

    @pytest.mark.parametrize(
        "ready",
        [
            route(parent(), KUADRANTS_PARENT),
            route(KUADRANTS_PARENT, parent()),
            route(parent(controller=OPENSHIFT)),
            route(parent(), parent(), wanted=2),
            route(wanted=0),
        ],
        ids=["and-kuadrant", "kuadrant-first", "openshift", "two-gateways", "no-gateway"],
    )
    def test_accepted_and_resolved_everywhere_is_ready(self, ready: Object) -> None:
        assert is_ready(ready)

    @pytest.mark.parametrize(
        "unready",
        [
            route(),
            route(KUADRANTS_PARENT),
            route(parent(accepted="False")),
            route(parent(resolved="False")),
            route(parent(resolved="False"), KUADRANTS_PARENT),
            route(parent(), wanted=2),
            route(parent(), parent(resolved="False"), wanted=2),
            route(parent(), KUADRANTS_PARENT, wanted=2),
            route(parent(generation=0)),
            route({"controllerName": ISTIO, "conditions": None}),
            route({"controllerName": ISTIO}),
        ],
    )
    def test_anything_less_is_not(self, unready: Object) -> None:
        assert not is_ready(unready)

    def test_a_route_for_no_gateway_in_particular_can_be_judged(self) -> None:
        unattached = obj("HTTPRoute.gateway.networking.k8s.io", {}, {"rules": []})

        assert is_ready(unattached)


class TestPolicies:
    """Kuadrant's policies tell their generation beside the conditions, and one that others replaced is well."""

    def test_a_policy_that_more_specific_ones_replaced_is_ready(self) -> None:
        overridden = condition("Enforced", "False", "Overridden")

        assert is_ready(obj("AuthPolicy.kuadrant.io", policy(condition("Accepted"), overridden)))

    @pytest.mark.parametrize(
        "status",
        [
            policy(condition("Accepted")),
            policy(condition("Enforced")),
            policy(condition("Accepted"), condition("Enforced", "False", "Unknown")),
            policy(condition("Accepted", "False"), condition("Enforced", "False", "Overridden")),
            policy(condition("Accepted"), condition("Enforced"), observed=0),
            policy(condition("Accepted"), condition("Enforced"), observed=None),
        ],
    )
    def test_any_other_is_not(self, status: Object) -> None:
        assert not is_ready(obj("AuthPolicy.kuadrant.io", status))


@pytest.mark.parametrize(
    ("api_version", "kind", "name"),
    [("v1", "Pod", "Pod"), ("apps/v1", "Deployment", "Deployment.apps"), ("a.b/v1beta1", "Thing", "Thing.a.b")],
)
def test_kinds_are_named_with_their_group(api_version: str, kind: str, name: str) -> None:
    assert group_kind({"apiVersion": api_version, "kind": kind}) == name
