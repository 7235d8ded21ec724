# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kuadrant's instance: who checks keys (Authorino), who counts (Limitador), and who may talk to them."""

from __future__ import annotations

from collections.abc import Iterable

from ..intent.limiter import Limiter
from ..intent.platform import Platform
from .objects import OPERATOR_LABEL, SHARED_LABEL, Manifest, manifest, namespace

# Kuadrant expects its parts under these names.
_AUTHORINO = "authorino"
_LIMITADOR = "limitador"

_OPERATOR_PODS = {"app": "kuadrant", "control-plane": "controller-manager"}
_AUTHORINO_PODS = {"authorino-resource": _AUTHORINO}
_LIMITADOR_PODS = {"app": "limitador", "limitador-resource": _LIMITADOR}

_METRICS = 8080
_WASM = 8082
_GRPC = 50051
_LIMITADOR_GRPC = 8081


def kuadrant_namespace(platform: Platform) -> list[Manifest]:
    """Return the namespace of Kuadrant, its operators and the API keys.

    Neither the operators nor the pods that they make set a seccomp profile, so `restricted` would refuse them.
    """
    place = namespace(platform.kuadrant_namespace, "baseline")
    place["metadata"]["labels"].update({SHARED_LABEL: "true", OPERATOR_LABEL: "kuadrant"})
    return [place]


def limiting_objects(platform: Platform) -> list[Manifest]:
    """Return Kuadrant with its namespace, its two parts, and the rules for the network around them."""
    return [
        *kuadrant_namespace(platform),
        *_network(platform),
        authorino(platform),
        limitador(platform),
        kuadrant(platform),
    ]


def kuadrant(platform: Platform) -> Manifest:
    """Return the object that makes the operator work.

    Its monitors stay off where Prometheus' kinds are missing: it might never finish (E43 of the measured facts).
    """
    spec = {"observability": {"enable": bool(platform.limiter.monitors)}}
    return manifest("kuadrant.io/v1beta1", "Kuadrant", "kuadrant", platform.kuadrant_namespace, spec=spec)


def authorino(platform: Platform) -> Manifest:
    """Return what checks keys, as the operator would make it, but for the number of replicas.

    It reads AuthConfigs and key Secrets of all namespaces, as Kuadrant needs; which Secrets count, the policy says.
    """
    spec = {
        "clusterWide": True,
        "supersedingHostSubsets": True,
        "listener": {"tls": {"enabled": False}},
        "oidcServer": {"tls": {"enabled": False}},
        "replicas": platform.authorino_replicas,
    }
    return manifest(
        "operator.authorino.kuadrant.io/v1beta1", "Authorino", _AUTHORINO, platform.kuadrant_namespace, spec=spec
    )


def limitador(platform: Platform) -> Manifest:
    """Return what counts. The operator adds the limits; the fields here are left to us."""
    limiter = platform.limiter
    size = {"cpu": limiter.resources.cpu, "memory": limiter.resources.memory}
    spec: Manifest = {
        "replicas": limiter.replicas,
        "resourceRequirements": {"requests": dict(size), "limits": dict(size)},
    }
    storage = _storage(limiter)
    if storage:
        spec["storage"] = storage
    return manifest("limitador.kuadrant.io/v1alpha1", "Limitador", _LIMITADOR, platform.kuadrant_namespace, spec=spec)


def _storage(limiter: Limiter) -> Manifest:
    if limiter.storage == "redis":
        return {"redis": {"configSecretRef": {"name": limiter.redis_secret}}}
    if limiter.storage == "disk":
        claim: Manifest = {"resources": {"requests": limiter.disk_size}}
        if limiter.storage_class is not None:
            claim["storageClassName"] = limiter.storage_class
        return {"disk": {"persistentVolumeClaim": claim}}
    return {}


def _network(platform: Platform) -> list[Manifest]:
    """Return who may connect to the three programs that the gateway uses (section 2.4 of the facts).

    Kubelets reach their pods in any case, and nothing here is called by the API server. What the pods may connect to
    stays open.
    """
    gateway = (platform.gateway_namespace,)
    readers = platform.limiter.metrics_namespaces
    return [
        _policy(platform, "operator", _OPERATOR_PODS, [(gateway, (_WASM, _GRPC)), (readers, (_METRICS,))]),
        _policy(platform, _AUTHORINO, _AUTHORINO_PODS, [(gateway, (_GRPC,)), (readers, (_METRICS,))]),
        _policy(platform, _LIMITADOR, _LIMITADOR_PODS, [(gateway, (_LIMITADOR_GRPC,)), (readers, (_METRICS,))]),
    ]


def _policy(
    platform: Platform, part: str, pods: dict[str, str], rules: Iterable[tuple[tuple[str, ...], tuple[int, ...]]]
) -> Manifest:
    """Return a NetworkPolicy: to these pods, from the namespaces of each rule to the ports of that rule only."""
    ingress = [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in sources],
            "ports": [{"protocol": "TCP", "port": port} for port in ports],
        }
        for sources, ports in rules
        if sources  # No source at all would mean everybody.
    ]
    return manifest(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        f"maas-{part}",
        platform.kuadrant_namespace,
        spec={"podSelector": {"matchLabels": pods}, "policyTypes": ["Ingress"], "ingress": ingress},
    )
