# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limitador: fixed windows and the counters that billing reads. Pure; time is an argument, in seconds.

Windows start at the first counted hit (section 6.1). A counter belongs to a namespace (``<route namespace>/<route>``),
a limit, a window and the values of the counter expressions: so each HTTPRoute counts for itself (E8), a raised limit
keeps its counters, and a changed window starts anew (E39).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""


@dataclass(frozen=True)
class Rate:
    """At most ``limit`` in ``seconds``."""

    limit: int
    seconds: int


@dataclass(frozen=True)
class Limit:
    """One limit entry of a policy as Limitador knows it."""

    namespace: str
    name: str
    """``limit.<name>__<hash>`` or ``tokenlimit.<name>__<hash>``."""
    rates: tuple[Rate, ...]
    variables: tuple[str, ...] = ()
    """The counter expressions."""

    @property
    def identity(self) -> tuple[str, str, tuple[str, ...]]:
        """What two configurations of the same limit have in common."""
        return self.namespace, self.name, self.variables

    @property
    def windows(self) -> dict[int, int]:
        """The limit of each window in seconds. Of two equal windows the first one is kept, without a word (E15)."""
        found: dict[int, int] = {}
        for rate in self.rates:
            found.setdefault(rate.seconds, rate.limit)
        return found


@dataclass(frozen=True)
class Hit:
    """A limit that a request falls under, and the values of its counter expressions."""

    limit: str
    values: tuple[str, ...]


@dataclass
class _Window:
    count: int
    ends: float


_CounterKey = tuple[str, str, tuple[str, ...], int, tuple[str, ...]]
_Limits = dict[tuple[str, str], Limit]


@dataclass
class Metrics:
    """The series of one Limitador, by namespace and labels (section 7.1)."""

    authorized_calls: Counter[tuple[str, Labels]] = field(default_factory=Counter)
    authorized_hits: Counter[tuple[str, Labels]] = field(default_factory=Counter)
    limited_calls: Counter[tuple[str, Labels]] = field(default_factory=Counter)

    def __add__(self, other: Metrics) -> Metrics:
        return Metrics(
            self.authorized_calls + other.authorized_calls,
            self.authorized_hits + other.authorized_hits,
            self.limited_calls + other.limited_calls,
        )


class Limitador:
    """One running Limitador with its own counters, which end with it (E29)."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self._limits: _Limits = {}
        self._windows: dict[_CounterKey, _Window] = {}

    def configure(self, limits: Iterable[Limit]) -> None:
        """Take over limits; counters of those that are gone are forgotten."""
        self._limits = {(limit.namespace, limit.name): limit for limit in limits}
        known = {limit.identity for limit in self._limits.values()}
        self._windows = {key: window for key, window in self._windows.items() if key[:3] in known}

    def check_and_add(self, namespace: str, hits: Iterable[Hit], labels: Labels, now: float) -> bool:
        """``ShouldRateLimit`` of a request: check every counter, and only if all have room add 1 to each (E9, E17)."""
        counters = list(self._counters(namespace, hits))
        if not self._decide(namespace, counters, labels, now):
            return False
        self._add(counters, 1, now)
        self.metrics.authorized_hits[namespace, labels] += 1
        return True

    def check(self, namespace: str, hits: Iterable[Hit], labels: Labels, now: float) -> bool:
        """``CheckRateLimit`` of the tokens: is there at least one left? Nothing is added (section 6.1, E10, E26)."""
        return self._decide(namespace, list(self._counters(namespace, hits)), labels, now)

    def report(self, namespace: str, hits: Iterable[Hit], tokens: int, labels: Labels, now: float) -> None:
        """``Report``: add tokens to every window of the limit; no tokens count as one (E24)."""
        amount = tokens or 1
        self._add(list(self._counters(namespace, hits)), amount, now)
        self.metrics.authorized_hits[namespace, labels] += amount

    def _counters(self, namespace: str, hits: Iterable[Hit]) -> Iterator[tuple[_CounterKey, int]]:
        for hit in hits:
            limit = self._limits.get((namespace, hit.limit))
            if limit:
                for seconds, most in limit.windows.items():
                    yield (*limit.identity, seconds, hit.values), most

    def _decide(self, namespace: str, counters: list[tuple[_CounterKey, int]], labels: Labels, now: float) -> bool:
        room = all(self._count(key, now) + 1 <= most for key, most in counters)
        (self.metrics.authorized_calls if room else self.metrics.limited_calls)[namespace, labels] += 1
        return room

    def _count(self, key: _CounterKey, now: float) -> int:
        window = self._windows.get(key)
        return window.count if window and now < window.ends else 0

    def _add(self, counters: list[tuple[_CounterKey, int]], amount: int, now: float) -> None:
        for key, _ in counters:
            window = self._windows.get(key)
            if window and now < window.ends:
                window.count += amount
            else:
                self._windows[key] = _Window(amount, now + key[3])


def render(metrics: Metrics) -> str:
    """Return the series in Prometheus' text format; no ``_total`` at the end of names (section 7.1)."""
    families = (
        ("authorized_calls", "Authorized calls", metrics.authorized_calls),
        ("authorized_hits", "Authorized hits", metrics.authorized_hits),
        ("limited_calls", "Limited calls", metrics.limited_calls),
    )
    lines = ["# HELP limitador_up Limitador is running", "# TYPE limitador_up gauge", "limitador_up 1"]
    for name, words, series in families:
        lines += [f"# HELP {name} {words}", f"# TYPE {name} counter"]
        for (namespace, labels), count in sorted(series.items()):
            lines.append(f"{name}{{{_labels({'limitador_namespace': namespace, **dict(labels)})}}} {count}")
    lines += ["# HELP datastore_partitioned Datastore is partitioned", "# TYPE datastore_partitioned gauge"]
    return "\n".join([*lines, "datastore_partitioned 0", ""])


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())
