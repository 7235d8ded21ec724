# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running modules in processes of their own, with real argument parsing, JSON in and JSON out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / "build" / "collections"
RUN_MODULE = Path(__file__).with_name("run_module.py")
# No module may hang: the longest waits that tests ask for are a few seconds.
_LONGEST_SECONDS = 120

Answer = dict[str, Any]


@dataclass(frozen=True)
class Running:
    """A module at work in a process of its own."""

    process: int
    folder: Path

    def is_alive(self) -> bool:
        """Whether it is still at work."""
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """Kill it in a way that it cannot notice."""
        os.kill(self.process, signal.SIGKILL)
        self._wait()

    def answer(self) -> Answer:
        """Wait for the end and return the module's answer.

        A traceback, a word beside the answer, or the use of what ansible-core calls deprecated fails the test.
        """
        self._wait()
        output, log = ((self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        assert "Traceback" not in output + log, output + log
        assert log == "", log
        answer: Answer = json.loads(output)
        assert "deprecations" not in answer, answer["deprecations"]
        return answer

    def _wait(self) -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        while self.is_alive():
            assert time.monotonic() < deadline, f"the module still runs after {_LONGEST_SECONDS} s"
            time.sleep(0.005)


class Modules:
    """Runs modules against one cluster, as a playbook with that kubeconfig would."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        """:param home: an empty folder, which modules find as the home folder."""
        self.kubeconfig = kubeconfig
        self.home = home
        self._server = subprocess.Popen(
            [sys.executable, str(RUN_MODULE)],
            env=self.environment(),
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process from which modules are started."""
        self._server.communicate(timeout=10)

    def run(self, name: str, args: Answer, check: bool = False, diff: bool = False) -> Answer:
        """Run a module and return its answer. Arguments that name a cluster replace the kubeconfig."""
        return self.start(name, args, check, diff).answer()

    def start(self, name: str, args: Answer, check: bool = False, diff: bool = False) -> Running:
        """Start a module, and do not wait for it."""
        folder = Path(tempfile.mkdtemp(dir=self.home))
        (folder / "arguments").write_text(self.arguments(args, check, diff), encoding="utf-8")
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{name} {folder}\n")
        self._server.stdin.flush()
        return Running(int(self._server.stdout.readline()), folder)

    def arguments(self, args: Answer, check: bool = False, diff: bool = False) -> str:
        """What Ansible hands over to a module, as JSON."""
        internal = {
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            "_ansible_no_log": False,
            "_ansible_remote_tmp": str(self.home),
            "_ansible_verbosity": 3,
        }
        reached = {} if {"kubeconfig", "host"} & set(args) else {"kubeconfig": str(self.kubeconfig)}
        return json.dumps({"ANSIBLE_MODULE_ARGS": {**reached, **args, **internal}})

    def play(self, folder: Path, tasks: list[Answer], *options: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run tasks in a play whose module_defaults name the cluster.

        :param folder: where the play lies and runs.
        :param more: further variables of its environment.
        """
        play = {
            "name": "Test",
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/maas_billing.platform.maas": {"kubeconfig": str(self.kubeconfig)}},
            "tasks": tasks,
        }
        (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        kept = {name: value for name, value in self.environment().items() if not name.startswith("PYTHON")}
        program = Path(sys.executable).with_name("ansible-playbook")
        ours = {
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_INJECT_INVOCATION": "true",  # what `-vvv` tells by itself before ansible-core 2.21
            "ANSIBLE_NOCOLOR": "true",
        }
        return subprocess.run(
            [program, "play.yml", *options],
            env={**kept, **ours, **more},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """The environment without what would name another cluster, and with a home folder that holds nothing."""
        foreign = ("K8S_AUTH_", "ANSIBLE_", "KUBECONFIG", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        compiled = {"PYTHONPATH": str(COLLECTIONS), "PYTHONPYCACHEPREFIX": str(self.home / "compiled")}
        return {**kept, "HOME": str(self.home), **compiled}
