# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests through the gateway, as applications send them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import urllib3

DOMAIN = "maas.local"
_SECONDS = 20.0


@dataclass(frozen=True)
class Reply:
    """What came back; ``body`` is None when it is not JSON."""

    status: int
    body: Any


@dataclass(frozen=True)
class Clients:
    """The gateway at ``address`` and ``port``, as its clients reach it."""

    address: str
    port: int
    pool: urllib3.HTTPConnectionPool = field(init=False)

    def __post_init__(self) -> None:
        pool = urllib3.HTTPConnectionPool(self.address, self.port, maxsize=4, timeout=_SECONDS, retries=False)
        object.__setattr__(self, "pool", pool)

    @property
    def url(self) -> str:
        """Where an OpenAI client is pointed to, with the header Host of a model."""
        return f"http://{self.address}:{self.port}/v1"

    def host(self, model: str) -> str:
        """The header Host that leads to a model."""
        return f"{model}.{DOMAIN}:{self.port}"

    def ask(self, key: str, model: str = "simulator", **headers: str) -> Reply:
        """Ask a model for a short answer."""
        question = {"model": model, "messages": [{"role": "user", "content": "Good day!"}], "max_tokens": 4}
        return self._send("POST", "/v1/chat/completions", key, model, json.dumps(question), headers)

    def look(self, key: str, model: str = "simulator") -> int:
        """Return the status of a request that costs no tokens."""
        return self._send("GET", "/v1/models", key, model, None, {}).status

    def statuses(self, times: int, key: str, model: str = "simulator") -> list[int]:
        """Return the statuses of several requests in a row."""
        return [self.ask(key, model).status for _ in range(times)]

    def _send(self, method: str, path: str, key: str, model: str, body: str | None, headers: dict[str, str]) -> Reply:
        sent = {"Host": self.host(model), "Content-Type": "application/json", **headers}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        response = self.pool.request(method, path, body=body, headers=sent)
        try:
            return Reply(response.status, json.loads(response.data))
        except ValueError:
            return Reply(response.status, None)

    @contextmanager
    def asking(self, key: str, times_per_second: int = 20) -> Iterator[Counter[int]]:
        """Look at a model with one key all the time; the counter holds the statuses so far."""
        seen: Counter[int] = Counter()
        stop = threading.Event()

        def work() -> None:
            due = time.monotonic()
            while not stop.is_set():
                seen[self.look(key)] += 1
                due = max(due + 1 / times_per_second, time.monotonic())
                stop.wait(due - time.monotonic())

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()
