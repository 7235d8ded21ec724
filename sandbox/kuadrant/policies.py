# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies as the operator reads them: what they target, how they merge, and their rules by name. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import Key, Object, key_of
from sandbox.gateway.world import title

Spec = Mapping[str, Any]
AUTH, REQUESTS, TOKENS, TELEMETRY = "AuthPolicy", "RateLimitPolicy", "TokenRateLimitPolicy", "TelemetryPolicy"
_WRAPPERS = ("defaults", "overrides")
_NEUTRAL = {"metrics": False, "priority": 0}
"""Fields that the API server fills in, with values that change nothing here."""
_LONGEST = 100_000
"""Characters that the CEL library takes; upstream takes more (T2)."""


@dataclass(frozen=True)
class Target:
    """What a policy is attached to; ``section`` is a listener or a rule, or empty."""

    kind: str
    name: Key
    section: str


@dataclass(frozen=True, eq=False)
class Policy:
    """One policy object, read once and compared as the object that it is.

    ``rules`` by name; ``rule_set`` and ``strategy`` say how they merge (section 4.1).
    """

    kind: str
    name: Key
    generation: int
    created: str
    target: Target
    rule_set: str
    """``defaults`` (bare rules are that too) or ``overrides``."""
    strategy: str
    """``atomic`` or ``merge``."""
    rules: Mapping[str, Any]
    size: int
    """Bytes of the spec as JSON."""
    problem: str = ""
    """Names a field that is not implemented here."""

    @property
    def title(self) -> str:
        """namespace/name."""
        return title(self.name)

    @property
    def age(self) -> tuple[str, str]:
        """What orders policies on one target: time of creation, then the name (section 4.1)."""
        return self.created, self.title


class NotImplementedHere(Exception):
    """A policy uses a field that the stand-in does not know; the text is the path of the field and what is known."""


def known(spec: Spec, where: str, *allowed: str) -> None:
    """Raise NotImplementedHere for the first field that is not among these, nor a default that means nothing."""
    for name, value in spec.items():
        if name not in allowed and (name not in _NEUTRAL or value != _NEUTRAL[name]):
            raise NotImplementedHere(f"{where}.{name} (implemented: {', '.join(allowed)})")


def needed(value: Spec, where: str, name: str) -> None:
    """Raise NotImplementedHere when what a rule is about is missing: the compact CRD drops every kind but that one."""
    if name not in value:
        raise NotImplementedHere(f"{where} without {name}")


def read(kind: str, thing: Object) -> Policy:
    """Read a policy object of one of the four kinds."""
    spec, meta = thing["spec"], thing["metadata"]
    rule_set = next((name for name in _WRAPPERS if name in spec), "defaults")
    body = spec.get(rule_set, spec)
    rules, problem = _rules(kind, spec, body, rule_set)
    ref = spec["targetRef"]
    return Policy(
        kind=kind,
        name=key_of(thing),
        generation=meta.get("generation", 1),
        created=meta.get("creationTimestamp", ""),
        target=Target(ref["kind"], (meta["namespace"], ref["name"]), ref.get("sectionName", "")),
        rule_set=rule_set,
        strategy=body.get("strategy", "atomic") if body is not spec else "atomic",
        rules=rules,
        size=len(json.dumps(spec)),
        problem=problem,
    )


def _rules(kind: str, spec: Spec, body: Spec, rule_set: str) -> tuple[dict[str, Any], str]:
    where = "spec" if body is spec else f"spec.{rule_set}"
    inner = ("metrics",) if kind == TELEMETRY else ("rules",) if kind == AUTH else ("limits",)
    try:
        if body is not spec:
            known(spec, "spec", "targetRef", rule_set)
        known(body, where, *inner, *(("targetRef",) if body is spec else ("strategy",)))
        if spec["targetRef"]["kind"] not in ("Gateway", "HTTPRoute"):
            raise NotImplementedHere(
                f"spec.targetRef.kind {spec['targetRef']['kind']} (implemented: Gateway, HTTPRoute)"
            )
        _check_lengths(body, where)
        return _READERS[kind](body.get(inner[0]) or {}, f"{where}.{inner[0]}"), ""
    except NotImplementedHere as error:
        return {}, str(error)


def _check_lengths(value: Any, where: str) -> None:
    if isinstance(value, str) and len(value) > _LONGEST:
        raise NotImplementedHere(f"{where} with {len(value)} characters (at most {_LONGEST})")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        _check_lengths(item, f"{where}.{name}")


def _auth_rules(rules: Spec, where: str) -> dict[str, Any]:
    known(rules, where, "authentication", "authorization", "response")
    response = rules.get("response", {})
    known(response, f"{where}.response", "success", "unauthenticated", "unauthorized")
    success = response.get("success", {})
    known(success, f"{where}.response.success", "filters", "headers")
    found: dict[str, Any] = {}
    for group, parent in (
        ("authentication", rules),
        ("authorization", rules),
        ("filters", success),
        ("headers", success),
    ):
        for name, rule in (parent.get(group) or {}).items():
            _AUTH_CHECKS[group](rule, f"{where}.{'response.success.' if parent is success else ''}{group}.{name}")
            found[f"{group}.{name}"] = rule
    for name in ("unauthenticated", "unauthorized"):
        if name in response:
            _check_denial(response[name], f"{where}.response.{name}")
            found[name] = response[name]
    return found


def _check_authentication(rule: Spec, where: str) -> None:
    # Other identity sources (jwt first) belong here and in authorino.py.
    known(rule, where, "apiKey", "credentials")
    needed(rule, where, "apiKey")
    known(rule["apiKey"], f"{where}.apiKey", "selector", "allNamespaces")
    known(
        rule.get("credentials", {}),
        f"{where}.credentials",
        "authorizationHeader",
        "customHeader",
        "queryString",
        "cookie",
    )


def _check_authorization(rule: Spec, where: str) -> None:
    known(rule, where, "patternMatching")
    needed(rule, where, "patternMatching")
    for number, pattern in enumerate(rule["patternMatching"]["patterns"]):
        known(pattern, f"{where}.patternMatching.patterns[{number}]", "predicate")


def _check_success(rule: Spec, where: str) -> None:
    known(rule, where, "plain", "json")
    if "plain" in rule:
        known(rule["plain"], f"{where}.plain", "value", "expression")
    for name, value in rule.get("json", {}).get("properties", {}).items():
        known(value, f"{where}.json.properties.{name}", "value", "expression")


def _check_denial(rule: Spec, where: str) -> None:
    known(rule, where, "code", "message", "headers", "body")
    for name in ("message", "body"):
        known(rule.get(name, {}), f"{where}.{name}", "value", "expression")
    for name, value in rule.get("headers", {}).items():
        known(value, f"{where}.headers.{name}", "value", "expression")


_AUTH_CHECKS = {
    "authentication": _check_authentication,
    "authorization": _check_authorization,
    "filters": _check_success,
    "headers": _check_success,
}


def _limit_rules(limits: Spec, where: str) -> dict[str, Any]:
    for name, limit in limits.items():
        known(limit, f"{where}.{name}", "rates", "counters", "when")
        for counter in limit.get("counters", ()):
            if '"' in counter["expression"]:
                # Upstream pastes it unescaped into Limitador's configuration (section 3.2).
                raise NotImplementedHere(
                    f"{where}.{name}.counters: an expression with double quotes (write single ones)"
                )
    return dict(limits)


def _telemetry_rules(metrics: Spec, where: str) -> dict[str, Any]:
    known(metrics, where, "default")
    default = metrics.get("default", {})
    known(default, f"{where}.default", "labels")
    return dict(default.get("labels", {}))


_READERS = {AUTH: _auth_rules, REQUESTS: _limit_rules, TOKENS: _limit_rules, TELEMETRY: _telemetry_rules}
