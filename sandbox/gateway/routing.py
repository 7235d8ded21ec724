# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the rule for a request. Pure.

A port of a gateway holds listeners by hostname; a listener holds, by hostname, the matches of all attached routes, best
first. As in Envoy, only the most specific listener and the most specific hostname are looked at: when none of their
matches fits, there is no second try with a wider name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.apiserver import Key, Object, key_of
from sandbox.gateway import hostnames
from sandbox.gateway.attachment import Listener
from sandbox.gateway.backends import Backend
from sandbox.gateway.rules import Headers, Match, Rule


@dataclass(frozen=True)
class Target:
    """A match of a rule of a route, and where it leads."""

    route: Key
    rule: Rule
    match: Match
    backends: tuple[Backend, ...]
    order: tuple[str, str, int, int] = ("", "", 0, 0)
    """Age, name, number of the rule and of the match: what decides between equally specific matches."""


@dataclass(frozen=True)
class Site:
    """A listener and what is served on it, by hostname."""

    listener: Listener
    hosts: dict[str, list[Target]] = field(default_factory=dict)

    def find(self, host: str, method: str, path: str, query: str, headers: Headers) -> Target | None:
        """Return the best match for a request, or None."""
        for target in hostnames.best(self.hosts, host) or ():
            if target.match.accepts(method, path, query, headers):
                return target
        return None

    def sort(self) -> None:
        """Put the best match first on every hostname."""
        for targets in self.hosts.values():
            targets.sort(key=lambda target: (target.match.precedence, target.order))


Port = dict[str, Site]
"""The sites of one port, by the hostname of their listener."""


def find_site(port: Port, host: str) -> Site | None:
    """Return the site of the most specific listener for a host, or None."""
    return hostnames.best(port, host)


def targets_of(route: Object, rules: Iterable[tuple[Rule, tuple[Backend, ...]]]) -> list[Target]:
    """Return a target for every match of a route's rules."""
    key = key_of(route)
    created = route["metadata"].get("creationTimestamp", "")
    return [
        Target(key, rule, match, backends, (created, "/".join(key), number, position))
        for number, (rule, backends) in enumerate(rules)
        for position, match in enumerate(rule.matches)
    ]
