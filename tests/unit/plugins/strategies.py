# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Hypothesis draws: inventories that are right, and values that nobody expects."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=12,
)


def dns_labels(longest: int) -> st.SearchStrategy[str]:
    """Labels of RFC 1035 up to ``longest`` characters, the very longest among them."""
    parts = st.sampled_from("ax"), st.text("a0-", max_size=longest - 2), st.sampled_from("z9")
    return st.tuples(*parts).map("".join) | st.sampled_from(["a", "x" * longest])


def domains() -> st.SearchStrategy[str]:
    """Names below which models can live."""
    some = st.lists(dns_labels(63), min_size=1, max_size=4).map(".".join).filter(lambda name: len(name) <= 189)
    return some | st.just(".".join(["d" * 63, "e" * 63, "f" * 61]))


_MODEL_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "subdomain": st.none() | dns_labels(63),
    "model_id": st.none() | st.sampled_from(["Qwen/Qwen3-0.6B", "a:b", "9" * 128]),
    "replicas": st.integers(1, 100),
    "resources": st.fixed_dictionaries(
        {},
        optional={
            "cpu": st.sampled_from(["100m", "1", "0.5", "2.125"]),
            "memory": st.sampled_from(["128Mi", "1Gi", "1000000"]),
        },
    ),
    "simulator": st.fixed_dictionaries(
        {},
        optional={
            "mode": st.sampled_from(["random", "echo"]),
            "time_to_first_token": st.sampled_from(["0", "0s", "1.5s", "1m30s", "250ms"]),
            "inter_token_latency": st.sampled_from(["0s", "20ms"]),
            "max_model_len": st.integers(1, 1_000_000),
        },
    ),
}


def models() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of models that have different names and hostnames."""
    required = {"name": dns_labels(48), "server": st.just("simulator"), "allow_unmetered_streams": st.just(True)}
    one = st.fixed_dictionaries(required, optional=_MODEL_FIELDS)
    several = st.lists(one, max_size=4, unique_by=lambda model: model["name"])
    return several.filter(lambda found: len({model.get("subdomain") or model["name"] for model in found}) == len(found))


# Windows and their seconds; some are written in two ways.
WINDOWS = {
    "1s": 1,
    "0h0m30s": 30,
    "1m": 60,
    "60s": 60,
    "2m": 120,
    "1h": 3600,
    "1h30m": 5400,
    "24h": 86400,
    "99999h": 359_996_400,
}


def accounts() -> st.SearchStrategy[str]:
    """Names of users and teams."""
    inner = st.text("aZ0._@+-", max_size=62)
    some = st.tuples(st.sampled_from("aZ0"), inner, st.sampled_from("bY9")).map("".join)
    return some | st.sampled_from(["a", "x" * 64, "ann@example.org"])


@st.composite
def limits(draw: st.DrawFn, per: str) -> list[dict[str, Any]]:
    """Draw limits of one counter: windows that differ, the longer the more."""
    windows = draw(st.lists(st.sampled_from(sorted(WINDOWS)), min_size=1, max_size=3, unique_by=WINDOWS.__getitem__))
    count = st.integers(1, 40) | st.integers(1, 10**12)
    counts = draw(st.lists(count, min_size=len(windows), max_size=len(windows), unique=True))
    pairs = zip(sorted(windows, key=WINDOWS.__getitem__), sorted(counts), strict=True)
    said: dict[str, str] = draw(st.sampled_from([{}, {"per": "user"}])) if per == "user" else {"per": per}
    return draw(st.permutations([{"limit": count, "window": window, **said} for window, count in pairs]))


def request_limits() -> st.SearchStrategy[list[dict[str, Any]]]:
    """None, or limits per user, per team, or both."""
    both = st.tuples(limits("user"), limits("team")).map(lambda found: found[0] + found[1]).flatmap(st.permutations)
    return st.just([]) | limits("user") | limits("team") | both


def token_limits() -> st.SearchStrategy[dict[str, Any]]:
    """What says of tokens all that has to be said: limits of one counter, or that there are none."""
    some = (limits("user") | limits("team")).map(lambda found: {"tokens": found})
    return some | some.map(lambda said: {**said, "unlimited": False}) | st.just({"unlimited": True})


@st.composite
def tiers(draw: st.DrawFn, names: list[str]) -> list[dict[str, Any]]:
    """Draw tiers for models of these names: with all or some of them, and other limits for some of those."""
    found = []
    for name in draw(st.lists(dns_labels(40), max_size=4, unique=True)):
        tier = {"name": name, **draw(token_limits())}
        tier.update(draw(st.fixed_dictionaries({}, optional={"requests": request_limits()})))
        admitted = names
        if draw(st.booleans()):
            admitted = tier["models"] = draw(subsets(names))
        if draw(st.booleans()):
            tier["overrides"] = [draw(overrides(model, "tokens" in tier)) for model in draw(subsets(admitted))]
        found.append(tier)
    return found


@st.composite
def overrides(draw: st.DrawFn, model: str, limited: bool) -> dict[str, Any]:
    """Draw other limits for a model of a tier whose tokens are ``limited`` or not."""
    unsaid = [{}, {"unlimited": False}] if limited else [{}]
    tokens = draw(st.sampled_from(unsaid) | token_limits())
    return {"model": model, **tokens, **draw(st.fixed_dictionaries({}, optional={"requests": request_limits()}))}


def subsets(names: list[str]) -> st.SearchStrategy[list[str]]:
    """Some of these names, in any order."""
    return st.lists(st.sampled_from(names), unique=True) if names else st.just([])


@st.composite
def tenants(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """Draw teams in tiers of these names, and users in the teams."""
    teams = [
        {"name": team, "tier": draw(st.sampled_from(names))}
        for team in draw(st.lists(accounts(), max_size=5 if names else 0, unique=True))
    ]
    keys = st.fixed_dictionaries({}, optional={"keys": st.lists(dns_labels(40), max_size=3, unique=True)})
    users = [
        {"name": user, "team": draw(st.sampled_from(teams))["name"], **draw(keys)}
        for user in draw(st.lists(accounts(), max_size=5 if teams else 0, unique=True))
    ]
    return {"teams": teams, "users": users}


_PLATFORM_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "gateway_name": dns_labels(50),
    "gateway_namespace": dns_labels(63).filter(lambda name: name != "maas-models"),
    "gateway_class": dns_labels(12),
    "gateway_http_port": st.integers(1, 65535),
    "gateway_address": st.sampled_from(["", "127.0.0.1", "gateway.example:8000"]),
    "models_namespace": dns_labels(63).filter(lambda name: name != "maas-gateway"),
}
_SERVICES = st.sampled_from(["LoadBalancer", "NodePort", "ClusterIP"]).map(lambda kind: {"gateway_service_type": kind})
_NODE_PORTS = st.integers(30000, 32767).map(
    lambda port: {"gateway_service_type": "NodePort", "gateway_node_port": port}
)


@st.composite
def intents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the variables of one cluster, without their prefix, such that the platform can be built."""
    required = {
        "domain": domains(),
        "models": models(),
        "simulator_image": st.sampled_from(["registry.example/sim:v1", f"registry.example:5000/a/b@sha256:{'0' * 64}"]),
    }
    intent: dict[str, Any] = draw(st.fixed_dictionaries(required, optional=_PLATFORM_FIELDS))
    intent.update(draw(st.just({}) | _SERVICES | _NODE_PORTS))
    access = {"tiers": draw(tiers([model["name"] for model in intent["models"]]))}
    access.update(draw(tenants([tier["name"] for tier in access["tiers"]])))
    intent.update(draw(st.sampled_from([access, access, access, {}])))
    if intent.get("gateway_namespace", "maas-gateway") == intent.get("models_namespace", "maas-models"):
        del intent["gateway_namespace"]
    return intent


@st.composite
def spoilt_intents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an intent of which any one part, however deep, was replaced by anything."""
    intent = copy.deepcopy(draw(intents()))
    place: Any = intent
    while True:
        step = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inside = place[step]
        if not isinstance(inside, (dict, list)) or not inside or draw(st.booleans()):
            place[step] = draw(ANYTHING)
            return intent
        place = inside
