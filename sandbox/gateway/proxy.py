# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From HTTP on a socket to an exchange, and back."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable

from aiohttp import HttpVersion11, web

from sandbox.gateway import hostnames
from sandbox.gateway.forward import end_to_end
from sandbox.gateway.plan import Address
from sandbox.gateway.routing import Port
from sandbox.gateway.stages import Answer, Exchange, NoAnswer, Proceed, plain
from sandbox.gateway.world import title

SERVER = "sandbox-gateway"
_access = logging.getLogger("sandbox.gateway.access")
_log = logging.getLogger(__name__)


class Proxy:
    """Answers the requests that come in at any address, by what ``ports`` holds for it at that moment."""

    def __init__(self, proceed: Proceed) -> None:
        self.ports: dict[Address, Port] = {}
        self._proceed = proceed

    def handler(self, address: Address) -> Callable[[web.BaseRequest], object]:
        """Return the request handler of one address."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            started = time.monotonic()
            exchange = _exchange(request, self.ports.get(address, {}))
            async with exchange.cleanup:
                try:
                    answer = await self._answer(exchange)
                except NoAnswer:
                    return _reset(request)
                try:
                    return await _respond(request, answer)
                finally:
                    _record(exchange, request, answer, time.monotonic() - started)

        return handle

    async def _answer(self, exchange: Exchange) -> Answer:
        try:
            return await self._proceed(exchange)
        except NoAnswer:
            raise
        except Exception:
            _log.exception("%s %s%s failed", exchange.method, exchange.host, exchange.path)
            return plain(500)


def _exchange(request: web.BaseRequest, port: Port) -> Exchange:
    path, _, query = _origin_form(request.raw_path).partition("?")
    headers = end_to_end(request.headers)
    client = request.remote or ""
    headers["X-Forwarded-For"] = ", ".join([*headers.popall("X-Forwarded-For", []), client])
    headers["X-Forwarded-Proto"] = "http"
    headers.setdefault("X-Request-Id", str(uuid.uuid4()))
    headers.popall("Expect", None)
    return Exchange(
        port=port,
        method=request.method,
        path=path,
        query=query,
        host=hostnames.of_authority(request.headers.get("Host", "")),
        headers=headers,
        body=_request_body(request) if request.body_exists else None,
        client=client,
    )


def _origin_form(target: str) -> str:
    """Return path and query of a request target, which a client may also write with scheme and host."""
    scheme, separator, rest = target.partition("://")
    if separator and scheme in ("http", "https"):
        return "/" + rest.partition("/")[2]
    return target


async def _request_body(request: web.BaseRequest) -> AsyncIterator[bytes]:
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        # Only now: a stage that refuses the request spares the client from sending its body.
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    async for block in request.content.iter_any():
        yield block


async def _respond(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    answer.headers["Server"] = SERVER
    if isinstance(answer.body, bytes):
        response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        await response.prepare(request)
        await response.write_eof()
        return response
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    await stream.prepare(request)
    try:
        async for block in answer.body:
            await stream.write(block)
        await stream.write_eof()
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:
        # The status is sent already: the only way to say that the answer is not whole is to cut the connection.
        _log.warning("answer cut off: %s", error or type(error).__name__)
        assert request.transport is not None
        request.transport.abort()
    finally:
        await _close(answer.body)
    return stream


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # nobody will see it


async def _close(body: AsyncIterator[bytes]) -> None:
    close = getattr(body, "aclose", None)
    if close:
        await close()


def _record(exchange: Exchange, request: web.BaseRequest, answer: Answer, seconds: float) -> None:
    _access.info(
        "%s %s %s %s %d %.1fms %s",
        exchange.client,
        exchange.host,
        request.method,
        request.path,
        answer.status,
        seconds * 1000,
        title(exchange.target.route) if exchange.target else "-",
    )
