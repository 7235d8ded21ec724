# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict reading of nested values into frozen dataclasses.

Each field of a dataclass carries its rule in the field's metadata (see :func:`obeys`). Reading never stops at the first
mistake: every problem is collected with its path, so that one run tells all of them.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ..errors import Problem

T = TypeVar("T")

_UNSET: Any = dataclasses.MISSING
_SHOWN = 60
# What can stand in a message as it is: it does not end the line, hide, or look like something else.
_PLAIN = re.compile(r"[!-~]{1,64}")
# The first that fits: a boolean is a number too.
_TYPE_NAMES: tuple[tuple[Any, str], ...] = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a fraction"),
    (type(None), "nothing"),
    (datetime.date, "a date"),
    (Mapping, "a mapping"),
    ((list, tuple), "a list"),
)


class Rule(Protocol):
    """How one value is checked; ``allowed`` is the sentence shown when it does not fit."""

    allowed: str

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any: ...


def obeys(rule: Rule) -> dict[str, Rule]:
    """Return the metadata of a dataclass field whose value obeys ``rule``."""
    return {"rule": rule}


def shown(value: Any) -> str:
    """Return ``value`` as short text for a message, with its type where that is the likely mistake."""
    text = repr(str(value)) if isinstance(value, str) else _written(value)
    if len(text) > _SHOWN:
        size = f"{len(value)} entries" if isinstance(value, (list, tuple)) else f"{len(text)} characters"
        text = f"{text[:_SHOWN]}... ({size})"
    return f"{text}{_look_alike(value)}" if isinstance(value, str) else f"{text} ({_type_name(value)})"


def named(name: Any) -> str:
    """Return a name or key as it was written, in quotes and short where that would not be read as one word."""
    text = str(name) if isinstance(name, str) else _written(name)
    return text if _PLAIN.fullmatch(text) else shown(name)


def similar(name: str, known: Sequence[str], prefix: str = "", likeness: float = 0.6) -> str:
    """Return the question whether one of these was meant, where one resembles ``name``; both without their prefix.

    :param likeness: how much it has to, from 0 to 1 for the same.
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=likeness) if _PLAIN.fullmatch(name) else ()
    return f" (did you mean {prefix}{close[0]}?)" if close else ""


def _written(value: Any) -> str:
    try:
        # Of a long list only the beginning is shown.
        return repr(value[:_SHOWN] if isinstance(value, (list, tuple)) else value)
    except (RecursionError, ValueError):  # Nested too deeply, or a number of too many digits.
        return "what is too large to be shown"


def _look_alike(text: str) -> str:
    """Name the first letter beyond ASCII: many look like one that is allowed."""
    odd = "" if text.isascii() else next(letter for letter in text if not letter.isascii())
    return f" (with {unicodedata.name(odd, f'U+{ord(odd):04X}')})" if odd else ""


def _type_name(value: Any) -> str:
    # By kind and not by class: filters are given Ansible's own subclasses, which mean nothing to a user.
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), type(value).__name__)


class _Checked:
    """A rule that accepts a value as it is, or not at all."""

    allowed: str

    def accepts(self, value: Any) -> bool:
        raise NotImplementedError

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any:
        if not self.accepts(value):
            problems.append(Problem(path, f"{shown(value)} was given", self.allowed))
            return None
        return str(value) if isinstance(value, str) else value


class Text(_Checked):
    """A string that matches ``pattern`` wholly and is at most ``longest`` characters long."""

    def __init__(self, pattern: str, allowed: str, longest: int) -> None:
        self.pattern = re.compile(pattern)
        self.longest = longest
        self.allowed = f"{allowed}, at most {longest} characters"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and len(value) <= self.longest and self.pattern.fullmatch(value) is not None


class Integer(_Checked):
    """A whole number from ``lowest`` to ``highest``; a number in quotes is not one."""

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest, self.highest = lowest, highest
        self.allowed = f"a whole number from {lowest} to {highest}, without quotes"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.lowest <= value <= self.highest


class Choice(_Checked):
    """One of a few words."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices
        self.allowed = " or ".join(choices)

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.choices


class Flag(_Checked):
    """True or false; the words in quotes are neither."""

    allowed = "true or false, without quotes"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


class Optionally:
    """Either nothing or what the inner rule allows."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.allowed = f"{rule.allowed}, or nothing"

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any:
        return None if value is None else self.rule.read(value, path, problems)


class ListOf:
    """A list of at most ``longest`` values that each obey ``rule``; read into a tuple."""

    def __init__(self, rule: Rule, longest: int) -> None:
        self.rule, self.longest = rule, longest
        self.allowed = f"a list of at most {longest} entries"

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) > self.longest:
            problems.append(Problem(path, f"{shown(value)} was given", self.allowed))
            return ()
        return tuple(self.rule.read(item, f"{path}[{index}]", problems) for index, item in enumerate(value))


class Record:
    """A mapping with exactly the fields of a dataclass."""

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        self.allowed = "a mapping with " + ", ".join(field.name for field in dataclasses.fields(cls))

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any:
        if not isinstance(value, Mapping):
            problems.append(Problem(path, f"{shown(value)} was given", self.allowed))
            return None
        return read(self.cls, value, path, problems)


def read(cls: type[T], values: Mapping[str, Any], path: str, problems: list[Problem]) -> T | None:
    """Read ``values`` into ``cls``; mistakes are appended to ``problems`` and make the result ``None``.

    ``path`` is what the operator calls ``values``; a path that ends in an underscore is a variable prefix
    (``maas_`` + ``domain``), any other is a parent (``maas_models[0]`` + ``.name``), and an empty one is nothing.
    A class may have a method ``contradictions(path)`` that returns the problems of values that are right one by one
    and wrong together.
    """
    before = len(problems)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    problems.extend(_unknown(values, list(fields), path))
    arguments: dict[str, Any] = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = field.metadata["rule"].read(values[name], _join(path, name), problems)
        elif field.default is _UNSET and field.default_factory is _UNSET:
            problems.append(Problem(_join(path, name), "is missing", field.metadata["rule"].allowed))
    if len(problems) > before:
        return None
    value = cls(**arguments)
    if hasattr(value, "contradictions"):
        problems.extend(value.contradictions(path))
    return value if len(problems) == before else None


def _unknown(values: Mapping[str, Any], known: Sequence[str], path: str) -> list[Problem]:
    problems = []
    for key in values:
        if key in known:
            continue
        hint = similar(str(key), known) if isinstance(key, str) else ""
        problems.append(Problem(_join(path, named(key)), f"there is no such field{hint}", ", ".join(known)))
    return problems


def _join(path: str, name: str) -> str:
    return f"{path}{name}" if not path or path.endswith("_") else f"{path}.{name}"
