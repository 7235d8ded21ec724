# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in gateway with the objects that the renderer makes of an inventory, in memory and with its own clock."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from multidict import CIMultiDict

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.gateway import gateway_objects
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey, key_secret
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_objects, serving_objects
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from sandbox.apiserver import key_of
from sandbox.gateway import hostnames, stages
from sandbox.gateway.plan import make_plan, number_gateways
from sandbox.gateway.stages import Answer, Exchange, Proceed
from sandbox.gateway.world import KINDS, World
from sandbox.kuadrant.limitador import Labels
from sandbox.kuadrant.platform import Kuadrant
from tests.sandbox import objects
from tests.unit.sandbox import kuadrant_objects

Entry = dict[str, Any]
Series = Counter[tuple[str, Labels]]
_FIELDS = {
    "GatewayClass": "classes",
    "Gateway": "gateways",
    "HTTPRoute": "routes",
    "Namespace": "namespaces",
    "Deployment": "deployments",
    "Pod": "pods",
    "Secret": "secrets",
    "CustomResourceDefinition": "definitions",
    "EnvoyFilter": "envoy_filters",
    "Kuadrant": "kuadrants",
    "Authorino": "authorinos",
    "Limitador": "limitadors",
    "AuthPolicy": "auth_policies",
    "RateLimitPolicy": "request_policies",
    "TokenRateLimitPolicy": "token_policies",
    "TelemetryPolicy": "telemetry_policies",
}
_BEGIN = 1_800_000_000.0
_CALL = "X-Call"
"""A header by which the model knows what to answer; it means nothing to gateway and policies."""


class Gateway:
    """A gateway that has loaded everything that follows from an inventory, and its keys."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.platform = read_platform(case["inventory"])
        self.now = _BEGIN
        self.kuadrant = Kuadrant()
        self.kuadrant.shim.clock = lambda: self.now
        self.kuadrant.shim._random = random.Random(7)
        world = _world([*_basis(self.platform), *_rendered(self.platform), *_secrets(self.platform, case)])
        plan = make_plan(1, world, number_gateways(1, world, {}))
        (self._port,) = plan.ports.values()
        # What a new operator finds is in force at once.
        self.kuadrant.sync(world, plan, self.now)
        self._release = asyncio.Event()
        way = (stages.match_listener, stages.match_route, self.kuadrant.shim, stages.apply_filters, self._model)
        self._chain = stages.chain((self.kuadrant.lua, *way))

    @property
    def not_enforced(self) -> list[str]:
        """What is said of policies that are not in force."""
        return [
            f"{kind} {'/'.join(key)}: {condition.message}"
            for (kind, key), (_, verdict) in self.kuadrant.operator.statuses.items()
            for condition in verdict
            if condition.status != "True"
        ]

    async def answers(self, calls: Sequence[Entry], took: float) -> list[int]:
        """Send calls at the same moment; those that reach a model are answered together, ``took`` seconds later."""
        self._release.clear()
        sent = [asyncio.ensure_future(self._send(call)) for call in calls]
        await asyncio.sleep(0)  # Nothing in the gateway waits, so by now each is refused or with its model.
        self.now += took
        self._release.set()
        return await asyncio.gather(*sent)

    async def _send(self, call: Entry) -> int:
        host = call["host"]
        headers = CIMultiDict({"Host": host, _CALL: json.dumps([call["tokens"], call["streams"]])})
        if call["authorization"] is not None:
            headers["Authorization"] = call["authorization"]
        exchange = Exchange(
            self._port,
            "POST",
            "/v1/chat/completions",
            "",
            hostnames.of_authority(host),
            headers,
            _blocks(b"{}"),
            "127.0.0.9",
        )
        answer = await self._chain(exchange)
        if not isinstance(answer.body, bytes):
            async for _ in answer.body:
                pass
        return answer.status

    async def _model(self, exchange: Exchange, proceed: Proceed) -> Answer:
        await self._release.wait()
        tokens, streams = json.loads(exchange.headers[_CALL])
        document: Entry = {"model": "some/model"}
        if tokens is not None:
            document["usage"] = {"total_tokens": tokens}
        text = json.dumps(document)
        if not streams:
            return Answer(200, CIMultiDict({"Content-Type": "application/json"}), _blocks(text.encode()))
        events = "".join(f"data: {event}\n\n" for event in ('{"model": "some/model"}', text, "[DONE]"))
        return Answer(200, CIMultiDict({"Content-Type": "text/event-stream"}), _blocks(events.encode()))

    def ledger(self) -> dict[str, Counter[tuple[str, ...]]]:
        """Return what the series of the limiter say, by user, team, tier and model.

        :return: ``requests``, ``tokens`` and ``refused``; requests and tokens share a series, and only tokens have the
            label ``model`` (E12 of the measured facts).
        """
        metrics = self.kuadrant.limitador.metrics
        assert metrics is not None
        hits = metrics.authorized_hits
        return {
            "requests": _accounts({key: value for key, value in hits.items() if "model" not in dict(key[1])}),
            "tokens": _accounts({key: value for key, value in hits.items() if "model" in dict(key[1])}),
            "refused": _accounts(metrics.limited_calls),
        }


def _accounts(series: Mapping[tuple[str, Labels], int]) -> Counter[tuple[str, ...]]:
    """Counters belong to a route, so its name says which model it was."""
    found: Counter[tuple[str, ...]] = Counter()
    for (namespace, labels), value in series.items():
        names = dict(labels)
        found[names["user"], names["team"], names["tier"], namespace.rpartition("/")[2]] += value
    return found


async def _blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _basis(platform: Platform) -> list[Entry]:
    """What others than the collection bring: Istio's class and Deployment, and Kuadrant, running."""
    name = f"{platform.gateway_name}-{platform.gateway_class}"
    return [
        *kuadrant_objects.definitions(),
        objects.gateway_class(platform.gateway_class),
        objects.deployment(platform.gateway_namespace, name),
        *kuadrant_objects.kuadrant(),
    ]


def _rendered(platform: Platform) -> Iterator[Entry]:
    for render in (gateway_objects, serving_objects, model_objects, policy_objects):
        yield from (thing for thing in render(platform) if thing["kind"] in _FIELDS)


def _secrets(platform: Platform, case: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield the Secrets of all keys, and those that look like keys."""
    here = platform.kuadrant_namespace
    for value, owner in case["keys"].items():
        yield _secret(value, owner, here)
    for value, owner in case["decoys"].items():
        elsewhere = value == "of-another-namespace"
        yield _secret(value, owner, platform.models_namespace if elsewhere else here, selected=elsewhere)


def _secret(value: str, owner: Mapping[str, Any], namespace: str, selected: bool = True) -> Entry:
    """Return a key's Secret as the API server keeps it; a user or team that is None is not said on it."""
    secret = key_secret(ApiKey(owner["user"] or "", value, owner["team"] or ""), value, namespace, selected)
    secret["data"] = {name: base64.b64encode(text.encode()).decode() for name, text in secret.pop("stringData").items()}
    annotations = secret["metadata"]["annotations"]
    for what in ("user", "team"):
        if owner[what] is None:
            del annotations[f"maas-billing.platform/{what}"]
    return secret


def _world(things: Sequence[Entry]) -> World:
    """Give every object what the API server gives it."""
    places: dict[str, dict[tuple[str, str], Entry]] = {field: {} for field in KINDS}
    for number, thing in enumerate(things):
        meta = thing["metadata"]
        given = {"resourceVersion": str(number), "uid": f"uid-{number}", "generation": 1}
        whole = meta | given | {"creationTimestamp": "2027-01-15T08:00:00Z"}
        if thing["kind"] == "Namespace":
            whole["labels"] = {"kubernetes.io/metadata.name": meta["name"], **meta.get("labels", {})}
        place = places[_FIELDS[thing["kind"]]]
        assert key_of(thing) not in place, f"{thing['kind']} {key_of(thing)} is there twice"
        place[key_of(thing)] = thing | {"metadata": whole}
    return World(**places)
