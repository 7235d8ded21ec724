# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in simulator: its answers, its metrics, its process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import openai
import pytest
from aiohttp import web

from sandbox.simulator.server import Simulator
from sandbox.simulator.settings import parse

HELLO = [{"role": "user", "content": "Hello, you!"}]


def serve(test: Callable[[aiohttp.ClientSession], Awaitable[None]], *flags: str, **environment: str) -> None:
    """Run a test against a simulator with these flags."""

    async def limited() -> None:
        settings = parse(["--model=sim", "--mode=echo", *flags], environment)
        runner = web.AppRunner(Simulator(settings, environment).application(), handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with (
                asyncio.timeout(10),
                aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session,
            ):
                await test(session)
        finally:
            await runner.cleanup()

    asyncio.run(limited())


async def chat(session: aiohttp.ClientSession, headers: Any = None, **fields: Any) -> tuple[int, Any]:
    """Send a chat; return status and JSON."""
    body = {"model": "sim", "messages": HELLO} | fields
    async with session.post("/v1/chat/completions", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def events(session: aiohttp.ClientSession, path: str = "/v1/chat/completions", **fields: Any) -> list[Any]:
    """Send a streaming request; return its events, JSON where they are JSON."""
    body = {"model": "sim", "messages": HELLO, "stream": True} | fields
    async with session.post(path, json=body) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = (await answer.text()).split("\n\n")
    assert lines.pop() == ""
    payloads = [line.removeprefix("data: ") for line in lines]
    return [json.loads(payload) if payload != "[DONE]" else payload for payload in payloads]


async def metrics(session: aiohttp.ClientSession) -> dict[str, float]:
    """Return the metrics without their common labels."""
    async with session.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = (await answer.text()).splitlines()
    values = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {
        name.replace('engine="0",model_name="sim"', "").replace("{}", ""): float(value) for name, _, value in values
    }


class TestChat:
    def test_a_whole_answer(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            status, answer = await chat(session)
            assert status == 200
            assert answer["object"] == "chat.completion"
            assert answer["choices"] == [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hello, you!"},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ]
            assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}

        serve(check)

    def test_a_limit_cuts_and_says_so(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            for name in ("max_tokens", "max_completion_tokens"):
                _, answer = await chat(session, **{name: 2})
                assert answer["choices"][0]["message"]["content"] == "Hello,"
                assert answer["choices"][0]["finish_reason"] == "length"
                assert answer["usage"]["completion_tokens"] == 2

        serve(check)

    def test_a_stream_with_usage(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            first, *middle, closing, usage, done = await events(session, stream_options={"include_usage": True})
            assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
            assert "".join(event["choices"][0]["delta"]["content"] for event in middle) == "Hello, you!"
            assert closing["choices"][0]["finish_reason"] == "stop"
            assert all(event["usage"] is None for event in (first, *middle, closing))
            assert usage["choices"] == []
            assert usage["usage"] == {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}
            assert done == "[DONE]"
            assert {event["id"] for event in (first, *middle, closing, usage)} == {first["id"]}

        serve(check)

    def test_a_stream_without_usage(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            *chunks, done = await events(session)
            assert done == "[DONE]"
            assert all("usage" not in chunk for chunk in chunks)
            assert chunks[-1]["choices"][0]["finish_reason"] == "stop"

        serve(check)

    def test_parts_of_text(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
            _, answer = await chat(
                session, messages=[{"role": "system", "content": "s"}, {"role": "user", "content": parts}]
            )
            assert answer["choices"][0]["message"]["content"] == "a b"
            assert answer["usage"]["prompt_tokens"] == 3

        serve(check)

    @pytest.mark.parametrize(
        ("fields", "status", "field", "words"),
        [
            ({"model": "other"}, 404, "model", "`other` does not exist; there is: sim"),
            ({"model": None}, 400, "model", "model is missing"),
            ({"messages": []}, 400, "messages", "at least one message"),
            ({"messages": [{"content": "x"}]}, 400, "messages", "messages[0] must be an object"),
            ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "messages", "type text only"),
            ({"max_tokens": 0}, 400, "max_tokens", "from 1 up, not 0"),
            ({"max_tokens": "9"}, 400, "max_tokens", "not '9'"),
            ({"max_tokens": 17}, 400, "messages", "has 20 tokens; the request needs 21: 4 of the prompt and 17"),
            ({"messages": [{"role": "user", "content": "a " * 20}]}, 400, "messages", "at least 1 of the answer"),
            ({"stream": "yes"}, 400, "stream", "stream must be true or false"),
            ({"stream_options": {"include_usage": True}}, 400, "stream_options", "only with stream: true"),
            ({"tools": [{"type": "function"}]}, 400, "tools", "tools is not implemented"),
            ({"n": 2}, 400, "n", "n is not implemented"),
        ],
    )
    def test_refusals(self, fields: dict[str, Any], status: int, field: str, words: str) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            found, answer = await chat(session, **fields)
            error = answer["error"]
            assert (found, error["param"], error["code"]) == (status, field, status)
            assert error["type"] == {400: "BadRequestError", 404: "NotFoundError"}[status]
            assert words in error["message"]

        serve(check, "--max-model-len=20")

    def test_what_is_no_json(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            for body in (b"{", b"[]", b"\xff"):
                async with session.post("/v1/chat/completions", data=body) as answer:
                    assert answer.status == 400
                    assert (await answer.json())["error"]["type"] == "BadRequestError"

        serve(check)

    def test_errors_on_request_and_at_random(self) -> None:
        async def check(session: aiohttp.ClientSession) -> None:
            status, answer = await chat(session, headers={"X-Return-Error": "503"})
            assert (status, answer["error"]["type"]) == (503, "InternalServerError")
            assert (await chat(session))[0] == 429

        serve(check, "--failure-injection-rate=100", "--failure-types", "rate_limit")


def test_completions() -> None:
    async def check(session: aiohttp.ClientSession) -> None:
        for prompt in ("one two", ["one two"]):
            async with session.post("/v1/completions", json={"model": "sim", "prompt": prompt}) as answer:
                body = await answer.json()
            assert body["object"] == "text_completion"
            assert body["choices"][0]["text"] == "one two"
            assert body["usage"]["total_tokens"] == 4
        chunks = await events(session, "/v1/completions", prompt="one two", messages=None)
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1]) == "one two"
        async with session.post("/v1/completions", json={"model": "sim", "prompt": ["a", "b"]}) as answer:
            assert answer.status == 400

    serve(check)


def test_the_same_seed_says_the_same() -> None:
    said: list[str] = []

    async def check(session: aiohttp.ClientSession) -> None:
        said.extend([(await chat(session))[1]["choices"][0]["message"]["content"] for _ in range(3)])

    serve(check, "--mode=random", "--seed=5")
    serve(check, "--mode=random", "--seed=5")
    serve(check, "--mode=random", "--seed=6")
    assert said[:3] == said[3:6]
    assert said[:3] != said[6:]
    assert len(set(said[:3])) == 3


def test_latencies() -> None:
    async def check(session: aiohttp.ClientSession) -> None:
        started = time.monotonic()
        await chat(session)
        assert 0.2 + 3 * 0.05 <= time.monotonic() - started < 0.7

    serve(check, "--time-to-first-token=200ms", "--inter-token-latency=50ms")


def test_the_queue() -> None:
    async def check(session: aiohttp.ClientSession) -> None:
        requests = [asyncio.create_task(chat(session)) for _ in range(4)]
        await asyncio.sleep(0.1)
        seen = await metrics(session)
        assert (seen["vllm:num_requests_running"], seen["vllm:num_requests_waiting"]) == (1, 2)
        statuses = Counter([status for status, _ in await asyncio.gather(*requests)])
        assert statuses == {200: 3, 429: 1}
        assert (await metrics(session))["vllm:num_requests_running"] == 0

    serve(check, "--max-num-seqs=1", "--max-waiting-queue-length=2", "--time-to-first-token=200ms")


def test_metrics_count_tokens_even_of_a_client_that_leaves() -> None:
    async def check(session: aiohttp.ClientSession) -> None:
        await chat(session)
        await chat(session, max_tokens=2)
        body = {"model": "sim", "messages": HELLO, "stream": True}
        async with session.post("/v1/chat/completions", json=body) as answer:
            while b"Hello" not in await answer.content.readany():
                pass
            answer.close()
        for _ in range(100):
            seen = await metrics(session)
            if seen['vllm:request_success_total{,finished_reason="abort"}']:
                break
            await asyncio.sleep(0.02)
        assert seen['vllm:request_success_total{,finished_reason="stop"}'] == 1
        assert seen['vllm:request_success_total{,finished_reason="length"}'] == 1
        assert seen['vllm:request_success_total{,finished_reason="abort"}'] == 1
        assert seen["vllm:prompt_tokens_total"] == 12
        assert seen["vllm:generation_tokens_total"] == 4 + 2 + 1
        assert seen["vllm:request_generation_tokens_sum"] == 7
        assert seen['vllm:request_generation_tokens_bucket{,le="2.0"}'] == 2
        assert seen['vllm:request_generation_tokens_bucket{,le="+Inf"}'] == 3
        assert seen["vllm:e2e_request_latency_seconds_count"] == 3

    serve(check, "--inter-token-latency=150ms")


def test_health_models_and_headers() -> None:
    async def check(session: aiohttp.ClientSession) -> None:
        statuses = {}
        for path in ("/health", "/health/ready", "/ready"):
            async with session.get(path) as answer:
                statuses[path] = answer.status
        assert statuses == {"/health": 200, "/health/ready": 503, "/ready": 503}
        await asyncio.sleep(0.3)
        async with session.get("/ready") as answer:
            assert answer.status == 200
        async with session.get("/v1/models") as answer:
            cards = (await answer.json())["data"]
        assert [(card["id"], card["root"], card["max_model_len"]) for card in cards] == [
            ("a", "sim", 1024),
            ("b", "sim", 1024),
        ]
        body = {"model": "b", "messages": HELLO}
        async with session.post("/v1/chat/completions", json=body, headers={"X-Request-Id": "r1"}) as answer:
            assert answer.headers["X-Request-Id"] == "r1"
            assert answer.headers["x-inference-pod"] == "pod-1"
            assert answer.headers["x-inference-namespace"] == "models"
            assert (await answer.json())["model"] == "b"

    flags = ("--served-model-name", "a", "b", "--startup-duration=300ms", "--enable-request-id-headers")
    serve(check, *flags, POD_NAME="pod-1", POD_NAMESPACE="models")


def test_the_official_client() -> None:
    async def check(session: aiohttp.ClientSession) -> None:
        base = str(session._base_url).rstrip("/")
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0) as client:
            assert [model.id async for model in client.models.list()] == ["sim"]
            answer = await client.chat.completions.create(model="sim", messages=HELLO)  # type: ignore[arg-type]
            assert answer.choices[0].message.content == "Hello, you!"
            stream = await client.completions.create(
                model="sim", prompt="a b", stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            assert chunks[-1].usage is not None
            assert chunks[-1].usage.total_tokens == 4
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="other", messages=HELLO)  # type: ignore[arg-type]
            with pytest.raises(openai.BadRequestError, match="context window"):
                await client.chat.completions.create(model="sim", messages=HELLO, max_tokens=5000)  # type: ignore[arg-type]

    serve(check)


class TestProcess:
    @staticmethod
    def start(*flags: str, **environment: str) -> subprocess.Popen[str]:
        """Start a simulator as the kubelet does."""
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox.simulator", *flags],
            env={**os.environ, "SANDBOX_PORT": "0", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_it_ends_with_its_lifeline(self) -> None:
        with self.start("--model=m", SANDBOX_LIFELINE="1") as process:
            assert process.stdout
            assert process.stdin
            assert "model m at http://127.0.0.1:0" in process.stdout.readline()
            process.stdin.close()
            assert process.wait(timeout=5) == 0

    def test_it_ends_on_sigterm(self) -> None:
        with self.start("--model=m") as process:
            assert process.stdout
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0

    def test_an_unknown_flag_is_status_2_and_one_line(self) -> None:
        with self.start("--nonsense") as process:
            out, errors = process.communicate(timeout=10)
            assert process.returncode == 2
        assert (out, errors) == ("", "llm-d-inference-sim (sandbox): unknown flag: --nonsense\n")
