# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask: keys, prefixes, tiers and refusals, with hand-written objects; numbers are of the measured facts."""

from __future__ import annotations

import json
import time

import aiohttp
import pytest

from sandbox.gateway.stages import Answer, Exchange, NoAnswer, Proceed
from tests.sandbox import objects
from tests.unit.sandbox import kuadrant_objects as k
from tests.unit.sandbox.gateway_under_test import gateway, run
from tests.unit.sandbox.kuadrant_cluster import BEGIN, Cluster


def test_the_policies_of_20_5_give_the_answers_that_were_measured() -> None:
    cluster = Cluster(
        *(k.auth_policy(), k.request_policy(), k.token_policy(), k.telemetry(), k.lua_filter()),
        *(k.key("alice", "free"), k.key("bob", "premium"), k.key("eve", "enterprise"), k.key("gus", "gold")),
        *(k.key("noann"), k.key("nouser", "free", user=None), k.key("two", "gold,free")),
        k.key("far", "free", namespace="maas"),
        k.key("loose", "free", labels=k.PART_OF),
    )
    for key, status in {
        "": 401,
        "wrong": 401,
        "key-gus": 403,
        "key-noann": 403,
        "key-nouser": 403,
        "key-two": 403,
    }.items():
        assert cluster.ask(key).status == status, key
    assert cluster.ask("key-far").status == 401
    assert cluster.ask("", "QWEN.maas.local").status == 401
    assert cluster.ask("key-loose").status == 200  # S9
    assert cluster.statuses(22, "key-bob") == "20x200 2x429"
    assert cluster.statuses(30, "key-eve") == "30x200"
    assert cluster.statuses(7, "key-alice") == "4x200 3x429"
    assert cluster.statuses(7, "key-alice", "tiny.maas.local") == "4x200 3x429"


def test_e1_e2_e3_refusals_and_prefixes() -> None:
    cluster = Cluster(
        k.auth_policy(k.auth_rules(unauthenticated={"message": {"value": "API key required"}})), k.key("a", "free")
    )
    for given in ({}, {"Authorization": "APIKEY wrong"}, {"Authorization": "key-a"}, {"Authorization": "apikey key-a"}):
        refused = cluster.ask(**given)
        assert (refused.status, refused.text, refused.model_saw) == (401, "", None)
        assert refused.headers.getall("www-authenticate") == [
            'APIKEY realm="api-key"',
            'Bearer realm="api-key-bearer"',
        ]
        assert refused.headers["x-ext-auth-reason"] == "API key required"
    assert [cluster.ask(Authorization=f"{p} key-a").status for p in ("APIKEY", "Bearer")] == [200, 200]
    cluster.put(k.auth_policy(k.auth_rules(unauthenticated={})))
    reasons = json.loads(cluster.ask().headers["x-ext-auth-reason"])
    assert reasons == {"api-key": "credential not found", "api-key-bearer": "credential not found"}
    cluster.put(k.auth_policy())
    refused = cluster.ask()
    assert (refused.text, refused.headers["content-type"]) == ('{"error":"API key required"}', "application/json")
    assert "www-authenticate" not in refused.headers


def test_e4_t5_t7_an_error_in_a_predicate() -> None:
    cluster = Cluster(
        k.auth_policy(k.auth_rules(unauthorized={"message": {"value": "Unknown tier"}})),
        k.key("none"),
        k.key("gus", "gold"),
    )
    for key in ("key-none", "key-gus"):
        refused = cluster.ask(key)
        assert (refused.status, refused.text) == (403, "")
        assert refused.headers["x-ext-auth-reason"] == "Unknown tier"
    rules = k.auth_rules()
    del rules["response"]["unauthorized"]
    cluster.put(k.auth_policy(rules))
    assert cluster.ask("key-gus").status == 403
    with pytest.raises(NoAnswer):
        cluster.ask("key-none")
    cluster.put(k.auth_policy(k.auth_rules(unauthorized=k.error("no"))))
    assert (cluster.ask("key-none").status, cluster.ask("key-none").text) == (403, '{"error":"no"}')
    words = {"expression": "'not ' + request.method + ' for ' + auth.identity.metadata.name"}
    cluster.put(k.auth_policy(k.auth_rules(unauthorized={"message": words})))
    assert cluster.ask("key-gus").headers["x-ext-auth-reason"] == "not POST for gus"


@pytest.mark.parametrize(
    "predicate", ["auth.identity.metadata.name", "1", "{}", "request.nosuch", "requestBodyJSON('/model') == 'asked'"]
)
def test_only_true_lets_pass(predicate: str) -> None:
    cluster = Cluster(
        k.auth_policy(k.auth_rules() | {"authorization": {"x": k.predicates(predicate)}}), k.key("a", "free")
    )
    assert cluster.ask("key-a").status == 403


def test_t5_on_a_socket_the_connection_is_reset() -> None:
    async def silent(exchange: Exchange, proceed: Proceed) -> Answer:
        raise NoAnswer

    async def check() -> None:
        async with gateway(extra=[silent]) as gw:
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await gw.ask()

    run(check)


def test_e6_headers_of_the_policy_win_and_s8_the_key_reaches_the_model() -> None:
    rules = k.auth_rules()
    rules["response"]["success"]["headers"] = {
        "x-maas-user": {"plain": {"expression": "auth.identity.metadata.name"}},
        "x-maas-all": {"json": {"properties": {"n": {"value": 1}}}},
    }
    cluster = Cluster(k.auth_policy(rules), k.key("a", "free"))
    saw = cluster.ask("key-a", **{"X-Maas-User": "forged"}).model_saw
    assert saw is not None
    assert saw.getall("x-maas-user") == ["a"]
    assert saw["x-maas-all"] == '{"n": 1}'
    assert saw["authorization"] == "APIKEY key-a"
    edit = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["Authorization"]}}
    rules_of_route = [{"filters": [edit], "backendRefs": [{"name": "qwen", "port": 80}]}]
    parent = {"name": "gw", "namespace": "maas"}
    cluster.put(objects.route("models", "qwen", "qwen.maas.local", parent=parent, rules=rules_of_route))
    saw = cluster.ask("key-a").model_saw
    assert saw is not None
    assert "authorization" not in saw
    assert cluster.ask().status == 401


def test_s1_an_upper_case_host_misses_the_policies() -> None:
    cluster = Cluster(k.auth_policy())
    assert cluster.ask("", "qwen.maas.local:8000").status == 401
    assert cluster.ask("", "QWEN.maas.local").status == 200
    assert cluster.shim("misses") == 1
    cluster.put(k.lua_filter())
    assert cluster.ask("", "QWEN.maas.local:8000").status == 401
    # Under a wildcard only the part that is written out counts.
    parent = {"name": "gw", "namespace": "maas"}
    cluster.delete(k.lua_filter())
    cluster.put(objects.route("models", "any", parent=parent))
    assert [cluster.ask("", host).status for host in ("A.maas.local", "a.MAAS.local")] == [401, 200]


def test_t1_t3_tiers_and_model_lists_by_team_in_the_policy() -> None:
    team = "auth.identity.metadata.annotations['maas/team']"
    models = "{'research': ['qwen', 'tiny'], 'ops': ['tiny']}"

    def by_team(tiers: str) -> k.Object:
        rules = k.auth_rules()
        rules["authorization"] = {
            "known": k.predicates(f"{team} in {tiers}"),
            "model": k.predicates(f"{models}[{team}].exists(m, request.host.lowerAscii().startsWith(m + '.'))"),
        }
        properties = rules["response"]["success"]["filters"]["identity"]["json"]["properties"]
        properties["tier"] = {"expression": f"{tiers}[{team}]"}
        return k.auth_policy(rules)

    def member(name: str, of: str) -> k.Object:
        return k.key(name, annotations={"maas/team": of, "secret.kuadrant.io/user-id": name})

    cluster = Cluster(
        *(by_team("{'research': 'premium', 'ops': 'free'}"), k.request_policy()),
        *(member("a", "research"), member("b", "ops"), member("c", "nobody"), k.key("d")),
    )
    assert [cluster.ask(f"key-{name}").status for name in "cd"] == [403, 403]
    assert [cluster.ask("key-b", host).status for host in ("qwen.maas.local", "tiny.maas.local")] == [403, 200]
    assert cluster.statuses(22, "key-a") == "20x200 2x429"
    cluster.put(by_team("{'research': 'free', 'ops': 'free'}"))
    assert cluster.statuses(7, "key-a") == "5x200 2x429"  # the new tier starts at 0


@pytest.mark.parametrize(("teams", "soon"), [(1000, True), (2400, False)])
def test_t2_many_teams_in_the_policy(teams: int, soon: bool) -> None:
    tiers = (
        "{"
        + ", ".join(
            f"'some-research-team-{n}': 'premium', 'some-operations-team-{n}': 'free'" for n in range(teams // 2)
        )
        + "}"
    )
    rules = k.auth_rules()
    group = "auth.identity.metadata.annotations['kuadrant.io/groups']"
    rules["authorization"] = {"known": k.predicates(f"{group} in {tiers}")}
    properties = rules["response"]["success"]["filters"]["identity"]["json"]["properties"]
    properties["tier"] = {"expression": f"{tiers}[{group}]"}
    cluster = Cluster(k.request_policy(), k.key("a", "some-operations-team-7"), k.key("b", "other"))
    cluster.put(k.auth_policy(rules), wait=3)
    assert cluster.ask("key-b").status == 403
    begin = time.perf_counter()
    assert cluster.statuses(7, "key-a") == "5x200 2x429"
    assert (time.perf_counter() - begin) / 7 < 0.1
    cluster.wait(1.5)
    assert (cluster.condition(k.auth_policy())[1] == "Enforced") == soon


def test_t4_a_key_that_expires_by_the_policy() -> None:
    rules = k.auth_rules()
    ends = "auth.identity.metadata.annotations['maas/expires-at']"
    rules["authorization"] = {"not-expired": k.predicates(f"int({ends}) > int(request.time.seconds)")}
    cluster = Cluster(k.auth_policy(rules), k.key("a", annotations={"maas/expires-at": f"{BEGIN + 60:.0f}"}))
    cluster.now = BEGIN + 59.5
    assert cluster.ask("key-a").status == 200
    cluster.now = BEGIN + 60.5
    assert cluster.ask("key-a").status == 403
    cluster.now = BEGIN
    for wrong in (f"int({ends}) > request.time.seconds && timestamp(0) > request.time", "timestamp(0) > request.time"):
        rules["authorization"] = {"not-expired": k.predicates(wrong)}
        cluster.put(k.auth_policy(rules))
        assert cluster.ask("key-a").status == 403


@pytest.mark.parametrize(
    ("credentials", "given"),
    [
        ({"customHeader": {"name": "X-Key"}}, {"x-key": "key-a"}),
        ({"cookie": {"name": "key"}}, {"Cookie": "a=b; key=key-a"}),
        ({}, {"Authorization": "Bearer key-a"}),
    ],
)
def test_other_places_for_a_key(credentials: k.Object, given: dict[str, str]) -> None:
    rules = k.auth_rules()
    rules["authentication"] = {"it": k.api_key("") | {"credentials": credentials}}
    cluster = Cluster(k.auth_policy(rules), k.key("a", "free"))
    assert cluster.ask().status == 401
    assert cluster.ask(**given).status == 200


def test_all_namespaces_takes_keys_from_everywhere() -> None:
    rules = k.auth_rules()
    rules["authentication"] = {"it": k.api_key("APIKEY", allNamespaces=True)}
    cluster = Cluster(k.auth_policy(rules), k.key("a", "free", namespace="elsewhere"))
    assert cluster.ask("key-a").status == 200
