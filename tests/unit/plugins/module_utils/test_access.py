# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what, as a table; and what changes for whom, in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.access import (
    STATEMENT_ANNOTATION,
    access_rows,
    changes_in_words,
    read,
    statement,
    table,
    written,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from tests.unit.plugins.strategies import ANYTHING, intents

Object = dict[str, Any]

FREE: Object = {"name": "free", "requests": [{"limit": 5, "window": "2m"}], "tokens": [{"limit": 10, "window": "1m"}]}
PREMIUM: Object = {"name": "premium", "unlimited": True}
TEAMS = [{"name": "students", "tier": "free"}, {"name": "research", "tier": "premium"}]
NOTHING: Object = {"models": [], "tiers": {}, "teams": {}}


def said(tiers: list[Object], teams: list[Object] = TEAMS, models: Sequence[str] = ("tiny", "big")) -> Object:
    served = [{"name": name, "server": "simulator", "allow_unmetered_streams": True} for name in models]
    return statement(read_platform({"domain": "maas.local", "models": served, "tiers": tiers, "teams": teams}))


def policy(annotation: str) -> Object:
    return {"metadata": {"name": "maas-auth", "annotations": {STATEMENT_ANNOTATION: annotation}}}


class TestStatement:
    """It is written on the AuthPolicy and read from there."""

    @for_all(intents())
    def test_what_is_read_from_a_policy_is_what_was_said(self, intent: Object) -> None:
        platform = read_platform(intent)

        assert read(policy_objects(platform)[0]) == statement(platform)
        assert changes_in_words(statement(platform), statement(platform)) == []

    @pytest.mark.parametrize("live", [None, {}, {"metadata": {}}, {"metadata": {"annotations": None}}])
    def test_where_nothing_was_said_nothing_is_known(self, live: Any) -> None:
        assert read(live) == NOTHING

    @pytest.mark.parametrize(
        "annotation",
        ["", "{", "null", "[]", "7", '"tiers"', "{}", '{"tiers": []}', '{"models": [], "teams": {}}'],
    )
    def test_what_others_wrote_there_is_as_if_nothing_was(self, annotation: str) -> None:
        assert read(policy(annotation)) == NOTHING

    @pytest.mark.parametrize(
        "part",
        [
            {"models": None},
            {"models": [7]},
            {"teams": 7},
            {"teams": {"students": None}},
            {"tiers": {"free": 5}},
            {"tiers": {"free": {}}},
            {"tiers": {"free": {"models": 7, "overrides": {}, "requests": "", "tokens": ""}}},
            {"tiers": {"free": {"models": None, "overrides": {"a": 1}, "requests": "", "tokens": ""}}},
        ],
    )
    def test_a_statement_of_which_a_part_has_another_shape_is_none(self, part: Object) -> None:
        assert read(policy(json.dumps({**said([FREE, PREMIUM]), **part}))) == NOTHING

    @for_all(st.dictionaries(st.sampled_from(sorted(NOTHING)), ANYTHING) | st.just(said([FREE, PREMIUM])), st.data())
    def test_whatever_is_written_there_can_be_shown_and_compared(self, given: Object, data: st.DataObject) -> None:
        try:
            annotation = written(given)
        except TypeError:  # Hypothesis draws values that have no JSON, and keys that cannot be sorted.
            annotation = data.draw(st.text())
        before, after = read(policy(annotation)), said([FREE, PREMIUM])

        assert len(table(access_rows(before))) > 0
        assert all(changes_in_words(before, after))
        assert all(changes_in_words(after, before))


class TestTable:
    """A row for each tier, and for each model with limits of its own."""

    def test_a_tier_has_its_teams_and_its_limits(self) -> None:
        assert access_rows(said([FREE, PREMIUM])) == [
            {
                "tier": "free",
                "teams": "students",
                "models": "all",
                "requests": "5 in 2m per user",
                "tokens": "10 in 1m per user",
            },
            {
                "tier": "premium",
                "teams": "research",
                "models": "all",
                "requests": "unlimited",
                "tokens": "unlimited",
            },
        ]

    @pytest.mark.parametrize(
        ("more", "models"),
        [
            ({}, ["all"]),
            ({"models": []}, ["none"]),
            ({"models": ["tiny", "big"]}, ["big, tiny"]),
            ({"overrides": [{"model": "big", "unlimited": True}]}, ["all others", "big"]),
            ({"models": ["tiny", "big"], "overrides": [{"model": "big"}]}, ["tiny", "big"]),
            ({"models": ["big"], "overrides": [{"model": "big"}]}, ["none", "big"]),
        ],
    )
    def test_models_are_in_one_row_each(self, more: Object, models: list[str]) -> None:
        tier = {"name": "free", "tokens": FREE["tokens"], **more}

        assert [row["models"] for row in access_rows(said([tier], []))] == models

    def test_a_tier_without_teams_says_so_and_of_many_teams_some_are_named(self) -> None:
        teams = [{"name": f"t{index}", "tier": "free"} for index in range(7)]

        assert [row["teams"] for row in access_rows(said([FREE, PREMIUM], teams))] == [
            "t0, t1, t2, t3, t4 and 2 more",
            "none",
        ]

    def test_lines_are_aligned_below_their_titles(self) -> None:
        assert table(access_rows(said([FREE, PREMIUM]))) == [
            "TIER     TEAMS     MODELS  REQUESTS PER MODEL  TOKENS PER MODEL",
            "free     students  all     5 in 2m per user    10 in 1m per user",
            "premium  research  all     unlimited           unlimited",
        ]

    def test_without_tiers_there_are_titles_alone(self) -> None:
        assert table([]) == ["TIER  TEAMS  MODELS  REQUESTS PER MODEL  TOKENS PER MODEL"]


class TestChanges:
    """One line for each thing that is other than before, with whom it concerns."""

    def test_the_first_time_everything_is_new(self) -> None:
        assert changes_in_words(NOTHING, said([FREE, PREMIUM])) == [
            "model big: new (tiers: free, premium)",
            "model tiny: new (tiers: free, premium)",
            "team research: new, in tier premium",
            "team students: new, in tier free",
            "tier free: new (teams: students), requests 5 in 2m per user, tokens 10 in 1m per user",
            "tier premium: new (teams: research), requests unlimited, tokens unlimited",
        ]

    def test_a_model_comes_and_goes(self) -> None:
        tiers = [{**FREE, "models": ["tiny"]}, {**PREMIUM, "models": []}]
        both, one = said(tiers), said(tiers, models=("tiny",))

        assert changes_in_words(one, both) == ["model big: new (no tier includes it)"]
        assert changes_in_words(both, one) == ["model big: gone"]
        assert "model tiny: new (tiers: free)" in changes_in_words(NOTHING, both)

    def test_a_new_tier_tells_the_limits_of_its_single_models_too(self) -> None:
        override = {"model": "big", "requests": [{"limit": 1, "window": "1h"}]}
        after = said([FREE, {**PREMIUM, "overrides": [override]}], [])

        assert changes_in_words(said([FREE], []), after) == [
            "tier premium: new (no team is in it), requests unlimited, tokens unlimited",
            "tier premium (no team is in it): for big requests 1 in 1h per user, tokens unlimited",
        ]

    def test_a_team_moves_comes_and_goes(self) -> None:
        teams = [{"name": "students", "tier": "premium"}, {"name": "guests", "tier": "free"}]

        assert changes_in_words(said([FREE, PREMIUM]), said([FREE, PREMIUM], teams)) == [
            "team guests: new, in tier free",
            "team research: gone, its keys are refused",
            "team students: from tier free to premium; what it used before is forgotten",
        ]

    def test_a_tier_goes(self) -> None:
        assert changes_in_words(said([FREE, PREMIUM], []), said([FREE], [])) == ["tier premium: gone"]

    @pytest.mark.parametrize(
        ("after", "line"),
        [
            ({"requests": []}, "requests from 5 in 2m per user to unlimited"),
            (
                {"tokens": [{"limit": 20, "window": "1m", "per": "team"}]},
                "tokens from 10 in 1m per user to 20 in 1m per team",
            ),
            ({"models": ["tiny"]}, "its models from all to tiny"),
            ({"models": []}, "its models from all to none"),
            (
                {"overrides": [{"model": "big", "unlimited": True}]},
                "for big tokens from 10 in 1m per user to unlimited",
            ),
        ],
    )
    def test_what_changes_within_a_tier_is_said_with_its_teams(self, after: Object, line: str) -> None:
        changed = {**FREE, **after}

        assert changes_in_words(said([FREE, PREMIUM]), said([changed, PREMIUM])) == [
            f"tier free (teams: students): {line}"
        ]
        # The other way round too there is one line.
        assert len(changes_in_words(said([changed, PREMIUM]), said([FREE, PREMIUM]))) == 1

    def test_a_tier_that_nobody_has_says_so(self) -> None:
        assert changes_in_words(said([FREE], []), said([{**FREE, "requests": []}], [])) == [
            "tier free (no team is in it): requests from 5 in 2m per user to unlimited"
        ]

    def test_an_override_that_says_what_the_tier_says_changes_nothing(self) -> None:
        override = {"model": "big", "tokens": FREE["tokens"]}

        assert changes_in_words(said([FREE, PREMIUM]), said([{**FREE, "overrides": [override]}, PREMIUM])) == []

    def test_of_a_model_that_the_tier_no_longer_has_no_limits_are_told(self) -> None:
        before = {**FREE, "models": ["tiny", "big"], "overrides": [{"model": "big", "unlimited": True}]}

        assert changes_in_words(said([before, PREMIUM]), said([{**FREE, "models": ["tiny"]}, PREMIUM])) == [
            "tier free (teams: students): its models from big, tiny to tiny"
        ]

    @for_all(intents(), intents())
    def test_two_inventories_of_which_one_says_something_else_differ_in_some_line(
        self, one: Object, other: Object
    ) -> None:
        before, after = statement(read_platform(one)), statement(read_platform(other))

        told = ("models", "teams")
        if any(before[part] != after[part] for part in told) or set(before["tiers"]) != set(after["tiers"]):
            assert changes_in_words(before, after)
            assert changes_in_words(after, before)
