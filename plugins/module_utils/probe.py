# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests through the gateway. A status condition alone proves nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from .checks import Answer, Check, cause, host_header, judge

_REQUEST_SECONDS = 15.0
_PAUSE_SECONDS = 0.2


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


def ask_when_known(check: Check, address: str, port: int, patience: float) -> Answer:
    """Send a check with a new key until the gateway knows that key, for at most ``patience`` seconds.

    A request that is answered 500 is sent once more: after a restart of the limiter the first one is lost on the
    connection that broke (E29 of the measured facts).
    """
    deadline = time.monotonic() + patience
    answer = ask(check, address, port)
    if answer.status == 500:
        time.sleep(_PAUSE_SECONDS)
        answer = ask(check, address, port)
    while answer.status == 401 != check.status and time.monotonic() + _PAUSE_SECONDS < deadline:
        time.sleep(_PAUSE_SECONDS)
        answer = ask(check, address, port)
    return answer


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
        said = f"no answer from {address}:{port}: {error}; likely cause: {cause(check.status, 0)}"
        return Answer(check, 0, said, False, time.monotonic() - begin)
    return judge(check, response.status, response.data, time.monotonic() - begin)
