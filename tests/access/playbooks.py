# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks as an operator runs them who wants to see everything, and all that they leave behind in words."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.paths import Home
from tests.access.watching import Processes
from tests.module.running import CHECKOUT
from tests.sandboxes import environment

_LONGEST_SECONDS = 240
# A service that hangs is waited for no longer than that, so that tests with such services are.
_IMPATIENT = {
    "kuadrant_auth_timeout": "250ms",
    "kuadrant_requests_timeout": "250ms",
    "kuadrant_tokens_check_timeout": "250ms",
}
# Whatever a play has noted of a host by then goes into the cache of facts, where anybody may read it later.
_REMEMBER = """\
- name: Put all that is known of the cluster's host into the cache
  hosts: maas_clusters
  gather_facts: false
  tasks:
    - name: Remember it
      ansible.builtin.set_fact:
        remembered: "{{ hostvars[inventory_hostname] }}"
        cacheable: true
"""


@dataclass(frozen=True)
class Run:
    """A playbook that has ended: its exit status, what it printed, and when it ended (monotonic)."""

    status: int
    said: str
    ended: float


@dataclass(frozen=True)
class Playbooks:
    """Runs playbooks of the collection with ``-vvv``; ``folder`` collects what they say, ``processes`` who ran."""

    home: Home
    folder: Path
    processes: Processes

    def run(self, verb: str, *arguments: str, settings: dict[str, Any] | None = None, remember: bool = False) -> Run:
        """Run ``site``, ``verify`` or ``remove`` to its end.

        :param settings: variables that count more than those of the inventory.
        :param remember: have all facts and results of the run in the cache of facts.
        """
        inventory, extra = CHECKOUT / "inventories" / "sandbox", json.dumps({**_IMPATIENT, **(settings or {})})
        command = ["ansible-playbook", "-vvv", "-i", str(inventory), "-e", extra, *arguments]
        playbooks = [f"maas_billing.platform.{verb}"]
        if remember:
            file = self.folder / "remember.yml"
            file.write_text(_REMEMBER, encoding="utf-8")
            playbooks.append(str(file))
        output = self.folder / f"{len(list(self.folder.glob('*.out'))):02}-{verb}.out"
        with output.open("w", encoding="utf-8") as sink, self.processes.watched():
            done = subprocess.run(
                [*command, *playbooks],
                cwd=CHECKOUT,
                env=self._environment(),
                stdout=sink,
                stderr=subprocess.STDOUT,
                timeout=_LONGEST_SECONDS,
                check=False,
            )
        return Run(done.returncode, output.read_text(encoding="utf-8"), time.monotonic())

    @property
    def junit(self) -> Path:
        """Where ``verify`` is told to write its checks."""
        return self.folder / "verify.xml"

    def files(self) -> Iterator[Path]:
        """Everything that was written: output, Ansible's log, its cache of facts, JUnit."""
        return (path for path in self.folder.rglob("*") if path.is_file())

    def _environment(self) -> dict[str, str]:
        return environment(
            self.home.name,
            ANSIBLE_LOG_PATH=str(self.folder / "ansible.log"),
            ANSIBLE_CACHE_PLUGIN="jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.folder / "facts"),
        )
