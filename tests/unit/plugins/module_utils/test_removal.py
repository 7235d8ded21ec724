# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the removal of our components would leave behind, and what still needs them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.components import COMPONENTS
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import APPLIED_ANNOTATION
from ansible_collections.maas_billing.platform.plugins.module_utils.removal import in_use, leftovers
from tests.unit.plugins.server import Server

Object = dict[str, Any]
ISTIO_KIND = "envoyfilters.networking.istio.io"
_NAMESPACES = {"istio": "istio-system", "cert_manager": "cert-manager", "kserve": "kserve", "kuadrant": "kuadrant"}


@pytest.fixture
def api(server: Server) -> Api:
    return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")


def ours(name: str, **metadata: Any) -> Object:
    """Metadata of an object that one of our sets applied."""
    marks = {"labels": {PART_OF_LABEL: "applyset-x-v1"}, "annotations": {APPLIED_ANNOTATION: "0"}}
    return {"name": name, **marks, **metadata}


def found(gateway_api: str = "absent", **owners: str) -> Object:
    """Return what a survey tells of the Gateway API and of components, absent if not named."""
    components = {
        name: {
            "owner": owners.get(name, "absent"),
            "namespace": _NAMESPACES[name] if name in owners else "",
            "definitions": [],
        }
        for name in COMPONENTS
    }
    return {"gateway_api": {"owner": gateway_api}, "components": components}


def test_what_our_istio_leaves_behind_is_listed_for_removal(server: Server, api: Api) -> None:
    classes = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
    certificate = {"metadata": {"name": "istio-ca-root-cert", "namespace": "default"}}
    server.answers_by_path(
        {f"{classes}/istio": {"kind": "GatewayClass"}, "/api/v1/configmaps": {"items": [certificate]}}
    )
    components = found(istio="ours")["components"]
    components["istio"]["definitions"] = [ISTIO_KIND]

    assert leftovers(api, components) == {
        "istio": [
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "istio"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": certificate["metadata"]},
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": ISTIO_KIND},
            },
        ],
        "cert_manager": [],
        "kserve": [],
        "kuadrant": [],
    }
    (listed,) = [request.query for request in server.requests if request.path == "/api/v1/configmaps"]
    assert listed["fieldSelector"] == "metadata.name=istio-ca-root-cert"


def test_a_foreign_istio_leaves_nothing_for_us_to_remove(server: Server, api: Api) -> None:
    assert leftovers(api, found(istio="foreign")["components"])["istio"] == []
    assert server.requests == []


def test_what_others_have_that_needs_a_component_of_ours_is_named(server: Server, api: Api) -> None:
    gateways = [
        {"metadata": {"name": "entry", "namespace": "team"}},
        {"metadata": ours("maas", namespace="maas-gateway")},
        {"metadata": {"name": "made-by-the-operator", "namespace": "istio-system"}},
    ]
    issuers = [{"metadata": {"name": "letters"}}]
    server.answers_by_path(
        {
            "/apis/gateway.networking.k8s.io/v1/gateways": {"items": gateways},
            "/apis/cert-manager.io/v1/clusterissuers": {"items": issuers},
        }
    )
    used = in_use(api, found(istio="ours", cert_manager="ours", gateway_api="ours"), ours_goes=True)

    assert used["istio"] == ["gateways team/entry"]
    assert used["cert_manager"] == ["clusterissuers letters", "gateways team/entry"]
    assert used["kserve"] == []
    assert not [request for request in server.requests if "inferenceservices" in request.path]


def test_what_kserve_of_ours_stands_on_is_in_use_while_others_have_models(server: Server, api: Api) -> None:
    models = [{"metadata": {"name": "llama", "namespace": "team"}}]
    server.answers_by_path({"/apis/serving.kserve.io/v1beta1/inferenceservices": {"items": models}})
    used = in_use(api, found(kserve="ours", cert_manager="ours"), ours_goes=True)

    assert used["kserve"] == ["inferenceservices team/llama"]
    assert used["cert_manager"] == ["KServe itself"]


def test_a_foreign_istio_needs_our_gateway_api_and_no_other(server: Server, api: Api) -> None:
    server.answers_by_path({})
    ours = in_use(api, found(istio="foreign", cert_manager="ours", gateway_api="ours"), ours_goes=True)
    theirs = in_use(api, found(istio="foreign", cert_manager="ours", gateway_api="foreign"), ours_goes=True)

    assert ours["cert_manager"] == ["somebody else's Istio, which needs the Gateway API"]
    assert theirs["cert_manager"] == []


@pytest.mark.parametrize("cert_manager", ["ours", "foreign", "absent"])
def test_our_gateway_api_is_in_use_whoever_brought_cert_manager(server: Server, api: Api, cert_manager: str) -> None:
    routes = [{"metadata": {"name": "shop", "namespace": "team"}}]
    server.answers_by_path({"/apis/gateway.networking.k8s.io/v1/httproutes": {"items": routes}})
    used = in_use(api, found(cert_manager=cert_manager, gateway_api="ours"), ours_goes=True)

    assert used["cert_manager"] == ["httproutes team/shop"]


def test_a_login_that_may_not_see_who_uses_a_component_is_told(server: Server, api: Api) -> None:
    server.answers({"message": "no"}, 403)

    with pytest.raises(ApiError, match="may not do this"):
        in_use(api, found(istio="ours"), ours_goes=True)


def test_our_own_count_too_unless_they_go_before(server: Server, api: Api) -> None:
    models = [{"metadata": ours("simulator", namespace="maas-models")}]
    server.answers_by_path({"/apis/serving.kserve.io/v1beta1/inferenceservices": {"items": models}})

    assert in_use(api, found(kserve="ours"), ours_goes=True)["kserve"] == []
    assert in_use(api, found(kserve="ours"), ours_goes=False)["kserve"] == ["inferenceservices maas-models/simulator"]


@pytest.mark.parametrize(
    ("kuadrant", "ours_goes", "used"),
    [("ours", False, True), ("ours", True, False), ("foreign", True, True), ("absent", False, False)],
)
def test_kuadrant_needs_our_istio(server: Server, api: Api, kuadrant: str, ours_goes: bool, used: bool) -> None:
    server.answers_by_path({})
    users = in_use(api, found(istio="ours", kuadrant=kuadrant), ours_goes)

    assert users["istio"] == (["Kuadrant, which works on Istio"] if used else [])
