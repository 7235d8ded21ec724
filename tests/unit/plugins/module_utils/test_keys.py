# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys there are to be, with which values, and that a key works all the way to another team."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.keys import (
    GUESTS,
    KeysError,
    decide,
    described,
    is_copy,
    key_in,
    postpone,
    refuse_foreign,
    sentences,
    unseen,
    value_in,
    wanted_keys,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import plan, prepare
from ansible_collections.maas_billing.platform.plugins.module_utils.render.cel import TEAM_ANNOTATION
from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import KEY_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import (
    WATCHED_LABEL,
    ApiKey,
    delivery_secret,
    key_secret,
)
from sandbox.kuadrant.keys import Change, Index, Scope

Object = dict[str, Any]

SET = "applyset-of-the-test-v1"
PLACE = "kuadrant-system"
ALICE = ApiKey("alice", "laptop", "free")
BOB = ApiKey("bob", "laptop", "free")
ACCOUNTS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._@+-]{0,62}[A-Za-z0-9])?", fullmatch=True)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)


def value(number: int) -> str:
    return f"value-{number:042d}"


def generator() -> Callable[[], str]:
    numbers = count(1)
    return lambda: value(next(numbers))


def never() -> str:
    raise AssertionError("no value is to be made")


def live(key: ApiKey, number: int, created: str = "T1", written: str = "", **changes: Any) -> Object:
    """A Secret of the set as the server tells of it in a list, without kind."""
    (obj,) = prepare([key_secret(key, value(number), PLACE)], SET).values()
    obj["metadata"]["creationTimestamp"] = created
    obj["metadata"]["managedFields"] = [{"manager": "maas_billing.platform", "time": written or created}]
    for group in ("labels", "annotations"):
        obj["metadata"][group].update(changes.get(group, {}))
    return {name: part for name, part in obj.items() if name not in ("apiVersion", "kind")}


def without_label(obj: Object, label: str) -> Object:
    del obj["metadata"]["labels"][label]
    return obj


# -- Names and Secrets -------------------------------------------------------------------------------------------------


@for_all(ACCOUNTS, ACCOUNTS, NAMES)
def test_every_secret_has_a_name_that_kubernetes_takes(user: str, team: str, name: str) -> None:
    found = ApiKey(user, name, team).secret_name

    assert len(found) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", found)


def test_user_name_and_team_each_make_another_secret_and_the_same_ones_the_same() -> None:
    keys = [
        ALICE,
        BOB,
        ApiKey("alice", "phone", "free"),
        ApiKey("alice", "laptop", "paid"),
        ApiKey("Alice", "laptop", "free"),
    ]

    assert len({key.secret_name for key in keys}) == len(keys)
    assert ApiKey("alice", "laptop", "free").secret_name == ALICE.secret_name == "maas-key-alice-laptop-fa96025c"


def test_a_key_secret_is_what_authorino_and_the_policies_look_for() -> None:
    assert key_secret(ALICE, value(1), PLACE) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": ALICE.secret_name,
            "namespace": PLACE,
            "labels": {
                "app.kubernetes.io/managed-by": "maas_billing.platform",
                "app.kubernetes.io/part-of": "maas-platform",
                "authorino.kuadrant.io/managed-by": "authorino",
                "maas-billing.platform/api-key": "true",
            },
            "annotations": {
                "maas-billing.platform/user": "alice",
                "maas-billing.platform/team": "free",
                "maas-billing.platform/key": "laptop",
            },
        },
        "type": "Opaque",
        "immutable": True,
        "stringData": {"api_key": value(1)},
    }


def test_what_hands_keys_over_is_no_key_itself() -> None:
    found = delivery_secret("Alice@example", {"laptop": value(1), "phone": value(2)}, "apps")

    assert found["metadata"]["name"].startswith("maas-keys-alice-example-")
    assert found["stringData"] == {"laptop": value(1), "phone": value(2)}
    assert not {KEY_LABEL, WATCHED_LABEL} & set(found["metadata"]["labels"])


def test_every_key_of_every_user_is_wanted() -> None:
    platform = read_platform(
        {
            "domain": "maas.local",
            "tiers": [{"name": "free", "unlimited": True}],
            "teams": [{"name": "ops", "tier": "free"}],
            "users": [
                {"name": "alice", "team": "ops"},
                {"name": "bob", "team": "ops", "keys": ["b", "a"]},
                {"name": "eve", "team": "ops", "keys": []},
            ],
        }
    )

    assert wanted_keys(platform) == [
        ApiKey("alice", "default", "ops"),
        ApiKey("bob", "b", "ops"),
        ApiKey("bob", "a", "ops"),
    ]


# -- Values ------------------------------------------------------------------------------------------------------------


def test_values_are_made_for_new_keys_and_kept_for_old_ones() -> None:
    decision = decide([ALICE, BOB], [live(ALICE, 7)], PLACE, generator())

    assert decision.values == {ALICE: value(7), BOB: value(1)}
    assert decision.generated == {BOB}
    assert (decision.anew, decision.before) == ({}, [])


def test_a_key_that_moves_takes_its_value_along() -> None:
    moved = ApiKey("alice", "laptop", "paid")
    decision = decide([moved], [live(ALICE, 7)], PLACE, never)

    assert decision.values == {moved: value(7)}
    assert decision.generated == frozenset()
    assert decision.before == []


def test_a_key_in_another_namespace_takes_its_value_along() -> None:
    assert decide([ALICE], [live(ALICE, 7)], "elsewhere", never).values == {ALICE: value(7)}


def test_two_keys_of_one_user_have_values_of_their_own() -> None:
    phone = ApiKey("alice", "phone", "free")

    assert decide([ALICE, phone], [live(ALICE, 7)], PLACE, generator()).values == {ALICE: value(7), phone: value(1)}


@pytest.mark.parametrize(
    "data", [None, {}, {"api_key": ""}, {"api_key": "!"}, {"api_key": "c2hvcnQ="}, {"other": "eA=="}]
)
def test_an_unusable_value_is_refused_by_the_name_of_its_secret(data: Any) -> None:
    with pytest.raises(KeysError) as caught:
        decide([ALICE], [{**live(ALICE, 7), "data": data}], PLACE, never)

    assert f"- Secret {PLACE}/{ALICE.secret_name}\n" in str(caught.value)
    assert "c2hvcnQ" not in str(caught.value)


def test_an_unusable_value_of_a_key_that_goes_hinders_nobody() -> None:
    gone = {**live(BOB, 7), "data": {}}

    assert decide([ALICE], [gone], PLACE, generator()).values == {ALICE: value(1)}


# -- Duplicates and foreign keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [[ALICE, BOB], [ALICE], []], ids=["both stay", "one goes", "both go"])
def test_two_secrets_with_one_value_are_refused_by_name(wanted: list[ApiKey]) -> None:
    with pytest.raises(KeysError) as caught:
        decide(wanted, [live(ALICE, 7), live(BOB, 7)], PLACE, never)

    assert f"- Secret {PLACE}/{ALICE.secret_name} and Secret {PLACE}/{BOB.secret_name}\n" in str(caught.value)
    assert value(7) not in str(caught.value)


def test_a_copy_under_another_name_is_a_duplicate() -> None:
    copied = live(ALICE, 7)
    copied["metadata"]["name"] = "copied"
    with pytest.raises(KeysError, match=f"{PLACE}/copied"):
        decide([ALICE], [live(ALICE, 7), copied], PLACE, never)


def test_one_key_on_its_way_to_another_team_is_no_duplicate() -> None:
    moved = ApiKey("alice", "laptop", "paid")

    assert decide([moved], [live(ALICE, 7), live(moved, 7)], PLACE, never).values == {moved: value(7)}


def test_foreign_keys_are_refused_by_name() -> None:
    refuse_foreign([])
    theirs = [live(ApiKey("eve", f"key{number:02}", "free"), number) for number in range(12)]
    theirs[0]["metadata"]["labels"][PART_OF_LABEL] = "applyset-of-others-v1"
    with pytest.raises(ForeignObjectError) as caught:
        refuse_foreign(theirs)

    said = str(caught.value)
    assert f"- Secret {PLACE}/{theirs[0]['metadata']['name']} belongs to the set applyset-of-others-v1\n" in said
    assert "- and 2 more\n" in said
    assert "authorino.kuadrant.io/managed-by=authorino" in said


def test_what_a_controller_made_for_one_of_ours_is_a_copy() -> None:
    copied = live(ALICE, 7)
    copied["metadata"]["ownerReferences"] = [{"kind": "Secret"}]
    assert not is_copy(copied)
    copied["metadata"]["managedFields"] = [{"manager": "copier"}]
    assert is_copy(copied)


# -- What Authorino does not see ---------------------------------------------------------------------------------------


def test_changed_annotations_are_put_right_and_read_anew() -> None:
    """Somebody raised a user to a better team by hand; Authorino may have read that at its last start."""
    decision = decide([ALICE], [live(ALICE, 7, annotations={TEAM_ANNOTATION: "paid"})], PLACE, never)

    assert decision.anew == {ALICE: "somebody changed its annotations"}
    assert decision.before == [key_secret(ALICE, value(7), PLACE, selected=False)]
    assert decision.before[0]["metadata"]["labels"][KEY_LABEL] == "false"


@pytest.mark.parametrize(
    ("created", "written", "anew"), [("T1", "", False), ("T2", "", True), ("T3", "", True), ("T1", "T2", True)]
)
def test_a_secret_is_read_anew_when_another_with_its_value_was_written_later(
    created: str, written: str, anew: bool
) -> None:
    """The key came back before the last move was complete. A time that is the same is not known to be earlier."""
    moved = ApiKey("alice", "laptop", "paid")
    decision = decide([ALICE], [live(ALICE, 7, "T2"), live(moved, 7, created, written)], PLACE, never)

    assert bool(decision.anew) is anew
    assert bool(decision.before) is anew


def test_a_key_that_goes_gets_the_label_by_which_that_is_seen() -> None:
    gone = without_label(live(BOB, 7), WATCHED_LABEL)
    decision = decide([ALICE], [live(ALICE, 1), gone], PLACE, never)

    (obj,) = decision.before
    assert obj["metadata"]["labels"][WATCHED_LABEL] == "authorino"
    assert (obj["data"], obj["immutable"]) == (gone["data"], True)
    assert unseen([live(ALICE, 1), gone]) == [obj]


def test_a_key_that_stays_gets_its_labels_back_in_the_usual_way() -> None:
    assert decide([ALICE], [without_label(live(ALICE, 7), WATCHED_LABEL)], PLACE, never).before == []


# -- Moves, over and over ----------------------------------------------------------------------------------------------


@dataclass
class World:
    """Secrets of one key, Authorino's index of them, and a clock that often stands still, as seconds do."""

    index: Index = field(default_factory=lambda: Index(Scope({"matchLabels": {KEY_LABEL: "true"}}, PLACE), []))
    secrets: dict[str, Object] = field(default_factory=dict)
    now: int = 0
    gaps: int = 0
    versions: Any = field(default_factory=count)

    def write(self, wanted: Object) -> None:
        (obj,) = prepare([wanted], SET).values()
        before = self.secrets.get(obj["metadata"]["name"])
        if before and all(before["metadata"][part] == obj["metadata"][part] for part in ("labels", "annotations")):
            return  # as a run does with what is as wanted
        metadata = obj["metadata"]
        metadata["creationTimestamp"] = before["metadata"]["creationTimestamp"] if before else f"T{self.now:04}"
        metadata["managedFields"] = [{"manager": "maas_billing.platform", "time": f"T{self.now:04}"}]
        metadata["resourceVersion"] = str(next(self.versions))
        self.secrets[metadata["name"]] = obj
        self._seen(before, obj)

    def delete(self, name: str) -> None:
        self._seen(self.secrets.pop(name), None)

    def team(self) -> str:
        held = self.index.find(value(1))
        return str(held["metadata"]["annotations"][TEAM_ANNOTATION]) if held else ""

    def run(self, wanted: ApiKey, stop_after: int) -> None:
        """Do what a run does, and be killed after so many writes."""
        decision = decide([wanted], self.secrets.values(), PLACE, generator() if not self.secrets else never)
        kept = key_secret(wanted, decision.values[wanted], PLACE)
        writes = [lambda obj=obj: self.write(obj) for obj in [*decision.before, kept]]
        leaving = [name for name in self.secrets if name != wanted.secret_name]
        writes += [lambda name=name: self.delete(name) for name in leaving]
        for write in writes[:stop_after]:
            write()

    def _seen(self, before: Object | None, after: Object | None) -> None:
        worked = bool(self.team())
        self.index.follow(Change(before, after))
        self.gaps += worked and not self.team()


TEAMS = st.sampled_from(["free", "paid", "best"])


@settings(max_examples=300)
@for_all(st.lists(st.tuples(TEAMS, st.integers(0, 5), st.integers(0, 2)), max_size=8), TEAMS)
def test_however_often_it_is_interrupted_a_key_ends_up_in_its_team_with_its_value(
    runs: list[tuple[str, int, int]], last: str
) -> None:
    world = World()
    for team, stop_after, seconds in runs:
        world.run(ApiKey("alice", "laptop", team), stop_after)
        world.now += seconds
    world.run(ApiKey("alice", "laptop", last), 100)

    assert world.team() == last
    assert [value_in(obj) for obj in world.secrets.values()] == [value(1)]


@for_all(st.lists(st.tuples(TEAMS, st.integers(0, 2)), min_size=1, max_size=8))
def test_without_interruptions_a_key_works_all_the_time(runs: list[tuple[str, int]]) -> None:
    world = World()
    for team, seconds in runs:
        world.run(ApiKey("alice", "laptop", team), 100)
        assert world.team() == team
        world.now += seconds

    assert world.gaps == 0


# -- Words -------------------------------------------------------------------------------------------------------------


def said(wanted: list[ApiKey], members: list[Object], place: str = PLACE) -> list[str]:
    """What is said when the wanted keys are made so."""
    decision = decide(wanted, members, place, generator())
    there = [{**obj, "apiVersion": "v1", "kind": "Secret"} for obj in members]
    objects = prepare([key_secret(key, text, place) for key, text in decision.values.items()], SET)
    by_key = prepare(there, SET)
    steps = plan(objects, dict(zip(by_key, there, strict=True)), SET, adopt=False, prune=True)
    found = sentences([step for step in steps if step.writes and step.action != "changed"], decision)
    assert not any(value(number) in line for line in found for number in range(20))
    return found


def test_who_gets_loses_and_moves_a_key_is_said_in_words() -> None:
    moved, carol = ApiKey("alice", "laptop", "research"), ApiKey("carol", "default", "research")

    assert said([moved, carol], [live(ALICE, 7), live(BOB, 8)]) == [
        "alice: key laptop moves from free to research",
        "bob: loses key laptop (team free)",
        "carol: gets key default (team research)",
    ]


def test_the_rest_of_an_interrupted_move_is_said_as_what_it_is() -> None:
    moved = ApiKey("alice", "laptop", "research")

    assert said([moved], [live(ALICE, 7, "T1"), live(moved, 7, "T2")]) == [
        "alice: key laptop no longer counts for free, only for research"
    ]


def test_a_move_to_another_namespace_and_a_secret_without_a_key_are_said() -> None:
    stranger = live(BOB, 8, annotations={TEAM_ANNOTATION: "?"})

    assert said([ALICE], [live(ALICE, 7), stranger], "elsewhere") == [
        f"Secret {PLACE}/{BOB.secret_name} holds no key of ours and is removed",
        f"alice: key laptop moves from namespace {PLACE} to elsewhere",
    ]


def test_a_key_that_is_read_anew_says_why() -> None:
    assert said([ALICE], [live(ALICE, 7, annotations={TEAM_ANNOTATION: "paid"})]) == [
        "alice: key laptop is read anew: somebody changed its annotations"
    ]


# -- The list ----------------------------------------------------------------------------------------------------------


def test_a_sound_key_is_listed_without_its_value() -> None:
    (entry,) = described([live(ALICE, 7)], SET)

    assert entry == {
        "user": "alice",
        "team": "free",
        "key": "laptop",
        "secret": f"{PLACE}/{ALICE.secret_name}",
        "created": "T1",
        "problems": [],
    }


def test_everything_that_is_wrong_is_listed() -> None:
    bare: Object = {"metadata": {"name": "bare", "namespace": PLACE, "labels": {KEY_LABEL: "true"}}, "data": {}}
    changed = live(BOB, 8, annotations={TEAM_ANNOTATION: "paid"})
    hidden = without_label(live(ApiKey("dan", "default", "free"), 9), KEY_LABEL)
    pair = [live(ApiKey("eve", name, "free"), 5) for name in ("one", "two")]
    guest = live(ApiKey("guest", "default", "free"), 6)
    guest["metadata"]["labels"][PART_OF_LABEL] = GUESTS.set_id
    entries = described([bare, live(ALICE, 7), changed, hidden, guest, *pair], SET)
    kinds = {entry["secret"]: [text.split(":")[0] for text in entry["problems"]] for entry in entries}

    assert kinds == {
        f"{PLACE}/bare": ["foreign", "unusable", "unwatched"],
        f"{PLACE}/{ALICE.secret_name}": [],
        f"{PLACE}/{BOB.secret_name}": ["changed"],
        f"{PLACE}/{ApiKey('dan', 'default', 'free').secret_name}": ["not selected"],
        f"{PLACE}/{ApiKey('guest', 'default', 'free').secret_name}": ["guest"],
        f"{PLACE}/{ApiKey('eve', 'one', 'free').secret_name}": ["duplicate"],
        f"{PLACE}/{ApiKey('eve', 'two', 'free').secret_name}": ["duplicate"],
    }
    assert [entry["user"] for entry in entries] == ["", "alice", "bob", "dan", "eve", "eve", "guest"]
    assert not any(value(number) in json.dumps(entries) for number in range(10))


def test_a_name_that_does_not_fit_is_no_key_of_ours() -> None:
    assert key_in(live(ALICE, 7)) == ALICE
    assert key_in(live(ALICE, 7, annotations={TEAM_ANNOTATION: "paid"})) is None
    assert key_in({"metadata": {"name": ALICE.secret_name}}) is None


def test_a_value_is_read_as_it_was_written() -> None:
    assert value_in({"data": {"api_key": base64.b64encode(value(3).encode()).decode()}}) == value(3)


class TestPostpone:
    """Which keys stay where they are until the policies know their new team."""

    MOVED = ApiKey("alice", "laptop", "research")

    def there(self, *keys: ApiKey) -> list[Object]:
        return [key_secret(key, value(number), PLACE) for number, key in enumerate(keys)]

    def test_a_key_moves_at_once_to_a_team_that_is_known(self) -> None:
        assert postpone([self.MOVED, BOB], self.there(ALICE, BOB), {"research"}) == [self.MOVED, BOB]

    def test_it_stays_where_it_is_while_its_new_team_is_not_known(self) -> None:
        assert postpone([self.MOVED, BOB], self.there(ALICE, BOB), {"free"}) == [ALICE, BOB]

    def test_a_key_that_is_not_there_yet_is_made_whatever_is_known(self) -> None:
        assert postpone([self.MOVED], self.there(BOB), set()) == [self.MOVED]
