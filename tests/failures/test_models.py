# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Models whose pods do not come: the run names the pod's or the quota's own words, and what to change."""

from __future__ import annotations

from tests.failures.scene import MODELS, Object, Scene

ROLE = "simulator"
IMAGE = "registry.unreachable.invalid/llm-d-inference-sim:v0.10.2"
QUOTAS = "/api/v1/namespaces/maas-models/resourcequotas"
PATIENCE = 4


def test_an_image_that_cannot_be_pulled(scene: Scene) -> None:
    settings = {"maas_simulator_image": IMAGE, "maas_wait_timeout": PATIENCE}
    said = f'ImagePullBackOff: Back-off pulling image "{IMAGE}"'
    says = (
        "InferenceService maas-models/simulator",
        "Deployment simulator-predictor: ",
        "Pod simulator-predictor-",
        "container kserve-container: " + said,
        "likely cure: Let the nodes reach the registry of that image, or set another: maas_simulator_image",
    )
    # Changed models first have a few seconds to be noticed.
    run = scene.fails(ROLE, says, settings)
    # What was there before answers on.
    assert scene.read("/apis/apps/v1/namespaces/maas-models/deployments/echo-predictor")["status"]["availableReplicas"]
    scene.mended("Image pull failing", run, "ImagePullBackOff: ", PATIENCE + 5, ROLE)


def test_a_quota_of_the_namespace_of_the_models(scene: Scene) -> None:
    third = {"name": "third", "server": "simulator", "allow_unmetered_streams": True}
    quota: Object = {"metadata": {"name": "tight"}, "spec": {"hard": {"pods": "2"}}}
    says = (
        "InferenceService maas-models/third",
        "Deployment third-predictor: ReplicaFailure=True FailedCreate: pods ",
        "exceeded quota: tight, requested: pods=1, used: pods=2, limited: pods=2",
        "likely cure: Raise that ResourceQuota",
        "resources and replicas in maas_models",
    )
    with scene.there(QUOTAS, quota):
        settings = {"maas_models": [*MODELS, third], "maas_wait_timeout": PATIENCE}
        run = scene.fails(ROLE, says, settings)
    assert "Deployment simulator-predictor" not in run.text
    scene.mended("Quota of the models' namespace exceeded", run, "exceeded quota: tight", PATIENCE, ROLE)
