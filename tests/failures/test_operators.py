# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operators that come late, and operators that never come: every wait is bounded and says what it is for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from tests.failures.scene import MENDED, MODELS, Object, Scene, overhead, told

PATIENCE = 4
NOWHERE = "registry.unreachable.invalid/cert-manager-controller"
LIMITS = "/api/v1/namespaces/kserve/limitranges"
QUOTAS = "/api/v1/namespaces/kuadrant-system/resourcequotas"
FULL: Object = {"metadata": {"name": "full"}, "spec": {"hard": {"pods": "1"}}}
SMALL: Object = {"metadata": {"name": "small"}, "spec": {"limits": [{"type": "Container", "max": {"memory": "1Mi"}}]}}
STATUS_OF_MODELS = "/apis/kwok.x-k8s.io/v1alpha1/stages/kserve-status"


@contextmanager
def held_back(scene: Scene, place: str, seconds: float) -> Iterator[None]:
    """Let no node take the operator's new pods before they have waited for so many seconds."""
    with scene.cordoned(), ThreadPoolExecutor(1) as others:
        done = others.submit(_let_go, scene, place, seconds)
        yield
        assert done.done(), "it did not wait for the pods"
        done.result()


def _let_go(scene: Scene, place: str, seconds: float) -> None:
    scene.cluster.wait_for(lambda: _waiting(scene, place), "a pod without a node", 200)
    time.sleep(seconds)
    assert _waiting(scene, place)
    scene.uncordon()


def _waiting(scene: Scene, place: str) -> bool:
    return any("nodeName" not in pod["spec"] for pod in scene.cluster.list("v1", "Pod", place))


def test_istio_that_comes_a_minute_late(scene: Scene) -> None:
    settings = {"gateway_istiod_values": {"pilot": {"podLabels": {"moved": "late"}}}, "maas_wait_timeout": 120}
    with held_back(scene, "istio-system", 60):
        run = scene.playbooks.run("site", "--tags", "gateway", settings=settings)
    assert run.status == 0, told(run)
    said = "wait for pods: istio-base, istiod (120 s at most for each)"
    again = scene.playbooks.run("site", "--tags", "gateway", settings=settings)
    assert (again.status, again.changed) == (0, 0)
    bound = 60 + overhead(again.seconds)
    scene.table.add("Istio's pods a minute late", run, said, bound, "done by that run, then changed=0")


def test_kuadrant_that_comes_seconds_late(scene: Scene) -> None:
    with held_back(scene, "kuadrant-system", 10):
        run = scene.playbooks.run("site", "--tags", "kuadrant", settings={"kuadrant_auth_timeout": "300ms"})
    assert run.status == 0, told(run)
    said = "wait for pods: kuadrant-operator (60 s at most for each)"
    scene.mended("Kuadrant's pods seconds late", run, said, 10, "kuadrant")


def test_kserve_that_writes_statuses_late(scene: Scene) -> None:
    third = {"name": "third", "server": "simulator", "allow_unmetered_streams": True}
    before = scene.read(STATUS_OF_MODELS)["spec"]["delay"]
    scene.edit(STATUS_OF_MODELS, {"spec": {"delay": {"durationMilliseconds": 10000}}})
    try:
        run = scene.playbooks.run("site", "--tags", "simulator", settings={"maas_models": [*MODELS, third]})
    finally:
        scene.edit(STATUS_OF_MODELS, {"spec": {"delay": before}})
    assert run.status == 0, told(run)
    said = "Keep an InferenceService and a route for every model, and wait until they are in force"
    scene.mended("KServe's statuses seconds late", run, said, 10, "simulator")


@dataclass(frozen=True)
class Never:
    """An operator that does not come: what keeps its pods away, and what has to be said about it."""

    failure: str
    role: str
    settings: Object
    how: Callable[[Scene], AbstractContextManager[None]]
    says: tuple[str, ...]


def release(name: str, place: str, deployment: str) -> tuple[str, ...]:
    """What is said of every release that is late."""
    late = f"Helm release {name} in the namespace {place}: not all of it is ready after {PATIENCE} s."
    return (late, f"Deployment {place}/{deployment}:", "maas_wait_timeout")


NEVER = (
    Never(
        "cert-manager never: its image cannot be pulled",
        "prerequisites",
        {"prerequisites_cert_manager_values": {"image": {"repository": NOWHERE}}},
        lambda scene: nullcontext(),
        (
            f'container cert-manager-controller: ImagePullBackOff: Back-off pulling image "{NOWHERE}',
            "likely cure: Let the nodes reach the registry of that image",
            *release("cert-manager", "cert-manager", "cert-manager"),
        ),
    ),
    Never(
        "Istio never: no node takes its pods",
        "gateway",
        {"gateway_istiod_values": {"pilot": {"podLabels": {"moved": "never"}}}},
        lambda scene: scene.cordoned(),
        (
            "Unschedulable: 0/2 nodes are available: 2 node(s) were unschedulable",
            "Pod istiod-",
            "likely cure: Add or uncordon nodes that fit",
            *release("istiod", "istio-system", "istiod"),
        ),
    ),
    Never(
        "Kuadrant never: a quota refuses its pods",
        "kuadrant",
        {"kuadrant_auth_timeout": "400ms"},
        lambda scene: scene.there(QUOTAS, FULL),
        (
            "exceeded quota: full, requested: pods=1",
            "ReplicaFailure=True FailedCreate: ",
            "likely cure: Raise that ResourceQuota",
            *release("kuadrant-operator", "kuadrant-system", "kuadrant-operator-controller-manager"),
        ),
    ),
    Never(
        "KServe never: a LimitRange refuses its pods",
        "kserve",
        {"kserve_values": {"kserve": {"controller": {"resources": {"requests": {"cpu": "11m"}}}}}},
        lambda scene: scene.there(LIMITS, SMALL),
        (
            "must be less than or equal to memory limit of 1Mi",
            "ReplicaFailure=True FailedCreate: ",
            "likely cure: Change the LimitRange that sets this limit",
            *release("kserve", "kserve", "kserve-controller-manager"),
        ),
    ),
)


def test_operators_that_never_come(scene: Scene) -> None:
    runs = {}
    for case in NEVER:
        with case.how(scene):
            runs[case.failure] = scene.fails(case.role, case.says, {**case.settings, "maas_wait_timeout": PATIENCE})
    bound = PATIENCE + scene.repaired(*(case.role for case in NEVER))
    for case in NEVER:
        scene.table.add(case.failure, runs[case.failure], case.says[0], bound, MENDED)
