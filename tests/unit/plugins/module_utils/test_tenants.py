# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of ``maas_teams`` and ``maas_users``."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import Problem
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import read
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.tenants import Team, User


def read_one(cls: type[Any], values: dict[str, Any]) -> tuple[Any, list[str]]:
    problems: list[Problem] = []
    return read(cls, values, "entry", problems), [problem.path for problem in problems]


def test_a_team_is_in_one_tier() -> None:
    assert read_one(Team, {"name": "students", "tier": "free"}) == (Team("students", "free"), [])
    assert read_one(Team, {"name": "students"}) == (None, ["entry.tier"])


def test_a_user_has_one_key_unless_others_are_named() -> None:
    assert read_one(User, {"name": "ann", "team": "students"}) == (User("ann", "students", ("default",)), [])
    found, _problems = read_one(User, {"name": "ann", "team": "students", "keys": ["laptop", "server"]})
    assert found.keys == ("laptop", "server")


def test_a_user_may_be_known_before_it_has_a_key() -> None:
    assert read_one(User, {"name": "ann", "team": "students", "keys": []})[0].keys == ()


@pytest.mark.parametrize("name", ["ann", "Ann.B_c", "ann@example.org", "a+b", "7", "x" * 64])
def test_people_and_programs_have_the_names_they_have_elsewhere(name: str) -> None:
    assert read_one(User, {"name": name, "team": name})[1] == []
    assert read_one(Team, {"name": name, "tier": "free"})[1] == []


@pytest.mark.parametrize(
    "name", ["", "ann b", "ann'", 'ann"', "ann\n", "ann\\", "-ann", "ann-", ".", "ann/b", "änn", "x" * 65, 7, None]
)
def test_what_would_break_an_expression_or_a_label_is_no_name(name: Any) -> None:
    assert read_one(User, {"name": name, "team": "students"}) == (None, ["entry.name"])
    assert read_one(Team, {"name": name, "tier": "free"}) == (None, ["entry.name"])


@pytest.mark.parametrize("keys", ["default", ["Laptop"], ["a b"], ["x" * 41], [None], ["a"] * 21])
def test_what_cannot_name_a_key_is_refused(keys: Any) -> None:
    found, problems = read_one(User, {"name": "ann", "team": "students", "keys": keys})

    assert found is None
    assert {problem.partition("[")[0] for problem in problems} == {"entry.keys"}
