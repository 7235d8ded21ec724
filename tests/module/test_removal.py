# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal waits, says what holds it up, and takes only what is the set's own; what is going already is waited for."""

from __future__ import annotations

import time
from typing import Any

from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.objects import config_map, namespace

Object = dict[str, Any]

FINALIZER = "tests.example/held"
PART_OF = "applyset.kubernetes.io/part-of"


def test_a_finalizer_is_named_and_when_it_is_gone_the_next_run_finishes(space: Space, cluster: Cluster) -> None:
    held, free = _held(space.home, "held"), config_map(space.home, "free")
    space.apply([held, free])
    message = space.refused([], state="absent", wait_timeout=1)
    first, name, since, cure, patience = message.splitlines()
    assert first == "1 object is still there after 1 s:"
    assert cure.startswith("  likely cure: Whoever set these finalizers takes them away")
    assert patience.startswith("Run again when the cause is gone.")
    assert name == f"- ConfigMap {space.home}/held:"
    assert since.startswith("  it is being deleted since 2")
    assert since.endswith(f"; finalizers: {FINALIZER}")
    assert cluster.read(free) is None
    assert space.parent() is not None

    cluster.edit(held, {"metadata": {"finalizers": None}})
    space.remove()
    assert (cluster.read(held), space.parent()) == (None, None)
    assert space.remove()["changed"] is False


def test_a_finalizer_of_a_pruned_object_is_named_too(space: Space, cluster: Cluster) -> None:
    held = _held(space.home, "held")
    space.apply([held])
    assert f"finalizers: {FINALIZER}" in space.refused([], wait_timeout=1)
    cluster.edit(held, {"metadata": {"finalizers": None}})
    space.apply([])
    assert cluster.read(held) is None


def test_a_wanted_object_that_is_being_deleted_is_waited_for_and_made_anew(space: Space, cluster: Cluster) -> None:
    held = _held(space.home, "held")
    space.apply([held])
    cluster.delete(held)
    assert f"finalizers: {FINALIZER}" in space.refused([held], wait_timeout=1)
    predicted = space.apply([held], check=True)
    run = space.start([held])
    time.sleep(0.5)
    cluster.edit(held, {"metadata": {"finalizers": None}})
    done = run.answer()
    for answer in (predicted, done):
        actions = [(change["object"], change["action"]) for change in answer["changes"]]
        assert actions == [(f"ConfigMap {space.home}/held", "created")]
    assert "deletionTimestamp" not in cluster.held(held)["metadata"]


def test_a_namespace_that_is_going_is_waited_for_and_made_anew_with_what_was_in_it(
    space: Space, cluster: Cluster
) -> None:
    made = namespace(space.name("made"))
    inside = config_map(space.name("made"), "inside")
    outside = config_map(space.home, "outside")
    space.apply([made, inside, outside])
    cluster.delete(made)
    assert space.apply([made, inside, outside], check=True)["changed"] is True
    done = space.apply([made, inside, outside])
    actions = {change["object"]: change["action"] for change in done["changes"]}
    assert actions == {
        f"Namespace {space.name('made')}": "created",
        f"ConfigMap {space.name('made')}/inside": "created",
    }
    assert "deletionTimestamp" not in cluster.held(made)["metadata"]
    assert space.apply([made, inside, outside])["changed"] is False


def test_what_holds_up_a_namespace_is_named(space: Space, cluster: Cluster) -> None:
    made = namespace(space.name("made"))
    space.apply([made])
    held = cluster.create(_held(space.name("made"), "held"))
    cluster.delete(made)
    cluster.wait_for(lambda: _conditions(cluster, made), "the controller says what holds the namespace up")
    message = space.refused([made], wait_timeout=1)
    assert message.startswith("1 object is still there after 1 s:\n- Namespace ")
    assert f"Some content in the namespace has finalizers remaining: {FINALIZER} in 1 resource instances" in message
    assert "All content successfully deleted" not in message
    cluster.edit(held, {"metadata": {"finalizers": None}})


def test_objects_in_a_namespace_of_others_that_is_going_are_refused(space: Space, cluster: Cluster) -> None:
    theirs = cluster.create(namespace(space.name("theirs")))
    held = cluster.create(_held(space.name("theirs"), "held"))
    cluster.delete(theirs)
    message = space.refused([config_map(space.name("theirs"), "mine")])
    assert message.startswith(f"The API server refused:\n- ConfigMap {space.name('theirs')}/mine: ")
    assert f"namespace {space.name('theirs')} because it is being terminated" in message
    assert len(message.splitlines()) == 2
    cluster.edit(held, {"metadata": {"finalizers": None}})


def test_a_namespace_in_which_others_keep_something_stays_and_says_so(space: Space, cluster: Cluster) -> None:
    made = namespace(space.name("made"))
    space.apply([made, config_map(space.name("made"), "mine")])
    theirs = cluster.create(config_map(space.name("made"), "notes"))
    predicted = space.remove(check=True)
    removed = space.remove()
    assert removed["kept"] == predicted["kept"]
    assert removed["kept"] == [
        {
            "object": f"Namespace {space.name('made')}",
            "action": "kept",
            "why": "it holds objects that are not of this set: ConfigMap notes",
        }
    ]
    assert [change["object"] for change in removed["changes"]] == [f"ConfigMap {space.name('made')}/mine"]
    assert cluster.held(theirs) == theirs
    assert space.remove()["changed"] is False

    cluster.delete(theirs)
    assert space.remove()["kept"] == []
    assert (cluster.read(made), space.parent()) == (None, None)


def test_a_namespace_that_left_the_set_stays_while_others_use_it(space: Space, cluster: Cluster) -> None:
    made = namespace(space.name("made"))
    mine = config_map(space.name("made"), "mine")
    space.apply([made, mine])
    space.apply([config_map(space.name("made"), "of-another-set")], name="another")
    left = space.apply([])
    assert [change["object"] for change in left["changes"]] == [f"ConfigMap {space.name('made')}/mine"]
    assert left["kept"][0]["why"] == "it holds objects that are not of this set: ConfigMap of-another-set"
    assert cluster.read(config_map(space.name("made"), "of-another-set")) is not None
    space.remove(name="another")
    assert [change["object"] for change in space.apply([])["changes"]] == [f"Namespace {space.name('made')}"]
    assert cluster.read(made) is None


def test_many_strangers_are_counted(space: Space, cluster: Cluster) -> None:
    made = namespace(space.name("made"))
    space.apply([made])
    for number in range(7):
        cluster.create(config_map(space.name("made"), f"notes-{number}"))
    (kept,) = space.remove(check=True)["kept"]
    assert kept["why"].endswith(
        "ConfigMap notes-0, " + ", ".join(f"ConfigMap notes-{n}" for n in range(1, 5)) + " and 2 more"
    )


def test_an_object_that_was_deleted_by_somebody_is_no_trouble(space: Space, cluster: Cluster) -> None:
    first, second = config_map(space.home, "first"), config_map(space.home, "second")
    space.apply([first, second])
    cluster.delete(first)
    removed = space.remove()
    assert [change["object"] for change in removed["changes"]] == [f"ConfigMap {space.home}/second"]
    assert space.parent() is None


def test_leftovers_go_with_the_set_though_they_are_no_members(space: Space, cluster: Cluster) -> None:
    left = [cluster.create(config_map(space.home, f"left-{number}")) for number in range(2)]
    bystander = cluster.create(config_map(space.home, "bystander"))
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"left-{number}", "namespace": space.home}}
        for number in range(3)  # the third never was
    ]
    space.apply([config_map(space.home, "mine")])
    expected = {f"ConfigMap {space.home}/{name}": "removed" for name in ("mine", "left-0", "left-1")}
    for check in (True, False):
        removed = space.remove(check, leftovers=references)
        assert {change["object"]: change["action"] for change in removed["changes"]} == expected
        assert all(cluster.read(obj) for obj in left) is check
    assert cluster.held(bystander) == bystander
    assert space.remove(leftovers=references)["changed"] is False


def test_leftovers_go_when_the_set_is_gone_already(space: Space, cluster: Cluster) -> None:
    left = cluster.create(config_map(space.home, "left"))
    metadata = {"name": "left", "namespace": space.home}
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    assert space.remove(leftovers=[reference])["changed"] is True
    assert cluster.read(left) is None


def test_a_leftover_that_is_no_reference_is_refused(space: Space) -> None:
    assert "metadata" in space.refused([], state="absent", leftovers=[{"apiVersion": "v1", "kind": "ConfigMap"}])


def _held(place: str, name: str) -> Object:
    held = config_map(place, name)
    held["metadata"]["finalizers"] = [FINALIZER]
    return held


def _conditions(cluster: Cluster, made: Object) -> bool:
    conditions = cluster.held(made)["status"].get("conditions", [])
    return any(item["type"] == "NamespaceFinalizersRemaining" and item["status"] == "True" for item in conditions)
