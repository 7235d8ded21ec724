# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each line that `verify` prints on policies, keys and access goes wrong when exactly that is broken, and says why."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.verification import UNTRIED
from tests.access.breaks import BREAKS, Break
from tests.access.deployment import Object, Rows, Site, wrong

# From a change to its effect: what the operator needs, and a verification or two.
_SECONDS_TO_SHOW = 12.0
_ASKS_OR_TELLS = re.compile(r"likely cause: |likely cure: |would be |is the policy enforced|does not run|, not deny")
_PARTS = {"policies", "keys", "access", "kuadrant"}


def named(row: Object) -> str:
    """Return part and check of a verdict; Secrets by their user, since their names end in a hash."""
    check = re.sub(r"^Secret \S+/maas-key-(\w+)-default-\w+$", r"Secret of \1", row["check"])
    return f"{row['part']}: {check}"


def shown(site: Site, intent: Object, lines: set[str]) -> Rows:
    """Verify until exactly these lines are wrong, or until they should be; return those that are."""
    deadline = time.monotonic() + _SECONDS_TO_SHOW
    while True:
        rows = wrong(site.verify(intent))
        if {named(row) for row in rows} == lines or time.monotonic() > deadline:
            return rows


def test_all_is_well_before(site: Site, intent: Object) -> None:
    """And every line that can go wrong does so with one of the breaks below."""
    rows = site.settled(intent)
    tried = [row for row in rows if row["part"] in _PARTS and not row["said"].startswith(UNTRIED)]
    broken = set().union(*(item.lines for item in BREAKS))
    lines = {named(row) for row in tried if "of the set" not in row["check"]}
    assert lines <= broken, lines - broken
    assert {row["part"] for row in tried} <= {line.partition(":")[0] for line in broken}


@pytest.mark.parametrize("broken", BREAKS, ids=[item.name for item in BREAKS])
def test_a_break_is_told_with_cause_and_cure_and_can_be_repaired(site: Site, intent: Object, broken: Break) -> None:
    with broken.how(site):
        rows = shown(site, intent, broken.lines)
    site.apply(intent)
    site.settled(intent)
    assert {named(row) for row in rows} == broken.lines
    told = "\n".join(row["said"] for row in rows)
    for words in broken.says:
        assert words in told
    for row in rows:
        assert row["check"] == "comparison with the inventory" or _ASKS_OR_TELLS.search(row["said"]), row
