# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop that keeps sockets, routing and statuses in line with the API server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp

from sandbox.apiserver import ApiError, ApiServer, Informer, Key, Object
from sandbox.gateway import plan as planning
from sandbox.gateway import status
from sandbox.gateway.listeners import Sockets
from sandbox.gateway.plan import Plan
from sandbox.gateway.proxy import Proxy
from sandbox.gateway.world import KINDS, World, title
from sandbox.kuadrant.platform import Change, Kuadrant

_SETTLE = 0.02
"""Seconds to wait after a change, so that a burst of changes costs one pass."""
_RETRY = 2.0
"""Seconds between attempts to bind an address or to write a status that failed."""
_WRITERS = 8
_log = logging.getLogger(__name__)


class Controller:
    """Watches, decides, listens and reports; ``plan`` and ``failures`` are the outcome of the last pass."""

    def __init__(self, api: ApiServer, index: int, proxy: Proxy, sockets: Sockets, kuadrant: Kuadrant) -> None:
        self.plan = Plan()
        self.kuadrant = kuadrant
        self.failures: Mapping[planning.Address, str] = {}
        self.ready = asyncio.Event()
        self._api = api
        self._index = index
        self._proxy = proxy
        self._sockets = sockets
        self._numbers: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._writers = asyncio.Semaphore(_WRITERS)
        self.informers = {name: Informer(api, kind, self._changed.set) for name, kind in KINDS.items()}

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self.informers.values():
                tasks.create_task(informer.run())
            for informer in self.informers.values():
                await informer.synced.wait()
            while True:
                pause = await self._pass()
                self.ready.set()
                await self._next_change(pause)

    async def _next_change(self, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_SETTLE)

    def look_again(self) -> None:
        """Make a pass as if something had changed."""
        self._changed.set()

    async def _pass(self) -> float | None:
        """Bring everything in line once; return after how many seconds to do so again although nothing changed."""
        self._changed.clear()
        world = World(**{name: informer.objects for name, informer in self.informers.items()})
        self._numbers = planning.number_gateways(self._index, world, self._numbers)
        balanced = not self.kuadrant.faults.no_load_balancer
        self.plan = planning.make_plan(self._index, world, self._numbers, balanced)
        self._proxy.ports = self.plan.ports
        self.failures = await self._sockets.sync(self.plan.ports)
        due = self.kuadrant.sync(world, self.plan, time.time())
        written = await self._report(world)
        pauses = [] if due is None else [max(0.0, due - time.time())]
        return min([*pauses, *([_RETRY] if self.failures or not written else [])], default=None)

    async def _report(self, world: World) -> bool:
        """Write the statuses that differ; return whether all could be written."""
        now, plan = datetime.now(UTC), self.plan
        changes: list[Change] = []
        for key, gateway in plan.gateways.items():
            wanted = status.gateway_status(plan, gateway, self.failures, now)
            if wanted is not None:
                changes.append(("gateways", key, gateway.gateway, wanted))
        for key, route in plan.routes.items():
            parents = status.route_parents(route, now)
            if parents is not None:
                changes.append(("routes", key, route.route, {"parents": parents}))
        # Of two changes to one object the second comes in the pass after the first.
        taken = {change[:2] for change in changes}
        changes += [change for change in self.kuadrant.changes(world, now) if change[:2] not in taken]
        return all(await asyncio.gather(*(self._write(*change) for change in changes)))

    async def _write(self, kind: str, key: Key, seen: Object, wanted: Object) -> bool:
        # With the resource version the server refuses when another controller was faster; the next pass starts from
        # what that one wrote.
        change = {"metadata": {"resourceVersion": seen["metadata"]["resourceVersion"]}, "status": wanted}
        async with self._writers:
            try:
                await self._api.patch(KINDS[kind], key, change, "status")
            except ApiError as error:
                if error.status not in (404, 409):
                    _log.warning("status of %s %s not written: %s", kind, title(key), error)
                return error.status in (404, 409)
            except (aiohttp.ClientError, OSError) as error:
                _log.warning("status of %s %s not written: %s", kind, title(key), error or type(error).__name__)
                return False
        return True
