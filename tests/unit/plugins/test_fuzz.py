# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever an inventory says, it is built or refused: with our own error, soon, and in a message that can be read."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import MaasError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from tests.unit.plugins.rendered import everything, versions
from tests.unit.plugins.strategies import ANYTHING, intents

Values = dict[Any, Any]

# Seconds of the processor for one inventory, and letters of one message: terminals and people take no more.
SOON = 6.0
READABLE = 150_000

NEARLY_RIGHT = st.sampled_from(
    [
        *("{{ x }}", "{% raw %}", "{{ lookup('env', 'HOME') }}", "${X}", "!vault |", "~", "null", "yes", "' || true"),
        *("a ", " a", "a\n", "a\0b", "\u0430", "\u200b", "\ud800", "\U0001f600", "A", "-a", "a-", "a.b", "a/b", ""),
        *("0", "0s", "1.5h", "10000h", "99999h99999h99999h", "1d", "1e9", "5k", "-1", "512", "1m", "100Ti", "\u0661m"),
        *(0, -1, 1, 2**31, 2**63, 10**12, 0.5, 1e400, float("nan"), True, False, None, b"bytes", 7 + 0j),
        *([], {}, [None], {"name": None}, [[]], [{}], {"": ""}, "x" * 64, "x" * 254, "x" * 100_000),
    ]
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container below a value, with each of its keys or indexes."""
    for step in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, step
        if isinstance(value[step], (dict, list)):
            yield from places(value[step])


def rename(draw: st.DrawFn, container: Any, step: Any) -> None:
    """Give a field another name, or an entry its neighbour's place."""
    if isinstance(container, dict):
        container[draw(NEARLY_RIGHT.filter(lambda key: not isinstance(key, (list, dict))))] = container.pop(step)
    else:
        container.insert(0, container.pop(step))


def spoil(draw: st.DrawFn, container: Any, step: Any) -> None:
    """Put something else in place of what is there: a copy, since the next mistake may be made in it."""
    container[step] = copy.deepcopy(draw(NEARLY_RIGHT | ANYTHING))


def repeat(_draw: st.DrawFn, container: Any, step: Any) -> None:
    """Give an entry twice, or a list in place of one."""
    if isinstance(container, list):
        container.append(copy.deepcopy(container[step]))
    else:
        container[step] = [container[step], container[step]]


def leave_out(_draw: st.DrawFn, container: Any, step: Any) -> None:
    """Forget a field or an entry."""
    del container[step]


CHANGES: tuple[Callable[[st.DrawFn, Any, Any], None], ...] = (spoil, spoil, rename, repeat, leave_out)


@st.composite
def wild_intents(draw: st.DrawFn) -> Values:
    """Draw an inventory that was right before up to four mistakes were made in it."""
    intent = copy.deepcopy(draw(intents()))
    intent["versions"] = versions("1.5.2")
    for _ in range(draw(st.integers(0, 4))):
        found = list(places(intent))
        if found:
            draw(st.sampled_from(CHANGES))(draw, *found[draw(st.integers(0, len(found) - 1))])
    return intent


def outcome(values: Values) -> str:
    """Return the objects of an inventory, or the message by which it is refused; fail where that took long."""
    begin = time.process_time()
    try:
        said = json.dumps(everything(read_platform(values)), allow_nan=False)
    except MaasError as error:
        said = str(error)
        assert len(said) < READABLE
        assert said.isprintable() or set(filter(lambda letter: not letter.isprintable(), said)) == {"\n"}
    assert time.process_time() - begin < SOON
    return said


@settings(max_examples=250)
@for_all(wild_intents())
def test_an_inventory_with_mistakes_is_built_or_refused(values: Values) -> None:
    said = outcome(values)

    if said.startswith("["):
        assert "{%" not in said
        assert "{{ " not in said
    else:
        assert all(line.startswith("- maas_") for line in said.splitlines()[1:] if " more" not in line)


@settings(max_examples=100)
@for_all(st.dictionaries(st.sampled_from(["domain", "models", "tiers", "teams", "users", "versions"]), ANYTHING))
def test_so_is_what_is_no_inventory(values: Values) -> None:
    assert outcome(values)


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


MODEL = {"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}
LONG = "x" * 1_000_000
HUGE: dict[str, Values] = {
    "a domain of a million letters": {"domain": LONG},
    "a number of a hundred thousand digits": {"gateway_http_port": 10**100_000},
    "lists ten thousand deep": {"models": nested(10_000)},
    "an entry ten thousand deep": {"models": [{**MODEL, "name": nested(10_000)}]},
    "two hundred thousand models": {"models": [MODEL] * 200_000},
    "a thousand models of one name": {"models": [MODEL] * 1000},
    "a thousand models of long names": {"models": [{**MODEL, "name": f"{index}{LONG[:9000]}"} for index in range(999)]},
    "a field of a million letters": {"models": [{**MODEL, LONG: 1}]},
    "a hundred thousand fields": {"models": [{**MODEL, **{f"field-{index}": 1 for index in range(100_000)}}]},
    "a hundred thousand users that are nothing": {"users": [None] * 100_000},
    "a hundred thousand users of one name": {"users": [{"name": "ann", "team": "a"}] * 100_000},
    "users of a team with a long name": {"users": [{"name": f"u{index}", "team": LONG} for index in range(1000)]},
    "a thousand tiers": {"tiers": [{"name": f"t{index}", "unlimited": True} for index in range(1000)]},
    "a tier of a thousand long models": {"tiers": [{"name": "t", "models": [LONG[:100_000]] * 1000}]},
    "two hundred thousand limits": {"tiers": [{"name": "t", "tokens": [{"limit": 1, "window": "1m"}] * 200_000}]},
}


@pytest.mark.parametrize("values", HUGE.values(), ids=HUGE.keys())
def test_what_is_huge_is_refused_soon_and_in_few_words(values: Values) -> None:
    assert "cannot be used. Nothing was changed." in outcome({"domain": "maas.local", **values})


def test_the_largest_inventory_that_is_allowed_is_built_soon() -> None:
    models = [{**MODEL, "name": f"m{index}"} for index in range(1000)]
    teams = [{"name": f"t{index}", "tier": "free"} for index in range(1000)]
    users = [{"name": f"u{index}", "team": f"t{index % 1000}"} for index in range(100_000)]
    tiers = [{"name": "free", "unlimited": True}]
    begin = time.process_time()
    platform = read_platform(
        {
            "domain": "maas.local",
            "simulator_image": "r.example/sim:v1",
            "models": models,
            "tiers": tiers,
            "teams": teams,
            "users": users,
        }
    )

    assert len(everything(platform)) > 2000
    assert time.process_time() - begin < 10
