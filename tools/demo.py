# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of `make demo`: two users ask the models through the gateway, and what they got is compared with the counts.

What is refused and throttled, `verify` has shown by real requests before.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from sandbox.paths import Home

MODELS = ("simulator", "echo")
USERS = ("carol", "dave")
DOMAIN = "maas.local"
QUESTION = "What does it cost to answer this?"
GATEWAY_API = "gateway.networking.k8s.io"


class DemoError(Exception):
    """No answer; the text says why."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model's hostname is served: the address and port of its gateway's listener."""

    model: str
    address: str
    port: int

    @property
    def authority(self) -> str:
        """Hostname and port, as in a URL and in the Host header."""
        return f"{self.model}.{DOMAIN}:{self.port}"

    @property
    def url(self) -> str:
        """Where clients ask for chat completions."""
        return f"http://{self.authority}/v1/chat/completions"

    def chat(self, key: str) -> dict[str, Any]:
        """Ask the model the question with an API key; return its answer."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
        headers = {"Host": self.authority, "Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(request_for(self.model)), headers)
            response = connection.getresponse()
            text = response.read().decode()
        except OSError as error:
            raise DemoError(f"The gateway does not answer at {self.address}:{self.port}: {error}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise DemoError(f"POST {self.url} gave {response.status}: {text}")
        answer: dict[str, Any] = json.loads(text)
        return answer


def request_for(model: str) -> dict[str, Any]:
    """Return the body of a request."""
    return {"model": model, "messages": [{"role": "user", "content": QUESTION}]}


def find_endpoints() -> list[Endpoint]:
    """Return the endpoints of the models, by the Gateway's status and its listener."""
    gateways = client.CustomObjectsApi().list_cluster_custom_object(GATEWAY_API, "v1", "gateways")["items"]
    gateway = next((each for each in gateways if each["metadata"]["name"] == "maas"), None)
    addresses = (gateway or {}).get("status", {}).get("addresses")
    if not gateway or not addresses:
        raise DemoError("The Gateway maas is not there, or has no address yet.")
    return [Endpoint(model, addresses[0]["value"], gateway["spec"]["listeners"][0]["port"]) for model in MODELS]


def read_keys(home: Home) -> dict[str, str]:
    """Return the API keys of the users, from the file in which `site` hands them over."""
    lines = keys_file(home).read_text(encoding="utf-8").splitlines()
    return {entry["user"]: entry["value"] for entry in map(json.loads, lines)}


def keys_file(home: Home) -> Any:
    """Return the path of that file (inventories/sandbox)."""
    return home.root / "api-keys.jsonl"


def counted(home: Home) -> dict[tuple[str, str], int]:
    """Return the tokens that the limiter has counted so far, by user and model."""
    url = home.gateway_url.read_text(encoding="utf-8").strip() + "/limitador/metrics"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as response:
        text = response.read().decode()
    tokens: dict[tuple[str, str], int] = {}
    for labels, value in re.findall(r"^authorized_hits\{(.*)\} ([0-9.e+]+)$", text, re.MULTILINE):
        said = dict(re.findall(r'([a-z_]+)="([^"]*)"', labels))
        if said.get("model"):
            owner = (said.get("user", ""), said["model"])
            tokens[owner] = tokens.get(owner, 0) + int(float(value))
    return tokens


def compare(received: Mapping[tuple[str, str], int], before: Mapping[tuple[str, str], int], home: Home) -> list[str]:
    """Return the lines of a table; raises DemoError when something was counted wrongly."""
    after = counted(home)
    lines = [f"  {'USER':<8}{'MODEL':<12}{'RECEIVED':>10}{'COUNTED':>10}"]
    wrong = []
    for (user, model), tokens in received.items():
        metered = after.get((user, model), 0) - before.get((user, model), 0)
        lines.append(f"  {user:<8}{model:<12}{tokens:>10}{metered:>10}")
        wrong += [f"{user} on {model}"] if metered != tokens else []
    if wrong:
        raise DemoError("Not counted as received:\n" + "\n".join(lines))
    return lines


def report(endpoint: Endpoint, answer: dict[str, Any], table: list[str], home: Home) -> str:
    """What the person who ran the demo reads."""
    asked, answered = answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]
    body = json.dumps(request_for(endpoint.model))
    return f"""
POST {endpoint.url}

{json.dumps(answer, indent=2)}

The model `{endpoint.model}` answered through the gateway: {asked} tokens in, {answered} out.

Tokens as the clients received them, and as the limiter counted them:

{chr(10).join(table)}

By hand, as {USERS[0]}:

  KEY=$(sed -n 's/.*"user": "{USERS[0]}".*"value": "\\([^"]*\\)".*/\\1/p' {keys_file(home)})
  curl --resolve {endpoint.authority}:{endpoint.address} {endpoint.url} \\
    -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
    -d '{body}'

  export KUBECONFIG={home.kubeconfig}
  {home.bin}/kubectl get gateways,httproutes,authpolicies,ratelimitpolicies,tokenratelimitpolicies,inferenceservices -A

  make cluster-down
"""


def demonstrate(home: Home) -> str:
    """Ask every model as every user, compare the counts, and return what is printed."""
    config.load_kube_config(str(home.kubeconfig))
    endpoints, keys, before = find_endpoints(), read_keys(home), counted(home)
    received, answers = {}, []
    for endpoint in endpoints:
        for user in USERS:
            answers.append(endpoint.chat(keys[user]))
            received[user, endpoint.model] = answers[-1]["usage"]["total_tokens"]
    return report(endpoints[0], answers[0], compare(received, before, home), home)


def main() -> int:
    """Ask, compare and report; 1 and one message when something is not as it should be."""
    home = Home.of(os.environ.get("MAAS_SANDBOX", "default"))
    try:
        print(demonstrate(home))
    except (DemoError, ApiException, config.ConfigException, OSError, KeyError) as error:
        print(f"The demo has nothing good to show. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
