# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects with which the stand-in charts are tried, written by hand."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

NAMESPACE = "charts-test"


def namespace(name: str) -> Object:
    """A namespace that lets nothing in but what obeys the restricted profile."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def inference_service(name: str, **metadata: Any) -> Object:
    """An InferenceService with two replicas of a server of its own, visible in the cluster only."""
    container = {
        "name": "kserve-container",
        "image": "example.com/server:1.0",
        "args": ["--port", "8000"],
        "env": [{"name": "FIRST", "value": "1"}, {"name": "SECOND", "value": "2"}],
        "ports": [{"containerPort": 8000, "name": "http", "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}},
        "resources": {"requests": {"cpu": "10m"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    predictor = {
        "minReplicas": 2,
        "maxReplicas": 2,
        "timeout": 30,
        "containers": [container],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
    }
    labels = {"networking.kserve.io/visibility": "cluster-local", "team": "a"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, **metadata},
        "spec": {"predictor": predictor},
    }


def gateway(name: str, **spec: Any) -> Object:
    """A Gateway of class istio with three listeners at two ports."""
    listeners = [
        {"name": "http", "port": 8000, "protocol": "HTTP", "hostname": "*.maas.local"},
        {"name": "other", "port": 8000, "protocol": "HTTP", "hostname": "*.other.local"},
        {"name": "plain", "port": 80, "protocol": "HTTP"},
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"team": "a"}},
        "spec": {"gatewayClassName": "istio", "listeners": listeners, **spec},
    }
