# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the inventory, Kubernetes can take the names and labels that follow from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given as for_all

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import prepare
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import (
    OPERATOR_LABEL,
    SHARED_LABEL,
    manifest,
    namespace,
    operator_namespace,
)
from tests.unit.plugins.rendered import everything
from tests.unit.plugins.strategies import intents

# k8s.io/apimachinery/pkg/util/validation: RFC 1123 labels and subdomains, qualified names, label values.
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAME_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def is_dns_label(text: str) -> bool:
    return len(text) <= 63 and DNS_LABEL.fullmatch(text) is not None


def is_dns_name(text: str) -> bool:
    return len(text) <= 253 and all(map(is_dns_label, text.split(".")))


def is_object_name(text: str) -> bool:
    """A DNS subdomain as Kubernetes takes it: its parts may be longer than those of a name in the DNS."""
    return len(text) <= 253 and all(map(DNS_LABEL.fullmatch, text.split(".")))


def is_qualified_name(text: str) -> bool:
    prefix, _slash, name = text.rpartition("/")
    return (not prefix or is_dns_name(prefix)) and len(name) <= 63 and NAME_PART.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    return text == "" or (len(text) <= 63 and NAME_PART.fullmatch(text) is not None)


@for_all(intents())
def test_names_are_names_for_kubernetes(values: dict[str, Any]) -> None:
    for item in everything(read_platform(values)):
        assert is_object_name(item["metadata"]["name"])
        assert is_dns_label(item["metadata"].get("namespace", "none"))


@for_all(intents())
def test_labels_and_annotations_are_such_for_kubernetes(values: dict[str, Any]) -> None:
    prepared = prepare(everything(read_platform(values)), "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1")
    for item in prepared.values():
        labels, annotations = item["metadata"]["labels"], item["metadata"]["annotations"]
        assert all(is_qualified_name(name) and is_label_value(value) for name, value in labels.items())
        assert all(is_qualified_name(name.lower()) and isinstance(value, str) for name, value in annotations.items())


@for_all(intents())
def test_what_others_derive_from_our_names_fits_too(values: dict[str, Any]) -> None:
    platform = read_platform(values)

    # Services of the gateway (Istio) and of the models (KServe), and the label that KServe gives to pods.
    assert is_dns_label(f"{platform.gateway_name}-{platform.gateway_class}")
    for model in platform.models:
        assert is_dns_label(f"{model.name}-predictor")
        assert is_label_value(f"isvc.{model.name}-predictor")
        assert is_dns_name(platform.hostname(model))


@for_all(intents())
def test_all_parts_together_hold_no_object_twice_and_are_plain_json(values: dict[str, Any]) -> None:
    objects = everything(read_platform(values))

    assert len(prepare(objects, "set")) == len(objects)
    assert json.loads(json.dumps(objects)) == objects


@for_all(intents())
def test_rendering_the_same_inventory_again_gives_the_same(values: dict[str, Any]) -> None:
    assert everything(read_platform(values)) == everything(read_platform(values))


def test_every_object_says_what_it_is_part_of() -> None:
    common = {"app.kubernetes.io/managed-by": "maas_billing.platform", "app.kubernetes.io/part-of": "maas-platform"}
    item = manifest("v1", "ConfigMap", "notes", "team", labels={"a": "b"}, annotations={"c": "d"}, data={"e": "f"})

    assert item == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "notes", "namespace": "team", "labels": {**common, "a": "b"}, "annotations": {"c": "d"}},
        "data": {"e": "f"},
    }


def test_objects_outside_of_namespaces_and_without_annotations_have_no_empty_fields() -> None:
    assert set(manifest("v1", "Namespace", "team")["metadata"]) == {"name", "labels"}


def test_a_namespace_enforces_its_level_and_warns_of_what_is_not_restricted() -> None:
    labels = namespace("team", "baseline")["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"


def test_the_namespace_of_an_operator_is_shared_and_enforces_nothing() -> None:
    labels: Mapping[str, str] = operator_namespace("istio-system", "istio")["metadata"]["labels"]

    assert labels[SHARED_LABEL] == "true"
    assert labels[OPERATOR_LABEL] == "istio"
    assert not [name for name in labels if name.startswith("pod-security")]
