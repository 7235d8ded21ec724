# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the API server holds to what the gateway serves. Pure.

``make_plan`` decides everything; sockets and statuses only follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sandbox.apiserver import Key, Object, key_of
from sandbox.gateway import attachment, backends, routing, rules
from sandbox.gateway.attachment import Attachment, Listener
from sandbox.gateway.world import CONTROLLER, Problem, World, condition_of, title

Address = tuple[str, int]
"""IP address and port."""

_MOST_GATEWAYS = 256


@dataclass(frozen=True)
class GatewayPlan:
    """A Gateway of ours: its address, its listeners, and what keeps the whole of it from being served."""

    gateway: Object
    address: str
    listeners: tuple[Listener, ...]
    problem: Problem | None = None

    def binds(self, listener: Listener) -> Address | None:
        """Return where a listener is to be served, or None when it is not."""
        return None if self.problem or listener.problem else (self.address, listener.port)


@dataclass(frozen=True)
class RoutePlan:
    """An HTTPRoute of ours: ``problem`` keeps it from being served, ``broken`` backends do not."""

    route: Object
    attachments: tuple[Attachment, ...]
    problem: Problem | None = None
    broken: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is served at each address, what becomes of every Gateway and route, and why others are left alone."""

    gateways: dict[Key, GatewayPlan] = field(default_factory=dict)
    routes: dict[Key, RoutePlan] = field(default_factory=dict)
    ports: dict[Address, routing.Port] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    """What is left alone, by kind and name."""

    def attached(self, listener: Listener) -> int:
        """Count the routes attached to a listener, as Istio counts them: let in, with a hostname in common."""
        return sum(
            any(listener is there for attached in plan.attachments for there, _ in attached.listeners)
            for plan in self.routes.values()
        )


def number_gateways(index: int, world: World, known: Mapping[str, int]) -> dict[str, int]:
    """Give every Gateway of ours a number, from 1, by uid; ``known`` ones keep theirs.

    A Gateway that got its address from an earlier run (``status.addresses``) gets the same again, else the lowest free.
    """
    ours = sorted(
        (gateway for gateway in world.gateways.values() if _is_ours(gateway, world)),
        key=lambda gateway: (gateway["metadata"]["creationTimestamp"], key_of(gateway)),
    )
    uids = [gateway["metadata"]["uid"] for gateway in ours]
    numbers = {uid: known[uid] for uid in uids if uid in known}
    for gateway, uid in zip(ours, uids, strict=True):
        former = _former_number(index, gateway)
        if uid not in numbers and former and former not in numbers.values():
            numbers[uid] = former
    for uid in uids:
        if uid not in numbers:
            numbers[uid] = next(n for n in range(1, len(uids) + 1) if n not in numbers.values())
    return numbers


def address_of(number: int, index: int) -> str:
    """Return the loopback address of gateway ``number`` (from 1) of sandbox ``index`` (from 1)."""
    return f"127.0.{number - 1}.{index}"


def _former_number(index: int, gateway: Object) -> int | None:
    for address in gateway.get("status", {}).get("addresses", ()):
        parts = str(address.get("value", "")).split(".")
        if len(parts) == 4 and parts[:2] == ["127", "0"] and parts[3] == str(index) and parts[2].isdigit():
            return int(parts[2]) + 1
    return None


def make_plan(index: int, world: World, numbers: Mapping[str, int], load_balancer: bool = True) -> Plan:
    """Decide what is served. ``numbers`` come from number_gateways; ``load_balancer``: whether the cluster has one."""
    plan = Plan()
    for key, gateway in world.gateways.items():
        if not _is_ours(gateway, world):
            plan.ignored[f"Gateway {title(key)}"] = (
                f"class {gateway['spec']['gatewayClassName']} is no GatewayClass of {CONTROLLER}"
            )
            continue
        waiting = _deployment_problem(gateway, world)
        if waiting and condition_of(gateway, "Accepted") == "Unknown":
            # Without istiod nobody looks at a new Gateway: its status stays as the CRD's default made it.
            plan.ignored[f"Gateway {title(key)}"] = waiting.message
            continue
        number = numbers[gateway["metadata"]["uid"]]
        problem = waiting or _address_problem(gateway, number)
        if not load_balancer:
            problem = problem or _balancer_problem(gateway, world)
        plan.gateways[key] = GatewayPlan(gateway, address_of(number, index), attachment.listeners_of(gateway), problem)
    _open_ports(plan)
    _plan_routes(plan, world)
    return plan


def _is_ours(gateway: Object, world: World) -> bool:
    gateway_class = world.classes.get(("", gateway["spec"]["gatewayClassName"]))
    return gateway_class is not None and gateway_class["spec"]["controllerName"] == CONTROLLER


def _deployment_problem(gateway: Object, world: World) -> Problem | None:
    namespace, name = key_of(gateway)
    deployment = (namespace, f"{name}-istio")
    if deployment not in world.deployments:
        return Problem("Pending", f"waiting for Deployment {title(deployment)}, which istiod makes: is istiod running?")
    if condition_of(world.deployments[deployment], "Available") != "True":
        return Problem("Pending", f"waiting for Deployment {title(deployment)} to become available")
    return None


def _address_problem(gateway: Object, number: int) -> Problem | None:
    if gateway["spec"].get("addresses"):
        return Problem(
            "AddressNotUsable", "spec.addresses is not implemented: the sandbox gives each Gateway its address"
        )
    if number > _MOST_GATEWAYS:
        return Problem(
            "AddressNotUsable", f"a sandbox has addresses for {_MOST_GATEWAYS} Gateways, this is number {number}"
        )
    return None


def _balancer_problem(gateway: Object, world: World) -> Problem | None:
    """What Istio says while nobody gives the Service of a Gateway an address."""
    namespace, name = key_of(gateway)
    service = world.services.get((namespace, f"{name}-istio"), {})
    if service.get("spec", {}).get("type") != "LoadBalancer":
        return None
    host = f"{name}-istio.{namespace}.svc.cluster.local"
    return Problem(
        "AddressNotAssigned", f"failed to assign to any requested addresses: address pending for hostname {host}"
    )


def _open_ports(plan: Plan) -> None:
    for gateway in plan.gateways.values():
        for listener in gateway.listeners:
            where = gateway.binds(listener)
            if where:
                plan.ports.setdefault(where, {})[listener.hostname] = routing.Site(listener)


def _plan_routes(plan: Plan, world: World) -> None:
    listeners = {key: gateway.listeners for key, gateway in plan.gateways.items()}
    for key, route in world.routes.items():
        attachments = attachment.attach(route, listeners, world)
        if attachments or _has_entry(route):
            plan.routes[key] = _plan_route(plan, RoutePlan(route, attachments), world)
        else:
            plan.ignored[f"HTTPRoute {title(key)}"] = "no parentRef points to a Gateway that is served here"
    for port in plan.ports.values():
        for site in port.values():
            site.sort()


def _has_entry(route: Object) -> bool:
    parents = route.get("status", {}).get("parents", ())
    return any(parent["controllerName"] == CONTROLLER for parent in parents)


def _plan_route(plan: Plan, found: RoutePlan, world: World) -> RoutePlan:
    namespace = found.route["metadata"]["namespace"]
    try:
        compiled = rules.compile_rules(found.route["spec"])
    except rules.UnsupportedError as error:
        return replace(found, problem=Problem("UnsupportedValue", str(error)))
    resolved = [(rule, tuple(backends.resolve(ref, namespace, world) for ref in rule.backends)) for rule in compiled]
    _serve(plan, found, routing.targets_of(found.route, resolved))
    return replace(found, broken=tuple(b.problem for _, refs in resolved for b in refs if b.problem))


def _serve(plan: Plan, route: RoutePlan, targets: list[routing.Target]) -> None:
    served: set[tuple[Key, str, str]] = set()
    for attached in route.attachments:
        for listener, names in attached.listeners:
            where = plan.gateways[listener.gateway].binds(listener)
            for name in names:
                # Two parentRefs may lead to the same listener.
                if where and (listener.gateway, listener.name, name) not in served:
                    served.add((listener.gateway, listener.name, name))
                    plan.ports[where][listener.hostname].hosts.setdefault(name, []).extend(targets)
