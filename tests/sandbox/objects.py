# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects written by hand: what istiod, KServe, the controllers and a user would have made."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

ISTIO = "istio.io/gateway-controller"
NOW = "2026-01-01T00:00:00Z"


def namespace(name: str, **labels: str) -> Object:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def gateway_class(name: str = "istio", controller: str = ISTIO) -> Object:
    """A GatewayClass."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controllerName": controller},
    }


def listener(
    name: str = "http", port: int = 8000, hostname: str | None = None, allow: Any = "All", **more: Any
) -> Object:
    """A listener that takes routes from everywhere, or by ``allow`` (a rule's name or a selector)."""
    namespaces = {"from": allow} if isinstance(allow, str) else {"from": "Selector", "selector": allow}
    fields = {"name": name, "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": namespaces}} | more
    return fields | ({"hostname": hostname} if hostname else {})


def gateway(namespace: str, name: str, *listeners: Object, gateway_class: str = "istio") -> Object:
    """A Gateway."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"gatewayClassName": gateway_class, "listeners": list(listeners) or [listener()]},
    }


def deployment(namespace: str, name: str, available: str = "True") -> Object:
    """The Deployment that istiod makes for a Gateway."""
    labels = {"gateway.networking.k8s.io/gateway-name": name.removesuffix("-istio")}
    condition = {"type": "Available", "status": available, "lastTransitionTime": NOW, "lastUpdateTime": NOW}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.29.6"}]},
            },
        },
        "status": {"conditions": [condition | {"reason": "MinimumReplicasAvailable", "message": ""}]},
    }


def route(namespace: str, name: str, *hostnames: str, parent: Object | list[Object], **fields: Any) -> Object:
    """An HTTPRoute; without ``rules`` it leads everything to the Service ``name`` at port 80."""
    rules = fields.pop("rules", [{"backendRefs": [{"name": name, "port": 80}]}])
    spec: Object = {"parentRefs": [parent] if isinstance(parent, dict) else parent, "rules": rules} | fields
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec | ({"hostnames": list(hostnames)} if hostnames else {}),
    }


def grant(namespace: str, name: str, *, from_namespace: str, service: str | None = None) -> Object:
    """A ReferenceGrant: HTTPRoutes of another namespace may use Services of this one."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": from_namespace}],
            "to": [{"group": "", "kind": "Service"} | ({"name": service} if service else {})],
        },
    }


def service(namespace: str, name: str, target: int = 8080, **port: Any) -> Object:
    """A Service with port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"ports": [{"port": 80, "targetPort": target, "protocol": "TCP"} | port]},
    }


def endpoint_slice(service: Object, *pods: str, port: int = 8080, ready: bool = True) -> Object:
    """An EndpointSlice as the controller makes it for a Service without port names."""
    meta = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": meta["namespace"],
            "name": f"{meta['name']}-slice",
            "labels": {"kubernetes.io/service-name": meta["name"]},
        },
        "addressType": "IPv4",
        "ports": [{"name": "", "port": port, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [f"10.1.0.{number + 1}"],
                "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "namespace": meta["namespace"], "name": pod},
            }
            for number, pod in enumerate(pods)
        ],
    }


def pod(namespace: str, name: str, endpoint: str | None = None, port: int = 8080) -> Object:
    """A running Pod, with the annotations that the kubelet writes when ``endpoint`` is given."""
    prefix = "sandbox.maas-billing.platform"
    annotations = {f"{prefix}/endpoint": endpoint, f"{prefix}/container-port": str(port)} if endpoint else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
        "spec": {"containers": [{"name": "model", "image": "example.com/model:1.0"}]},
        "status": {"phase": "Running"},
    }


def simulator_pod(namespace: str, name: str, *arguments: str, container_port: int = 8080, **fields: Any) -> Object:
    """A running Pod of the simulator, as a predictor's."""
    container = {
        "name": "kserve-container",
        "image": "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2",
        "args": list(arguments),
        "ports": [{"containerPort": container_port}],
    }
    thing = pod(namespace, name)
    thing["spec"]["containers"] = [container | fields]
    return thing
