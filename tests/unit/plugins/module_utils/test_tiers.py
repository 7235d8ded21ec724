# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One entry of ``maas_tiers``: what it means, and what it may not say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import Problem
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import read
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.tiers import Allowance, Limit, Tier
from tests.unit.plugins.strategies import WINDOWS

SOME = [{"limit": 100, "window": "1m"}]
MORE = [{"limit": 900, "window": "1h"}]


def read_tier(**values: Any) -> tuple[Tier | None, list[str]]:
    problems: list[Problem] = []
    return read(Tier, {"name": "free", **values}, "maas_tiers[0]", problems), [str(problem) for problem in problems]


def tier(**values: Any) -> Tier:
    found, problems = read_tier(**values)
    assert found is not None, problems
    return found


def limits(*given: tuple[int, str] | tuple[int, str, str]) -> list[dict[str, Any]]:
    return [dict(zip(("limit", "window", "per"), item, strict=False)) for item in given]


def problems_of(**values: Any) -> list[str]:
    """Return where problems are and what was given, without what is allowed."""
    found, problems = read_tier(**values)
    assert found is None
    return [problem.partition("; allowed: ")[0] for problem in problems]


class TestMeaning:
    """What follows from what is said, and from what is not."""

    def test_a_name_and_its_tokens_are_all_that_a_tier_has_to_say(self) -> None:
        assert tier(tokens=SOME) == Tier("free", None, (), (Limit(100, "1m", "user"),), False, ())
        assert tier(unlimited=True) == Tier("free", unlimited=True)

    @pytest.mark.parametrize(("window", "seconds"), WINDOWS.items())
    def test_a_window_has_the_seconds_of_all_its_parts(self, window: str, seconds: int) -> None:
        assert Limit(1, window).seconds == seconds

    def test_a_limit_in_words(self) -> None:
        assert str(Limit(5, "2m")) == "5 in 2m per user"
        assert str(Limit(10, "24h", "team")) == "10 in 24h per team"

    def test_a_tier_without_a_list_has_all_models_and_one_with_an_empty_list_none(self) -> None:
        assert tier(unlimited=True).admits("tiny")
        assert tier(unlimited=True, models=["tiny"]).admits("tiny")
        assert not tier(unlimited=True, models=["tiny"]).admits("big")
        assert not tier(unlimited=True, models=[]).admits("tiny")

    def test_a_model_without_an_override_is_as_the_tier_says(self) -> None:
        found = tier(requests=SOME, tokens=MORE, overrides=[{"model": "big", "unlimited": True}])

        assert found.allowance("tiny") == Allowance((Limit(100, "1m"),), (Limit(900, "1h"),), False)

    @pytest.mark.parametrize(
        ("said", "override", "allowance"),
        [
            ({"tokens": SOME}, {}, Allowance((), (Limit(100, "1m"),), False)),
            ({"tokens": SOME}, {"tokens": MORE}, Allowance((), (Limit(900, "1h"),), False)),
            ({"tokens": SOME}, {"unlimited": True}, Allowance((), (), True)),
            ({"tokens": SOME}, {"unlimited": False}, Allowance((), (Limit(100, "1m"),), False)),
            ({"tokens": SOME}, {"requests": MORE}, Allowance((Limit(900, "1h"),), (Limit(100, "1m"),), False)),
            ({"tokens": SOME, "requests": MORE}, {"requests": []}, Allowance((), (Limit(100, "1m"),), False)),
            ({"unlimited": True}, {}, Allowance((), (), True)),
            ({"unlimited": True}, {"tokens": SOME}, Allowance((), (Limit(100, "1m"),), False)),
            ({"unlimited": True}, {"tokens": SOME, "unlimited": False}, Allowance((), (Limit(100, "1m"),), False)),
            ({"unlimited": True}, {"requests": SOME}, Allowance((Limit(100, "1m"),), (), True)),
        ],
    )
    def test_an_override_changes_what_it_says(self, said: Any, override: Any, allowance: Allowance) -> None:
        assert tier(**said, overrides=[{"model": "big", **override}]).allowance("big") == allowance


class TestTokens:
    """No limit of tokens only when that is said, and one counter alone (S3 of the measured facts)."""

    def test_nothing_said_is_refused_with_both_ways_out(self) -> None:
        assert read_tier()[1] == [
            "maas_tiers[0].tokens: there is no limit; allowed: at least one limit, or unlimited: true where none is "
            "meant"
        ]

    def test_a_limit_and_none_at_once_are_refused(self) -> None:
        assert problems_of(tokens=SOME, unlimited=True) == [
            "maas_tiers[0].unlimited: true was given together with tokens"
        ]

    def test_limits_per_user_and_per_team_at_once_are_refused_with_the_reason(self) -> None:
        assert read_tier(tokens=limits((1, "1m"), (9, "1h", "team")))[1] == [
            "maas_tiers[0].tokens: limits per user and per team were given together; allowed: one of them: of two "
            "token limits on one request the gateway enforces only the first"
        ]

    def test_for_requests_both_may_be_given_even_with_the_same_window(self) -> None:
        assert len(tier(unlimited=True, requests=limits((5, "1m"), (5, "1m", "team"))).requests) == 2

    @pytest.mark.parametrize(
        ("said", "override", "problem"),
        [
            ({"tokens": SOME}, {"tokens": []}, "overrides[0].tokens: there is no limit"),
            ({"tokens": SOME}, {"tokens": [], "unlimited": False}, "overrides[0].tokens: there is no limit"),
            ({"unlimited": True}, {"unlimited": False}, "overrides[0].tokens: there is no limit"),
            (
                {"tokens": SOME},
                {"tokens": SOME, "unlimited": True},
                "overrides[0].unlimited: true was given together with tokens",
            ),
            (
                {"tokens": SOME},
                {"tokens": limits((1, "1m"), (9, "1h", "team"))},
                "overrides[0].tokens: limits per user and per team were given together",
            ),
        ],
    )
    def test_the_same_holds_for_overrides(self, said: Any, override: Any, problem: str) -> None:
        assert problems_of(**said, overrides=[{"model": "big", **override}]) == [f"maas_tiers[0].{problem}"]


class TestLimitsThatNeverBind:
    """E15 of the measured facts: of two limits with the same window one is lost without a word."""

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @pytest.mark.parametrize("window", ["60s", "1m", "0h1m", "30s30s"])
    def test_the_same_window_twice_is_refused_however_it_is_written(self, what: str, window: str) -> None:
        assert problems_of(**{"tokens": SOME, what: limits((100, "1m"), (40, window))}) == [
            f"maas_tiers[0].{what}[1].window: {window} is a window that an entry before has too"
        ]

    @pytest.mark.parametrize("longer", [100, 99])
    def test_a_longer_window_has_to_admit_more(self, longer: int) -> None:
        wanted = [f"maas_tiers[0].tokens[1]: {longer} in 1h per user leaves nothing to do for 100 in 1m per user"]
        assert problems_of(tokens=limits((100, "1m"), (longer, "1h"))) == wanted
        assert problems_of(tokens=limits((longer, "1h"), (100, "1m"))) == wanted

    def test_windows_in_any_order_that_each_bind_are_taken(self) -> None:
        assert len(tier(tokens=limits((300, "24h"), (100, "1m"), (200, "1h"))).tokens) == 3

    def test_overrides_are_looked_at_too(self) -> None:
        override = {"model": "big", "requests": limits((5, "1m"), (5, "60s"))}

        assert problems_of(tokens=SOME, overrides=[override]) == [
            "maas_tiers[0].overrides[0].requests[1].window: 60s is a window that an entry before has too"
        ]


class TestOverrides:
    """Each is for one model that the tier has."""

    def test_a_model_that_the_tier_does_not_have_cannot_have_other_limits(self) -> None:
        assert problems_of(tokens=SOME, models=["tiny"], overrides=[{"model": "big"}]) == [
            "maas_tiers[0].overrides[0].model: 'big' is not among maas_tiers[0].models"
        ]

    def test_a_model_has_one_override(self) -> None:
        assert problems_of(tokens=SOME, overrides=[{"model": "big"}, {"model": "tiny"}, {"model": "big"}]) == [
            "maas_tiers[0].overrides[2].model: 'big' has an override before"
        ]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"unlimited": "true"}, "unlimited"),
        ({"unlimited": 1}, "unlimited"),
        ({"tokens": [{"limit": 0, "window": "1m"}]}, "tokens[0].limit"),
        ({"tokens": [{"limit": 10**12 + 1, "window": "1m"}]}, "tokens[0].limit"),
        ({"tokens": [{"limit": "5", "window": "1m"}]}, "tokens[0].limit"),
        ({"tokens": [{"limit": 5, "window": "1d"}]}, "tokens[0].window"),
        ({"tokens": [{"limit": 5, "window": "0s"}]}, "tokens[0].window"),
        ({"tokens": [{"limit": 5, "window": "500ms"}]}, "tokens[0].window"),
        ({"tokens": [{"limit": 5, "window": 60}]}, "tokens[0].window"),
        ({"tokens": [{"limit": 5, "window": "1m", "per": "key"}]}, "tokens[0].per"),
        ({"tokens": [{"limit": 5}]}, "tokens[0].window"),
        ({"tokens": SOME * 11}, "tokens"),
        ({"tokens": SOME, "name": "Free"}, "name"),
        ({"tokens": SOME, "name": "x" * 41}, "name"),
        ({"tokens": SOME, "models": "all"}, "models"),
        ({"tokens": SOME, "overrides": [{}]}, "overrides[0].model"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_path(values: dict[str, Any], path: str) -> None:
    assert [problem.partition(":")[0] for problem in problems_of(**values)] == [f"maas_tiers[0].{path}"]
