# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors in the shape of the OpenAI protocol, asked for or injected."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sandbox.simulator.settings import FAILURE_TYPES

_TYPES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}


class ModelError(Exception):
    """A refusal: HTTP status, message, and the request's field that is to blame."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field

    def body(self) -> dict[str, object]:
        """Return the JSON body."""
        kind = _TYPES.get(self.status, "InternalServerError")
        return {"error": {"message": str(self), "type": kind, "param": self.field, "code": self.status}}


def requested(header: str | None) -> ModelError | None:
    """Return the error that a request asks for with X-Return-Error."""
    if header is None:
        return None
    if header.isdigit() and 400 <= int(header) <= 599:
        return ModelError(int(header), f"error {header}, as the header X-Return-Error asked for")
    return ModelError(400, f"X-Return-Error is {header!r}; allowed: an HTTP status from 400 to 599", "X-Return-Error")


def injected(choice: random.Random, percent: int, kinds: Sequence[str], model: str) -> ModelError | None:
    """Return an error at random, in ``percent`` of all calls, of one of the given kinds (none given: all)."""
    if percent == 0 or choice.randint(1, 100) > percent:
        return None
    return {
        "rate_limit": ModelError(429, f"the rate limit of {model} is reached (injected failure)"),
        "invalid_api_key": ModelError(401, "the API key is not valid (injected failure)"),
        "context_length": ModelError(400, "the context window is exceeded (injected failure)", "messages"),
        "server_error": ModelError(503, "the server is overloaded (injected failure)"),
        "invalid_request": ModelError(400, "the request is not valid (injected failure)", "model"),
        "model_not_found": ModelError(404, f"the model {model} does not exist (injected failure)", "model"),
    }[choice.choice(tuple(kinds) or FAILURE_TYPES)]
