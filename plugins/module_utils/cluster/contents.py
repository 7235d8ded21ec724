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


# In an operator's namespace its own leavings cannot be told from a stranger's. Of these kinds it leaves none when its
# release is gone; what else is there counts when nothing but tools of people ever wrote it.
_TENANTS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "PersistentVolumeClaim"}
_HELM_RELEASE = "sh.helm.release."
# By their beginnings: kubectl, Argo CD, Flux, Terraform, Pulumi, consoles, and clients that were given no name.
_TOOLS_OF_PEOPLE = (
    "kubectl",
    "argocd",
    "kustomize-controller",
    "helm-controller",
    "terraform",
    "pulumi",
    "mozilla",
    "openapi-generator",
)


def strangers_in(api: Api, namespace: str, set_id: str, of_operator: bool = False) -> list[str]:
    """Return what lives in the namespace and is no member of the set, nor made by an object there, nor automatically.

    :param of_operator: count only what shows that somebody else put something there.
    :return: texts such as ``ConfigMap notes``, sorted.
    """
    kinds = [kind for kind in namespaced_resources(api) if kind.kind not in _AUTOMATIC_KINDS]

    def look(kind: Resource) -> list[str]:
        items: list[Object] = api.list(kind.collection(namespace), metadata_only=True)["items"]
        found = [item["metadata"] for item in items if _is_stranger(kind, item["metadata"], set_id)]
        return [f"{kind.kind} {item['name']}" for item in found if not of_operator or _shows_a_tenant(kind, item)]

    return sorted(text for part in concurrently(look, kinds) for text in part)


def _shows_a_tenant(resource: Resource, metadata: Mapping[str, Any]) -> bool:
    if resource.kind in _TENANTS or (resource.kind == "Secret" and metadata["name"].startswith(_HELM_RELEASE)):
        return True
    writers = [
        str(entry.get("manager", "")).lower()
        for entry in metadata.get("managedFields") or []
        if not entry.get("subresource")
    ]
    return bool(writers) and all(writer.startswith(_TOOLS_OF_PEOPLE) for writer in writers)


def _is_stranger(resource: Resource, metadata: Mapping[str, Any], set_id: str) -> bool:
    annotations = metadata.get("annotations") or {}
    return not (
        metadata.get("ownerReferences")
        or (metadata.get("labels") or {}).get(PART_OF_LABEL) == set_id
        or (resource.kind, metadata["name"]) in _AUTOMATIC_NAMES
        or (resource.kind == "RoleBinding" and metadata["name"].startswith("system:"))
        or (resource.kind == "Secret" and "kubernetes.io/service-account.name" in annotations)
    )
