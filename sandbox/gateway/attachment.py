# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which listeners a route is attached to, and why not to others. Pure.

Rules: Gateway API v1.4.1, HTTPRoute ``parentRefs`` and Listener ``allowedRoutes``; the order of the reasons is the one
in which the checks are made: the listener named, its permission, its hostname.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import Key, Object, key_of
from sandbox.gateway import hostnames
from sandbox.gateway.world import GROUP, Problem, World, title

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Listener:
    """A listener of a Gateway; ``problem`` says why it is not served, ``conflicted`` that two listeners collide."""

    gateway: Key
    name: str
    port: int
    protocol: str
    hostname: str
    allowed: Spec
    problem: Problem | None = None
    conflicted: bool = False

    @property
    def unknown_kinds(self) -> list[str]:
        """Route kinds that the listener allows and the stand-in does not know."""
        return [kind["kind"] for kind in self.allowed.get("kinds", ()) if not _is_http_route(kind)]

    @property
    def takes_http_routes(self) -> bool:
        """Whether HTTPRoutes may attach at all."""
        kinds = self.allowed.get("kinds")
        return not kinds or any(_is_http_route(kind) for kind in kinds)


@dataclass(frozen=True)
class Attachment:
    """One parentRef of one route: the listeners it reached with the hostnames served there, or the problem."""

    ref: Spec
    gateway: Key
    listeners: tuple[tuple[Listener, tuple[str, ...]], ...] = ()
    problem: Problem | None = None


def listeners_of(gateway: Object) -> tuple[Listener, ...]:
    """Read the listeners of a Gateway, each with what keeps it from being served."""
    specs = gateway["spec"]["listeners"]
    protocols: dict[int, set[str]] = {}
    for spec in specs:
        protocols.setdefault(spec["port"], set()).add(spec["protocol"])
    return tuple(_listener(key_of(gateway), spec, protocols[spec["port"]]) for spec in specs)


def _listener(gateway: Key, spec: Spec, protocols_on_port: set[str]) -> Listener:
    conflicted = len(protocols_on_port) > 1
    return Listener(
        gateway=gateway,
        name=spec["name"],
        port=spec["port"],
        protocol=spec["protocol"],
        hostname=spec.get("hostname", "").lower(),
        allowed=spec.get("allowedRoutes", {}),
        problem=_conflict(spec, protocols_on_port) if conflicted else _protocol_problem(spec),
        conflicted=conflicted,
    )


def _conflict(spec: Spec, protocols: set[str]) -> Problem:
    return Problem(
        "ProtocolConflict",
        f"port {spec['port']} has listeners of protocols {', '.join(sorted(protocols))}: use one protocol per port",
    )


def _protocol_problem(spec: Spec) -> Problem | None:
    if spec["protocol"] == "HTTP":
        return None
    if spec["protocol"] == "HTTPS":
        return Problem("Invalid", "the stand-in gateway does not serve TLS yet: use a listener of protocol HTTP")
    return Problem("UnsupportedProtocol", f"protocol {spec['protocol']} is not served: the stand-in gateway knows HTTP")


def attach(route: Object, listeners: Mapping[Key, tuple[Listener, ...]], world: World) -> tuple[Attachment, ...]:
    """Return an attachment for each parentRef that points to one of the given Gateways; others are not ours."""
    namespace = route["metadata"]["namespace"]
    found = []
    for ref in route["spec"].get("parentRefs", ()):
        if ref.get("group", GROUP) != GROUP or ref.get("kind", "Gateway") != "Gateway":
            continue
        gateway = (ref.get("namespace", namespace), ref["name"])
        if gateway in listeners:
            found.append(_attach(route, ref, gateway, listeners[gateway], world))
    return tuple(found)


def _attach(route: Object, ref: Spec, gateway: Key, listeners: tuple[Listener, ...], world: World) -> Attachment:
    named = [
        listener
        for listener in listeners
        if ref.get("sectionName") in (None, listener.name) and ref.get("port") in (None, listener.port)
    ]
    if not named:
        return Attachment(ref, gateway, problem=_no_parent(ref, gateway, listeners))
    namespace = route["metadata"]["namespace"]
    allowing = [listener for listener in named if _allows(listener, namespace, world)]
    if not allowing:
        return Attachment(ref, gateway, problem=_not_allowed(namespace, gateway, named))
    wanted = [name.lower() for name in route["spec"].get("hostnames", [])] or [""]
    served = tuple((listener, common) for listener in allowing if (common := _common(listener.hostname, wanted)))
    if not served:
        return Attachment(ref, gateway, problem=_no_hostname(wanted, gateway, allowing))
    return Attachment(ref, gateway, served)


def _common(hostname: str, wanted: Iterable[str]) -> tuple[str, ...]:
    return tuple(common for name in wanted if (common := hostnames.intersection(hostname, name)) is not None)


def _allows(listener: Listener, namespace: str, world: World) -> bool:
    if not listener.takes_http_routes:
        return False
    namespaces = listener.allowed.get("namespaces", {})
    rule = namespaces.get("from", "Same")
    if rule == "Same":
        return namespace == listener.gateway[0]
    if rule == "Selector":
        return selects(namespaces.get("selector", {}), world.labels_of(namespace))
    return bool(rule == "All")


def selects(selector: Spec, labels: Mapping[str, str]) -> bool:
    """Tell whether a Kubernetes label selector selects these labels; an empty selector selects everything."""
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        _expression_holds(expression, labels) for expression in selector.get("matchExpressions", ())
    )


def _expression_holds(expression: Spec, labels: Mapping[str, str]) -> bool:
    name, values = expression["key"], expression.get("values", ())
    holds: bool = {
        "In": name in labels and labels[name] in values,
        "NotIn": name not in labels or labels[name] not in values,
        "Exists": name in labels,
        "DoesNotExist": name not in labels,
    }[expression["operator"]]
    return holds


def _is_http_route(kind: Spec) -> bool:
    return (kind.get("group", GROUP), kind["kind"]) == (GROUP, "HTTPRoute")


def _no_parent(ref: Spec, gateway: Key, listeners: tuple[Listener, ...]) -> Problem:
    asked = ", ".join(f"{name} {ref[name]}" for name in ("sectionName", "port") if name in ref)
    there = ", ".join(f"{listener.name} (port {listener.port})" for listener in listeners)
    return Problem("NoMatchingParent", f"Gateway {title(gateway)} has no listener with {asked}; it has: {there}")


def _not_allowed(namespace: str, gateway: Key, listeners: list[Listener]) -> Problem:
    names = ", ".join(listener.name for listener in listeners)
    return Problem(
        "NotAllowedByListeners",
        f"allowedRoutes of Gateway {title(gateway)} (listener {names}) does not let in routes of kind HTTPRoute"
        f" from namespace {namespace}",
    )


def _no_hostname(wanted: list[str], gateway: Key, listeners: list[Listener]) -> Problem:
    there = ", ".join(f"{listener.name}: {listener.hostname}" for listener in listeners)
    return Problem(
        "NoMatchingListenerHostname",
        f"no hostname of the route ({', '.join(wanted)}) fits a listener of Gateway {title(gateway)} ({there})",
    )
