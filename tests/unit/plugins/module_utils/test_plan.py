# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is wanted and what is there to what has to be done, and why."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import (
    ADOPTED_ANNOTATION,
    OFFERED_ANNOTATION,
    Action,
    Key,
    Step,
    key_of,
    leaving,
    plan,
    prepare,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import SHARED_LABEL
from tests.unit.plugins.rendered import everything
from tests.unit.plugins.server_side_apply import applied, manifests
from tests.unit.plugins.strategies import intents

Object = dict[str, Any]
OURS = "applyset-ours-v1"


def config(name: str = "notes", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "team"}, "data": data}


def key(name: str = "notes") -> Key:
    return Key("ConfigMap", "team", name)


def live(manifest: Object, set_id: str = OURS) -> dict[Key, Object]:
    """Return the manifest as a cluster holds it after the set ``set_id`` applied it; no set if empty."""
    ((its_key, wanted),) = prepare([manifest], set_id or OURS).items()
    obj = applied(wanted)
    if not set_id:
        del obj["metadata"]["labels"][PART_OF_LABEL]
    return {its_key: obj}


def steps(wanted: list[Object], found: dict[Key, Object], adopt: bool = False, prune: bool = True) -> list[Step]:
    return plan(prepare(wanted, OURS), found, OURS, adopt, prune)


def told(made: list[Step]) -> list[tuple[str, str, str]]:
    return [(str(step.key), step.action.value, step.why) for step in made]


class TestPlan:
    """Each thing that can happen to an object."""

    def test_what_is_not_there_is_created(self) -> None:
        assert told(steps([config()], {})) == [("ConfigMap team/notes", "created", "it does not exist")]

    def test_what_is_as_wanted_is_left_alone(self) -> None:
        (step,) = steps([config(milk="2")], live(config(milk="2")))

        assert (step.action, step.why, step.writes) == (Action.LEAVE, "", False)

    def test_what_the_inventory_wants_otherwise_is_changed(self) -> None:
        found = live(config(milk="2"))

        assert told(steps([config(milk="3")], found)) == [("ConfigMap team/notes", "changed", "the inventory changed")]

    def test_what_somebody_changed_is_put_back(self) -> None:
        found = live(config(milk="2"))
        found[key()]["data"]["milk"] = "3"

        assert told(steps([config(milk="2")], found)) == [
            ("ConfigMap team/notes", "changed", "somebody changed data.milk")
        ]

    def test_a_member_that_is_not_wanted_any_more_is_removed(self) -> None:
        assert told(steps([], live(config()))) == [("ConfigMap team/notes", "removed", "it is no longer in the set")]

    def test_without_prune_it_is_kept(self) -> None:
        (step,) = steps([], live(config()), prune=False)

        assert (step.action, step.why, step.writes) == (Action.KEEP, "prune is off", False)

    def test_foreign_objects_are_refused_all_by_name(self) -> None:
        found = live(config("a"), "") | live(config("b"), "applyset-theirs-v1") | live(config("c"))

        with pytest.raises(ForeignObjectError) as caught:
            steps([config("a"), config("b"), config("c"), config("d")], found)
        assert str(caught.value).splitlines() == [
            "These objects exist already and are not ours; they were left alone:",
            "- ConfigMap team/a",
            "- ConfigMap team/b belongs to the set applyset-theirs-v1",
            "Choose other names or namespaces.",
        ]

    def test_what_belongs_to_nobody_comes_with_the_advice_to_take_it_over(self) -> None:
        with pytest.raises(ForeignObjectError) as caught:
            steps([config()], live(config(), ""))
        assert str(caught.value).splitlines()[-1] == (
            "Choose other names or namespaces, or take them over with adopt: true (in the inventory, maas_adopt: true)."
        )

    def test_what_belongs_to_nobody_can_be_taken_over_and_is_marked(self) -> None:
        (step,) = steps([config()], live(config(), ""), adopt=True)

        assert (step.action, step.why) == (Action.ADOPT, "it exists and is taken over")
        assert step.wanted is not None
        assert step.wanted["metadata"]["annotations"][ADOPTED_ANNOTATION] == "true"

    def test_a_member_of_another_set_cannot_be_taken_over(self) -> None:
        with pytest.raises(
            ForeignObjectError, match=r"(?s)belongs to the set applyset-theirs-v1\nChoose .* namespaces\.$"
        ):
            steps([config()], live(config(), "applyset-theirs-v1"), adopt=True)

    def test_what_was_taken_over_stays_marked_and_is_then_left_alone(self) -> None:
        (step,) = steps([config()], live(config(), ""), adopt=True)
        assert step.wanted is not None

        (again,) = steps([config()], {key(): applied(step.wanted)})
        assert again.action is Action.LEAVE

        (changed,) = steps([config(milk="2")], {key(): applied(step.wanted)})
        assert changed.wanted is not None
        assert changed.wanted["metadata"]["annotations"][ADOPTED_ANNOTATION] == "true"

    def test_what_its_owner_offers_is_taken_over_without_being_asked_to(self) -> None:
        """And released later, with the offer still on it."""
        (found,) = live(config(), "").values()
        found["metadata"]["annotations"] = {OFFERED_ANNOTATION: "true"}

        (step,) = steps([config()], {key(): found})
        assert step.action is Action.ADOPT
        assert step.wanted is not None
        assert OFFERED_ANNOTATION not in step.wanted["metadata"]["annotations"]
        assert leaving(key(), step.wanted).action is Action.RELEASE

    @pytest.mark.parametrize(("offer", "member_of"), [("false", ""), ("true", "applyset-theirs-v1")])
    def test_no_offer_and_one_for_what_is_in_another_set_are_none(self, offer: str, member_of: str) -> None:
        (found,) = live(config(), member_of).values()
        found["metadata"]["annotations"] = {OFFERED_ANNOTATION: offer}

        with pytest.raises(ForeignObjectError):
            steps([config()], {key(): found})

    def test_planning_changes_none_of_what_it_is_given(self) -> None:
        wanted, found = prepare([config()], OURS), live(config(), "")
        before = copy.deepcopy((wanted, found))
        plan(wanted, found, OURS, True, True)

        assert (wanted, found) == before


class TestLeaving:
    """What happens to a member that is no longer wanted."""

    def adopted(self) -> Object:
        manifest = config()
        manifest["metadata"]["annotations"] = {ADOPTED_ANNOTATION: "true"}
        return manifest

    def test_what_was_there_before_us_is_released(self) -> None:
        step = leaving(key(), self.adopted())

        assert (step.action, step.why, step.writes) == (Action.RELEASE, "it was there before us", True)

    @pytest.mark.parametrize("kind", ["ConfigMap", "CustomResourceDefinition.apiextensions.k8s.io"])
    def test_what_others_may_use_too_is_kept_unless_asked_otherwise(self, kind: str) -> None:
        shared = config()
        if kind == "ConfigMap":
            shared["metadata"]["labels"] = {SHARED_LABEL: "true"}
        its_key = Key(kind, "team", "notes")

        assert leaving(its_key, shared).action is Action.KEEP
        assert leaving(its_key, shared, remove_shared=True).action is Action.PRUNE

    def test_what_was_taken_over_is_released_even_where_shared_things_are_removed(self) -> None:
        shared = self.adopted()
        shared["metadata"]["labels"] = {SHARED_LABEL: "true"}

        assert leaving(key(), shared).action is Action.KEEP
        assert leaving(key(), shared, remove_shared=True).action is Action.RELEASE


class TestConvergence:
    """One run is enough."""

    @for_all(st.lists(manifests(), max_size=4, unique_by=key_of))
    def test_applying_what_was_planned_leaves_nothing_to_do(self, wanted: list[Object]) -> None:
        found = {step.key: applied(step.wanted) for step in steps(wanted, {}) if step.wanted is not None}

        assert [step for step in steps(wanted, found) if step.writes] == []

    @for_all(intents(), intents())
    def test_going_from_one_inventory_to_another_takes_one_run(self, first: Object, second: Object) -> None:
        cluster: dict[Key, Object] = {}
        for values in (first, second):
            platform = read_platform(values)
            wanted = everything(platform)
            for step in steps(wanted, cluster):
                if step.action is Action.PRUNE:
                    del cluster[step.key]
                elif step.wanted is not None and step.writes:
                    cluster[step.key] = applied(step.wanted)

            assert set(cluster) == {key_of(item) for item in wanted}
            assert [step for step in steps(wanted, cluster) if step.writes] == []
