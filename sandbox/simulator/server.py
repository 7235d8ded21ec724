# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server of the simulator."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from sandbox.simulator import failures, protocol, text
from sandbox.simulator.failures import ModelError
from sandbox.simulator.metrics import Metrics
from sandbox.simulator.protocol import Reply, Request
from sandbox.simulator.settings import Settings

_BODY_LIMIT = 4 * 1024 * 1024


class Simulator:
    """One model server: its random numbers, its queue and its metrics."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.metrics = Metrics(settings.names[0])
        self._settings = settings
        self._headers = _pod_headers(environment, settings.port)
        self._random = random.Random(settings.seed)
        self._slots = asyncio.Semaphore(settings.max_num_seqs)
        self._started = time.monotonic()
        self._created = int(time.time())

    def application(self) -> web.Application:
        """Return the routes of this server."""
        app = web.Application(client_max_size=_BODY_LIMIT)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completion)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _ready(self, _: web.Request) -> web.Response:
        loading = time.monotonic() - self._started < self._settings.startup_duration
        return web.Response(status=503 if loading else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        page = self.metrics.render().encode()
        return web.Response(body=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _models(self, _: web.Request) -> web.Response:
        cards = [
            {
                "id": name,
                "object": "model",
                "created": self._created,
                "owned_by": "vllm",
                "root": self._settings.model,
                "parent": None,
                "max_model_len": self._settings.max_model_len,
            }
            for name in self._settings.names
        ]
        return web.json_response({"object": "list", "data": cards})

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        return await self._answer(http, chat=True)

    async def _completion(self, http: web.Request) -> web.StreamResponse:
        return await self._answer(http, chat=False)

    async def _answer(self, http: web.Request, chat: bool) -> web.StreamResponse:
        headers = self._response_headers(http)
        try:
            self._fail_on_purpose(http)
            request = protocol.read(await http.read(), chat, self._settings)
            async with self._slot():
                return await self._work(http, request, headers)
        except ModelError as error:
            return web.json_response(error.body(), status=error.status, headers=headers)

    def _response_headers(self, http: web.Request) -> dict[str, str]:
        request_id = http.headers.get("X-Request-Id")
        if request_id and self._settings.enable_request_id_headers:
            return self._headers | {"X-Request-Id": request_id}
        return self._headers

    def _fail_on_purpose(self, http: web.Request) -> None:
        settings = self._settings
        failure = failures.requested(http.headers.get("X-Return-Error")) or failures.injected(
            self._random, settings.failure_injection_rate, settings.failure_types, settings.names[0]
        )
        if failure:
            raise failure

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Wait for one of the places for running requests; a full queue refuses."""
        if self._slots.locked() and self.metrics.waiting >= self._settings.max_waiting_queue_length:
            raise ModelError(429, "the queue of waiting requests is full")
        self.metrics.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.metrics.waiting -= 1
        self.metrics.running += 1
        try:
            yield
        finally:
            self.metrics.running -= 1
            self._slots.release()

    async def _work(self, http: web.Request, request: Request, headers: Mapping[str, str]) -> web.StreamResponse:
        tokens, reason = self._generate(request)
        prefix = "chatcmpl" if request.chat else "cmpl"
        reply = Reply(f"{prefix}-{uuid.UUID(int=self._random.getrandbits(128))}", int(time.time()), request)
        timed = self._timed(request, tokens, reason)
        if request.stream:
            return await _stream(http, reply, timed, reason, headers)
        words = [token async for token in timed]
        return web.json_response(reply.whole("".join(words), reason, len(words)), headers=headers)

    def _generate(self, request: Request) -> tuple[list[str], str]:
        if self._settings.mode == "echo":
            return text.echo(request.echo, request.limit)
        return text.ramble(self._random, request.limit, to_the_limit=request.ignore_eos)

    async def _timed(self, request: Request, tokens: list[str], reason: str) -> AsyncGenerator[str, None]:
        """Yield the tokens at the speed that was set, and count them as they leave."""
        settings, metrics = self._settings, self.metrics
        arrived, made, outcome = time.monotonic(), 0, "abort"
        metrics.prompt_tokens += request.prompt_tokens
        try:
            await self._sleep(settings.time_to_first_token, settings.time_to_first_token_std_dev)
            metrics.time_to_first_token.observe(time.monotonic() - arrived)
            for token in tokens:
                if made:
                    before = time.monotonic()
                    await self._sleep(settings.inter_token_latency, settings.inter_token_latency_std_dev)
                    metrics.inter_token_latency.observe(time.monotonic() - before)
                made += 1
                metrics.generation_tokens += 1
                yield token
            outcome = reason
        finally:
            metrics.finished[outcome] += 1
            metrics.request_latency.observe(time.monotonic() - arrived)
            metrics.request_prompt_tokens.observe(request.prompt_tokens)
            metrics.request_generation_tokens.observe(made)

    async def _sleep(self, mean: float, deviation: float) -> None:
        # As upstream: never further from the mean than 70 %.
        if mean:
            drawn = self._random.gauss(mean, deviation)
            await asyncio.sleep(min(max(drawn, 0.3 * mean), 1.7 * mean))


async def _stream(
    http: web.Request, reply: Reply, tokens: AsyncGenerator[str, None], reason: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, "Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(http)
    count, opening = 0, reply.opening()
    try:
        if opening:
            await response.write(_event(opening))
        async for token in tokens:
            count += 1
            await response.write(_event(reply.piece(token)))
    finally:
        # The client may be gone: what was generated until now is counted at once.
        await tokens.aclose()
    await response.write(_event(reply.closing(reason)))
    if reply.request.include_usage:
        await response.write(_event(reply.usage(count)))
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _event(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def _pod_headers(environment: Mapping[str, str], port: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if environment.get("POD_NAME"):
        headers |= {"x-inference-pod": environment["POD_NAME"], "x-inference-port": str(port)}
    if environment.get("POD_NAMESPACE"):
        headers["x-inference-namespace"] = environment["POD_NAMESPACE"]
    return headers
