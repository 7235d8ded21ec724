# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often somebody may ask and how it is counted, with hand-written objects; numbers are of the measured facts."""

from __future__ import annotations

import pytest

from tests.sandbox import objects
from tests.unit.sandbox import kuadrant_objects as k
from tests.unit.sandbox.kuadrant_cluster import Cluster

FREE = "auth.identity.tier == 'free'"
KEYS = (k.key("alice", "free"), k.key("bob", "premium"), k.key("eve", "enterprise"))


def with_tokens(*rates: tuple[int, str], **more: k.Object) -> k.Object:
    """A token policy with one entry for tier free, and more."""
    return k.token_policy({"free": k.limit(*rates, when=FREE)} | more)


def test_e7_e9_requests_alone() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy(), *KEYS)
    assert cluster.statuses(7, "key-alice") == "5x200 2x429"
    assert cluster.statuses(22, "key-bob") == "20x200 2x429"
    refused = cluster.ask("key-alice")
    assert (refused.text, refused.headers["content-type"]) == ("Too Many Requests\n", "text/plain")
    assert "retry-after" not in refused.headers
    namespace = 'limitador_namespace="models/qwen"'
    assert cluster.series("authorized_calls") == {namespace: 25}
    assert cluster.series("authorized_hits") == {namespace: 25}
    assert cluster.series("limited_calls") == {namespace: 5}
    assert (cluster.shim("hits"), cluster.shim("allowed"), cluster.shim("denied")) == (30, 30, 5)


def test_windows_begin_with_the_first_hit() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy(), *KEYS)
    cluster.wait(100)
    assert cluster.statuses(6, "key-alice") == "5x200 1x429"
    cluster.wait(119)
    assert cluster.ask("key-alice").status == 429
    cluster.wait(2)
    assert cluster.statuses(6, "key-alice") == "5x200 1x429"


def test_e8_each_route_counts_for_itself_and_its_rules_together() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy(), *KEYS)
    assert cluster.statuses(6, "key-alice") == "5x200 1x429"
    assert cluster.statuses(6, "key-alice", "tiny.maas.local") == "5x200 1x429"
    backends = [{"name": "x", "port": 80}]
    rules = [{"matches": [{"path": {"value": path}}], "backendRefs": backends} for path in ("/a", "/b")]
    parent = {"name": "gw", "namespace": "maas"}
    cluster.put(objects.route("models", "both", "both.maas.local", parent=parent, rules=rules))
    paths = [cluster.ask("key-alice", "both.maas.local", path=path).status for path in ("/a", "/b") * 3]
    assert paths == [200] * 5 + [429]


def test_e10_tokens_alone_with_two_windows() -> None:
    cluster = Cluster(k.auth_policy(), with_tokens((100, "1m"), (150, "24h")), *KEYS)
    assert cluster.statuses(6, "key-alice") == "4x200 2x429"  # 120 tokens, 20 over
    assert (cluster.total("authorized_calls"), cluster.total("authorized_hits")) == (4, 120)
    cluster.wait(61)
    assert cluster.statuses(2, "key-alice") == "1x200 1x429"  # the second window has 150 now
    cluster.wait(61)
    assert cluster.ask("key-alice").status == 429
    cluster.wait(24 * 3600)
    assert cluster.ask("key-alice").status == 200


def test_e11_e12_requests_tokens_and_labels_together() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy(), k.token_policy(), k.telemetry(), *KEYS)
    assert cluster.statuses(30, "key-eve") == "30x200"
    assert cluster.total("authorized_calls") == 60
    labels = 'limitador_namespace="models/qwen",{}tier="enterprise",user="eve"'
    assert cluster.series("authorized_hits") == {labels.format(""): 30, labels.format('model="served-name",'): 900}
    assert cluster.statuses(5, "key-alice") == "4x200 1x429"
    free = [
        value
        for series, value in cluster.series("authorized_hits").items()
        if "free" in series and "model=" not in series
    ]
    assert free == [5]  # the call that tokens refused spent a hit of the requests
    assert cluster.total("limited_calls", 'user="alice"') == 1


def test_s3_e13_e14_a_second_matching_token_limit_never_refuses() -> None:
    loose, tight = k.limit((10_000, "1m"), when=FREE), k.limit((100, "1m"), when=FREE)
    cluster = Cluster(k.auth_policy(), k.token_policy({"aaa": loose, "bbb": tight}), *KEYS)
    assert cluster.statuses(10, "key-alice") == "10x200"
    assert 10 < cluster.total("authorized_calls") <= 20
    assert 300 <= cluster.total("authorized_hits") <= 600
    counted = Cluster(k.auth_policy(), k.token_policy({"aaa": loose, "bbb": loose}), *KEYS)
    seen = set()
    for _ in range(30):
        before = counted.total("authorized_hits")
        counted.ask("key-alice")
        seen.add(counted.total("authorized_hits") - before)
    assert seen == {30, 60}  # E13
    other = Cluster(k.auth_policy(), k.token_policy({"aaa": tight, "bbb": loose}), *KEYS)
    assert other.statuses(10, "key-alice") == "4x200 6x429"


def test_s2_tokens_without_auth_switch_authentication_off() -> None:
    anonymous = {"all": k.limit((1000, "1m"), when="request.method == 'POST'", counter="source.address")}
    cluster = Cluster(k.auth_policy(), k.token_policy(anonymous))
    assert [cluster.ask(key).status for key in ("", "wrong")] == [200, 200]
    assert cluster.condition(k.auth_policy())[:2] == ("True", "Enforced")
    assert cluster.total("authorized_hits") == 60
    cluster.put(
        k.token_policy({"all": k.limit((1000, "1m"), when="request.method == 'GET'", counter="source.address")})
    )
    assert cluster.ask().status == 401  # it does not match, so nothing waits for its report
    cluster.put(k.token_policy({"user": k.limit((1000, "1m"), counter="auth.identity.userid")}))
    assert cluster.ask().status == 401
    on_route = {"kind": "HTTPRoute", "name": "qwen"}
    cluster.put(k.token_policy(anonymous, name="route", target=on_route, namespace="models"))
    assert cluster.ask().status == 401  # merged: one entry still mentions auth
    cluster.delete(k.token_policy())
    assert [cluster.ask("", host).status for host in ("qwen.maas.local", "tiny.maas.local")] == [200, 401]
    cluster.put(k.request_policy({"all": k.limit((1, "1m"), counter="source.address")}))
    cluster.delete(k.token_policy(name="route", namespace="models"))
    assert cluster.ask().status == 401  # a request limit before authentication does no harm


@pytest.mark.parametrize("guard", ["", "!has(auth.identity.tier) || ", "!has(auth.identity) || "])
def test_s4_a_missing_identity_is_unlimited(guard: str) -> None:
    rules = k.auth_rules()
    del rules["authorization"]
    catch_all = {"catch": k.limit((0, "2m"), when=f"{guard}!(auth.identity.tier in {k.TIERS})", counter="")}
    requests = k.request_policy(catch_all | {"free": k.limit((5, "2m"), when=FREE)})
    cluster = Cluster(
        k.auth_policy(rules),
        requests,
        k.token_policy(catch_all),
        k.key("nouser", "free", user=None),
        k.key("gus", "gold"),
    )
    assert cluster.statuses(20, "key-nouser") == "20x200"
    assert cluster.series("authorized_hits") == {}
    assert cluster.ask("key-gus").status == 429  # E18


def test_e18_a_catch_all_of_zero() -> None:
    rules = k.auth_rules()
    del rules["authorization"]
    for limits in (k.request_policy(), k.token_policy()):
        cluster = Cluster(k.auth_policy(rules), limits, k.key("gus", "gold"), *KEYS)
        assert cluster.statuses(3, "key-gus") == "3x429"
        assert cluster.total("limited_calls") == 3
        assert cluster.ask("key-alice").status == 200


def test_s5_test_and_value_of_the_tier_differ() -> None:
    tier = "auth.identity.metadata.annotations['kuadrant.io/groups'].split(',')"
    rules = k.auth_rules()
    rules["authorization"] = {"known": k.predicates(f"{tier}.exists(g, g in {k.TIERS})")}
    properties = rules["response"]["success"]["filters"]["identity"]["json"]["properties"]
    properties["tier"] = {"expression": f"{tier}[0]"}
    limits = {"free": k.limit((5, "2m"), when=FREE)}
    cluster = Cluster(k.auth_policy(rules), k.request_policy(limits), k.key("two", "gold,free"))
    assert cluster.statuses(20, "key-two") == "20x200"
    # E42: the highest of several groups, tested and used alike.
    highest = f"['enterprise', 'premium', 'free'].filter(t, t in {tier})[0]"
    properties["tier"] = {"expression": highest}
    cluster.put(k.auth_policy(rules))
    assert cluster.statuses(7, "key-two") == "5x200 2x429"


def test_s6_one_bad_condition_opens_all_tiers() -> None:
    usual = k.request_policy()
    broken = k.request_policy(
        usual["spec"]["defaults"]["limits"] | {"bad": k.limit((1, "1m"), when="auth.identity.tier = 'x'")}
    )
    cluster = Cluster(k.auth_policy(), broken, *KEYS)
    assert cluster.statuses(30, "key-alice") == "30x200"
    status, reason, message = cluster.condition(broken)
    assert (status, reason) == ("False", "InvalidCelExpression")
    assert message.startswith("validation issues: [ERROR: <input>:1:20: Syntax error")
    assert cluster.condition(broken, "Accepted")[0] == "True"
    # Of a token policy only the bad entry is lost.
    tokens = with_tokens((100, "1m"), bad=k.limit((1, "1m"), when="nobody.knows == 1"))
    cluster = Cluster(k.auth_policy(), tokens, *KEYS)
    assert cluster.statuses(6, "key-alice") == "4x200 2x429"
    assert cluster.condition(tokens)[1] == "InvalidCelExpression"


def test_s7_e22_streams() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy(), k.token_policy(), k.telemetry(), *KEYS)
    chunk, last = '{"model": "m", "choices": []}', '{"model": "m", "usage": {"total_tokens": 30}}'
    cluster.model.stream(chunk, last, "[DONE]")
    answer = cluster.ask("key-eve")
    assert answer.text == cluster.model.body.decode()
    assert cluster.total("authorized_hits", 'model="m"') == 30
    for events in ([chunk, chunk, "[DONE]"], [chunk, last], [last]):
        cluster.model.stream(*events)
        assert cluster.ask("key-eve").status == 200
    assert cluster.total("authorized_hits", "model=") == 30
    cluster.model.stream(chunk, last, "[DONE]")
    for _ in range(3):
        cluster.ask("key-eve", leave=1)  # S7
        assert cluster.sent == 1  # events are passed on as they come
    assert cluster.total("authorized_hits", "model=") == 30
    assert cluster.total("authorized_hits") - 30 == 7


def test_e23_e24_e25_what_is_counted_of_json() -> None:
    cluster = Cluster(k.auth_policy(), k.token_policy(), k.telemetry(), *KEYS)
    cluster.model.usage(None)
    assert cluster.ask("key-eve").status == 200
    cluster.model.body = b"not json"
    cluster.model.status = 500
    assert cluster.ask("key-eve").status == 500
    assert cluster.series("authorized_hits") == {}
    cluster.model.status = 200
    for tokens in (0, 1000):
        cluster.model.usage(tokens)
        cluster.ask("key-eve")
    (series,) = cluster.series("authorized_hits").items()
    assert series == ('limitador_namespace="models/qwen",model="served-name",tier="enterprise",user="eve"', 1001)


def test_e15_of_two_equal_windows_one_is_lost() -> None:
    policy = with_tokens((100, "1m"), (40, "60s"))
    cluster = Cluster(k.auth_policy(), policy, *KEYS)
    assert cluster.statuses(6, "key-alice") == "4x200 2x429"
    assert cluster.condition(policy)[1] == "Enforced"


def test_e16_e17_several_entries_of_requests_and_of_routes() -> None:
    route = {"kind": "HTTPRoute", "name": "qwen"}
    tight = k.request_policy({"tight": k.limit((2, "1m"), counter="")}, name="route", target=route, namespace="models")
    cluster = Cluster(k.auth_policy(), k.request_policy(), tight, *KEYS)
    assert cluster.statuses(4, "key-bob") == "2x200 2x429"
    assert cluster.statuses(4, "key-bob", "tiny.maas.local") == "4x200"
    assert {cluster.condition(policy)[2] for policy in (tight, k.request_policy())} == {
        "RateLimitPolicy has been successfully enforced"
    }


def test_e19_e20_e21_labels_that_do_not_resolve() -> None:
    parts = (k.auth_policy(), k.request_policy(), *KEYS)
    cluster = Cluster(*parts, k.telemetry(org="auth.identity.organization"))
    assert cluster.statuses(8, "key-alice") == "8x200"
    assert cluster.series("authorized_calls") == cluster.series("limited_calls") == {}
    assert cluster.shim("errors") == 8
    cluster.put(k.telemetry(org="has(auth.identity.organization) ? auth.identity.organization : 'none'"))
    assert cluster.statuses(7, "key-alice") == "5x200 2x429"
    assert cluster.total("authorized_hits", 'org="none"') == 5
    cluster.put(k.telemetry(org="request.headers['x-org']"))
    refused = cluster.ask("key-bob")
    assert (refused.status, refused.text) == (500, "Internal Server Error.\n")
    assert cluster.ask("key-bob", **{"X-Org": "a"}).status == 200
    assert cluster.total("authorized_hits", 'org="a"') == 1
    before_auth = k.request_policy({"all": k.limit((3, "1m"), counter="")})
    cluster = Cluster(k.auth_policy(), before_auth)
    assert cluster.statuses(5) == "3x401 2x429"
    cluster.put(k.telemetry())
    assert cluster.statuses(5) == "5x401"  # E21


def test_e26_calls_at_the_same_time_may_overshoot() -> None:
    cluster = Cluster(k.auth_policy(), with_tokens((100, "1m")), *KEYS)
    cluster.model.usage(60)
    limitador = next(iter(cluster.kuadrant.limitador._replicas.values()))
    cluster.ask("key-alice")
    (hits,) = limitador._windows
    assert limitador._windows[hits].count == 60
    assert cluster.statuses(3, "key-alice") == "1x200 2x429"
    assert limitador._windows[hits].count == 120


def test_e38_two_keys_of_one_user_share_a_limit() -> None:
    cluster = Cluster(
        k.auth_policy(), k.request_policy(), k.key("one", "free", user="u"), k.key("two", "free", user="u")
    )
    assert cluster.statuses(3, "key-one") == "3x200"
    assert cluster.statuses(3, "key-two") == "2x200 1x429"


def test_e39_changing_a_limit_in_place() -> None:
    cluster = Cluster(k.auth_policy(), k.request_policy({"free": k.limit((5, "2m"), when=FREE)}), *KEYS)
    assert cluster.statuses(6, "key-alice") == "5x200 1x429"
    cluster.put(k.request_policy({"free": k.limit((8, "2m"), when=FREE)}))
    assert cluster.statuses(6, "key-alice") == "3x200 3x429"
    cluster.put(k.request_policy({"free": k.limit((8, "3m"), when=FREE)}))
    assert cluster.statuses(9, "key-alice") == "8x200 1x429"


def test_the_body_of_a_request_may_count() -> None:
    limits = {
        "model": k.limit((2, "1m"), when="requestBodyJSON('/model') == 'asked'", counter="requestBodyJSON('/user')")
    }
    cluster = Cluster(k.auth_policy(), k.request_policy(limits), *KEYS)
    assert cluster.statuses(3, "key-alice") == "2x200 1x429"
