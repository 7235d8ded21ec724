#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_probe
short_description: Send requests through the gateway and say what came back
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Asks every model of O(intent) for its list of models under its own subdomain, and a name that no model has.
    Each must answer as it should; a wrong answer is tried again for at most O(timeout) seconds.
  - The address is that of the Gateway's status unless O(address) is given, so no name needs to be resolvable.
options:
  intent:
    description: What the platform is to be - the C(maas_*) variables of the cluster without their prefix.
    type: dict
    required: true
  address:
    description:
      - Where the gateway is reached, as C(host) or C(host:port), when that is not what the Gateway's status says,
        for instance behind a port mapping of kind.
    type: str
  chat:
    description: Also ask each model for a chat completion of one token.
    type: bool
    default: false
  requests:
    description: Further requests.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the request shows, for the report.
        type: str
        required: true
      host:
        description: The name under which the request is sent.
        type: str
        required: true
      path:
        description: The path.
        type: str
        default: /v1/models
      method:
        description: The method.
        type: str
        choices: [GET, POST, PUT, DELETE, HEAD, OPTIONS]
        default: GET
      headers:
        description: Headers to send.
        type: dict
        default: {}
      body:
        description: Sent as JSON.
        type: dict
      status:
        description: The HTTP status that must come back.
        type: int
        default: 200
      holds:
        description: A JMESPath expression on the JSON answer that must be true.
        type: str
        default: ""
  report_only:
    description: Report wrong answers in the result instead of failing.
    type: bool
    default: false
  timeout:
    description: Seconds for which wrong answers are tried again, all requests together.
    type: int
    default: 30
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - maas_billing.platform.attributes
attributes:
  check_mode:
    support: full
    details:
      - Sends the requests too, since they change nothing, and reports without failing; the models may be there only
        later.
  diff_mode:
    support: none
  idempotent:
    support: full
requirements:
  - kubernetes >= 24.2.0
  - jmespath >= 1.0.0
"""

EXAMPLES = r"""
- name: See that every model answers
  maas_billing.platform.gateway_probe:
    intent:
      domain: maas.local
      gateway_http_port: 8000
      models:
        - name: simulator
          server: simulator
    requests:
      - name: a hostname in capital letters reaches the same model
        host: SIMULATOR.MAAS.LOCAL
        holds: data[0].id
"""

RETURN = r"""
address:
  description: Where the requests were sent; empty when there is no gateway.
  returned: always
  type: str
  sample: 127.0.0.1:8000
answers:
  description: One entry for each request.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What the request shows.
      type: str
      sample: simulator lists its model
    url:
      description: What was asked.
      type: str
      sample: GET http://simulator.maas.local:8000/v1/models
    status:
      description: The HTTP status that came back; 0 for none.
      type: int
      sample: 200
    ok:
      description: Whether the answer is right.
      type: bool
      sample: true
    said:
      description: What came back, in words.
      type: str
      sample: answered 200
    seconds:
      description: How long the last try took.
      type: float
      sample: 0.012
    body:
      description: The JSON answer, if it is one.
      type: raw
      sample: {"object": "list", "data": [{"id": "simulator", "object": "model"}]}
passed:
  description: Whether all answers are right.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ProbeError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.probe import (
    Answer,
    Check,
    ask_until_right,
    host_header,
    model_checks,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import explain

REQUEST = {
    "name": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "path": {"type": "str", "default": "/v1/models"},
    "method": {"type": "str", "choices": ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"], "default": "GET"},
    "headers": {"type": "dict", "default": {}},
    "body": {"type": "dict"},
    "status": {"type": "int", "default": 200},
    "holds": {"type": "str", "default": ""},
}
OPTIONS = {
    "intent": {"type": "dict", "required": True},
    "address": {"type": "str"},
    "chat": {"type": "bool", "default": False},
    "requests": {"type": "list", "elements": "dict", "default": [], "options": REQUEST},
    "report_only": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 30},
}


def find_gateway(api: Api, platform: Platform) -> tuple[str, int]:
    """Return host and port of the Gateway's listener.

    :raises ProbeError: when there is no such Gateway, or it has no address.
    """
    path = (
        f"/apis/gateway.networking.k8s.io/v1/namespaces/{platform.gateway_namespace}/gateways/{platform.gateway_name}"
    )
    gateway = api.get(path)
    if gateway is None:
        raise ProbeError(
            f"There is no Gateway {platform.gateway_namespace}/{platform.gateway_name}: install the platform first."
        )
    addresses = (gateway.get("status") or {}).get("addresses") or []
    if not addresses:
        raise ProbeError(f"The Gateway {platform.gateway_name} has no address yet:\n{explain(gateway)}")
    return addresses[0]["value"], platform.gateway_http_port


def split(address: str, platform: Platform) -> tuple[str, int]:
    """Return host and port of the option ``address``; the port is that of the gateway where none is given.

    :raises ProbeError: when it is not the address of anything.
    """
    host, colon, port = address.partition(":")
    if not host or (colon and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ProbeError(
            f"address: {address!r} was given; allowed: a host name or address, with a port from 1 to 65535 after a "
            "colon, such as 127.0.0.1:8080."
        )
    return host, int(port) if colon else platform.gateway_http_port


def further(requests: list[dict[str, Any]]) -> list[Check]:
    """Return the checks that the operator added."""
    return [Check(**{**item, "headers": tuple(item["headers"].items())}) for item in requests]


def line(answer: Answer, port: int) -> dict[str, Any]:
    """Return one answer as the module returns it."""
    check = answer.check
    return {
        "name": check.name,
        "url": f"{check.method} http://{host_header(check.host, port)}{check.path}",
        "status": answer.status,
        "ok": answer.ok,
        "said": answer.said,
        "seconds": round(answer.seconds, 3),
        "body": answer.body,
    }


def work(module: Any) -> dict[str, Any]:
    """Probe the gateway and return what the module says."""
    params = module.params
    platform = read_platform(params["intent"])
    address = params["address"] or platform.gateway_address
    given = split(address, platform) if address else None
    try:
        host, port = given or find_gateway(connect(module), platform)
    except ProbeError as error:
        if not module.check_mode:
            raise
        return {"changed": False, "address": "", "answers": [], "passed": True, "msg": str(error)}
    checks = [*model_checks(platform, params["chat"]), *further(params["requests"])]
    answers = [line(answer, port) for answer in ask_until_right(checks, host, port, params["timeout"])]
    wrong = [answer for answer in answers if not answer["ok"]]
    result = {"changed": False, "address": f"{host}:{port}", "answers": answers, "passed": not wrong}
    if wrong and not (params["report_only"] or module.check_mode):
        lines = "\n".join(f"- {answer['name']}: {answer['url']} {answer['said']}" for answer in wrong)
        module.fail_json(msg=f"{len(wrong)} of {len(answers)} requests went wrong:\n{lines}", **result)
    return result


def main() -> None:
    module = build(OPTIONS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
