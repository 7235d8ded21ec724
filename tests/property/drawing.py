# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Hypothesis draws: small inventories whose limits bind soon, and requests that come close to their edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Entry = dict[str, Any]

DOMAIN = "maas.local"
# Few windows, so that steps of these lengths meet their ends; some are written as people also write them.
_WINDOWS = {"10s": 10, "0m30s": 30, "60s": 60, "1m30s": 90, "24h": 86_400}
_COUNTS = {"requests": (1, 2, 3, 5, 8, 13), "tokens": (1, 2, 10, 21, 40, 100)}
_MODELS = (
    {"name": "tiny"},
    {"name": "large", "subdomain": "big", "model_id": "Org/Large-1.5"},
    {"name": "tiny-2", "subdomain": "large"},
)
_TIERS = ("free", "tiny", "free-tiny")
# Users and teams may have one name; and names hold all that they may hold.
_TEAMS = ("ann", "r.d+x_y", "ops@example.org")
_USERS = ("ann", "bob@example.org", "c.d+e_f-g", "9")

# Strategies are made once, which saves half the time of drawing. What depends on the case is drawn as a number.
_ANY = st.integers(0, 2**16)
_YES = st.booleans()
_STEPS = st.sampled_from(
    # None: together with the call before. Without many calls between the edges no limit would be reached.
    [*[0] * 20, *[None] * 10, 1, *(seconds + shift for seconds in _WINDOWS.values() for shift in (0, -1, 1))]
)
_CALL = st.tuples(_STEPS, _ANY, _ANY, st.sampled_from([10, 0, 1, 20, 45, None]))
# Hypothesis makes short lists of what may be short, and of few calls hardly any reaches an edge.
_CALLS = st.one_of([st.lists(_CALL, min_size=least, max_size=40) for least in (1, 12, 25)])
_TOOK = st.sampled_from([0, 1, 11])
_REQUESTS_PER = st.sampled_from([("user",), ("team",), ("team", "user"), (), None])
_TOKENS_PER = st.sampled_from(["user", "team", None])


@st.composite
def cases(draw: st.DrawFn) -> Entry:
    """Draw an inventory, the keys that exist, and a trace of up to 40 calls.

    :return: ``inventory``; ``keys`` with user and team of each value; ``decoys``, Secrets with a value that are no
        keys; ``trace``, moments with ``after`` (seconds since the last), ``took`` and ``calls``.
    """
    inventory = _inventory(draw)
    keys = {
        f"{name}-of-user-{number}": {"user": user["name"], "team": user["team"]}
        for number, user in enumerate(inventory["users"])
        for name in user.get("keys", ["default"])
    }
    known = inventory["teams"][0]["name"]
    strays = {
        "of-a-team-that-is-gone": {"user": "ann", "team": "gone"},
        "of-no-user": {"user": _one_of(draw, ("", None)), "team": known},
        "of-no-team": {"user": "ann", "team": _one_of(draw, ("", None))},
    }
    decoys = {"of-another-namespace": {"user": "ann", "team": known}, "not-selected": {"user": "ann", "team": known}}
    odd = [*strays, *decoys, "wrong"]
    # About four of five calls have a good key, however few there are.
    values = [*keys] * (4 * len(odd) // len(keys) + 1) + odd
    labels = [model.get("subdomain", model["name"]) for model in inventory["models"]]
    return {"inventory": inventory, "keys": keys | strays, "decoys": decoys, "trace": _trace(draw, values, labels)}


def _one_of(draw: st.DrawFn, things: Sequence[T]) -> T:
    return things[draw(_ANY) % len(things)]


def _first(draw: st.DrawFn, things: Sequence[T]) -> Sequence[T]:
    """Draw how many of these there are, at least one."""
    return things[: draw(_ANY) % len(things) + 1]


def _some(draw: st.DrawFn, things: Sequence[T]) -> list[T]:
    """Draw a subset: mostly some, rarely none."""
    return [thing for thing in things if draw(_YES)]


def _inventory(draw: st.DrawFn) -> Entry:
    """Draw the variables of a platform with at least one model, tier, team and user."""
    models = _first(draw, _MODELS)
    tiers = [_tier(draw, name, [model["name"] for model in models]) for name in _first(draw, _TIERS)]
    teams = [{"name": name, "tier": _one_of(draw, tiers)["name"]} for name in _first(draw, _TEAMS)]
    keys: tuple[Entry, ...] = ({}, {"keys": ["laptop", "pipeline"]})
    users = [
        {"name": name, "team": _one_of(draw, teams)["name"], **_one_of(draw, keys)} for name in _first(draw, _USERS)
    ]
    return {
        "domain": DOMAIN,
        "simulator_image": "registry.example/sim:v1",
        "models": [{"server": "simulator", "allow_unmetered_streams": True, **model} for model in models],
        "tiers": tiers,
        "teams": teams,
        "users": users,
    }


def _tier(draw: st.DrawFn, name: str, models: list[str]) -> Entry:
    """Draw a tier: all models or some, and for some of them other limits."""
    tier = {"name": name, **_token_limits(draw), **_request_limits(draw)}
    admitted = models
    if draw(_YES):
        admitted = tier["models"] = _some(draw, models)
    if draw(_YES):
        tier["overrides"] = [_override(draw, model, "tokens" in tier) for model in _some(draw, admitted)]
    return tier


def _override(draw: st.DrawFn, model: str, limited: bool) -> Entry:
    """Draw other limits for a model; ``limited`` says whether the tier limits tokens."""
    tokens = _token_limits(draw)
    if draw(_YES):
        tokens = {"unlimited": False} if limited and draw(_YES) else {}
    return {"model": model, **tokens, **_request_limits(draw)}


def _request_limits(draw: st.DrawFn) -> Entry:
    """Draw limits of requests per user, per team, both or none."""
    pers = draw(_REQUESTS_PER)
    return {} if pers is None else {"requests": [limit for per in pers for limit in _limits(draw, "requests", per)]}


def _token_limits(draw: st.DrawFn) -> Entry:
    """Draw limits of tokens per user or per team, or that there are none."""
    per = draw(_TOKENS_PER)
    return {"unlimited": True} if per is None else {"tokens": _limits(draw, "tokens", per)}


def _limits(draw: st.DrawFn, what: str, per: str) -> list[Entry]:
    """Draw up to three limits of one counter: windows that differ, the longer the more."""
    windows = _one_of(draw, [found for size in (1, 2, 3) for found in combinations(_WINDOWS, size)])
    counts = _one_of(draw, list(combinations(_COUNTS[what], len(windows))))
    said = {"per": per} if per == "team" or draw(_YES) else {}
    return [{"limit": count, "window": window, **said} for window, count in zip(windows, counts, strict=True)]


def _trace(draw: st.DrawFn, values: list[str], labels: list[str]) -> list[Entry]:
    """Draw moments, with one call or several at once."""
    credentials = [f"{prefix} {value}" for prefix in ("Bearer", "APIKEY") for value in values]
    odd_credentials: list[str | None] = [None, "", f"bearer {values[0]}", f"apikey {values[0]}", values[0]]
    usual = f"{labels[0]}.{DOMAIN}"
    hosts = [usual, usual, *(f"{label}.{DOMAIN}" for label in labels)]
    odd_hosts = [usual.upper(), f"{usual}:8000", f"{labels[-1].title()}.Maas.LOCAL:80", f"nobody.{DOMAIN}"]
    headers, hosts = [*credentials, *credentials, *odd_credentials], [*hosts, *hosts, *hosts, *odd_hosts]
    took, streams = draw(_TOOK), draw(_YES)
    moments: list[Entry] = []
    for after, key, host, tokens in draw(_CALLS):
        call = {
            "authorization": headers[key % len(headers)],
            "host": hosts[host % len(hosts)],
            "tokens": tokens,
            "streams": streams,
        }
        if after is None and moments:
            moments[-1]["calls"].append(call)
        else:
            moments.append({"after": after or 0, "took": took, "calls": [call]})
    return moments
