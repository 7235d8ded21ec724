# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CEL, evaluated by an engine that knows nothing of our renderer or of the sandbox."""

from __future__ import annotations

from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings


class NoValue(Exception):
    """The expression is right and cannot be computed for these variables."""


@cache
def _environment() -> Any:
    return cel.NewEnv(variables=dict.fromkeys(("auth", "request"), cel.Type.DYN), extensions=[ext_strings.ExtStrings()])


@cache
def _program(expression: str) -> Any:
    return _environment().compile(expression)


def value(expression: str, **variables: Any) -> Any:
    """Return the value of an expression.

    :raises NoValue: when it has none, for instance since a key is missing in a map.
    """
    found = _program(expression).eval(data=variables)
    if found.type() == cel.Type.ERROR:
        raise NoValue(f"{expression}: {found.value()}")
    return found.plain_value()


def holds(expression: str, **variables: Any) -> bool:
    """Say whether a predicate holds, as Kuadrant takes it: one that cannot be computed does not."""
    try:
        found = value(expression, **variables)
    except NoValue:
        return False
    assert isinstance(found, bool), f"{expression} is no predicate: {found!r}"
    return found
