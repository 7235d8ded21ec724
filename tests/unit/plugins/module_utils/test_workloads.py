# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why pods do not run, told for the Deployments and objects that need them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import (
    explain,
    is_silent,
    not_ready,
    said_by_pods,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.workloads import Workloads, pod_troubles
from tests.unit.plugins.statuses import condition, conditions, obj

Object = dict[str, Any]
IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}


def pod(name: str = "web-1", *containers: Object, app: str = "web", **status: Any) -> Object:
    """A pod with the states of its containers, which is not ready."""
    states = [{"name": f"c{number}", **item} for number, item in enumerate(containers)]
    ready = condition("Ready", "False", "ContainersNotReady")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "team", "labels": {"app": app}},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Pending", "containerStatuses": states, **conditions(ready), **status},
    }


def deployment(available: int = 0, uid: str = "", app: str = "web") -> Object:
    """A Deployment of one replica."""
    status = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": available}
    owners = {"ownerReferences": [{"uid": uid}]} if uid else {}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": app}}}
    return obj("Deployment.apps", status, spec, **owners, namespace="team") | {"apiVersion": "apps/v1"}


class TestPods:
    """One pod."""

    def test_a_container_that_waits_tells_why(self) -> None:
        assert pod_troubles(pod("web-1", {"state": IMAGE})) == ["container c0: ImagePullBackOff: Back-off"]

    def test_one_that_ended_before_tells_that_as_well(self) -> None:
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
        ended = {"terminated": {"exitCode": 2, "reason": "Error"}}
        (said,) = pod_troubles(pod("web-1", {"state": waiting, "lastState": ended}))

        assert said == "container c0: CrashLoopBackOff: back-off 10s; it ended with exit code 2 (Error)"

    def test_one_that_has_just_ended_tells_how(self) -> None:
        ended = {"terminated": {"exitCode": 2, "reason": "Error"}}

        assert pod_troubles(pod("web-1", {"state": ended})) == ["container c0: ended with exit code 2 (Error)"]

    def test_one_that_runs_fails_its_probe(self) -> None:
        running = {"state": {"running": {}}, "ready": False}

        assert pod_troubles(pod("web-1", running)) == ["container c0: it runs, but its readiness probe does not pass"]

    @pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
    def test_one_that_is_on_its_way_tells_nothing_of_itself(self, reason: str) -> None:
        assert pod_troubles(pod("web-1", {"state": {"waiting": {"reason": reason}}})) == [
            "it is still being started on node node-1"
        ]

    def test_a_pod_without_a_node_tells_what_the_scheduler_said(self) -> None:
        nowhere = pod(**conditions(condition("PodScheduled", "False", "Unschedulable", "0/2 nodes are available")))

        assert pod_troubles(nowhere) == ["Unschedulable: 0/2 nodes are available"]

    def test_a_pod_that_nobody_has_looked_at_says_so(self) -> None:
        new = {**pod(), "spec": {}, "status": {}}

        assert pod_troubles(new) == ["the scheduler has not looked at it yet"]

    def test_a_pod_that_was_put_out_tells_why(self) -> None:
        assert pod_troubles(pod(phase="Failed", reason="Evicted", message="no disk")) == ["Evicted: no disk"]

    def test_what_is_ready_done_or_leaving_tells_nothing(self) -> None:
        leaving = pod("web-1", {"state": IMAGE})
        leaving["metadata"]["deletionTimestamp"] = "2026-11-23T02:00:00Z"

        assert pod_troubles(leaving) == []
        assert pod_troubles(pod(phase="Succeeded")) == []
        assert pod_troubles(pod(**conditions(condition("Ready")))) == []


class TestDeployments:
    """A Deployment with its pods."""

    def test_it_is_told_with_the_pods_that_it_selects_and_the_cure_for_them(self) -> None:
        others = pod("other-1", {"state": {"waiting": {"reason": "Other"}}}, app="other")
        (said,) = not_ready([deployment(), pod("web-1", {"state": IMAGE}), others])[:1]

        assert said.splitlines()[:3] == [
            "Deployment team/it:",
            "  1 pods wanted: 1 there, 1 of the present version, 0 available",
            "  Pod web-1: container c0: ImagePullBackOff: Back-off",
        ]
        assert "maas_simulator_image" in said
        assert "Other" not in said

    def test_pods_that_say_the_same_are_told_once(self) -> None:
        pods = [pod(f"web-{number}", {"state": IMAGE}) for number in range(3)]

        assert Workloads.of([*pods]).troubles_of(deployment()) == [
            "Pod web-0 and 2 more: container c0: ImagePullBackOff: Back-off"
        ]

    def test_pods_of_a_deployment_that_is_well_are_not_told(self) -> None:
        assert not_ready([deployment(available=1), pod("web-1", {"state": IMAGE})]) == []

    def test_pods_of_another_namespace_are_not_its_own(self) -> None:
        stranger = pod("web-1", {"state": IMAGE})
        stranger["metadata"]["namespace"] = "mesh"

        assert Workloads.of([stranger]).pods_of(deployment()) == []

    def test_an_object_is_told_with_what_was_made_for_it_and_is_not_well(self) -> None:
        model = obj("InferenceService.serving.kserve.io", {}, uid="u-1")
        around = [deployment(uid="u-1"), deployment(uid="u-2", app="other"), pod("web-1", {"state": IMAGE})]
        said = explain(model, said_by_pods(model, Workloads.of(around)))

        assert said.splitlines()[:3] == [
            "  it says nothing about itself yet",
            "  Deployment it: 1 pods wanted: 1 there, 1 of the present version, 0 available",
            "  Pod web-1: container c0: ImagePullBackOff: Back-off",
        ]
        assert said_by_pods(model, Workloads.of([deployment(available=1, uid="u-1")])) == []


def test_an_object_is_silent_until_its_controller_has_spoken() -> None:
    waiting = condition("Programmed", "Unknown", "Pending", "Waiting for controller")

    assert is_silent(obj("Gateway.gateway.networking.k8s.io", conditions(waiting)))
    assert is_silent(obj("Thing.x", {}))
    assert not is_silent(obj("Gateway.gateway.networking.k8s.io", conditions(condition("Programmed", "False", "No"))))
