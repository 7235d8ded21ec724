# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to break a platform: what is done, what is to be put back by hand, and what `verify` has to say about it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.access.deployment import Object, Site
from tests.sandboxes import KEYS_PLACE

_POLICIES = "/apis/kuadrant.io/v1/namespaces/maas-gateway"
AUTH = f"{_POLICIES}/authpolicies/maas-auth"
REQUESTS = f"{_POLICIES}/ratelimitpolicies/maas-requests"
TOKENS = "/apis/kuadrant.io/v1alpha1/namespaces/maas-gateway/tokenratelimitpolicies/maas-tokens"
_TELEMETRY = "/apis/extensions.kuadrant.io/v1alpha1/namespaces/maas-gateway/telemetrypolicies"
USAGE = f"{_TELEMETRY}/maas-usage"
_LOWER_CASE = "/apis/networking.istio.io/v1alpha3/namespaces/maas-gateway/envoyfilters/maas-lower-case-host"
_ON_ROUTES = "/apis/kuadrant.io/v1/namespaces/maas-models/authpolicies"
_LIMITS_ON_ROUTES = "/apis/kuadrant.io/v1/namespaces/maas-models/ratelimitpolicies"
_OPERATOR = f"/apis/apps/v1/namespaces/{KEYS_PLACE}/deployments/kuadrant-operator-controller-manager"
_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/maas-models/httproutes"
_ROUTE = f"{_ROUTES}/simulator"
_PREDICTOR = "/apis/apps/v1/namespaces/maas-models/deployments/simulator-predictor"
_SECRETS = f"/api/v1/namespaces/{KEYS_PLACE}/secrets"
_WATCHED = "authorino.kuadrant.io/managed-by"
_BOOKKEEPING = ("resourceVersion", "uid", "creationTimestamp", "managedFields", "generation")

NO_KEY = "access: without a key"
WRONG_KEY = "access: with a wrong key"
CAPITALS = "access: without a key, hostname in capital letters"
PATH = "access: a path that is not for clients"
NO_TEAM = "access: with a key of an unknown team"
SIMULATOR = {f"access: simulator with a key after {prefix}" for prefix in ("APIKEY", "Bearer")}
ECHO = {f"access: echo with a key after {prefix}" for prefix in ("APIKEY", "Bearer")}
OUTSIDE = "access: tier free on echo, which it does not include"
FREE = "access: tier free: 5 requests in 2m on simulator"
PREMIUM = "access: tier premium: 20 requests in 2m on simulator"
TRIAL = "access: tier trial: 100 tokens in 1m on simulator"
BOUNDARIES = {FREE, PREMIUM, TRIAL}
KEYED = {NO_TEAM, *SIMULATOR, *ECHO, OUTSIDE, *BOUNDARIES}
ALL_ACCESS = {NO_KEY, WRONG_KEY, CAPITALS, *KEYED}
KEYS_FILE = "keys: file with the keys"
AUTH_LINE = "policies: AuthPolicy maas-gateway/maas-auth"
REQUESTS_LINE = "policies: RateLimitPolicy maas-gateway/maas-requests"
TOKENS_LINE = "policies: TokenRateLimitPolicy maas-gateway/maas-tokens"
OPERATOR_LINE = "kuadrant: Kuadrant"
SETTINGS_LINE = "kuadrant: settings of its operator"


@dataclass(frozen=True)
class Break:
    """One way to break a platform.

    ``how`` breaks it, and on leaving puts back what `site` does not put back. ``lines`` are those that have to go
    wrong, and no others. Each text of ``says`` has to be in one of them: a cause, or a cure.
    """

    name: str
    how: Callable[[Site], AbstractContextManager[None]]
    lines: set[str]
    says: tuple[str, ...]


def _deleted(path: str) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def work(site: Site) -> Iterator[None]:
        site.delete(path)
        yield

    return work


def _edited(path: str, changes: Object) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def work(site: Site) -> Iterator[None]:
        site.edit(path, changes)
        yield

    return work


def _rewritten(path: str, old: str, new: str) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def work(site: Site) -> Iterator[None]:
        site.edit_text(path, old, new)
        yield

    return work


def _fault(switch: str) -> Callable[[Site], AbstractContextManager[None]]:
    return lambda site: site.fault(switch)


def _rules(**groups: Object) -> Object:
    return {"spec": {"defaults": {"rules": groups}}}


def _free_limit(limit: int) -> Object:
    return {"spec": {"defaults": {"limits": {"free_requests_per_user": {"rates": [{"limit": limit, "window": "2m"}]}}}}}


# -- Policies ----------------------------------------------------------------------------------------------------------


@contextmanager
def _opened_route(site: Site) -> Iterator[None]:
    """Somebody attaches an AuthPolicy to one model, which replaces the rule of the same name."""
    patterns = [{"predicate": "auth.identity.metadata.name != ''"}]
    with site.there(
        _ON_ROUTES,
        {
            "apiVersion": "kuadrant.io/v1",
            "kind": "AuthPolicy",
            "metadata": {"name": "open", "namespace": "maas-models"},
            "spec": {
                "targetRef": {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "echo"},
                "rules": {"authorization": {"admitted-model": {"patternMatching": {"patterns": patterns}}}},
            },
        },
    ):
        yield


@contextmanager
def _limited_route(site: Site) -> Iterator[None]:
    """Somebody limits one model by himself, so high that no request shows it."""
    with site.there(
        _LIMITS_ON_ROUTES,
        {
            "apiVersion": "kuadrant.io/v1",
            "kind": "RateLimitPolicy",
            "metadata": {"name": "loose", "namespace": "maas-models"},
            "spec": {
                "targetRef": {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "echo"},
                "limits": {"loose": {"rates": [{"limit": 10**6, "window": "1m"}]}},
            },
        },
    ):
        yield


@contextmanager
def _counted_otherwise(site: Site) -> Iterator[None]:
    """Somebody adds labels to what is counted; nobody is refused or admitted by that."""
    with site.there(
        _TELEMETRY,
        {
            "apiVersion": "extensions.kuadrant.io/v1alpha1",
            "kind": "TelemetryPolicy",
            "metadata": {"name": "theirs", "namespace": "maas-gateway"},
            "spec": {
                "targetRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "maas"},
                "metrics": {"default": {"labels": {"path": "request.path"}}},
            },
        },
    ):
        yield


@contextmanager
def _keys_file_deleted(site: Site) -> Iterator[None]:
    (site.home.root / "api-keys.jsonl").unlink()
    yield


@contextmanager
def _led_past(site: Site) -> Iterator[None]:
    """Somebody leads a route of their own to one model; had they a Gateway too, no key would be asked for."""
    with site.there(
        _ROUTES,
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "side", "namespace": "maas-models"},
            "spec": {
                "parentRefs": [{"name": "theirs"}],
                "rules": [{"backendRefs": [{"name": "echo-predictor", "port": 80}]}],
            },
        },
    ):
        yield


@contextmanager
def _open_path(site: Site) -> Iterator[None]:
    """Somebody leads one more path of a model's route to the model."""
    route = site.read(_ROUTE)
    (rule,) = route["spec"]["rules"]
    rule["matches"].append({"path": {"type": "Exact", "value": "/metrics"}})
    site.edit(_ROUTE, {"spec": {"rules": [rule]}})
    yield
    rule["matches"].pop()
    site.edit(_ROUTE, {"spec": {"rules": [rule]}})


@contextmanager
def _side_door(site: Site) -> Iterator[None]:
    """Somebody has the gateway accept Secrets of his own as keys; no request of ours can show that."""
    keys = {"selector": {"matchLabels": {"theirs": "true"}}}
    door = {"apiKey": keys, "credentials": {"authorizationHeader": {"prefix": "THEIRS"}}}
    site.edit(AUTH, _rules(authentication={"side-door": door}))
    yield


@contextmanager
def _tokens_without_auth(site: Site) -> Iterator[None]:
    """S2 of the measured facts: no limit mentions ``auth.``, which takes authentication out of its place."""
    limits = site.read(TOKENS)["spec"]["defaults"]["limits"]
    every = {"rates": [{"limit": 10**6, "window": "1m"}], "counters": [{"expression": "source.address"}]}
    site.edit(TOKENS, {"spec": {"defaults": {"limits": {**dict.fromkeys(limits), "every": every}}}})
    yield


@contextmanager
def _second_limit(site: Site) -> Iterator[None]:
    """S3 of the measured facts: of two entries that match, only the first by the alphabet counts."""
    when = [{"predicate": "auth.identity.tier == 'trial'"}]
    counters = [{"expression": "auth.identity.userid"}]
    loose = {"rates": [{"limit": 10**6, "window": "1m"}], "when": when, "counters": counters}
    site.edit(TOKENS, {"spec": {"defaults": {"limits": {"aaa": loose}}}})
    yield


# -- Keys --------------------------------------------------------------------------------------------------------------


def _secret_of(site: Site, user: str) -> str:
    for secret in site.read(_SECRETS)["items"]:
        if (secret["metadata"].get("annotations") or {}).get("maas-billing.platform/user") == user:
            return f"{_SECRETS}/{secret['metadata']['name']}"
    raise AssertionError(f"{user} has no key")


@contextmanager
def _key_deleted(site: Site) -> Iterator[None]:
    site.delete(_secret_of(site, "alice"))
    yield


@contextmanager
def _key_unwatched(site: Site) -> Iterator[None]:
    """S9 of the measured facts: such a key may survive its own Secret."""
    site.edit(_secret_of(site, "alice"), {"metadata": {"labels": {_WATCHED: None}}})
    yield


def key_secret(name: str, user: str, team: str, value: str) -> Object:
    """Return the Secret of a key that somebody makes by hand."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": KEYS_PLACE,
            "labels": {_WATCHED: "authorino", "maas-billing.platform/api-key": "true"},
            "annotations": {"maas-billing.platform/user": user, "maas-billing.platform/team": team},
        },
        "data": {"api_key": base64.b64encode(value.encode()).decode()},
    }


@contextmanager
def key_by_hand(site: Site, user: str, team: str, value: str) -> Iterator[None]:
    """Make a key past the inventory, and take it away again."""
    with site.there(_SECRETS, key_secret(f"by-hand-{user}", user, team, value)):
        yield


# -- What stands behind ------------------------------------------------------------------------------------------------


@contextmanager
def _operator_stopped(site: Site, *edits: Object) -> Iterator[None]:
    """Nobody follows the policies any more, and then one is changed."""
    site.edit(_OPERATOR, {"spec": {"replicas": 0}})
    site.cluster.wait_for(lambda: not site.read(_OPERATOR)["status"].get("readyReplicas"), "the operator stops")
    for changes in edits:
        site.edit(REQUESTS, changes)
    yield
    site.edit(_OPERATOR, {"spec": {"replicas": 1}})
    site.cluster.wait_for(lambda: site.read(_OPERATOR)["status"].get("readyReplicas"), "the operator runs")


@contextmanager
def _failing_open(site: Site) -> Iterator[None]:
    """The operator is told to let requests pass that cannot be counted, and then none can."""
    containers = site.read(_OPERATOR)["spec"]["template"]["spec"]["containers"]
    denying = json.dumps(containers)
    for entry in containers[0]["env"]:
        if entry["name"].startswith("RATELIMIT_") and entry["name"].endswith("_FAILURE_MODE"):
            entry["value"] = "allow"
    site.edit(_OPERATOR, {"spec": {"template": {"spec": {"containers": containers}}}})
    with site.fault("limiter-down"):
        yield
    site.edit(_OPERATOR, {"spec": {"template": {"spec": {"containers": json.loads(denying)}}}})


@contextmanager
def _model_gone(site: Site) -> Iterator[None]:
    """The sandbox's KServe does not make it again, unlike the real one."""
    found = site.read(_PREDICTOR)
    site.delete(_PREDICTOR)
    yield
    kept = {name: value for name, value in found["metadata"].items() if name not in _BOOKKEEPING}
    again = {**{name: found[name] for name in ("apiVersion", "kind", "spec")}, "metadata": kept}
    site.create(_PREDICTOR.rpartition("/")[0], again)
    site.cluster.wait_for(lambda: site.read(_PREDICTOR).get("status", {}).get("readyReplicas"), "the model runs")


_MISSING = "would be created: it does not exist"
_CHANGED = "would be changed: somebody changed spec.defaults"
_ADDED = "would be changed: somebody added spec.defaults"
_AS_WELL = "of somebody else rules HTTPRoute maas-models/echo as well; likely cure: delete it"
_UNANSWERED = "Authorino or the limiter does not answer"
_UNKNOWN_KEY = "the key is not known: is its Secret in Kuadrant's namespace"
_UNBOUND = "0 answered 429 instead of a limit at {}: is the policy enforced"

BREAKS = [
    Break("authpolicy-deleted", _deleted(AUTH), {AUTH_LINE, *ALL_ACCESS}, (_MISSING, "look at the policies")),
    Break(
        "authpolicy-on-a-route",
        _opened_route,
        {"policies: AuthPolicy maas-models/open", OUTSIDE},
        (_AS_WELL, "is another one more specific"),
    ),
    Break("limits-on-a-route", _limited_route, {"policies: RateLimitPolicy maas-models/loose"}, (_AS_WELL,)),
    Break(
        "telemetry-of-somebody-else",
        _counted_otherwise,
        {"policies: TelemetryPolicy maas-gateway/theirs"},
        ("of somebody else rules Gateway maas-gateway/maas as well; likely cure: delete it",),
    ),
    Break(
        "route-of-somebody-else",
        _led_past,
        {"policies: HTTPRoute maas-models/side"},
        ("of somebody else leads to model echo as well; likely cure: delete it",),
    ),
    Break("path-opened", _open_path, {PATH}, ("was that of a model changed",)),
    Break("side-door", _side_door, {AUTH_LINE}, (f"{_ADDED}.rules.authentication.side-door",)),
    Break(
        "prefix-removed",
        _edited(AUTH, _rules(authentication={"api-key-apikey": None})),
        {AUTH_LINE, *(line for line in SIMULATOR | ECHO if "APIKEY" in line)},
        (f"{_CHANGED}.rules.authentication.api-key-apikey", _UNKNOWN_KEY),
    ),
    Break(
        "models-of-a-tier-emptied",
        _rewritten(AUTH, "'free': ['simulator']", "'free': []"),
        {AUTH_LINE, *SIMULATOR, FREE},
        (f"{_CHANGED}.rules.authorization.admitted-model", "its tier does not include the model"),
    ),
    Break(
        "models-of-a-tier-widened",
        _rewritten(AUTH, "'free': ['simulator']", "'free': ['simulator', 'echo']"),
        {AUTH_LINE, OUTSIDE},
        (f"{_CHANGED}.rules.authorization.admitted-model", "the AuthPolicy does not hold for this key"),
    ),
    Break(
        "team-smuggled-in",
        _rewritten(AUTH, "'visitors': 'trial'}", "'visitors': 'trial', 'maas-verify-no-team': 'trial'}"),
        {AUTH_LINE, NO_TEAM},
        (f"{_CHANGED}.rules.authorization.known-identity", "the AuthPolicy does not hold for this key"),
    ),
    Break(
        "lower-case-filter-deleted",
        _deleted(_LOWER_CASE),
        {"gateway: EnvoyFilter maas-gateway/maas-lower-case-host", CAPITALS},
        (_MISSING, "the EnvoyFilter of the gateway that writes hostnames in small letters is missing"),
    ),
    Break(
        "limit-raised",
        _edited(REQUESTS, _free_limit(8)),
        {REQUESTS_LINE, FREE},
        (f"{_CHANGED}.limits.free_requests_per_user.rates", _UNBOUND.format(5)),
    ),
    Break(
        "request-limits-deleted",
        _deleted(REQUESTS),
        {REQUESTS_LINE, FREE, PREMIUM},
        (_MISSING, _UNBOUND.format(5), _UNBOUND.format(20)),
    ),
    Break("token-limits-deleted", _deleted(TOKENS), {TOKENS_LINE, TRIAL}, (_MISSING, _UNBOUND.format(100))),
    Break(
        "token-limits-without-auth",
        _tokens_without_auth,
        {TOKENS_LINE, *ALL_ACCESS},
        (f"{_CHANGED}.limits.free_tokens_per_user", "look at the policies"),
    ),
    Break(
        "second-token-limit",
        _second_limit,
        {TOKENS_LINE, TRIAL},
        (f"{_ADDED}.limits.aaa", "does no other entry match too?"),
    ),
    Break("labels-deleted", _deleted(USAGE), {"policies: TelemetryPolicy maas-gateway/maas-usage"}, (_MISSING,)),
    # The next run makes another key, which the file does not hold.
    Break("key-deleted", _key_deleted, {"keys: Secret of alice", KEYS_FILE}, (_MISSING,)),
    Break("keys-file-deleted", _keys_file_deleted, {KEYS_FILE}, ("api-keys.jsonl is made, with 4 keys",)),
    Break(
        "key-unwatched", _key_unwatched, {"keys: Secret of alice"}, (f"somebody changed metadata.labels.{_WATCHED}",)
    ),
    Break(
        "key-of-somebody-else",
        lambda site: key_by_hand(site, "mallory", "research", "x" * 48),
        {"keys: comparison with the inventory"},
        (f"Secret {KEYS_PLACE}/by-hand-mallory", "Take that label from them"),
    ),
    Break(
        "operator-stopped-and-a-limit-raised",
        lambda site: _operator_stopped(site, _free_limit(8)),
        {REQUESTS_LINE, OPERATOR_LINE},
        (f"{_CHANGED}.limits", "its controller does not run"),
    ),
    Break(
        "operator-stopped-and-a-policy-unseen",
        lambda site: _operator_stopped(site, _free_limit(8), _free_limit(5)),
        {REQUESTS_LINE, OPERATOR_LINE},
        ("not in force: its controller has not seen the present generation yet", "likely cure: "),
    ),
    Break(
        "failing-open",
        _failing_open,
        {SETTINGS_LINE, *BOUNDARIES},
        ("RATELIMIT_SERVICE_FAILURE_MODE is allow, not deny", *(_UNBOUND.format(limit) for limit in (5, 20, 100))),
    ),
    Break("model-gone", _model_gone, {*SIMULATOR, *BOUNDARIES}, ("no pod of the model is ready",)),
    Break(
        "enforced-without-enforcing",
        _fault("enforced-without-enforcing"),
        {NO_KEY, WRONG_KEY, CAPITALS, NO_TEAM, OUTSIDE, *BOUNDARIES},
        ("nothing asks for keys here: is the AuthPolicy of the gateway enforced", _UNBOUND.format(5)),
    ),
    Break("late", _fault("late=60"), KEYED, ("Changes may be late: verify again",)),
    Break("limiter-down", _fault("limiter-down"), {*SIMULATOR, *ECHO, *BOUNDARIES}, (_UNANSWERED,)),
    Break("limiter-hanging", _fault("limiter-hanging"), {*SIMULATOR, *ECHO, *BOUNDARIES}, (_UNANSWERED,)),
    Break("auth-down", _fault("auth-down"), ALL_ACCESS, (_UNANSWERED,)),
    Break("auth-hanging", _fault("auth-hanging"), ALL_ACCESS, (_UNANSWERED,)),
]
