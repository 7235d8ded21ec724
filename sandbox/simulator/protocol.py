# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers of /v1/chat/completions and /v1/completions. Pure.

Tokens of a chat are the tokens of its messages' texts; no chat template is added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.simulator.failures import ModelError
from sandbox.simulator.settings import Settings
from sandbox.simulator.text import tokenize

_REFUSED: dict[str, tuple[Any, ...]] = {
    "tools": ([],),
    "functions": ([],),
    "logprobs": (False, 0),
    "n": (1,),
    "best_of": (1,),
    "suffix": ("",),
}
"""Fields that would change the answer and are not implemented, with the values that mean nothing."""


@dataclass(frozen=True)
class Request:
    """A checked request; ``limit`` is the most tokens that the answer may have."""

    chat: bool
    model: str
    prompt_tokens: int
    echo: str
    """What echo mode answers with: the prompt, or the last message."""
    limit: int
    ignore_eos: bool
    stream: bool
    include_usage: bool


@dataclass(frozen=True)
class Reply:
    """What all chunks and the whole answer have in common."""

    id: str
    created: int
    request: Request

    def whole(self, text: str, finish_reason: str, tokens: int) -> dict[str, Any]:
        """Return the answer to a request that does not stream."""
        content = {"message": {"role": "assistant", "content": text}} if self.request.chat else {"text": text}
        choice = {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(tokens)}

    def opening(self) -> dict[str, Any] | None:
        """Return the first chunk of a stream: a chat names the role."""
        return self._chunk({"delta": {"role": "assistant", "content": ""}}, None) if self.request.chat else None

    def piece(self, token: str) -> dict[str, Any]:
        """Return the chunk for one token."""
        return self._chunk({"delta": {"content": token}} if self.request.chat else {"text": token}, None)

    def closing(self, finish_reason: str) -> dict[str, Any]:
        """Return the chunk with the finish reason."""
        return self._chunk({"delta": {}} if self.request.chat else {"text": ""}, finish_reason)

    def usage(self, tokens: int) -> dict[str, Any]:
        """Return the last chunk: no choices, only the usage."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(tokens)}

    def _chunk(self, content: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return chunk | {"usage": None} if self.request.include_usage else chunk

    def _head(self, kind: str) -> dict[str, Any]:
        kind = kind if self.request.chat else "text_completion"
        return {"id": self.id, "object": kind, "created": self.created, "model": self.request.model}

    def _usage(self, tokens: int) -> dict[str, int]:
        prompt = self.request.prompt_tokens
        return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def read(body: bytes, chat: bool, settings: Settings) -> Request:
    """Read and check a request. Raises ModelError."""
    fields = _fields(body)
    model = _model(fields, settings)
    for name, harmless in _REFUSED.items():
        if fields.get(name) is not None and fields[name] not in harmless:
            raise ModelError(400, f"{name} is not implemented by the sandbox's simulator", name)
    texts = _messages(fields) if chat else [_prompt(fields)]
    prompt_tokens = sum(len(tokenize(text)) for text in texts)
    stream = _boolean(fields, "stream")
    options = fields.get("stream_options")
    if options is not None and (not stream or not isinstance(options, dict)):
        raise ModelError(400, "stream_options is an object, and allowed only with stream: true", "stream_options")
    return Request(
        chat=chat,
        model=model,
        prompt_tokens=prompt_tokens,
        echo=texts[-1],
        limit=_limit(fields, chat, prompt_tokens, settings),
        ignore_eos=_boolean(fields, "ignore_eos"),
        stream=stream,
        include_usage=_boolean(options or {}, "include_usage"),
    )


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise ModelError(400, f"the body is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ModelError(400, "the body must be a JSON object")
    return fields


def _model(fields: Mapping[str, Any], settings: Settings) -> str:
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise ModelError(400, "model is missing: name the model as a string", "model")
    if model not in settings.names:
        raise ModelError(404, f"the model `{model}` does not exist; there is: {', '.join(settings.names)}", "model")
    return model


def _boolean(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ModelError(400, f"{name} must be true or false, not {value!r}", name)


def _messages(fields: Mapping[str, Any]) -> list[str]:
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ModelError(400, "messages must be a list with at least one message", "messages")
    return [_content(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _content(message: Any, where: str) -> str:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise ModelError(400, f"{where} must be an object with role and content", "messages")
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ModelError(400, f"{where}.content must be a string or a list of parts", "messages")
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ModelError(400, f"{where}.content: the simulator takes parts of type text only", "messages")
    return "".join(part["text"] for part in content)


def _prompt(fields: Mapping[str, Any]) -> str:
    prompt = fields.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise ModelError(400, "prompt must be a string (or a list of one string)", "prompt")
    return prompt


def _limit(fields: Mapping[str, Any], chat: bool, prompt_tokens: int, settings: Settings) -> int:
    """Return how many tokens the answer may have; what was asked for must fit the context window."""
    names = ("max_completion_tokens", "max_tokens") if chat else ("max_tokens",)
    asked = next(((name, fields[name]) for name in names if fields.get(name) is not None), None)
    if asked and (isinstance(asked[1], bool) or not isinstance(asked[1], int) or asked[1] < 1):
        raise ModelError(400, f"{asked[0]} must be a whole number from 1 up, not {asked[1]!r}", asked[0])
    wanted = asked[1] if asked else 1
    if prompt_tokens + wanted > settings.max_model_len:
        raise ModelError(
            400,
            f"the context window has {settings.max_model_len} tokens; the request needs {prompt_tokens + wanted}:"
            f" {prompt_tokens} of the prompt and {'' if asked else 'at least '}{wanted} of the answer",
            "messages" if chat else "prompt",
        )
    return wanted if asked else settings.max_model_len - prompt_tokens
