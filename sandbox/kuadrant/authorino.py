# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorino: one AuthConfig, and what it says to a request. Pure.

Authentication is done when one identity source knows the caller, authorization when all predicates hold; then filters
(metadata for the limits) and headers are computed. What cannot be computed is left out of the answer (S4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from sandbox.apiserver import Object
from sandbox.kuadrant.cel import EvaluationError, Expression, Variables, compiled
from sandbox.kuadrant.keys import Scope

Spec = Mapping[str, Any]
Request = Mapping[str, Any]
"""``method``, ``path``, ``host``, ``query``, ``headers`` (lower-case names), ``time``: the attributes of a request."""
REASON = "x-ext-auth-reason"


@dataclass(frozen=True)
class Denial:
    """A refusal. A line break in ``headers`` cannot be sent: then there is no HTTP answer at all (T5)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    @property
    def can_be_sent(self) -> bool:
        """Whether HTTP can carry it."""
        return not any("\n" in value for _, value in self.headers)


@dataclass(frozen=True)
class Grant:
    """A permission: ``metadata`` is what limits and labels see as ``auth``, ``headers`` go to the model."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class _Value:
    """``value`` or ``expression``, as everything that an AuthPolicy computes is written."""

    def __init__(self, spec: Spec) -> None:
        self._fixed = spec.get("value")
        self._expression = compiled(spec["expression"]) if "expression" in spec else None

    def get(self, variables: Variables) -> Any:
        return self._expression.value(variables) if self._expression else self._fixed

    def text(self, variables: Variables) -> str:
        value = self.get(variables)
        return value if isinstance(value, str) else json.dumps(value)


class _Item:
    """A filter or a header: a plain value, or a JSON object of properties."""

    def __init__(self, spec: Spec) -> None:
        self._plain = _Value(spec["plain"]) if "plain" in spec else None
        properties = spec.get("json", {}).get("properties", {})
        self._properties = {name: _Value(value) for name, value in properties.items()}

    def get(self, variables: Variables) -> Any:
        if self._plain:
            return self._plain.get(variables)
        return {name: value.get(variables) for name, value in self._properties.items()}


class Credentials:
    """Where in a request the key is."""

    def __init__(self, spec: Spec, name: str) -> None:
        default: tuple[str, Spec] = ("authorizationHeader", {})
        self._kind, place = next(iter(spec.items()), default)
        self._name = place.get("prefix", "Bearer") if self._kind == "authorizationHeader" else place["name"]
        self.challenge = f'{self._name} realm="{name}"'

    def find(self, request: Request) -> str | None:
        """Return the key that a request carries; the prefix is compared as written (E1)."""
        headers: Mapping[str, str] = request["headers"]
        if self._kind == "authorizationHeader":
            prefix, _, key = headers.get("authorization", "").partition(" ")
            return key.strip() if prefix == self._name and key.strip() else None
        if self._kind == "customHeader":
            return headers.get(self._name.lower()) or None
        if self._kind == "queryString":
            return next(iter(parse_qs(request["query"]).get(self._name, ())), None)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._name)
        except CookieError:
            return None
        return cookie.value if cookie else None


class KeyLookup:
    """Finds the Secret of a key among those that a scope takes."""

    def find(self, scope: int, value: str) -> Object | None:
        """Return the Secret; ``scope`` is the number of the scope in ``AuthConfig.scopes``."""
        raise NotImplementedError


class AuthConfig:
    """The rules of one path, compiled. Raises cel.InvalidCel."""

    def __init__(self, rules: Mapping[str, Any], namespace: str) -> None:
        self.rules = dict(rules)
        self.scopes: list[Scope] = []
        self._identities: dict[str, tuple[Credentials, int]] = {}
        for name, spec in _group(rules, "authentication"):
            self._identities[name] = (
                Credentials(spec.get("credentials", {}), name),
                self._scope(spec["apiKey"], namespace),
            )
        self._predicates: list[Expression] = [
            compiled(pattern["predicate"])
            for _, spec in _group(rules, "authorization")
            for pattern in spec["patternMatching"]["patterns"]
        ]
        self._filters = {name: _Item(spec) for name, spec in _group(rules, "filters")}
        self._headers = {name: _Item(spec) for name, spec in _group(rules, "headers")}
        self._unauthenticated = _DenialRule(rules.get("unauthenticated", {}), 401)
        self._unauthorized = _DenialRule(rules.get("unauthorized", {}), 403)

    def _scope(self, api_key: Spec, namespace: str) -> int:
        # An AuthConfig lives in Kuadrant's namespace, so its keys do as well (section 5, E5).
        scope = Scope(api_key.get("selector", {}), "" if api_key.get("allNamespaces") else namespace)
        if scope not in self.scopes:
            self.scopes.append(scope)
        return self.scopes.index(scope)

    def decide(self, request: Request, source: Spec, keys: KeyLookup) -> Grant | Denial:
        """Say yes or no to a request."""
        variables = Variables(request=request, source=source, auth={})
        reasons: dict[str, str] = {}
        identity = self._identify(request, keys, reasons)
        if identity is None:
            return self._unauthenticated.make(
                variables, _words(reasons), [c.challenge for c, _ in self._identities.values()]
            )
        variables["auth"] = {"identity": identity}
        refusal = self._refusal(variables)
        if refusal:
            return self._unauthorized.make(variables, refusal, [])
        headers = _computed(self._headers, variables)
        return Grant(
            _computed(self._filters, variables),
            {name: value if isinstance(value, str) else json.dumps(value) for name, value in headers.items()},
        )

    def _identify(self, request: Request, keys: KeyLookup, reasons: dict[str, str]) -> Object | None:
        for name, (credentials, scope) in sorted(self._identities.items()):
            value = credentials.find(request)
            if value is None:
                reasons[name] = "credential not found"
            else:
                secret = keys.find(scope, value)
                if secret is not None:
                    return secret
                reasons[name] = "the API Key provided is invalid"
        return None

    def _refusal(self, variables: Variables) -> str:
        """Return why the caller may not; the text of an error has line breaks (T5), empty when all predicates hold."""
        for predicate in self._predicates:
            try:
                if not predicate.holds(variables):
                    return "Unauthorized"
            except EvaluationError as error:
                return f"error:\n{error}"
        return ""


class _DenialRule:
    """``unauthenticated`` or ``unauthorized`` of a response."""

    def __init__(self, spec: Spec, status: int) -> None:
        self._status = spec.get("code", status)
        self._message = _Value(spec["message"]) if "message" in spec else None
        self._body = _Value(spec["body"]) if "body" in spec else None
        self._headers = {name: _Value(value) for name, value in spec.get("headers", {}).items()}

    def make(self, variables: Variables, reason: str, challenges: list[str]) -> Denial:
        """Build the refusal. Headers of its own take the place of www-authenticate (E2)."""
        try:
            if self._message:
                reason = self._message.text(variables)
            body = self._body.text(variables) if self._body else ""
            headers = [(name, value.text(variables)) for name, value in self._headers.items()]
        except EvaluationError as error:
            body, headers, reason = "", [], f"error:\n{error}"
        if not headers:
            headers = [("www-authenticate", challenge) for challenge in challenges]
        if body and "\n" in reason:
            return Denial(self._status, tuple(headers), body)  # with a body the answer was whole (T5)
        return Denial(self._status, (*headers, (REASON, reason)), body)


def _group(rules: Mapping[str, Any], group: str) -> list[tuple[str, Any]]:
    prefix = f"{group}."
    return [(name.removeprefix(prefix), spec) for name, spec in sorted(rules.items()) if name.startswith(prefix)]


def _words(reasons: Mapping[str, str]) -> str:
    """One identity source gives its reason, several give a JSON object of them (E1)."""
    if len(reasons) == 1:
        return next(iter(reasons.values()))
    return json.dumps(reasons, separators=(",", ":"))


def _computed(items: Mapping[str, _Item], variables: Variables) -> dict[str, Any]:
    """Compute what can be computed: an item with one property that cannot is missing as a whole (S4)."""
    found = {}
    for name, item in items.items():
        try:
            found[name] = item.get(variables)
        except EvaluationError:
            continue
    return found
