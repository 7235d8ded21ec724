# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What belongs to a set and what does not: foreign objects, adoption and release, pruning, shared members."""

from __future__ import annotations

from tests.module.cluster import Cluster, content
from tests.module.conftest import Space
from tests.module.objects import config_map, definition, widget
from tests.module.running import Answer

PART_OF = "applyset.kubernetes.io/part-of"
SHARED = "maas-billing.platform/shared"


def test_foreign_objects_are_named_and_untouched_and_nothing_else_is_done(space: Space, cluster: Cluster) -> None:
    theirs = [cluster.create(config_map(space.home, f"theirs-{number}", owner="them")) for number in (1, 2)]
    wanted = [config_map(space.home, f"theirs-{number}", owner="us") for number in (1, 2)]
    message = space.refused([config_map(space.home, "new"), *wanted])
    assert message == (
        "These objects exist already and are not ours; they were left alone:\n"
        f"- ConfigMap {space.home}/theirs-1\n- ConfigMap {space.home}/theirs-2\n"
        "Choose other names or namespaces, or take them over with adopt: true (in the inventory, maas_adopt: true)."
    )
    assert [cluster.held(obj) for obj in theirs] == theirs
    assert cluster.read(config_map(space.home, "new")) is None
    assert space.parent() is None


def test_check_mode_refuses_foreign_objects_too(space: Space, cluster: Cluster) -> None:
    theirs = cluster.create(config_map(space.home, "theirs"))
    assert "- ConfigMap" in space.refused([config_map(space.home, "theirs", owner="us")], check=True)
    assert cluster.held(theirs) == theirs


def test_many_foreign_objects_of_a_kind_are_found_among_others(space: Space, cluster: Cluster) -> None:
    cluster.create(config_map(space.home, "theirs"))
    wanted = [config_map(space.home, name) for name in ("a", "b", "c", "d", "e", "theirs")]
    assert f"- ConfigMap {space.home}/theirs\n" in space.refused(wanted)
    assert cluster.read(wanted[0]) is None


def test_adopted_objects_are_released_and_keep_what_they_hold(space: Space, cluster: Cluster) -> None:
    theirs = config_map(space.home, "theirs", theirs="1", contested="theirs")
    cluster.create(theirs)
    wanted = config_map(space.home, "theirs", contested="ours")
    adopted = space.apply([wanted], adopt=True)
    assert _actions(adopted) == {f"ConfigMap {space.home}/theirs": "adopted"}
    assert cluster.held(theirs)["data"] == {"theirs": "1", "contested": "ours"}
    assert space.apply([wanted], adopt=True)["changed"] is False
    assert space.apply([wanted])["changed"] is False

    assert _actions(space.apply([], check=True)) == {f"ConfigMap {space.home}/theirs": "released"}
    released = space.apply([])
    assert released["changes"] == [
        {"object": f"ConfigMap {space.home}/theirs", "action": "released", "why": "it was there before us"}
    ]
    left = cluster.held(theirs)
    assert left["data"] == {"theirs": "1", "contested": "ours"}
    assert "labels" not in left["metadata"]
    assert "annotations" not in left["metadata"]


def test_removal_of_the_set_releases_what_was_adopted(space: Space, cluster: Cluster) -> None:
    theirs = cluster.create(config_map(space.home, "theirs"))
    ours = config_map(space.home, "ours")
    space.apply([theirs, ours], adopt=True)
    assert _actions(space.remove()) == {
        f"ConfigMap {space.home}/ours": "removed",
        f"ConfigMap {space.home}/theirs": "released",
    }
    assert cluster.read(ours) is None
    assert PART_OF not in cluster.held(theirs)["metadata"].get("labels", {})
    assert space.parent() is None


def test_members_of_another_set_are_not_even_adopted(space: Space, cluster: Cluster) -> None:
    ours = config_map(space.home, "ours", owner="first")
    space.apply([ours], name="first")
    owner = cluster.held(ours)["metadata"]["labels"][PART_OF]
    wanted = config_map(space.home, "ours", owner="second")
    for adopt in (False, True):
        message = space.refused([wanted], name="second", adopt=adopt)
        assert f"- ConfigMap {space.home}/ours belongs to the set {owner}\n" in message
        assert message.endswith("\nChoose other names or namespaces.")
    assert cluster.held(ours)["data"] == {"owner": "first"}


def test_members_that_left_the_set_are_pruned_whatever_their_kind(space: Space, cluster: Cluster) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "worker", "namespace": space.home},
    }
    kept, left = config_map(space.home, "kept"), config_map(space.home, "left")
    bystander = cluster.create(config_map(space.home, "bystander"))
    space.apply([kept, left, account])
    pruned = {f"ConfigMap {space.home}/left": "removed", f"ServiceAccount {space.home}/worker": "removed"}
    assert _actions(space.apply([kept], check=True)) == pruned
    assert cluster.read(left) is not None
    assert _actions(space.apply([kept])) == pruned
    assert (cluster.read(left), cluster.read(account)) == (None, None)
    assert cluster.held(bystander) == bystander
    assert space.apply([kept])["changed"] is False


def test_without_prune_members_stay_and_are_found_again_later(space: Space, cluster: Cluster) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "worker", "namespace": space.home},
    }
    kept = config_map(space.home, "kept")
    space.apply([kept, account])
    changed = config_map(space.home, "kept", color="red")
    answer = space.apply([changed], prune=False)
    assert _actions(answer) == {f"ConfigMap {space.home}/kept": "changed"}
    assert [item["object"] for item in answer["kept"]] == [f"ServiceAccount {space.home}/worker"]
    assert cluster.read(account) is not None
    assert _actions(space.apply([changed])) == {f"ServiceAccount {space.home}/worker": "removed"}
    assert cluster.read(account) is None


def test_shared_members_and_definitions_stay_unless_asked(space: Space, cluster: Cluster) -> None:
    shared = config_map(space.home, "shared")
    shared["metadata"]["labels"] = {SHARED: "true"}
    kinds = definition(space.group)
    mine = config_map(space.home, "mine")
    space.apply([shared, kinds, mine])
    stay = {f"ConfigMap {space.home}/shared", f"CustomResourceDefinition widgets.{space.group}"}

    pruned = space.apply([mine])
    assert pruned["changed"] is False
    assert {item["object"]: item["why"] for item in pruned["kept"]} == dict.fromkeys(stay, "others may use it too")

    removed = space.remove()
    assert _actions(removed) == {f"ConfigMap {space.home}/mine": "removed"}
    assert {item["object"] for item in removed["kept"]} == stay
    assert cluster.read(shared) is not None
    assert cluster.read(kinds) is not None
    again = space.remove()
    assert again["changed"] is False
    assert {item["object"] for item in again["kept"]} == stay

    assert set(_actions(space.remove(check=True, remove_shared=True))) == stay
    assert cluster.read(kinds) is not None
    assert set(_actions(space.remove(remove_shared=True))) == stay
    assert (cluster.read(shared), cluster.read(kinds), space.parent()) == (None, None, None)


def test_a_definition_and_its_objects_come_and_go_in_one_run(space: Space, cluster: Cluster) -> None:
    objects = [widget(space.group, space.home, "small"), definition(space.group)]
    created = space.apply(objects, wait=True)
    assert [change["action"] for change in created["changes"]] == ["created", "created"]
    assert cluster.held(objects[0])["spec"]["size"] == 1
    assert space.apply(objects)["changed"] is False
    removed = space.remove(remove_shared=True)
    assert [change["object"].split()[0] for change in removed["changes"]] == ["Widget", "CustomResourceDefinition"]
    assert cluster.read(objects[1]) is None


def test_a_member_without_our_label_is_foreign(space: Space, cluster: Cluster) -> None:
    mine = config_map(space.home, "mine")
    space.apply([mine])
    cluster.edit(mine, {"metadata": {"labels": {PART_OF: None}}})
    before = content(cluster.read(mine))
    assert f"- ConfigMap {space.home}/mine\n" in space.refused([mine])
    assert content(cluster.read(mine)) == before
    assert _actions(space.apply([mine], adopt=True)) == {f"ConfigMap {space.home}/mine": "adopted"}


def _actions(answer: Answer) -> dict[str, str]:
    return {change["object"]: change["action"] for change in answer["changes"]}
