# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every rendered object has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]

MODEL_LABEL = "maas-billing.platform/model"
# Members with this label may serve others too; removal leaves them in place unless asked (see plan.py).
SHARED_LABEL = "maas-billing.platform/shared"
# Namespaces with this label hold what an operator makes for itself (see cluster/contents.py).
OPERATOR_LABEL = "maas-billing.platform/operator"

_COMMON_LABELS = {
    "app.kubernetes.io/managed-by": "maas_billing.platform",
    "app.kubernetes.io/part-of": "maas-platform",
}


def manifest(
    api_version: str,
    kind: str,
    name: str,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **body: Any,
) -> Manifest:
    """Return one object with the labels that all of ours carry; ``body`` is what stands beside the metadata."""
    metadata: Manifest = {"name": name, "labels": {**_COMMON_LABELS, **(labels or {})}}
    if namespace is not None:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def namespace(name: str, pod_security: str) -> Manifest:
    """Return a Namespace that enforces a Pod Security level (``baseline`` or ``restricted``)."""
    labels = {"pod-security.kubernetes.io/enforce": pod_security, "pod-security.kubernetes.io/warn": "restricted"}
    return manifest("v1", "Namespace", name, labels=labels)


def operator_namespace(name: str, operator: str) -> Manifest:
    """Return the Namespace of an operator that we install with Helm and that others may come to use."""
    return manifest("v1", "Namespace", name, labels={SHARED_LABEL: "true", OPERATOR_LABEL: operator})
