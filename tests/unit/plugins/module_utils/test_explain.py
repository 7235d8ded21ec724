# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an object that is not in force says of itself, and what to do."""

from __future__ import annotations

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import TABLE, explain, not_ready
from tests.unit.plugins.statuses import ISTIO, condition, conditions, obj, parent, route


def test_it_names_what_is_not_well_with_its_reason_and_message_and_a_cure() -> None:
    waiting = condition("Programmed", "False", "AddressNotAssigned", "no address")
    said = explain(obj("Gateway.gateway.networking.k8s.io", conditions(condition("Accepted"), waiting)))

    assert said.splitlines()[0] == "  Programmed=False AddressNotAssigned: no address"
    assert said.splitlines()[-1].startswith("  likely cure: The cluster has no load balancer, or it is late: set maas_")
    assert "Accepted" not in said


def test_a_rollout_under_way_says_how_far_it_is() -> None:
    deployment = obj("Deployment.apps", {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1})
    said = explain({**deployment, "spec": {"replicas": 1}})

    assert said.splitlines()[0] == "  1 pods wanted: 2 there, 1 of the present version, 1 available"


def test_it_names_listeners_and_controllers() -> None:
    status = {"listeners": [{"name": "http", **conditions(condition("ResolvedRefs", "False", "RefNotPermitted"))}]}
    unresolved = route(parent(resolved="False"))

    assert "  listener http: ResolvedRefs=False RefNotPermitted" in explain(obj("Gateway.x", status)).splitlines()
    assert f"  {ISTIO}: ResolvedRefs=False" in explain(unresolved).splitlines()


@pytest.mark.parametrize("kind", ["Stopped", "Conflicted", "ReplicaFailure", "OverlappingTLSConfig"])
def test_conditions_that_are_well_when_false_are_named_only_when_true(kind: str) -> None:
    assert f"{kind}=" not in explain(obj("Thing.x", conditions(condition(kind, "False"))))
    assert f"  {kind}=True" in explain(obj("Thing.x", conditions(condition(kind, "True"))))


def test_a_namespace_that_does_not_go_says_what_holds_it() -> None:
    # As Kubernetes 1.35 writes it.
    status = conditions(
        condition("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources discovered"),
        condition("NamespaceDeletionContentFailure", "False", "ContentDeleted", "All content deleted"),
        condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", "example.org/hold in 1 instances"),
    )
    said = explain(obj("Namespace", {**status, "phase": "Terminating"}, deletionTimestamp="2026-11-23T02:00:00Z"))

    assert said.splitlines() == [
        "  it is being deleted since 2026-11-23T02:00:00Z; finalizers: none",
        "  NamespaceFinalizersRemaining=True SomeFinalizersRemain: example.org/hold in 1 instances",
        "  likely cure: It is being deleted: something in it still has a finalizer.",
    ]


def test_an_object_that_does_not_go_names_its_finalizers() -> None:
    going = obj(
        "ConfigMap", {}, deletionTimestamp="2026-11-23T02:00:00Z", finalizers=["example.org/a", "example.org/b"]
    )

    assert "finalizers: example.org/a, example.org/b" in explain(going)


def test_a_controller_that_lags_is_named_as_the_reason() -> None:
    lagging = obj("Deployment.apps", {"observedGeneration": 1}, {"replicas": 1}, generation=2)

    assert explain(lagging).splitlines()[0] == "  its controller has not seen the present generation yet"


def test_an_object_that_says_nothing_is_said_to() -> None:
    assert explain(obj("ConfigMap", {})) == "  it says nothing about itself yet"


@pytest.mark.parametrize("kind", TABLE)
def test_every_kind_of_the_table_has_a_cure(kind: str) -> None:
    assert "likely cure: " in explain(obj(kind, {}))


def test_only_what_is_not_ready_is_listed_by_name() -> None:
    well, gone = obj("Namespace", {"phase": "Active"}), obj("Namespace", {"phase": "Terminating"})
    waiting = obj("Pod", {}, namespace="team")

    assert [text.partition("\n")[0] for text in not_ready([well, gone, waiting])] == ["Namespace it:", "Pod team/it:"]
