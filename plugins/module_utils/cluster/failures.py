# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between us and an API server: what passes by itself, and how the rest is told."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from http.client import IncompleteRead
from typing import Any

from ..causes import likely_cure
from ..errors import ApiError

_LOGIN = (
    "the token or certificate is wrong or has expired. Log in again, put the new one where it came from "
    "(maas_connection in the inventory, or K8S_AUTH_API_KEY or K8S_AUTH_KUBECONFIG in the environment), and run again."
)
_REACH = (
    "See whether it runs, and whether maas_connection (or K8S_AUTH_*, or server in the kubeconfig) names the right "
    "one; then run again."
)
# The reason of a refusal by the authorizer; admission refuses with the same status, and says it otherwise.
MISSING_RIGHT = "MissingRight"
_MISSING_RIGHT = re.compile(r'User ".*" cannot \w+ resource "')
# How a connection breaks that was there: closed, reset, or in the middle of TLS or of an answer.
_BROKEN = (ConnectionError, ssl.SSLEOFError, IncompleteRead)
_LONGEST_CHAIN = 10


def unreachable(host: str, error: BaseException) -> ApiError:
    """Return what is said of a server that gave no answer."""
    return ApiError(f"The API server {host} cannot be reached: {_cause(error)}. {_REACH}")


def refused(host: str, status: int, body: bytes) -> ApiError:
    """Return what is said of an answer above 399."""
    answer = decoded(body) or {}
    message = answer.get("message") or body.decode(errors="replace").strip()[:300] or f"HTTP status {status}"
    causes = [cause.get("reason", "") for cause in (answer.get("details") or {}).get("causes") or []]
    reason = "NamespaceTerminating" if "NamespaceTerminating" in causes else answer.get("reason", "")
    if status == 401:
        message = f"The cluster {host} does not accept the login: {_LOGIN}"
    elif likely_cure(message):
        message = f"{message}; likely cure: {likely_cure(message)}"
    elif status == 403:
        if _MISSING_RIGHT.search(message):
            reason = MISSING_RIGHT
        message = f"The login may not do this: {message}. Ask for that right, or use another account."
    return ApiError(message, status, reason)


def decoded(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in ``body``, or None where it holds something else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def may_pass(method: str, error: BaseException) -> bool:
    """Say whether a request that got no answer is worth another try, as while a server is started again.

    One that was refused was never carried out. One that broke may have been: only what does no harm twice is repeated.
    """
    links = list(_chain(error))
    if any(isinstance(link, ConnectionRefusedError) for link in links):
        return True
    return method != "POST" and any(isinstance(link, _BROKEN) for link in links)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was made of: urllib3 keeps that as a reason, as an argument, or as a cause."""
    todo, seen = [error], 0
    while todo and seen < _LONGEST_CHAIN:
        link, seen = todo.pop(), seen + 1
        yield link
        inner = [getattr(link, "reason", None), *link.args, link.__cause__ or link.__context__]
        todo += [item for item in inner if isinstance(item, BaseException)]


def _cause(error: BaseException) -> str:
    """Return the innermost cause of a connection error, without urllib3's wrapping."""
    inner = getattr(error, "reason", None) or error
    text = str(inner.args[-1] if getattr(inner, "args", None) else inner)
    if text.startswith("HTTP"):  # HTTPSConnection(host=..., port=...): what went wrong
        text = text.partition("): ")[2] or text
    return text.rsplit(": ", 1)[-1] if "Failed to establish" in text else text
