# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of the gateway."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from sandbox.gateway.plan import Address

HEADER_LIMIT = 60 * 1024
"""Envoy's limit for all headers together."""
_log = logging.getLogger(__name__)


class Sockets:
    """Listens at a changing set of addresses."""

    def __init__(self, handler: Callable[[Address], Any]) -> None:
        self._handler = handler
        self._open: dict[Address, tuple[asyncio.Server, web.Server]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def sync(self, wanted: Iterable[Address]) -> dict[Address, str]:
        """Listen at these addresses and no others; return those that could not be bound, and why."""
        wanted = set(wanted)
        for address in self._open.keys() - wanted:
            self._close(address)
        failures = {}
        for address in sorted(wanted - self._open.keys()):
            try:
                await self._bind(address)
            except OSError as error:
                failures[address] = explain(address, error)
        return failures

    async def close(self) -> None:
        """Close everything and wait until it is closed."""
        await self.sync(())
        await asyncio.gather(*self._closing)

    async def _bind(self, address: Address) -> None:
        # handler_cancellation: a client that goes away must not leave its model working.
        server = web.Server(
            self._handler(address),
            handler_cancellation=True,
            auto_decompress=False,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            access_log=None,
        )
        listening = await asyncio.get_running_loop().create_server(server, *address)
        self._open[address] = (listening, server)
        _log.info("listening at %s:%d", *address)

    def _close(self, address: Address) -> None:
        listening, server = self._open.pop(address)
        listening.close()
        _log.info("no longer listening at %s:%d", *address)
        task = asyncio.create_task(server.shutdown(timeout=0.1))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def explain(address: Address, error: OSError) -> str:
    """Say why an address cannot be used and what to do."""
    host, port = address
    if error.errno == errno.EADDRINUSE:
        return (
            f"{host}:{port} is in use by another program: stop that one (ss -ltnp 'sport = :{port}' shows it)"
            " or give the listener another port"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{host}:{port} may not be used without privileges: give the listener a port from 1024 up,"
            f" or run: sudo sysctl net.ipv4.ip_unprivileged_port_start={port}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: add it to the loopback interface"
    return f"{host}:{port} cannot be used: {error.strerror or error}"
