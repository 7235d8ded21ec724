# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is a live object what we applied? Against recordings of a real API server, and against whatever Hypothesis thinks of.

The recordings are made by ``recorded/record.py``.
"""

from __future__ import annotations

import copy
import functools
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.ownership import MANAGER
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import APPLIED_ANNOTATION, difference, prepare
from tests.unit.plugins.recorded.record import SET_ID
from tests.unit.plugins.server_side_apply import (
    REMOVED,
    Path,
    applied,
    changed_by_somebody,
    in_words,
    leaves,
    manifests,
)

Object = dict[str, Any]
RECORDED = {
    file.stem: json.loads(file.read_text())
    for file in sorted((pathlib.Path(__file__).parent.parent / "recorded").glob("*.json"))
}
CHANGES = [
    pytest.param(case["manifest"], change, id=f"{name}-{index}-{change['differs'] or 'nothing'}")
    for name, case in RECORDED.items()
    for index, change in enumerate(case["changes"])
]


def prepared(manifest: Object) -> Object:
    (wanted,) = prepare([manifest], SET_ID).values()
    return wanted


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_server_made_of_our_object_is_no_difference(name: str) -> None:
    assert difference(prepared(RECORDED[name]["manifest"]), RECORDED[name]["live"]) == ""


@pytest.mark.parametrize(("manifest", "change"), CHANGES)
def test_what_somebody_changed_is_named_by_its_path(manifest: Object, change: Object) -> None:
    expected = f"somebody changed {change['differs']}" if change["differs"] else ""

    assert difference(prepared(manifest), change["live"]) == expected


def test_another_wish_is_the_inventorys_change_not_somebodys() -> None:
    recorded = RECORDED["configmap"]
    wanted = copy.deepcopy(recorded["manifest"])
    del wanted["data"]["milk"]

    assert difference(prepared(wanted), recorded["live"]) == "the inventory changed"


def test_what_a_webhook_adds_to_a_list_that_is_ours_as_a_whole_is_found() -> None:
    live = copy.deepcopy(RECORDED["deployment"]["live"])
    live["spec"]["template"]["spec"]["containers"][0]["args"].append("--verbose")
    said = difference(prepared(RECORDED["deployment"]["manifest"]), live)

    assert said == "somebody changed spec.template.spec.containers[0].args"


def test_an_object_that_is_going_away_is_a_difference() -> None:
    live = copy.deepcopy(RECORDED["configmap"]["live"])
    live["metadata"]["deletionTimestamp"] = "2026-11-23T02:00:00Z"

    assert difference(prepared(RECORDED["configmap"]["manifest"]), live) == "it is being deleted"


@pytest.mark.parametrize(
    "entry",
    [
        {"manager": "kubectl", "operation": "Apply"},
        {"manager": MANAGER, "operation": "Update"},
        {"manager": MANAGER, "operation": "Apply", "subresource": "status"},
    ],
)
def test_without_an_entry_of_our_own_the_object_was_taken_over(entry: Object) -> None:
    live = copy.deepcopy(RECORDED["configmap"]["live"])
    (ours,) = [item for item in live["metadata"]["managedFields"] if item["manager"] == MANAGER]
    live["metadata"]["managedFields"] = [{**ours, "subresource": "", **entry}]

    assert difference(prepared(RECORDED["configmap"]["manifest"]), live) == "somebody else took it over"


def test_a_server_that_tells_no_managers_leaves_us_unsure() -> None:
    live = copy.deepcopy(RECORDED["configmap"]["live"])
    live["metadata"]["managedFields"] = None

    assert difference(prepared(RECORDED["configmap"]["manifest"]), live) == "somebody else took it over"


@settings(max_examples=100)
@for_all(manifests())
def test_whatever_we_apply_is_no_difference_afterwards(manifest: Object) -> None:
    wanted = prepared(manifest)

    assert difference(wanted, applied(wanted)) == ""


@settings(max_examples=100)
@for_all(manifests(), st.data())
def test_any_single_value_that_somebody_changes_is_found(manifest: Object, data: st.DataObject) -> None:
    wanted = prepared(manifest)
    path = data.draw(st.sampled_from(compared(wanted)))

    assert_named(path, difference(wanted, changed_by_somebody(applied(wanted), path, "by somebody")))


@settings(max_examples=100)
@for_all(manifests(), st.data())
def test_any_single_value_that_somebody_removes_is_found(manifest: Object, data: st.DataObject) -> None:
    wanted = prepared(manifest)
    # An empty list that is not there is as empty as wanted.
    path = data.draw(st.sampled_from([path for path in compared(wanted) if value_at(wanted, path) != []]))

    assert_named(path, difference(wanted, changed_by_somebody(applied(wanted), path, REMOVED)))


@settings(max_examples=100)
@for_all(manifests(), st.data())
def test_a_value_that_is_not_as_wanted_is_found_though_the_server_says_it_is_ours(
    manifest: Object, data: st.DataObject
) -> None:
    wanted = prepared(manifest)
    path = data.draw(st.sampled_from(compared(wanted)))

    assert_named(path, difference(wanted, changed_by_somebody(applied(wanted), path, "by a webhook", takes_over=False)))


def compared(wanted: Object) -> list[Path]:
    """Return the paths of all values but those that make the object this one."""
    names = [("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")]
    return [path for path in leaves(wanted) if path not in names]


def value_at(wanted: Object, path: Path) -> Any:
    return functools.reduce(lambda value, step: value[step], path, wanted)


def assert_named(path: Path, said: str) -> None:
    """The message names the value, or what the server treats as one value with it."""
    if path[-1] == APPLIED_ANNOTATION:
        assert said == "the inventory changed"
    else:
        assert said.startswith("somebody changed ")
        assert in_words(path).startswith(said.removeprefix("somebody changed "))


def test_a_text_that_could_be_a_quantity_is_still_a_text() -> None:
    manifest: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"limit": "1000"}}
    live = applied(prepared(manifest))
    live["data"]["limit"] = "1k"

    assert difference(prepared(manifest), live) == "somebody changed data.limit"
