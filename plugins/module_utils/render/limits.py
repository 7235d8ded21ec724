# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much: the policies that limit requests and tokens, and the labels under which both are counted.

For each request exactly one entry of each policy holds (for requests: one for each counter). Two that hold would count
tokens twice and enforce only one of them; none would be no limit at all, so there is an entry for "any other tier" that
admits nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..intent.platform import Platform
from ..intent.tiers import Limit, Tier
from .cel import text, texts
from .identity import gateway_ref
from .objects import Manifest, manifest

# What has no limit is counted all the same. No tier reaches this in a day.
NO_LIMIT = Limit(10**12, "24h")
_COUNTERS = {"user": "auth.identity.userid", "team": "auth.identity.team"}


@dataclass(frozen=True)
class Share:
    """The models of a tier for which the same limits hold; ``model`` is None for all that have none of their own."""

    tier: Tier
    model: str | None = None

    @property
    def name(self) -> str:
        """The beginning of the names of its limits."""
        return self.tier.name if self.model is None else f"{self.tier.name}_{self.model}"

    @property
    def predicate(self) -> str:
        """The CEL expression that says whether a request belongs here."""
        tier = f"auth.identity.tier == {text(self.tier.name)}"
        others = [override.model for override in self.tier.overrides]
        if self.model is not None:
            return f"{tier} && auth.identity.model == {text(self.model)}"
        return f"{tier} && !(auth.identity.model in {texts(others)})" if others else tier


def shares(platform: Platform) -> Iterator[tuple[Share, Sequence[Limit], Sequence[Limit]]]:
    """Yield each share with its limits of requests and of tokens; empty where it has none."""
    for tier in platform.tiers:
        yield Share(tier), tier.requests, tier.tokens
        for override in tier.overrides:
            allowance = tier.allowance(override.model)
            yield Share(tier, override.model), allowance.requests, allowance.tokens


def request_policy(platform: Platform) -> Manifest:
    """Return the RateLimitPolicy of the gateway."""
    limits = {
        name: entry
        for share, requests, _tokens in shares(platform)
        for name, entry in _entries(share, "requests", requests)
    }
    return _policy(platform, "kuadrant.io/v1", "RateLimitPolicy", "requests", limits)


def token_policy(platform: Platform) -> Manifest:
    """Return the TokenRateLimitPolicy of the gateway."""
    limits = {
        name: entry
        for share, _requests, tokens in shares(platform)
        for name, entry in _entries(share, "tokens", tokens)
    }
    return _policy(platform, "kuadrant.io/v1alpha1", "TokenRateLimitPolicy", "tokens", limits)


def telemetry_policy(platform: Platform) -> Manifest:
    """Return the TelemetryPolicy: only labels that can always be computed, since one that cannot lifts the limits.

    ``model`` comes from the answer, so it stands on counts of tokens and not on counts of requests.
    """
    labels = {
        "user": "auth.identity.userid",
        "team": "auth.identity.team",
        "tier": "auth.identity.tier",
        "model": 'responseBodyJSON("/model")',
    }
    return manifest(
        "extensions.kuadrant.io/v1alpha1",
        "TelemetryPolicy",
        f"{platform.gateway_name}-usage",
        platform.gateway_namespace,
        spec={"targetRef": gateway_ref(platform), "metrics": {"default": {"labels": labels}}},
    )


def _entries(share: Share, what: str, limits: Sequence[Limit]) -> Iterator[tuple[str, Manifest]]:
    """Yield one entry for each counter, with all its windows as rates."""
    limits = limits or (NO_LIMIT,)
    for counter in sorted({limit.per for limit in limits}):
        rates = [{"limit": limit.limit, "window": limit.window} for limit in limits if limit.per == counter]
        yield (
            f"{share.name}_{what}_per_{counter}",
            {
                "rates": rates,
                "when": [{"predicate": share.predicate}],
                "counters": [{"expression": _COUNTERS[counter]}],
            },
        )


def _policy(platform: Platform, api_version: str, kind: str, what: str, limits: dict[str, Manifest]) -> Manifest:
    known = texts(tier.name for tier in platform.tiers)
    nothing = {"rates": [{"limit": 0, "window": "1m"}], "when": [{"predicate": f"!(auth.identity.tier in {known})"}]}
    return manifest(
        api_version,
        kind,
        f"{platform.gateway_name}-{what}",
        platform.gateway_namespace,
        spec={
            "targetRef": gateway_ref(platform),
            "defaults": {"strategy": "merge", "limits": {**limits, f"any_other_tier_{what}": nothing}},
        },
    )
