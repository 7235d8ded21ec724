# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks as an operator runs them, to their end or until they are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.paths import Home
from tests.module.running import CHECKOUT, COLLECTIONS

INVENTORY = CHECKOUT / "inventories" / "sandbox"
_FOREIGN = ("K8S_AUTH_", "ANSIBLE_", "KUBECONFIG")
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

    def end(self, seconds: float = 300.0) -> Run:
        """Wait for its end."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return Run(status, self.output.read_text(encoding="utf-8"), time.monotonic() - self.begin)

    def kill(self) -> Run:
        """Kill it with all that it has started, as a machine that fails does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        return Run(status, self.output.read_text(encoding="utf-8"), time.monotonic() - self.begin)


@dataclass(frozen=True)
class Playbooks:
    """Starts playbooks of the collection for one sandbox; ``folder`` collects what they print."""

    home: Home
    folder: Path

    def start(self, verb: str, *arguments: str, settings: dict[str, Any] | None = None) -> Started:
        """Start ``site``, ``verify`` or ``remove``.

        :param settings: variables that count more than those of the inventory.
        """
        extra = ["-e", json.dumps(settings)] if settings else []
        output = self.folder / f"{len(list(self.folder.glob('*.out'))):02}-{verb}.out"
        with output.open("w", encoding="utf-8") as sink:
            process = subprocess.Popen(
                ["ansible-playbook", "-i", str(INVENTORY), *extra, *arguments, f"maas_billing.platform.{verb}"],
                cwd=CHECKOUT,
                env=self._environment(),
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

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
            "MAAS_SANDBOX": self.home.name,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        }
