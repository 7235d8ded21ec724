# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of one cluster as one value: what contradicts itself is refused too."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError, Problem
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import (
    Platform,
    read_platform,
    unknown_variables,
)
from tests.unit.plugins.strategies import ANYTHING, intents, spoilt_intents


def model(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "server": "simulator", "allow_unmetered_streams": True, **more}


def problems_of(values: dict[Any, Any]) -> list[str]:
    with pytest.raises(IntentError) as caught:
        read_platform(values)
    return [str(problem) for problem in caught.value.problems]


def test_a_domain_is_all_that_a_platform_needs() -> None:
    assert read_platform({"domain": "maas.local"}) == Platform("maas.local")


def test_a_model_answers_below_the_domain() -> None:
    platform = read_platform({"domain": "maas.local", "models": [model("tiny"), model("large", subdomain="big")]})

    assert [platform.hostname(item) for item in platform.models] == ["tiny.maas.local", "big.maas.local"]


def test_all_mistakes_are_told_in_one_message_that_says_that_nothing_changed() -> None:
    with pytest.raises(IntentError) as caught:
        read_platform({"domian": "maas.local", "gateway_http_port": "8000"})

    assert str(caught.value).splitlines() == [
        "The inventory has 3 values that cannot be used. Nothing was changed.",
        "- maas_domian: there is no such field (did you mean domain?); allowed: domain, models, tiers, teams, users, "
        "gateway_name, gateway_namespace, gateway_class, gateway_http_port, gateway_service_type, gateway_node_port, "
        "models_namespace, kuadrant_namespace, versions, limiter, authorino_replicas, simulator_image, "
        "gateway_address",
        "- maas_domain: is missing; allowed: a lower-case DNS name such as maas.local, each part at most "
        "63 characters and the last not a number, at most 189 characters",
        "- maas_gateway_http_port: '8000' was given; allowed: a whole number from 1 to 65535, without quotes",
    ]


def test_a_single_mistake_is_told_in_the_singular() -> None:
    with pytest.raises(IntentError, match=r"^The inventory has 1 value that cannot be used\."):
        read_platform({})


def test_two_models_may_not_share_a_name() -> None:
    models = [model("tiny"), model("other"), model("tiny", subdomain="second")]

    assert problems_of({"domain": "maas.local", "models": models}) == [
        "maas_models[2]: its name 'tiny' is that of maas_models[0] too; allowed: one model for each name"
    ]


def test_two_models_may_not_share_a_subdomain() -> None:
    models = [model("tiny"), model("other", subdomain="tiny")]

    assert problems_of({"domain": "maas.local", "models": models}) == [
        "maas_models[1]: its subdomain 'tiny' is that of maas_models[0] too; allowed: one model for each subdomain"
    ]


def test_a_mistake_elsewhere_does_not_hide_that_models_collide() -> None:
    models = [model("tiny"), {"server": "simulator"}, model("tiny", subdomain="second"), "tiny"]

    assert [problem.partition(":")[0] for problem in problems_of({"domain": "WRONG", "models": models})] == [
        "maas_domain",
        "maas_models[1].name",
        "maas_models[3]",
        "maas_models[2]",
    ]


def test_models_and_gateway_have_namespaces_of_their_own() -> None:
    problems = problems_of({"domain": "maas.local", "models_namespace": "maas-gateway"})

    assert problems == [
        "maas_models_namespace: 'maas-gateway' is maas_gateway_namespace too; "
        "allowed: a namespace of its own, since models and gateway have different rights"
    ]


@pytest.mark.parametrize("service_type", ["LoadBalancer", "ClusterIP"])
def test_a_node_port_needs_a_service_of_that_type(service_type: str) -> None:
    values = {"domain": "maas.local", "gateway_node_port": 30080, "gateway_service_type": service_type}

    assert problems_of(values) == [
        f"maas_gateway_node_port: 30080 was given with maas_gateway_service_type {service_type}; "
        "allowed: a port only with maas_gateway_service_type NodePort"
    ]


def test_what_was_found_wrong_before_is_told_first_with_the_rest() -> None:
    before = Problem("maas_domian", "there is no such setting", "the variables of the role maas")

    with pytest.raises(IntentError) as caught:
        read_platform({"domain": "WRONG"}, [before])
    assert caught.value.problems[0] == before
    assert [problem.path for problem in caught.value.problems] == ["maas_domian", "maas_domain"]
    with pytest.raises(IntentError):
        read_platform({"domain": "maas.local"}, [before])


def test_variables_that_are_no_settings_are_told_with_the_one_that_was_meant() -> None:
    known = ["maas_domain", "maas_models", "maas_gateway_address", "maas_wait_timeout", "maas_versions", "maas_target"]

    assert [str(problem) for problem in unknown_variables([*known, "maas_domian", "maas_xyzzy"])] == [
        "maas_domian: there is no such setting (did you mean maas_domain?); allowed: the variables of the role maas",
        "maas_xyzzy: there is no such setting; allowed: the variables of the role maas",
    ]


def test_the_name_of_the_gateways_service_has_to_fit() -> None:
    values = {"domain": "maas.local", "gateway_class": "openshift-default", "gateway_name": "x" * 45}

    assert read_platform(values).gateway_name == "x" * 45
    assert problems_of({**values, "gateway_name": "x" * 46}) == [
        f"maas_gateway_name: the gateway's Service would be called '{'x' * 46}-openshift-default' (64 characters); "
        "allowed: a name that together with -openshift-default has at most 63 characters"
    ]


@pytest.mark.parametrize(
    "values", [{"gateway_node_port": 29999}, {"gateway_node_port": 32768}, {"gateway_http_port": 0}]
)
def test_ports_out_of_range_are_refused(values: dict[str, Any]) -> None:
    assert len(problems_of({"domain": "maas.local", "gateway_service_type": "NodePort", **values})) == 1


@for_all(intents())
def test_every_right_inventory_is_read(values: dict[str, Any]) -> None:
    platform = read_platform(values)

    assert platform.domain == values["domain"]
    assert [item.name for item in platform.models] == [item["name"] for item in values["models"]]


@settings(max_examples=100)
@for_all(
    spoilt_intents()
    | st.dictionaries(st.sampled_from(["domain", "models", "tiers", "teams", "users"]) | st.text(), ANYTHING)
)
def test_whatever_is_given_there_is_a_platform_or_an_explanation(values: dict[Any, Any]) -> None:
    found: Platform | None = None
    problems: tuple[Problem, ...] = ()
    try:
        found = read_platform(values)
    except IntentError as error:
        problems = error.problems

    assert (found is None) == bool(problems)
    assert all(problem.path.startswith("maas_") and problem.given and problem.allowed for problem in problems)


def test_a_thousand_models_with_a_mistake_each_are_refused_in_a_moment() -> None:
    models = [model(f"m{index}", subdomain="same", replicas="many", modle_id="x") for index in range(1000)]
    begin = time.process_time()

    # Two fields of each, and a subdomain that all but the first take from it.
    assert len(problems_of({"domain": "maas.local", "models": models})) == 2999
    assert time.process_time() - begin < 2
