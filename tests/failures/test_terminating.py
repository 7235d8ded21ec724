# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is being deleted while `site` wants it: named with what holds it, waited for, and made anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.failures.scene import HOLD, MENDED, Scene, told
from tests.module.objects import config_map

PATIENCE = 3
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OURS = "referencegrants.gateway.networking.k8s.io"
OF_A_CHART = "certificates.cert-manager.io"
MODELS = "/api/v1/namespaces/maas-models"


@contextmanager
def held(scene: Scene, path: str) -> Iterator[None]:
    """Have something deleted, and a finalizer hold it until the end."""
    scene.edit(path, {"metadata": {"finalizers": [HOLD]}})
    scene.cluster.request("DELETE", path)
    try:
        yield
    finally:
        let_go(scene, path)


def let_go(scene: Scene, path: str) -> None:
    """Take our finalizer away, and leave those of others."""
    found = scene.cluster.request("GET", path)
    left = [name for name in found["metadata"].get("finalizers", []) if name != HOLD] if found else []
    if found:
        scene.edit(path, {"metadata": {"finalizers": left or None}})
        uid = found["metadata"]["uid"]
        scene.cluster.wait_for(lambda: uid != _uid(scene, path), f"the end of {path}")


def _uid(scene: Scene, path: str) -> str:
    found = scene.cluster.request("GET", path)
    return found["metadata"]["uid"] if found else ""


def test_a_definition_of_our_own_set(scene: Scene) -> None:
    says = (
        f"CustomResourceDefinition {OURS}:",
        "it is being deleted since 2",
        HOLD,
        "likely cure: Whoever set these finalizers takes them away",
    )
    with held(scene, f"{DEFINITIONS}/{OURS}"):
        run = scene.fails("prerequisites", says, {"maas_wait_timeout": PATIENCE})
    scene.mended("CRD of our set terminating", run, "it is being deleted since", PATIENCE, "prerequisites")
    assert scene.read(f"{DEFINITIONS}/{OURS}")["metadata"].get("deletionTimestamp") is None


def test_a_definition_of_a_chart(scene: Scene) -> None:
    says = (
        f"The CustomResourceDefinition {OF_A_CHART} of cert-manager is being deleted since 2",
        HOLD,
        "see that it runs, or do it by hand. Run again when it is gone.",
    )
    with held(scene, f"{DEFINITIONS}/{OF_A_CHART}"):
        run = scene.fails("prerequisites", says, {"maas_wait_timeout": PATIENCE})
    assert scene.cluster.request("GET", f"{DEFINITIONS}/{OF_A_CHART}") is None
    scene.mended("CRD of a chart terminating", run, "is being deleted since", 0, "prerequisites")
    assert scene.read(f"{DEFINITIONS}/{OF_A_CHART}")


def test_a_namespace_of_ours_that_is_held_and_let_go_in_the_middle(scene: Scene) -> None:
    note = config_map("maas-models", "note", text="kept by somebody")
    note["metadata"]["finalizers"] = [HOLD]
    scene.cluster.create(note)
    scene.cluster.request("DELETE", MODELS)
    path = f"{MODELS}/configmaps/note"
    scene.cluster.wait_for(lambda: _uid(scene, path) and scene.read(path)["metadata"].get("deletionTimestamp"), "it")
    says = (
        "Namespace maas-models:",
        "it is being deleted since 2",
        f"{HOLD} in 1 resource instances",
        "likely cure: It is being deleted: something in it still has a finalizer.",
    )
    scene.cluster.wait_for(lambda: HOLD in str(scene.read(MODELS)["status"]), "the namespace says what holds it")
    run = scene.playbooks.run("site", "--tags", "kserve", settings={"maas_wait_timeout": PATIENCE})
    assert run.status != 0
    assert [text for text in says if text not in told(run)] == [], told(run)

    going_on = scene.playbooks.start("site", "--tags", "kserve,simulator")
    waits = "objects | Keep the namespace of the models, and a place for KServe"
    scene.cluster.wait_for(lambda: waits in going_on.output.read_text(encoding="utf-8"), "it waits", 120)
    time.sleep(PATIENCE)
    assert going_on.process.poll() is None
    let_go(scene, path)
    done = going_on.end()
    assert done.status == 0, told(done)
    beside = scene.repaired("kserve", "simulator")
    scene.table.add("Namespace of ours terminating, held", run, HOLD, PATIENCE + beside, MENDED)
    scene.table.add("Namespace of ours terminating, let go in the middle", done, waits, beside, "done by that run")
