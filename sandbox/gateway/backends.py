# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a backendRef leads: Service, EndpointSlices, Pods, and the processes that stand for these Pods. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import Key, Object
from sandbox.gateway.world import GROUP, Problem, World, title
from sandbox.workload import CONTAINER_PORT, ENDPOINT

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Backend:
    """One backendRef. ``problem`` says why it cannot be resolved; ``notes`` why ready endpoints are of no use."""

    name: str
    weight: int
    endpoints: tuple[str, ...] = ()
    problem: Problem | None = None
    notes: tuple[str, ...] = ()


def resolve(ref: Spec, namespace: str, world: World) -> Backend:
    """Resolve a backendRef of an HTTPRoute in ``namespace``."""
    key = (ref.get("namespace", namespace), ref["name"])
    name = f"{title(key)}:{ref.get('port', '?')}"
    weight = ref.get("weight", 1)
    problem = _reference_problem(ref, key, namespace, world)
    if problem:
        return Backend(name, weight, problem=problem)
    service = world.services[key]
    port = next(port for port in service["spec"]["ports"] if port["port"] == ref["port"])
    usable: list[str] = []
    notes: list[str] = []
    for piece in world.slices_of.get(key, ()):
        for address, note in _endpoints(piece, port.get("name", ""), world):
            (notes if note else usable).append(note or address)
    return Backend(name, weight, tuple(sorted(usable)), notes=tuple(sorted(notes)))


def _reference_problem(ref: Spec, key: Key, namespace: str, world: World) -> Problem | None:
    if (ref.get("group", ""), ref.get("kind", "Service")) != ("", "Service"):
        kind = ".".join(filter(None, (ref.get("kind"), ref.get("group"))))
        return Problem("InvalidKind", f"backendRef {ref['name']} is of kind {kind}: the stand-in gateway knows Service")
    if key[0] != namespace and not _granted(namespace, key, world):
        return Problem(
            "RefNotPermitted",
            f"backendRef {title(key)} is in another namespace: a ReferenceGrant in namespace {key[0]} must allow"
            f" HTTPRoutes of namespace {namespace}",
        )
    if key not in world.services:
        return Problem("BackendNotFound", f"Service {title(key)} does not exist")
    return _port_problem(ref.get("port"), key, world.services[key]["spec"])


def _port_problem(number: int | None, key: Key, service: Spec) -> Problem | None:
    if service.get("type") == "ExternalName":
        return Problem("InvalidKind", f"Service {title(key)} is an ExternalName: the stand-in gateway knows Pods only")
    ports = {port["port"]: port for port in service.get("ports", ())}
    if number not in ports:
        there = ", ".join(str(port) for port in ports) or "none"
        return Problem("BackendNotFound", f"Service {title(key)} has no port {number}; its ports: {there}")
    protocol = ports[number].get("appProtocol", "http")
    if protocol != "http":
        return Problem(
            "UnsupportedProtocol",
            f"port {number} of Service {title(key)} is of appProtocol {protocol}: the stand-in gateway knows http",
        )
    return None


def _granted(namespace: str, service: Key, world: World) -> bool:
    for (where, _), grant in world.grants.items():
        if where != service[0]:
            continue
        spec = grant["spec"]
        if any(
            (giver.get("group"), giver.get("kind"), giver.get("namespace")) == (GROUP, "HTTPRoute", namespace)
            for giver in spec["from"]
        ) and any(
            (target.get("group", ""), target.get("kind")) == ("", "Service")
            and target.get("name") in (None, "", service[1])
            for target in spec["to"]
        ):
            return True
    return False


def _endpoints(piece: Object, port_name: str, world: World) -> Iterator[tuple[str, str]]:
    """Yield (address, "") for each usable endpoint of a slice and ("", note) for each ready one that is not."""
    numbers = [port.get("port") for port in piece.get("ports") or () if (port.get("name") or "") == port_name]
    for endpoint in piece.get("endpoints") or ():
        if not numbers or endpoint.get("conditions", {}).get("ready") is False:
            continue
        target = endpoint.get("targetRef", {})
        pod = world.pods.get((piece["metadata"]["namespace"], target.get("name", "")))
        if target.get("kind") != "Pod" or pod is None:
            yield "", f"endpoint {', '.join(endpoint['addresses'])} is no Pod of this cluster"
        else:
            yield _process(pod, numbers[0])


def _process(pod: Object, port: int | None) -> tuple[str, str]:
    annotations = pod["metadata"].get("annotations", {})
    address = annotations.get(ENDPOINT)
    if not address:
        return "", f"no process stands for Pod {pod['metadata']['name']}: the sandbox runs the simulator image only"
    listens = annotations.get(CONTAINER_PORT, str(port))
    if listens != str(port):
        return "", f"Pod {pod['metadata']['name']} listens on port {listens}, its Service points to {port}"
    return address, ""
