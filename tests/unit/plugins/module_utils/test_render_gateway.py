# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway takes every model's name, from the models' namespace only, and Istio finds how to expose it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given as for_all

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.gateway import gateway, gateway_objects
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_route
from tests.unit.plugins.strategies import intents

SERVICE_TYPE = "networking.istio.io/service-type"


@for_all(intents())
def test_every_route_is_admitted_by_the_listener_it_names(values: dict[str, Any]) -> None:
    platform = read_platform(values)
    (listener,) = gateway(platform)["spec"]["listeners"]
    admitted = listener["allowedRoutes"]["namespaces"]["selector"]["matchLabels"]["kubernetes.io/metadata.name"]

    for model in platform.models:
        route = model_route(platform, model)
        (parent,) = route["spec"]["parentRefs"]
        label, _dot, rest = route["spec"]["hostnames"][0].partition(".")
        assert parent["sectionName"] == listener["name"]
        assert (parent["name"], parent["namespace"]) == (platform.gateway_name, platform.gateway_namespace)
        assert route["metadata"]["namespace"] == admitted
        assert label
        assert f"*.{rest}" == listener["hostname"]


@for_all(intents())
def test_the_gateways_namespace_comes_first_and_everything_else_lives_in_it(
    values: dict[str, Any],
) -> None:
    first, *others = gateway_objects(read_platform(values))

    assert first["kind"] == "Namespace"
    assert {item["metadata"]["namespace"] for item in others} == {first["metadata"]["name"]}


@for_all(intents())
def test_the_service_is_exposed_by_an_annotation_or_by_settings_never_by_both(values: dict[str, Any]) -> None:
    platform = read_platform(values)
    objects = {item["kind"]: item for item in gateway_objects(platform)}
    annotation = objects["Gateway"]["metadata"].get("annotations", {}).get(SERVICE_TYPE)

    if platform.gateway_node_port is not None:
        assert annotation is None
        assert objects["Gateway"]["spec"]["infrastructure"]["parametersRef"] == {
            "group": "",
            "kind": "ConfigMap",
            "name": objects["ConfigMap"]["metadata"]["name"],
        }
    else:
        assert "ConfigMap" not in objects
        assert "infrastructure" not in objects["Gateway"]["spec"]
        assert annotation == {"LoadBalancer": None}.get(platform.gateway_service_type, platform.gateway_service_type)


def test_the_settings_of_the_service_give_the_listeners_port_the_wanted_node_port() -> None:
    values = {"domain": "maas.local", "gateway_http_port": 8000, "gateway_service_type": "NodePort"}
    _namespace, settings, _gateway = gateway_objects(read_platform({**values, "gateway_node_port": 30080}))

    assert json.loads(settings["data"]["service"]) == {
        "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 8000, "nodePort": 30080}]}
    }
