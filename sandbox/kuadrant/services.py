# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running Authorino and Limitador: whether they answer, and what they know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.apiserver import Object
from sandbox.kuadrant.authorino import AuthConfig, Denial, Grant, KeyLookup
from sandbox.kuadrant.faults import Faults
from sandbox.kuadrant.keys import Change, Index, Scope, Secrets, changes
from sandbox.kuadrant.limitador import Limit, Limitador, Metrics


class Unavailable(Exception):
    """A service does not answer, or answers with an error."""


async def answer(hanging: bool, down: bool, timeout: float) -> None:
    """Wait as a call would. Raises Unavailable, after ``timeout`` seconds when the service hangs (E28, E30)."""
    if hanging:
        await asyncio.sleep(timeout)
    if hanging or down:
        raise Unavailable


class LimitadorService:
    """The running replicas of Limitador, each with counters of its own (section 3.5)."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._replicas: dict[str, Limitador] = {}
        self._stored: dict[str, Limitador] = {}
        self._limits: tuple[Limit, ...] = ()
        self._connected: set[str] = set()
        self._victim: object | None = None
        self._turn = 0

    def sync(self, replicas: Iterable[str], storage: str = "") -> None:
        """Take over which replicas run, by a name that changes when one is restarted; that loses its counters (E29).

        With a ``storage`` all replicas share its counters, which outlive them (section 3.5; not measured).
        """
        former = self._replicas | self._stored
        names = list(replicas)
        self._stored = {storage: former.get(storage) or self._started()} if storage else {}
        if names and storage:
            names = [storage]
        self._replicas = {name: self._stored.get(name) or former.get(name) or self._started() for name in names}

    def configure(self, limits: Iterable[Limit]) -> None:
        """Take over the limits of all policies."""
        self._limits = tuple(limits)
        for replica in (self._replicas | self._stored).values():
            replica.configure(self._limits)

    def _started(self) -> Limitador:
        replica = Limitador()
        replica.configure(self._limits)
        return replica

    async def call(self, timeout: float, caller: object) -> Limitador:
        """Return the replica that answers a call of one request. Raises Unavailable."""
        await answer(self.faults.limiter_hanging, self.faults.limiter_down or not self._replicas, timeout)
        names = sorted(self._replicas)
        name = names[self._turn % len(names)]
        self._turn += 1
        if name not in self._connected:
            # The first request after a restart still uses the connection that broke (E29).
            self._victim = caller if self._connected - {*names} else None
            self._connected = {*names}
        if caller is self._victim:
            raise Unavailable
        return self._replicas[name]

    @property
    def metrics(self) -> Metrics | None:
        """The series of all replicas together; None when none answers."""
        if not self._replicas or self.faults.limiter_down or self.faults.limiter_hanging:
            return None
        return sum((replica.metrics for replica in self._replicas.values()), Metrics())


class AuthorinoService:
    """The running Authorino: its AuthConfigs and their keys."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._up: tuple[str, ...] = ()
        self._secrets: dict[Any, Object] = {}
        self._configs: dict[str, tuple[AuthConfig, list[Index]]] = {}

    def sync(self, replicas: Iterable[str]) -> None:
        """Take over which replicas run; one that starts builds everything anew (E34)."""
        up = tuple(sorted(replicas))
        if up and up != self._up:
            self.configure({name: config for name, (config, _) in self._configs.items()}, self._configs)
        self._up = up

    def follow(self, secrets: Secrets) -> None:
        """Take over the Secrets of the cluster, as events."""
        found = changes(self._secrets, secrets)
        self._secrets = dict(secrets)
        if found:
            self._apply(found)

    def _apply(self, found: list[Change]) -> None:
        for index in {id(index): index for _, indexes in self._configs.values() for index in indexes}.values():
            for change in found:
                index.follow(change)

    def configure(self, configs: Mapping[str, AuthConfig], changed: Iterable[str]) -> None:
        """Take over AuthConfigs; those that changed build their index from the Secrets as they are now (S9)."""
        changed = set(changed)
        built: list[Index] = []
        former = self._configs
        self._configs = {}
        for name, config in configs.items():
            if name in former and name not in changed:
                self._configs[name] = former[name]
                continue
            self._configs[name] = config, [self._index(scope, built) for scope in config.scopes]

    def _index(self, scope: Scope, built: list[Index]) -> Index:
        """Indexes that are built at the same moment see the same ever after: they can be one."""
        found = next((index for index in built if index.scope == scope), None)
        if found is None:
            found = Index(scope, self._secrets.values())
            built.append(found)
        return found

    async def decide(
        self, name: str, request: Mapping[str, Any], source: Mapping[str, Any], timeout: float
    ) -> Grant | Denial:
        """Ask for a decision. Raises Unavailable."""
        await answer(self.faults.auth_hanging, self.faults.auth_down or not self._up, timeout)
        if name not in self._configs:
            return Denial(404, (("x-ext-auth-reason", "Service not found"),))  # E31
        config, indexes = self._configs[name]
        return config.decide(request, source, _Keys(indexes))


class _Keys(KeyLookup):
    def __init__(self, indexes: list[Index]) -> None:
        self._indexes = indexes

    def find(self, scope: int, value: str) -> Object | None:
        return self._indexes[scope].find(value)
