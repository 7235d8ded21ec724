# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says is what the stand-in gateway does with the rendered objects; and a broken rule is seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from ansible_collections.maas_billing.platform.plugins.module_utils.render import gateway, identity, limits
from tests.property.drawing import cases
from tests.property.driving import Gateway
from tests.property.oracle import Oracle

SETS = 2_000
# The broken rules below take fewer than a hundred.
SETS_UNTIL_CAUGHT = 500
# How often each must be the answer, by the inventory: less would mean that the traces have lost their edge.
LEAST = 500
REASONS = [
    *("admitted", "no such model", "no key", "unknown key", "no user", "unknown team", "model not in tier"),
    *(f"{what} per {per}" for what in ("requests", "tokens") for per in ("user", "team")),
]
_PORTION = 10


class Different(AssertionError):
    """The gateway did something else than the inventory says."""


@dataclass
class Tally:
    """What was tried."""

    sets: int = 0
    different: set[str] = field(default_factory=set)
    """The tiers of each set, as text."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Of the answers, as the oracle has them."""

    def __str__(self) -> str:
        return f"{self.sets} sets ({len(self.different)} different), {self.reasons.total()} requests"


def compare(case: dict[str, Any], tally: Tally) -> None:
    """Send the trace of a case through the gateway. Raises Different at the first difference."""
    tally.sets += 1
    tally.different.add(json.dumps(case["inventory"]["tiers"]))
    oracle, stand_in = Oracle(case["inventory"], case["keys"]), Gateway(case)
    if stand_in.not_enforced:
        raise Different("; ".join(stand_in.not_enforced))
    asyncio.run(_follow(case["trace"], oracle, stand_in, tally))
    for what, found in stand_in.ledger().items():
        wanted = getattr(oracle.ledger, what)
        uneven = [
            f"{who}: {found[who]} and not {wanted[who]}" for who in {*found, *wanted} if found[who] != wanted[who]
        ]
        if uneven:
            raise Different(f"counted {what} of {'; '.join(sorted(uneven))}")


async def _follow(trace: Sequence[dict[str, Any]], oracle: Oracle, stand_in: Gateway, tally: Tally) -> None:
    for number, moment in enumerate(trace):
        stand_in.now += moment["after"]
        wanted = oracle.answers(moment["calls"], stand_in.now, moment["took"])
        found = await stand_in.answers(moment["calls"], moment["took"])
        tally.reasons.update(decision.reason for decision in wanted)
        if found != [decision.status for decision in wanted]:
            raise Different(f"moment {number} of the trace: answered {found}, by the inventory {wanted}")


def search(tally: Tally, sets: int, *phases: Phase) -> None:
    """Compare cases until so many different sets were tried. They are the same each time, here and elsewhere."""
    # After its first ten cases Hypothesis mostly varies what it drew before; in portions most sets are new ones.
    for portion in count():
        if len(tally.different) >= sets:
            return

        @seed(portion)
        @settings(
            max_examples=_PORTION,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=phases,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(cases())
        def compare_drawn(case: dict[str, Any]) -> None:
            compare(case, tally)

        compare_drawn()


def test_the_gateway_does_what_the_inventory_says(capsys: pytest.CaptureFixture[str]) -> None:
    tally, begin = Tally(), time.monotonic()

    search(tally, SETS, Phase.generate, Phase.shrink)

    with capsys.disabled():
        print(f"\n{tally} in {time.monotonic() - begin:.0f} s: {dict(tally.reasons.most_common())}")
    assert [reason for reason in REASONS if tally.reasons[reason] < LEAST] == []


def forget_that_an_override_takes_its_model_out(patch: pytest.MonkeyPatch) -> None:
    """Two entries hold for a model with limits of its own."""
    whole: Callable[[limits.Share], str] = vars(limits.Share)["predicate"].fget

    def predicate(share: limits.Share) -> str:
        return whole(share if share.model else replace(share, tier=replace(share.tier, overrides=())))

    patch.setattr(limits.Share, "predicate", property(predicate))


def count_each_user_where_the_team_is_meant(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(limits._COUNTERS, "team", limits._COUNTERS["user"])


def _with_entries(change: Callable[[dict[str, Any]], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Break what is made of limits: ``change`` changes an entry in place."""

    def break_it(patch: pytest.MonkeyPatch) -> None:
        whole = limits._entries

        def entries(*arguments: Any) -> Iterator[tuple[str, dict[str, Any]]]:
            for name, entry in whole(*arguments):
                change(entry)
                yield name, entry

        patch.setattr(limits, "_entries", entries)

    return break_it


def drop_the_last_window(entry: dict[str, Any]) -> None:
    entry["rates"] = entry["rates"][:-1] or entry["rates"]


def admit_one_more(entry: dict[str, Any]) -> None:
    entry["rates"] = [{**rate, "limit": rate["limit"] + 1} for rate in entry["rates"]]


def count_only_what_has_a_limit(patch: pytest.MonkeyPatch) -> None:
    """Nothing holds for tiers without limits: they are served, and not metered."""
    whole = limits._entries
    patch.setattr(limits, "_entries", lambda share, what, found: whole(share, what, found) if found else iter(()))


def forget_the_lists_of_models(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "admitted_model", lambda platform: [])


def believe_every_identity(patch: pytest.MonkeyPatch) -> None:
    """Where a property cannot be computed there is no limit (S4 of the measured facts)."""
    patch.setattr(identity, "known_identity", lambda platform: [])


def leave_the_host_as_it_is_written(patch: pytest.MonkeyPatch) -> None:
    """S1 of the measured facts."""
    patch.setattr(gateway, "needs_lower_case_host", lambda version: False)


@pytest.mark.parametrize(
    "break_it",
    [
        forget_that_an_override_takes_its_model_out,
        count_each_user_where_the_team_is_meant,
        pytest.param(_with_entries(drop_the_last_window), id="drop_the_last_window"),
        pytest.param(_with_entries(admit_one_more), id="admit_one_more"),
        count_only_what_has_a_limit,
        forget_the_lists_of_models,
        believe_every_identity,
        leave_the_host_as_it_is_written,
    ],
)
def test_a_broken_rule_is_caught(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(monkeypatch)
    tally = Tally()

    with pytest.raises(Different) as caught:
        search(tally, SETS_UNTIL_CAUGHT, Phase.generate)

    with capsys.disabled():
        print(f"\ncaught after {tally}: {str(caught.value)[:200]}")
