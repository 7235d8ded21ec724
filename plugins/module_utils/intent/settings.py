# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the variables of the roles say, beside the platform itself: where parts go, and how the work is done.

Argument specs check them role by role, when earlier roles have changed the cluster already; so they are read here
before the first one begins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem
from .platform import PREFIX, Platform
from .rules import NAMESPACE, OWN_NAMESPACE
from .schema import Choice, Flag, Integer, ListOf, Text, named, obeys, read, shown, similar

ROLES = ("prerequisites", "gateway", "kuadrant", "kserve", "simulator")
# What roles note down, what is read for itself, and what is made of other settings.
_NOTED = ("platform", "evidence", "access_evidence", "gateway_api_manifest")
# Who has variables of his own that begin like ours is not to be told that they are wrong.
_ALMOST_THE_SAME = 0.8


class _Lenient:
    """A rule that also takes the texts that Ansible takes for such values, as ``-e name=value`` gives them."""

    def __init__(self, rule: Flag | Integer) -> None:
        self.rule = rule
        self.allowed = rule.allowed.partition(",")[0]

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any:
        said = _said(value) if isinstance(value, str) else value
        if not self.rule.accepts(said):
            problems.append(Problem(path, f"{shown(value)} was given", self.allowed))
            return None
        return said


def _said(text: str) -> Any:
    """Return what Ansible reads in a text: a boolean, a whole number, or the text itself."""
    word = text.strip().lower()
    if word in ("true", "yes", "on", "y", "t"):
        return True
    if word in ("false", "no", "off", "n", "f"):
        return False
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else text


class _Mapping:
    """Values of a chart, which only the chart knows."""

    allowed = "a mapping of the chart's values"

    def read(self, value: Any, path: str, problems: list[Problem]) -> Any:
        if not isinstance(value, Mapping):
            problems.append(Problem(path, f"{shown(value)} was given", self.allowed))
        return value


_TEXT = Text(r"[^\n\0]*", "a text in one line", 4096)
# As Kuadrant's operator reads it; at zero nothing would ever be waited for.
_TIME = Text(r"(?=.*[1-9])([0-9]{1,5}(ms|s|m))+", "a duration such as 200ms or 1s", 20)


_FLAG, _SECONDS, _MODE = _Lenient(Flag()), _Lenient(Integer(1, 86_400)), Choice("allow", "deny")


@dataclass(frozen=True)
class Settings:
    """Each field is a variable of a role under its own name; None where a run has no such variable.

    Left out is prerequisites_gateway_api_manifest: it may be any address, and by default is made of settings that are
    wrong perhaps.
    """

    prerequisites_cert_manager_namespace: str | None = field(default=None, metadata=obeys(OWN_NAMESPACE))
    prerequisites_cert_manager_values: Mapping[str, Any] | None = field(default=None, metadata=obeys(_Mapping()))
    prerequisites_adopt: bool | None = field(default=None, metadata=obeys(_FLAG))
    prerequisites_remove_shared: bool | None = field(default=None, metadata=obeys(_FLAG))
    prerequisites_wait_timeout: int | None = field(default=None, metadata=obeys(_SECONDS))
    gateway_istio_namespace: str | None = field(default=None, metadata=obeys(OWN_NAMESPACE))
    gateway_istiod_values: Mapping[str, Any] | None = field(default=None, metadata=obeys(_Mapping()))
    gateway_adopt: bool | None = field(default=None, metadata=obeys(_FLAG))
    gateway_remove_shared: bool | None = field(default=None, metadata=obeys(_FLAG))
    gateway_wait_timeout: int | None = field(default=None, metadata=obeys(_SECONDS))
    kuadrant_auth_failure_mode: str | None = field(default=None, metadata=obeys(_MODE))
    kuadrant_requests_failure_mode: str | None = field(default=None, metadata=obeys(_MODE))
    kuadrant_tokens_check_failure_mode: str | None = field(default=None, metadata=obeys(_MODE))
    kuadrant_tokens_report_failure_mode: str | None = field(default=None, metadata=obeys(_MODE))
    kuadrant_auth_timeout: str | None = field(default=None, metadata=obeys(_TIME))
    kuadrant_requests_timeout: str | None = field(default=None, metadata=obeys(_TIME))
    kuadrant_tokens_check_timeout: str | None = field(default=None, metadata=obeys(_TIME))
    kuadrant_tokens_report_timeout: str | None = field(default=None, metadata=obeys(_TIME))
    kuadrant_gateway_controllers: Sequence[str] | None = field(default=None, metadata=obeys(ListOf(_TEXT, 100)))
    kuadrant_keys_sink: str | None = field(default=None, metadata=obeys(Choice("none", "file", "secret")))
    kuadrant_keys_file: str | None = field(default=None, metadata=obeys(_TEXT))
    kuadrant_keys_namespace: str | None = field(default=None, metadata=obeys(_TEXT))
    kuadrant_most_requests: int | None = field(default=None, metadata=obeys(_Lenient(Integer(1, 10_000))))
    kuadrant_adopt: bool | None = field(default=None, metadata=obeys(_FLAG))
    kuadrant_remove_shared: bool | None = field(default=None, metadata=obeys(_FLAG))
    kuadrant_wait_timeout: int | None = field(default=None, metadata=obeys(_SECONDS))
    kserve_namespace: str | None = field(default=None, metadata=obeys(OWN_NAMESPACE))
    kserve_values: Mapping[str, Any] | None = field(default=None, metadata=obeys(_Mapping()))
    kserve_adopt: bool | None = field(default=None, metadata=obeys(_FLAG))
    kserve_remove_shared: bool | None = field(default=None, metadata=obeys(_FLAG))
    kserve_wait_timeout: int | None = field(default=None, metadata=obeys(_SECONDS))
    simulator_probe: bool | None = field(default=None, metadata=obeys(_FLAG))
    simulator_adopt: bool | None = field(default=None, metadata=obeys(_FLAG))
    simulator_wait_timeout: int | None = field(default=None, metadata=obeys(_SECONDS))


SETTINGS = tuple(item.name for item in dataclasses.fields(Settings))
_OPERATORS = ("prerequisites_cert_manager_namespace", "gateway_istio_namespace", "kserve_namespace")
_OF_PLATFORM = ("gateway_namespace", "models_namespace", "kuadrant_namespace")


def read_settings(values: Mapping[str, Any], problems: list[Problem]) -> Settings | None:
    """Read the variables of roles; what is wrong is appended under the name that the operator has most likely set.

    :param values: variables by their whole names: those of roles, and the shared ones that some of them come from.
    """
    found: list[Problem] = []
    settings = read(Settings, {name: value for name, value in values.items() if name in SETTINGS}, "", found)
    if settings is not None:
        found += _of_sink(settings)
    problems.extend(dict.fromkeys(dataclasses.replace(item, path=origin(item.path, values)) for item in found))
    return settings if not found else None


def origin(name: str, values: Mapping[str, Any]) -> str:
    """Return the shared setting from which the value of a role's variable comes, else the variable itself.

    :param name: such as ``kuadrant_keys_file``, for ``maas_keys_file``.
    """
    shared = PREFIX + name.partition("_")[2]
    return shared if shared in values and values[shared] == values.get(name) else name


def _of_sink(settings: Settings) -> list[Problem]:
    """Return what the sink of keys lacks."""
    sink = settings.kuadrant_keys_sink
    if sink == "file" and not settings.kuadrant_keys_file:
        return [Problem("kuadrant_keys_file", "is missing", "with the sink file: an absolute path")]
    if sink == "secret" and not NAMESPACE.accepts(settings.kuadrant_keys_namespace):
        given = f"{shown(settings.kuadrant_keys_namespace or '')} was given"
        return [Problem("kuadrant_keys_namespace", given, "with the sink secret: a namespace that exists")]
    return []


def collisions(platform: Platform, settings: Settings) -> list[Problem]:
    """Return a problem for each namespace that two parts would share: each belongs to one set of objects."""
    taken = {getattr(platform, name): f"{PREFIX}{name}" for name in _OF_PLATFORM}
    problems = []
    for name in _OPERATORS:
        place = getattr(settings, name)
        if place in taken:
            given = f"{shown(place)} is {taken[place]} too"
            problems.append(Problem(name, given, "a namespace of its own"))
        elif place is not None:
            taken[place] = name
    return problems


def misspelt(names: Iterable[str]) -> list[Problem]:
    """Return a problem for each variable that begins like one of a role and is almost another one's name.

    :param names: the names of all variables of a host that begin with the name of a role and an underscore.
    """
    problems = []
    for name in names:
        role, _underscore, rest = name.partition("_")
        known = [item.partition("_")[2] for item in SETTINGS if item.startswith(f"{role}_")]
        if rest in known or rest in _NOTED:
            continue
        hint = similar(rest, known, f"{role}_", _ALMOST_THE_SAME)
        if hint:
            problems.append(
                Problem(named(name), f"there is no such setting{hint}", f"the variables of the role {role}")
            )
    return problems
