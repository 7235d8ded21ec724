# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests through the gateway, each with what should come back. A status condition alone proves nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .intent.models import Model
from .intent.platform import Platform

_REQUEST_SECONDS = 15.0
# The gateway needs a moment between a condition and the first right answer; there is nothing to watch for that.
_PAUSE_SECONDS = 0.2


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


@dataclass(frozen=True)
class Answer:
    """What came back: ``status`` 0 when nothing did, and then ``said`` is the reason."""

    check: Check
    status: int
    said: str
    ok: bool
    seconds: float
    body: Any = None


def model_checks(platform: Platform, chat: bool) -> list[Check]:
    """Return the checks that follow from the inventory: every model answers at its name, and no other name does.

    :param chat: also ask each model for a completion (one token).
    """
    checks = []
    for model in platform.models:
        host = platform.hostname(model)
        checks.append(Check(f"{model.name} lists its model", host, holds=f"data[?id=='{model.id}']"))
        if chat:
            checks.append(_chat(model, host))
    taken = {model.label for model in platform.models}
    nobody = next(name for name in ("no-such-model", "no-such-model-either") if name not in taken)
    checks.append(Check("a name without a model is refused", f"{nobody}.{platform.domain}", status=404))
    return checks


def _chat(model: Model, host: str) -> Check:
    question = {"role": "user", "content": "Say yes."}
    return Check(
        f"{model.name} answers a chat",
        host,
        "/v1/chat/completions",
        "POST",
        body={"model": model.id, "messages": [question], "max_tokens": 1},
        holds="choices[0].message && usage.total_tokens > `0`",
    )


def ask_until_right(checks: Sequence[Check], address: str, port: int, patience: float) -> list[Answer]:
    """Send each check until its answer is right, or until ``patience`` seconds are over for all of them together."""
    deadline = time.monotonic() + patience
    answers = []
    for check in checks:
        answer = ask(check, address, port)
        while not answer.ok and time.monotonic() + _PAUSE_SECONDS < deadline:
            time.sleep(_PAUSE_SECONDS)
            answer = ask(check, address, port)
        answers.append(answer)
    return answers


def ask(check: Check, address: str, port: int) -> Answer:
    """Send one request to ``address`` under the name of the check's host, and judge the answer."""
    import urllib3

    begin = time.monotonic()
    headers = {"Host": host_header(check.host, port), **dict(check.headers)}
    payload = None
    if check.body is not None:
        payload = json.dumps(check.body).encode()
        headers["Content-Type"] = "application/json"
    try:
        with urllib3.HTTPConnectionPool(address, port, timeout=_REQUEST_SECONDS, retries=False) as pool:
            response = pool.request(check.method, check.path, body=payload, headers=headers)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: a header that cannot be sent.
        return Answer(check, 0, f"no answer from {address}:{port}: {error}", False, time.monotonic() - begin)
    return judge(check, response.status, response.data, time.monotonic() - begin)


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
        said = f"answered {status} instead of {check.status}" + (f": {text}" if text else "")
        return Answer(check, status, said, False, seconds, body)
    try:
        holds = not check.holds or jmespath.search(check.holds, body)
    except jmespath.exceptions.JMESPathError as error:
        return Answer(check, status, f"{check.holds} cannot be tried on the body: {error}", False, seconds, body)
    if not holds:
        return Answer(check, status, f"the body is not as it should be ({check.holds}): {text}", False, seconds, body)
    return Answer(check, status, f"answered {status}", True, seconds, body)
