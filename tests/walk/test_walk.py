# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newcomer's walk: every command of the guides as printed, in the printed order, and what they promise of it."""

from __future__ import annotations

import pytest

from tests.walk.conftest import Machine
from tests.walk.order import NOT_HERE, Stop, cannot_run, walk
from tests.walk.reading import Command, edited, is_shown

# The first command builds the programs of the sandbox where nobody has done so before.
_LONGEST_SECONDS = 2400
_WALK = walk()


@pytest.mark.parametrize("stop", [stop for stop in _WALK if not cannot_run(stop.step)], ids=lambda stop: stop.name)
def test_it_does_what_the_guide_says(machine: Machine, stop: Stop) -> None:
    if machine.broken:
        pytest.skip(f"the walk ended at {machine.broken}")
    machine.broken = stop.name
    if isinstance(stop.step, Command):
        _type(machine, stop.terminal, stop.step)
    else:
        file = machine.checkout / stop.step.file
        before = file.read_text(encoding="utf-8") if file.exists() else None
        file.parent.mkdir(exist_ok=True)
        file.write_text(stop.step.text if before is None else edited(before, stop.step.text), encoding="utf-8")
    machine.broken = ""


def _type(machine: Machine, terminal: str, command: Command) -> None:
    status, printed = machine.terminal(terminal).type(command.text, _LONGEST_SECONDS)
    shown = "\n".join(command.shows)
    assert is_shown(command.shows, printed), (
        f"{command.text}\n\nThe guide shows:\n{shown}\n\nIt printed:\n{printed[-6000:]}"
    )
    # A guide may show how something fails; what it shows was compared.
    assert status == 0 or command.shows, f"{command.text}\n\nExit status {status}:\n{printed[-4000:]}"


def test_what_is_listed_as_not_to_be_run_is_in_a_guide() -> None:
    printed = {stop.step.text for stop in _WALK if isinstance(stop.step, Command)}
    assert set(NOT_HERE) - printed == set()
