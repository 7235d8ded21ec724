# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person gets to see of an outcome."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Change, Outcome
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import Action, Key, Step
from ansible_collections.maas_billing.platform.plugins.module_utils.report import diffs, summary

Object = dict[str, Any]


def config(**data: str) -> Object:
    metadata = {"name": "notes", "namespace": "team", "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def secret(value: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "data": {"token": value}}


def change(
    action: Action, live: Object | None, after: Object | None, wanted: Object | None = None, why: str = "why"
) -> Change:
    kind, name = (after or live or config())["kind"], (after or live or config())["metadata"]["name"]
    return Change(Step(Key(kind, "team", name), action, why, wanted, live), after)


CREATED = change(Action.CREATE, None, config(milk="2"), config(milk="2"), "it does not exist")
CHANGED = change(Action.CHANGE, config(milk="3"), config(milk="2"), config(milk="2"), "somebody changed data.milk")
WRITTEN_IN_VAIN = change(Action.CHANGE, config(), config(), config(), "the inventory changed")
LEFT = change(Action.LEAVE, config(), config(), config(), "")
KEPT = change(Action.KEEP, config(), config(), None, "others may use it too")
REMOVED = change(Action.PRUNE, config(milk="2"), None, None, "it is no longer in the set")


def test_changes_kept_members_and_the_rest_are_told_apart() -> None:
    found = summary(Outcome([CREATED, CHANGED, WRITTEN_IN_VAIN, LEFT, KEPT, REMOVED]))

    assert found["changes"] == [
        {"object": "ConfigMap team/notes", "action": "created", "why": "it does not exist"},
        {"object": "ConfigMap team/notes", "action": "changed", "why": "somebody changed data.milk"},
        {"object": "ConfigMap team/notes", "action": "removed", "why": "it is no longer in the set"},
    ]
    assert found["kept"] == [{"object": "ConfigMap team/notes", "action": "kept", "why": "others may use it too"}]
    assert found["unchanged"] == 2


@pytest.mark.parametrize(
    ("one", "changed"), [(CREATED, True), (REMOVED, True), (WRITTEN_IN_VAIN, False), (KEPT, False)]
)
def test_an_outcome_has_changed_when_some_content_has(one: Change, changed: bool) -> None:
    assert Outcome([LEFT, one]).changed is changed


def test_wanted_objects_that_are_not_in_force_say_why() -> None:
    going = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}, "status": {"phase": "Terminating"}}
    outcome = Outcome([LEFT, change(Action.LEAVE, going, going, going)])

    (line,) = summary(outcome)["not_ready"]
    assert line["object"] == "Namespace team/team"
    assert line["said"].startswith("it says nothing about itself yet")


def test_what_is_only_predicted_is_not_asked_whether_it_is_in_force() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    created = change(Action.CREATE, None, namespace, namespace)

    assert summary(Outcome([created], predicted=True))["not_ready"] == []
    assert len(summary(Outcome([created]))["not_ready"]) == 1


def test_a_diff_shows_only_what_changes_and_why() -> None:
    first, second = diffs(Outcome([LEFT, CHANGED, REMOVED, KEPT]))

    assert (
        first["before_header"]
        == first["after_header"]
        == ("ConfigMap team/notes (changed: somebody changed data.milk)")
    )
    assert (first["before"]["data"], first["after"]["data"]) == ({"milk": "3"}, {"milk": "2"})
    assert "resourceVersion" not in first["before"]["metadata"]
    assert (second["before"]["data"], second["after"]) == ({"milk": "2"}, "")


def test_a_new_object_has_no_before() -> None:
    (one,) = diffs(Outcome([CREATED]))

    assert (one["before"], one["after"]["data"]) == ("", {"milk": "2"})


def test_the_values_of_a_secret_are_hidden_but_that_they_changed_is_not() -> None:
    (one,) = diffs(Outcome([change(Action.CHANGE, secret("b2xk"), secret("bmV3"))]))

    assert (one["before"]["data"], one["after"]["data"]) == ({"token": "(hidden)"}, {"token": "(hidden, changed)"})


def test_a_secret_that_changes_elsewhere_shows_no_change_of_its_values() -> None:
    labelled = secret("b2xk")
    labelled["metadata"]["labels"] = {"team": "blue"}
    (one,) = diffs(Outcome([change(Action.CHANGE, secret("b2xk"), labelled)]))

    assert one["before"]["data"] == one["after"]["data"] == {"token": "(hidden)"}
