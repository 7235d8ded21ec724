# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kuadrant's instance: in which order it comes and goes, who reaches it, and where the counters are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import phase
from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import group_kind
from ansible_collections.maas_billing.platform.plugins.module_utils.render.limiting import (
    kuadrant,
    kuadrant_namespace,
    limitador,
    limiting_objects,
)
from tests.unit.plugins.strategies import dns_labels

GATEWAY_NEEDS = {8081, 8082, 50051}
METRICS = 8080


def platform(**limiter: Any) -> Platform:
    return read_platform({"domain": "maas.local", "limiter": limiter})


def sources(rule: dict[str, Any]) -> set[str]:
    return {peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]}


def ports(rule: dict[str, Any]) -> set[int]:
    return {item["port"] for item in rule["ports"]}


@for_all(st.lists(dns_labels(63), max_size=3))
def test_the_gateway_reaches_what_it_needs_and_others_at_most_the_metrics(readers: list[str]) -> None:
    objects = limiting_objects(platform(metrics_namespaces=readers))
    rules = [rule for item in objects if item["kind"] == "NetworkPolicy" for rule in item["spec"]["ingress"]]

    assert {port for rule in rules if sources(rule) == {"maas-gateway"} for port in ports(rule)} == GATEWAY_NEEDS
    assert all(rule["from"] for rule in rules), "a rule without sources admits everybody"
    for rule in rules:
        if sources(rule) != {"maas-gateway"}:
            assert (sources(rule), ports(rule)) == (set(readers), {METRICS})


def test_the_parts_are_there_before_kuadrant_and_go_after_it() -> None:
    phases = {item["kind"]: phase(group_kind(item)) for item in limiting_objects(platform())}

    assert max(phases["Authorino"], phases["Limitador"]) < phases["Kuadrant"]
    assert phases["Namespace"] == 0


def test_everything_is_in_the_namespace_that_can_be_made_before_it() -> None:
    (place,) = kuadrant_namespace(platform())
    first, *others = limiting_objects(platform())

    assert first == place
    assert {item["metadata"]["namespace"] for item in others} == {place["metadata"]["name"]}
    assert place["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"


@pytest.mark.parametrize(
    ("limiter", "storage"),
    [
        ({}, None),
        (
            {"storage": "redis", "redis_secret": "limiter-redis"},
            {"redis": {"configSecretRef": {"name": "limiter-redis"}}},
        ),
        (
            {"storage": "disk", "storage_class": "fast"},
            {"disk": {"persistentVolumeClaim": {"resources": {"requests": "1Gi"}, "storageClassName": "fast"}}},
        ),
    ],
)
def test_the_counters_are_where_the_inventory_says(limiter: dict[str, Any], storage: Any) -> None:
    assert limitador(platform(**limiter))["spec"].get("storage") == storage


def test_what_the_operator_writes_into_the_limitador_is_left_to_it() -> None:
    assert not {"limits", "metricLabelsDefault"} & set(limitador(platform())["spec"])


@pytest.mark.parametrize(("monitors", "enabled"), [(None, False), (False, False), (True, True)])
def test_monitors_are_made_only_when_that_is_said(monitors: Any, enabled: bool) -> None:
    assert kuadrant(platform(monitors=monitors))["spec"]["observability"] == {"enable": enabled}
