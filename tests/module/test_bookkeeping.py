# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the set leaves written down: its parent after KEP-3659, the parents' namespace, and how often it asks."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.objects import config_map, namespace, route

PART_OF = "applyset.kubernetes.io/part-of"
KINDS = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES = "applyset.kubernetes.io/additional-namespaces"


@pytest.mark.usefixtures("gateway_api")
def test_parent_and_members_carry_what_the_specification_asks_for(space: Space, cluster: Cluster) -> None:
    other = cluster.create(namespace(space.name("other")))["metadata"]["name"]
    objects = [
        config_map(space.home, "one"),
        config_map(other, "two"),
        route(space.home, "three"),
        config_map(space.sets, "four"),
    ]
    space.apply(objects)
    # KEP-3659: base64url(sha256(name.namespace.kind.group)) of the parent, without padding.
    digest = hashlib.sha256(f"maas-tested.{space.sets}.ConfigMap.".encode()).digest()
    set_id = f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"
    parent = cluster.held(space.parent_like())["metadata"]
    assert parent["labels"]["applyset.kubernetes.io/id"] == set_id
    assert parent["annotations"] == {
        "applyset.kubernetes.io/tooling": "maas_billing.platform/v1",
        KINDS: "ConfigMap,HTTPRoute.gateway.networking.k8s.io",
        NAMESPACES: ",".join(sorted([space.home, other])),
        "maas-billing.platform/members-beside": "true",
    }
    assert [cluster.held(obj)["metadata"]["labels"][PART_OF] for obj in objects] == [set_id] * 4


def test_the_parent_forgets_kinds_and_namespaces_that_hold_no_member(space: Space, cluster: Cluster) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "extra", "namespace": space.home}}
    space.apply([config_map(space.sets, "one"), account])
    space.apply([config_map(space.sets, "one")])
    annotations = cluster.held(space.parent_like())["metadata"]["annotations"]
    assert (annotations[KINDS], annotations[NAMESPACES]) == ("ConfigMap", "")


def test_members_are_looked_for_where_the_parent_says_and_nowhere_else(space: Space, cluster: Cluster) -> None:
    """So that nobody has to be allowed to list a kind in all namespaces."""
    other = cluster.create(namespace(space.name("other")))["metadata"]["name"]
    space.apply([config_map(space.sets, "one"), config_map(other, "two")])
    with cluster.counted() as requests:
        space.apply([config_map(space.home, "three")])
    lists = {request.uri.partition("?")[0] for request in requests if request.verb == "list"}
    assert {f"/api/v1/namespaces/{place}/configmaps" for place in (space.sets, other, space.home)} <= lists
    assert "/api/v1/configmaps" not in lists
    assert cluster.read(config_map(space.sets, "one")) is None
    assert cluster.read(config_map(other, "two")) is None
    annotations = cluster.held(space.parent_like())["metadata"]["annotations"]
    assert (annotations[NAMESPACES], "maas-billing.platform/members-beside" in annotations) == (space.home, False)


def test_a_parent_that_somebody_deleted_comes_back(space: Space, cluster: Cluster) -> None:
    """Else nobody would find the members of the set any more."""
    mine = config_map(space.home, "mine")
    space.apply([mine])
    before = cluster.held(space.parent_like())["metadata"]
    cluster.delete(space.parent_like())
    assert space.apply([mine])["changed"] is False
    after = cluster.held(space.parent_like())["metadata"]
    assert (after["labels"], after["annotations"]) == (before["labels"], before["annotations"])
    space.remove()
    assert cluster.read(mine) is None


def test_members_in_several_namespaces_are_one_set(space: Space, cluster: Cluster) -> None:
    places = [space.name(f"place-{number}") for number in range(3)]
    for place in places:
        cluster.create(namespace(place))
    objects = [config_map(place, "same-name") for place in places]
    assert len(space.apply(objects)["changes"]) == 3
    assert space.apply(objects)["changed"] is False
    assert [change["object"] for change in space.apply(objects[:-1])["changes"]] == [f"ConfigMap {places[2]}/same-name"]
    assert len(space.remove()["changes"]) == 2
    assert not any(cluster.read(obj) for obj in objects)


def test_the_parents_namespace_comes_with_the_first_set_and_goes_with_the_last(space: Space, cluster: Cluster) -> None:
    sets = namespace(space.name("own"))
    place = space.name("own")
    space.apply([config_map(space.home, "first")], name="first", namespace=place)
    labels = cluster.held(sets)["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "maas_billing.platform"
    space.apply([config_map(space.home, "second")], name="second", namespace=place)
    space.remove(name="first", namespace=place)
    assert cluster.read(sets) is not None
    space.remove(name="second", namespace=place)
    assert cluster.read(sets) is None


def test_the_parents_namespace_stays_when_others_keep_something_in_it(space: Space, cluster: Cluster) -> None:
    place = space.name("own")
    space.apply([config_map(space.home, "mine")], namespace=place)
    theirs = cluster.create(config_map(place, "notes"))
    kept = space.remove(namespace=place)["kept"]
    assert kept == [
        {
            "object": f"Namespace {place}",
            "action": "kept",
            "why": "it holds objects that are not of this set: ConfigMap notes",
        }
    ]
    assert cluster.held(theirs) == theirs


def test_a_namespace_that_was_there_before_the_first_set_stays(space: Space, cluster: Cluster) -> None:
    space.apply([config_map(space.home, "mine")])
    space.remove()
    assert "deletionTimestamp" not in cluster.held(namespace(space.sets))["metadata"]


def test_the_namespace_of_the_parent_cannot_be_in_its_set(space: Space) -> None:
    assert space.refused([namespace(space.sets)], adopt=True) == (
        f"The namespace {space.sets} holds the parent of the set tested, so it cannot be in that set. "
        "Choose another value for the option namespace."
    )


@pytest.mark.usefixtures("gateway_api")
@pytest.mark.parametrize("count", [1, 100])
def test_a_run_that_finds_nothing_to_do_reads_five_times_at_most(space: Space, cluster: Cluster, count: int) -> None:
    objects = [namespace(space.name("made")), *(route(space.name("made"), f"route-{n}") for n in range(count))]
    space.apply(objects)
    for check in (False, True):
        with cluster.counted() as requests:
            assert space.apply(objects, check=check)["changed"] is False
        assert {request.verb for request in requests} <= {"get", "list"}
        assert len(requests) <= 5, requests


def test_one_object_that_changed_among_many_is_the_only_one_sent(space: Space, cluster: Cluster) -> None:
    objects = [config_map(space.home, f"item-{number}") for number in range(50)]
    space.apply(objects)
    objects[7]["data"] = {"color": "red"}
    with cluster.counted() as requests:
        space.apply(objects)
    sent = [request.uri.partition("?")[0] for request in requests if request.verb == "patch"]
    assert sent == [f"/api/v1/namespaces/{space.home}/configmaps/item-7"]


def test_a_set_that_never_was_is_removed_without_a_word(space: Space, cluster: Cluster) -> None:
    with cluster.counted() as requests:
        removed = space.remove()
    assert (removed["changed"], removed["changes"], removed["kept"]) == (False, [], [])
    assert [request.verb for request in requests] == ["get"]


@pytest.mark.usefixtures("gateway_api")
def test_definitions_of_the_gateway_api_as_one_set(space: Space, cluster: Cluster) -> None:
    """Real definitions, long and full of what servers default, read from a file and found unchanged the second time."""
    (manifest,) = (cluster.bundle / "manifests").glob("gateway-api-*.yaml")
    args = {"manifests": [str(manifest)], "adopt": True, "wait": True}
    first = space.apply([], **args)
    with cluster.counted() as requests:
        second = space.apply([], **args)
    assert second["changed"] is False
    assert second["unchanged"] == len(first["changes"]) + first["unchanged"] >= 5
    assert [request for request in requests if request.writes] == []
    released = space.remove(remove_shared=True)
    assert {change["action"] for change in released["changes"]} == {"released"}
