# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a model: what serves it, and the route that leads clients to it."""

from __future__ import annotations

from ..intent.models import Model
from ..intent.platform import Platform
from .gateway import LISTENER
from .objects import MODEL_LABEL, Manifest, manifest, namespace
from .simulator import simulator_service


def serving_objects(platform: Platform) -> list[Manifest]:
    """Return the namespace in which all models run."""
    return [namespace(platform.models_namespace, "restricted")]


# What clients may ask of a model: only what the gateway can count. It finds tokens in answers of these forms alone, so
# other ways to ask (`/v1/messages`, streams of `/v1/responses`; section 6.1 of the measured facts) would cost nothing,
# and a server's `/metrics` or `/admin` are nobody's business. Exact, so that no `..` in a longer path leads elsewhere.
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models")

# Neither the caller's key nor what pretends to be the gateway's word on the caller is a model's business.
_KEPT_FROM_MODELS = ("Authorization", "X-Maas-User", "X-Maas-Team", "X-Maas-Tier")


def model_objects(platform: Platform) -> list[Manifest]:
    """Return InferenceService and HTTPRoute of every model, in the order of ``maas_models``."""
    return [
        item for model in platform.models for item in (simulator_service(platform, model), model_route(platform, model))
    ]


def predictor_service(model: Model) -> str:
    """Return the name of the Service that KServe makes for a model (Standard mode)."""
    return f"{model.name}-predictor"


def model_route(platform: Platform, model: Model) -> Manifest:
    """Return the HTTPRoute that leads the model's subdomain to the Service that KServe makes for it, at port 80."""
    return manifest(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        model.name,
        platform.models_namespace,
        labels={MODEL_LABEL: model.name},
        spec={
            "parentRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "name": platform.gateway_name,
                    "namespace": platform.gateway_namespace,
                    "sectionName": LISTENER,
                }
            ],
            "hostnames": [platform.hostname(model)],
            "rules": [
                {
                    "matches": [{"path": {"type": "Exact", "value": path}} for path in PATHS],
                    "filters": [
                        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": list(_KEPT_FROM_MODELS)}}
                    ],
                    "backendRefs": [{"group": "", "kind": "Service", "name": predictor_service(model), "port": 80}],
                }
            ],
        },
    )
