# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects that tests put into sets."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def namespace(name: str, **labels: str) -> Object:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **_some("labels", labels)}}


def config_map(place: str, name: str, **data: str) -> Object:
    """A ConfigMap in the namespace ``place``."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": place}, "data": data}


def secret(place: str, name: str, **texts: str) -> Object:
    """A Secret whose values are given in clear."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": place}, "stringData": texts}


def lease(place: str, name: str, holder: str, now: str, seconds: int = 15) -> Object:
    """The Lease by which ``holder`` keeps others from changing a set."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": place},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "acquireTime": now, "renewTime": now},
    }


def route(place: str, name: str) -> Object:
    """An HTTPRoute like those of models: what matters stands in lists that the server treats as one value."""
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "maas", "namespace": place}
    backend = {"group": "", "kind": "Service", "name": f"{name}-predictor", "port": 80}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": place, "labels": {"model": name}},
        "spec": {
            "parentRefs": [{**parent, "sectionName": "http"}],
            "hostnames": [f"{name}.maas.local"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "timeouts": {"request": "30s"},
                    "backendRefs": [backend],
                }
            ],
        },
    }


def deployment(place: str, name: str) -> Object:
    """A Deployment that says many things in other words than the server: short quantities, empty and false values."""
    container = {
        "name": "main",
        "image": "registry.example/main:v1",
        "resources": {"requests": {"cpu": 0.5, "memory": "0.5Gi"}, "limits": {"cpu": 1, "memory": "1024Mi"}},
        "ports": [{"containerPort": 8080}, {"containerPort": 9090, "protocol": "TCP"}],
        "env": [],
        "securityContext": {},
        "volumeMounts": [{"name": "work", "mountPath": "/work", "readOnly": False}],
    }
    pod = {
        "hostNetwork": False,
        "nodeSelector": {},
        "containers": [container],
        "volumes": [{"name": "work", "emptyDir": {}}],
    }
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": place, "creationTimestamp": None, "annotations": None},
        "spec": {
            "replicas": 0,
            "paused": False,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, "creationTimestamp": None}, "spec": pod},
        },
    }


def definition(group: str, kind: str = "Widget", version: str = "v1") -> Object:
    """The definition of a kind, of which the server knows no more than the fields of a Widget."""
    spec = {"type": "object", "properties": {"size": {"type": "integer"}, "tags": {"type": "array", **_texts()}}}
    conditions = {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    status = {
        "type": "object",
        "properties": {"observedGeneration": {"type": "integer"}, "conditions": conditions},
    }
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    served = {"name": version, "served": True, "storage": True, "subresources": {"status": {}}}
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{**served, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def widget(group: str, place: str, name: str, size: int = 1) -> Object:
    """An object of that kind."""
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": place},
        "spec": {"size": size, "tags": ["a", "b"]},
    }


def auth_policy_definition() -> Object:
    """The definition of Kuadrant's kind, as small as it can be with a default of the server."""
    fields = {
        "anonymous": {"type": "object"},
        "prefixes": {"type": "array", "items": {"type": "string"}},
        "metrics": {"type": "boolean", "default": False},
    }
    rules = {"type": "object", "additionalProperties": {"type": "object", "properties": fields}}
    target = {name: {"type": "string"} for name in ("kind", "name")}
    spec = {"targetRef": _with(**target), "defaults": _with(rules=_with(authentication=rules))}
    wanted = definition("kuadrant.io", "AuthPolicy")
    wanted["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = _with(**spec)
    return wanted


def auth_policy(place: str, name: str, **rules: Object) -> Object:
    """An object of that kind; ``rules`` are those of authentication, by name."""
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "AuthPolicy",
        "metadata": {"name": name, "namespace": place},
        "spec": {"targetRef": {"kind": "Gateway", "name": "maas"}, "defaults": {"rules": {"authentication": rules}}},
    }


def _with(**properties: Object) -> Object:
    return {"type": "object", "properties": properties}


def _texts() -> Object:
    return {"items": {"type": "string"}, "x-kubernetes-list-type": "set"}


def _some(name: str, value: Object) -> Object:
    return {name: value} if value else {}
