# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated model: llm-d-inference-sim as a KServe InferenceService."""

from __future__ import annotations

from ..errors import IntentError, Problem
from ..intent.models import Model
from ..intent.platform import PREFIX, Platform
from ..intent.rules import IMAGE
from .objects import MODEL_LABEL, Manifest, manifest

_PORT = 8080


def simulator_service(platform: Platform, model: Model) -> Manifest:
    """Return the InferenceService that runs the simulator under the rules of Pod Security ``restricted``.

    :raises IntentError: when the platform names no image for simulators.
    """
    if platform.simulator_image is None:
        raise IntentError([Problem(f"{PREFIX}simulator_image", "is missing", IMAGE.allowed)])
    return manifest(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        model.name,
        platform.models_namespace,
        # The route is ours (render/models.py): KServe must not make a second one.
        labels={MODEL_LABEL: model.name, "networking.kserve.io/visibility": "cluster-local"},
        annotations={"serving.kserve.io/deploymentMode": "Standard"},
        spec={
            "predictor": {
                "minReplicas": model.replicas,
                "maxReplicas": model.replicas,
                "automountServiceAccountToken": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [_container(platform.simulator_image, model)],
            }
        },
    )


def _container(image: str, model: Model) -> Manifest:
    size = {"cpu": model.resources.cpu, "memory": model.resources.memory}
    return {
        "name": "kserve-container",
        "image": image,
        "args": _arguments(model),
        "ports": [{"name": "http1", "containerPort": _PORT, "protocol": "TCP"}],
        "resources": {"requests": dict(size), "limits": dict(size)},
        "readinessProbe": {"httpGet": {"path": "/health", "port": _PORT}, "periodSeconds": 5},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _arguments(model: Model) -> list[str]:
    settings = model.simulator
    return [
        f"--model={model.id}",
        f"--port={_PORT}",
        f"--mode={settings.mode}",
        f"--max-model-len={settings.max_model_len}",
        f"--time-to-first-token={settings.time_to_first_token}",
        f"--inter-token-latency={settings.inter_token_latency}",
        # Without it a name from Hugging Face makes the simulator fetch the real tokenizer from there.
        "--force-dummy-tokenizer",
    ]
