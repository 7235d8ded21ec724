# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters say in one message what is wrong. Their documented examples run in tests/unit/test_docs.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given as for_all

from ansible_collections.maas_billing.platform.plugins.filter import routing, verdict
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.gateway import gateway
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_objects
from tests.unit.plugins.strategies import ANYTHING, intents

FILTERS = {**routing.FilterModule().filters(), **verdict.FilterModule().filters()}
TINY = {"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}


def refusal(name: str, *arguments: Any) -> str:
    with pytest.raises(AnsibleFilterError) as caught:
        FILTERS[name](*arguments)
    return str(caught.value)


@for_all(intents())
def test_filters_give_what_apply_set_renders(values: dict[str, Any]) -> None:
    platform = read_platform(values)
    routes = model_objects(platform)[1::2]

    assert FILTERS["model_gateway"](values) == gateway(platform)
    assert [FILTERS["model_route"](model, values) for model in values["models"]] == routes
    assert [FILTERS["model_hostname"](model, values) for model in values["models"]] == [
        route["spec"]["hostnames"][0] for route in routes
    ]


def test_only_the_model_that_is_given_has_to_be_right() -> None:
    assert FILTERS["model_hostname"](TINY, {"domain": "maas.local", "models": "anything"}) == "tiny.maas.local"


def test_every_model_gets_a_line_of_the_hosts_file() -> None:
    intent = {"domain": "maas.local", "models": [TINY]}

    assert FILTERS["hosts_entries"](intent, "127.0.0.1") == ["127.0.0.1 tiny.maas.local"]


@pytest.mark.parametrize("name", ["model_hostname", "model_route"])
def test_a_wrong_model_is_told_with_its_path(name: str) -> None:
    said = refusal(name, {"name": "Tiny", "server": "simulator"}, {"domain": "maas.local"})

    assert said.startswith(f"{name}: The inventory has 1 value that cannot be used.")
    assert "- maas_models[0].name: 'Tiny' was given; allowed: " in said


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("model_hostname", (TINY, "maas.local")),
        ("model_route", (TINY, None)),
        ("model_gateway", (["maas.local"],)),
        ("hosts_entries", ("maas.local", "127.0.0.1")),
    ],
)
def test_an_intent_that_is_no_mapping_is_told_with_an_example(name: str, arguments: tuple[Any, ...]) -> None:
    assert refusal(name, *arguments).startswith(f"{name}: a mapping such as {{'domain': 'maas.local'}} is needed, not ")


def test_an_address_that_is_none_is_told() -> None:
    said = refusal("hosts_entries", {"domain": "maas.local"}, "gateway.example")

    assert said.startswith("hosts_entries: ")
    assert "address: 'gateway.example' was given; allowed: an IPv4 or IPv6 address" in said


@pytest.mark.parametrize("name", ["verdicts", "verdict_table", "not_ready"])
@pytest.mark.parametrize("value", [None, "text", {"part": "gateway"}])
def test_what_is_no_list_is_told(name: str, value: Any) -> None:
    assert refusal(name, value) == f"{name}: a list is needed, not {value!r}"


@pytest.mark.parametrize("arguments", [(None, []), ([], "text")])
def test_failures_of_releases_take_two_lists(arguments: tuple[Any, Any]) -> None:
    said = refusal("release_failures", *arguments, "mesh", 60)

    assert said.startswith("release_failures: a list is needed, not ")


@for_all(ANYTHING, ANYTHING)
def test_whatever_routing_filters_are_given_they_explain_themselves(one: Any, other: Any) -> None:
    for name, arguments in {
        "model_hostname": (one, other),
        "model_route": (one, other),
        "model_gateway": (one,),
        "hosts_entries": (one, other),
    }.items():
        assert refusal(name, *arguments).startswith(f"{name}: ")
