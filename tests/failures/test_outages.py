# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API server goes away in the middle of `site`: a short outage is ridden over, a long one told in one message."""

from __future__ import annotations

import time

import pytest

from sandbox.outage import without_apiserver
from sandbox.paths import Home
from tests.failures.scene import told
from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.playbooks import Playbooks, Run

# Where a run meets the outage: the part of the platform that it brings, and the beginning of a task.
OBJECTS = ("simulator", "objects | Keep an InferenceService")
HELM = ("prerequisites", "release | Install")
BACK = "likely cure: The API server was away for a moment, and answers again: run again."
UNREACHED = "cannot be reached: [Errno 111] Connection refused. See whether it runs, and whether maas_connection"
_BOUND_SECONDS = 180.0


@pytest.fixture(scope="module", autouse=True)
def _installed(playbooks: Playbooks) -> None:
    """The platform, complete."""
    playbooks.repaired()


@pytest.mark.parametrize("seconds", [0, 10], ids=["as short as it can be", "of 10 s"])
def test_an_outage_is_ridden_over_or_told_and_the_next_run_completes(
    home: Home, cluster: Cluster, playbooks: Playbooks, table: Table, seconds: float
) -> None:
    """It meets a run that has much to do."""
    assert playbooks.run("remove", "--tags", "simulator,kuadrant").status == 0
    run = playbooks.start("site")
    run.until("Admit callers by their keys")
    begin = time.monotonic()
    with without_apiserver(home):
        time.sleep(seconds)
    away = time.monotonic() - begin
    ended = run.end()
    if ended.status != 0:
        _told_once(ended, cluster)
    playbooks.repaired()
    table.add(f"API server away for {away:.0f} s in site", ended, _said_of(ended), _BOUND_SECONDS, "changed=0")


@pytest.mark.parametrize("place", [OBJECTS, HELM], ids=["in a module of ours", "in Helm"])
def test_an_outage_that_lasts_is_told_once_with_its_cure(
    home: Home, cluster: Cluster, playbooks: Playbooks, table: Table, place: tuple[str, str]
) -> None:
    part, task = place
    run = playbooks.start("site", "--tags", part)
    run.until(task)
    with without_apiserver(home):
        ended = run.end()
    assert ended.status != 0, "the run ended before the API server went away"
    _told_once(ended, cluster)
    assert UNREACHED in ended.text
    again = playbooks.run("site", "--tags", part)
    assert (again.status, again.changed) == (0, 0), again.said[-3000:]
    where = "Helm" if place == HELM else "a module"
    table.add(f"API server away for good, met by {where}", ended, UNREACHED, _BOUND_SECONDS, "it is back: changed=0")


def test_an_outage_that_has_ended_when_helm_has_failed_is_told_with_its_cure_too(
    home: Home, cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    """What is asked then, the cluster answers; Helm's own words name no cure."""
    part, task = HELM
    run = playbooks.start("site", "--tags", part)
    run.until(task)
    with without_apiserver(home):
        run.until("failed: [sandbox] (item=")
    ended = run.end()
    assert ended.status != 0
    _told_once(ended, cluster)
    assert "Kubernetes cluster unreachable" in told(ended)
    assert BACK in told(ended)
    again = playbooks.run("site", "--tags", part)
    assert (again.status, again.changed) == (0, 0), again.said[-3000:]
    table.add("API server back when Helm has failed", ended, BACK, _BOUND_SECONDS, "changed=0")


def test_the_other_parts_of_the_sandbox_come_through_an_outage(
    home: Home, cluster: Cluster, playbooks: Playbooks
) -> None:
    """Else what is said of the collection would be said of its surroundings."""
    with without_apiserver(home):
        pass
    verified = playbooks.run("verify")
    assert verified.status == 0, verified.said[-3000:]


def _said_of(ended: Run) -> str:
    """Return what there has to be read of an outage: nothing but a good end, or a message with its cure."""
    if ended.status == 0:
        return "failed=0"
    return UNREACHED if UNREACHED in told(ended) else BACK


def _told_once(ended: Run, cluster: Cluster) -> None:
    """See that the run said one thing, without the inner life of a program."""
    assert ended.said.count("fatal: [") <= 2, ended.said[-3000:]  # Helm's own, which the role then explains.
    assert "Traceback" not in ended.said
    assert cluster.server in ended.text
