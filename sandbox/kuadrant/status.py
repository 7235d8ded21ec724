# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statuses of policies, and what they leave on Gateways and HTTPRoutes. Pure.

Each function returns the part of a status to write, or None when the object says the same already.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.apiserver import Object
from sandbox.gateway.world import CONTROLLER
from sandbox.kuadrant.verdicts import Verdict

POLICY_CONTROLLER = "kuadrant.io/policy-controller"
_AFFECTED = "kuadrant.io/{}Affected"
Affected = Mapping[str, str]
"""Kind of policy and message."""


def policy_status(policy: Object, generation: int, verdict: Verdict, now: datetime) -> Object | None:
    """Return the status of a policy. Its conditions carry no observedGeneration, only the status does (20.3)."""
    current = policy.get("status", {})
    former = {condition["type"]: condition for condition in current.get("conditions", [])}
    conditions = []
    for said in verdict:
        before = former.get(said.kind, {})
        kept = before.get("status") == said.status and before.get("reason") == said.reason
        conditions.append(
            {
                "type": said.kind,
                "status": said.status,
                "reason": said.reason,
                "message": said.message,
                "lastTransitionTime": before["lastTransitionTime"] if kept else _text(now),
            }
        )
    wanted = {"observedGeneration": generation, "conditions": conditions}
    return None if all(current.get(name) == value for name, value in wanted.items()) else wanted


def gateway_status(
    gateway: Object, affected: Affected, listeners: Mapping[str, Affected], now: datetime
) -> Object | None:
    """Return conditions and listeners of a Gateway with the conditions ``kuadrant.io/<kind>Affected`` (section 4.2)."""
    current = gateway.get("status", {})
    generation = gateway["metadata"]["generation"]
    wanted = {
        "conditions": _merge(current.get("conditions", []), affected, generation, now),
        "listeners": [
            entry
            | {"conditions": _merge(entry.get("conditions", []), listeners.get(entry["name"], {}), generation, now)}
            for entry in current.get("listeners", [])
        ],
    }
    return None if all(current.get(name, []) == value for name, value in wanted.items()) else wanted


def route_parents(route: Object, affected: Affected, now: datetime) -> list[Object] | None:
    """Return ``status.parents`` of a route with the entry of the policy controller, without Accepted (20.4)."""
    current = route.get("status", {}).get("parents", [])
    others = [parent for parent in current if parent["controllerName"] != POLICY_CONTROLLER]
    former = [parent for parent in current if parent["controllerName"] == POLICY_CONTROLLER]
    generation = route["metadata"]["generation"]
    entries = []
    for parent in others if affected else ():
        if parent["controllerName"] == CONTROLLER:
            ref = parent["parentRef"]
            before: list[dict[str, Any]] = next(
                (entry["conditions"] for entry in former if entry["parentRef"] == ref), []
            )
            conditions = _merge(before, affected, generation, now)
            entries.append({"parentRef": ref, "controllerName": POLICY_CONTROLLER, "conditions": conditions})
    return None if entries == former else [*others, *entries]


def _merge(current: list[dict[str, Any]], affected: Affected, generation: int, now: datetime) -> list[dict[str, Any]]:
    ours = {_AFFECTED.format(kind): message for kind, message in affected.items()}
    former = {condition["type"]: condition for condition in current}
    kept = [condition for condition in current if not _is_ours(condition["type"]) or condition["type"] in ours]
    merged = {condition["type"]: condition for condition in kept}
    for kind, message in sorted(ours.items()):
        merged[kind] = {
            "type": kind,
            "status": "True",
            "reason": "Accepted",
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": former.get(kind, {}).get("lastTransitionTime", _text(now)),
        }
    return list(merged.values())


def _is_ours(kind: str) -> bool:
    return kind.startswith("kuadrant.io/") and kind.endswith("PolicyAffected")


def _text(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
