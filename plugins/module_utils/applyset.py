# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, labels and annotations of one ApplySet, as KEP-3659 of Kubernetes defines them.

A set has a parent (here a ConfigMap) that lists which kinds its members have and in which namespaces they live; each
member carries the set's id as a label. Any tool that knows the specification can list what belongs to us.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TOOLING = "maas_billing.platform/v1"
ID_LABEL = "applyset.kubernetes.io/id"
PART_OF_LABEL = "applyset.kubernetes.io/part-of"
TOOLING_ANNOTATION = "applyset.kubernetes.io/tooling"
KINDS_ANNOTATION = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES_ANNOTATION = "applyset.kubernetes.io/additional-namespaces"
# The specification does not tell whether members live beside the parent; then nobody has to look there who need not.
HERE_ANNOTATION = "maas-billing.platform/members-beside"
# Where parents lie unless a user of the module apply_set says otherwise; the roles never do.
RECORDS = "maas-system"


@dataclass(frozen=True)
class Parent:
    """The parent object of the set ``name``: the ConfigMap ``maas-<name>`` in ``namespace``."""

    name: str
    namespace: str = RECORDS

    @property
    def object_name(self) -> str:
        return f"maas-{self.name}"

    @property
    def set_id(self) -> str:
        """``applyset-<base64url(sha256(name.namespace.kind.group))>-v1``; the group of ConfigMap is empty."""
        identity = f"{self.object_name}.{self.namespace}.ConfigMap."
        digest = base64.urlsafe_b64encode(hashlib.sha256(identity.encode()).digest()).decode().rstrip("=")
        return f"applyset-{digest}-v1"

    def manifest(self, kinds: Iterable[str], namespaces: Iterable[str]) -> dict[str, Any]:
        """Return the parent for members of ``kinds`` (``Kind.group``) in ``namespaces``."""
        namespaces = set(namespaces)
        others = sorted(namespaces - {self.namespace})
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.object_name,
                "namespace": self.namespace,
                "labels": {ID_LABEL: self.set_id, "app.kubernetes.io/managed-by": "maas_billing.platform"},
                "annotations": {
                    TOOLING_ANNOTATION: TOOLING,
                    KINDS_ANNOTATION: ",".join(sorted(set(kinds))),
                    NAMESPACES_ANNOTATION: ",".join(others),
                    **({HERE_ANNOTATION: "true"} if self.namespace in namespaces else {}),
                },
            },
        }


def kinds_of(parent: Mapping[str, Any] | None) -> list[str]:
    """Return the kinds (``Kind.group``) that the parent says its members have."""
    return _list(parent, KINDS_ANNOTATION)


def namespaces_of(parent: Mapping[str, Any] | None) -> list[str]:
    """Return the namespaces in which members live, as the parent says."""
    beside = [parent["metadata"]["namespace"]] if parent and _list(parent, HERE_ANNOTATION) else []
    return [*_list(parent, NAMESPACES_ANNOTATION), *beside]


def _list(parent: Mapping[str, Any] | None, annotation: str) -> list[str]:
    annotations = (parent or {}).get("metadata", {}).get("annotations") or {}
    return [item for item in annotations.get(annotation, "").split(",") if item]
