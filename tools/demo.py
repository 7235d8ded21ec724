# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of `make demo`: asks the model a question through the gateway, and says how to do the same by hand."""

from __future__ import annotations

import http.client
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from sandbox.paths import Home

HOSTNAME = "simulator.maas.local"
QUESTION = "What does it cost to answer this?"
GATEWAY_API = "gateway.networking.k8s.io"


class DemoError(Exception):
    """No answer; the text says why."""


@dataclass(frozen=True)
class Endpoint:
    """Where a hostname is served: the address and port of its gateway's listener."""

    hostname: str
    address: str
    port: int

    @property
    def authority(self) -> str:
        """Hostname and port, as in a URL and in the Host header."""
        return f"{self.hostname}:{self.port}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one request to the gateway and return the JSON of its answer."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
        headers = {"Host": self.authority, "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except OSError as error:
            raise DemoError(f"The gateway does not answer at {self.address}:{self.port}: {error}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise DemoError(f"{method} http://{self.authority}{path} gave {response.status}: {text}")
        answer: dict[str, Any] = json.loads(text)
        return answer


def find_endpoint(hostname: str) -> Endpoint:
    """Follow a hostname from its HTTPRoute to the Gateway, whose status has the address."""
    objects = client.CustomObjectsApi()
    routes = objects.list_cluster_custom_object(GATEWAY_API, "v1", "httproutes")["items"]
    route = next((route for route in routes if hostname in route["spec"].get("hostnames", ())), None)
    if route is None:
        raise DemoError(f"No HTTPRoute of the cluster has the hostname {hostname}.")
    parent = route["spec"]["parentRefs"][0]
    namespace = parent.get("namespace", route["metadata"]["namespace"])
    gateway = objects.get_namespaced_custom_object(GATEWAY_API, "v1", namespace, "gateways", parent["name"])
    addresses = gateway.get("status", {}).get("addresses")
    if not addresses:
        raise DemoError(f"The Gateway {namespace}/{parent['name']} has no address yet.")
    listeners = gateway["spec"]["listeners"]
    listener = next((each for each in listeners if each["name"] == parent.get("sectionName")), listeners[0])
    return Endpoint(hostname, addresses[0]["value"], listener["port"])


def chat(endpoint: Endpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask the first model that the hostname lists; return request and answer."""
    model = endpoint.ask("GET", "/v1/models")["data"][0]["id"]
    request = {"model": model, "messages": [{"role": "user", "content": QUESTION}]}
    return request, endpoint.ask("POST", "/v1/chat/completions", request)


def report(endpoint: Endpoint, request: dict[str, Any], answer: dict[str, Any], home: Home) -> str:
    """What the person who ran the demo reads."""
    url = f"http://{endpoint.authority}/v1/chat/completions"
    asked, answered = answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]
    return f"""
POST {url}
{json.dumps(request, indent=2)}

{json.dumps(answer, indent=2)}

The model `{request["model"]}` answered through the gateway: {asked} tokens in, {answered} out.

By hand:

  curl --resolve {endpoint.authority}:{endpoint.address} {url} \\
    -H 'Content-Type: application/json' \\
    -d '{json.dumps(request)}'

  export KUBECONFIG={home.kubeconfig}
  {home.bin}/kubectl get gateways,httproutes,inferenceservices,pods -A

  make cluster-down
"""


def main() -> int:
    """Ask and report; 1 and one message when there is no answer."""
    home = Home.of(os.environ.get("MAAS_SANDBOX", "default"))
    try:
        config.load_kube_config(str(home.kubeconfig))
        endpoint = find_endpoint(HOSTNAME)
        print(report(endpoint, *chat(endpoint), home))
    except (DemoError, ApiException, config.ConfigException) as error:
        print(f"The demo has no answer to show. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
