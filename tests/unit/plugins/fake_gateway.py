# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A gateway as a function: it does what an inventory says, by its own reading of it; or not, where a test asks for it.

All its windows last as long as the test.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import Answer, Check, judge
from ansible_collections.maas_billing.platform.plugins.module_utils.verification import Guests

Object = dict[str, Any]


class Gateway:
    """Answers checks; each test of a wrong one overrides the part that is wrong."""

    prefixes = ("APIKEY", "Bearer")
    paths = ("/v1/chat/completions", "/v1/models")
    # What a question costs, and what each token of an answer.
    question_tokens = 9
    seconds = 0.01

    def __init__(self, intent: Object, guests: Guests) -> None:
        self.models = {f"{item.get('subdomain') or item['name']}.{intent['domain']}": item for item in intent["models"]}
        self.tiers = {tier["name"]: tier for tier in intent.get("tiers", [])}
        self.teams = {team["name"]: team["tier"] for team in intent.get("teams", [])}
        self.guests = guests
        self.used: Counter[tuple[str, ...]] = Counter()
        self.seen: list[Check] = []

    def __call__(self, check: Check) -> Answer:
        self.seen.append(check)
        status, body = self.respond(check)
        return judge(check, status, json.dumps(body).encode(), self.seconds)

    def respond(self, check: Check) -> tuple[int, Object]:
        """Return status and body of the answer to one request."""
        model = self.models.get(check.host.lower())
        if model is None or check.path not in self.paths:
            return 404, {}
        caller = self.caller(check)
        if caller is None:
            return 401, {}
        user, team = caller
        tier = self.tier(team)
        if tier is None or not self.admits(tier, model["name"]):
            return 403, {}
        tokens = self.question_tokens + (check.body or {}).get("max_tokens", 0)
        if not self.within_limits(tier, model["name"], user, team, tokens):
            return 429, {}
        return 200, self.completion(tokens)

    def caller(self, check: Check) -> tuple[str, str] | None:
        """Return user and team of the key that a request carries."""
        prefix, _space, key = dict(check.headers).get("Authorization", "").partition(" ")
        known = {guest.value: (guest.user, guest.team) for guest in self.guests.all}
        return known.get(key) if prefix in self.prefixes else None

    def tier(self, team: str) -> Object | None:
        return self.tiers.get(self.teams.get(team, ""))

    def admits(self, tier: Object, model: str) -> bool:
        return "models" not in tier or tier["models"] is None or model in tier["models"]

    def within_limits(self, tier: Object, model: str, user: str, team: str, tokens: int) -> bool:
        """Say whether something is left of every limit; and if so, count."""
        who = {"user": user, "team": team}
        costs = {"requests": self.cost_of_a_request(), "tokens": self.cost_of_tokens(tokens)}
        for what in costs:
            for limit in limits_of(tier, model, what):
                per = limit.get("per", "user")
                if self.used[what, model, per, who[per]] >= self.most(limit["limit"], what):
                    return False
        for what, cost in costs.items():
            for per in who:
                self.used[what, model, per, who[per]] += cost
        return True

    def most(self, limit: int, _what: str) -> int:
        return limit

    def cost_of_a_request(self) -> int:
        return 1

    def cost_of_tokens(self, tokens: int) -> int:
        return tokens

    def completion(self, tokens: int) -> Object:
        return {"choices": [{"message": {"content": "Yes."}}], "usage": {"total_tokens": tokens}}


def limits_of(tier: Object, model: str, what: str) -> list[Object]:
    """Return the limits of a tier for a model as the inventory has them."""
    override = next((item for item in tier.get("overrides", []) if item["model"] == model), {})
    if what == "tokens" and override.get("unlimited", "tokens" not in override and tier.get("unlimited", False)):
        return []
    said: list[Object] = override.get(what, tier.get(what, []))
    return said
