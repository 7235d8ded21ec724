# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KServe as the models will find it."""

from __future__ import annotations

import json
from typing import Any


def test_the_controller_runs_and_serves_in_standard_mode(objects: Any) -> None:
    (controller,) = objects("apps/v1", "Deployment", "kserve", "kserve-controller-manager")
    (settings,) = objects("v1", "ConfigMap", "kserve", "inferenceservice-config")
    assert controller["status"]["availableReplicas"] == controller["spec"]["replicas"]
    assert json.loads(settings["data"]["deploy"])["defaultDeploymentMode"] == "Standard"


def test_the_kind_of_the_models_is_established(objects: Any) -> None:
    (definition,) = objects(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", name="inferenceservices.serving.kserve.io"
    )
    assert {"type": "Established", "status": "True"}.items() <= {
        key: item[key] for item in definition["status"]["conditions"] if item["type"] == "Established" for key in item
    }.items()


def test_models_run_under_pod_security_restricted(objects: Any) -> None:
    (namespace,) = objects("v1", "Namespace", name="maas-models")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
