# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway takes every model's name, from the models' namespace only, and Istio finds how to expose it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given as for_all
from lupa import lua51  # Envoy's LuaJIT speaks Lua 5.1.

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.gateway import (
    gateway,
    gateway_objects,
    needs_lower_case_host,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_route
from tests.unit.plugins.rendered import versions
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
    _namespace, settings, *_others = gateway_objects(read_platform({**values, "gateway_node_port": 30080}))

    assert json.loads(settings["data"]["service"]) == {
        "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 8000, "nodePort": 30080}]}
    }


class Headers:
    """The headers of a request as Envoy shows them to a script; ``replaced`` counts what the script wrote."""

    def __init__(self, authority: str | None) -> None:
        self.authority = authority
        self.replaced = 0

    def get(self, _this: Any, name: str) -> str | None:
        return self.authority if name == ":authority" else None

    def replace(self, _this: Any, name: str, value: str) -> None:
        assert name == ":authority"
        self.authority = value
        self.replaced += 1


class TestLowerCaseHost:
    """S1 of the measured facts: a Host with an upper-case letter passes all policies, unless it is rewritten first."""

    def envoy_filter(self, **values: Any) -> dict[str, Any]:
        objects = gateway_objects(read_platform({"domain": "maas.local", **values}))
        (found,) = (item for item in objects if item["kind"] == "EnvoyFilter")
        return found

    def run(self, authority: str | None) -> Headers:
        """Run the script of the filter on a request."""
        (patch,) = self.envoy_filter()["spec"]["configPatches"]
        lua = lua51.LuaRuntime()
        lua.execute(patch["patch"]["value"]["typed_config"]["default_source_code"]["inline_string"])
        headers = Headers(authority)
        headers_table = lua.table_from({"get": headers.get, "replace": headers.replace})
        lua.globals().envoy_on_request(lua.table_from({"headers": lambda _this: headers_table}))
        return headers

    @pytest.mark.parametrize(
        "authority", ["SIMULATOR.maas.local", "simulator.MAAS.local:8000", "A", "Simulator.Maas.Local:80"]
    )
    def test_its_script_writes_the_host_in_lower_case(self, authority: str) -> None:
        assert self.run(authority).authority == authority.lower()

    @pytest.mark.parametrize("authority", ["simulator.maas.local", "simulator.maas.local:8000", "", None])
    def test_its_script_touches_no_other_request(self, authority: str | None) -> None:
        headers = self.run(authority)

        assert (headers.authority, headers.replaced) == (authority, 0)

    def test_it_comes_before_everything_else_and_holds_for_our_gateway_alone(self) -> None:
        found = self.envoy_filter(gateway_name="edge", gateway_namespace="ingress")
        (patch,) = found["spec"]["configPatches"]

        assert found["metadata"]["namespace"] == "ingress"
        assert [target["name"] for target in found["spec"]["targetRefs"]] == ["edge"]
        assert (patch["applyTo"], patch["match"]["context"]) == ("HTTP_FILTER", "GATEWAY")
        assert patch["patch"]["operation"] == "INSERT_FIRST"

    @pytest.mark.parametrize(
        ("version", "needed"),
        [
            *((version, True) for version in ("1.4", "1.5", "1.5.1", "1.5.2")),
            *((version, False) for version in ("1.5.3", "1.5.10", "1.6.0", "2.0")),
        ],
    )
    def test_it_is_there_for_the_versions_that_need_it(self, version: str, needed: bool) -> None:
        objects = gateway_objects(read_platform({"domain": "maas.local", "versions": versions(version)}))

        assert needs_lower_case_host(version) is needed
        assert ("EnvoyFilter" in [item["kind"] for item in objects]) is needed
