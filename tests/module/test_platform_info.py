# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""platform_info on clusters that hold nothing, our things, and other people's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.objects import config_map, deployment, namespace
from tests.module.running import Modules

Object = dict[str, Any]


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_a_cluster_without_any_of_it(modules: Modules, cluster: Cluster, check: bool) -> None:
    with cluster.counted() as requests:
        answer = modules.run("platform_info", {}, check)
    found = answer["platform"]
    assert answer["changed"] is False
    assert found["kubernetes_version"].startswith("v1.")
    assert found["distribution"] == "kubernetes"
    assert {name: item["owner"] for name, item in found["components"].items()} == {
        "istio": "absent",
        "cert_manager": "absent",
        "kserve": "absent",
        "kuadrant": "absent",
    }
    assert found["summary"][0] == f"Kubernetes {found['kubernetes_version']} (kubernetes)"
    assert "Istio: not there" in found["summary"][2]
    assert {request.verb for request in requests} <= {"get", "list"}
    assert len(requests) <= 13


@pytest.mark.usefixtures("gateway_api")
def test_definitions_of_others_are_foreign_with_version_and_channel(modules: Modules) -> None:
    assert modules.run("platform_info", {})["platform"]["gateway_api"] == {
        "title": "Gateway API",
        "owner": "foreign",
        "version": "v1.4.1",
        "channel": "standard",
        "outdated": False,
    }


@pytest.mark.usefixtures("gateway_api")
def test_definitions_in_a_set_are_ours(space: Space, modules: Modules, cluster: Cluster) -> None:
    (manifest,) = (cluster.bundle / "manifests").glob("gateway-api-*.yaml")
    space.apply([], manifests=[str(manifest)], adopt=True)
    assert modules.run("platform_info", {})["platform"]["gateway_api"]["owner"] == "ours"
    space.remove(remove_shared=True)
    assert modules.run("platform_info", {})["platform"]["gateway_api"]["owner"] == "foreign"


def test_a_component_in_somebody_elses_namespace_is_foreign(space: Space, modules: Modules, cluster: Cluster) -> None:
    istiod = cluster.create(_istiod(space.home, {"app": "istiod", "app.kubernetes.io/version": "1.28.0"}))
    found = modules.run("platform_info", {})["platform"]
    cluster.delete(istiod)
    assert found["components"]["istio"] == {
        "title": "Istio",
        "owner": "foreign",
        "running": False,
        "rolled_out": True,
        "namespace": space.home,
        "version": "1.28.0",
        "missing": [],
        "definitions": [],
        "obstacle": f"Istio is not ours (namespace {space.home}): its kinds are defined, but its controller does not "
        "run. It was left as it is. Start it, or delete its CustomResourceDefinitions so that the platform can bring "
        "its own.",
        "package": "",
        "settings": {},
    }
    where = f"in namespace {space.home}, without a running controller"
    assert f"Istio 1.28.0: somebody else's, {where}, kept as it is" in found["summary"]


def test_a_component_in_a_namespace_of_ours_is_ours_with_its_leftovers(
    space: Space, modules: Modules, cluster: Cluster
) -> None:
    place = space.name("istio")
    space.apply([], operator_namespaces={place: "istio"})
    assert cluster.held(namespace(place))["metadata"]["labels"]["maas-billing.platform/shared"] == "true"
    cluster.create(_istiod(place, {"app": "istiod"}))
    root = config_map(space.home, "istio-ca-root-cert")
    root["metadata"]["labels"] = {"istio.io/config": "true"}
    cluster.create(root)
    found = modules.run("platform_info", {"leftovers": True})["platform"]
    assert found["components"]["istio"]["owner"] == "ours"
    assert found["components"]["istio"]["version"] == "1.29.6-distroless"
    assert {"apiVersion": "v1", "kind": "ConfigMap", "metadata": root["metadata"] | {"labels": None}} in [
        {**item, "metadata": item["metadata"] | {"labels": None}} for item in found["leftovers"]["istio"]
    ]


def test_a_wrong_intent_is_refused_without_asking_the_cluster(modules: Modules, cluster: Cluster) -> None:
    with cluster.counted() as requests:
        answer = modules.run("platform_info", {"intent": {"domain": "Maas.Local", "models": [{"server": "simulator"}]}})
    assert answer["failed"] is True
    assert answer["msg"].startswith(
        "The inventory has 2 values that cannot be used. Nothing was changed.\n- maas_domain: "
    )
    assert "- maas_models[0].name: is missing" in answer["msg"]
    assert requests == []


def test_an_unreachable_cluster_is_said(modules: Modules) -> None:
    answer = modules.run("platform_info", {"host": "https://127.0.0.1:1", "api_key": "x"})
    assert answer["msg"].startswith(
        "The API server https://127.0.0.1:1 cannot be reached: [Errno 111] Connection refused. See whether it runs, "
    )


def _istiod(place: str, labels: dict[str, str]) -> Object:
    wanted = deployment(place, "istiod")
    wanted["metadata"]["labels"] = labels
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/pilot:1.29.6-distroless"
    return wanted


SINKS = {
    "a namespace that is not there": (
        {"kuadrant_keys_sink": "secret", "kuadrant_keys_namespace": "tests-nowhere"},
        "kuadrant_keys_namespace: there is no namespace tests-nowhere. Nothing was changed. Make it first.",
    ),
    "a folder that is not there": (
        {"kuadrant_keys_sink": "file", "kuadrant_keys_file": "/nowhere/keys", "maas_keys_file": "/nowhere/keys"},
        "maas_keys_file: /nowhere is no folder that can be written to; make it first.",
    ),
}


@pytest.mark.parametrize(("settings", "told"), SINKS.values(), ids=SINKS.keys())
def test_that_keys_cannot_be_handed_over_is_told_before_anything_is_installed(
    modules: Modules, settings: Object, told: str
) -> None:
    answer = modules.run("platform_info", {"settings": settings, "purpose": "install"})
    assert (answer["failed"], answer["msg"]) == (True, told)
    assert not modules.run("platform_info", {"settings": settings, "purpose": "remove"}).get("failed")


def test_keys_may_go_where_the_run_itself_makes_a_place_before(modules: Modules) -> None:
    settings = {"kuadrant_keys_sink": "secret", "kuadrant_keys_namespace": "tests-later"}
    intent = {"domain": "maas.local", "kuadrant_namespace": "tests-later"}
    assert not modules.run("platform_info", {"intent": intent, "settings": settings, "purpose": "install"}).get(
        "failed"
    )
