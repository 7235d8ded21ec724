# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last stage: forward to one of the backends and stream the answer back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from types import TracebackType

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sandbox.gateway.backends import Backend
from sandbox.gateway.listeners import HEADER_LIMIT
from sandbox.gateway.stages import Answer, Exchange, Proceed, plain

_HOP_BY_HOP = (
    *("Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection"),
    *("TE", "Trailer", "Transfer-Encoding", "Upgrade"),
)
_ATTEMPTS = 3


class Forwarder:
    """The stage that forwards; it keeps the connections to the backends. Use it as ``async with``."""

    def __init__(self, choice: random.Random | None = None) -> None:
        self._random = choice or random.Random()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Forwarder:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy adds nothing of its own: without these the client library would.
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Answer:
        """Forward, or say 500 (backend does not resolve), 503 (no endpoint, or out of reach), 504 (too late)."""
        assert exchange.target is not None
        backend = self._pick(exchange.target.backends)
        if backend is None or backend.problem:
            return plain(500)
        if not backend.endpoints:
            return plain(503, "no healthy upstream")
        timeout = exchange.target.rule.timeout
        deadline = asyncio.get_running_loop().time() + timeout if timeout else None
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._send(exchange, backend)
        except aiohttp.ClientConnectorError:
            return _unreachable("connection failure")
        except aiohttp.ClientError:
            return _unreachable("connection termination")
        except TimeoutError:
            return plain(504, "upstream request timeout")
        exchange.cleanup.callback(response.close)
        return Answer(response.status, end_to_end(response.headers), _body(response, deadline))

    def _pick(self, backends: tuple[Backend, ...]) -> Backend | None:
        weights = [backend.weight for backend in backends]
        return self._random.choices(backends, weights)[0] if any(weights) else None

    async def _send(self, exchange: Exchange, backend: Backend) -> aiohttp.ClientResponse:
        """Send to one endpoint; when it refuses the connection nothing was sent yet, so another one is tried."""
        endpoints = self._random.sample(backend.endpoints, min(_ATTEMPTS, len(backend.endpoints)))
        for endpoint in endpoints[:-1]:
            try:
                return await self._request(exchange, endpoint)
            except aiohttp.ClientConnectorError:
                continue
        return await self._request(exchange, endpoints[-1])

    async def _request(self, exchange: Exchange, endpoint: str) -> aiohttp.ClientResponse:
        assert self._session is not None
        target = exchange.path + (f"?{exchange.query}" if exchange.query else "")
        return await self._session.request(
            exchange.method,
            URL(f"http://{endpoint}{target}", encoded=True),
            headers=exchange.headers,
            data=exchange.body,
            allow_redirects=False,
        )


def _unreachable(reason: str) -> Answer:
    return plain(503, f"upstream connect error or disconnect/reset before headers. reset reason: {reason}")


def end_to_end(headers: aiohttp.typedefs.LooseHeaders) -> CIMultiDict[str]:
    """Return a copy of headers without those that are meant for one connection only."""
    kept = CIMultiDict(headers)
    named = ",".join(kept.getall("Connection", ()))
    for name in (*_HOP_BY_HOP, *(name.strip() for name in named.split(","))):
        kept.popall(name, None)
    return kept


async def _body(response: aiohttp.ClientResponse, deadline: float | None) -> AsyncIterator[bytes]:
    """Yield the body as it arrives. Raises TimeoutError when the rule's time is over before the end."""
    while True:
        async with asyncio.timeout_at(deadline):
            block = await response.content.readany()
        if not block:
            return
        yield block
