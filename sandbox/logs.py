# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the logs of a sandbox, and follow them as they grow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox import processes
from sandbox.errors import SandboxError
from sandbox.paths import Home

_POLL = 0.3
_LINES_OF_EACH = 10


def choose(home: Home, part: str | None) -> list[Path]:
    """The log of one part, or all logs but the audit log. Raises SandboxError when there is no such log."""
    logs = sorted(home.logs.rglob("*.log"))
    if part is None:
        return [log for log in logs if log.stem != "audit"]
    chosen = [log for log in logs if log.stem == part]
    if not chosen:
        names = ", ".join(log.stem for log in logs) or "none yet"
        raise SandboxError(f"The sandbox {home.name!r} has no log of {part!r}.\nThere are: {names}.")
    return chosen


def show(logs: Sequence[Path], follow: bool, write: Callable[[str], None]) -> None:
    """Write one log whole, or the end of several; on request go on, for ever, with what is added."""
    width = max((len(log.stem) for log in logs), default=0)
    prefixes = {log: f"{log.stem:{width}} | " if len(logs) > 1 else "" for log in logs}
    tails = {log: Tail(log) for log in logs}
    for log, tail in tails.items():
        lines = tail.new_lines() if len(logs) == 1 else tail.skip(_LINES_OF_EACH)
        _write(lines, prefixes[log], write)
    while follow:
        for log, tail in tails.items():
            _write(tail.new_lines(), prefixes[log], write)
        time.sleep(_POLL)


def _write(lines: Sequence[str], prefix: str, write: Callable[[str], None]) -> None:
    for line in lines:
        write(prefix + line)


class Tail:
    """Reads a growing file by whole lines; begins anew when it was replaced or cut, as at the restart of its part."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._inode = -1

    def new_lines(self) -> list[str]:
        """The lines that were completed since the last call."""
        try:
            with self._path.open("rb") as file:
                facts = os.fstat(file.fileno())
                if facts.st_ino != self._inode or facts.st_size < self._offset:
                    self._inode, self._offset = facts.st_ino, 0
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode("utf-8", errors="replace").splitlines()

    def skip(self, keep: int) -> list[str]:
        """Go to the end, and return the last ``keep`` lines on the way there."""
        try:
            facts = self._path.stat()
        except FileNotFoundError:
            return []
        lines = processes.last_lines(self._path, keep)
        self._inode, self._offset = facts.st_ino, facts.st_size
        return lines
