# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people get to see of an object, and what of it counts as a change."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.plan import (
    prepare,
    same_content,
    visible,
)
from tests.unit.plugins.server_side_apply import applied

Object = dict[str, Any]
OURS = "applyset-ours-v1"


def config(name: str = "notes", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "team"}, "data": data}


def live(manifest: Object) -> Object:
    """Return the manifest as a cluster holds it after we applied it."""
    (wanted,) = prepare([manifest], OURS).values()
    return applied(wanted)


class TestVisible:
    """What people get to see in a diff."""

    def test_server_bookkeeping_and_our_own_marks_are_hidden(self) -> None:
        obj = live(config(milk="2"))
        shown = visible({**obj, "status": {"phase": "x"}})

        assert shown["metadata"] == {
            "name": "notes",
            "namespace": "team",
            "labels": obj["metadata"]["labels"],
            "annotations": {"defaulted": "by the server"},
            "defaulted": "by the server",
        }
        assert "status" not in shown
        assert shown["data"]["milk"] == "2"

    def test_annotations_that_are_empty_then_are_left_out(self) -> None:
        (obj,) = prepare([config()], OURS).values()

        assert "annotations" not in visible(obj)["metadata"]

    def test_no_value_of_a_secret_is_shown_wherever_it_stands(self) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "key",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"token": "c2VjcmV0"}}'},
            },
            "data": {"token": "c2VjcmV0"},
            "stringData": {"other": "secret"},
        }
        shown = visible(secret, "(hidden, changed)")

        assert shown["data"] == {"token": "(hidden, changed)"}
        assert shown["stringData"] == {"other": "(hidden, changed)"}
        assert "c2VjcmV0" not in str(shown)

    def test_long_schemas_are_shown_by_their_sum(self) -> None:
        version = {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}
        crd = {"kind": "CustomResourceDefinition", "metadata": {"name": "a"}, "spec": {"versions": [version]}}
        other = copy.deepcopy(crd)
        other["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["type"] = "string"  # type: ignore[index]

        assert visible(crd)["spec"]["versions"][0]["schema"].startswith("(hidden, sha256 ")
        assert visible(crd) != visible(other)

    def test_looking_changes_nothing(self) -> None:
        obj = live(config())
        before = copy.deepcopy(obj)
        visible(obj)

        assert obj == before


class TestSameContent:
    """A server-side apply may bump the version and change nothing."""

    def test_bookkeeping_and_status_do_not_count(self) -> None:
        before = live(config(milk="2"))
        after = copy.deepcopy(before) | {"status": {"phase": "x"}}
        after["metadata"].update(resourceVersion="9", generation=9, managedFields=[], uid="x", creationTimestamp="now")

        assert same_content(before, after)

    @pytest.mark.parametrize("path", [("data", "milk"), ("metadata", "labels", "a"), ("spec",)])
    def test_everything_else_does(self, path: tuple[str, ...]) -> None:
        before = live(config(milk="2"))
        after = copy.deepcopy(before)
        place = after
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = "other"

        assert not same_content(before, after)

    def test_coming_and_going_are_changes(self) -> None:
        assert not same_content(None, config())
        assert not same_content(config(), None)
        assert same_content(None, None)
