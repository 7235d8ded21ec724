# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody adds to a policy of ours opens a door, so it is told and taken away; nothing else of theirs is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.ownership import MANAGER
from tests.module.cluster import Cluster, content, path_of
from tests.module.conftest import Space
from tests.module.objects import auth_policy, deployment

Object = dict[str, Any]
_RULES = "spec.defaults.rules.authentication"
_SIDE_DOOR: Object = {"spec": {"defaults": {"rules": {"authentication": {"side-door": {"anonymous": {}}}}}}}


pytestmark = pytest.mark.usefixtures("auth_policies")


def policy(space: Space, **rules: Object) -> Object:
    """A policy of ours; without ``rules`` with one for keys."""
    return auth_policy(space.home, "auth", **(rules or {"keys": {"prefixes": ["Bearer", "APIKEY"]}}))


def _edited(cluster: Cluster, live: Object) -> None:
    cluster.edit(live, _SIDE_DOOR)


def _applied(cluster: Cluster, live: Object) -> None:
    """By a tool that wants the same as we do, and a door beside it."""
    theirs = {name: live[name] for name in ("apiVersion", "kind", "spec")}
    theirs = copy.deepcopy({**theirs, "metadata": {name: live["metadata"][name] for name in ("name", "namespace")}})
    theirs["spec"]["defaults"]["rules"]["authentication"]["side-door"] = {"anonymous": {}}
    cluster.apply(theirs)


def _edited_in_our_name(cluster: Cluster, live: Object) -> None:
    path = f"{path_of(live)}?fieldManager={MANAGER}"
    assert cluster.request("PATCH", path, _SIDE_DOOR, "application/merge-patch+json") is not None


def _edited_and_forgotten(cluster: Cluster, live: Object) -> None:
    """The server is told to forget who owns what."""
    cluster.edit(live, {**_SIDE_DOOR, "metadata": {"managedFields": [{}]}})


@pytest.mark.parametrize(
    ("add", "why"),
    [
        (_edited, f"somebody added {_RULES}.side-door"),
        (_applied, f"somebody added {_RULES}.keys.metrics"),
        (_edited_in_our_name, f"somebody added {_RULES}.side-door"),
        (_edited_and_forgotten, "somebody else took it over"),
    ],
)
def test_a_side_door_is_told_and_taken_away(
    space: Space, cluster: Cluster, add: Callable[[Cluster, Object], None], why: str
) -> None:
    wanted = policy(space)
    space.apply([wanted])
    before = cluster.held(wanted)
    add(cluster, before)
    opened = content(cluster.held(wanted))
    predicted = space.apply([wanted], check=True, diff=True)
    assert content(cluster.held(wanted)) == opened
    done = space.apply([wanted], diff=True)
    assert done["changes"] == [{"object": f"AuthPolicy {space.home}/auth", "action": "changed", "why": why}]
    assert (predicted["changes"], predicted["diff"]) == (done["changes"], done["diff"])
    assert "side-door" in str(done["diff"][0]["before"])
    assert "side-door" not in str(done["diff"][0]["after"])
    assert content(cluster.held(wanted)) == content(before)
    _nothing_is_left_to_do(space, cluster, wanted)


def test_a_default_that_somebody_changed_is_the_default_again(space: Space, cluster: Cluster) -> None:
    wanted = policy(space)
    space.apply([wanted])
    cluster.edit(wanted, {"spec": {"defaults": {"rules": {"authentication": {"keys": {"metrics": True}}}}}})
    done = space.apply([wanted])
    assert done["changes"][0]["why"] == f"somebody added {_RULES}.keys.metrics"
    assert _rules(cluster, wanted)["keys"]["metrics"] is False
    _nothing_is_left_to_do(space, cluster, wanted)


def test_additions_go_when_something_else_is_put_back_and_what_was_put_back_can_go_later(
    space: Space, cluster: Cluster
) -> None:
    both = policy(space, keys={"prefixes": ["Bearer"]}, guests={"prefixes": ["Guest"]})
    space.apply([both])
    guests = {"prefixes": ["Anybody"]}
    changes = {"authentication": {"guests": guests, "side-door": {"anonymous": {}}}}
    cluster.edit(both, {"spec": {"defaults": {"rules": changes}}})
    done = space.apply([both])
    assert done["changes"][0]["why"] == f"somebody changed {_RULES}.guests.prefixes"
    assert _rules(cluster, both) == {
        "keys": {"prefixes": ["Bearer"], "metrics": False},
        "guests": {"prefixes": ["Guest"], "metrics": False},
    }
    _nothing_is_left_to_do(space, cluster, both)
    space.apply([policy(space, keys={"prefixes": ["Bearer"]})])
    assert set(_rules(cluster, both)) == {"keys"}


def test_additions_go_when_the_inventory_changes(space: Space, cluster: Cluster) -> None:
    space.apply([policy(space)])
    wanted = policy(space, keys={"prefixes": ["Bearer"]})
    cluster.edit(wanted, _SIDE_DOOR)
    done = space.apply([wanted])
    assert done["changes"][0]["why"] == "the inventory changed"
    assert _rules(cluster, wanted) == {"keys": {"prefixes": ["Bearer"], "metrics": False}}
    _nothing_is_left_to_do(space, cluster, wanted)


def test_a_policy_that_is_taken_over_is_ours_wholly(space: Space, cluster: Cluster) -> None:
    """Whoever created it owns even the defaults."""
    cluster.create(policy(space, keys={"prefixes": ["Theirs"]}, other={"anonymous": {}}))
    wanted = policy(space)
    done = space.apply([wanted], adopt=True)
    assert done["changes"][0]["action"] == "adopted"
    assert _rules(cluster, wanted) == {"keys": {"prefixes": ["Bearer", "APIKEY"], "metrics": False}}
    _nothing_is_left_to_do(space, cluster, wanted)


def test_what_others_note_on_a_policy_is_left_alone(space: Space, cluster: Cluster) -> None:
    wanted = policy(space)
    space.apply([wanted])
    cluster.edit(wanted, {"metadata": {"annotations": {"theirs": "1"}, "labels": {"theirs": "1"}}})
    cluster.edit(wanted, {"status": {"observedGeneration": 1}}, "status")
    _nothing_is_left_to_do(space, cluster, wanted)
    cluster.edit(wanted, _SIDE_DOOR)
    space.apply([wanted])
    held = cluster.held(wanted)
    assert (held["metadata"]["annotations"]["theirs"], held["metadata"]["labels"]["theirs"]) == ("1", "1")
    assert held["status"] == {"observedGeneration": 1}
    owners = {entry["manager"] for entry in held["metadata"]["managedFields"]}
    assert owners == {MANAGER, "somebody-else"}


def test_what_others_add_to_the_spec_of_another_kind_is_left_alone(space: Space, cluster: Cluster) -> None:
    wanted = deployment(space.home, "idle")
    space.apply([wanted])
    cluster.edit(wanted, {"spec": {"minReadySeconds": 5}})
    _nothing_is_left_to_do(space, cluster, wanted)
    assert cluster.held(wanted)["spec"]["minReadySeconds"] == 5


def _rules(cluster: Cluster, wanted: Object) -> Object:
    found: Object = cluster.held(wanted)["spec"]["defaults"]["rules"]["authentication"]
    return found


def _nothing_is_left_to_do(space: Space, cluster: Cluster, wanted: Object) -> None:
    with cluster.counted() as requests:
        assert space.apply([wanted])["changed"] is False
    assert [request for request in requests if request.writes] == []
