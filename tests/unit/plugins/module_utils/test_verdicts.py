# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One verdict for each thing that a verification checked, and all of them as a table."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.verdicts import table, verdicts

Object = dict[str, Any]


def judged(**evidence: Any) -> list[tuple[str, bool, str]]:
    return [(row["check"], row["ok"], row["said"]) for row in verdicts([{"part": "gateway", **evidence}])]


@pytest.mark.parametrize(
    ("owner", "running", "ok", "said"),
    [
        ("ours", True, True, "ours, 1.29.6"),
        ("foreign", True, True, "foreign, 1.29.6"),
        ("ours", False, False, "its controller does not run"),
        ("absent", False, False, "is not there"),
    ],
)
def test_a_component_has_to_be_there_and_to_run(owner: str, running: bool, ok: bool, said: str) -> None:
    istio = {"title": "Istio", "owner": owner, "running": running, "version": "1.29.6"}

    assert judged(components=[istio]) == [("Istio", ok, said)]


def test_a_component_without_controller_or_version_is_judged_by_its_presence() -> None:
    assert judged(components=[{"title": "Gateway API", "owner": "ours", "version": ""}]) == [
        ("Gateway API", True, "ours")
    ]


def test_our_own_controller_has_to_be_rolled_out() -> None:
    stuck = {"title": "Istio", "owner": "ours", "running": True, "rolled_out": False, "version": "1.29.6"}

    ((_check, ok, said),) = judged(components=[stuck])
    assert not ok
    assert "kubectl describe pods" in said
    assert judged(components=[{**stuck, "owner": "foreign"}]) == [("Istio", True, "foreign, 1.29.6")]


def release(name: str) -> Object:
    return {"__maas_release": {"name": name}}


def found(status: str) -> Object:
    """Return what the Helm module tells in check mode of a release that is there."""
    return {"status": {"values": {"current": {}, "declared": {"status": status}}}}


def test_a_release_has_to_be_as_wanted() -> None:
    results = [
        {"changed": False, "__maas_release": {"name": "istiod"}},
        {"changed": True, "__maas_release": {"name": "istio-base"}},
        {"changed": True, "__maas_release": {"name": "kserve"}, "status": {"values": {"declared": {}}}},
        {"changed": True, **release("kuadrant-operator"), **found("failed")},
        {"changed": False, **release("cert-manager"), **found("deployed")},
    ]

    assert judged(releases=results) == [
        ("Helm release istiod", True, "as wanted"),
        ("Helm release istio-base", False, "another version or other values"),
        ("Helm release kserve", False, "not installed"),
        (
            "Helm release kuadrant-operator",
            False,
            "its last revision is failed. The site playbook brings it to its end",
        ),
        ("Helm release cert-manager", True, "as wanted"),
    ]


def test_the_records_of_the_sets_have_to_be_there() -> None:
    assert judged(unrecorded=[]) == [("records of the sets", True, "there")]
    ((check, ok, said),) = judged(unrecorded=["Namespace istio-system", "Namespace kserve"])
    assert (check, ok) == ("records of the sets", False)
    assert "Namespace istio-system, Namespace kserve" in said


@pytest.mark.parametrize(
    ("live", "ok", "said"),
    [
        ({"MODE": "deny", "WAIT": "1s", "OTHER": "x"}, True, "2 as wanted"),
        ({"WAIT": "1s"}, False, "MODE is allow, not deny"),
        ({"MODE": "deny", "WAIT": "2s"}, False, "WAIT is 2s, not 1s"),
        ({}, False, "MODE is allow, not deny, WAIT is not set, not 1s"),
    ],
)
def test_an_operator_has_to_run_with_the_wanted_settings(live: Object, ok: bool, said: str) -> None:
    settings = {"live": live, "wanted": {"MODE": "deny", "WAIT": "1s"}, "defaults": {"MODE": "allow"}}

    assert judged(settings=settings) == [("settings of its operator", ok, said)]


def test_a_set_that_cannot_be_compared_is_a_line_too() -> None:
    assert judged(set={"failed": True, "msg": "a key that nobody made here"}) == [
        ("comparison with the inventory", False, "a key that nobody made here")
    ]


def test_a_set_that_is_as_wanted_and_in_force_is_one_line() -> None:
    assert judged(set={"changes": [], "not_ready": [], "unchanged": 2}) == [
        ("2 objects of the set", True, "as wanted and in force")
    ]


def test_objects_that_would_change_or_are_not_in_force_have_a_line_each_and_the_rest_is_counted() -> None:
    change = {"object": "Gateway a/b", "action": "changed", "why": "somebody changed spec"}
    not_ready = [{"object": "Gateway a/b", "said": "Programmed=False"}, {"object": "Namespace a", "said": "going"}]

    assert judged(set={"changes": [change], "not_ready": not_ready, "unchanged": 2}) == [
        ("Gateway a/b", False, "would be changed: somebody changed spec"),
        ("Namespace a", False, "not in force: going"),
        ("1 object of the set", True, "as wanted and in force"),
    ]


def test_a_policy_of_somebody_else_has_a_line_with_a_cure() -> None:
    said = "AuthPolicy maas-models/open of somebody else rules HTTPRoute maas-models/echo as well"

    assert judged(set={"changes": [], "not_ready": [], "unchanged": 4, "foreign": [said]}) == [
        (
            "AuthPolicy maas-models/open",
            False,
            f"{said}; likely cure: delete it, or say in maas_tiers and maas_models what it is for",
        ),
        ("4 objects of the set", True, "as wanted and in force"),
    ]


def test_answers_are_handed_on() -> None:
    assert judged(answers=[{"name": "tiny lists its model", "ok": True, "said": "answered 200"}]) == [
        ("tiny lists its model", True, "answered 200")
    ]


def test_every_verdict_names_its_part_in_the_order_of_the_evidence() -> None:
    answer = {"name": "x", "ok": True, "said": ""}
    rows = verdicts(
        [{"part": "kserve", "answers": [answer]}, {"part": "gateway", "answers": [answer]}, {"part": "maas"}]
    )

    assert [row["part"] for row in rows] == ["kserve", "gateway"]


def row(part: str, check: str, ok: bool, said: str) -> Object:
    return {"part": part, "check": check, "ok": ok, "said": said}


def test_columns_are_aligned_and_what_is_wrong_stands_out() -> None:
    assert table([row("kserve", "KServe", True, "ours"), row("gateway", "Gateway a/b", False, "gone")]) == [
        "ok     kserve   KServe       ours",
        "WRONG  gateway  Gateway a/b  gone",
    ]


def test_long_words_go_on_below_themselves() -> None:
    first, second = table([row("kserve", "KServe", True, "word " * 20)])

    assert first.startswith("ok     kserve  KServe  word ")
    assert second == " " * len("ok     kserve  KServe  ") + "word word"


def test_lines_of_what_was_said_become_one() -> None:
    assert table([row("a", "b", True, "one\n  two")]) == ["ok     a  b  one two"]


def test_nothing_checked_is_said_to_be_so() -> None:
    assert table([]) == ["nothing was checked"]
