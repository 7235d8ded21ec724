# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode where little is there yet, Secrets, and waiting until objects are in force."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.objects import config_map, definition, deployment, namespace, secret, widget

Object = dict[str, Any]

GATEWAY = "gateway.networking.k8s.io/v1"
VALUES = ("s3cr3t-value-one", "s3cr3t-value-two")


# -- Check mode --------------------------------------------------------------------------------------------------------


def test_kinds_and_namespaces_that_come_with_the_set_are_predicted(space: Space, cluster: Cluster) -> None:
    made = space.name("made")
    objects = [namespace(made), definition(space.group), config_map(made, "mine"), widget(space.group, made, "small")]
    predicted = space.apply(objects, check=True, diff=True)
    assert {change["action"] for change in predicted["changes"]} == {"created"}
    assert len(predicted["changes"]) == len(predicted["diff"]) == 4
    assert not any(cluster.read(obj) for obj in objects)
    assert cluster.read(namespace(made)) is None
    assert space.apply(objects)["changes"] == predicted["changes"]


def test_kinds_that_something_else_will_bring_are_predicted(space: Space) -> None:
    predicted = space.apply([widget("nowhere.example", space.home, "small")], check=True)
    assert [change["action"] for change in predicted["changes"]] == ["created"]


def test_check_mode_makes_not_even_the_parents_namespace(space: Space, cluster: Cluster) -> None:
    place = space.name("own")
    assert space.apply([config_map(space.home, "mine")], check=True, namespace=place)["changed"] is True
    assert cluster.read(namespace(place)) is None


# -- Secrets -----------------------------------------------------------------------------------------------------------


def test_values_of_secrets_are_nowhere_in_the_answer(space: Space, cluster: Cluster) -> None:
    first, second = (secret(space.home, "key", token=value) for value in VALUES)
    answers = [
        space.apply([first], check=True, diff=True),
        space.apply([first], diff=True),
        space.apply([second], check=True, diff=True),
        space.apply([second], diff=True),
        space.apply([], diff=True),
    ]
    assert [answer["changed"] for answer in answers] == [True] * 5
    assert answers[3]["diff"][0]["before"]["data"] == {"token": "(hidden)"}
    assert answers[3]["diff"][0]["after"]["data"] == {"token": "(hidden, changed)"}
    _assert_hidden(answers)


def test_the_server_holds_what_was_given_in_clear(space: Space, cluster: Cluster) -> None:
    space.apply([secret(space.home, "key", token=VALUES[0])])
    held = cluster.held(secret(space.home, "key"))
    assert base64.b64decode(held["data"]["token"]).decode() == VALUES[0]
    assert space.apply([secret(space.home, "key", token=VALUES[0])])["changed"] is False


def test_what_kubectl_keeps_of_an_adopted_secret_is_hidden_too(space: Space, cluster: Cluster) -> None:
    theirs = secret(space.home, "key", token=VALUES[0])
    copy = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(theirs)}
    cluster.create({**theirs, "metadata": {**theirs["metadata"], "annotations": copy}})
    _assert_hidden([space.apply([secret(space.home, "key", token=VALUES[1])], diff=True, adopt=True)])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"data": VALUES[0]}, "data is not a mapping of names to texts."),
        ({"data": {"token": [VALUES[0]]}}, "data.token is not base64; give plain text in stringData."),
        ({"data": {"token": VALUES[0]}}, "data.token is not base64; give plain text in stringData."),
        ({"stringData": {"token": {"a": VALUES[0]}}}, "stringData.token is not a text; quote what is meant as one."),
    ],
    ids=["no mapping", "list", "plain", "nested"],
)
def test_a_refusal_does_not_tell_the_value(space: Space, wrong: Object, said: str) -> None:
    answer = space.modules.run("apply_set", space.arguments([{**secret(space.home, "key"), **wrong}]))
    assert answer["msg"] == f"Secret {space.home}/key: {said}"
    _assert_hidden([answer])


def _assert_hidden(answers: list[Object]) -> None:
    text = json.dumps(answers)
    for value in VALUES:
        assert value not in text
        assert base64.b64encode(value.encode()).decode() not in text


# -- Waiting -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gateway_api")
def test_an_object_is_waited_for_until_it_is_in_force(space: Space, cluster: Cluster) -> None:
    gateway = _gateway(space.home)
    finish = _meanwhile(lambda: _program(cluster, gateway, "True", 1))
    answer = space.apply([gateway], wait=True)
    finish()
    assert (answer["changed"], answer["not_ready"]) == (True, [])
    again = space.apply([gateway], wait=True)
    assert (again["changed"], again["not_ready"]) == (False, [])


@pytest.mark.usefixtures("gateway_api")
def test_what_is_not_in_force_says_why_and_what_helps(space: Space, cluster: Cluster) -> None:
    gateway = _gateway(space.home)
    space.apply([gateway])
    _program(cluster, gateway, "False", 1)
    begin = time.monotonic()
    message = space.refused([gateway, config_map(space.home, "mine")], wait=True, wait_timeout=1)
    assert 1 <= time.monotonic() - begin < 10
    assert message.splitlines() == [
        "1 of 2 objects are not ready after 1 s:",
        f"- Gateway {space.home}/maas:",
        "  Programmed=False AddressNotAssigned: no address for the test",
        "  its operator, Istio, is not there: no Deployment has the labels app=istiod",
        "  likely cure: The cluster has no load balancer, or it is late: set maas_gateway_service_type to NodePort or "
        "ClusterIP.",
        "Run again when the cause is gone. What only needs longer gets it by wait_timeout (maas_wait_timeout).",
    ]
    assert space.apply([gateway])["not_ready"][0]["object"] == f"Gateway {space.home}/maas"


@pytest.mark.usefixtures("gateway_api")
def test_conditions_of_an_older_generation_do_not_count(space: Space, cluster: Cluster) -> None:
    gateway = _gateway(space.home)
    space.apply([gateway])
    _program(cluster, gateway, "True", 1)
    gateway["spec"]["listeners"][0]["port"] = 8001
    message = space.refused([gateway], wait=True, wait_timeout=1)
    assert message.startswith(f"1 of 1 objects are not ready after 1 s:\n- Gateway {space.home}/maas:\n")
    finish = _meanwhile(lambda: _program(cluster, gateway, "True", 2))
    assert space.apply([gateway], wait=True)["not_ready"] == []
    finish()


def test_a_deployment_that_its_controller_has_not_seen_in_this_generation_is_not_ready(
    space: Space, cluster: Cluster
) -> None:
    wanted = deployment(space.home, "idle")
    assert space.apply([wanted], wait=True)["not_ready"] == []
    wanted["spec"]["paused"] = True
    assert space.apply([wanted], wait=True)["not_ready"] == []
    live = cluster.held(wanted)
    assert live["status"]["observedGeneration"] == live["metadata"]["generation"]


def _gateway(place: str) -> Object:
    listener = {"name": "http", "port": 8000, "protocol": "HTTP", "hostname": "*.maas.local"}
    spec = {"gatewayClassName": "nobodys", "listeners": [listener]}
    metadata = {"name": "maas", "namespace": place}
    return {"apiVersion": GATEWAY, "kind": "Gateway", "metadata": metadata, "spec": spec}


def _program(cluster: Cluster, gateway: Object, programmed: str, generation: int) -> None:
    """Write the status that a controller would write for that generation."""
    cluster.wait_for(lambda: cluster.read(gateway), "the Gateway is there")
    common = {"observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    said = {"True": ("Programmed", ""), "False": ("AddressNotAssigned", "no address for the test")}[programmed]
    conditions = [
        {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", **common},
        {"type": "Programmed", "status": programmed, "reason": said[0], "message": said[1], **common},
    ]
    cluster.edit(gateway, {"status": {"conditions": conditions}}, "status")


def _meanwhile(work: Callable[[], None]) -> Callable[[], None]:
    """Do something a moment later, beside the test; returns what waits for its end and fails if it failed."""
    errors: list[BaseException] = []

    def run() -> None:
        time.sleep(1)
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def finish() -> None:
        thread.join()
        assert errors == []

    return finish
