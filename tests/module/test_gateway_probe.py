# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gateway_probe against a small web server in the gateway's place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import cause
from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.fake_gateway import KEY, FakeGateway, as_it_should
from tests.module.running import Answer, Modules
from tests.unit.plugins.rendered import versions

Object = dict[str, Any]

INTENT = {
    "domain": "maas.local",
    "models": [{"name": "simulator", "server": "simulator", "allow_unmetered_streams": True}],
}


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """A gateway that answers as it should."""
    running = FakeGateway()
    yield running
    running.close()


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_every_model_and_a_name_without_model_are_asked(modules: Modules, gateway: FakeGateway, check: bool) -> None:
    answer = modules.run("gateway_probe", {"intent": INTENT, "address": gateway.address}, check)
    assert (answer["changed"], answer["passed"], answer["address"]) == (False, True, gateway.address)
    assert [(item["name"], item["status"], item["ok"]) for item in answer["answers"]] == [
        ("simulator asks for a key", 401, True),
        ("a name without a model is refused", 404, True),
    ]
    assert answer["answers"][0]["url"] == f"GET http://simulator.maas.local:{gateway.port}/v1/models"
    assert answer["answers"][0]["body"] == {"error": {"code": "invalid_api_key"}}
    assert gateway.seen[0] == ("GET", f"simulator.maas.local:{gateway.port}", "/v1/models", "")


def test_what_is_wrong_is_said_request_by_request(modules: Modules, gateway: FakeGateway) -> None:
    gateway.respond = lambda *_request: (200, {"data": []})
    args = {"intent": INTENT, "address": gateway.address, "timeout": 0}
    answer = modules.run("gateway_probe", args)
    assert answer["failed"] is True
    first, *rest = answer["msg"].splitlines()
    assert first == "2 of 2 requests went wrong:"
    assert rest == [
        f"- simulator asks for a key: GET http://simulator.maas.local:{gateway.port}/v1/models answered 200 instead of "
        f'401: {{"data": []}}; likely cause: {cause(401, 200)}',
        f"- a name without a model is refused: GET http://no-such-model.maas.local:{gateway.port}/v1/models answered "
        f'200 instead of 404: {{"data": []}}; likely cause: {cause(404, 200)}',
    ]
    for reported in (
        modules.run("gateway_probe", {**args, "report_only": True}),
        modules.run("gateway_probe", args, True),
    ):
        assert ("failed" in reported, reported["passed"]) == (False, False)
        assert [item["ok"] for item in reported["answers"]] == [False, False]


def test_a_wrong_answer_is_tried_again_until_it_is_right(modules: Modules, gateway: FakeGateway) -> None:
    begin = time.monotonic()

    def late(*request: str) -> tuple[int, Object]:
        return as_it_should(*request) if time.monotonic() > begin + 2 else (503, {})

    gateway.respond = late
    answer = modules.run("gateway_probe", {"intent": INTENT, "address": gateway.address, "timeout": 20})
    assert answer["passed"] is True
    assert len(gateway.seen) > 3


def test_nobody_answers(modules: Modules, gateway: FakeGateway) -> None:
    gateway.close()
    answer = modules.run(
        "gateway_probe", {"intent": INTENT, "address": gateway.address, "timeout": 0, "report_only": True}
    )
    assert [item["status"] for item in answer["answers"]] == [0, 0]
    assert answer["answers"][0]["said"].startswith(f"no answer from {gateway.address}: ")


def test_requests_of_the_operator(modules: Modules, gateway: FakeGateway) -> None:
    further = [
        {
            "name": "capital letters",
            "host": "SIMULATOR.maas.local",
            "headers": {"Authorization": KEY},
            "holds": "data[0].id == 'simulator'",
        },
        {"name": "no such thing", "host": "nowhere.maas.local", "status": 404, "method": "POST", "body": {"a": 1}},
        {"name": "wrong expression", "host": "simulator.maas.local", "status": 401, "holds": "data[?"},
    ]
    args = {"intent": INTENT, "address": gateway.address, "requests": further, "timeout": 0, "report_only": True}
    answers = modules.run("gateway_probe", args)["answers"]
    assert [item["ok"] for item in answers[2:]] == [True, True, False]
    assert answers[4]["said"].startswith("data[? cannot be tried on the body: ")


@pytest.mark.parametrize("address", ["127.0.0.1:http", "127.0.0.1:", ":80", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_named(modules: Modules, address: str) -> None:
    answer = modules.run("gateway_probe", {"intent": INTENT, "address": address, "timeout": 0})
    assert answer["msg"] == (
        f"address: {address!r} was given; allowed: a host name or address, with a port from 1 to 65535 after a colon, "
        "such as 127.0.0.1:8080."
    )


@pytest.mark.usefixtures("gateway_api")
def test_without_a_gateway_check_mode_passes_and_a_real_run_says_what_to_do(modules: Modules, space: Space) -> None:
    intent = {**INTENT, "gateway_namespace": space.name("nowhere")}
    real, check = (modules.run("gateway_probe", {"intent": intent}, mode) for mode in (False, True))
    assert real["msg"] == f"There is no Gateway {space.name('nowhere')}/maas: install the platform first."
    assert check["msg"] == real["msg"]
    assert "failed" not in check
    assert (check["changed"], check["passed"], check["address"], check["answers"]) == (False, True, "", [])


@pytest.mark.usefixtures("gateway_api")
def test_the_address_is_that_of_the_gateways_status(modules: Modules, space: Space, cluster: Cluster) -> None:
    running = FakeGateway("127.0.0.77")
    place = {"gateway_namespace": space.home, "gateway_http_port": running.port}
    intent = {**INTENT, **place, "versions": versions("1.6.0")}
    found: Answer = space.apply([], adopt=True, render=["gateway"], intent=intent)
    assert len(found["changes"]) == 2
    message = modules.run("gateway_probe", {"intent": intent})["msg"]
    assert message.startswith("The Gateway maas has no address yet:\n")
    live = cluster.held(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "maas", "namespace": space.home},
        }
    )
    addresses = [{"type": "IPAddress", "value": running.host}]
    cluster.edit(live, {"status": {"addresses": addresses}}, "status")
    answer = modules.run("gateway_probe", {"intent": intent})
    running.close()
    assert (answer["passed"], answer["address"]) == (True, running.address)


def test_a_wrong_intent_is_refused(modules: Modules) -> None:
    answer = modules.run("gateway_probe", {"intent": {}, "address": "127.0.0.1:1"})
    assert "maas_domain: is missing" in answer["msg"]
