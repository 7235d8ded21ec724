# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of the gateway, what should come back, and what it means when something else does. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .intent.models import Model
from .intent.platform import Platform


@dataclass(frozen=True)
class Check:
    """One request and what should come back.

    ``holds`` is a JMESPath expression on the JSON body that must be true; empty for no demand on the body.
    """

    name: str
    host: str
    path: str = "/v1/models"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    status: int = 200
    holds: str = ""


# What it usually means when another status came back: (wanted, came) -> cause and cure.
_CAUSES = {
    (
        401,
        200,
    ): "nothing asks for keys here: is the AuthPolicy of the gateway enforced, and is the route attached to it?",
    (403, 200): "the AuthPolicy does not hold for this key: is another one more specific, or not enforced?",
    (429, 200): "limits are not enforced: is the limiter running, and do its failure modes deny?",
    (200, 401): "the key is not known: is its Secret in Kuadrant's namespace, with the label of Authorino, and does "
    "Authorino run? Changes may be late: verify again",
    (
        403,
        401,
    ): "the key is not known, though its Secret is there: does Authorino run? Changes may be late: verify again",
    (200, 403): "the key is known, but not its team, or its tier does not include the model: is the AuthPolicy that of "
    "the inventory?",
    (404, 200): "a route leads where none should: was that of a model changed, or is it one of somebody else?",
    (404, 401): "a route leads where none should: was that of a model changed, or is it one of somebody else?",
    (200, 404): "no route leads there: is the model in the inventory, and its HTTPRoute accepted?",
    (200, 429): "a limit is used up: another verification may have run a moment ago",
    (200, 503): "no pod of the model is ready: look at its Deployment, and at its InferenceService",
}
_CAPITALS = (
    "if only capital letters do this, the EnvoyFilter of the gateway that writes hostnames in small letters is missing"
)
_ANY_CAUSE = {
    0: "is the gateway's address reachable from here?",
    500: "Authorino or the limiter does not answer, or a policy of the gateway is missing or changed: look at the "
    "policies, and at the Deployments in Kuadrant's namespace",
}


def cause(wanted: int, came: int) -> str:
    """Return what it usually means that status ``came`` instead of ``wanted``; empty where nobody knows."""
    return _CAUSES.get((wanted, came)) or _ANY_CAUSE.get(came, "")


@dataclass(frozen=True)
class Answer:
    """What came back: ``status`` 0 when nothing did, and then ``said`` is the reason."""

    check: Check
    status: int
    said: str
    ok: bool
    seconds: float
    body: Any = None


def closed_checks(platform: Platform) -> list[Check]:
    """Return the checks that nobody reaches a model without a key, and that no other name leads anywhere."""
    checks = [Check(f"{model.name} asks for a key", platform.hostname(model), status=401) for model in platform.models]
    taken = {model.label for model in platform.models}
    names = ("no-such-model", *(f"no-such-model-{number}" for number in range(len(taken))))
    nobody = next(name for name in names if name not in taken)
    return [*checks, Check("a name without a model is refused", f"{nobody}.{platform.domain}", status=404)]


def chat(name: str, host: str, model: Model, authorization: str | None, status: int = 200, tokens: int = 1) -> Check:
    """Return a check that asks for a completion of at most ``tokens`` tokens."""
    question = {"role": "user", "content": "Say yes."}
    return Check(
        name,
        host,
        "/v1/chat/completions",
        "POST",
        headers=(("Authorization", authorization),) if authorization else (),
        body={"model": model.id, "messages": [question], "max_tokens": tokens},
        status=status,
        holds="choices[0].message && usage.total_tokens > `0`" if status == 200 else "",
    )


def host_header(host: str, port: int) -> str:
    """Return the Host header that a client would send for ``host`` at ``port``."""
    return host if port == 80 else f"{host}:{port}"


def judge(check: Check, status: int, data: bytes, seconds: float) -> Answer:
    """Compare an answer with what the check asks for, and say in words what is wrong."""
    import jmespath

    try:
        body = json.loads(data)
    except ValueError:
        body = None
    text = data.decode(errors="replace").strip()[:200]
    if status != check.status:
        why = cause(check.status, status)
        if check.host != check.host.lower() and (check.status, status) == (401, 200):
            why = f"{_CAPITALS}; else {why}"
        said = f"answered {status} instead of {check.status}" + (f": {text}" if text else "")
        said += f"; likely cause: {why}" if why else ""
        return Answer(check, status, said, False, seconds, body)
    try:
        holds = not check.holds or jmespath.search(check.holds, body)
    except jmespath.exceptions.JMESPathError as error:
        return Answer(check, status, f"{check.holds} cannot be tried on the body: {error}", False, seconds, body)
    if not holds:
        return Answer(check, status, f"the body is not as it should be ({check.holds}): {text}", False, seconds, body)
    return Answer(check, status, f"answered {status}", True, seconds, body)
