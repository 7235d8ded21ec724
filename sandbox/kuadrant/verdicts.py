# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator finds out about each policy: accepted, enforced, and why not. Pure.

Reasons and messages are those of section 4.2 and of the list after E44, word for word where they were measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.gateway.world import World, condition_of
from sandbox.kuadrant.effective import Path, Rules
from sandbox.kuadrant.policies import AUTH, TELEMETRY, Policy, Target


@dataclass(frozen=True)
class Condition:
    """A condition of a policy, without its time."""

    kind: str
    status: str
    reason: str
    message: str


Verdict = tuple[Condition, ...]


@dataclass(frozen=True)
class Enforcement:
    """What became of all policies of one kind: the rules in force, and what is wrong with whom, on each path."""

    policies: Mapping[Path, tuple[Policy, ...]]
    rules: Mapping[Path, Rules]
    invalid: Mapping[Policy, str]
    """Policies with an expression that does not compile."""
    unknown: Mapping[Policy, str]
    """Policies that use what the stand-in does not implement."""


def accepted(policy: Policy) -> Condition:
    """The condition of a policy that is understood."""
    return Condition("Accepted", "True", "Accepted", f"{policy.kind} has been accepted")


def problem_of(policy: Policy, world: World, missing: str) -> Condition | None:
    """Return why a policy is not accepted, or None; then nothing is said about Enforced."""
    if policy.kind == TELEMETRY:
        return None
    if missing:
        message = (
            f"[{missing}] is not installed, please restart Kuadrant Operator pod once dependency has been installed"
        )
        return Condition("Accepted", "False", "MissingDependency", message)
    if not _exists(policy.target, world):
        message = f"{policy.kind} target {policy.target.name[1]} was not found"
        return Condition("Accepted", "False", "TargetNotFound", message)
    return None


def _exists(target: Target, world: World) -> bool:
    things = world.gateways if target.kind == "Gateway" else world.routes
    thing = things.get(target.name)
    if thing is None or not target.section:
        return thing is not None
    sections = thing["spec"].get("listeners" if target.kind == "Gateway" else "rules", ())
    return any(section.get("name") == target.section for section in sections)


def enforced(policy: Policy, enforcement: Enforcement, world: World) -> Condition:
    """Say whether an accepted policy is enforced."""
    if policy.kind == TELEMETRY and not policy.problem:
        # True as soon as it was looked at, whatever its target is (section 3.3).
        return Condition("Enforced", "True", "Enforced", f"{policy.kind} has been successfully enforced")
    unknown = policy.problem or enforcement.unknown.get(policy)
    if unknown:
        message = f"the stand-in does not implement {unknown}; requests on the policy's path are refused with 500"
        return Condition("Enforced", "False", "NotImplemented", message)
    part = "Authorino" if policy.kind == AUTH else "Limitador"
    things = world.authorinos if policy.kind == AUTH else world.limitadors
    if not world.kuadrants or not things:
        missing = part if world.kuadrants else "Kuadrant"
        return Condition("Enforced", "False", "MissingResource", f"{missing} resource is missing")
    if not any(condition_of(thing, "Ready") == "True" for thing in things.values()):
        return waiting(policy, part)
    if policy in enforcement.invalid:
        message = f"validation issues: [{enforcement.invalid[policy]}]"
        return Condition("Enforced", "False", "InvalidCelExpression", message)
    return _by_paths(policy, enforcement)


def waiting(policy: Policy, parts: str) -> Condition:
    """The condition while parts catch up."""
    message = f"{policy.kind} waiting for the following components to sync: [{parts}]"
    return Condition("Enforced", "False", "Unknown", message)


def _by_paths(policy: Policy, enforcement: Enforcement) -> Condition:
    """Overridden only when none of its rules is in force on any path; partially when some are not on some (4.2)."""
    in_force, others = False, set[str]()
    paths = [path for path, policies in enforcement.policies.items() if policy in policies]
    if not paths:
        message = f"{policy.kind} is not in the path to any existing routes"
        return Condition("Enforced", "False", "Unknown", message)
    for path in paths:
        rules = enforcement.rules[path]
        for name in policy.rules:
            if name in rules and rules[name].source == policy:
                in_force = True
            else:
                others |= {rules[name].source.title} if name in rules else _sources(rules)
    if not in_force:
        message = f"{policy.kind} is overridden by [{' '.join(sorted(others - {policy.title}))}]"
        return Condition("Enforced", "False", "Overridden", message)
    how = "partially" if others else "successfully"
    return Condition("Enforced", "True", "Enforced", f"{policy.kind} has been {how} enforced")


def _sources(rules: Rules) -> set[str]:
    return {rule.source.title for rule in rules.values()}


DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "Gateway API": ("httproutes.gateway.networking.k8s.io",),
    "Gateway API provider (istio / envoy gateway)": (
        "envoyfilters.networking.istio.io",
        "wasmplugins.extensions.istio.io",
        "peerauthentications.security.istio.io",
    ),
    "Authorino Operator": ("authorinos.operator.authorino.kuadrant.io",),
    "Limitador Operator": ("limitadors.limitador.kuadrant.io",),
}
"""What the operator looks for once, when it starts (section 2.3), by the CRDs that it is known by."""


def missing_dependency(definitions: Mapping[str, str], started: str) -> str:
    """Return the first dependency that was not there when the operator started; empty when all were.

    ``definitions`` are the CRDs with the time of their creation; times as Kubernetes writes them.
    """
    for name, needed in DEPENDENCIES.items():
        if not all(_was_there(definitions, definition, started) for definition in needed):
            return name
    return ""


def _was_there(definitions: Mapping[str, str], name: str, started: str) -> bool:
    return name in definitions and (not started or definitions[name] <= started)


def affected(enforcements: Mapping[str, Enforcement]) -> dict[tuple[str, ...], dict[str, str]]:
    """Return what policies affect: by (``Gateway`` | ``Listener`` | ``HTTPRoute``, names) the message for each kind."""
    found: dict[tuple[str, ...], dict[str, set[str]]] = {}
    for kind, enforcement in enforcements.items():
        for path, policies in enforcement.policies.items():
            if not policies:
                continue
            names = {policy.title for policy in policies}
            things: Iterable[tuple[str, ...]] = (
                ("Gateway", *path.gateway),
                ("Listener", *path.gateway, path.listener),
                ("HTTPRoute", *path.route),
            )
            for thing in things:
                found.setdefault(thing, {}).setdefault(kind, set()).update(names)
    return {
        thing: {kind: f"Object affected by {kind} [{' '.join(sorted(names))}]" for kind, names in kinds.items()}
        for thing, kinds in found.items()
    }
