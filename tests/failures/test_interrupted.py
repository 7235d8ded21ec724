# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed at any moment, by a machine that fails: the next one goes on, and nothing tells them apart.

Each kill is followed by a completion, so that none hides what an earlier one broke. Where a run is killed on what a
killed one has left, the second kill is the one that counts.

``MAAS_KILLS`` says how many kills count, ``MAAS_SEED`` chooses the moments of an earlier trial again.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.paths import Home
from tests.failures.inventory import accepted, difference, names
from tests.failures.scene import MODELS
from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.playbooks import Playbooks, Run, Started
from tests.sandboxes import delivered, guests

Object = dict[str, Any]

KILLS = int(os.environ.get("MAAS_KILLS", "4"))
SEED = int(os.environ.get("MAAS_SEED") or random.SystemRandom().randrange(10**9))
ALL = {"maas_remove_shared": True}
# What the inventory says, and one model and one user more: from one to the other `site` has something to do.
INVENTORY: Object = {}
MORE: Object = {
    "maas_models": [*MODELS, {**MODELS[0], "name": "third"}],
    "maas_users": [
        {"name": "alice", "team": "students"},
        {"name": "bob", "team": "students"},
        {"name": "carol", "team": "research"},
        {"name": "dave", "team": "research"},
        {"name": "erin", "team": "research"},
    ],
}
# A task may take that long; a run is killed at its beginning or up to this later.
_LONGEST_TASK_SECONDS = 4.0
_BOUND_SECONDS = 300.0
# A run that ends before it is killed is no trial; that happens near the end of runs, so seldom twice in a row.
_DRAWS = 5


@dataclass(frozen=True)
class Trial:
    """Which runs are killed, one upon the other, before a run completes them.

    ``moves`` has them bring the other settings; ``bare`` has the platform taken away whole before.
    """

    verbs: tuple[str, ...]
    moves: bool = False
    bare: bool = False


_MOVED = Trial(("site",), moves=True)
_REMOVED = Trial(("remove",))
_NEW = Trial(("site",), bare=True)
TRIALS = (
    *(_MOVED, _REMOVED, _NEW, Trial(("remove", "site"))),
    *(_MOVED, _REMOVED, _NEW, Trial(("site", "site"), bare=True)),
)


@dataclass(frozen=True)
class Whole:
    """The platform of one of both settings, as an undisturbed run leaves it."""

    settings: Object
    objects: set[str]
    users: set[str]


@dataclass
class Killer:
    """Kills runs at moments that are spread over their tasks, and completes them; ``log`` tells which."""

    cluster: Cluster
    home: Home
    playbooks: Playbooks
    dice: random.Random
    log: list[str] = field(default_factory=list)
    completed: list[Trial] = field(default_factory=list)
    # Learned from undisturbed runs. The first of both platforms is the one that is wanted at present.
    nothing: set[str] = field(default_factory=set)
    platforms: list[Whole] = field(default_factory=list)
    tasks: dict[str, int] = field(default_factory=dict)
    # The keys that users may count on.
    held: dict[str, str] = field(default_factory=dict)

    def learn(self) -> None:
        """Run all playbooks undisturbed, and remember what they leave and how many tasks they have."""
        self.tasks["remove"] = count(self.complete("remove").said)
        self.nothing = names(self.cluster)
        for settings in (INVENTORY, MORE):
            run = self.complete("site", settings)
            self.tasks.setdefault("site", count(run.said))
            whole = Whole(settings, names(self.cluster), set(delivered(self.home)))
            self.platforms.insert(0, whole)
        self.held = self.handed_over()

    # -- One trial ----------------------------------------------------------------------------------------------------

    def tried(self, trial: Trial, share: float) -> Run:
        """Kill the runs of a trial and complete them; return the first run that came to its end.

        :param share: where the last of them is killed, as a part of its tasks; drawn again if it was at its end then.
        """
        for _ in range(_DRAWS):
            self._prepare(trial)
            *first, last = trial.verbs
            dead = all(self.kill(verb, self.dice.random()) for verb in first) and self.kill(last, share)
            completed = self._whole_again()
            if dead:
                self.completed.append(trial)
                return completed
            share = self.dice.random()
        pytest.fail(f"{_DRAWS} times a run ended before it was killed: {self}")

    def _prepare(self, trial: Trial) -> None:
        if trial.moves:
            self.platforms.reverse()
        if trial.bare:
            self.complete("remove")
            self._same(self.nothing)
            self.held = {}

    def kill(self, verb: str, share: float) -> bool:
        """Start a playbook, kill it when it has come through that share of its tasks and a little more, and say
        whether it was alive until then."""
        run = self.playbooks.start(verb, settings=self._settings(verb))
        self._until(run, max(1, round(share * self.tasks[verb])))
        time.sleep(self.dice.uniform(0, _LONGEST_TASK_SECONDS))
        killed = run.kill()
        alive = killed.status == -signal.SIGKILL and "\nPLAY RECAP" not in killed.said
        assert killed.status in (-signal.SIGKILL, 0), f"{self}\nit failed before it was killed:\n{killed.said[-3000:]}"
        what = f"in task {count(killed.said)} ({last_task(killed.said)})" if alive else "too late, it had ended"
        self.log.append(f"{verb} after {killed.seconds:.1f} s {what}")
        # What users have after a removal that was killed, they may lose; what they had before a change, they keep.
        self.held = self.handed_over() if verb == "remove" else self.held | self.handed_over()
        return alive

    def _until(self, run: Started, task: int) -> None:
        deadline = time.monotonic() + _BOUND_SECONDS
        while count(run.said) < task and run.process.poll() is None:
            assert time.monotonic() < deadline, f"not at task {task} after {_BOUND_SECONDS:.0f} s: {run.said[-3000:]}"
            time.sleep(0.02)

    # -- Its completion -----------------------------------------------------------------------------------------------

    def _whole_again(self) -> Run:
        """Complete what was killed, and see that nothing tells it from what was never disturbed."""
        wanted = self.platforms[0]
        run = self.complete("site", wanted.settings)
        self.complete("site", wanted.settings, changed=0)
        self._same(wanted.objects)
        self._keys_hold(wanted.users)
        self.held = self.handed_over()
        return run

    def complete(self, verb: str, settings: Object | None = None, changed: int | None = None) -> Run:
        """Run a playbook to its end, which must be a good one."""
        run = self.playbooks.run(verb, settings=self._settings(verb) if settings is None else settings)
        assert run.status == 0, f"{self}\n{run.said[-3000:]}"
        assert changed is None or run.changed == changed, f"{self}\n{run.said[-3000:]}"
        return run

    def _settings(self, verb: str) -> Object:
        return ALL if verb == "remove" else self.platforms[0].settings

    def _same(self, wanted: set[str]) -> None:
        """See that the cluster holds exactly these objects, a while after the last run at the latest."""
        deadline = time.monotonic() + 30
        while found := difference(wanted, names(self.cluster)):
            assert time.monotonic() < deadline, f"{self}\n" + "\n".join(found)
            time.sleep(1)

    def handed_over(self) -> dict[str, str]:
        """Return the keys that users may count on from now on: those in the file that the gateway accepts."""
        there = accepted(self.cluster)
        return {user: value for user, value in delivered(self.home).items() if (user, value) in there}

    def _keys_hold(self, users: set[str]) -> None:
        """See that file and cluster have the same keys, of exactly these users, as they were handed over before."""
        now = delivered(self.home)
        assert set(now) == users, f"{self}\nthe file has keys of other users"
        changed = [user for user, value in self.held.items() if user in users and now[user] != value]
        assert changed == [], f"{self}\na key that was handed over has changed"
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
    killer.learn()
    for trial, share in zip(itertools.cycle(TRIALS), shares(KILLS, killer.dice), strict=False):
        run = killer.tried(trial, share)
    assert len(killer.completed) == KILLS
    kills = sum(len(trial.verbs) for trial in killer.completed)
    what = f"run killed at {kills} random moments, {kills - KILLS} of them on what a killed one left"
    after = f"{KILLS} completions, each with the objects and keys of an undisturbed run; changed=0"
    table.add(what, run, "failed=0", _BOUND_SECONDS, after)
