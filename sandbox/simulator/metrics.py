# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics under vLLM's names, in the Prometheus text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0)
_LONG_SECONDS = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0)
_TOKENS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)


class Histogram:
    """Counts observations by upper bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self, name: str, labels: str) -> Iterator[str]:
        """Yield the lines of this histogram."""
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{name}_sum{{{labels}}} {self._sum}"
        yield f"{name}_count{{{labels}}} {total}"


class Metrics:
    """The counters of one simulator."""

    def __init__(self, model: str) -> None:
        name = model.replace("\\", "\\\\").replace('"', '\\"')
        self._labels = f'engine="0",model_name="{name}"'
        self.running = 0
        self.waiting = 0
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self.finished: Counter[str] = Counter({"stop": 0, "length": 0, "abort": 0})
        self.time_to_first_token = Histogram(_SECONDS)
        self.inter_token_latency = Histogram(_SECONDS)
        self.request_latency = Histogram(_LONG_SECONDS)
        self.request_prompt_tokens = Histogram(_TOKENS)
        self.request_generation_tokens = Histogram(_TOKENS)

    def render(self) -> str:
        """Return the page that Prometheus scrapes."""
        return "\n".join([*self._numbers(), *self._histograms()]) + "\n"

    def _numbers(self) -> Iterator[str]:
        for name, kind, help_text, value in (
            ("num_requests_running", "gauge", "Requests being worked on.", self.running),
            ("num_requests_waiting", "gauge", "Requests in the queue.", self.waiting),
            ("kv_cache_usage_perc", "gauge", "Share of the KV cache in use; always 0, there is none.", 0),
            ("prompt_tokens_total", "counter", "Prompt tokens processed.", self.prompt_tokens),
            ("generation_tokens_total", "counter", "Tokens generated.", self.generation_tokens),
        ):
            yield from _head(name, kind, help_text)
            yield f"vllm:{name}{{{self._labels}}} {value}"
        yield from _head("request_success_total", "counter", "Requests finished, by reason.")
        for reason, count in sorted(self.finished.items()):
            yield f'vllm:request_success_total{{{self._labels},finished_reason="{reason}"}} {count}'

    def _histograms(self) -> Iterator[str]:
        for name, help_text, histogram in (
            ("time_to_first_token_seconds", "Time to the first token.", self.time_to_first_token),
            ("inter_token_latency_seconds", "Time between two tokens.", self.inter_token_latency),
            ("time_per_output_token_seconds", "Time between two tokens.", self.inter_token_latency),
            ("e2e_request_latency_seconds", "Time from arrival to the end of the answer.", self.request_latency),
            ("request_prompt_tokens", "Prompt tokens per request.", self.request_prompt_tokens),
            ("request_generation_tokens", "Generated tokens per request.", self.request_generation_tokens),
        ):
            yield from _head(name, "histogram", help_text)
            yield from histogram.samples(f"vllm:{name}", self._labels)


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP vllm:{name} {help_text}"
    yield f"# TYPE vllm:{name} {kind}"
