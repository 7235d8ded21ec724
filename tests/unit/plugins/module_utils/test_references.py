# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Models, tiers, teams and users name each other; each name stands for one thing that is there."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import Problem
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.references import references
from tests.unit.plugins.strategies import ANYTHING, intents, spoilt_intents

RIGHT: dict[str, Any] = {
    "models": [{"name": "tiny"}, {"name": "big"}],
    "tiers": [{"name": "free", "models": ["tiny"], "overrides": [{"model": "tiny"}]}, {"name": "premium"}],
    "teams": [{"name": "students", "tier": "free"}, {"name": "research", "tier": "premium"}],
    "users": [{"name": "ann", "team": "students", "keys": ["a", "b"]}, {"name": "bob", "team": "students"}],
}


def found(**values: Any) -> list[str]:
    return [str(problem) for problem in references({**RIGHT, **values}, "maas_")]


def test_names_that_are_there_are_no_problem() -> None:
    assert found() == []


@for_all(intents())
def test_nor_are_those_of_any_right_inventory(values: dict[str, Any]) -> None:
    assert references(values, "maas_") == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"teams": [{"name": "students", "tier": "fre"}, {"name": "research", "tier": "premium"}]},
            "maas_teams[0].tier: there is no 'fre' in maas_tiers (did you mean free?); allowed: free, premium",
        ),
        (
            {"users": [{"name": "ann", "team": "opera"}]},
            "maas_users[0].team: there is no 'opera' in maas_teams; allowed: students, research",
        ),
        (
            {"tiers": [{"name": "free", "models": ["tiny", "huge"]}, {"name": "premium"}]},
            "maas_tiers[0].models[1]: there is no 'huge' in maas_models; allowed: tiny, big",
        ),
        (
            {"tiers": [{"name": "free"}, {"name": "premium", "overrides": [{"model": "bigg"}]}]},
            "maas_tiers[1].overrides[0].model: there is no 'bigg' in maas_models (did you mean big?); "
            "allowed: tiny, big",
        ),
    ],
)
def test_what_is_named_and_not_there_is_told_with_what_is(values: dict[str, Any], problem: str) -> None:
    assert found(**values) == [problem]


def test_where_there_is_nothing_to_name_that_is_said() -> None:
    values = {"tiers": [], "teams": [{"name": "students", "tier": "free"}], "users": []}

    assert found(**values) == [
        "maas_teams[0].tier: there is no 'free' in maas_tiers; allowed: nothing, since there is none"
    ]


def test_of_many_only_some_are_shown() -> None:
    tiers = [{"name": f"t{index}"} for index in range(13)]
    (problem,) = found(tiers=tiers, teams=[{"name": "students", "tier": "other"}])

    assert problem.endswith("; allowed: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 3 more")


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("tiers", {"name": "free"}),
        ("teams", {"name": "students", "tier": "premium"}),
        ("users", {"name": "ann", "team": "research"}),
    ],
)
def test_a_name_belongs_to_one_entry(name: str, entry: dict[str, Any]) -> None:
    assert found(**{name: [*RIGHT[name], entry]}) == [
        f"maas_{name}[2].name: {entry['name']!r} is the name of maas_{name}[0] too; allowed: a name of its own"
    ]


def test_keys_and_models_are_named_once_each() -> None:
    users = [{"name": "ann", "team": "students", "keys": ["a", "b", "a"]}]
    tiers = [{"name": "free", "models": ["tiny", "tiny"]}, {"name": "premium"}]

    assert found(users=users, tiers=tiers) == [
        "maas_users[0].keys[2]: 'a' stands there twice; allowed: each name once",
        "maas_tiers[0].models[1]: 'tiny' stands there twice; allowed: each name once",
    ]


@for_all(spoilt_intents() | st.dictionaries(st.sampled_from(sorted(RIGHT)), ANYTHING))
def test_whatever_is_given_there_are_problems_or_none(values: dict[str, Any]) -> None:
    assert all(isinstance(problem, Problem) for problem in references(values, "maas_"))


def test_a_hundred_thousand_users_of_teams_that_are_not_there_are_told_in_a_moment() -> None:
    teams = [{"name": f"team-{index}", "tier": "free"} for index in range(1000)]
    users = [{"name": f"user-{index}", "team": f"taem-{index}"} for index in range(100_000)]
    begin = time.process_time()
    problems = found(teams=teams, users=users)

    assert len(problems) == 100_000
    assert "(did you mean team-" in problems[0]
    assert time.process_time() - begin < 5
