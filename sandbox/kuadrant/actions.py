# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the wasm-shim is told to do on each path: the order of its actions, and its services. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox import durations
from sandbox.gateway import hostnames
from sandbox.gateway.routing import Target
from sandbox.gateway.rules import Headers
from sandbox.kuadrant.cel import Expression
from sandbox.kuadrant.limitador import Limit

_RESPONSE = "responseBodyJSON("


@dataclass(frozen=True)
class Service:
    """How a service is called: what a failure means, and after how many seconds waiting is one."""

    deny: bool
    timeout: float


@dataclass(frozen=True)
class Services:
    """The services of the shim; defaults as measured: auth fails closed, limits fail open (E27, E30)."""

    auth: Service = Service(True, 0.2)
    requests: Service = Service(False, 0.1)
    check: Service = Service(False, 0.1)
    report: Service = Service(False, 0.1)


def services_of(environment: Mapping[str, str]) -> Services:
    """Read the operator's environment (section 2.3, E32). Raises ValueError on a duration that is none."""

    def service(prefix: str, default: Service) -> Service:
        mode, timeout = environment.get(f"{prefix}_FAILURE_MODE"), environment.get(f"{prefix}_TIMEOUT")
        return Service(
            deny=mode == "deny" if mode else default.deny,
            timeout=durations.seconds(timeout) if timeout else default.timeout,
        )

    defaults = Services()
    return Services(
        service("AUTH_SERVICE", defaults.auth),
        service("RATELIMIT_SERVICE", defaults.requests),
        service("RATELIMIT_CHECK_SERVICE", defaults.check),
        service("RATELIMIT_REPORT_SERVICE", defaults.report),
    )


@dataclass(frozen=True)
class Entry:
    """One limit of a policy, compiled."""

    limit: Limit
    when: tuple[Expression, ...] = ()
    counters: tuple[Expression, ...] = ()

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Everything that is evaluated for it."""
        return (*self.when, *self.counters)


@dataclass(frozen=True)
class Authenticate:
    """Ask Authorino, which looks for the AuthConfig of that name."""

    config: str


@dataclass(frozen=True)
class LimitRequests:
    """One call for all entries of a RateLimitPolicy together (section 6.1)."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class LimitTokens:
    """A check before and a report after, for one entry of a TokenRateLimitPolicy."""

    entry: Entry


Action = Authenticate | LimitRequests | LimitTokens


def order(auth: str, requests: tuple[Entry, ...], tokens: tuple[Entry, ...]) -> tuple[Action, ...]:
    """Put the actions of a path in upstream's order.

    A policy in which nothing mentions ``auth.`` goes before authentication (section 4.1, S2, E21);
    token entries go by name.
    """
    request_steps: tuple[Action, ...] = (LimitRequests(requests),) if requests else ()
    token_steps: tuple[Action, ...] = tuple(map(LimitTokens, sorted(tokens, key=lambda entry: entry.limit.name)))
    before = (
        *(() if _mentions_auth(requests) else request_steps),
        *(() if _mentions_auth(tokens) else token_steps),
    )
    after = (
        *(request_steps if _mentions_auth(requests) else ()),
        *(token_steps if _mentions_auth(tokens) else ()),
    )
    return (*before, *([Authenticate(auth)] if auth else []), *after)


def _mentions_auth(entries: tuple[Entry, ...]) -> bool:
    return any(expression.mentions("auth.") for entry in entries for expression in entry.expressions)


@dataclass(frozen=True)
class ActionSet:
    """What is done to requests of one path."""

    namespace: str
    """Of the counters: ``<route namespace>/<route name>``."""
    actions: tuple[Action, ...] = ()
    labels: tuple[tuple[str, Expression], ...] = ()
    """Labels of the TelemetryPolicies, by name."""
    refused: str = ""
    """What is not implemented here: such requests are refused instead of let through."""

    def labels_for(self, *, response: bool) -> tuple[tuple[str, Expression], ...]:
        """Return the labels that a call carries: those of the answer's body only when there is one (section 6.2)."""
        return tuple(item for item in self.labels if response or not item[1].mentions(_RESPONSE))

    @property
    def labels_for_auth(self) -> tuple[Expression, ...]:
        """Labels that go along with the call to Authorino: those of the request (E20)."""
        return tuple(e for _, e in self.labels if not e.mentions("auth.") and not e.mentions(_RESPONSE))

    @property
    def reads_request_body(self) -> bool:
        """Whether an expression needs the body of the request."""
        entries = [e for action in self.actions if not isinstance(action, Authenticate) for e in _entries(action)]
        texts = [*(x for entry in entries for x in entry.expressions), *(x for _, x in self.labels)]
        return any(expression.mentions("requestBodyJSON(") for expression in texts)


def _entries(action: LimitRequests | LimitTokens) -> tuple[Entry, ...]:
    return action.entries if isinstance(action, LimitRequests) else (action.entry,)


@dataclass(frozen=True)
class GatewayConfig:
    """What the shim of one Gateway has loaded."""

    services: Services = Services()
    hosts: Mapping[str, tuple[tuple[Target, ActionSet], ...]] = field(default_factory=dict)
    """By hostname, best match first."""

    def find(self, host: str, method: str, path: str, query: str, headers: Headers) -> ActionSet | None:
        """Return the action set of a request; ``host`` as it was written: upper case misses (S1)."""
        for target, actions in hostnames.best(self.hosts, host) or ():
            if target.match.accepts(method, path, query, headers):
                return actions
        return None
