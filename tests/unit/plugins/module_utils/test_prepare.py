# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How wanted objects are named, ordered and sent."""

from __future__ import annotations

import base64
import datetime
import random
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ManifestError
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import (
    APPLIED_ANNOTATION,
    PHASES,
    Key,
    key_of,
    phase,
    prepare,
)

Object = dict[str, Any]
OURS = "applyset-ours-v1"


def config(name: str = "notes", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "team"}, "data": data}


class TestPrepare:
    """How wanted objects are sent."""

    def test_members_are_labelled_and_their_content_is_noted(self) -> None:
        ((its_key, obj),) = prepare([config(milk="2")], OURS).items()

        assert its_key == Key("ConfigMap", "team", "notes")
        assert obj["metadata"]["labels"] == {PART_OF_LABEL: OURS}
        assert len(obj["metadata"]["annotations"][APPLIED_ANNOTATION]) == 32
        assert obj["data"] == {"milk": "2"}

    def test_labels_and_annotations_of_their_own_stay(self) -> None:
        manifest = config()
        manifest["metadata"].update(labels={"a": "b"}, annotations={"c": "d"})
        (obj,) = prepare([manifest], OURS).values()

        assert obj["metadata"]["labels"]["a"] == "b"
        assert obj["metadata"]["annotations"]["c"] == "d"

    @pytest.mark.parametrize("field", ["labels", "annotations"])
    def test_empty_labels_and_annotations_as_yaml_writes_them_are_fine(self, field: str) -> None:
        manifest = config()
        manifest["metadata"][field] = None
        (obj,) = prepare([manifest], OURS).values()

        assert isinstance(obj["metadata"][field], dict)

    def test_what_only_a_server_writes_is_left_out(self) -> None:
        manifest = config() | {"status": {"phase": "x"}}
        server_fields = {
            "uid": "1",
            "resourceVersion": "2",
            "generation": 3,
            "creationTimestamp": None,
            "managedFields": [],
        }
        manifest["metadata"].update(server_fields)

        assert prepare([manifest], OURS) == prepare([config()], OURS)

    def test_the_order_of_fields_does_not_matter_but_every_value_does(self) -> None:
        manifest = config(a="1", b="2")
        turned = dict(reversed(manifest.items())) | {"data": {"b": "2", "a": "1"}}
        (one,), (other,), (third,) = (
            prepare([item], OURS).values() for item in (manifest, turned, config(a="1", b="3"))
        )

        noted = [item["metadata"]["annotations"][APPLIED_ANNOTATION] for item in (one, other, third)]
        assert noted[0] == noted[1] != noted[2]

    def test_secrets_are_sent_as_the_server_keeps_them(self) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "team"}}
        (obj,) = prepare([{**secret, "data": {"old": "eA=="}, "stringData": {"new": "ü"}}], OURS).values()

        assert obj["data"] == {"old": "eA==", "new": base64.b64encode("ü".encode()).decode()}
        assert "stringData" not in obj

    @pytest.mark.parametrize("parts", [{"stringData": None}, {"data": None, "stringData": {"a": "b"}}])
    def test_empty_parts_of_secrets_as_yaml_writes_them_are_fine(self, parts: Object) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "team"}, **parts}

        assert len(prepare([secret], OURS)) == 1

    def test_what_was_handed_in_is_not_changed(self) -> None:
        manifest = config(milk="2")
        prepare([manifest], OURS)

        assert manifest == config(milk="2")

    def test_an_object_given_twice_is_refused_by_name(self) -> None:
        with pytest.raises(ManifestError, match=r"^ConfigMap team/notes is given twice; give each object once\.$"):
            prepare([config(), config(milk="2")], OURS)

    def test_the_same_object_in_two_versions_of_its_kind_is_given_twice(self) -> None:
        beta = {"apiVersion": "example.org/v1beta1", "kind": "Thing", "metadata": {"name": "a"}}

        with pytest.raises(ManifestError, match="Thing a is given twice"):
            prepare([beta, {**beta, "apiVersion": "example.org/v1"}], OURS)

    @pytest.mark.parametrize(
        "nothing",
        [
            {},
            "ConfigMap",
            None,
            {"apiVersion": "v1", "kind": "ConfigMap"},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": ""}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 7}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name"]},
            {"apiVersion": 1, "kind": "ConfigMap", "metadata": {"name": "a"}},
            {"kind": "ConfigMap", "metadata": {"name": "a"}},
            {"apiVersion": "v1", "metadata": {"name": "a"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": ["b"]}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": 5}},
        ],
    )
    def test_what_is_no_object_is_refused_with_its_place(self, nothing: Any) -> None:
        with pytest.raises(ManifestError, match=r"^objects\[1\] is not a Kubernetes object: apiVersion, kind and"):
            prepare([config(), nothing], OURS)

    @pytest.mark.parametrize("value", [datetime.date(2026, 11, 23), float("nan"), {1, 2}])
    def test_values_that_json_does_not_know_are_refused_by_the_name_of_the_object(self, value: Any) -> None:
        manifest = config()
        manifest["data"] = {"day": value}

        with pytest.raises(
            ManifestError, match=r"^ConfigMap team/notes holds a value that no Kubernetes object can hold"
        ):
            prepare([manifest], OURS)


class TestOrder:
    """Phases go up when objects are applied, and down when they are removed."""

    def test_what_others_need_comes_first(self) -> None:
        in_order = [
            "Namespace",
            "CustomResourceDefinition.apiextensions.k8s.io",
            "ServiceAccount",
            "Gateway.gateway.networking.k8s.io",
            "HTTPRoute.gateway.networking.k8s.io",
        ]
        shuffled = random.Random(7).sample(in_order, len(in_order))

        assert sorted(shuffled, key=phase) == in_order

    @pytest.mark.parametrize(
        "kind", ["ConfigMap", "Secret", "PersistentVolumeClaim", "ClusterRole.rbac.authorization.k8s.io"]
    )
    def test_what_pods_read_comes_before_what_makes_pods(self, kind: str) -> None:
        assert phase("Namespace") < phase(kind) < phase("Deployment.apps")

    @for_all(st.text())
    def test_every_kind_has_a_phase(self, kind: str) -> None:
        assert 0 <= phase(kind) < PHASES


class TestKeys:
    """What makes an object the same one."""

    def test_the_version_of_a_kind_does_not_count(self) -> None:
        one = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}

        assert key_of(one) == key_of({**one, "apiVersion": "example.org/v2"}) == Key("Thing.example.org", "", "a")

    def test_a_namespace_that_is_null_is_none(self) -> None:
        metadata = {"name": "a", "namespace": None}

        assert key_of({"apiVersion": "v1", "kind": "Thing", "metadata": metadata}) == Key("Thing", "", "a")

    def test_a_key_reads_as_people_say_it(self) -> None:
        assert str(Key("HTTPRoute.gateway.networking.k8s.io", "team", "a")) == "HTTPRoute team/a"
        assert str(Key("Namespace", "", "team")) == "Namespace team"
