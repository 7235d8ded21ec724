# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the removal of a component of ours would leave behind, and who still needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cluster.api import Api
from .components import COMPONENTS, GATEWAYS
from .errors import ApiError
from .survey import Object, is_ours, metadata_of

# What loses its meaning with the Gateway API, which is removed together with cert-manager.
_ROUTING = (GATEWAYS, "/apis/gateway.networking.k8s.io/v1/httproutes")
# istiod makes these itself and nobody takes them away: its classes, and a ConfigMap in every namespace.
_ISTIO_CLASSES = ("istio", "istio-remote")
_ISTIO_CONFIG = "istio.io/config=true"
_ISTIO_CERTIFICATE = "istio-ca-root-cert"


def leftovers(api: Api, found: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Object]]:
    """Return, for each component of ours, what stays behind when its Helm releases and its namespace are gone."""
    left = {
        name: [_reference("apiextensions.k8s.io/v1", "CustomResourceDefinition", item) for item in info["definitions"]]
        for name, info in found.items()
    }
    if found["istio"]["owner"] == "ours":
        left["istio"] = [*_istio_leftovers(api), *left["istio"]]
    return left


def in_use(api: Api, found: Mapping[str, Any], ours_goes: bool) -> dict[str, list[str]]:
    """Return, for each component of ours, what is there that needs it: texts such as ``gateways team/entry``.

    The Gateway API counts with cert-manager, whoever brought that, since both are removed together.

    :param found: what :func:`survey` returned.
    :param ours_goes: whether members of our sets will be gone by then. Else they count like those of anybody.
    """
    components = found["components"]
    own_namespaces = {info["namespace"] for info in components.values() if info["owner"] == "ours"}

    def users_of(paths: Sequence[str]) -> list[str]:
        return [text for path in paths for text in _users(api, path, own_namespaces, ours_goes)]

    users = {
        name: users_of(COMPONENTS[name].uses) if info["owner"] == "ours" else [] for name, info in components.items()
    }
    kuadrant = components["kuadrant"]["owner"]
    if components["istio"]["owner"] == "ours" and kuadrant != "absent" and not (ours_goes and kuadrant == "ours"):
        # It looks for Istio's kinds once, when it starts, and does nothing without them.
        users["istio"].append("Kuadrant, which works on Istio")
    if users["kserve"]:
        # KServe of ours stays then, and its webhooks need their certificates.
        users["cert_manager"].append("KServe itself")
    if found["gateway_api"]["owner"] == "ours":
        users["cert_manager"] += users_of(_ROUTING)
        if components["istio"]["owner"] == "foreign":
            users["cert_manager"].append("somebody else's Istio, which needs the Gateway API")
    return users


def _users(api: Api, path: str, own_namespaces: set[str], ours_goes: bool) -> list[str]:
    try:
        users = metadata_of(api, path, "")
    except ApiError as error:
        if error.status == 404:  # Nobody can have what is not defined.
            return []
        raise
    plural = path.rpartition("/")[2]
    return [
        f"{plural} {item['namespace']}/{item['name']}" if "namespace" in item else f"{plural} {item['name']}"
        for item in users
        if not (ours_goes and is_ours(item)) and item.get("namespace") not in own_namespaces
    ]


def _istio_leftovers(api: Api) -> list[Object]:
    classes = [
        _reference("gateway.networking.k8s.io/v1", "GatewayClass", name)
        for name in _ISTIO_CLASSES
        if api.get(f"/apis/gateway.networking.k8s.io/v1/gatewayclasses/{name}") is not None
    ]
    certificates = metadata_of(api, "/api/v1/configmaps", _ISTIO_CONFIG, _ISTIO_CERTIFICATE)
    return [*classes, *(_reference("v1", "ConfigMap", item["name"], item["namespace"]) for item in certificates)]


def _reference(api_version: str, kind: str, name: str, namespace: str = "") -> Object:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}}
