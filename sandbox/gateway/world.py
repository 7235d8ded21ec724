# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server holds, as the pure rooms of the gateway read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.apiserver import Key, Object, Resource

GROUP = "gateway.networking.k8s.io"
CONTROLLER = "istio.io/gateway-controller"

KINDS: dict[str, Resource] = {
    "classes": Resource(GROUP, "v1", "gatewayclasses"),
    "gateways": Resource(GROUP, "v1", "gateways"),
    "routes": Resource(GROUP, "v1", "httproutes"),
    "grants": Resource(GROUP, "v1beta1", "referencegrants"),
    "services": Resource("", "v1", "services"),
    "slices": Resource("discovery.k8s.io", "v1", "endpointslices"),
    "pods": Resource("", "v1", "pods"),
    "deployments": Resource("apps", "v1", "deployments"),
    "namespaces": Resource("", "v1", "namespaces"),
    "definitions": Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    "secrets": Resource("", "v1", "secrets"),
    "envoy_filters": Resource("networking.istio.io", "v1alpha3", "envoyfilters"),
    "kuadrants": Resource("kuadrant.io", "v1beta1", "kuadrants"),
    "authorinos": Resource("operator.authorino.kuadrant.io", "v1beta1", "authorinos"),
    "limitadors": Resource("limitador.kuadrant.io", "v1alpha1", "limitadors"),
    "auth_policies": Resource("kuadrant.io", "v1", "authpolicies"),
    "request_policies": Resource("kuadrant.io", "v1", "ratelimitpolicies"),
    "token_policies": Resource("kuadrant.io", "v1alpha1", "tokenratelimitpolicies"),
    "telemetry_policies": Resource("extensions.kuadrant.io", "v1alpha1", "telemetrypolicies"),
}
"""Every kind that the gateway watches, by the field of World that holds it."""

Objects = Mapping[Key, Object]


@dataclass(frozen=True)
class Problem:
    """Why something is not as the user asked: a condition's reason and a message that says what to do."""

    reason: str
    message: str


@dataclass(frozen=True)
class World:
    """All watched objects at one moment, by namespace and name."""

    classes: Objects = field(default_factory=dict)
    gateways: Objects = field(default_factory=dict)
    routes: Objects = field(default_factory=dict)
    grants: Objects = field(default_factory=dict)
    services: Objects = field(default_factory=dict)
    slices: Objects = field(default_factory=dict)
    pods: Objects = field(default_factory=dict)
    deployments: Objects = field(default_factory=dict)
    namespaces: Objects = field(default_factory=dict)
    definitions: Objects = field(default_factory=dict)
    secrets: Objects = field(default_factory=dict)
    envoy_filters: Objects = field(default_factory=dict)
    kuadrants: Objects = field(default_factory=dict)
    authorinos: Objects = field(default_factory=dict)
    limitadors: Objects = field(default_factory=dict)
    auth_policies: Objects = field(default_factory=dict)
    request_policies: Objects = field(default_factory=dict)
    token_policies: Objects = field(default_factory=dict)
    telemetry_policies: Objects = field(default_factory=dict)

    @cached_property
    def slices_of(self) -> dict[Key, list[Object]]:
        """EndpointSlices by the Service that they belong to."""
        found: dict[Key, list[Object]] = {}
        for (namespace, _), piece in self.slices.items():
            service = piece["metadata"].get("labels", {}).get("kubernetes.io/service-name")
            if service:
                found.setdefault((namespace, service), []).append(piece)
        return found

    def labels_of(self, namespace: str) -> dict[str, str]:
        """Labels of a namespace; empty when it is not known."""
        labels: dict[str, str] = self.namespaces.get(("", namespace), {"metadata": {}})["metadata"].get("labels", {})
        return labels


def condition_of(thing: Object, kind: str) -> str:
    """Return the status of one condition of an object, ``Unknown`` when it has none."""
    conditions: list[dict[str, Any]] = thing.get("status", {}).get("conditions", [])
    return next((str(c["status"]) for c in conditions if c["type"] == kind), "Unknown")


def title(key: Key) -> str:
    """Write a key as people do: namespace/name."""
    return "/".join(part for part in key if part)
