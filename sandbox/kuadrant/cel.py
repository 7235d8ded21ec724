# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CEL, as Authorino and the wasm-shim use it: compiled once, evaluated often. Pure.

Real upstream has two engines (cel-go and cel-rust); what was measured of both holds for the one used here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]
from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

_VARIABLES = ("auth", "request", "source", "destination")
_NOISE = re.compile(r"^INVALID_ARGUMENT: | \[INVALID_ARGUMENT\]$")


class InvalidCel(Exception):
    """An expression does not compile; the text is the compiler's."""


class EvaluationError(Exception):
    """An expression has no value for this request."""


class Variables(dict[str, Any]):
    """What an expression may name, and the JSON of the bodies; None where there is none."""

    request_body: Any = None
    response_body: Any = None


class _Evaluation:
    """Where the body functions find the variables of the evaluation that runs; evaluations are never interrupted."""

    variables = Variables()


def pointer(document: Any, path: str) -> Any:
    """Return what a JSON pointer (RFC 6901) points to. Raises LookupError."""
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and name.isdigit():
            document = document[int(name)]
        elif isinstance(document, dict):
            document = document[name]
        else:
            raise LookupError(path)
    return document


def _body_function(name: str) -> cel.FunctionDecl:
    def read(path: str) -> Any:
        return pointer(getattr(_Evaluation.variables, f"{name}_body"), path)

    overload = cel.Overload(f"{name}_body_json", cel.Type.DYN, [cel.Type.STRING], False, impl=read)
    return cel.FunctionDecl(f"{name}BodyJSON", [overload])


@cache
def _environment() -> Any:
    return cel.NewEnv(
        variables=dict.fromkeys(_VARIABLES, cel.Type.DYN),
        extensions=[ext_strings.ExtStrings()],
        functions=[_body_function("request"), _body_function("response")],
    )


class Expression:
    """A compiled expression; use ``compiled`` to get one."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._program = _environment().compile(text)
        except RuntimeError as error:
            raise InvalidCel(_NOISE.sub("", str(error))) from None

    def value(self, variables: Variables) -> Any:
        """Return the value in Python's types. Raises EvaluationError, also for a variable that is not given."""
        _Evaluation.variables = variables
        value = self._program.eval(data=variables)
        if value.type() == cel.Type.ERROR:
            raise EvaluationError(f"{self.text}: {value.value()}")
        return value.plain_value()

    def holds(self, variables: Variables) -> bool:
        """Return the value of a predicate. Raises EvaluationError, also when it is no boolean."""
        value = self.value(variables)
        if not isinstance(value, bool):
            raise EvaluationError(f"{self.text}: is {value!r}, not a boolean")
        return value

    def text_value(self, variables: Variables) -> str:
        """Return the value as descriptors and headers carry it. Raises EvaluationError when it is a list or a map."""
        value = self.value(variables)
        if isinstance(value, bool):
            return str(value).lower()
        if value is None:
            return "null"
        if isinstance(value, int | str):
            return str(value)
        if isinstance(value, float):
            return f"{value:g}"
        raise EvaluationError(f"{self.text}: is no single value")

    def mentions(self, text: str) -> bool:
        """Tell whether the expression contains this text: upstream decides by text, not by syntax (section 4.1)."""
        return text in self.text


@cache
def compiled(text: str) -> Expression:
    """Return the expression of that text. Raises InvalidCel."""
    return Expression(text)
