# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator: it looks, decides, and its decisions take effect after a while. Pure; time is an argument.

When it does not run nothing changes any more: gateway and Authorino keep what they have (E44), an AuthConfig
that was not written yet is missing (E31).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sandbox.apiserver import Key, Object
from sandbox.gateway.attachment import selects
from sandbox.gateway.plan import Plan
from sandbox.gateway.world import World, condition_of
from sandbox.kuadrant import verdicts
from sandbox.kuadrant.actions import Services, services_of
from sandbox.kuadrant.authorino import AuthConfig
from sandbox.kuadrant.decision import Loaded, Reader, decide
from sandbox.kuadrant.policies import AUTH, REQUESTS, TELEMETRY, TOKENS
from sandbox.kuadrant.verdicts import Verdict

DEPLOYMENT = "kuadrant-operator-controller-manager"
# Seconds from an apply to its effect, as measured (20.3, "Times").
_CONFIG, _AUTH_CONFIG = 0.2, 0.6
_STATUS = {AUTH: 1.08, REQUESTS: 0.7, TOKENS: 0.58, TELEMETRY: 0.2}
_FIRST_STATUS = 0.1
_AUTH_BYTES_PER_SECOND = 40_000
"""Large AuthPolicies are longer on their way: 55 kB took less than 5 s, 279 kB more (T2)."""

K = TypeVar("K")
V = TypeVar("V")


class Delayed(Generic[K, V]):
    """Values that come into force a while after they were wanted."""

    def __init__(self) -> None:
        self.present: dict[K, V] = {}
        self._wanted: dict[K, V] = {}
        self._due: dict[K, float] = {}

    def want(self, values: Mapping[K, V], due: Callable[[K], float]) -> None:
        """Ask for exactly these values; those that differ from what was asked for before come at ``due``."""
        for key in values.keys() | self._wanted.keys():
            if key not in values or key not in self._wanted or values[key] != self._wanted[key]:
                self._due.setdefault(key, due(key))
        self._wanted = dict(values)

    def forget(self) -> None:
        """Give up what is not in force yet."""
        self._wanted = dict(self.present)
        self._due.clear()

    def settle(self, now: float) -> set[K]:
        """Bring into force what is due; return the keys that changed."""
        changed = {key for key, due in self._due.items() if due <= now}
        for key in changed:
            del self._due[key]
            if key in self._wanted:
                self.present[key] = self._wanted[key]
            else:
                self.present.pop(key, None)
        return changed

    @property
    def next(self) -> float | None:
        """When the next value is due."""
        return min(self._due.values(), default=None)


class Operator:
    """What is in force, and what is said about it."""

    def __init__(self) -> None:
        self.configs: Delayed[str, Loaded] = Delayed()
        self.auth: Delayed[str, Mapping[str, Any]] = Delayed()
        self._interim: Delayed[tuple[str, Key], tuple[int, Verdict]] = Delayed()
        self._final: Delayed[tuple[str, Key], tuple[int, Verdict]] = Delayed()
        self.compiled: dict[str, AuthConfig] = {}
        self.changed_auth: set[str] = set()
        """Names of AuthConfigs that changed in the last step."""
        self._reader = Reader()
        self.alive = False
        """Whether there was an operator in the last step: without one nobody writes a status."""
        self._nothing = Loaded()
        self._first = True

    @property
    def loaded(self) -> Loaded:
        """What gateways and Limitador have loaded."""
        return self.configs.present.get("", self._nothing)

    @property
    def statuses(self) -> dict[tuple[str, Key], tuple[int, Verdict]]:
        """What is to be said of each policy: the last word, or that its new generation is waited for."""
        final = self._final.present
        early = {
            key: said for key, said in self._interim.present.items() if key not in final or final[key][0] < said[0]
        }
        return final | early

    @property
    def next(self) -> float | None:
        """When something comes into force, if nothing else happens."""
        times = (delayed.next for delayed in self._all)
        return min((time for time in times if time is not None), default=None)

    @property
    def _all(self) -> tuple[Delayed[Any, Any], ...]:
        return self.configs, self.auth, self._interim, self._final

    def step(self, world: World, plan: Plan, now: float, late: float = 0.0) -> None:
        """Look at the cluster, and bring into force what is due. ``late`` delays effects, not statuses."""
        self.alive, deployment = find_operator(world)
        if self.alive or (self._first and deployment):
            self._look(world, plan, now, late, environment_of(deployment), _started(deployment, world))
        else:
            for delayed in self._all:
                delayed.forget()
        for delayed in (self.configs, self._interim, self._final):
            delayed.settle(now)
        self._settle_auth(now, namespace_of(world))

    def _look(
        self, world: World, plan: Plan, now: float, late: float, environment: Mapping[str, str], started: str
    ) -> None:
        definitions = {
            name: thing["metadata"].get("creationTimestamp", "") for (_, name), thing in world.definitions.items()
        }
        decision = decide(
            world,
            plan,
            self._reader.read(world),
            _services(environment),
            verdicts.missing_dependency(definitions, started),
        )
        # What was in force before this process began is in force still.
        after = (lambda _: now) if self._first else None
        self._first = False
        self.configs.want({"": decision.loaded}, after or (lambda _: now + late + _CONFIG))
        self.auth.want(decision.auth, after or (lambda _: now + late + _AUTH_CONFIG))
        self._interim.want(decision.interim, after or (lambda _: now + _FIRST_STATUS))
        self._final.want(
            decision.verdicts, after or (lambda key: now + _status_delay(key[0], decision.sizes.get(key, 0)))
        )

    def _settle_auth(self, now: float, namespace: str) -> None:
        self.changed_auth = self.auth.settle(now)
        for name in self.changed_auth:
            if name in self.auth.present:
                self.compiled[name] = AuthConfig(self.auth.present[name], namespace)
            else:
                self.compiled.pop(name, None)


def _status_delay(kind: str, size: int) -> float:
    return _STATUS[kind] + (size / _AUTH_BYTES_PER_SECOND if kind == AUTH else 0.0)


def _services(environment: Mapping[str, str]) -> Services:
    try:
        return services_of(environment)
    except ValueError:
        return Services()


def namespace_of(world: World) -> str:
    """Return Kuadrant's namespace: that of the oldest Kuadrant object; empty when there is none."""
    found = sorted(world.kuadrants.items(), key=lambda item: (item[1]["metadata"]["creationTimestamp"], item[0]))
    return found[0][0][0] if found else ""


def find_operator(world: World) -> tuple[bool, Object]:
    """Return whether the operator runs, and its Deployment (empty when there is none)."""
    found = [thing for (_, name), thing in sorted(world.deployments.items()) if name == DEPLOYMENT]
    # One that is scaled to nothing has all that it wants, and so is available too.
    alive = [
        thing for thing in found if condition_of(thing, "Available") == "True" and thing["spec"].get("replicas", 1) > 0
    ]
    return bool(alive), (alive or found or [{}])[0]


def environment_of(deployment: Object) -> dict[str, str]:
    """Return the environment of a Deployment's containers."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for container in containers for entry in container.get("env", ())}


def _started(deployment: Object, world: World) -> str:
    """When the operator's youngest Pod started; without Pods when its Deployment was made."""
    times = [pod["metadata"].get("creationTimestamp", "") for pod in pods_of(deployment, world)]
    return str(max(times, default="") or deployment["metadata"].get("creationTimestamp", ""))


def pods_of(deployment: Object, world: World) -> list[Object]:
    """Return the Pods that a Deployment selects and that are ready."""
    namespace, selector = deployment["metadata"]["namespace"], deployment["spec"].get("selector", {})
    return [
        pod
        for (where, _), pod in world.pods.items()
        if where == namespace
        and selects(selector, pod["metadata"].get("labels") or {})
        and condition_of(pod, "Ready") == "True"
        and "deletionTimestamp" not in pod["metadata"]
    ]


def replicas_of(name: str, world: World) -> list[str]:
    """Return the running replicas of a Deployment of Kuadrant's namespace, by names that change with a restart."""
    deployment = world.deployments.get((namespace_of(world), name))
    if deployment is None:
        return []
    return [f"{pod['metadata']['uid']}/{_restarts(pod)}" for pod in pods_of(deployment, world)]


def _restarts(pod: Object) -> int:
    return sum(status.get("restartCount", 0) for status in pod.get("status", {}).get("containerStatuses", ()))
