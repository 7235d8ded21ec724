# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody added to a policy of ours, by managedFields; how a server writes those is seen in module tests."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.ownership import (
    MANAGER,
    WHOLLY_OURS,
    added_by_others,
    predicted,
    wholly_ours,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import difference, prepare
from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import group_kind
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from tests.unit.plugins.server_side_apply import applied
from tests.unit.plugins.strategies import intents

Object = dict[str, Any]

WANTED: Object = {
    "apiVersion": "kuadrant.io/v1",
    "kind": "RateLimitPolicy",
    "metadata": {"name": "limits", "namespace": "gateway"},
    "spec": {"defaults": {"strategy": "merge", "limits": {"free": {"rates": [{"limit": 5, "window": "2m"}]}}}},
}


def live(*entries: Object, kind: str = "RateLimitPolicy") -> Object:
    """Return the policy as a server holds it, with these entries of others in its managedFields."""
    (wanted,) = prepare([{**WANTED, "kind": kind}], "applyset-ours-v1").values()
    found = applied(wanted)
    found["metadata"]["managedFields"] = [found["metadata"]["managedFields"][1], *entries]
    return found


def entry(spec: Object, manager: str = "kubectl-patch", operation: str = "Update", subresource: str = "") -> Object:
    """Return the note that somebody owns fields below the spec."""
    place = {"subresource": subresource} if subresource else {}
    return {"manager": manager, "operation": operation, **place, "fieldsV1": {"f:spec": spec}}


def limits(**names: Object) -> Object:
    """Return the tree of fields below ``spec.defaults.limits``."""
    return {"f:defaults": {"f:limits": {f"f:{name}": tree for name, tree in names.items()}}}


RATES: Object = {"f:rates": {}}
ADDED = [
    (limits(side={".": {}, "f:rates": {}}), "spec.defaults.limits.side"),
    (limits(free=RATES, side=RATES), "spec.defaults.limits.side"),
    (limits(free={"f:when": {}}), "spec.defaults.limits.free.when"),
    ({"f:overrides": {"f:limits": {}}}, "spec.overrides"),
    (limits(free={"f:rates": {'k:{"window":"1m"}': {".": {}}}}), 'spec.defaults.limits.free.rates[{"window":"1m"}]'),
]


class TestAdded:
    """The first path that somebody else owns and we do not."""

    @pytest.mark.parametrize(("fields", "path"), ADDED)
    def test_what_somebody_added_is_named_by_its_path(self, fields: Object, path: str) -> None:
        assert added_by_others(live(entry(fields))) == path

    @pytest.mark.parametrize(("fields", "path"), ADDED)
    @pytest.mark.parametrize("operation", ["Apply", "Update"])
    def test_whoever_it_was_and_however(self, fields: Object, path: str, operation: str) -> None:
        assert added_by_others(live(entry(limits(free=RATES)), entry(fields, "argocd", operation))) == path

    def test_under_our_name_only_what_was_applied_is_ours(self) -> None:
        assert added_by_others(live(entry(limits(side=RATES), MANAGER, "Update"))) == "spec.defaults.limits.side"

    @pytest.mark.parametrize("fields", [{}, {".": {}}, limits(free=RATES), limits(free={".": {}, **RATES})])
    def test_what_others_own_together_with_us_is_no_addition(self, fields: Object) -> None:
        assert added_by_others(live(entry(fields))) == ""

    def test_what_the_operator_writes_into_the_status_is_none(self) -> None:
        assert added_by_others(live(entry(limits(side=RATES), subresource="status"))) == ""

    def test_metadata_may_be_anybodys(self) -> None:
        note = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {"f:x": {}}}}}

        assert added_by_others(live(note)) == ""

    @pytest.mark.parametrize("kind", ["ConfigMap", "Kuadrant", "DNSPolicy"])
    def test_other_kinds_are_not_ours_wholly(self, kind: str) -> None:
        assert added_by_others(live(entry(limits(side=RATES)), kind=kind)) == ""

    def test_a_server_that_tells_no_managers_tells_no_addition(self) -> None:
        found = live()
        found["metadata"]["managedFields"] = None

        assert added_by_others(found) == ""

    @for_all(intents())
    def test_every_policy_that_we_render_is_ours_wholly(self, intent: Object) -> None:
        assert {group_kind(obj) for obj in policy_objects(read_platform(intent))} == WHOLLY_OURS


def test_a_plan_says_what_was_added() -> None:
    (wanted,) = prepare([WANTED], "applyset-ours-v1").values()

    assert difference(wanted, live(entry(limits(side=RATES)))) == "somebody added spec.defaults.limits.side"


def test_what_somebody_changed_is_said_before_what_was_added() -> None:
    (wanted,) = prepare([WANTED], "applyset-ours-v1").values()
    found = live(entry(limits(side=RATES)))
    found["spec"]["defaults"]["strategy"] = "atomic"

    assert difference(wanted, found) == "somebody changed spec.defaults.strategy"


class TestWhollyOurs:
    """The object that replaces one with additions."""

    @pytest.mark.parametrize("fields", [fields for fields, _path in ADDED])
    def test_nothing_is_left_that_others_added(self, fields: Object) -> None:
        found = live(entry(fields))
        found["spec"]["defaults"]["limits"]["side"] = {}
        before = copy.deepcopy(found)
        made = wholly_ours(WANTED, found)

        assert made["spec"] == WANTED["spec"]
        assert added_by_others(made) == ""
        assert found == before

    def test_metadata_and_status_stay_whose_they_are(self) -> None:
        status = {"manager": "operator", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}
        note: Object = {"f:metadata": {"f:labels": {"f:x": {}}}}
        theirs = entry(limits(side=RATES))
        theirs["fieldsV1"] |= note
        found = live(theirs, status)
        ours = found["metadata"]["managedFields"][0]
        made = wholly_ours(WANTED, found)

        assert made["metadata"]["managedFields"] == [ours, {**theirs, "fieldsV1": note}, status]
        assert {**made["metadata"], "managedFields": ()} == {**found["metadata"], "managedFields": ()}

    @for_all(st.lists(st.sampled_from([fields for fields, _path in ADDED]), min_size=1, max_size=4))
    def test_however_many_added_something(self, trees: list[Object]) -> None:
        made = wholly_ours(WANTED, live(*(entry(fields, f"tool-{index}") for index, fields in enumerate(trees))))

        assert [item["manager"] for item in made["metadata"]["managedFields"]] == [MANAGER]


class TestPredicted:
    """What applying would make of an object, told without the server."""

    @staticmethod
    def wanted(**limit: Object) -> Object:
        spec = {
            "defaults": {"strategy": "merge", "limits": {"free": {"rates": [{"limit": 5, "window": "2m"}]}, **limit}}
        }
        (obj,) = prepare([{**WANTED, "spec": spec}], "applyset-ours-v1").values()
        return obj

    def test_what_holds_all_that_is_wanted_stays_as_it_is_whoever_owns_it(self) -> None:
        found = live()
        found["status"] = {"conditions": []}
        found["metadata"]["managedFields"] = []

        assert predicted(self.wanted(), found) is found

    def test_what_lacks_something_becomes_what_is_wanted(self) -> None:
        wanted = self.wanted(more={"rates": []})

        assert predicted(wanted, live()) is wanted

    def test_what_others_added_to_a_policy_goes(self) -> None:
        wanted = self.wanted()

        assert predicted(wanted, live(entry(limits(side={".": {}, "f:rates": {}})))) is wanted

    def test_what_is_not_there_comes_and_what_is_not_wanted_goes(self) -> None:
        wanted = self.wanted()

        assert predicted(wanted, None) is wanted
        assert predicted(None, live()) is None
