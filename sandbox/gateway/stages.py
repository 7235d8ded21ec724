# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The path of a request: a chain of stages around an exchange.

A stage is ``async def stage(exchange, proceed) -> Answer``. It may

* answer early: return an Answer and never call ``proceed``; or raise NoAnswer to reset the connection;
* change the request: edit ``exchange.headers``, ``exchange.path`` or put another iterator in place of
  ``exchange.body`` before ``await proceed(exchange)``;
* change or follow the answer: edit ``answer.headers``, or wrap ``answer.body``, an iterator of the bytes as they arrive
  from the model, server-sent events included. When the client goes away the iterator is closed, so a wrapper's
  ``finally`` runs in every case, and knows by a flag of its own whether the end was reached.

Nothing is buffered here; a stage that needs a whole body collects it itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from multidict import CIMultiDict

from sandbox.gateway.routing import Port, Site, Target, find_site


class NoAnswer(Exception):
    """There is no HTTP answer: the connection is reset."""


@dataclass
class Exchange:
    """A request on its way through the gateway."""

    port: Port
    """What is served where the request came in."""
    method: str
    path: str
    query: str
    host: str
    """The requested host in lower case and without a port; ``headers`` keep it as it was sent."""
    headers: CIMultiDict[str]
    body: AsyncIterator[bytes] | None
    """None when the request has no body."""
    client: str
    """The address of the client."""
    site: Site | None = None
    """The listener's site, once it is found."""
    target: Target | None = None
    """The match of a route, once it is found."""
    cleanup: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Closed when the exchange is over, whichever way it ended."""


@dataclass
class Answer:
    """An answer on its way back to the client."""

    status: int
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: AsyncIterator[bytes] | bytes = b""


Proceed = Callable[[Exchange], Awaitable[Answer]]
Stage = Callable[[Exchange, Proceed], Awaitable[Answer]]


def plain(status: int, text: str = "") -> Answer:
    """Return an answer of the gateway's own, as Envoy writes it: a bare text, or nothing."""
    return Answer(status, CIMultiDict({"Content-Type": "text/plain"} if text else {}), text.encode())


def chain(stages: Sequence[Stage]) -> Proceed:
    """Return one function that sends an exchange through all stages, the first one outermost."""

    async def end(exchange: Exchange) -> Answer:
        raise AssertionError("the last stage must answer")

    proceed: Proceed = end
    for stage in reversed(stages):
        proceed = partial(_step, stage, proceed)
    return proceed


async def _step(stage: Stage, proceed: Proceed, exchange: Exchange) -> Answer:
    return await stage(exchange, proceed)


async def match_listener(exchange: Exchange, proceed: Proceed) -> Answer:
    """Find the listener by the requested host."""
    exchange.site = find_site(exchange.port, exchange.host)
    return await proceed(exchange) if exchange.site else plain(404)


async def match_route(exchange: Exchange, proceed: Proceed) -> Answer:
    """Find the route by host, path, method, headers and query."""
    assert exchange.site is not None
    exchange.target = exchange.site.find(
        exchange.host, exchange.method, exchange.path, exchange.query, exchange.headers
    )
    return await proceed(exchange) if exchange.target else plain(404)


async def apply_filters(exchange: Exchange, proceed: Proceed) -> Answer:
    """Apply the filters of the matched rule to the request, and to the answer."""
    assert exchange.target is not None
    assert exchange.site is not None
    filters, match = exchange.target.rule.filters, exchange.target.match
    if filters.request:
        filters.request.apply(exchange.headers)
    if filters.redirect:
        answer = Answer(filters.redirect.status)
        location = filters.redirect.location(exchange.host, exchange.site.listener.port, exchange.path, match)
        answer.headers["Location"] = location + (f"?{exchange.query}" if exchange.query else "")
    else:
        if filters.path:
            exchange.path = filters.path.apply(exchange.path, match)
        if filters.hostname:
            exchange.headers["Host"] = filters.hostname
        answer = await proceed(exchange)
    if filters.response:
        filters.response.apply(answer.headers)
    return answer
