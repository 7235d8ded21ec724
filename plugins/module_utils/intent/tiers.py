# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of ``maas_tiers`` may say: which models, and how much of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import Problem
from .rules import WINDOW, dns_label
from .schema import Choice, Flag, Integer, ListOf, Optionally, Record, obeys

_SECONDS = {"h": 3600, "m": 60, "s": 1}
_MOST_LIMITS = 10


@dataclass(frozen=True)
class Limit:
    """At most ``limit`` requests or tokens in a fixed ``window`` that starts with the first of them.

    Each user has a count of its own, or all users of a team have one together; either way one for each model, since
    counts belong to a route.
    """

    limit: int = field(metadata=obeys(Integer(1, 10**12)))
    window: str = field(metadata=obeys(WINDOW))
    per: str = field(default="user", metadata=obeys(Choice("user", "team")))

    @property
    def seconds(self) -> int:
        """Length of the window."""
        return sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"([0-9]+)([hms])", self.window))

    def __str__(self) -> str:
        return f"{self.limit} in {self.window} per {self.per}"


@dataclass(frozen=True)
class Allowance:
    """What may be used of one model: requests without ``requests``, or tokens with ``unlimited``, have no limit."""

    requests: tuple[Limit, ...]
    tokens: tuple[Limit, ...]
    unlimited: bool


_LIMITS = ListOf(Record(Limit), _MOST_LIMITS)


@dataclass(frozen=True)
class Override:
    """Other limits for one model; what it does not say is as the tier says it."""

    model: str = field(metadata=obeys(dns_label()))
    requests: tuple[Limit, ...] | None = field(default=None, metadata=obeys(Optionally(_LIMITS)))
    tokens: tuple[Limit, ...] | None = field(default=None, metadata=obeys(Optionally(_LIMITS)))
    unlimited: bool | None = field(default=None, metadata=obeys(Optionally(Flag())))

    def contradictions(self, path: str) -> list[Problem]:
        """Return what cannot be true or enforced together."""
        problems = [*_unclear(self.requests or (), f"{path}.requests"), *_unclear(self.tokens or (), f"{path}.tokens")]
        problems += _two_counters(self.tokens or (), f"{path}.tokens")
        if self.unlimited and self.tokens:
            problems.append(_both(path))
        if self.tokens == () and not self.unlimited:
            problems.append(_neither(path))
        return problems


@dataclass(frozen=True)
class Tier:
    """A level of service; teams are in one each."""

    name: str = field(metadata=obeys(dns_label(40)))
    models: tuple[str, ...] | None = field(default=None, metadata=obeys(Optionally(ListOf(dns_label(), 1000))))
    requests: tuple[Limit, ...] = field(default=(), metadata=obeys(_LIMITS))
    tokens: tuple[Limit, ...] = field(default=(), metadata=obeys(_LIMITS))
    unlimited: bool = field(default=False, metadata=obeys(Flag()))
    overrides: tuple[Override, ...] = field(default=(), metadata=obeys(ListOf(Record(Override), 100)))

    def contradictions(self, path: str) -> list[Problem]:
        """Return what cannot be true or enforced together."""
        problems = [*_unclear(self.requests, f"{path}.requests"), *_unclear(self.tokens, f"{path}.tokens")]
        problems += _two_counters(self.tokens, f"{path}.tokens")
        if self.unlimited and self.tokens:
            problems.append(_both(path))
        if not self.unlimited and not self.tokens:
            problems.append(_neither(path))
        for index, override in enumerate(self.overrides):
            place = f"{path}.overrides[{index}].model"
            if self.models is not None and override.model not in self.models:
                problems.append(Problem(place, f"{override.model!r} is not among {path}.models", "a model of the tier"))
            if any(other.model == override.model for other in self.overrides[:index]):
                problems.append(Problem(place, f"{override.model!r} has an override before", "one for each model"))
            if override.unlimited is False and override.tokens is None and self.unlimited:
                problems.append(_neither(f"{path}.overrides[{index}]"))
        return problems

    def admits(self, model: str) -> bool:
        """Say whether the tier may use a model at all."""
        return self.models is None or model in self.models

    def allowance(self, model: str) -> Allowance:
        """Return what holds for a model that the tier may use."""
        override = next((item for item in self.overrides if item.model == model), None)
        if override is None:
            return Allowance(self.requests, self.tokens, self.unlimited)
        requests = self.requests if override.requests is None else override.requests
        if override.unlimited or (override.unlimited is None and override.tokens is None and self.unlimited):
            return Allowance(requests, (), True)
        return Allowance(requests, self.tokens if override.tokens is None else override.tokens, False)


def _unclear(limits: Sequence[Limit], path: str) -> Iterator[Problem]:
    """Tell limits that never bind: the limiter keeps one of two with the same window, without a word."""
    for index, limit in enumerate(limits):
        for other in (item for item in limits[:index] if item.per == limit.per):
            if other.seconds == limit.seconds:
                given = f"{limit.window} is a window that an entry before has too"
                yield Problem(f"{path}[{index}].window", given, f"windows that differ, for each {limit.per}")
                break
            longer, shorter = (limit, other) if limit.seconds > other.seconds else (other, limit)
            if longer.limit <= shorter.limit:
                given = f"{longer} leaves nothing to do for {shorter}"
                yield Problem(f"{path}[{index}]", given, "a higher limit for a longer window")
                break


def _two_counters(limits: Sequence[Limit], path: str) -> Iterator[Problem]:
    if len({limit.per for limit in limits}) > 1:
        given = "limits per user and per team were given together"
        yield Problem(
            path, given, "one of them: of two token limits on one request the gateway enforces only the first"
        )


def _both(path: str) -> Problem:
    return Problem(f"{path}.unlimited", "true was given together with tokens", "unlimited: true, or limits of tokens")


def _neither(path: str) -> Problem:
    return Problem(f"{path}.tokens", "there is no limit", "at least one limit, or unlimited: true where none is meant")
