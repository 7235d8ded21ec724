# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What else lives in a namespace that we are about to delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..applyset import PART_OF_LABEL
from .api import Api, Object, concurrently
from .resources import Resource, namespaced_resources

# Made for every namespace by the control plane, by Istio or by OpenShift, or of no worth by itself.
_AUTOMATIC_KINDS = {"Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics", "ControllerRevision"}
_AUTOMATIC_NAMES = {
    ("ServiceAccount", "default"),
    ("ServiceAccount", "builder"),
    ("ServiceAccount", "deployer"),
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
}


# In an operator's namespace its own leavings cannot be told from a stranger's; these show that somebody else moved in.
_TENANTS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "PersistentVolumeClaim"}
_HELM_RELEASE = "sh.helm.release."


def strangers_in(api: Api, namespace: str, set_id: str, of_operator: bool = False) -> list[str]:
    """Return what lives in the namespace and is no member of the set, nor made by an object there, nor automatically.

    :param of_operator: count only what shows that another program was installed there.
    :return: texts such as ``ConfigMap notes``, sorted.
    """
    kinds = [kind for kind in namespaced_resources(api) if kind.kind not in _AUTOMATIC_KINDS]
    if of_operator:
        kinds = [kind for kind in kinds if kind.kind in _TENANTS or (kind.kind, kind.group) == ("Secret", "")]
    found = concurrently(lambda kind: _strangers(api, kind, namespace, set_id, of_operator), kinds)
    return sorted(text for part in found for text in part)


def _strangers(api: Api, resource: Resource, namespace: str, set_id: str, of_operator: bool) -> list[str]:
    items: list[Object] = api.list(resource.collection(namespace), metadata_only=True)["items"]
    if of_operator and resource.kind == "Secret":
        items = [item for item in items if item["metadata"]["name"].startswith(_HELM_RELEASE)]
    found = [item["metadata"] for item in items]
    return [f"{resource.kind} {metadata['name']}" for metadata in found if _is_stranger(resource, metadata, set_id)]


def _is_stranger(resource: Resource, metadata: Mapping[str, Any], set_id: str) -> bool:
    annotations = metadata.get("annotations") or {}
    return not (
        metadata.get("ownerReferences")
        or (metadata.get("labels") or {}).get(PART_OF_LABEL) == set_id
        or (resource.kind, metadata["name"]) in _AUTOMATIC_NAMES
        or (resource.kind == "RoleBinding" and metadata["name"].startswith("system:"))
        or (resource.kind == "Secret" and "kubernetes.io/service-account.name" in annotations)
    )
