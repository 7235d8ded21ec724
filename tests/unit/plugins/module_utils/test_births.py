# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model is reachable only by a route that was seen to ask for a key."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.births import leading, shut, unproven
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_objects
from tests.unit.plugins.rendered import everything
from tests.unit.plugins.server import Server
from tests.unit.plugins.strategies import intents

Object = dict[str, Any]

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/maas-models/httproutes"
INTENT: Object = {
    "domain": "maas.local",
    "simulator_image": "a.b/c:1",
    "models": [{"name": name, "server": "simulator", "allow_unmetered_streams": True} for name in ("tiny", "big")],
}


@pytest.fixture
def api(server: Server) -> Api:
    return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")


def platform(**more: Any) -> Platform:
    return read_platform({**INTENT, **more})


def routes(objects: list[Object]) -> list[Object]:
    return [item for item in objects if item["kind"] == "HTTPRoute"]


def backends(objects: list[Object]) -> dict[str, bool]:
    """Say of each route whether it leads anywhere."""
    return {
        route["metadata"]["name"]: any("backendRefs" in rule for rule in route["spec"]["rules"])
        for route in routes(objects)
    }


class TestUnproven:
    """Which models have no route yet that leads to them."""

    def found(self, server: Server, api: Api, live: list[Object], **more: Any) -> list[str]:
        server.answers_by_path({ROUTES: {"items": live}})
        return unproven(api, platform(**more))

    def test_on_an_empty_cluster_all(self, server: Server, api: Api) -> None:
        assert self.found(server, api, []) == ["tiny", "big"]

    def test_where_the_kind_does_not_exist_yet_all(self, server: Server, api: Api) -> None:
        server.answers_by_path({})

        assert unproven(api, platform()) == ["tiny", "big"]

    def test_where_routes_cannot_be_read_nothing_is_believed(self, server: Server, api: Api) -> None:
        server.answers({"kind": "Status", "message": "forbidden"}, 403)

        with pytest.raises(ApiError, match="forbidden"):
            unproven(api, platform())

    def test_where_all_routes_lead_to_their_models_none(self, server: Server, api: Api) -> None:
        assert self.found(server, api, routes(model_objects(platform()))) == []

    def test_only_routes_of_models_are_asked_for(self, server: Server, api: Api) -> None:
        self.found(server, api, [])

        assert [request.query for request in server.requests] == [{"labelSelector": "maas-billing.platform/model"}]

    def test_a_route_that_was_shut_is_still_unproven(self, server: Server, api: Api) -> None:
        live = shut(routes(model_objects(platform())), ["big"])

        assert self.found(server, api, live) == ["big"]

    def test_a_model_under_a_new_name_is_proven_again(self, server: Server, api: Api) -> None:
        live = routes(model_objects(platform()))
        models = [INTENT["models"][0], {**INTENT["models"][1], "subdomain": "large"}]

        assert self.found(server, api, live, models=models) == ["big"]
        assert self.found(server, api, live, domain="maas.example") == ["tiny", "big"]

    @pytest.mark.parametrize("more", [{"gateway_name": "edge"}, {"gateway_namespace": "ingress"}])
    def test_behind_another_gateway_every_model_is_proven_again(self, server: Server, api: Api, more: Object) -> None:
        live = routes(model_objects(platform()))

        assert self.found(server, api, live, **more) == ["tiny", "big"]


class TestLeading:
    """Which routes lead to models, whatever the inventory says."""

    ALL_ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"

    def found(self, server: Server, api: Api, live: list[Object]) -> list[str]:
        server.answers_by_path({self.ALL_ROUTES: {"items": live}})
        return leading(api)

    def test_those_with_backends(self, server: Server, api: Api) -> None:
        live = routes(model_objects(platform()))

        assert self.found(server, api, live) == ["maas-models/big", "maas-models/tiny"]
        assert self.found(server, api, shut(live, ["big"])) == ["maas-models/tiny"]

    def test_a_route_without_rules_leads_nowhere(self, server: Server, api: Api) -> None:
        assert self.found(server, api, [{"metadata": {"namespace": "a", "name": "b"}, "spec": {}}]) == []

    def test_only_routes_of_models_are_asked_for_and_in_all_namespaces(self, server: Server, api: Api) -> None:
        self.found(server, api, [])

        assert [(request.path, request.query) for request in server.requests] == [
            (self.ALL_ROUTES, {"labelSelector": "maas-billing.platform/model"})
        ]

    def test_without_the_kind_there_are_none_and_without_an_answer_nothing_is_believed(
        self, server: Server, api: Api
    ) -> None:
        server.answers_by_path({})
        assert leading(api) == []

        server.answers({"kind": "Status", "message": "forbidden"}, 403)
        with pytest.raises(ApiError, match="forbidden"):
            leading(api)


class TestShut:
    """Routes that lead nowhere."""

    @for_all(intents(), st.data())
    def test_only_the_routes_of_these_models_lose_their_backends(self, intent: Object, data: st.DataObject) -> None:
        objects = everything(read_platform(intent))
        names = [model["name"] for model in intent["models"]]
        closed = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
        before = copy.deepcopy(objects)

        assert backends(shut(objects, closed)) == {name: name not in closed for name in names}
        assert objects == before

    @for_all(intents())
    def test_all_else_stays_as_it_is(self, intent: Object) -> None:
        objects = everything(read_platform(intent))
        names = [model["name"] for model in intent["models"]]

        for one, other in zip(objects, shut(objects, names), strict=True):
            rules = [{**rule, "backendRefs": None} for rule in one["spec"]["rules"]] if one in routes(objects) else []
            if rules:
                assert other["metadata"] == one["metadata"]
                assert {**other["spec"], "rules": 0} == {**one["spec"], "rules": 0}
                assert [{**rule, "backendRefs": None} for rule in other["spec"]["rules"]] == rules
            else:
                assert other == one

    def test_routes_of_others_are_none_of_ours(self) -> None:
        other = {"kind": "HTTPRoute", "metadata": {"name": "tiny"}, "spec": {"rules": [{"backendRefs": [{}]}]}}

        assert shut([other], ["tiny"]) == [other]
