# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when parts of Kuadrant are down, slow or told to misbehave; numbers are of the measured facts."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.kuadrant.faults import SWITCHES, Faults
from tests.sandbox import objects
from tests.unit.sandbox import kuadrant_objects as k
from tests.unit.sandbox.kuadrant_cluster import Cluster

FAILED = (500, "Internal Server Error.\n")
PARTS = (k.auth_policy(), k.request_policy(), k.token_policy(), k.key("alice", "free"))
DENY = {f"RATELIMIT_{part}SERVICE_FAILURE_MODE": "deny" for part in ("", "CHECK_", "REPORT_")}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds callers waited, without the waiting."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


def faulty(cluster: Cluster, *switches: str) -> None:
    """Turn switches on, and all others off."""
    faults = Faults()
    for switch in switches:
        faults = faults.set(switch)
    cluster.kuadrant.faults = faults


def test_e27_limitador_down_lets_everybody_pass() -> None:
    cluster = Cluster(*PARTS)
    faulty(cluster, "limiter-down")
    assert cluster.statuses(20, "key-alice") == "20x200"
    assert cluster.shim("errors") == 40  # requests and check, each time
    assert cluster.kuadrant.limitador_metrics() is None
    faulty(cluster)
    assert cluster.statuses(7, "key-alice") == "4x200 3x429"
    cluster.stop("limitador-limitador")
    assert cluster.statuses(5, "key-alice") == "5x200"


def test_e28_limitador_hanging_costs_both_timeouts(slept: list[float]) -> None:
    cluster = Cluster(*PARTS)
    faulty(cluster, "limiter-hanging")
    assert cluster.ask("key-alice").status == 200
    assert slept == [0.1, 0.1]


def test_e29_limitador_restarted_loses_its_counters() -> None:
    for environment, first in (({}, 200), (DENY, 500)):
        cluster = Cluster(*PARTS, environment=environment)
        assert cluster.statuses(5, "key-alice") == "4x200 1x429"
        cluster.restart("limitador-limitador")
        assert cluster.total("authorized_hits") == 0
        assert cluster.ask("key-alice").status == first
        assert cluster.statuses(5, "key-alice") == "4x200 1x429"


def test_counters_of_a_storage_outlive_a_restart_and_are_shared() -> None:
    cluster = Cluster(*PARTS)
    cluster.ask("key-alice")
    _, pod = k.program("limitador-limitador")
    cluster.put(pod | {"metadata": pod["metadata"] | {"name": "second"}})
    assert cluster.statuses(20, "key-alice") not in ("4x200 16x429", "5x200 15x429")  # each counts for itself (3.5)
    assert cluster.shim("errors") == 0  # one more replica breaks no connection
    storage = {"redis": {"configSecretRef": {"name": "r"}}}
    cluster.put(k.ready("limitador.kuadrant.io/v1alpha1", "Limitador", "limitador", storage=storage))
    assert cluster.statuses(3, "key-alice", "tiny.maas.local") == "3x200"  # the first is not counted (E29)
    cluster.delete(pod | {"metadata": pod["metadata"] | {"name": "second"}})
    cluster.stop("limitador-limitador")
    cluster.put(*k.program("limitador-limitador"))
    assert cluster.statuses(5, "key-alice", "tiny.maas.local") == "2x200 3x429"


def test_e30_authorino_down_or_hanging_closes(slept: list[float]) -> None:
    cluster = Cluster(*PARTS)
    faulty(cluster, "auth-down")
    for key in ("key-alice", ""):
        answer = cluster.ask(key)
        assert (answer.status, answer.text, answer.model_saw) == (*FAILED, None)
    faulty(cluster, "auth-hanging")
    assert cluster.ask("key-alice").status == 500
    assert slept == [0.2]
    faulty(cluster)
    cluster.stop("authorino")
    assert cluster.ask("key-alice").status == 500


def test_e31_e44_without_the_operator_nothing_changes() -> None:
    cluster = Cluster(*PARTS)
    operator = "kuadrant-operator-controller-manager"
    cluster.stop(operator)
    cluster.delete(k.auth_policy())
    assert cluster.ask().status == 401
    before = cluster.get(k.request_policy())["status"]
    cluster.put(k.request_policy({"free": k.limit((1, "2m"))}))
    assert cluster.get(k.request_policy())["status"] == before
    parent = {"name": "gw", "namespace": "maas"}
    cluster.put(objects.route("models", "new", "new.maas.local", parent=parent))
    assert cluster.ask("", "new.maas.local").status == 200  # nobody told the gateway
    cluster.put(*k.program(operator))
    assert cluster.ask("", "new.maas.local").status == 200  # the AuthPolicy is gone by now
    cluster.put(k.auth_policy(), wait=0.4)
    cluster.stop(operator)
    cluster.wait(3)
    missing = cluster.ask("", "new.maas.local")  # the gateway knows, the AuthConfig was not written
    assert (missing.status, missing.headers["x-ext-auth-reason"]) == (404, "Service not found")


def test_e32_failure_modes_and_timeouts_of_the_operators_environment(slept: list[float]) -> None:
    rules = k.auth_rules()
    del rules["authorization"]
    keys = (k.key("alice", "free"), k.key("nouser", "free", user=None))
    cluster = Cluster(k.auth_policy(rules), k.request_policy(), k.token_policy(), *keys, environment=DENY)
    assert (cluster.ask("key-nouser").status, cluster.ask("key-nouser").text) == FAILED
    cluster.model.usage(None)
    assert cluster.ask("key-alice").status == 200  # a report never refuses
    faulty(cluster, "limiter-down")
    assert (cluster.ask("key-alice").status, cluster.ask("key-alice").text) == FAILED
    open_and_slow = {"AUTH_SERVICE_FAILURE_MODE": "allow", "AUTH_SERVICE_TIMEOUT": "50ms"}
    cluster = Cluster(k.auth_policy(), environment=open_and_slow)
    faulty(cluster, "auth-hanging")
    assert cluster.ask().status == 200
    assert slept == [0.05]


def test_enforced_without_enforcing() -> None:
    cluster = Cluster(*PARTS)
    faulty(cluster, "enforced-without-enforcing")
    assert cluster.statuses(20) == "20x200"
    assert cluster.condition(k.auth_policy())[:2] == ("True", "Enforced")


def test_late() -> None:
    cluster = Cluster(*PARTS)
    faulty(cluster, "late=5")
    cluster.put(k.auth_policy(k.auth_rules(unauthenticated={"code": 402})), k.key("bob", "free"), wait=2)
    status = cluster.get(k.auth_policy())["status"]
    assert (status["observedGeneration"], cluster.condition(k.auth_policy())[1]) == (2, "Enforced")
    assert [cluster.ask(key).status for key in ("", "key-bob")] == [401, 401]
    for _ in range(2):
        cluster.wait(3)
    assert [cluster.ask(key).status for key in ("", "key-bob")] == [402, 200]


def test_a_new_route_is_open_for_a_moment_then_closed() -> None:
    cluster = Cluster(*PARTS)
    parent = {"name": "gw", "namespace": "maas"}
    cluster.put(objects.route("models", "new", "new.maas.local", parent=parent), wait=0.1)
    assert cluster.ask("", "new.maas.local").status == 200
    cluster.wait(0.2)
    assert cluster.ask("", "new.maas.local").status == 404
    cluster.wait(1)
    assert cluster.ask("", "new.maas.local").status == 401


def test_switches_are_set_and_cleared() -> None:
    faults = Faults().set("late=2.5").set("auth-down")
    assert (faults.late, faults.auth_down) == (2.5, True)
    assert faults.clear("auth-down").clear("late") == Faults()
    assert list(faults.describe()) == list(SWITCHES)


@pytest.mark.parametrize("text", ["", "late", "late=x", "late=-1", "auth-down=1", "nosuch", "auth_down"])
def test_what_is_no_switch(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        Faults().set(text)
