# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The twelve cases of apply_set: create, change and delete, each in check mode and really, each run twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.module.cluster import Cluster, Request
from tests.module.conftest import Space
from tests.module.objects import config_map, namespace
from tests.module.running import Answer

Object = dict[str, Any]
Live = dict[str, dict[str, str] | None]

# What the set is before and after each operation: the data of its ConfigMaps by name.
BEFORE: dict[str, Live] = {
    "create": {"first": None, "second": None},
    "change": {"first": {"color": "red"}, "second": {"color": "red"}},
    "delete": {"first": {"color": "green"}, "second": {"color": "red"}},
}
AFTER: dict[str, Live] = {
    "create": {"first": {"color": "red"}, "second": {"color": "red"}},
    "change": {"first": {"color": "green"}, "second": {"color": "red"}},
    "delete": {"first": None, "second": None},
}
CHANGED = {
    "create": {
        "Namespace {place}": "created",
        "ConfigMap {place}/first": "created",
        "ConfigMap {place}/second": "created",
    },
    "change": {"ConfigMap {place}/first": "changed"},
    "delete": {
        "ConfigMap {place}/first": "removed",
        "ConfigMap {place}/second": "removed",
        "Namespace {place}": "removed",
    },
}


@dataclass
class Run:
    """One run of the module: what it answered and sent, and what the cluster held then."""

    answer: Answer
    requests: list[Request]
    live: Live


@pytest.fixture(scope="module")
def runs(shared_space: Space, cluster: Cluster) -> dict[tuple[str, str, str], Run]:
    """All twelve runs in their order, by operation, mode and turn."""
    done = {}
    for operation in ("create", "change", "delete"):
        for mode in ("check", "real"):
            for turn in ("first", "second"):
                done[(operation, mode, turn)] = _run(shared_space, cluster, operation, check=mode == "check")
    return done


def _run(space: Space, cluster: Cluster, operation: str, check: bool) -> Run:
    wanted = AFTER[operation]
    with cluster.counted() as requests:
        if operation == "delete":
            answer = space.remove(check)
        else:
            objects = [config_map(space.name("made"), name, **(data or {})) for name, data in wanted.items()]
            answer = space.apply([namespace(space.name("made")), *objects], check)
    return Run(answer, requests, _live(space, cluster))


def _live(space: Space, cluster: Cluster) -> Live:
    found = {name: cluster.read(config_map(space.name("made"), name)) for name in ("first", "second")}
    assert not any(obj and obj["metadata"].get("deletionTimestamp") for obj in found.values())
    return {name: obj and obj["data"] for name, obj in found.items()}


@pytest.mark.parametrize("turn", ["first", "second"])
@pytest.mark.parametrize("operation", ["create", "change", "delete"])
def test_check_mode_predicts_every_time_and_changes_nothing(
    runs: dict[tuple[str, str, str], Run], shared_space: Space, operation: str, turn: str
) -> None:
    run = runs[(operation, "check", turn)]
    assert run.answer["changed"] is True
    assert _actions(run) == _expected(shared_space, operation)
    assert run.live == BEFORE[operation]
    assert [request for request in run.requests if request.writes and request.verb != "delete"] == []


@pytest.mark.parametrize("operation", ["create", "change", "delete"])
def test_the_first_run_does_what_was_predicted(
    runs: dict[tuple[str, str, str], Run], shared_space: Space, operation: str
) -> None:
    run = runs[(operation, "real", "first")]
    assert run.answer["changed"] is True
    assert _actions(run) == _expected(shared_space, operation)
    assert run.live == AFTER[operation]


@pytest.mark.parametrize("operation", ["create", "change", "delete"])
def test_the_second_run_finds_nothing_to_do_and_sends_nothing(
    runs: dict[tuple[str, str, str], Run], operation: str
) -> None:
    run = runs[(operation, "real", "second")]
    assert run.answer["changed"] is False
    assert run.answer["changes"] == []
    assert run.live == AFTER[operation]
    assert [request for request in run.requests if request.writes] == []
    assert 1 <= len(run.requests) <= 5, run.requests


def test_every_untouched_object_is_counted(runs: dict[tuple[str, str, str], Run]) -> None:
    assert runs[("change", "real", "first")].answer["unchanged"] == 2
    assert runs[("change", "real", "second")].answer["unchanged"] == 3


def _actions(run: Run) -> dict[str, str]:
    return {change["object"]: change["action"] for change in run.answer["changes"]}


def _expected(space: Space, operation: str) -> dict[str, str]:
    return {name.format(place=space.name("made")): action for name, action in CHANGED[operation].items()}
