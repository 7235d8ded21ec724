# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies, keys and the parts of Kuadrant, written by hand: the set of section 20.5 of the measured facts."""

from __future__ import annotations

import base64
from typing import Any

Object = dict[str, Any]

MANAGED = {"authorino.kuadrant.io/managed-by": "authorino"}
PART_OF = {"app.kubernetes.io/part-of": "maas"}
TIERS = "['free', 'premium', 'enterprise']"
_TIER = "auth.identity.metadata.annotations['kuadrant.io/groups']"
_USER = "auth.identity.metadata.annotations['secret.kuadrant.io/user-id']"
_GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}


def policy(kind: str, name: str, body: Object, target: Object | None = None, namespace: str = "maas") -> Object:
    """A policy on Gateway maas/gw, or on the HTTPRoute that ``target`` names."""
    group, version = {
        "TokenRateLimitPolicy": ("kuadrant.io", "v1alpha1"),
        "TelemetryPolicy": ("extensions.kuadrant.io", "v1alpha1"),
    }.get(kind, ("kuadrant.io", "v1"))
    return {
        "apiVersion": f"{group}/{version}",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"targetRef": _GATEWAY | (target or {})} | body,
    }


def merged(**body: Any) -> Object:
    """A body under ``defaults`` with strategy merge."""
    return {"defaults": {"strategy": "merge"} | body}


def api_key(prefix: str, **fields: Any) -> Object:
    """An identity source by keys with the label part-of."""
    source = {"selector": {"matchLabels": PART_OF}, "allNamespaces": False} | fields
    filled_in: Object = {"metrics": False, "priority": 0}
    return filled_in | {"apiKey": source, "credentials": {"authorizationHeader": {"prefix": prefix}}}


def error(message: str) -> Object:
    """Headers and body of a refusal."""
    return {"headers": {"content-type": {"value": "application/json"}}, "body": {"value": f'{{"error":"{message}"}}'}}


def auth_rules(**response: Any) -> Object:
    """The rules of 20.5; ``response`` replaces parts of the response."""
    identity = {"json": {"properties": {"userid": {"expression": _USER}, "tier": {"expression": _TIER}}}}
    return {
        "authentication": {"api-key": api_key("APIKEY"), "api-key-bearer": api_key("Bearer")},
        "authorization": {
            "known-tier": predicates(f"{_TIER} in {TIERS}", f"{_USER} != ''"),
        },
        "response": {
            "success": {"filters": {"identity": identity}},
            "unauthenticated": {"code": 401} | error("API key required"),
            "unauthorized": {"code": 403} | error("No tier assigned to this key"),
        }
        | response,
    }


def predicates(*texts: str) -> Object:
    """A rule of authorization."""
    return {"patternMatching": {"patterns": [{"predicate": text} for text in texts]}}


def auth_policy(rules: Object | None = None, **fields: Any) -> Object:
    """AuthPolicy ``auth``."""
    return policy("AuthPolicy", "auth", merged(rules=rules or auth_rules()), **fields)


def limit(*rates: tuple[int, str], when: str = "", counter: str = "auth.identity.userid") -> Object:
    """A limit entry."""
    found: Object = {"rates": [{"limit": number, "window": window} for number, window in rates]}
    if when:
        found["when"] = [{"predicate": when}]
    return found | ({"counters": [{"expression": counter}]} if counter else {})


def tier_limits(**tiers: list[tuple[int, str]]) -> Object:
    """Limits of 20.5: one entry for each tier, and one of 0 for any other."""
    entries = {name: limit(*rates, when=f"auth.identity.tier == '{name}'") for name, rates in tiers.items()}
    return entries | {"unknown-tier": limit((0, "2m"), when=f"!(auth.identity.tier in {TIERS})", counter="")}


def request_policy(limits: Object | None = None, name: str = "requests", **fields: Any) -> Object:
    """RateLimitPolicy ``requests``: 5, 20 and 100 per 2 minutes."""
    usual = tier_limits(free=[(5, "2m")], premium=[(20, "2m")], enterprise=[(100, "2m")])
    return policy("RateLimitPolicy", name, merged(limits=limits or usual), **fields)


def token_policy(limits: Object | None = None, name: str = "tokens", **fields: Any) -> Object:
    """TokenRateLimitPolicy ``tokens``, two windows for each tier."""
    usual = tier_limits(
        free=[(100, "1m"), (1000, "24h")],
        premium=[(5000, "1m"), (100000, "24h")],
        enterprise=[(50000, "1m"), (1000000, "24h")],
    )
    return policy("TokenRateLimitPolicy", name, merged(limits=limits or usual), **fields)


def telemetry(name: str = "usage", **labels: str) -> Object:
    """TelemetryPolicy ``usage``."""
    usual = {"user": "auth.identity.userid", "tier": "auth.identity.tier", "model": 'responseBodyJSON("/model")'}
    return policy("TelemetryPolicy", name, {"metrics": {"default": {"labels": labels or usual}}})


LOWER_CASE = """
function envoy_on_request(handle)
  local h = handle:headers()
  local a = h:get(":authority")
  if a ~= nil and a ~= string.lower(a) then h:replace(":authority", string.lower(a)) end
end
"""


def lua_filter(source: str = LOWER_CASE, name: str = "lowercase", **patch: Any) -> Object:
    """The EnvoyFilter of 20.5."""
    manager = {"name": "envoy.filters.network.http_connection_manager"}
    config = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": source},
    }
    value = {"name": "x", "typed_config": config}
    change = {"operation": "INSERT_FIRST", "value": value} | patch
    match = {"context": "GATEWAY", "listener": {"filterChain": {"filter": manager}}}
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"namespace": "maas", "name": name},
        "spec": {
            "targetRefs": [_GATEWAY],
            "configPatches": [{"applyTo": "HTTP_FILTER", "match": match, "patch": change}],
        },
    }


def key(name: str, tier: str | None = None, user: str | None = "", value: str = "", **meta: Any) -> Object:
    """A key Secret; its value is ``key-NAME`` and its user NAME unless said otherwise."""
    annotations = {"kuadrant.io/groups": tier} if tier is not None else {}
    if user is not None and tier is not None:
        annotations["secret.kuadrant.io/user-id"] = user or name
    usual: Object = {"namespace": "kuadrant-system", "name": name, "labels": MANAGED | PART_OF}
    if annotations:
        usual["annotations"] = annotations
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": usual | meta,
        "data": {"api_key": base64.b64encode((value or f"key-{name}").encode()).decode()},
    }


def ready(api: str, kind: str, name: str, **spec: Any) -> Object:
    """A resource of Kuadrant that is ready."""
    condition = {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": _NOW}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"namespace": "kuadrant-system", "name": name},
        "spec": spec,
        "status": {"conditions": [condition]},
    }


_NOW = "2026-01-01T00:00:00Z"


def program(name: str, **environment: str) -> tuple[Object, Object]:
    """A Deployment of Kuadrant's namespace, and its running Pod."""
    labels = {"app": name}
    containers = [{"name": "it", "image": "i", "env": [{"name": n, "value": v} for n, v in environment.items()]}]
    available = {"type": "Available", "status": "True", "reason": "", "message": ""}
    times = {"lastTransitionTime": _NOW, "lastUpdateTime": _NOW}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "kuadrant-system", "name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
        "status": {"conditions": [available | times]},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "kuadrant-system", "name": f"{name}-1", "labels": labels},
        "spec": {"containers": [{"name": "it", "image": "i"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": _NOW}]},
    }
    return deployment, pod


def kuadrant(**environment: str) -> list[Object]:
    """All of Kuadrant, running; ``environment`` is the operator's."""
    return [
        ready("kuadrant.io/v1beta1", "Kuadrant", "kuadrant"),
        ready("operator.authorino.kuadrant.io/v1beta1", "Authorino", "authorino"),
        ready("limitador.kuadrant.io/v1alpha1", "Limitador", "limitador"),
        *program("kuadrant-operator-controller-manager", **environment),
        *program("authorino"),
        *program("limitador-limitador"),
    ]


def definitions() -> list[Object]:
    """The CRDs that the operator looks for, without their schemas."""
    names = (
        *("httproutes.gateway.networking.k8s.io", "envoyfilters.networking.istio.io"),
        *("wasmplugins.extensions.istio.io", "peerauthentications.security.istio.io"),
        *("authorinos.operator.authorino.kuadrant.io", "limitadors.limitador.kuadrant.io"),
    )
    meta = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return [meta | {"metadata": {"name": name}, "spec": {}} for name in names]
