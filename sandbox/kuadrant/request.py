# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of a request, as CEL sees them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.gateway.stages import Exchange


@dataclass(frozen=True)
class Attributes:
    """``request`` and ``source`` of an exchange, and its body as JSON when that was asked for."""

    request: Mapping[str, Any]
    source: Mapping[str, Any]
    time: float
    body: Any = None

    @property
    def request_for_auth(self) -> dict[str, Any]:
        """Authorino's view: with the time as a map whose ``seconds`` is a double (T4)."""
        return {**self.request, "time": {"seconds": float(int(self.time)), "nanos": self.time % 1 * 1e9}}


async def attributes_of(exchange: Exchange, now: float, with_body: bool) -> Attributes:
    """Read an exchange. With ``with_body`` its body is read to the end and put back."""
    headers: dict[str, str] = {}
    for name, value in exchange.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    request = {
        "id": headers.get("x-request-id", ""),
        "method": exchange.method,
        "path": exchange.path + (f"?{exchange.query}" if exchange.query else ""),
        "url_path": exchange.path,
        "query": exchange.query,
        "host": headers.get("host", ""),
        "scheme": "http",
        "protocol": "HTTP/1.1",
        "headers": headers,
    }
    source = {"address": exchange.client, "remote_address": exchange.client}
    return Attributes(request, source, now, await _body(exchange) if with_body else None)


async def _body(exchange: Exchange) -> Any:
    if exchange.body is None:
        return None
    content = b"".join([block async for block in exchange.body])

    async def again() -> AsyncIterator[bytes]:
        yield content

    exchange.body = again()
    try:
        return json.loads(content)
    except ValueError:
        return None
