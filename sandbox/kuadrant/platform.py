# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of the stand-in for Kuadrant together, as the gateway's controller and its admin port use it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sandbox.apiserver import Key, Object
from sandbox.gateway.plan import Plan
from sandbox.gateway.world import World
from sandbox.kuadrant import limitador, shim, status
from sandbox.kuadrant.faults import Faults
from sandbox.kuadrant.keys import Secrets
from sandbox.kuadrant.lua import LuaFilters
from sandbox.kuadrant.operator import Operator, namespace_of, replicas_of
from sandbox.kuadrant.policies import AUTH, REQUESTS, TELEMETRY, TOKENS
from sandbox.kuadrant.services import AuthorinoService, LimitadorService
from sandbox.kuadrant.shim import Shim

FIELDS = {
    AUTH: "auth_policies",
    REQUESTS: "request_policies",
    TOKENS: "token_policies",
    TELEMETRY: "telemetry_policies",
}
"""The field of World that holds each kind of policy."""
Change = tuple[str, Key, Object, Object]
"""A status to write: field of World, name, the object as it was seen, and the part of the status."""


class Kuadrant:
    """Operator, Authorino, Limitador and shim, kept in line with the cluster by ``sync``."""

    def __init__(self) -> None:
        self.authorino, self.limitador = AuthorinoService(), LimitadorService()
        self.shim = Shim(self.authorino, self.limitador)
        self.lua = LuaFilters()
        self.operator = Operator()
        self._faults = Faults()
        self._secrets: list[tuple[float, Secrets]] = []

    @property
    def faults(self) -> Faults:
        """The switches that are on."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = self.authorino.faults = self.limitador.faults = faults
        self.shim.off = faults.enforced_without_enforcing

    def sync(self, world: World, plan: Plan, now: float) -> float | None:
        """Bring everything in line; return when to come again although nothing happened, or None."""
        self.lua.configure(world.envoy_filters, plan.gateways)
        self.operator.step(world, plan, now, self._faults.late)
        self._follow_secrets(dict(world.secrets), now)
        self.authorino.configure(self.operator.compiled, self.operator.changed_auth)
        self.authorino.sync(replicas_of("authorino", world))
        loaded = self.operator.loaded
        if self.shim.configs is not loaded.configs:
            self.shim.configs = loaded.configs
            self.shim.counters["configs"] += 1
            self.limitador.configure(loaded.limits.values())
        self.limitador.sync(replicas_of("limitador-limitador", world), _storage(world))
        times = [self.operator.next, *(due for due, _ in self._secrets)]
        return min((time for time in times if time is not None), default=None)

    def _follow_secrets(self, secrets: Secrets, now: float) -> None:
        """Keys take effect at once (E33), or late when that switch is on."""
        if not self._faults.late:
            self._secrets.clear()
            self.authorino.follow(secrets)
            return
        if not self._secrets or self._secrets[-1][1] != secrets:
            self._secrets.append((now + self._faults.late, secrets))
        while self._secrets and self._secrets[0][0] <= now:
            self.authorino.follow(self._secrets.pop(0)[1])

    def changes(self, world: World, now: datetime) -> Iterator[Change]:
        """Yield the statuses that differ from what the operator says, if it runs."""
        if not self.operator.alive:
            return
        for (kind, key), (generation, verdict) in self.operator.statuses.items():
            thing = getattr(world, FIELDS[kind]).get(key)
            wanted = thing and status.policy_status(thing, generation, verdict, now)
            if wanted:
                yield FIELDS[kind], key, thing, wanted
        affected = self.operator.loaded.affected
        for key, gateway in world.gateways.items():
            listeners = {names[3]: kinds for names, kinds in affected.items() if names[:3] == ("Listener", *key)}
            wanted = status.gateway_status(gateway, affected.get(("Gateway", *key), {}), listeners, now)
            if wanted:
                yield "gateways", key, gateway, wanted
        for key, route in world.routes.items():
            parents = status.route_parents(route, affected.get(("HTTPRoute", *key), {}), now)
            if parents is not None:
                yield "routes", key, route, {"parents": parents}

    def limitador_metrics(self) -> str | None:
        """Return the series of Limitador, or None when it does not answer."""
        metrics = self.limitador.metrics
        return None if metrics is None else limitador.render(metrics)

    def shim_metrics(self) -> str:
        """Return the counters of the shim."""
        return shim.render(self.shim.counters)


def _storage(world: World) -> str:
    """Name the storage of Limitador's counters; empty when they are in memory."""
    namespace = namespace_of(world)
    stored = (
        thing["metadata"]["uid"]
        for (where, _), thing in world.limitadors.items()
        if where == namespace and thing.get("spec", {}).get("storage")
    )
    return str(next(stored, ""))
