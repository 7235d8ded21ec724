# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict reading: each mistake is named with its path and what is allowed, and all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import Problem
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import (
    Choice,
    Flag,
    Integer,
    ListOf,
    Optionally,
    Record,
    Rule,
    Text,
    obeys,
    read,
    shown,
)
from tests.unit.plugins.strategies import ANYTHING

WORD = Text(r"[a-z]+", "small letters", 5)


@dataclass(frozen=True)
class Wheel:
    size: int = field(metadata=obeys(Integer(10, 30)))
    colour: str = field(default="red", metadata=obeys(Choice("red", "blue")))


@dataclass(frozen=True)
class Bicycle:
    name: str = field(metadata=obeys(WORD))
    wheels: tuple[Wheel, ...] = field(default=(), metadata=obeys(ListOf(Record(Wheel), 2)))
    basket: Wheel = field(default_factory=lambda: Wheel(10), metadata=obeys(Record(Wheel)))
    bell: str | None = field(default=None, metadata=obeys(Optionally(WORD)))


def read_bicycle(values: dict[Any, Any], path: str = "bike_") -> tuple[Bicycle | None, list[str]]:
    problems: list[Problem] = []
    return read(Bicycle, values, path, problems), [str(problem) for problem in problems]


def test_what_was_given_is_kept_and_what_was_not_has_its_default() -> None:
    bicycle, problems = read_bicycle({"name": "fred", "wheels": [{"size": 28}, {"size": 26, "colour": "blue"}]})

    assert problems == []
    assert bicycle == Bicycle("fred", (Wheel(28, "red"), Wheel(26, "blue")), Wheel(10), None)


def test_every_mistake_is_named_at_once_with_its_path() -> None:
    bicycle, problems = read_bicycle(
        {"name": "Fred", "wheels": [{"size": 28}, {"size": 9, "color": "blue"}], "bell": 7}
    )

    assert bicycle is None
    assert problems == [
        "bike_name: 'Fred' was given; allowed: small letters, at most 5 characters",
        "bike_wheels[1].color: there is no such field (did you mean colour?); allowed: size, colour",
        "bike_wheels[1].size: 9 (a number) was given; allowed: a whole number from 10 to 30, without quotes",
        "bike_bell: 7 (a number) was given; allowed: small letters, at most 5 characters",
    ]


def test_a_missing_field_says_what_belongs_there() -> None:
    assert read_bicycle({}) == (None, ["bike_name: is missing; allowed: small letters, at most 5 characters"])


def test_an_unknown_field_that_resembles_none_gets_no_advice() -> None:
    _bicycle, problems = read_bicycle({"name": "fred", "xyzzy": 1})

    assert problems == ["bike_xyzzy: there is no such field; allowed: name, wheels, basket, bell"]


def test_a_field_whose_name_is_not_a_text_is_unknown() -> None:
    _bicycle, problems = read_bicycle({"name": "fred", 7: 1, None: 2})

    assert [problem.partition(":")[0] for problem in problems] == ["bike_7", "bike_None"]


def test_below_a_parent_fields_are_joined_by_a_dot_and_below_a_prefix_by_nothing() -> None:
    assert read_bicycle({}, "bikes[0]")[1][0].startswith("bikes[0].name: ")
    assert read_bicycle({}, "bike_")[1][0].startswith("bike_name: ")


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Text(r"[a-z]+", "", 3), "abc"),
        (Integer(1, 3), 1),
        (Integer(1, 3), 3),
        (Choice("a", "b"), "b"),
        (Flag(), True),
        (Flag(), False),
        (Optionally(Integer(1, 3)), None),
        (Optionally(Integer(1, 3)), 2),
    ],
)
def test_a_rule_returns_what_it_accepts(rule: Rule, value: Any) -> None:
    problems: list[Problem] = []

    assert rule.read(value, "path", problems) == value
    assert problems == []


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Text(r"[a-z]+", "", 3), "abcd"),
        (Text(r"[a-z]+", "", 3), "ab\n"),
        (Text(r"[a-z]+", "", 3), "-a"),
        (Text(r"[0-9]+", "", 3), 12),
        (Text(r"[a-z]+", "", 3), None),
        (Integer(1, 3), 0),
        (Integer(1, 3), 4),
        (Integer(1, 3), True),
        (Integer(1, 3), "2"),
        (Integer(1, 3), 2.0),
        (Choice("a", "b"), "c"),
        (Choice("a", "b"), ["a"]),
        (Flag(), "true"),
        (Flag(), "yes"),
        (Flag(), 1),
        (Flag(), None),
        (Optionally(Integer(1, 3)), 4),
        (Record(Wheel), [("size", 28)]),
        (Record(Wheel), None),
        (ListOf(WORD, 2), ["a", "b", "c"]),
        (ListOf(WORD, 2), "ab"),
        (ListOf(WORD, 2), {"a": "b"}),
        (ListOf(WORD, 2), ["a", None]),
    ],
)
def test_a_rule_refuses_everything_else_once(rule: Rule, value: Any) -> None:
    problems: list[Problem] = []
    rule.read(value, "path", problems)

    assert len(problems) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("80", "'80'"),
        (80, "80 (a number)"),
        (True, "True (a boolean)"),
        (1.5, "1.5 (a fraction)"),
        (None, "None (nothing)"),
        ({"a": 1}, "{'a': 1} (a mapping)"),
        ([1], "[1] (a list)"),
        ("x" * 100, "'" + "x" * 59 + "... (102 characters)"),
    ],
)
def test_a_value_is_shown_short_and_with_its_type_where_that_is_the_likely_mistake(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (int, 5, "5 (a number)"),
        (float, 1.5, "1.5 (a fraction)"),
        (list, [1], "[1] (a list)"),
        (dict, {"a": 1}, "{'a': 1} (a mapping)"),
        (str, "five", "'five'"),
    ],
)
def test_subclasses_of_ansible_are_shown_as_what_the_user_wrote(kind: type[Any], value: Any, text: str) -> None:
    assert shown(type("_AnsibleTagged", (kind,), {})(value)) == text


@dataclass(frozen=True)
class Tandem:
    front: Wheel = field(metadata=obeys(Record(Wheel)))
    back: Wheel = field(metadata=obeys(Record(Wheel)))

    def contradictions(self, path: str) -> list[Problem]:
        if self.front.colour == self.back.colour:
            return []
        return [Problem(f"{path}.back.colour", f"{self.back.colour!r} is not that of the other", "one colour")]


class TestContradictions:
    """Values that are right one by one and wrong together."""

    def read(self, front: Any, back: Any) -> tuple[Tandem | None, list[str]]:
        problems: list[Problem] = []
        return read(Tandem, {"front": front, "back": back}, "bike", problems), [str(problem) for problem in problems]

    def test_they_are_told_like_any_other_mistake(self) -> None:
        assert self.read({"size": 28}, {"size": 28, "colour": "blue"}) == (
            None,
            ["bike.back.colour: 'blue' is not that of the other; allowed: one colour"],
        )

    def test_what_agrees_is_read(self) -> None:
        assert self.read({"size": 28}, {"size": 26}) == (Tandem(Wheel(28), Wheel(26)), [])

    def test_they_are_looked_for_only_among_values_that_could_be_read(self) -> None:
        assert self.read({"size": 28}, {"size": 9, "colour": "blue"})[1] == [
            "bike.back.size: 9 (a number) was given; allowed: a whole number from 10 to 30, without quotes"
        ]


@for_all(st.dictionaries(st.sampled_from(["name", "wheels", "basket", "bell"]) | st.text(), ANYTHING))
def test_reading_gives_either_a_value_or_problems_and_never_raises(values: dict[str, Any]) -> None:
    bicycle, problems = read_bicycle(values)

    assert (bicycle is None) == bool(problems)
