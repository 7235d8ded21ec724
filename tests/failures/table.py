# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each failure looked like: the table that ``make failures`` ends with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.playbooks import Run

_HEAD = "| Failure | What was said | Seconds | Bound | State after the next run |\n|---|---|---:|---:|---|\n"
_LONGEST = 300


@dataclass
class Table:
    """Rows of failures, in the order of the tests that saw them."""

    rows: list[str] = field(default_factory=list)

    def add(self, failure: str, run: Run, said: str, bound: float, after: str) -> None:
        """Add a failure, and see that it was told in time.

        :param said: the part of the output that told it; must be in what the run printed.
        :param bound: how many seconds the run may have taken.
        :param after: the state that the next run has led to.
        """
        assert said in run.text, run.said[-3000:]
        assert run.seconds <= bound, f"{failure}: told after {run.seconds:.0f} s, {bound:.0f} s are allowed"
        told = next(line for line in run.lines if said in line)
        self.rows.append(f"| {failure} | {_short(told)} | {run.seconds:.0f} | {bound:.0f} | {after} |")

    def write(self, file: Path) -> None:
        """Write the table as Markdown."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """Return the table as Markdown."""
        return _HEAD + "".join(f"{row}\n" for row in self.rows)


def _short(line: str) -> str:
    """Return what fits into a cell of the table."""
    words = re.sub(r"\s+", " ", line).replace("|", "\\|").strip(' ",')
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
