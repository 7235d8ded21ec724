# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects of others under our names: which of ours are looked for, and which of those found are in the way."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL, Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.strangers import strangers
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import key_of
from ansible_collections.maas_billing.platform.plugins.module_utils.render.catalogue import sets_of
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import namespace
from tests.unit.plugins.server import Server

Object = dict[str, Any]

PLACES = {"cert_manager": "cert-manager", "istio": "mesh", "kserve": "kserve"}


def found(**owners: str) -> Object:
    """What a survey tells of the owners of the components; one that is not given is not there."""
    names = ("cert_manager", "istio", "kserve", "kuadrant")
    return {"components": {name: {"owner": owners.get(name, "absent")} for name in names}}


def wanted(**owners: str) -> dict[str, set[str]]:
    platform = read_platform(
        {"domain": "maas.local", "models": [_model("llama")], "simulator_image": "a.example/b:v1.0"}
    )
    sets = sets_of(platform, found(**owners), PLACES)
    return {name: {str(key_of(obj)) for obj in objects} for name, objects in sets.items()}


def _model(name: str) -> Object:
    return {"name": name, "server": "simulator", "allow_unmetered_streams": True}


class TestSets:
    """What the roles would bring, set by set."""

    def test_all_that_follows_from_an_inventory_is_there_with_a_place_for_each_operator(self) -> None:
        sets = wanted()

        assert sets["prerequisites"] == {"Namespace cert-manager"}
        assert {"Namespace mesh", "Namespace maas-gateway", "Gateway maas-gateway/maas"} <= sets["gateway"]
        assert {"Namespace kuadrant-system", "Kuadrant kuadrant-system/kuadrant"} <= sets["kuadrant"]
        assert sets["kserve"] == {"Namespace kserve", "Namespace maas-models"}
        assert sets["simulator"] == {"InferenceService maas-models/llama", "HTTPRoute maas-models/llama"}
        assert {str(key).partition(" ")[0] for key in sets["policies"]} == {
            "AuthPolicy",
            "RateLimitPolicy",
            "TokenRateLimitPolicy",
            "TelemetryPolicy",
        }

    def test_what_somebody_else_brought_needs_no_place(self) -> None:
        sets = wanted(istio="foreign", kuadrant="foreign", cert_manager="foreign")

        assert "prerequisites" not in sets
        assert "kuadrant" not in sets
        assert "Namespace mesh" not in sets["gateway"]
        assert "Namespace kserve" in sets["kserve"]


class TestStrangers:
    """What is in the way on a cluster."""

    @pytest.fixture
    def api(self, server: Server) -> Api:
        return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")

    def look(self, server: Server, api: Api, labels: dict[str, str] | None) -> list[dict[str, str]]:
        """Look for two namespaces, of which one is there with these labels, and for an object of an unknown kind."""
        namespaces = {"name": "namespaces", "kind": "Namespace", "namespaced": False}
        live = namespace("team", "restricted")
        live["metadata"]["labels"] = labels
        server.answers_by_path({"/api/v1": {"resources": [namespaces]}, "/api/v1/namespaces/team": live})
        unknown = {"apiVersion": "nowhere.example/v1", "kind": "Widget", "metadata": {"name": "a", "namespace": "team"}}
        return strangers(api, {"kserve": [namespace("team", "restricted"), namespace("other", "restricted"), unknown]})

    @pytest.mark.parametrize("labels", [None, {"a": "b"}, {PART_OF_LABEL: Parent("gateway", "maas-system").set_id}])
    def test_what_is_not_of_that_very_set_is_in_its_way(
        self, server: Server, api: Api, labels: dict[str, str] | None
    ) -> None:
        assert self.look(server, api, labels) == [{"set": "kserve", "object": "Namespace team"}]

    def test_what_is_ours_is_not(self, server: Server, api: Api) -> None:
        assert self.look(server, api, {PART_OF_LABEL: Parent("kserve", "maas-system").set_id}) == []
