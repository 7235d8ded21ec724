# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory says about a request: an answer worked out from ``maas_tiers`` and its like alone.

Written from docs/tiers-and-keys.md and from what was measured of the gateway, and from nothing that the collection
computes. So it imports neither renderer nor intent nor stand-in; a test sees to that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_UNITS = {"h": 3600, "m": 60, "s": 1}
# Prefixes are compared as they are written (E1 of the measured facts).
_CREDENTIAL = re.compile(r"(?:APIKEY|Bearer) (\S+)")

Entry = Mapping[str, Any]
Account = tuple[str, str, str, str]
"""User, team, tier and model: under these names usage is counted."""


@dataclass(frozen=True)
class Decision:
    """The status code of an answer, and why."""

    status: int
    reason: str


@dataclass(frozen=True)
class Caller:
    """Whose key it is, and what the inventory says of the tier of that team."""

    user: str
    team: str
    tier: Entry

    def account(self, model: str) -> Account:
        """Under which names the use of a model is counted."""
        return self.user, self.team, self.tier["name"], model


@dataclass
class Ledger:
    """What was counted. Requests that a limit of tokens refused were counted before that (E11)."""

    requests: Counter[Account] = field(default_factory=Counter)
    tokens: Counter[Account] = field(default_factory=Counter)
    refused: Counter[Account] = field(default_factory=Counter)


@dataclass
class _Window:
    used: int
    ends: float


@dataclass(frozen=True)
class _Count:
    """One limit as it holds for a caller: what to look at, and up to where."""

    key: tuple[str, ...]
    per: str
    limit: int
    seconds: int


class Oracle:
    """Answers the requests of a trace one after another; all times are seconds."""

    def __init__(self, inventory: Entry, keys: Mapping[str, Entry]) -> None:
        """Take an inventory without the prefix ``maas_``, and user and team (or None) of the value of each key."""
        self.ledger = Ledger()
        self._keys = keys
        self._tiers = {tier["name"]: tier for tier in inventory.get("tiers", ())}
        self._teams = {team["name"]: team["tier"] for team in inventory.get("teams", ())}
        self._models = {
            f"{model.get('subdomain') or model['name']}.{inventory['domain']}": model["name"]
            for model in inventory["models"]
        }
        self._windows: dict[tuple[str, ...], _Window] = {}

    def answers(self, calls: Sequence[Entry], at: float, took: float) -> list[Decision]:
        """Answer calls that come at the same moment and are complete ``took`` seconds later.

        :param calls: each with ``authorization`` (None: no such header), ``host`` and ``tokens`` (None: the answer does
            not say how many).
        """
        admitted = [self._admission(call, at) for call in calls]
        for call, (decision, caller, model) in zip(calls, admitted, strict=True):
            if decision.status == 200 and caller and call["tokens"] is not None:
                self._spend(caller, model, call["tokens"], at + took)
        return [decision for decision, _, _ in admitted]

    def _admission(self, call: Entry, at: float) -> tuple[Decision, Caller | None, str]:
        model = self._models.get(call["host"].lower().partition(":")[0])
        if model is None:
            return Decision(404, "no such model"), None, ""
        key = _CREDENTIAL.fullmatch(call["authorization"] or "")
        if key is None or key[1] not in self._keys:
            return Decision(401, "unknown key" if key else "no key"), None, model
        owner = self._keys[key[1]]
        if not owner["user"] or owner["team"] not in self._teams:
            return Decision(403, "unknown team" if owner["user"] else "no user"), None, model
        caller = Caller(owner["user"], owner["team"], self._tiers[self._teams[owner["team"]]])
        included = caller.tier.get("models")
        if included is not None and model not in included:
            return Decision(403, "model not in tier"), None, model
        return self._room(caller, model, at), caller, model

    def _room(self, caller: Caller, model: str, at: float) -> Decision:
        """Look at requests first; a request that passes is counted whatever the tokens say."""
        account = caller.account(model)
        full = self._full("requests", caller, model, at)
        if not full:
            self.ledger.requests[account] += 1
            self._add("requests", caller, model, 1, at)
            full = self._full("tokens", caller, model, at)
        if full:
            self.ledger.refused[account] += 1
            return Decision(429, full)
        return Decision(200, "admitted")

    def _spend(self, caller: Caller, model: str, tokens: int, at: float) -> None:
        """Count the tokens of an answer; none at all count as one (E24)."""
        self.ledger.tokens[caller.account(model)] += tokens or 1
        self._add("tokens", caller, model, tokens or 1, at)

    def _full(self, what: str, caller: Caller, model: str, at: float) -> str:
        """Return which limit leaves nothing; empty when each leaves at least one."""
        for count in _counts(what, caller, model):
            window = self._windows.get(count.key)
            if window and at < window.ends and window.used >= count.limit:
                return f"{what} per {count.per}"
        return ""

    def _add(self, what: str, caller: Caller, model: str, amount: int, at: float) -> None:
        """Count in every window; one that is over begins anew with this."""
        for count in _counts(what, caller, model):
            window = self._windows.get(count.key)
            if window and at < window.ends:
                window.used += amount
            else:
                self._windows[count.key] = _Window(amount, at + count.seconds)


def _counts(what: str, caller: Caller, model: str) -> Iterator[_Count]:
    """Yield what is counted for a caller: for each model, and by user or by team."""
    for limit in _limits(what, caller.tier, model):
        per, seconds = limit.get("per", "user"), _seconds(limit["window"])
        who = caller.user if per == "user" else caller.team
        yield _Count((what, model, per, who, str(seconds)), per, limit["limit"], seconds)


def _limits(what: str, tier: Entry, model: str) -> Sequence[Entry]:
    """Return the limits that hold for a model of a tier."""
    override: Entry = next((item for item in tier.get("overrides", ()) if item["model"] == model), {})
    if what == "tokens" and override.get("unlimited"):
        return ()
    limits: Sequence[Entry] = tier.get(what) or () if override.get(what) is None else override[what]
    return limits


def _seconds(window: str) -> int:
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", window))
