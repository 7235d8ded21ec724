# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every model becomes an InferenceService and a route that leads to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_objects
from tests.unit.plugins.strategies import intents

MODEL = {"name": "m", "server": "simulator", "allow_unmetered_streams": True}


@for_all(intents())
def test_each_model_has_one_service_and_one_route_in_the_order_of_the_inventory(values: dict[str, Any]) -> None:
    found = [(item["kind"], item["metadata"]["name"]) for item in model_objects(read_platform(values))]

    names = [model["name"] for model in values["models"]]
    assert found == [(kind, name) for name in names for kind in ("InferenceService", "HTTPRoute")]


@for_all(intents())
def test_the_route_leads_to_the_service_that_kserve_makes(values: dict[str, Any]) -> None:
    objects = model_objects(read_platform(values))

    for service, route in zip(objects[::2], objects[1::2], strict=True):
        (rule,) = route["spec"]["rules"]
        (backend,) = rule["backendRefs"]
        assert backend["name"] == f"{service['metadata']['name']}-predictor"
        assert backend["port"] == 80
        assert route["metadata"]["namespace"] == service["metadata"]["namespace"]


@for_all(intents())
def test_the_simulator_listens_where_its_pod_says(values: dict[str, Any]) -> None:
    for service in model_objects(read_platform(values))[::2]:
        (container,) = service["spec"]["predictor"]["containers"]
        (port,) = container["ports"]
        assert f"--port={port['containerPort']}" in container["args"]
        assert container["readinessProbe"]["httpGet"]["port"] == port["containerPort"]


@for_all(intents())
def test_kserve_makes_no_route_of_its_own(values: dict[str, Any]) -> None:
    for service in model_objects(read_platform(values))[::2]:
        assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
        assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"


def test_pods_obey_the_rules_of_their_namespace() -> None:
    values = {"domain": "maas.local", "simulator_image": "a.b/c:1", "models": [MODEL]}
    predictor = model_objects(read_platform(values))[0]["spec"]["predictor"]
    container = predictor["containers"][0]["securityContext"]

    # What Pod Security Standards call restricted.
    assert predictor["securityContext"]["runAsNonRoot"] is True
    assert predictor["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}


def test_a_simulated_model_without_an_image_is_refused_by_the_name_of_the_variable() -> None:
    platform = read_platform({"domain": "maas.local", "models": [MODEL]})

    with pytest.raises(
        IntentError, match="maas_simulator_image: is missing; allowed: an image with registry and a fixed"
    ):
        model_objects(platform)


@for_all(intents())
def test_neither_a_key_nor_a_forged_identity_reaches_a_model(values: dict[str, Any]) -> None:
    for route in model_objects(read_platform(values))[1::2]:
        for rule in route["spec"]["rules"]:
            removed = {
                name.lower() for item in rule["filters"] for name in item.get("requestHeaderModifier", {})["remove"]
            }
            # S8 of the measured facts: what the client sends goes on to the model, its key too.
            assert removed == {"authorization", "x-maas-user", "x-maas-team", "x-maas-tier"}
