# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that exists only in memory, with a stand-in gateway in front of two models, and a clock that tests turn."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from multidict import CIMultiDict

from sandbox.apiserver import key_of
from sandbox.gateway import hostnames, stages
from sandbox.gateway.plan import Plan, make_plan, number_gateways
from sandbox.gateway.stages import Answer, Exchange, Proceed
from sandbox.gateway.world import KINDS, World
from sandbox.kuadrant.platform import Kuadrant
from tests.sandbox import objects
from tests.unit.sandbox import kuadrant_objects

Object = dict[str, Any]
BEGIN = 1_800_000_000.0
_FIELDS = {
    "GatewayClass": "classes",
    "Gateway": "gateways",
    "HTTPRoute": "routes",
    "Service": "services",
    "Deployment": "deployments",
    "Pod": "pods",
    "Secret": "secrets",
    "EnvoyFilter": "envoy_filters",
    "Kuadrant": "kuadrants",
    "Authorino": "authorinos",
    "Limitador": "limitadors",
    "AuthPolicy": "auth_policies",
    "RateLimitPolicy": "request_policies",
    "TokenRateLimitPolicy": "token_policies",
    "TelemetryPolicy": "telemetry_policies",
    "CustomResourceDefinition": "definitions",
}


@dataclass
class Seen:
    """An answer, and the headers that the model saw (None: it was not asked)."""

    status: int
    headers: CIMultiDict[str]
    text: str
    model_saw: CIMultiDict[str] | None


class Model:
    """What the models answer: usage as JSON or as a stream."""

    def __init__(self) -> None:
        self.status = 200
        self.type = "application/json"
        self.body: bytes = b""
        self.usage(30)

    def usage(self, tokens: int | None) -> None:
        """Answer with JSON; None leaves usage out."""
        self.type = "application/json"
        document: Object = {"model": "served-name"}
        if tokens is not None:
            document["usage"] = {"total_tokens": tokens}
        self.body = json.dumps(document).encode()

    def stream(self, *events: str) -> None:
        """Answer with events."""
        self.type = "text/event-stream; charset=utf-8"
        self.body = "".join(f"data: {event}\n\n" for event in events).encode()


class Cluster:
    """Objects, the stand-in, and requests to it."""

    def __init__(self, *things: Object, environment: dict[str, str] | None = None) -> None:
        self.now = BEGIN
        self.things: dict[str, dict[tuple[str, str], Object]] = {field: {} for field in KINDS}
        self.kuadrant = Kuadrant()
        self.kuadrant.shim.clock = lambda: self.now
        self.kuadrant.shim._random = random.Random(7)
        self.model = Model()
        self.plan = Plan()
        self._version = 0
        self._saw: CIMultiDict[str] | None = None
        self.sent = 0
        """Blocks that the model sent of its last answer."""
        gateway = objects.gateway("maas", "gw", objects.listener(hostname="*.maas.local"))
        parent = {"name": "gw", "namespace": "maas"}
        basis = [
            *kuadrant_objects.definitions(),
            objects.gateway_class(),
            gateway,
            objects.deployment("maas", "gw-istio"),
            objects.route("models", "qwen", "qwen.maas.local", parent=parent),
            objects.route("models", "tiny", "tiny.maas.local", parent=parent),
            *kuadrant_objects.kuadrant(**(environment or {})),
        ]
        self.put(*basis, wait=0)
        self.put(*things, wait=0)
        self.wait(3)

    def put(self, *things: Object, wait: float = 3.0) -> None:
        """Create or change objects, and wait until that took effect."""
        for thing in things:
            place = self.things[_FIELDS[thing["kind"]]]
            former = place.get(key_of(thing))
            self._version += 1
            meta = thing["metadata"] | {"resourceVersion": str(self._version)}
            if former:
                same = former.get("spec") == thing.get("spec")
                kept = {name: former["metadata"][name] for name in ("uid", "creationTimestamp")}
                meta |= kept | {"generation": former["metadata"]["generation"] + (not same)}
            else:
                meta |= {"uid": f"uid-{self._version}", "generation": 1, "creationTimestamp": _text(self.now)}
            status = {"status": former["status"]} if former and "status" in former else {}
            place[key_of(thing)] = status | copy.deepcopy(thing) | {"metadata": meta}
        if wait:
            self.wait(wait)

    def delete(self, *things: Object, wait: float = 3.0) -> None:
        """Delete objects."""
        for thing in things:
            del self.things[_FIELDS[thing["kind"]]][key_of(thing)]
        if wait:
            self.wait(wait)

    def get(self, thing: Object) -> Object:
        """Return an object as it is now."""
        return copy.deepcopy(self.things[_FIELDS[thing["kind"]]][key_of(thing)])

    def wait(self, seconds: float) -> None:
        """Let time pass; the controller looks every 50 ms."""
        for _ in range(max(1, round(min(seconds, 3) / 0.05))):
            self.now += 0.05
            self._look()
        self.now += max(0.0, seconds - 3)
        self._look()

    def _look(self) -> None:
        world = World(**{field: dict(found) for field, found in self.things.items()})
        self.plan = make_plan(1, world, number_gateways(1, world, {}))
        self.kuadrant.sync(world, self.plan, self.now)
        for field, key, thing, status in self.kuadrant.changes(world, datetime.fromtimestamp(self.now, UTC)):
            live = self.things[field][key]
            self.things[field][key] = live | {"status": thing.get("status", {}) | status}

    def restart(self, name: str) -> None:
        """Give a program of Kuadrant a new Pod."""
        _, pod = kuadrant_objects.program(name)
        self.delete(pod, wait=0)
        self.put(pod, wait=0.1)

    def stop(self, name: str) -> None:
        """Take the Pod of a program of Kuadrant away, and its Deployment's availability."""
        deployment, pod = kuadrant_objects.program(name)
        deployment["status"]["conditions"][0]["status"] = "False"
        self.delete(pod, wait=0)
        self.put(deployment, wait=0.1)

    def condition(self, thing: Object, kind: str = "Enforced") -> tuple[str, str, str]:
        """Return status, reason and message of a condition of a policy."""
        conditions = self.get(thing)["status"]["conditions"]
        found = next(condition for condition in conditions if condition["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def ask(
        self,
        key: str = "",
        host: str = "qwen.maas.local",
        *,
        path: str = "/v1/x",
        leave: int | None = None,
        **headers: str,
    ) -> Seen:
        """Send a request; ``leave`` is the number of blocks after which the client goes away."""
        if key and "Authorization" not in headers:
            headers["Authorization"] = f"APIKEY {key}"
        return asyncio.run(self._ask(host, path, headers, leave))

    def statuses(self, count: int, key: str = "", host: str = "qwen.maas.local", **headers: str) -> str:
        """Send requests; return how they were answered, like ``5x200 2x429``."""
        found = Counter(self.ask(key, host, **headers).status for _ in range(count))
        return " ".join(f"{number}x{status}" for status, number in sorted(found.items()))

    async def _ask(self, host: str, path: str, headers: dict[str, str], leave: int | None) -> Seen:
        kuadrant, self._saw = self.kuadrant, None
        way = (
            kuadrant.lua,
            stages.match_listener,
            stages.match_route,
            kuadrant.shim,
            stages.apply_filters,
            self._backend,
        )
        (port,) = self.plan.ports.values()
        exchange = Exchange(
            port,
            "POST",
            path,
            "",
            hostnames.of_authority(host),
            CIMultiDict({"Host": host, **headers}),
            _body(),
            "127.0.0.9",
        )
        answer = await stages.chain(way)(exchange)
        return Seen(answer.status, answer.headers, await _read(answer.body, leave), self._saw)

    async def _backend(self, exchange: Exchange, proceed: Proceed) -> Answer:
        self._saw = exchange.headers.copy()
        body = self.model.body
        self.sent = 0

        async def blocks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 40):
                self.sent += 1
                yield body[start : start + 40]

        return Answer(self.model.status, CIMultiDict({"Content-Type": self.model.type}), blocks())

    def series(self, name: str) -> dict[str, int]:
        """Return the series of Limitador with this name, by their labels as written."""
        text = self.kuadrant.limitador_metrics()
        assert text is not None
        lines = (line for line in text.splitlines() if line.startswith(f"{name}{{"))
        return {line[len(name) + 1 : line.rindex("}")]: int(line.rsplit(" ", 1)[1]) for line in lines}

    def total(self, name: str, having: str = "") -> int:
        """Return the sum of series whose labels contain a text."""
        return sum(value for labels, value in self.series(name).items() if having in labels)

    def shim(self, name: str) -> int:
        """Return a counter of the shim."""
        text = self.kuadrant.shim_metrics()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"kuadrant_{name} "))


async def _body() -> AsyncIterator[bytes]:
    yield b'{"model": "asked", "user": "someone"}'


async def _read(body: AsyncIterator[bytes] | bytes, leave: int | None) -> str:
    if isinstance(body, bytes):
        return body.decode()
    found = b""
    blocks = 0
    async for block in body:
        found += block
        blocks += 1
        if blocks == leave:
            await body.aclose()  # type: ignore[attr-defined]
            break
    return found.decode()


def _text(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
