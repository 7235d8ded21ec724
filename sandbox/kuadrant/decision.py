# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the objects of the cluster to what gateway, Authorino and Limitador should do, and what is said of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import durations
from sandbox.apiserver import Key
from sandbox.gateway.plan import Plan
from sandbox.gateway.world import World, title
from sandbox.kuadrant import effective, policies, verdicts
from sandbox.kuadrant.actions import ActionSet, Entry, GatewayConfig, Services, order
from sandbox.kuadrant.authorino import AuthConfig
from sandbox.kuadrant.cel import Expression, InvalidCel, compiled
from sandbox.kuadrant.effective import Path, Rule, Rules, Served
from sandbox.kuadrant.limitador import Limit, Rate
from sandbox.kuadrant.policies import AUTH, REQUESTS, TELEMETRY, TOKENS, Policy
from sandbox.kuadrant.verdicts import Condition, Enforcement, Verdict

_FIELDS = {
    AUTH: "auth_policies",
    REQUESTS: "request_policies",
    TOKENS: "token_policies",
    TELEMETRY: "telemetry_policies",
}
_SYNCED = {AUTH: "AuthConfig", REQUESTS: "Limitador EnvoyFilter", TOKENS: "Limitador EnvoyFilter"}
_PREFIX = {REQUESTS: "limit", TOKENS: "tokenlimit"}


@dataclass
class Loaded:
    """What gateways and Limitador have loaded, and the objects that say so."""

    configs: dict[Key, GatewayConfig] = field(default_factory=dict)
    limits: dict[tuple[str, str], Limit] = field(default_factory=dict)
    affected: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    """By (``Gateway`` | ``Listener`` | ``HTTPRoute``, names): the message for each kind of policy."""


@dataclass
class Decision:
    """What should be, as soon as all parts have caught up."""

    loaded: Loaded = field(default_factory=Loaded)
    auth: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The rules of each AuthConfig, by its name."""
    verdicts: dict[tuple[str, Key], tuple[int, Verdict]] = field(default_factory=dict)
    """Generation and conditions of each policy, by kind and name."""
    sizes: dict[tuple[str, Key], int] = field(default_factory=dict)
    """Bytes of each policy."""
    interim: dict[tuple[str, Key], tuple[int, Verdict]] = field(default_factory=dict)
    """What is said of policies that are being enforced."""


class Reader:
    """Reads policy objects, each version once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Key, Any, Any], Policy] = {}

    def read(self, world: World) -> dict[str, list[Policy]]:
        """Return all policies by kind."""
        known: dict[tuple[str, Key, Any, Any], Policy] = {}
        found: dict[str, list[Policy]] = {}
        for kind, name in _FIELDS.items():
            found[kind] = []
            for key, thing in getattr(world, name).items():
                version = (kind, key, thing["metadata"].get("uid"), thing["metadata"].get("generation"))
                known[version] = self._known.get(version) or policies.read(kind, thing)
                found[kind].append(known[version])
        self._known = known
        return found


def decide(world: World, plan: Plan, read: Mapping[str, list[Policy]], services: Services, missing: str) -> Decision:
    """Decide everything. ``missing`` names a dependency that the operator did not find at its start, or is empty."""
    served = effective.served_paths(plan)
    problems = {
        policy: problem
        for found in read.values()
        for policy in found
        if (problem := verdicts.problem_of(policy, world, missing))
    }
    good = {kind: [policy for policy in found if policy not in problems] for kind, found in read.items()}
    enforcements = {kind: _enforcement(found, served) for kind, found in good.items()}
    decision = Decision()
    decision.loaded.affected.update(verdicts.affected({kind: enforcements[kind] for kind in (AUTH, REQUESTS, TOKENS)}))
    if world.kuadrants:
        _configure(decision, served, enforcements, services)
    for policy, problem in problems.items():
        decision.verdicts[policy.kind, policy.name] = policy.generation, (problem,)
    for kind, found in good.items():
        for policy in found:
            _judge(decision, policy, verdicts.enforced(policy, enforcements[kind], world))
    return decision


def _judge(decision: Decision, policy: Policy, enforced: Condition) -> None:
    """Note what is said of an accepted policy, and what is said of it until then."""
    name, accepted = (policy.kind, policy.name), verdicts.accepted(policy)
    decision.verdicts[name] = policy.generation, (accepted, enforced)
    decision.sizes[name] = policy.size
    if policy.kind in _SYNCED and enforced.reason == "Enforced":
        decision.interim[name] = policy.generation, (accepted, verdicts.waiting(policy, _SYNCED[policy.kind]))


def _enforcement(found: list[Policy], served: Served) -> Enforcement:
    by_target = effective.by_target(found)
    on_paths = {path: effective.on_path(path, by_target) for path in served}
    folded: dict[tuple[Policy, ...], dict[str, Rule]] = {}
    for chosen in on_paths.values():
        if chosen not in folded:
            folded[chosen] = effective.fold(chosen)
    invalid = {policy: error for policy in found if (error := _invalid(policy))}
    unknown: dict[Policy, str] = {policy: policy.problem for policy in found if policy.problem}
    for chosen, rules in folded.items():
        if chosen and chosen[0].kind == AUTH and not any(name.startswith("authentication.") for name in rules):
            unknown |= {policy: policy.problem or "an AuthPolicy without authentication" for policy in chosen}
    return Enforcement(on_paths, {path: folded[chosen] for path, chosen in on_paths.items()}, invalid, unknown)


def _invalid(policy: Policy) -> str:
    """Return the first error of the policy's expressions; empty when all of them compile."""
    try:
        if policy.kind == AUTH:
            AuthConfig(policy.rules, "")
        elif policy.kind in _PREFIX:
            for name, rule in policy.rules.items():
                _entry(policy.kind, Rule(rule, policy), name, "")
    except InvalidCel as error:
        return str(error)
    return ""


def _configure(decision: Decision, served: Served, enforcements: Mapping[str, Enforcement], services: Services) -> None:
    hosts: dict[Key, dict[str, list[tuple[Any, ActionSet]]]] = {}
    for path, places in served.items():
        actions = _action_set(path, enforcements, decision.auth, decision.loaded.limits)
        if actions is None:
            continue
        for host, match in places:
            hosts.setdefault(path.gateway, {}).setdefault(host, []).append((match, actions))
    for gateway, by_host in hosts.items():
        for found in by_host.values():
            found.sort(key=lambda item: (item[0].match.precedence, item[0].order))
        decision.loaded.configs[gateway] = GatewayConfig(
            services, {host: tuple(found) for host, found in by_host.items()}
        )


def _action_set(
    path: Path,
    enforcements: Mapping[str, Enforcement],
    auth: dict[str, Mapping[str, Any]],
    limits: dict[tuple[str, str], Limit],
) -> ActionSet | None:
    """Return what is done on a path, and note its AuthConfig and limits; None when no policy is on it."""
    involved = [p for kind in (AUTH, REQUESTS, TOKENS) for p in enforcements[kind].policies[path]]
    if not involved:
        return None
    namespace = title(path.route)
    labelled = enforcements[TELEMETRY].policies[path]
    refused = [
        f"{policy.kind} {policy.title} uses {words}"
        for policy in (*involved, *labelled)
        if (words := enforcements[policy.kind].unknown.get(policy) or _fatal(policy, enforcements))
    ]
    if refused:
        return ActionSet(namespace, refused="; ".join(refused))
    rules = enforcements[AUTH].rules[path]
    name = auth_config_name(path) if rules else ""
    if rules:
        auth[name] = {rule_name: rule.spec for rule_name, rule in rules.items()}
    requests, tokens = (_entries(kind, enforcements[kind], path, namespace) for kind in (REQUESTS, TOKENS))
    limits |= {(entry.limit.namespace, entry.limit.name): entry.limit for entry in (*requests, *tokens)}
    return ActionSet(namespace, order(name, requests, tokens), _labels(labelled))


def _fatal(policy: Policy, enforcements: Mapping[str, Enforcement]) -> str:
    """An AuthPolicy or a label that does not compile closes the path; what upstream does then was not measured."""
    if policy.kind == AUTH:
        return enforcements[AUTH].invalid.get(policy, "")
    if policy.kind == TELEMETRY:
        try:
            _labels((policy,))
        except InvalidCel as error:
            return str(error)
    return ""


def _labels(labelled: tuple[Policy, ...]) -> tuple[tuple[str, Expression], ...]:
    """Several TelemetryPolicies are merged label by label (20.3)."""
    labels = {name: text for policy in labelled for name, text in policy.rules.items()}
    return tuple((name, compiled(text)) for name, text in sorted(labels.items()))


def _entries(kind: str, enforcement: Enforcement, path: Path, namespace: str) -> tuple[Entry, ...]:
    """Compile the limits of a path. A bad request limit drops the whole merged action (S6), a token limit itself."""
    rules: Rules = enforcement.rules[path]
    found = []
    for name, rule in rules.items():
        try:
            found.append(_entry(kind, rule, name, namespace))
        except InvalidCel:
            if kind == REQUESTS:
                return ()
    return tuple(found)


def _entry(kind: str, rule: Rule, name: str, namespace: str) -> Entry:
    """Compile one limit. Raises InvalidCel."""
    counters = tuple(counter["expression"] for counter in rule.spec.get("counters", ()))
    # Negative limits become 0, parts of a second are cut off (section 3.2).
    rates = tuple(Rate(max(0, r["limit"]), int(durations.seconds(r["window"]))) for r in rule.spec.get("rates", ()))
    return Entry(
        Limit(namespace, f"{_PREFIX[kind]}.{name}__{_hash(rule.source.title, name)}", rates, counters),
        tuple(compiled(condition["predicate"]) for condition in rule.spec.get("when", ())),
        tuple(map(compiled, counters)),
    )


def auth_config_name(path: Path) -> str:
    """AuthConfigs are named by a hash of their path (section 2.4)."""
    return hashlib.sha256(str(path).encode()).hexdigest()


def _hash(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:8]
