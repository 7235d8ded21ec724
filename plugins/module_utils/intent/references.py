# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of one list that name entries of another, and names that stand there twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import Problem
from .schema import named, shown, similar
from .tenants import MOST_USERS

# Similar names are looked for among all others, which takes too long where thousands are wrong.
_MOST_HINTS = 20
Entries = list[tuple[str, Mapping[str, Any]]]


def references(values: Mapping[str, Any], prefix: str) -> list[Problem]:
    """Return what is named twice, and what is named and does not exist.

    :param values: the variables as they were given, so that an entry that is wrong otherwise hides nothing.
    """
    models, tiers, teams, users = (_entries(values, name, prefix) for name in ("models", "tiers", "teams", "users"))
    problems = [problem for entries in (tiers, teams, users) for problem in _twice(entries)]
    problems += _missing(((f"{path}.tier", item.get("tier")) for path, item in teams), tiers, f"{prefix}tiers")
    problems += _missing(((f"{path}.team", item.get("team")) for path, item in users), teams, f"{prefix}teams")
    problems += _missing(_models_of(tiers), models, f"{prefix}models")
    for path, item in users:
        problems += _repeated(item.get("keys"), f"{path}.keys")
    for path, item in tiers:
        problems += _repeated(item.get("models"), f"{path}.models")
    return problems


def _entries(values: Mapping[str, Any], name: str, prefix: str) -> Entries:
    return [
        (f"{prefix}{name}[{index}]", item)
        for index, item in enumerate(_list(values.get(name))[:MOST_USERS])
        if isinstance(item, Mapping)
    ]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _models_of(tiers: Entries) -> Iterator[tuple[str, Any]]:
    for path, tier in tiers:
        yield from ((f"{path}.models[{index}]", name) for index, name in enumerate(_list(tier.get("models"))))
        for index, override in enumerate(_list(tier.get("overrides"))):
            if isinstance(override, Mapping):
                yield f"{path}.overrides[{index}].model", override.get("model")


def _twice(entries: Entries) -> Iterator[Problem]:
    """Tell names that stand there before, also in other capitals: each would have counts of its own."""
    first: dict[str, tuple[str, str]] = {}
    for path, item in entries:
        name = item.get("name")
        if not isinstance(name, str):
            continue
        place, before = first.setdefault(name.lower(), (path, name))
        if place != path:
            how = "" if name == before else f", written {shown(before)} there"
            yield Problem(f"{path}.name", f"{shown(name)} is the name of {place} too{how}", "a name of its own")


def _repeated(names: Any, path: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(_list(names)):
        if isinstance(name, str):
            if name in seen:
                yield Problem(f"{path}[{index}]", f"{shown(name)} stands there twice", "each name once")
            seen.add(name)


def _missing(named: Iterable[tuple[str, Any]], entries: Entries, where: str) -> Iterator[Problem]:
    known = [item["name"] for _path, item in entries if isinstance(item.get("name"), str)]
    there = set(known)
    hints: dict[str, str] = {}
    for path, name in named:
        if isinstance(name, str) and name not in there:
            if name not in hints:
                hints[name] = similar(name, known) if len(hints) < _MOST_HINTS else ""
            yield Problem(path, f"there is no {shown(name)} in {where}{hints[name]}", _some(known))


def _some(known: Sequence[str]) -> str:
    shown = ", ".join(map(named, known[:10])) or "nothing, since there is none"
    return f"{shown} and {len(known) - 10} more" if len(known) > 10 else shown
