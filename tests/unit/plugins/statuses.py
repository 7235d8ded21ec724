# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects with statuses as controllers write them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

ISTIO = "istio.io/gateway-controller"


def condition(
    kind: str, status: str = "True", reason: str = "", message: str = "", generation: int | None = 1
) -> Object:
    found = {"type": kind, "status": status, "reason": reason, "message": message}
    return found if generation is None else {**found, "observedGeneration": generation}


def obj(kind: str, status: Object, spec: Object | None = None, **metadata: Any) -> Object:
    """Return an object of ``Kind.group`` in its first generation."""
    name, _dot, group = kind.partition(".")
    return {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": name,
        "metadata": {"name": "it", "generation": 1, **metadata},
        "spec": spec or {},
        "status": status,
    }


def conditions(*found: Object) -> Object:
    return {"conditions": list(found)}


def policy(*found: Object, observed: int | None = 1) -> Object:
    # Kuadrant writes the generation once, not into its conditions.
    bare = [{name: value for name, value in item.items() if name != "observedGeneration"} for item in found]
    return conditions(*bare) | ({} if observed is None else {"observedGeneration": observed})


def route(*parents: Object, wanted: int = 1) -> Object:
    refs = [{"name": f"gateway-{number}"} for number in range(wanted)]
    return obj("HTTPRoute.gateway.networking.k8s.io", {"parents": list(parents)}, {"parentRefs": refs})


def parent(accepted: str = "True", resolved: str = "True", controller: str = ISTIO, generation: int = 1) -> Object:
    found = [
        condition("Accepted", accepted, generation=generation),
        condition("ResolvedRefs", resolved, generation=generation),
    ]
    return {"controllerName": controller, "conditions": found}
