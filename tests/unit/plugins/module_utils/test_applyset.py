# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and annotations of a set are those that other tools expect."""

from __future__ import annotations

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import (
    Parent,
    kinds_of,
    namespaces_of,
)


def test_the_id_is_the_one_that_kubectl_gives_to_the_same_parent() -> None:
    # kubectl 1.35.4: KUBECTL_APPLYSET=true kubectl apply --prune --applyset=configmap/maas-notes -n u -f ...
    assert Parent("notes", "u").set_id == "applyset-AX7ZkzXOgAGJfO1Z-x7Uk5p1sN-Ao0L5Qjzz0Hbo5kE-v1"


def test_each_name_and_each_namespace_has_an_id_of_its_own() -> None:
    ids = {Parent(name, namespace).set_id for name in ("a", "b", "a.b") for namespace in ("a", "b")}

    assert len(ids) == 6


def test_the_parent_lists_kinds_and_the_namespaces_beside_its_own() -> None:
    parent = Parent("notes", "home")
    kinds = ["HTTPRoute.gateway.networking.k8s.io", "ConfigMap", "ConfigMap"]

    assert parent.manifest(kinds, {"home", "team-b", "team-a"}) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "maas-notes",
            "namespace": "home",
            "labels": {
                "applyset.kubernetes.io/id": parent.set_id,
                "app.kubernetes.io/managed-by": "maas_billing.platform",
            },
            "annotations": {
                "applyset.kubernetes.io/tooling": "maas_billing.platform/v1",
                "applyset.kubernetes.io/contains-group-kinds": "ConfigMap,HTTPRoute.gateway.networking.k8s.io",
                "applyset.kubernetes.io/additional-namespaces": "team-a,team-b",
                "maas-billing.platform/members-beside": "true",
            },
        },
    }


def test_what_the_parent_lists_can_be_read_back() -> None:
    parent = Parent("notes", "home").manifest(["Secret", "Gateway.gateway.networking.k8s.io"], ["team"])

    assert kinds_of(parent) == ["Gateway.gateway.networking.k8s.io", "Secret"]
    assert namespaces_of(parent) == ["team"]


def test_members_beside_the_parent_are_remembered_too() -> None:
    assert namespaces_of(Parent("notes", "home").manifest(["Secret"], ["team", "home"])) == ["team", "home"]


@pytest.mark.parametrize("parent", [None, {}, {"metadata": {}}, {"metadata": {"annotations": None}}])
def test_a_parent_that_is_not_there_or_says_nothing_lists_nothing(parent: dict[str, object] | None) -> None:
    assert kinds_of(parent) == []
    assert namespaces_of(parent) == []


def test_an_empty_set_lists_nothing() -> None:
    parent = Parent("notes", "home").manifest([], [])

    assert kinds_of(parent) == []
    assert namespaces_of(parent) == []
