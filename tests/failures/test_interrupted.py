# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed at any moment, by a machine that fails: the next one goes on, and nothing tells them apart.

``MAAS_KILLS`` says how often that is tried, ``MAAS_SEED`` chooses the moments of an earlier trial again.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sandbox.paths import Home
from tests.failures.inventory import accepted, difference, names
from tests.failures.playbooks import Playbooks, Run, Started
from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.sandboxes import delivered, guests

KILLS = int(os.environ.get("MAAS_KILLS", "4"))
SEED = int(os.environ.get("MAAS_SEED") or random.SystemRandom().randrange(10**9))
ALL = {"maas_remove_shared": True}
# One round: the platform is there, goes in part, and comes back in two parts more, before a run completes it. In the
# first round and each second one after that it is taken away whole between, else it comes back from what was left.
ROUND = ("installed", "removed", "from nothing", "from there")
# A task may take that long; a run is killed at its beginning or up to this later.
_LONGEST_TASK_SECONDS = 4.0
_BOUND_SECONDS = 300.0


@dataclass
class Killer:
    """Kills runs at moments that are spread over their tasks; ``log`` tells which."""

    cluster: Cluster
    home: Home
    playbooks: Playbooks
    dice: random.Random
    log: list[str] = field(default_factory=list)

    def kill(self, verb: str, share: float, tasks: int) -> None:
        """Start a playbook, and kill it when it has come through that share of its tasks, and a little more."""
        run = self.playbooks.start(verb, settings=ALL if verb == "remove" else None)
        task = max(1, round(share * tasks))
        self._until(run, task)
        time.sleep(self.dice.uniform(0, _LONGEST_TASK_SECONDS))
        killed = run.kill()
        self.log.append(f"{verb} after {killed.seconds:.1f} s in task {count(killed.said)} ({last_task(killed.said)})")

    def _until(self, run: Started, task: int) -> None:
        deadline = time.monotonic() + _BOUND_SECONDS
        while count(run.said) < task and run.process.poll() is None:
            assert time.monotonic() < deadline, f"not at task {task} after {_BOUND_SECONDS:.0f} s: {run.said[-3000:]}"
            time.sleep(0.02)

    def complete(self, verb: str, changed: int | None = None) -> Run:
        """Run a playbook to its end, which must be a good one."""
        run = self.playbooks.run(verb, settings=ALL if verb == "remove" else None)
        assert run.status == 0, f"{self}\n{run.said[-3000:]}"
        assert changed is None or run.changed == changed, f"{self}\n{run.said[-3000:]}"
        return run

    def same(self, wanted: set[str]) -> None:
        """See that the cluster holds exactly these objects, a while after the last run at the latest."""
        deadline = time.monotonic() + 30
        while found := difference(wanted, names(self.cluster)):
            assert time.monotonic() < deadline, f"{self}\n" + "\n".join(found)
            time.sleep(1)

    def handed_over(self) -> dict[str, str]:
        """Return the keys that users may count on from now on: those in the file that the gateway accepts."""
        there = accepted(self.cluster)
        return {user: value for user, value in delivered(self.home).items() if (user, value) in there}

    def keys_hold(self, before: dict[str, str]) -> None:
        """See that file and cluster have the same keys, those handed over before among them, and nobody else's."""
        now = delivered(self.home)
        assert before.items() <= now.items(), f"{self}\na key that was handed over has changed"
        assert accepted(self.cluster) == sorted(now.items()), f"{self}\nthe file has other keys than the cluster"
        assert not list(self.home.root.glob(".api-keys.jsonl.*")), f"{self}\nkeys were left in a temporary file"
        assert guests(self.cluster) == [], str(self)

    def __str__(self) -> str:
        return f"MAAS_KILLS={KILLS} MAAS_SEED={SEED}; killed: " + "; ".join(self.log)


def count(said: str) -> int:
    """Return how many tasks have begun."""
    return said.count("\nTASK [")


def last_task(said: str) -> str:
    """Return the name of the task that began last."""
    return said.rpartition("\nTASK [")[2].partition("]")[0]


def shares(kills: int, dice: random.Random) -> Iterator[float]:
    """Yield where in a run it is killed: once in each of as many parts of equal length, in any order."""
    parts = [(part + dice.random()) / kills for part in range(kills)]
    dice.shuffle(parts)
    yield from parts


@pytest.fixture
def killer(home: Home, cluster: Cluster, playbooks: Playbooks) -> Killer:
    """The same moments as in the trial with that seed."""
    return Killer(cluster, home, playbooks, random.Random(SEED))


def test_a_run_that_is_killed_at_any_moment_is_completed_by_the_next(killer: Killer, table: Table) -> None:
    removed = killer.complete("remove")
    nothing = names(killer.cluster)
    run = killer.complete("site")
    wanted, held = names(killer.cluster), killer.handed_over()
    tasks = {"site": count(run.said), "remove": count(removed.said)}
    for number, share in enumerate(shares(KILLS, killer.dice)):
        turn, what = divmod(number, len(ROUND))
        if ROUND[what] == "from nothing" and turn % 2 == 0:
            killer.complete("remove")
            killer.same(nothing)
            held = {}
        verb = "remove" if ROUND[what] == "removed" else "site"
        killer.kill(verb, share, tasks[verb])
        held = killer.handed_over() if verb == "remove" else held | killer.handed_over()
        if ROUND[what] == ROUND[-1] or number == KILLS - 1:
            run = _whole_again(killer, wanted, held)
            held = killer.handed_over()
    what = f"run killed at {KILLS} random moments"
    table.add(what, run, "failed=0", _BOUND_SECONDS, "objects and keys of an undisturbed run; changed=0")


def _whole_again(killer: Killer, wanted: set[str], held: dict[str, str]) -> Run:
    """Complete what was killed, and see that nothing tells it from what was never disturbed."""
    run = killer.complete("site")
    killer.complete("site", changed=0)
    killer.same(wanted)
    killer.keys_hold(held)
    return run
