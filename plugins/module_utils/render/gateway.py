# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway: one Gateway object whose listeners take the models' subdomains."""

from __future__ import annotations

import json

from ..intent.platform import Platform
from .objects import Manifest, manifest, namespace

LISTENER = "http"


def gateway_objects(platform: Platform) -> list[Manifest]:
    """Return the gateway's namespace, the Gateway, and how its Service is exposed."""
    # Istio's gateway pods set no seccomp profile, so `restricted` would refuse them.
    objects = [namespace(platform.gateway_namespace, "baseline")]
    if platform.gateway_node_port is not None:
        objects.append(_service_settings(platform))
    objects.append(gateway(platform))
    if needs_lower_case_host(platform.kuadrant_version):
        objects.append(lower_case_host(platform))
    return objects


def gateway(platform: Platform) -> Manifest:
    """Return the Gateway; its one HTTP listener takes every name below the domain, from the models' namespace only."""
    spec: Manifest = {
        "gatewayClassName": platform.gateway_class,
        "listeners": [
            {
                "name": LISTENER,
                "protocol": "HTTP",
                "port": platform.gateway_http_port,
                "hostname": f"*.{platform.domain}",
                "allowedRoutes": {
                    "namespaces": {
                        "from": "Selector",
                        "selector": {"matchLabels": {"kubernetes.io/metadata.name": platform.models_namespace}},
                    }
                },
            }
        ],
    }
    annotations = {}
    if platform.gateway_node_port is not None:
        spec["infrastructure"] = {
            "parametersRef": {"group": "", "kind": "ConfigMap", "name": _service_settings_name(platform)}
        }
    elif platform.gateway_service_type != "LoadBalancer":
        # Without a load balancer a Gateway would never be Programmed (api: AddressNotAssigned).
        annotations["networking.istio.io/service-type"] = platform.gateway_service_type
    return manifest(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        platform.gateway_name,
        platform.gateway_namespace,
        annotations=annotations,
        spec=spec,
    )


def needs_lower_case_host(kuadrant_version: str) -> bool:
    """Say whether this version of the Kuadrant operator lets requests pass whose Host has an upper-case letter.

    Its filter looks hostnames up as they are written, while Envoy routes without regard to case; what the filter does
    not find it lets pass. 1.5.2 is the last version known to do so.
    """
    return tuple(int(part) for part in kuadrant_version.split(".")) <= (1, 5, 2)


def lower_case_host(platform: Platform) -> Manifest:
    """Return the EnvoyFilter that writes the Host of every request in lower case before anything looks at it."""
    connections = {"filterChain": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}}
    value = {
        "name": "maas.lower_case_host",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": _LOWER_CASE_HOST},
        },
    }
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "GATEWAY", "listener": connections},
        "patch": {"operation": "INSERT_FIRST", "value": value},
    }
    return manifest(
        "networking.istio.io/v1alpha3",
        "EnvoyFilter",
        f"{platform.gateway_name}-lower-case-host",
        platform.gateway_namespace,
        spec={
            "targetRefs": [
                {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": platform.gateway_name},
            ],
            "configPatches": [patch],
        },
    )


_LOWER_CASE_HOST = """\
function envoy_on_request(request)
  local headers = request:headers()
  local host = headers:get(":authority")
  if host and host:lower() ~= host then
    headers:replace(":authority", host:lower())
  end
end
"""


def _service_settings_name(platform: Platform) -> str:
    return f"{platform.gateway_name}-service"


def _service_settings(platform: Platform) -> Manifest:
    """Return the ConfigMap that Istio merges into the gateway's Service (strategic merge, ports by number)."""
    service = {
        "spec": {
            "type": "NodePort",
            "ports": [
                {"name": LISTENER, "port": platform.gateway_http_port, "nodePort": platform.gateway_node_port},
            ],
        }
    }
    return manifest(
        "v1",
        "ConfigMap",
        _service_settings_name(platform),
        platform.gateway_namespace,
        data={"service": json.dumps(service)},
    )
