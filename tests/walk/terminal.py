# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A terminal in which commands are typed one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path


class Terminal:
    """A shell that keeps what earlier commands set. Nobody answers questions in it."""

    def __init__(self, folder: Path, start_in: Path, environment: Mapping[str, str]) -> None:
        """:param folder: an empty one for its own files."""
        self._folder = folder
        self._typed = 0
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=start_in,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def type(self, command: str, seconds: float) -> tuple[int, str]:
        """Run a command; return its exit status and all that it printed.

        :raises TimeoutError: when it has not ended by then; the terminal is closed.
        """
        self._typed += 1
        script, printed, ended = (self._folder / f"{self._typed:02}.{end}" for end in ("sh", "out", "status"))
        script.write_text(f"{command}\n", encoding="utf-8")
        assert self._shell.stdin is not None
        self._shell.stdin.write(
            f". {script} </dev/null >{printed} 2>&1; echo $? >{ended}.new; mv {ended}.new {ended}\n"
        )
        self._shell.stdin.flush()
        deadline = time.monotonic() + seconds
        while not ended.exists():
            if time.monotonic() > deadline or self._shell.poll() is not None:
                self.close()
                raise TimeoutError(
                    f"still at work after {seconds:.0f} s, with this said:\n{printed.read_text()[-3000:]}"
                )
            time.sleep(0.02)
        return int(ended.read_text(encoding="utf-8")), printed.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End the shell and what still runs in it."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.communicate()
