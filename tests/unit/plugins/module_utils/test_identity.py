# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is admitted, by the predicates and expressions of the rendered AuthPolicy; what the inventory says decides.

Numbers with a letter are those of the measured facts.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import auth_policy
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey, key_secret
from tests.unit.plugins.cel_engine import NoValue, holds, value
from tests.unit.plugins.strategies import intents

Object = dict[str, Any]

USER, TEAM = "maas-billing.platform/user", "maas-billing.platform/team"
MODELS = [
    {"name": name, "server": "simulator", "allow_unmetered_streams": True, **more}
    for name, more in (("tiny", {}), ("big", {"subdomain": "large"}))
]
INTENT = {
    "domain": "maas.local",
    "models": MODELS,
    "tiers": [{"name": "free", "models": ["tiny"], "unlimited": True}, {"name": "premium", "unlimited": True}],
    "teams": [{"name": "students", "tier": "free"}, {"name": "research", "tier": "premium"}],
}


def rules_for(intent: Object) -> Object:
    rules: Object = auth_policy(read_platform(intent))["spec"]["defaults"]["rules"]
    return rules


def request_of(host: str, **annotations: str) -> Object:
    """Return the variables of a request with a key whose Secret has these annotations."""
    by_name = {{"user": USER, "team": TEAM}[name]: text for name, text in annotations.items()}
    return {"auth": {"identity": {"metadata": {"annotations": by_name}}}, "request": {"host": host}}


def predicates_of(rules: Object) -> list[str]:
    return [
        pattern["predicate"]
        for rule in rules["authorization"].values()
        for pattern in rule["patternMatching"]["patterns"]
    ]


def properties_of(rules: Object) -> dict[str, str]:
    found = rules["response"]["success"]["filters"]["identity"]["json"]["properties"]
    return {name: item["expression"] for name, item in found.items()}


def admits(rules: Object, variables: Object) -> bool:
    return all(holds(predicate, **variables) for predicate in predicates_of(rules))


def identity(rules: Object, variables: Object) -> Object:
    return {name: value(expression, **variables) for name, expression in properties_of(rules).items()}


def hostname(intent: Object, model: Object) -> str:
    return f"{model.get('subdomain') or model['name']}.{intent['domain']}"


class TestAdmission:
    """Exactly those pass whom the inventory admits."""

    @for_all(intents())
    def test_a_team_may_use_the_models_of_its_tier_and_no_others(self, intent: Object) -> None:
        rules = rules_for(intent)
        tiers = {tier["name"]: tier for tier in intent.get("tiers", [])}

        for team in intent.get("teams", []):
            for model in intent["models"]:
                variables = request_of(hostname(intent, model), user="ann", team=team["name"])
                included = tiers[team["tier"]].get("models")
                assert admits(rules, variables) is (included is None or model["name"] in included)

    @for_all(intents())
    def test_whoever_is_admitted_has_the_identity_that_the_inventory_says(self, intent: Object) -> None:
        rules = rules_for(intent)

        for team in intent.get("teams", []):
            for model in intent["models"]:
                variables = request_of(hostname(intent, model).upper() + ":8000", user="ann", team=team["name"])
                wanted = {"userid": "ann", "team": team["name"], "tier": team["tier"], "model": model["name"]}
                assert identity(rules, variables) == wanted

    @pytest.mark.parametrize(
        ("host", "annotations"),
        [
            ("tiny.maas.local", {"user": "ann", "team": "nobody"}),
            ("tiny.maas.local", {"user": "ann", "team": "Students"}),
            ("tiny.maas.local", {"user": "ann", "team": ""}),
            ("tiny.maas.local", {"user": "ann", "team": "free"}),
            ("tiny.maas.local", {"user": "ann"}),
            ("tiny.maas.local", {"team": "students"}),
            ("tiny.maas.local", {"user": "", "team": "students"}),
            ("tiny.maas.local", {}),
            ("big.maas.local", {"user": "ann", "team": "research"}),
            ("tiny.maas.locals", {"user": "ann", "team": "research"}),
            ("maas.local", {"user": "ann", "team": "research"}),
            ("", {"user": "ann", "team": "research"}),
            ("large.maas.local", {"user": "ann", "team": "students"}),
        ],
    )
    def test_nobody_else_is_admitted(self, host: str, annotations: dict[str, str]) -> None:
        assert not admits(rules_for(INTENT), request_of(host, **annotations))

    def test_a_secret_without_any_annotations_is_refused(self) -> None:
        variables = {"auth": {"identity": {"metadata": {}}}, "request": {"host": "tiny.maas.local"}}

        assert not admits(rules_for(INTENT), variables)

    @pytest.mark.parametrize("intent", [{"domain": "maas.local"}, {"domain": "maas.local", "models": MODELS}])
    def test_without_tiers_and_teams_nobody_is_admitted(self, intent: Object) -> None:
        assert not admits(rules_for(intent), request_of("tiny.maas.local", user="ann", team="students"))


class TestWhole:
    """Every property can be computed for everybody who is admitted (S4); tested and used is the same (S5)."""

    @for_all(
        st.dictionaries(
            st.sampled_from(["user", "team"]), st.sampled_from(["ann", "", "students", "research", "free"])
        ),
        st.sampled_from(["tiny.maas.local", "LARGE.maas.local:80", "big.maas.local", ""]),
    )
    def test_whose_identity_cannot_be_computed_is_refused(self, annotations: dict[str, str], host: str) -> None:
        rules, variables = rules_for(INTENT), request_of(host, **annotations)
        try:
            whole = "" not in identity(rules, variables).values()
        except NoValue:
            whole = False

        assert whole or not admits(rules, variables)

    @for_all(intents())
    def test_each_property_is_tested_by_the_expression_that_computes_it(self, intent: Object) -> None:
        rules = rules_for(intent)
        patterns, properties = (
            rules["authorization"]["known-identity"]["patternMatching"]["patterns"],
            properties_of(rules),
        )
        user, team, host = (pattern["predicate"] for pattern in patterns)

        assert user == f"{properties['userid']} != ''"
        its_team, tiers = team.split(" in ", 1)
        assert its_team == properties["team"]
        assert properties["tier"] == f"{tiers}[{its_team}]"
        its_host, models = host.split(" in ", 1)
        assert properties["model"] == f"{models}[{its_host}]"

    @for_all(intents())
    def test_what_a_client_sends_beside_its_key_and_host_counts_for_nothing(self, intent: Object) -> None:
        rules = rules_for(intent)

        for expression in (*predicates_of(rules), *properties_of(rules).values()):
            assert set(re.findall(r"request\.\w+", expression)) <= {"request.host"}


class TestCredentials:
    """What is a key, and where it stands in a request."""

    def test_a_key_follows_either_of_two_prefixes(self) -> None:
        prefixes = [
            rule["credentials"]["authorizationHeader"]["prefix"]
            for rule in rules_for(INTENT)["authentication"].values()
        ]

        assert sorted(prefixes) == ["APIKEY", "Bearer"]

    def test_only_secrets_of_kuadrants_namespace_with_the_label_of_our_keys_are_keys(self) -> None:
        labels = key_secret(ApiKey("ann", "default", "students"), "value", "kuadrant-system")["metadata"]["labels"]

        for rule in rules_for(INTENT)["authentication"].values():
            selector = rule["apiKey"]["selector"]["matchLabels"]
            assert rule["apiKey"]["allNamespaces"] is False
            assert selector
            assert selector.items() <= labels.items()
        # Authorino watches no others; one that it does not watch may survive its own deletion (S9).
        assert labels["authorino.kuadrant.io/managed-by"] == "authorino"


class TestRefusals:
    """A refusal without a body cuts the connection when an expression fails (T5)."""

    @pytest.mark.parametrize(("name", "status"), [("unauthenticated", 401), ("unauthorized", 403)])
    def test_each_is_an_error_as_clients_of_openai_know_it(self, name: str, status: int) -> None:
        refusal = rules_for(INTENT)["response"][name]
        error = json.loads(refusal["body"]["value"])["error"]

        assert refusal["code"] == status
        assert refusal["headers"]["content-type"] == {"value": "application/json"}
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]
        assert error["code"]

    def test_setting_headers_keeps_the_challenge(self) -> None:
        headers = rules_for(INTENT)["response"]["unauthenticated"]["headers"]

        # E2: what is set replaces what would be sent.
        assert headers["www-authenticate"] == {"value": 'APIKEY realm="maas", Bearer realm="maas"'}


def test_it_holds_for_the_whole_gateway_and_may_be_merged() -> None:
    policy = auth_policy(read_platform({**INTENT, "gateway_name": "edge", "gateway_namespace": "ingress"}))

    assert (policy["metadata"]["name"], policy["metadata"]["namespace"]) == ("edge-auth", "ingress")
    assert policy["spec"]["targetRef"] == {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}
    assert policy["spec"]["defaults"]["strategy"] == "merge"
