# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the wasm-shim learns from the body of an answer. Pure.

Usage is read from a JSON body, or from the second-to-last event of an event stream: the one before ``data: [DONE]``
(section 6.1). So a stream without usage, or without ``[DONE]``, is not counted (E22).
"""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.kuadrant import cel

TOTAL_TOKENS = "/usage/total_tokens"
_EVENT_END = re.compile(rb"\r?\n\r?\n")


class Body:
    """Follows the blocks of a body; memory: the whole of a JSON body, two events of a stream."""

    def __init__(self, content_type: str) -> None:
        self.streams = content_type.partition(";")[0].strip().lower() == "text/event-stream"
        self._rest = bytearray()
        self._events: list[bytes] = []

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        self._rest += block
        if self.streams:
            *events, rest = _EVENT_END.split(bytes(self._rest))
            self._rest = bytearray(rest)
            self._events = [*self._events, *filter(None, events)][-2:]

    def document(self) -> Any:
        """Return the JSON that usage and labels are read from; None when there is none."""
        if not self.streams:
            return _json(bytes(self._rest))
        return _json(_data(self._events[0])) if len(self._events) == 2 else None


def _data(event: bytes) -> bytes:
    lines = (line.removeprefix(b"data:").strip() for line in event.splitlines() if line.startswith(b"data:"))
    return b"\n".join(lines)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def total_tokens(document: Any) -> int | None:
    """Return the tokens to report; None when the answer says nothing of them (E22, E23)."""
    try:
        tokens = cel.pointer(document, TOTAL_TOKENS)
    except LookupError:
        return None
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None
