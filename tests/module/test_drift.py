# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody else changed is put back and shown; what we no longer want goes; what is as wanted is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.objects import config_map, definition, deployment, route, secret, widget
from tests.module.running import Answer

Object = dict[str, Any]


def test_a_changed_field_is_put_back_and_shown(space: Space, cluster: Cluster) -> None:
    wanted = config_map(space.home, "mine", color="red", size="small")
    space.apply([wanted])
    cluster.edit(wanted, {"data": {"color": "blue"}})
    predicted = space.apply([wanted], check=True, diff=True)
    assert cluster.held(wanted)["data"]["color"] == "blue"
    done = space.apply([wanted], diff=True)
    assert done["diff"] == predicted["diff"]
    assert done["changes"] == [
        {"object": f"ConfigMap {space.home}/mine", "action": "changed", "why": "somebody changed data.color"}
    ]
    (diff,) = done["diff"]
    assert _changed_fields(diff) == {"data.color": ("blue", "red")}
    assert cluster.held(wanted)["data"] == {"color": "red", "size": "small"}
    assert space.apply([wanted])["changed"] is False


@pytest.mark.usefixtures("gateway_api")
def test_a_field_inside_a_list_that_is_one_value_is_put_back_and_shown(space: Space, cluster: Cluster) -> None:
    wanted = route(space.home, "model")
    space.apply([wanted])
    rules = cluster.held(wanted)["spec"]["rules"]
    rules[0]["backendRefs"][0]["port"] = 8080
    cluster.edit(wanted, {"spec": {"rules": rules}})
    done = space.apply([wanted], diff=True)
    assert done["changes"][0]["why"] == "somebody changed spec.rules"
    assert _changed_fields(done["diff"][0]) == {"spec.rules.0.backendRefs.0.port": (8080, 80)}
    assert cluster.held(wanted)["spec"]["rules"][0]["backendRefs"][0]["port"] == 80
    assert space.apply([wanted])["changed"] is False


def test_a_removed_label_comes_back(space: Space, cluster: Cluster) -> None:
    wanted = config_map(space.home, "mine")
    wanted["metadata"]["labels"] = {"team": "blue"}
    space.apply([wanted])
    cluster.edit(wanted, {"metadata": {"labels": {"team": None}}})
    done = space.apply([wanted])
    assert done["changes"][0]["why"] == "somebody changed metadata.labels.team"
    assert cluster.held(wanted)["metadata"]["labels"]["team"] == "blue"


def test_a_field_that_another_manager_took_is_taken_back(space: Space, cluster: Cluster) -> None:
    wanted = config_map(space.home, "mine", color="red")
    space.apply([wanted])
    cluster.apply(config_map(space.home, "mine", color="blue", theirs="1"), manager="their-tool")
    done = space.apply([wanted])
    assert done["changes"][0]["why"] == "somebody changed data.color"
    # What only they wrote is none of our business.
    assert cluster.held(wanted)["data"] == {"color": "red", "theirs": "1"}
    assert space.apply([wanted])["changed"] is False


def test_fields_of_others_are_left_alone(space: Space, cluster: Cluster) -> None:
    wanted = config_map(space.home, "mine", color="red")
    space.apply([wanted])
    cluster.edit(wanted, {"data": {"theirs": "1"}, "metadata": {"labels": {"theirs": "1"}}})
    assert space.apply([wanted])["changed"] is False
    assert cluster.held(wanted)["data"] == {"color": "red", "theirs": "1"}


def test_a_key_that_is_no_longer_wanted_goes(space: Space, cluster: Cluster) -> None:
    space.apply([config_map(space.home, "mine", color="red", size="small")])
    wanted = config_map(space.home, "mine", color="red")
    done = space.apply([wanted], diff=True)
    assert done["changes"][0]["why"] == "the inventory changed"
    assert _changed_fields(done["diff"][0]) == {"data.size": ("small", None)}
    assert cluster.held(wanted)["data"] == {"color": "red"}


@pytest.mark.usefixtures("gateway_api")
def test_a_key_goes_from_inside_a_list_that_is_one_value(space: Space, cluster: Cluster) -> None:
    wanted = route(space.home, "model")
    space.apply([wanted])
    del wanted["spec"]["rules"][0]["timeouts"]
    done = space.apply([wanted], diff=True)
    assert _changed_fields(done["diff"][0]) == {"spec.rules.0.timeouts.request": ("30s", None)}
    assert "timeouts" not in cluster.held(wanted)["spec"]["rules"][0]
    assert space.apply([wanted])["changed"] is False


def test_entries_of_a_set_come_and_go(space: Space, cluster: Cluster) -> None:
    small = widget(space.group, space.home, "small")
    space.apply([definition(space.group), small])
    cluster.edit(small, {"spec": {"tags": ["a", "theirs"]}})
    done = space.apply([definition(space.group), small])
    assert done["changes"][0]["why"].startswith("somebody changed spec.tags")
    assert set(cluster.held(small)["spec"]["tags"]) == {"a", "b", "theirs"}
    small["spec"]["tags"] = ["a"]
    space.apply([definition(space.group), small])
    assert set(cluster.held(small)["spec"]["tags"]) == {"a", "theirs"}


def test_a_deleted_member_is_made_anew(space: Space, cluster: Cluster) -> None:
    wanted = [config_map(space.home, name) for name in ("first", "second")]
    space.apply(wanted)
    cluster.delete(wanted[1])
    done = space.apply(wanted)
    assert [(change["object"], change["action"]) for change in done["changes"]] == [
        (f"ConfigMap {space.home}/second", "created")
    ]
    assert done["unchanged"] == 1


def test_what_the_server_words_differently_is_not_drift(space: Space, cluster: Cluster) -> None:
    objects = [deployment(space.home, "idle"), secret(space.home, "key", text="wörd", empty="")]
    space.apply(objects)
    with cluster.counted() as requests:
        assert space.apply(objects)["changed"] is False
    assert [request for request in requests if request.writes] == []


def test_drift_inside_a_deployment_is_found_in_the_right_container(space: Space, cluster: Cluster) -> None:
    wanted = deployment(space.home, "idle")
    space.apply([wanted])
    containers = cluster.held(wanted)["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "registry.example/main:v2"
    cluster.edit(wanted, {"spec": {"template": {"spec": {"containers": containers}}}})
    done = space.apply([wanted], diff=True)
    assert done["changes"][0]["why"] == "somebody changed spec.template.spec.containers[0].image"
    changed = _changed_fields(done["diff"][0])
    assert changed == {
        "spec.template.spec.containers.0.image": ("registry.example/main:v2", "registry.example/main:v1")
    }


def _changed_fields(diff: Answer) -> dict[str, tuple[Any, Any]]:
    """Return before and after of each field that differs, by its path."""
    before, after = _leaves(diff["before"], ""), _leaves(diff["after"], "")
    paths = {path for path in before | after if before.get(path) != after.get(path)}
    return {path: (before.get(path), after.get(path)) for path in paths}


def _leaves(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)  # type: ignore[assignment]
    else:
        return {path: value}
    return {
        inner: leaf
        for name, part in parts
        for inner, leaf in _leaves(part, f"{path}.{name}" if path else str(name)).items()
    }
