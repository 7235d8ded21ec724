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
  - Asks every model of O(intent) under its own subdomain without a key, which must be refused with 401, and a name that
    no model has. A wrong answer is tried again for at most O(timeout) seconds.
  - With O(access=true) it also makes keys of guests, sees by real requests that each model answers to them, that what
    the inventory does not admit is refused, and where limits bind, and removes the keys again. No key is returned.
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
  access:
    description: Also verify keys, tiers and limits, with keys of its own that are removed again.
    type: bool
    default: false
  most_requests:
    description: Limits that take more requests to reach are not tried.
    type: int
    default: 30
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
      - Sends the requests without a key too, since they change nothing, and reports without failing; the models may be
        there only later. Makes no keys.
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
          allow_unmetered_streams: true
    requests:
      - name: a hostname in capital letters asks for a key too
        host: SIMULATOR.MAAS.LOCAL
        status: 401
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
      sample: simulator asks for a key
    url:
      description: What was asked.
      type: str
      sample: GET http://simulator.maas.local:8000/v1/models
    status:
      description: The HTTP status that came back; 0 for none.
      type: int
      sample: 401
    ok:
      description: Whether the answer is right.
      type: bool
      sample: true
    said:
      description: What came back, in words.
      type: str
      sample: answered 401
    seconds:
      description: How long the last try took.
      type: float
      sample: 0.012
    body:
      description: The JSON answer, if it is one.
      type: raw
      sample: {"error": {"message": "A valid API key is needed.", "code": "invalid_api_key"}}
passed:
  description: Whether all answers are right.
  returned: always
  type: bool
  sample: true
"""

import secrets
import time
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import (
    Answer,
    Check,
    closed_checks,
    host_header,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.lock import locked
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Sets
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.store import Store
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ProbeError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.keys import GUESTS, VERIFICATION
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.probe import ask_until_right, ask_when_known
from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import explain
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey, key_secret
from ansible_collections.maas_billing.platform.plugins.module_utils.verification import Guests, access_steps, carry_out

KEY_BYTES = 36
# Two at once would take each other's guests away.
PATIENCE_FOR_ANOTHER = 300

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
    "access": {"type": "bool", "default": False},
    "most_requests": {"type": "int", "default": 30},
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
        "url": f"{check.method} http://{host_header(check.host, port)}{check.path}" if check.host else "",
        "status": answer.status,
        "ok": answer.ok,
        "said": answer.said,
        "seconds": round(answer.seconds, 3),
        "body": answer.body,
    }


def verify_access(module: Any, api: Api, platform: Platform, address: tuple[str, int]) -> list[Answer]:
    """Try everything that access consists of with keys of guests, which are gone afterwards."""
    patience = module.params["timeout"]
    guests = Guests(secrets.token_hex(4), lambda: secrets.token_urlsafe(KEY_BYTES))
    steps = access_steps(platform, guests, module.params["most_requests"])
    module.no_log_values.update(guest.value for guest in guests.all)
    objects = [
        key_secret(ApiKey(guest.user, "guest", guest.team), guest.value, platform.kuadrant_namespace)
        for guest in guests.all
    ]
    sets = Sets(api, patience)
    place = Store(api, sets.resources, VERIFICATION, patience).ensure_namespace
    with locked(api, VERIFICATION, PATIENCE_FOR_ANOTHER, place):
        # They come into force together, so what one of them was waited for is not waited for again with the next.
        deadline = time.monotonic() + patience

        def send(check: Check) -> Answer:
            return ask_when_known(check, *address, max(0.0, deadline - time.monotonic()))

        # Applied as a set, so that what an interrupted verification left behind is gone with the next.
        try:
            sets.apply(GUESTS, objects, False, True, False)
            return [carry_out(step, send) for step in steps]
        finally:
            sets.remove(GUESTS, False, False)


def nowhere(module: Any, error: ProbeError) -> dict[str, Any]:
    """Return what the module says when there is no gateway to ask: in check mode it may be there only later."""
    if module.check_mode:
        return {"changed": False, "address": "", "answers": [], "passed": True, "msg": str(error)}
    if not module.params["report_only"]:
        raise error
    answer = Answer(Check("the gateway has an address", ""), 0, str(error), False, 0.0)
    return {"changed": False, "address": "", "answers": [line(answer, 0)], "passed": False}


def work(module: Any) -> dict[str, Any]:
    """Probe the gateway and return what the module says."""
    params = module.params
    platform = read_platform(params["intent"])
    address = params["address"] or platform.gateway_address
    given = split(address, platform) if address else None
    api = None if given and not params["access"] else connect(module)
    try:
        host, port = given or find_gateway(api, platform)
    except ProbeError as error:
        return nowhere(module, error)
    checks = [*([] if params["access"] else closed_checks(platform)), *further(params["requests"])]
    answers = ask_until_right(checks, host, port, params["timeout"])
    if params["access"] and not module.check_mode:
        answers += verify_access(module, api, platform, (host, port))
    return conclude(module, answers, host, port)


def conclude(module: Any, answers: list[Answer], host: str, port: int) -> dict[str, Any]:
    """Return what the module says of the answers, or fail where one is wrong and failing is wanted."""
    lines = [line(answer, port) for answer in answers]
    wrong = [item for item in lines if not item["ok"]]
    result = {"changed": False, "address": f"{host}:{port}", "answers": lines, "passed": not wrong}
    if wrong and not (module.params["report_only"] or module.check_mode):
        said = "\n".join(f"- {item['name']}: {item['url']} {item['said']}" for item in wrong)
        module.fail_json(msg=f"{len(wrong)} of {len(lines)} requests went wrong:\n{said}", **result)
    return result


def main() -> None:
    module = build(OPTIONS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
