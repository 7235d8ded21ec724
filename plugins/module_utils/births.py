# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Closed at birth: a model is reachable only after its route was seen to ask for a key."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from .cluster.api import Api
from .errors import ApiError
from .intent.models import Model
from .intent.platform import Platform
from .render.objects import MODEL_LABEL, Manifest


def unproven(api: Api, platform: Platform) -> list[str]:
    """Return the models whose routes on the cluster lead nowhere yet, or not from this gateway and hostname.

    :raises ApiError: when the routes cannot be read.
    """
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{platform.models_namespace}/httproutes"
    try:
        found = api.list(path, MODEL_LABEL)["items"]
    except ApiError as error:
        if error.status != 404:
            raise
        found = []  # There is no such kind yet, so no route either.
    routes = {item["metadata"]["name"]: item["spec"] for item in found}
    return [model.name for model in platform.models if not _leads_there(routes.get(model.name, {}), platform, model)]


def leading(api: Api) -> list[str]:
    """Return the routes of models, of any gateway, by which clients reach something."""
    try:
        found = api.list("/apis/gateway.networking.k8s.io/v1/httproutes", MODEL_LABEL)["items"]
    except ApiError as error:
        if error.status != 404:
            raise
        return []
    return sorted(
        f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in found
        if any(rule.get("backendRefs") for rule in item["spec"].get("rules", ()))
    )


def shut(objects: Iterable[Manifest], models: Container[str]) -> list[Manifest]:
    """Return the objects with the routes of these models leading nowhere."""
    return [_without_backends(obj) if _is_route_of(obj, models) else obj for obj in objects]


def _is_route_of(obj: Manifest, models: Container[str]) -> bool:
    return obj["kind"] == "HTTPRoute" and (obj["metadata"].get("labels") or {}).get(MODEL_LABEL) in models


def _without_backends(route: Manifest) -> Manifest:
    rules = [{name: value for name, value in rule.items() if name != "backendRefs"} for rule in route["spec"]["rules"]]
    return {**route, "spec": {**route["spec"], "rules": rules}}


def _leads_there(route: Mapping[str, Any], platform: Platform, model: Model) -> bool:
    """Say whether clients reach the model by this route, through the gateway and under the name that it is to have.

    :param route: the spec of an HTTPRoute; empty for one that does not exist.
    """
    gateway = (platform.gateway_name, platform.gateway_namespace)
    attached = gateway in ((parent["name"], parent.get("namespace")) for parent in route.get("parentRefs", ()))
    named = platform.hostname(model) in route.get("hostnames", ())
    return attached and named and any(rule.get("backendRefs") for rule in route.get("rules", ()))
