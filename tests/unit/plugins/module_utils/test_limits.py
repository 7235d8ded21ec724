# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which limits hold for a request, by the predicates of the rendered policies; what the inventory says decides.

Numbers with a letter are those of the measured facts.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given as for_all

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from tests.unit.plugins.cel_engine import holds
from tests.unit.plugins.strategies import WINDOWS, intents

Object = dict[str, Any]

KINDS = {"requests": "RateLimitPolicy", "tokens": "TokenRateLimitPolicy"}
COUNTERS = {"user": "auth.identity.userid", "team": "auth.identity.team"}


def policies_for(intent: Object) -> dict[str, Object]:
    return {item["kind"]: item for item in policy_objects(read_platform(intent))}


def entries_for(intent: Object, what: str) -> dict[str, Object]:
    entries: dict[str, Object] = policies_for(intent)[KINDS[what]]["spec"]["defaults"]["limits"]
    return entries


def holding(entries: dict[str, Object], tier: str, model: str) -> dict[str, Object]:
    """Return the entries that hold for a caller of a tier who calls a model."""
    variables = {"auth": {"identity": {"userid": "ann", "team": "students", "tier": tier, "model": model}}}
    return {
        name: entry
        for name, entry in entries.items()
        if all(holds(when["predicate"], **variables) for when in entry["when"])
    }


def inventory_says(tier: Object, model: str, what: str) -> list[Object]:
    """Return the limits for a model as the inventory has them, read from nothing else."""
    override = next((item for item in tier.get("overrides", []) if item["model"] == model), {})
    if what == "tokens":
        unlimited = override.get("unlimited", "tokens" not in override and tier.get("unlimited", False))
        if unlimited:
            return []
    said: list[Object] = override.get(what, tier.get(what, []))
    return said


def as_rates(said: list[Object]) -> dict[str, set[tuple[int, int]]]:
    """Return limits as pairs of count and seconds, by what counts them."""
    return {
        COUNTERS[per]: {(item["limit"], WINDOWS[item["window"]]) for item in said if item.get("per", "user") == per}
        for per in {item.get("per", "user") for item in said}
    }


def rates(entries: dict[str, Object]) -> dict[str, set[tuple[int, int]]]:
    """Return what entries say in the same way."""
    return {
        entry["counters"][0]["expression"]: {(rate["limit"], WINDOWS[rate["window"]]) for rate in entry["rates"]}
        for entry in entries.values()
    }


class TestWhatHolds:
    """S3: of two entries for tokens only one would be enforced, and both counted; none would be no limit."""

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @for_all(intents())
    def test_for_each_tier_and_model_it_is_what_the_inventory_says(self, what: str, intent: Object) -> None:
        entries = entries_for(intent, what)

        for tier in intent.get("tiers", []):
            for model in (*(model["name"] for model in intent["models"]), "another"):
                found = holding(entries, tier["name"], model)
                said = as_rates(inventory_says(tier, model, what))
                # One entry for each counter, and so for tokens exactly one.
                assert len(found) == max(len(said), 1)
                assert rates(found) == (said or {COUNTERS["user"]: {(10**12, 86400)}})
                if what == "tokens":
                    assert len(found) == 1

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @for_all(intents())
    def test_for_any_other_tier_nothing_is_admitted(self, what: str, intent: Object) -> None:
        entries = entries_for(intent, what)

        for tier in ("", "unknown-tier", "free,gold"):
            (entry,) = holding(entries, tier, "tiny").values()
            assert [rate["limit"] for rate in entry["rates"]] == [0]

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @for_all(intents())
    def test_whoever_is_in_a_tier_has_nothing_to_do_with_the_entry_for_others(self, what: str, intent: Object) -> None:
        entries = entries_for(intent, what)

        for tier in intent.get("tiers", []):
            assert not [name for name in holding(entries, tier["name"], "tiny") if name.startswith("any_other")]


class TestEntries:
    """How each entry is written."""

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @for_all(intents())
    def test_each_predicate_mentions_the_identity(self, what: str, intent: Object) -> None:
        # S2: a policy for tokens without `auth.` switches authentication off. E21: one for requests is not applied.
        for entry in entries_for(intent, what).values():
            assert entry["when"]
            assert all("auth." in when["predicate"] for when in entry["when"])

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @for_all(intents())
    def test_windows_of_an_entry_all_differ(self, what: str, intent: Object) -> None:
        # E15: of two with the same length one is lost.
        for entry in entries_for(intent, what).values():
            seconds = [WINDOWS.get(rate["window"]) for rate in entry["rates"]]
            assert len(set(seconds)) == len(seconds)

    @pytest.mark.parametrize("what", ["requests", "tokens"])
    @for_all(intents())
    def test_counters_are_single_expressions_without_double_quotes(self, what: str, intent: Object) -> None:
        for name, entry in entries_for(intent, what).items():
            counters = [counter["expression"] for counter in entry.get("counters", [])]
            assert len(counters) == (0 if name.startswith("any_other") else 1)
            assert all('"' not in counter for counter in counters)

    @for_all(intents())
    def test_an_entry_for_requests_and_one_for_tokens_never_share_a_name(self, intent: Object) -> None:
        # E40: the limiter's metrics could not tell them apart.
        assert not set(entries_for(intent, "requests")) & set(entries_for(intent, "tokens"))


class TestAll:
    """The four policies together."""

    @for_all(intents())
    def test_only_what_the_identity_has_is_used(self, intent: Object) -> None:
        # E19, S4: what cannot be computed takes all limits away.
        policies = policies_for(intent)
        response = policies["AuthPolicy"]["spec"]["defaults"]["rules"]["response"]
        known = set(response["success"]["filters"]["identity"]["json"]["properties"])
        others = [policies[kind]["spec"] for kind in (*KINDS.values(), "TelemetryPolicy")]

        used = set(re.findall(r"auth\.([a-z.]+)", repr(others)))
        assert used <= {f"identity.{name}" for name in known}

    def test_labels_say_who_and_which_model_and_nothing_of_the_request(self) -> None:
        spec = policies_for({"domain": "maas.local"})["TelemetryPolicy"]["spec"]

        # E20: a label from a header that is missing makes every request an error.
        assert spec["metrics"]["default"]["labels"] == {
            "user": "auth.identity.userid",
            "team": "auth.identity.team",
            "tier": "auth.identity.tier",
            "model": 'responseBodyJSON("/model")',
        }

    @for_all(intents())
    def test_they_hold_for_the_gateway_and_live_beside_it_and_authentication_comes_first(self, intent: Object) -> None:
        platform = read_platform(intent)
        policies = policy_objects(platform)

        assert [item["kind"] for item in policies] == ["AuthPolicy", *KINDS.values(), "TelemetryPolicy"]
        for item in policies:
            assert item["metadata"]["namespace"] == platform.gateway_namespace
            assert item["spec"]["targetRef"]["name"] == platform.gateway_name
        for kind in KINDS.values():
            assert policies_for(intent)[kind]["spec"]["defaults"]["strategy"] == "merge"

    @for_all(intents())
    def test_users_and_their_keys_change_no_policy(self, intent: Object) -> None:
        assert policies_for({**intent, "users": []}) == policies_for(intent)
