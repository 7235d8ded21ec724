# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks as an operator runs them, to their end or until they are killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.paths import Home
from tests.module.running import CHECKOUT
from tests.sandboxes import environment

INVENTORY = CHECKOUT / "inventories" / "sandbox"
_RECAP = re.compile(r"ok=\d+\s+changed=(\d+)\s+unreachable=\d+\s+failed=\d+")


@dataclass(frozen=True)
class Run:
    """A playbook that has ended: its exit status, what it printed, and how many seconds it ran."""

    status: int
    said: str
    seconds: float

    @cached_property
    def lines(self) -> list[str]:
        """What was printed, line by line; line breaks within a message are taken as such."""
        return self.said.replace("\\n", "\n").splitlines()

    @cached_property
    def text(self) -> str:
        """What was printed, as a person reads it."""
        return "\n".join(self.lines)

    @property
    def changed(self) -> int:
        """How many tasks of the cluster's host changed something."""
        return sum(int(count) for count in _RECAP.findall(self.said))


@dataclass(frozen=True)
class Started:
    """A playbook at work."""

    process: subprocess.Popen[str]
    output: Path
    begin: float

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(encoding="utf-8")

    def until(self, text: str, seconds: float = 180.0) -> None:
        """Wait until it has printed a text; it must be at work still."""
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert self.process.poll() is None, f"it ended before it said {text!r}:\n{self.said[-3000:]}"
            assert time.monotonic() < deadline, f"not said within {seconds:.0f} s: {text}"
            time.sleep(0.05)

    def end(self, seconds: float = 900.0) -> Run:
        """Wait for its end."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return Run(status, self.output.read_text(encoding="utf-8"), time.monotonic() - self.begin)

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """Let it do nothing for a while, as a laptop that sleeps."""
        halted: set[int] = set()
        while running := set(_family(self.process.pid)) - halted:
            _send(signal.SIGSTOP, running)
            halted |= running
        try:
            yield
        finally:
            _send(signal.SIGCONT, halted)

    def kill(self) -> Run:
        """Kill it with all that it has started, as a machine that fails does."""
        # Not by its process group: since ansible-core 2.19 each of its workers has a session of its own.
        while alive := _family(self.process.pid):
            _send(signal.SIGKILL, alive)
            self.process.poll()
        status = self.process.wait()
        return Run(status, self.output.read_text(encoding="utf-8"), time.monotonic() - self.begin)


def _send(number: signal.Signals, processes: Iterable[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _family(process: int) -> list[int]:
    """Return a process and all that it has started, by their numbers, as far as they are alive."""
    parents = dict(_parents())
    found = [process] if process in parents else []
    for one in found:  # It grows meanwhile.
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each living process and its parent; a zombie is none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
                if state != "Z":
                    yield int(entry.name), int(parent)


@dataclass(frozen=True)
class Playbooks:
    """Starts playbooks of the collection for one sandbox; ``folder`` collects what they print."""

    home: Home
    folder: Path

    def start(self, verb: str, *arguments: str, settings: dict[str, Any] | None = None, **environ: str) -> Started:
        """Start ``site``, ``verify`` or ``remove``.

        :param settings: variables that count more than those of the inventory.
        :param environ: further variables of the environment.
        """
        extra = ["-e", json.dumps(settings)] if settings else []
        output = self.folder / f"{len(list(self.folder.glob('*.out'))):02}-{verb}.out"
        with output.open("w", encoding="utf-8") as sink:
            process = subprocess.Popen(
                ["ansible-playbook", "-i", str(INVENTORY), *extra, *arguments, f"maas_billing.platform.{verb}"],
                cwd=CHECKOUT,
                env=environment(self.home.name, **environ),
                stdout=sink,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return Started(process, output, time.monotonic())

    def run(self, verb: str, *arguments: str, settings: dict[str, Any] | None = None) -> Run:
        """Run a playbook to its end."""
        return self.start(verb, *arguments, settings=settings).end()

    def repaired(self, *arguments: str) -> Run:
        """Run ``site`` until nothing is left to do, which is after its second run; return the first."""
        first, second = self.run("site", *arguments), self.run("site", *arguments)
        assert first.status == 0, first.said[-3000:]
        assert (second.status, second.changed) == (0, 0), second.said[-3000:]
        return first
