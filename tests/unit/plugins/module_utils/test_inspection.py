# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is around an object that is not in force: its pods, and its operator."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.inspection import look_around
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import Key
from tests.unit.plugins.server import Reply, Request, Server
from tests.unit.plugins.statuses import obj

Object = dict[str, Any]
KEY = Key("InferenceService.serving.kserve.io", "models", "it")
MODEL = obj("InferenceService.serving.kserve.io", {}, namespace="models", uid="u-1")


def deployment(name: str, place: str, available: int, **metadata: Any) -> Object:
    status = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": available}
    return {
        "metadata": {"name": name, "namespace": place, **metadata},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}},
        "status": status,
    }


@pytest.fixture
def api(server: Server) -> Api:
    return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")


def serve(server: Server, **lists: list[Object]) -> None:
    """Answer lists of Deployments and pods; ``controllers`` are those of all namespaces."""

    def answer(request: Request) -> Reply:
        *_rest, place, plural = request.path.split("/")
        name = "controllers" if request.query.get("labelSelector") else f"{place}_{plural}"
        return Reply(200, {"items": lists.get(name, [])})

    server.answer = answer


def test_its_pods_are_told(server: Server, api: Api) -> None:
    waiting = {"name": "c", "state": {"waiting": {"reason": "ErrImagePull"}}}
    pod = {
        "metadata": {"name": "it-1", "namespace": "models", "labels": {"app": "it"}},
        "status": {"phase": "Pending", "containerStatuses": [waiting]},
    }
    made = deployment("it", "models", 0, ownerReferences=[{"uid": "u-1"}])
    manager = [deployment("manager", "kserve", 1)]
    serve(server, controllers=manager, kserve_deployments=manager, models_deployments=[made], models_pods=[pod])

    assert look_around(api, {KEY: MODEL})[KEY] == [
        "Deployment it: 1 pods wanted: 1 there, 1 of the present version, 0 available",
        "Pod it-1: container c: ErrImagePull",
        "the pods of its operator, KServe, run: kubectl logs -n kserve says what they do",
    ]


def test_an_operator_that_does_not_run_is_told(server: Server, api: Api) -> None:
    manager = [deployment("manager", "kserve", 0)]
    serve(server, controllers=manager, kserve_deployments=manager)
    (said,) = look_around(api, {KEY: MODEL})[KEY]

    assert said.startswith("its operator, KServe, does not run as it should. Deployment kserve/manager:\n")
    assert "0 available" in said


def test_an_operator_that_is_not_there_is_told(server: Server, api: Api) -> None:
    serve(server)

    assert look_around(api, {KEY: MODEL})[KEY] == [
        "its operator, KServe, is not there: no Deployment has the labels control-plane=kserve-controller-manager"
    ]


def test_kinds_without_an_operator_need_none(server: Server, api: Api) -> None:
    serve(server)
    key = Key("Namespace", "", "it")

    assert look_around(api, {key: obj("Namespace", {})}) == {key: []}
    assert server.requests == []


def test_what_the_login_may_not_list_is_told(server: Server, api: Api) -> None:
    server.answer = lambda _request: Reply(403, {"message": "no"})

    assert look_around(api, {KEY: MODEL})[KEY] == [
        "Deployments in models could not be read: the login may not list them",
        "Pods in models could not be read: the login may not list them",
        "Deployments in all namespaces could not be read: the login may not list them",
    ]


def test_what_cannot_be_read_for_another_reason_is_told_with_it_beside_the_rest(server: Server, api: Api) -> None:
    manager = [deployment("manager", "models", 0)]

    def answer(request: Request) -> Reply:
        return Reply(410, {"message": "too old"}) if request.path.endswith("/pods") else Reply(200, {"items": manager})

    server.answer = answer
    said = look_around(api, {KEY: MODEL})[KEY]

    assert said[0] == "Pods in models could not be read: too old"
    assert said[1].startswith("its operator, KServe, does not run as it should. Deployment models/manager:")
    assert len(said) == 2
