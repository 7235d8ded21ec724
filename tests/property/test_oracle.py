# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oracle itself: worked examples with figures that were measured or published, and what it may import."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.property import oracle
from tests.property.oracle import Oracle

KEYS: dict[str, dict[str, Any]] = {
    "a": {"user": "ann", "team": "students"},
    "a2": {"user": "ann", "team": "students"},
    "b": {"user": "ben", "team": "students"},
    "c": {"user": "cat", "team": "research"},
    "gone": {"user": "gus", "team": "gone"},
    "nobody": {"user": None, "team": "research"},
}


def asked(key: str | None = "a", host: str = "simulator.maas.local", tokens: int | None = None) -> dict[str, Any]:
    return {"authorization": f"APIKEY {key}" if key else None, "host": host, "tokens": tokens}


def platform(**free: Any) -> Oracle:
    """Two tiers and teams; ``free`` is what the tier of ann and ben says."""
    inventory: dict[str, Any] = {
        "domain": "maas.local",
        "models": [{"name": "simulator"}, {"name": "large", "subdomain": "big"}],
        "tiers": [
            {"name": "free", "unlimited": True, **free},
            {"name": "premium", "requests": [{"limit": 20, "window": "2m"}], "unlimited": True},
        ],
        "teams": [{"name": "students", "tier": "free"}, {"name": "research", "tier": "premium"}],
    }
    return Oracle(inventory, KEYS)


def statuses(found: Oracle, count: int, at: float = 0, **call: Any) -> dict[int, int]:
    """Send calls one after another at one time."""
    return dict(Counter(found.answers([asked(**call)], at, 0)[0].status for _ in range(count)))


def test_it_knows_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text())
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [f"{'.' * node.level}{node.module}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names
    assert "importlib" not in named
    assert not {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"__import__", "exec", "eval"}


def test_the_published_requests() -> None:
    five = platform(requests=[{"limit": 5, "window": "2m"}])

    assert statuses(five, 7) == {200: 5, 429: 2}
    assert statuses(five, 22, key="c") == {200: 20, 429: 2}


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({}, 200),
        ({"host": "BIG.Maas.local:8000"}, 200),
        ({"key": None}, 401),
        ({"key": "unknown"}, 401),
        ({"key": "gone"}, 403),
        ({"key": "nobody"}, 403),
        ({"host": "large.maas.local"}, 404),
    ],
)
def test_who_may(call: dict[str, Any], status: int) -> None:
    assert statuses(platform(), 1, **call) == {status: 1}


@pytest.mark.parametrize(("header", "status"), [("Bearer a", 200), ("apikey a", 401), ("a", 401), ("", 401)])
def test_prefixes(header: str, status: int) -> None:
    (found,) = platform().answers([asked() | {"authorization": header}], 0, 0)

    assert found.status == status


def test_models_of_a_tier() -> None:
    some = platform(models=["large"])

    assert statuses(some, 1) == {403: 1}
    assert statuses(some, 1, host="big.maas.local") == {200: 1}
    assert statuses(some, 1, key="c") == {200: 1}


def test_limits_count_for_each_model_by_user_or_by_team() -> None:
    by_user = platform(requests=[{"limit": 3, "window": "2m"}])
    assert statuses(by_user, 3) == {200: 3}
    assert statuses(by_user, 1, key="a2") == {429: 1}
    assert statuses(by_user, 3, key="b") == statuses(by_user, 3, host="big.maas.local") == {200: 3}

    by_team = platform(requests=[{"limit": 3, "window": "2m", "per": "team"}])
    assert statuses(by_team, 2) == {200: 2}
    assert statuses(by_team, 2, key="b") == {200: 1, 429: 1}


def test_windows_begin_with_the_first_hit_and_all_must_have_room() -> None:
    two = platform(requests=[{"limit": 2, "window": "1m"}, {"limit": 3, "window": "1h30m"}])

    assert statuses(two, 3, at=10) == {200: 2, 429: 1}
    assert statuses(two, 1, at=69) == {429: 1}
    assert statuses(two, 2, at=70) == {200: 1, 429: 1}
    assert statuses(two, 1, at=10 + 5399) == {429: 1}
    assert statuses(two, 1, at=10 + 5400) == {200: 1}


def test_the_last_answer_may_go_beyond_the_tokens() -> None:
    """E10, E26 and E24 of the measured facts."""
    found = platform(tokens=[{"limit": 100, "window": "1m"}, {"limit": 1000, "window": "24h"}])
    assert statuses(found, 6, tokens=30) == {200: 4, 429: 2}
    assert found.ledger.tokens.total() == 120
    assert found.ledger.requests.total() == 6, "a request that tokens refuse was counted before"

    together = platform(tokens=[{"limit": 100, "window": "1m"}])
    assert [answer.status for answer in together.answers([asked(tokens=90)] * 3, 0, 5)] == [200, 200, 200]
    assert statuses(together, 1, at=64) == {429: 1}
    assert statuses(together, 1, at=65) == {200: 1}

    one = platform(tokens=[{"limit": 1, "window": "1m"}])
    assert statuses(one, 3, tokens=None) == {200: 3}
    assert statuses(one, 3, tokens=0) == {200: 1, 429: 2}


def test_overrides_say_what_is_other_for_a_model() -> None:
    found = platform(
        unlimited=False,
        tokens=[{"limit": 10, "window": "1m"}],
        requests=[{"limit": 4, "window": "1m"}],
        overrides=[{"model": "large", "unlimited": True, "requests": []}],
    )

    assert statuses(found, 6, tokens=10) == {200: 1, 429: 5}
    assert statuses(found, 6, tokens=10, host="big.maas.local") == {200: 6}
    assert found.ledger.tokens[("ann", "students", "free", "large")] == 60
