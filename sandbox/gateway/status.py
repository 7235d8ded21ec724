# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statuses of Gateways and HTTPRoutes. Pure.

Each function returns the whole status that is ours to write, or None when the object already says the same. Conditions
and entries of other controllers are kept, and a condition keeps its lastTransitionTime while its status stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.apiserver import Object
from sandbox.gateway.attachment import Attachment, Listener
from sandbox.gateway.plan import Address, GatewayPlan, Plan, RoutePlan
from sandbox.gateway.world import CONTROLLER, GROUP, Problem

Condition = dict[str, Any]
Failures = Mapping[Address, str]
"""Addresses that could not be bound, and why."""


@dataclass(frozen=True)
class _Wanted:
    kind: str
    status: str
    reason: str
    message: str


def merge_conditions(
    current: list[Condition], wanted: list[_Wanted], generation: int, now: datetime
) -> list[Condition]:
    """Return ``current`` with the wanted conditions put in place, or added at its end."""
    merged = {condition["type"]: condition for condition in current}
    for want in wanted:
        former = merged.get(want.kind, {})
        same = former.get("status") == want.status
        merged[want.kind] = {
            "type": want.kind,
            "status": want.status,
            "reason": want.reason,
            "message": want.message,
            "observedGeneration": generation,
            "lastTransitionTime": former["lastTransitionTime"] if same else now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    return list(merged.values())


def gateway_status(plan: Plan, gateway: GatewayPlan, failures: Failures, now: datetime) -> Object | None:
    """Return the status of a Gateway (conditions, addresses, listeners), or None when it is there already."""
    current = gateway.gateway.get("status", {})
    generation = gateway.gateway["metadata"]["generation"]
    former = {listener["name"]: listener.get("conditions", []) for listener in current.get("listeners", [])}
    problems = {listener.name: _listener_problem(gateway, listener, failures) for listener in gateway.listeners}
    served = any(problem is None for problem in problems.values())
    wanted = {
        "addresses": [{"type": "IPAddress", "value": gateway.address}] if served else [],
        "conditions": merge_conditions(
            current.get("conditions", []), _gateway_conditions(gateway, problems), generation, now
        ),
        "listeners": [
            {
                "name": listener.name,
                "attachedRoutes": plan.attached(listener),
                "supportedKinds": [{"group": GROUP, "kind": "HTTPRoute"}] if listener.takes_http_routes else [],
                "conditions": merge_conditions(
                    former.get(listener.name, []),
                    _listener_conditions(listener, problems[listener.name]),
                    generation,
                    now,
                ),
            }
            for listener in gateway.listeners
        ],
    }
    same = all(current.get(name, []) == value for name, value in wanted.items())
    return None if same else wanted


def _listener_problem(gateway: GatewayPlan, listener: Listener, failures: Failures) -> Problem | None:
    failure = failures.get((gateway.address, listener.port))
    unbound = Problem("AddressNotUsable", failure) if failure else None
    return listener.problem or gateway.problem or unbound


def _gateway_conditions(gateway: GatewayPlan, problems: Mapping[str, Problem | None]) -> list[_Wanted]:
    refused = [listener for listener in gateway.listeners if _is_refused(listener)]
    if not refused:
        accepted = _Wanted("Accepted", "True", "Accepted", "the Gateway is valid")
    else:
        status = "False" if len(refused) == len(gateway.listeners) else "True"
        accepted = _Wanted("Accepted", status, "ListenersNotValid", _sentences({r.name: r.problem for r in refused}))
    return [accepted, _programmed(gateway, problems)]


def _programmed(gateway: GatewayPlan, problems: Mapping[str, Problem | None]) -> _Wanted:
    """A Gateway is Programmed only when all of it is served: half a Gateway would pass for a whole one."""
    if gateway.problem:
        return _Wanted("Programmed", "False", gateway.problem.reason, gateway.problem.message)
    found = {name: problem for name, problem in problems.items() if problem}
    if not found:
        return _Wanted("Programmed", "True", "Programmed", f"served on {gateway.address}")
    reasons = {problem.reason for problem in found.values()}
    reason = "AddressNotUsable" if reasons == {"AddressNotUsable"} else "Invalid"
    return _Wanted("Programmed", "False", reason, _sentences(found))


def _sentences(problems: Mapping[str, Problem | None]) -> str:
    return "; ".join(f"listener {name}: {problem.message}" for name, problem in problems.items() if problem)


def _is_refused(listener: Listener) -> bool:
    return listener.conflicted or (listener.problem is not None and listener.problem.reason == "UnsupportedProtocol")


def _listener_conditions(listener: Listener, problem: Problem | None) -> list[_Wanted]:
    own = listener.problem
    accepted = _Wanted("Accepted", "True", "Accepted", "the listener is valid")
    if own and _is_refused(listener):
        accepted = _Wanted("Accepted", "False", own.reason, own.message)
    conflicted = _Wanted("Conflicted", "False", "NoConflicts", "no other listener is in the way")
    if own and listener.conflicted:
        conflicted = _Wanted("Conflicted", "True", own.reason, own.message)
    programmed = _Wanted("Programmed", "True", "Programmed", f"served on port {listener.port}")
    if problem:
        programmed = _Wanted("Programmed", "False", _listener_reason(problem), problem.message)
    resolved = _Wanted("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved")
    if listener.unknown_kinds:
        kinds = ", ".join(listener.unknown_kinds)
        resolved = _Wanted("ResolvedRefs", "False", "InvalidRouteKinds", f"route kinds not known here: {kinds}")
    return [accepted, conflicted, programmed, resolved]


def _listener_reason(problem: Problem) -> str:
    """Listeners know fewer reasons for not being programmed than Gateways do."""
    return "Pending" if problem.reason == "Pending" else "Invalid"


def route_parents(plan: RoutePlan, now: datetime) -> list[Object] | None:
    """Return ``status.parents`` of a route, entries of other controllers included, or None when it is there already."""
    current = plan.route.get("status", {}).get("parents", [])
    parents = [parent for parent in current if parent["controllerName"] != CONTROLLER]
    former = [parent for parent in current if parent["controllerName"] == CONTROLLER]
    generation = plan.route["metadata"]["generation"]
    for attachment in plan.attachments:
        conditions: list[Condition] = next((p["conditions"] for p in former if p["parentRef"] == attachment.ref), [])
        parents.append(
            {
                "parentRef": dict(attachment.ref),
                "controllerName": CONTROLLER,
                "conditions": merge_conditions(conditions, _route_conditions(plan, attachment), generation, now),
            }
        )
    return None if _canonical(parents) == _canonical(current) else parents


def _canonical(parents: list[Object]) -> list[Object]:
    """Order entries so that another writer's order is no difference."""
    return sorted(parents, key=lambda parent: (parent["controllerName"], sorted(map(str, parent["parentRef"].items()))))


def _route_conditions(plan: RoutePlan, attachment: Attachment) -> list[_Wanted]:
    problem = attachment.problem or plan.problem
    count = len(attachment.listeners)
    accepted = _Wanted("Accepted", "True", "Accepted", f"attached to {count} listener{'s' if count > 1 else ''}")
    if problem:
        accepted = _Wanted("Accepted", "False", problem.reason, problem.message)
    resolved = _Wanted("ResolvedRefs", "True", "ResolvedRefs", "all references are resolved")
    if plan.broken:
        messages = "; ".join(dict.fromkeys(broken.message for broken in plan.broken))
        resolved = _Wanted("ResolvedRefs", "False", plan.broken[0].reason, messages)
    return [accepted, resolved]
