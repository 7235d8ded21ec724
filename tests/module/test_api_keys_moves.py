# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that move to another team, runs that are killed or meet, and keys and labels that others made or changed."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.render.cel import TEAM_ANNOTATION
from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import KEY_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import WATCHED_LABEL
from sandbox.kuadrant.keys import Change, Index, Scope
from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.keys import ALICE, BOB, MOVED, Keys, Users, value_of
from tests.module.middleman import CUT, FORWARD, Middleman
from tests.module.objects import secret

Object = dict[str, Any]


@pytest.fixture
def keys(space: Space) -> Keys:
    return Keys(space)


# -- Moves -------------------------------------------------------------------------------------------------------------


@contextmanager
def observed(keys: Keys) -> Iterator[list[Change]]:
    """Collect every event of the Secrets in order; the list is filled at the end."""
    cluster, events = keys.space.cluster, list[Change]()
    path = f"/api/v1/namespaces/{keys.place}/secrets"
    listed = cluster.request("GET", path)
    known = {obj["metadata"]["name"]: obj for obj in listed["items"]}
    yield events
    query = f"?watch=true&timeoutSeconds=1&resourceVersion={listed['metadata']['resourceVersion']}"
    answer = cluster.pool.request("GET", cluster.server + path + query)
    for line in answer.data.splitlines():
        event = json.loads(line)
        obj = event["object"]
        name = obj["metadata"]["name"]
        before = known.pop(name, None)
        after = None if event["type"] == "DELETED" else obj
        if after is not None:
            known[name] = after
        events.append(Change(before, after))


def follow(keys: Keys, before: list[Object], events: list[Change], value: str) -> list[str]:
    """Return the team that Authorino knows for a value, at first and after each event."""
    index = Index(Scope({"matchLabels": {KEY_LABEL: "true"}}, keys.place), before)

    def team() -> str:
        found = index.find(value)
        return str(found["metadata"]["annotations"][TEAM_ANNOTATION]) if found else ""

    teams = [team()]
    for event in events:
        index.follow(event)
        teams.append(team())
    return teams


def test_a_key_that_moves_works_all_the_time(keys: Keys) -> None:
    keys.make([ALICE])
    before = keys.secrets()
    value = value_of(before[0])
    with observed(keys) as events:
        answer = keys.make([MOVED])
    assert answer["effects"] == ["alice: key laptop moves from free-team to research"]
    assert [(event.before is None, event.after is None) for event in events] == [(True, False), (False, True)]
    assert follow(keys, before, events, value) == ["free-team", "research", "research"]
    assert keys.values() == {keys.like(MOVED)["metadata"]["name"]: value}


def test_a_move_costs_few_writes(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE, BOB], sink="secret", sink_namespace=keys.space.sets)
    with cluster.counted() as requests:
        keys.make([MOVED, BOB], sink="secret", sink_namespace=keys.space.sets)
    assert len([request for request in requests if request.writes]) <= 6


def _interrupt(keys: Keys, middleman: Middleman, users: Users, last: Callable[[], bool]) -> None:
    """Kill a run between its last write and its first deletion of a Secret."""
    reached, go_on = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> int:
        if method == "DELETE" and "/secrets/" in path:
            reached.set()
            go_on.wait(20)
            return CUT
        return FORWARD

    middleman.disturb = hold
    run = keys.start(users, **middleman.login)
    assert reached.wait(20)
    run.kill()
    go_on.set()
    assert last()


def test_a_move_that_was_interrupted_is_completed_by_the_next_run(keys: Keys, middleman: Middleman) -> None:
    keys.make([ALICE])
    (value,) = keys.values().values()
    before = keys.secrets()
    with observed(keys) as events:
        _interrupt(keys, middleman, [MOVED], lambda: len(keys.values()) == 2)
        assert keys.info()["problems"] == []
        answer = keys.make([MOVED])
    teams = follow(keys, before, events, value)
    assert (teams[0], teams[-1]) == ("free-team", "research")
    assert keys.values() == {keys.like(MOVED)["metadata"]["name"]: value}
    assert "alice: key laptop" in answer["effects"][0]
    assert all(_somewhere(before, events[: number + 1], value) for number in range(len(events)))
    assert keys.make([MOVED])["changed"] is False


def test_a_move_that_was_interrupted_and_taken_back_leaves_the_old_team(keys: Keys, middleman: Middleman) -> None:
    """The Secret that goes came later, so Authorino's place for the value would go with it (E37)."""
    keys.make([ALICE])
    (value,) = keys.values().values()
    before = keys.secrets()
    with observed(keys) as events:
        _interrupt(keys, middleman, [MOVED], lambda: len(keys.values()) == 2)
        answer = keys.make([ALICE])
    assert answer["effects"] == [
        "alice: key laptop is read anew: a Secret of another team with its value came later",
        "alice: key laptop no longer counts for research, only for free-team",
    ]
    teams = follow(keys, before, events, value)
    assert "" not in teams
    assert (teams[-1], keys.values()) == ("free-team", {keys.like(ALICE)["metadata"]["name"]: value})
    assert keys.make([ALICE])["changed"] is False


def _somewhere(before: list[Object], events: list[Change], value: str) -> bool:
    """Say whether some Secret holds the value after these events."""
    there = {obj["metadata"]["name"]: obj for obj in before}
    for event in events:
        name = (event.after or event.before or {})["metadata"]["name"]
        there.pop(name, None)
        if event.after is not None:
            there[name] = event.after
    return any(value_of(obj) == value for obj in there.values())


# -- Runs that meet ----------------------------------------------------------------------------------------------------


def test_two_runs_that_make_the_same_keys_agree_on_every_value(keys: Keys, tmp_path: Path) -> None:
    users = [{"name": f"user-{number}", "team": "research"} for number in range(40)]
    paths = [tmp_path / f"{number}.jsonl" for number in range(2)]
    runs = [keys.start(users, sink="file", sink_path=str(path)) for path in paths]
    answers = [run.answer() for run in runs]
    assert [answer.get("msg") for answer in answers] == [None, None]
    assert paths[0].read_text() == paths[1].read_text()
    delivered = [json.loads(line)["value"] for line in paths[0].read_text().splitlines()]
    assert sorted(delivered) == sorted(keys.values().values())
    changed = [change["object"] for answer in answers for change in answer["changes"]]
    assert changed.count("file with the keys") == 2
    assert len(changed) == 40 + 2, "each Secret is made by one of the two runs"


def test_a_run_killed_while_it_makes_keys_is_completed_by_the_next(keys: Keys, cluster: Cluster) -> None:
    users = [{"name": f"user-{number}", "team": "research"} for number in range(300)]
    run = keys.start(users)
    cluster.wait_for(lambda: len(keys.values()) >= 50, "some keys are there")
    run.kill()
    before = keys.values()
    assert len(before) < 300, "the run was killed too late for this test to show anything"
    keys.make(users)
    after = keys.values()
    assert len(after) == 300
    assert {name: after[name] for name in before} == before


# -- What others did ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "without managed-by"])
@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_a_key_that_nobody_made_here_is_refused_by_name(
    keys: Keys, cluster: Cluster, watched: bool, check: bool
) -> None:
    theirs = secret(keys.place, "theirs", api_key="minted-by-somebody-else")
    theirs["metadata"]["labels"] = {KEY_LABEL: "true", **({WATCHED_LABEL: "authorino"} if watched else {})}
    cluster.create(theirs)
    message = keys.refused([ALICE], check)
    assert f"- Secret {keys.place}/theirs\n" in message
    assert "so the gateway would accept keys that nobody made here. Nothing was changed." in message
    assert list(keys.values()) == ["theirs"]
    (entry,) = keys.info()["api_keys"]
    assert [text.split(":")[0] for text in entry["problems"]] == [
        "foreign",
        "unusable",
        *([] if watched else ["unwatched"]),
    ]


def test_what_a_controller_copies_from_a_key_is_foreign(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE])
    ours = keys.held(ALICE)
    owner = {"apiVersion": "v1", "kind": "Secret", "name": ours["metadata"]["name"], "uid": ours["metadata"]["uid"]}
    metadata = {"name": "copied", "namespace": keys.place, "labels": ours["metadata"]["labels"]}
    cluster.create({**ours, "metadata": {**metadata, "ownerReferences": [owner]}})
    assert f"- Secret {keys.place}/copied belongs to the set {keys.set_id}\n" in keys.refused([ALICE])


def test_keys_of_another_set_are_refused_with_its_name(keys: Keys) -> None:
    keys.make([ALICE])
    other = Parent("api-keys", keys.place).set_id
    assert f"belongs to the set {keys.set_id}" in keys.refused([ALICE], namespace=keys.place)
    assert other != keys.set_id


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_a_key_under_two_names_is_refused_and_not_told(keys: Keys, cluster: Cluster, check: bool) -> None:
    keys.make([ALICE, BOB])
    first, second = keys.held(ALICE), keys.held(BOB)
    cluster.delete(second)
    cluster.create({**_fresh(second), "data": first["data"]})
    message = keys.refused([ALICE, BOB], check)
    assert all(obj["metadata"]["name"] in message for obj in (first, second))
    assert message.startswith("These Secrets hold one and the same API key")
    assert {tuple(text.split(":")[0] for text in entry["problems"]) for entry in keys.info()["api_keys"]} == {
        ("duplicate",)
    }


def test_a_weak_value_is_refused(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE])
    ours = keys.held(ALICE)
    cluster.delete(ours)
    cluster.create({**_fresh(ours), "data": {"api_key": base64.b64encode(b"alice123").decode()}})
    message = keys.refused([ALICE])
    assert f"- Secret {keys.place}/{ours['metadata']['name']}\n" in message
    assert "alice123" not in message
    cluster.delete(ours)
    assert keys.make([ALICE])["effects"] == ["alice: gets key laptop (team free-team)"]


def test_a_value_cannot_be_changed_in_place(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE])
    with pytest.raises(AssertionError, match="422"):
        cluster.edit(keys.held(ALICE), {"stringData": {"api_key": "w" * 48}})


def test_a_label_that_was_taken_away_comes_back_with_the_same_value(keys: Keys, cluster: Cluster) -> None:
    keys.make([ALICE])
    before = keys.held(ALICE)
    for label in (KEY_LABEL, WATCHED_LABEL):
        cluster.edit(before, {"metadata": {"labels": {label: None}}})
        answer = keys.make([ALICE])
        assert answer["effects"] == [f"alice: key laptop is put right: somebody changed metadata.labels.{label}"]
        after = keys.held(ALICE)
        assert (after["data"], after["metadata"]["labels"]) == (before["data"], before["metadata"]["labels"])
    assert keys.make([ALICE])["changed"] is False


def test_a_team_that_was_changed_by_hand_is_put_right_where_it_counts(keys: Keys, cluster: Cluster) -> None:
    """Authorino started meanwhile, so it knows the wrong team, and would not see that the annotation comes back."""
    keys.make([ALICE])
    raised = cluster.edit(keys.held(ALICE), {"metadata": {"annotations": {TEAM_ANNOTATION: "research"}}})
    predicted = keys.make([ALICE], check=True)["effects"]
    with observed(keys) as events:
        answer = keys.make([ALICE])
    assert answer["effects"] == predicted == ["alice: key laptop is read anew: somebody changed its annotations"]
    assert follow(keys, [raised], events, value_of(raised)) == ["research", "", "free-team"]
    assert keys.make([ALICE])["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_key_without_the_label_of_authorino_does_not_survive_its_deletion(
    keys: Keys, cluster: Cluster, state: str
) -> None:
    """It lost the label, and then a policy changed, for which Authorino read all Secrets (S9)."""
    keys.make([ALICE])
    bare = cluster.edit(keys.held(ALICE), {"metadata": {"labels": {WATCHED_LABEL: None}}})
    with observed(keys) as events:
        keys.make([], state=state)
    assert follow(keys, [bare], events, value_of(bare)) == ["free-team", "free-team", ""]


def test_other_peoples_secrets_are_left_alone(keys: Keys, cluster: Cluster) -> None:
    theirs = secret(keys.place, "theirs", api_key="not-a-key-of-the-gateway")
    theirs["metadata"]["labels"] = {WATCHED_LABEL: "authorino"}
    before = cluster.create(theirs)
    keys.make([ALICE])
    keys.remove()
    assert cluster.held(theirs) == before


def _fresh(obj: Object) -> Object:
    """The same object, for somebody to make anew."""
    metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "labels", "annotations")}
    return {**copy.deepcopy(obj), "metadata": metadata}
