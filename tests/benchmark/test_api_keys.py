# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""api_keys beside ``kubectl apply --server-side`` of the same Secrets: 100 teams, 5,000 users, 10,000 keys.

kubectl is given values; the module makes them, checks all keys, and keeps the set. Of the module the time inside it
counts, from its first import to its last word, as in test_apply_set.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.keys import wanted_keys
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import key_secret
from tests.module.cluster import Cluster
from tests.module.objects import namespace
from tests.module.running import CHECKOUT, RUN_MODULE, Modules

Object = dict[str, Any]

TEAMS, USERS, KEYS_EACH = 100, 5000, 2
# Time of a run without changes by that of kubectl, at most.
BOUND = 0.2
MOST_READS = 8
MOST_WRITES = 10
OURS, THEIRS = "bench-keys-module", "bench-keys-kubectl"


@dataclass(frozen=True)
class Measured:
    """One run: seconds inside the program, largest memory of its process, and what it sent."""

    program: str
    phase: str
    seconds: float
    megabytes: int
    reads: int
    writes: int


class Bench:
    """Runs both programs and keeps what was measured."""

    def __init__(self, cluster: Cluster, modules: Modules, folder: Path) -> None:
        self._cluster = cluster
        self._modules = modules
        self._folder = folder
        self.found: list[Measured] = []

    def module(self, phase: str, intent: Object) -> Object:
        """Run the module; return its answer."""
        arguments, times = self._folder / "arguments.json", self._folder / "times"
        arguments.write_text(self._modules.arguments({"intent": intent, "namespace": OURS}), encoding="utf-8")
        command = [sys.executable, str(RUN_MODULE), "api_keys", str(times)]
        output = self._run("api_keys", phase, command, arguments, times)
        answer: Object = json.loads(output)
        assert not answer.get("failed"), answer["msg"]
        return answer

    def kubectl(self, phase: str, objects: list[Object]) -> None:
        """Apply the objects as one list."""
        given = self._folder / "list.json"
        given.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
        program = self._cluster.kubeconfig.parent / "bin" / "kubectl"
        options = [f"--kubeconfig={self._cluster.kubeconfig}", f"--cache-dir={self._folder / 'cache'}"]
        command = [str(program), *options, "apply", "--server-side", "-f", str(given)]
        self._run("kubectl", phase, command, Path(os.devnull), None)

    def _run(self, program: str, phase: str, command: list[str], given: Path, times: Path | None) -> str:
        output = self._folder / "output"
        with self._cluster.counted() as requests, given.open("rb") as stdin, output.open("wb") as stdout:
            begin = time.monotonic()
            process = subprocess.Popen(command, stdin=stdin, stdout=stdout, env=self._modules.environment())
            _pid, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, output.read_text(encoding="utf-8")[-2000:]
        inside = json.loads(times.read_text(encoding="utf-8"))["module"] if times else seconds
        writes = sum(request.writes for request in requests)
        megabytes = usage.ru_maxrss // 1024
        self.found.append(Measured(program, phase, round(inside, 2), megabytes, len(requests) - writes, writes))
        return output.read_text(encoding="utf-8")

    def of(self, program: str, phase: str) -> Measured:
        """What was measured of one run."""
        return next(item for item in self.found if (item.program, item.phase) == (program, phase))

    def table(self) -> str:
        """All of it, to be read."""
        head = f"{'phase':16}{'program':12}{'seconds':>9}{'memory':>10}{'reads':>8}{'writes':>8}"
        lines = [
            f"{item.phase:16}{item.program:12}{item.seconds:8.2f}s{item.megabytes:7} MB{item.reads:8}{item.writes:8}"
            for item in self.found
        ]
        return "\n".join([head, "-" * len(head), *lines])


@pytest.fixture
def bench(cluster: Cluster, modules: Modules, tmp_path: Path) -> Iterator[Bench]:
    """Two namespaces to work in; shows what was measured at the end, and clears up."""
    for name in (OURS, THEIRS):
        cluster.create(namespace(name))
    bench = Bench(cluster, modules, tmp_path)
    yield bench
    folder = CHECKOUT / "build" / "benchmark"
    folder.mkdir(parents=True, exist_ok=True)
    measured = json.dumps([asdict(item) for item in bench.found], indent=2)
    (folder / "api_keys.json").write_text(f"{measured}\n", encoding="utf-8")
    print(f"\n\n{USERS * KEYS_EACH} keys of {USERS} users in {TEAMS} teams\n\n{bench.table()}\n")
    for name in (OURS, THEIRS):
        cluster.delete(namespace(name))
    cluster.wait_for(lambda: not any(cluster.read(namespace(name)) for name in (OURS, THEIRS)), "all is gone", 300)


def test_api_keys_is_as_fast_as_it_says(bench: Bench) -> None:
    intent = _intent()
    keys = wanted_keys(read_platform(intent))
    # Nobody finds anything at the first run; kubectl is given values, which is what takes it no time.
    objects = [key_secret(key, f"{number:048}", THEIRS) for number, key in enumerate(keys)]

    for phase in ("first run", "no change"):
        answer = bench.module(phase, intent)
        assert (answer["changed"], answer["total"]) == (phase == "first run", len(keys))
        bench.kubectl(phase, objects)
    intent["users"][USERS // 2]["team"] = "team-0001"
    assert len(bench.module("one user moves", intent)["effects"]) == KEYS_EACH

    ours, theirs = bench.of("api_keys", "no change"), bench.of("kubectl", "no change")
    assert ours.writes == 0
    assert ours.reads <= MOST_READS
    assert ours.seconds <= BOUND * theirs.seconds, f"{ours.seconds} s beside {theirs.seconds} s of kubectl"
    assert bench.of("api_keys", "one user moves").writes <= MOST_WRITES


def _intent() -> Object:
    teams = [f"team-{number:04}" for number in range(TEAMS)]
    names = [f"key-{number}" for number in range(KEYS_EACH)]
    return {
        "domain": "maas.local",
        "kuadrant_namespace": OURS,
        "tiers": [{"name": "free", "unlimited": True}],
        "teams": [{"name": name, "tier": "free"} for name in teams],
        "users": [
            {"name": f"user-{number:05}@example.com", "team": teams[number % TEAMS], "keys": list(names)}
            for number in range(USERS)
        ],
    }
