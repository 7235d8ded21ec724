# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed, and runs that meet: the next one completes, and one of the wanted sets holds in the end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.lock import holder
from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.middleman import FORWARD, Middleman
from tests.module.objects import config_map, lease, namespace

Object = dict[str, Any]

MANY = 300
PART_OF = "applyset.kubernetes.io/part-of"


@pytest.mark.parametrize("made", [0, 1, 100, 200], ids=lambda made: f"after {made} of {MANY}")
def test_a_run_killed_while_it_creates_is_completed_by_the_next(space: Space, cluster: Cluster, made: int) -> None:
    wanted = [config_map(space.home, f"item-{number}") for number in range(MANY)]
    run = space.start(wanted)
    cluster.wait_for(lambda: _holder(cluster, space), "the lock is taken")
    cluster.wait_for(lambda: len(_members(cluster, space)) >= made, f"{made} objects are there")
    run.kill()
    before = _settled(cluster, space)
    assert made <= before < MANY, "the run was killed too late for this test to show anything"
    assert _holder(cluster, space), "a killed run leaves its lock behind"

    done = space.apply(wanted)
    assert len(done["changes"]) == MANY - before
    assert len(_members(cluster, space)) == MANY
    assert space.apply(wanted)["changed"] is False
    assert not _holder(cluster, space)


def _settled(cluster: Cluster, space: Space) -> int:
    """Return how many members there are when what was on its way to the server at the kill has arrived."""
    counts = [-1, len(_members(cluster, space))]
    while counts[-1] != counts[-2]:
        time.sleep(0.5)
        counts.append(len(_members(cluster, space)))
    return counts[-1]


def test_a_run_killed_while_it_removes_is_completed_by_the_next(space: Space, cluster: Cluster) -> None:
    space.apply([config_map(space.home, f"item-{number}") for number in range(MANY)])
    run = space.start([], state="absent")
    cluster.wait_for(lambda: len(_members(cluster, space)) < MANY - 10, "some objects are gone")
    run.kill()
    assert _members(cluster, space), "the run was killed too late for this test to show anything"
    assert space.remove()["changed"] is True
    assert (_members(cluster, space), space.parent()) == ([], None)
    assert space.remove()["changed"] is False


def test_a_set_that_shrank_while_the_killed_run_grew_it_loses_no_member(space: Space, cluster: Cluster) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "extra", "namespace": space.home}}
    space.apply([config_map(space.home, "kept")])
    run = space.start([account, *(config_map(space.home, f"item-{number}") for number in range(MANY))])
    cluster.wait_for(lambda: cluster.read(account), "the ServiceAccount is there")
    run.kill()
    space.apply([config_map(space.home, "kept")])
    assert [obj["metadata"]["name"] for obj in _members(cluster, space)] == ["kept"]
    assert cluster.read(account) is None


def test_two_runs_that_want_the_same_agree(space: Space, cluster: Cluster) -> None:
    wanted = [config_map(space.home, f"item-{number}") for number in range(100)]
    runs = [space.start(wanted) for _turn in range(2)]
    answers = [run.answer() for run in runs]
    assert [answer.get("msg") for answer in answers] == [None, None]
    assert sorted(len(answer["changes"]) for answer in answers) == [0, 100]
    assert space.apply(wanted)["changed"] is False


@pytest.mark.parametrize("turn", range(3))
def test_of_two_runs_that_differ_exactly_one_wins(space: Space, cluster: Cluster, turn: int) -> None:
    common = [config_map(space.home, f"common-{number}") for number in range(20)]
    first = [*common, *(config_map(space.home, f"first-{number}") for number in range(20))]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "second", "namespace": space.home}}
    second = [*common, account, *(config_map(space.home, f"second-{number}") for number in range(20))]
    runs = [space.start(first), space.start(second)]
    answers = [run.answer() for run in runs]
    assert [answer.get("msg") for answer in answers] == [None, None]

    names = {obj["metadata"]["name"] for obj in _members(cluster, space)}
    names |= {obj["metadata"]["name"] for obj in _members(cluster, space, "ServiceAccount")}
    sets = [{obj["metadata"]["name"] for obj in wanted} for wanted in (first, second)]
    assert names in sets
    winner = (first, second)[sets.index(names)]
    assert space.apply(winner)["changed"] is False


def test_what_was_read_before_the_lock_is_not_trusted(space: Space, cluster: Cluster, middleman: Middleman) -> None:
    """The second run has made its plan when the first has not begun, and takes the lock when that has finished."""
    reached, go_on = threading.Event(), threading.Event()

    def hold_at_the_lock(method: str, path: str) -> int:
        if method == "POST" and "/leases" in path:
            reached.set()
            go_on.wait(20)
        return FORWARD

    middleman.disturb = hold_at_the_lock
    late = space.start([config_map(space.home, "late")], **middleman.login)
    assert reached.wait(20)
    space.apply([config_map(space.home, "early")])
    go_on.set()
    answer = late.answer()
    assert {change["object"]: change["action"] for change in answer["changes"]} == {
        f"ConfigMap {space.home}/late": "created",
        f"ConfigMap {space.home}/early": "removed",
    }
    assert [obj["metadata"]["name"] for obj in _members(cluster, space)] == ["late"]


def test_a_run_that_waits_for_a_removal_finds_its_place_again(space: Space, cluster: Cluster) -> None:
    """The removal takes the namespace of the parents with it, in which the other run waits for the lock."""
    sets = space.name("own-sets")
    wanted = [config_map(space.home, f"item-{number}") for number in range(100)]
    space.apply(wanted, namespace=sets)
    removal = space.start([], state="absent", namespace=sets)
    cluster.wait_for(lambda: len(_members(cluster, space)) < 100, "the removal is under way")
    done = space.apply(wanted, namespace=sets)
    assert "failed" not in removal.answer()
    assert len(done["changes"]) >= 1
    assert len(_members(cluster, space)) == 100
    assert space.apply(wanted, namespace=sets)["changed"] is False


def test_a_busy_set_is_left_alone_and_its_holder_named(space: Space, cluster: Cluster) -> None:
    held = cluster.create(lease(space.sets, "maas-tested", "other-host/1/2/abc", _now()))
    begin = time.monotonic()
    message = space.refused([config_map(space.home, "mine")], wait_timeout=1)
    assert 1 < time.monotonic() - begin < 10
    assert message == (
        f"Another run changes the set tested since {held['spec']['acquireTime']}: "
        "other-host/1/2/abc (host/process). Run again when it has finished."
    )
    assert cluster.held(held) == held
    assert cluster.read(config_map(space.home, "mine")) is None


def test_reading_needs_no_lock(space: Space, cluster: Cluster) -> None:
    space.apply([config_map(space.home, "mine")])
    cluster.create(lease(space.sets, "maas-tested", "other-host/1/2/abc", _now()))
    assert space.apply([config_map(space.home, "mine")], wait_timeout=1)["changed"] is False
    assert space.apply([config_map(space.home, "mine", a="b")], check=True, wait_timeout=1)["changed"] is True


def test_the_lock_of_a_dead_process_of_this_host_does_not_hold(space: Space, cluster: Cluster) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    cluster.create(lease(space.sets, "maas-tested", f"{holder(int(dead.stdout))}/abc", _now()))
    assert space.apply([config_map(space.home, "mine")], wait_timeout=1)["changed"] is True
    assert not _holder(cluster, space)


@pytest.mark.parametrize("part", [0, 2], ids=["host", "machine or container of the same name"])
def test_the_lock_of_another_place_holds_until_it_was_not_renewed_for_its_time(
    space: Space, cluster: Cluster, part: int
) -> None:
    parts = holder(999999999).split("/")
    parts[part] = "other"
    cluster.create(lease(space.sets, "maas-tested", "/".join([*parts, "abc"]), _now(), seconds=2))
    begin = time.monotonic()
    assert space.apply([config_map(space.home, "mine")])["changed"] is True
    assert time.monotonic() - begin > 2
    assert not _holder(cluster, space)


def test_the_lock_is_renewed_by_a_long_run(space: Space, cluster: Cluster) -> None:
    """A namespace takes five seconds to go, so this run renews its lock at least once."""
    made = namespace(space.name("made"))
    space.apply([made])
    seen = []
    run = space.start([], state="absent")
    while run.is_alive():
        found = cluster.read(lease(space.sets, "maas-tested", "", ""))
        if found is not None:
            seen.append(found["spec"]["renewTime"])
        time.sleep(0.1)
    assert len(set(seen)) >= 2
    assert "failed" not in run.answer()


def _members(cluster: Cluster, space: Space, kind: str = "ConfigMap") -> list[Object]:
    return cluster.list("v1", kind, space.home, PART_OF)


def _holder(cluster: Cluster, space: Space) -> str:
    found = cluster.read(lease(space.sets, "maas-tested", "", ""))
    return str(found["spec"]["holderIdentity"]) if found else ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
