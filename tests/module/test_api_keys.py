# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The twelve cases of api_keys, what api_keys_info lists, and what is said when something goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import KEY_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import WATCHED_LABEL, ApiKey
from tests.module.cluster import Cluster, Request
from tests.module.conftest import Space
from tests.module.keys import ALICE, BOB, MOVED, Keys, Users, assert_hidden, value_of
from tests.module.middleman import CUT, FORWARD, Middleman
from tests.module.objects import namespace
from tests.module.running import Answer

Object = dict[str, Any]


@pytest.fixture
def keys(space: Space) -> Keys:
    return Keys(space)


# -- The twelve cases --------------------------------------------------------------------------------------------------

STEPS: dict[str, Users] = {
    "create": [{**ALICE, "keys": ["laptop", "phone"]}, BOB],
    "change": [MOVED, BOB, {"name": "carol", "team": "research"}],
    "delete": [],
}
SAID = {
    "create": [
        "alice: gets key laptop (team free-team)",
        "alice: gets key phone (team free-team)",
        "bob: gets key default (team free-team)",
    ],
    "change": [
        "alice: key laptop moves from free-team to research",
        "alice: loses key phone (team free-team)",
        "carol: gets key default (team research)",
    ],
    "delete": [
        "alice: loses key laptop (team research)",
        "bob: loses key default (team free-team)",
        "carol: loses key default (team research)",
    ],
}


@dataclass
class Run:
    """One run: what it answered and sent, and the keys before and after."""

    answer: Answer
    requests: list[Request]
    before: dict[str, str]
    after: dict[str, str]


Runs = dict[tuple[str, str, str], Run]


@pytest.fixture(scope="module")
def runs(shared_space: Space, cluster: Cluster) -> Runs:
    """All twelve runs in their order, by operation, mode and turn."""
    keys, done = Keys(shared_space), {}
    for operation, users in STEPS.items():
        for mode in ("check", "real"):
            for turn in ("first", "second"):
                before, check = keys.values(), mode == "check"
                with cluster.counted() as requests:
                    given = {"state": "absent"} if operation == "delete" else {}
                    answer = keys.make(users, check, True, **given)
                done[(operation, mode, turn)] = Run(answer, requests, before, keys.values())
    return done


@pytest.mark.parametrize("turn", ["first", "second"])
@pytest.mark.parametrize("operation", STEPS)
def test_check_mode_predicts_every_time_and_changes_nothing(runs: Runs, operation: str, turn: str) -> None:
    run = runs[(operation, "check", turn)]
    assert (run.answer["changed"], run.answer["effects"]) == (True, SAID[operation])
    assert run.after == run.before
    assert [request for request in run.requests if request.writes and request.verb != "delete"] == []


@pytest.mark.parametrize("operation", STEPS)
def test_the_first_run_does_what_was_predicted_and_says_so(runs: Runs, operation: str) -> None:
    run = runs[(operation, "real", "first")]
    assert (run.answer["changed"], run.answer["effects"]) == (True, SAID[operation])
    assert run.answer["diff"] == [{"prepared": "".join(f"{line}\n" for line in SAID[operation])}]
    assert len(run.after) == run.answer["total"] == {"create": 3, "change": 3, "delete": 0}[operation]


@pytest.mark.parametrize("operation", STEPS)
def test_the_second_run_finds_nothing_to_do_and_sends_nothing(runs: Runs, operation: str) -> None:
    run = runs[(operation, "real", "second")]
    assert (run.answer["changed"], run.answer["effects"], run.answer["diff"]) == (False, [], [])
    assert run.after == run.before
    assert [request for request in run.requests if request.writes] == []
    assert 1 <= len(run.requests) <= 8, run.requests


def test_values_are_random_and_long_and_stay_with_their_keys(runs: Runs) -> None:
    made, changed = runs[("create", "real", "first")].after, runs[("change", "real", "first")].after
    assert len(set(made.values())) == 3
    assert all(len(value) >= 48 and value.replace("-", "").replace("_", "").isalnum() for value in made.values())
    laptop, moved = (ApiKey("alice", "laptop", team).secret_name for team in ("free-team", "research"))
    assert changed[moved] == made[laptop]
    bob = ApiKey("bob", "default", "free-team").secret_name
    assert changed[bob] == made[bob]


def test_no_answer_holds_a_value(runs: Runs) -> None:
    values = {value for run in runs.values() for value in (*run.before.values(), *run.after.values())}
    assert len(values) == 4
    for run in runs.values():
        assert_hidden(run.answer, values)


# -- The list ----------------------------------------------------------------------------------------------------------


def test_keys_are_listed_by_user_and_team(keys: Keys) -> None:
    keys.make([{**ALICE, "keys": ["phone", "laptop"]}, BOB, {"name": "carol", "team": "research"}])

    def named(**args: str) -> list[str]:
        return [f"{entry['user']}/{entry['key']}" for entry in keys.info(**args)["api_keys"]]

    assert named() == ["alice/laptop", "alice/phone", "bob/default", "carol/default"]
    assert named(user="alice") == ["alice/laptop", "alice/phone"]
    assert named(team="research") == ["carol/default"]
    assert named(team="research", user="alice") == []
    entry = keys.info(user="bob")["api_keys"][0]
    held = keys.held(BOB)
    assert entry["secret"] == f"{keys.place}/{held['metadata']['name']}"
    assert entry["created"] == held["metadata"]["creationTimestamp"]
    assert entry["problems"] == []


def test_a_key_without_its_labels_is_listed_with_what_that_means(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE])
    cluster.edit(keys.held(ALICE), {"metadata": {"labels": {KEY_LABEL: None, WATCHED_LABEL: None}}})
    answer = keys.info()
    assert [text.split(": ")[1] for text in answer["problems"]] == ["unwatched", "not selected"]


# -- Trouble -----------------------------------------------------------------------------------------------------------


def test_a_server_that_is_lost_is_said_and_the_next_run_completes(keys: Keys, middleman: Middleman) -> None:
    users = [{"name": f"user-{number}", "team": "research"} for number in range(30)]
    count = iter(range(1000))
    middleman.disturb = lambda method, path: (
        CUT if method == "PATCH" and "/secrets/" in path and next(count) >= 10 else FORWARD
    )
    message = keys.refused(users, **middleman.login)
    assert message.startswith(f"The API server {middleman.login['host']} cannot be reached")
    before = keys.values()
    assert 0 < len(before) < 30
    keys.make(users)
    assert {name: value for name, value in keys.values().items() if name in before} == before
    assert len(keys.values()) == 30


@pytest.mark.parametrize(("verb", "left"), [("GET", 1), ("PATCH", 1), ("DELETE", 2)])
def test_a_right_that_is_missing_is_said(keys: Keys, middleman: Middleman, verb: str, left: int) -> None:
    keys.make([ALICE])
    (value,) = keys.values().values()
    middleman.disturb = lambda method, path: 403 if method == verb and "/secrets" in path else FORWARD
    message = keys.refused([MOVED], **middleman.login)
    assert "The login may not do this: refused with 403 by the test. Ask for that right" in message
    assert list(keys.values().values()) == [value] * left
    keys.make([MOVED])
    assert list(keys.values().values()) == [value]


def test_a_namespace_of_kuadrant_that_is_not_there_is_said_and_predicted(keys: Keys, cluster: Cluster) -> None:
    missing = keys.space.name("none")
    arguments = keys.arguments([ALICE])
    arguments["intent"]["kuadrant_namespace"] = missing
    assert f'namespaces "{missing}" not found' in keys.refused([ALICE], **arguments)
    assert keys.make([ALICE], check=True, **arguments)["effects"] == ["alice: gets key laptop (team free-team)"]
    cluster.create(namespace(missing))
    assert keys.make([ALICE], **arguments)["changed"] is True


def test_keys_follow_kuadrant_to_another_namespace_with_their_values(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE])
    (value,) = keys.values().values()
    arguments = keys.arguments([ALICE])
    arguments["intent"]["kuadrant_namespace"] = keys.space.sets
    answer = keys.make([ALICE], **arguments)
    assert answer["effects"] == [f"alice: key laptop moves from namespace {keys.place} to {keys.space.sets}"]
    like = keys.like(ALICE)
    assert value_of(cluster.held({**like, "metadata": {**like["metadata"], "namespace": keys.space.sets}})) == value
    assert keys.values() == {}
