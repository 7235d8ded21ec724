# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wasm-shim: the actions of a request one after another, before it goes to the model and after the answer.

Actions wait for each other. A matching token limit ends with its report, which can be sent only when the answer is
there, so whatever comes after the first matching token limit comes too late to refuse: a second token limit (S3), and
authentication itself when the token policy stands before it (S2).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict

from sandbox.gateway.stages import Answer, Exchange, NoAnswer, Proceed, plain
from sandbox.kuadrant.actions import (
    Action,
    ActionSet,
    Authenticate,
    Entry,
    GatewayConfig,
    LimitRequests,
    LimitTokens,
    Service,
)
from sandbox.kuadrant.authorino import Denial
from sandbox.kuadrant.cel import EvaluationError, Expression, Variables
from sandbox.kuadrant.limitador import Hit, Labels
from sandbox.kuadrant.request import Attributes, attributes_of
from sandbox.kuadrant.services import AuthorinoService, LimitadorService, Unavailable
from sandbox.kuadrant.usage import Body, total_tokens

_FAILED = "Internal Server Error.\n"
_LIMITED = "Too Many Requests\n"
_COUNTERS = ("allowed", "configs", "denied", "errors", "hits", "misses")


@dataclass
class _Turn:
    """One request on its way through its actions."""

    config: GatewayConfig
    actions: ActionSet
    attributes: Attributes
    auth: Mapping[str, Any] | None = None
    """What Authorino said; None while it said nothing, then all that mentions auth fails (S4, E21)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    reports: list[Entry] = field(default_factory=list)
    document: Any = None
    """The JSON of the answer, once there is one."""

    @property
    def variables(self) -> Variables:
        """What expressions see at this moment."""
        variables = Variables(request=self.attributes.request, source=self.attributes.source)
        if self.auth:
            variables["auth"] = self.auth
        variables.request_body, variables.response_body = self.attributes.body, self.document
        return variables

    def hit(self, entry: Entry) -> Hit | None:
        """Return the hit of an entry that matches, or None. Raises EvaluationError."""
        variables = self.variables
        if not all(predicate.holds(variables) for predicate in entry.when):
            return None
        return Hit(entry.limit.name, tuple(counter.text_value(variables) for counter in entry.counters))

    def labels(self, items: tuple[tuple[str, Expression], ...]) -> Labels:
        """Return labels with their values. Raises EvaluationError: then the call cannot be made (E19)."""
        variables = self.variables
        return tuple(sorted((name, expression.text_value(variables)) for name, expression in items))


class Shim:
    """The stage of the gateway that enforces policies."""

    def __init__(
        self, authorino: AuthorinoService, limitador: LimitadorService, choice: random.Random | None = None
    ) -> None:
        self.configs: Mapping[tuple[str, str], GatewayConfig] = {}
        self.off = False
        """Lets everything pass: statuses may say what they like."""
        self.counters: Counter[str] = Counter()
        self.clock = time.time
        self._authorino = authorino
        self._limitador = limitador
        self._random = choice or random.Random()

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Answer:
        """Enforce what is configured for the request."""
        assert exchange.site is not None
        config = self.configs.get(exchange.site.listener.gateway)
        if config is None or self.off:
            return await proceed(exchange)
        actions = config.find(_host(exchange), exchange.method, exchange.path, exchange.query, exchange.headers)
        if actions is None:
            self.counters["misses"] += 1
            return await proceed(exchange)
        self.counters["hits"] += 1
        answer = await self._enforce(exchange, config, actions, proceed)
        self.counters["allowed"] += 1  # every answer counts, refusals as well (20.3)
        return answer

    async def _enforce(self, exchange: Exchange, config: GatewayConfig, actions: ActionSet, proceed: Proceed) -> Answer:
        if actions.refused:
            return self._refuse(plain(500, f"the stand-in refuses this request: {actions.refused}\n"))
        turn = _Turn(config, actions, await attributes_of(exchange, self.clock(), actions.reads_request_body))
        for position, action in enumerate(actions.actions):
            refusal = await self._step(turn, action)
            if refusal:
                return self._refuse(refusal)
            if turn.reports:
                return await self._forward(exchange, turn, proceed, actions.actions[position + 1 :])
        return await self._forward(exchange, turn, proceed, ())

    def _refuse(self, refusal: Answer) -> Answer:
        self.counters["denied"] += 1
        return refusal

    async def _step(self, turn: _Turn, action: Action) -> Answer | None:
        """Do one action; return the refusal, or None. An error means what the failure mode says (E27, E30, E32)."""
        services = turn.config.services
        if isinstance(action, Authenticate):
            service, step = services.auth, self._authenticate(turn, action.config, services.auth)
        elif isinstance(action, LimitRequests):
            service, step = services.requests, self._limit(turn, action.entries, services.requests)
        else:
            service, step = services.check, self._check(turn, action.entry, services.check)
        try:
            return await step
        except (Unavailable, EvaluationError):
            self.counters["errors"] += 1
            return plain(500, _FAILED) if service.deny else None

    async def _authenticate(self, turn: _Turn, name: str, service: Service) -> Answer | None:
        for label in turn.actions.labels_for_auth:
            label.text_value(turn.variables)  # sent along: what does not resolve fails the call (E20)
        verdict = await self._authorino.decide(
            name, turn.attributes.request_for_auth, turn.attributes.source, service.timeout
        )
        if isinstance(verdict, Denial):
            if not verdict.can_be_sent:
                raise NoAnswer
            return Answer(verdict.status, CIMultiDict(verdict.headers), verdict.body.encode())
        turn.auth, turn.headers = verdict.metadata, verdict.headers
        return None

    async def _limit(self, turn: _Turn, entries: tuple[Entry, ...], service: Service) -> Answer | None:
        """One call for all entries: one that cannot be evaluated takes the others with it (S4)."""
        hits = [hit for hit in map(turn.hit, entries) if hit]
        if not hits:
            return None
        labels = turn.labels(turn.actions.labels_for(response=False))
        limitador = await self._limitador.call(service.timeout, turn)
        allowed = limitador.check_and_add(turn.actions.namespace, hits, labels, self.clock())
        return None if allowed else plain(429, _LIMITED)

    async def _check(self, turn: _Turn, entry: Entry, service: Service) -> Answer | None:
        hit = turn.hit(entry)
        if not hit:
            return None
        labels = turn.labels(turn.actions.labels_for(response=False))
        limitador = await self._limitador.call(service.timeout, turn)
        if not limitador.check(turn.actions.namespace, [hit], labels, self.clock()):
            return plain(429, _LIMITED)
        turn.reports.append(entry)
        return None

    async def _forward(self, exchange: Exchange, turn: _Turn, proceed: Proceed, rest: tuple[Action, ...]) -> Answer:
        for name, value in turn.headers.items():
            exchange.headers[name] = value  # what a client sent under that name is gone (E6)
        answer = await proceed(exchange)
        if turn.reports:
            body = Body(answer.headers.get("Content-Type", ""))
            answer.body = self._followed(turn, body, _blocks(answer.body), rest)
        return answer

    async def _followed(
        self, turn: _Turn, body: Body, content: AsyncGenerator[bytes, None], rest: tuple[Action, ...]
    ) -> AsyncIterator[bytes]:
        """Pass the answer on, and report at its end; a client that leaves earlier pays nothing (S7)."""
        held = b""
        async with aclosing(content) as blocks:
            async for block in blocks:
                body.feed(block)
                if held:
                    yield held
                    held = b""
                # A client that has the whole answer may ask again at once: it must find its tokens counted.
                if not body.streams or b"[DONE]" in block:
                    held = block
                else:
                    yield block
        turn.document = body.document()
        await self._after(turn, rest)
        if held:
            yield held

    async def _after(self, turn: _Turn, rest: tuple[Action, ...]) -> None:
        await self._report(turn, turn.reports.pop())
        for action in rest:
            # What is left comes too late to refuse, and comes only sometimes (S3, E13, E14).
            if not isinstance(action, LimitTokens) or self._random.random() < 0.5:
                return
            await self._step(turn, action)
            if turn.reports and self._random.random() < 0.5:
                await self._report(turn, turn.reports.pop())

    async def _report(self, turn: _Turn, entry: Entry) -> None:
        """Report the tokens of an answer. Whatever fails here refuses nothing (E32)."""
        try:
            tokens, hit = total_tokens(turn.document), turn.hit(entry)
            if tokens is None or hit is None:
                raise EvaluationError("Missing json property: /usage/total_tokens")
            labels = turn.labels(turn.actions.labels_for(response=True))
            limitador = await self._limitador.call(turn.config.services.report.timeout, turn)
            limitador.report(turn.actions.namespace, [hit], tokens, labels, self.clock())
        except (Unavailable, EvaluationError):
            self.counters["errors"] += 1


def _host(exchange: Exchange) -> str:
    """The requested host without its port, in the case in which it was written (S1)."""
    return exchange.headers.get("Host", "").strip().partition(":")[0]


async def _blocks(body: AsyncIterator[bytes] | bytes) -> AsyncGenerator[bytes, None]:
    if isinstance(body, bytes):
        yield body
        return
    async for block in body:
        yield block


def render(counters: Mapping[str, int]) -> str:
    """Return the counters as Envoy shows them (20.3, "Counters of wasm-shim")."""
    values = {name: counters.get(name, 0) for name in _COUNTERS}
    lines = []
    for name, value in values.items():
        lines += [f"# TYPE kuadrant_{name} counter", f"kuadrant_{name} {value}"]
    return "\n".join([*lines, ""])
