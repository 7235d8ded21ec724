# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies folded along Gateway, listener, HTTPRoute and rule (section 4.1). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import Key
from sandbox.gateway.plan import Plan
from sandbox.gateway.routing import Target as Match
from sandbox.kuadrant.policies import Policy, Target


@dataclass(frozen=True)
class Path:
    """One way that requests take: a rule of a route on a listener of a Gateway."""

    gateway: Key
    listener: str
    route: Key
    rule: int
    rule_name: str

    @property
    def targets(self) -> tuple[Target, ...]:
        """What policies on this path are attached to, the least specific first."""
        return (
            Target("Gateway", self.gateway, ""),
            Target("Gateway", self.gateway, self.listener),
            Target("HTTPRoute", self.route, ""),
            *([Target("HTTPRoute", self.route, self.rule_name)] if self.rule_name else []),
        )

    def __str__(self) -> str:
        return "/".join((*self.gateway, self.listener, *self.route, str(self.rule)))


@dataclass(frozen=True)
class Rule:
    """A rule in force, and the policy that it comes from."""

    spec: Any
    source: Policy


Rules = Mapping[str, Rule]
Served = dict[Path, list[tuple[str, Match]]]
"""The paths that are served, each with its hostnames and matches."""


def served_paths(plan: Plan) -> Served:
    """Return the paths on listeners that are served, of routes that are accepted."""
    found: Served = {}
    for port in plan.ports.values():
        for site in port.values():
            for host, matches in site.hosts.items():
                for match in matches:
                    listener = site.listener
                    path = Path(listener.gateway, listener.name, match.route, match.order[2], match.rule.name)
                    found.setdefault(path, []).append((host, match))
    return found


def on_path(path: Path, policies: Mapping[Target, list[Policy]]) -> tuple[Policy, ...]:
    """Return the policies on a path, the least specific first; on one target the older counts as less specific."""
    return tuple(policy for target in path.targets for policy in policies.get(target, ()))


def by_target(policies: Iterable[Policy]) -> dict[Target, list[Policy]]:
    """Order policies by what they are attached to, and there by age."""
    found: dict[Target, list[Policy]] = {}
    for policy in sorted(policies, key=lambda policy: policy.age):
        found.setdefault(policy.target, []).append(policy)
    return found


def fold(policies: Iterable[Policy]) -> dict[str, Rule]:
    """Merge the policies of a path; at each step the less specific one decides how."""
    effective: dict[str, Rule] = {}
    for policy in reversed(list(policies)):
        own = {name: Rule(spec, policy) for name, spec in policy.rules.items()}
        merges, overrides = policy.strategy == "merge", policy.rule_set == "overrides"
        if merges:
            effective = effective | own if overrides else own | effective
        elif overrides or not effective:
            effective = own or effective
    return effective
