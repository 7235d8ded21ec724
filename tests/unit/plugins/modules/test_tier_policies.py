# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tier_policies says beside what it applies; the module itself is tested on an API server."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.resources import Resource
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Change, Outcome
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import Action, Key, Step, key_of
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from ansible_collections.maas_billing.platform.plugins.modules import tier_policies
from ansible_collections.maas_billing.platform.plugins.modules.tier_policies import apply, effects, foreign

Object = dict[str, Any]

MODEL = {"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}
BEFORE: Object = {
    "domain": "maas.local",
    "models": [MODEL],
    "tiers": [{"name": "free", "unlimited": True}, {"name": "premium", "unlimited": True}],
    "teams": [{"name": "students", "tier": "free"}],
}
AFTER: Object = {**BEFORE, "teams": [{"name": "students", "tier": "premium"}]}
THEIRS = "AuthPolicy maas-models/open of somebody else rules HTTPRoute maas-models/tiny as well"
MOVED = "team students: from tier free to premium; what it used before is forgotten"


def platform(values: Object) -> Platform:
    return read_platform(values)


def outcome(live: list[Object], wanted: list[Object]) -> Outcome:
    """Return what applying gives on a cluster with these policies."""
    found = {key_of(item): item for item in live}
    steps = [
        Step(
            key_of(item),
            Action.LEAVE if found.get(key_of(item)) == item else Action.CHANGE,
            "",
            item,
            found.get(key_of(item)),
        )
        for item in wanted
    ]
    return Outcome([Change(step, step.wanted) for step in steps])


class TestEffects:
    """What changes for whom, by what the live AuthPolicy says."""

    def test_a_team_that_moves_is_told(self) -> None:
        live, wanted = policy_objects(platform(BEFORE)), policy_objects(platform(AFTER))

        assert effects(outcome(live, wanted), platform(AFTER)) == [MOVED]

    def test_where_nothing_changes_nothing_is_told(self) -> None:
        live = policy_objects(platform(BEFORE))

        assert effects(outcome(live, live), platform(BEFORE)) == []

    def test_the_first_time_all_is_new(self) -> None:
        assert effects(outcome([], policy_objects(platform(BEFORE))), platform(BEFORE)) == [
            "model tiny: new (tiers: free, premium)",
            "team students: new, in tier free",
            "tier free: new (teams: students), requests unlimited, tokens unlimited",
            "tier premium: new (no team is in it), requests unlimited, tokens unlimited",
        ]


class Module:
    """Stands in for AnsibleModule."""

    def __init__(self, check_mode: bool = False, diff: bool = False) -> None:
        self.params = {"intent": AFTER, "adopt": False, "wait_timeout": 5}
        self.check_mode, self._diff = check_mode, diff


class Cluster:
    """Stands in for the sets of a cluster that holds the policies of another inventory."""

    def __init__(self) -> None:
        self.waited = False

    def __call__(self, *_arguments: Any) -> Cluster:
        return self

    def apply(self, _parent: Any, objects: list[Object], *_options: bool) -> Outcome:
        return outcome(policy_objects(platform(BEFORE)), objects)

    def wait(self, _outcome: Outcome) -> None:
        self.waited = True


class TestApply:
    """What the module returns, and when it waits."""

    @pytest.fixture
    def cluster(self, monkeypatch: pytest.MonkeyPatch) -> Cluster:
        cluster = Cluster()
        monkeypatch.setattr(tier_policies, "Sets", cluster)
        monkeypatch.setattr(tier_policies, "connect", lambda _module: None)
        monkeypatch.setattr(tier_policies, "unproven", lambda *_arguments: [])
        monkeypatch.setattr(tier_policies, "foreign", lambda *_arguments: [THEIRS])
        return cluster

    @pytest.mark.usefixtures("cluster")
    def test_it_says_what_changes_and_who_may_do_what(self) -> None:
        answer = apply(Module())

        assert answer["changed"] is True
        assert answer["effects"] == [MOVED]
        assert [(row["tier"], row["teams"]) for row in answer["access"]] == [("free", "none"), ("premium", "students")]
        assert "diff" not in answer

    @pytest.mark.usefixtures("cluster")
    def test_policies_of_others_are_looked_for_only_where_nothing_is_changed(self) -> None:
        assert apply(Module(check_mode=True))["foreign"] == [THEIRS]
        assert "foreign" not in apply(Module())

    @pytest.mark.usefixtures("cluster")
    def test_the_diff_begins_with_words(self) -> None:
        assert apply(Module(diff=True))["diff"][0] == {"prepared": f"{MOVED}\n"}

    def test_it_waits_where_some_route_leads_to_its_model(self, cluster: Cluster) -> None:
        apply(Module())

        assert cluster.waited

    def test_without_such_a_route_policies_are_never_in_force_and_nothing_is_waited_for(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tier_policies, "unproven", lambda *_arguments: ["tiny"])
        apply(Module())

        assert not cluster.waited

    def test_a_prediction_waits_for_nothing(self, cluster: Cluster) -> None:
        apply(Module(check_mode=True))

        assert not cluster.waited


class Kinds:
    """Stands in for the sets of a cluster that knows only some kinds."""

    def __init__(self, *known: str) -> None:
        self.resources = self
        self._known = known

    def find(self, api_version: str, kind: str) -> Resource | None:
        group, _slash, version = api_version.partition("/")
        return Resource(f"/apis/{api_version}", kind, kind, group, version, True) if kind in self._known else None


class Policies:
    """Stands in for a server with one policy of each kind on the route, in lists that leave out kind and version."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def list(self, path: str) -> Object:
        self.asked.append(path)
        route = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "tiny"}
        spec = {"targetRef": route, "rules": [{"backendRefs": [{"name": "tiny-predictor"}]}]}
        return {"items": [{"metadata": {"name": "open", "namespace": "maas-models"}, "spec": spec}]}


class TestForeign:
    """Which policies of somebody else are told."""

    @staticmethod
    def told(*known: str, ours: str = "") -> tuple[list[str], list[str]]:
        api: Any = Policies()
        sets: Any = Kinds(*known)
        key = Key("AuthPolicy.kuadrant.io", "maas-models", ours)
        mine = Outcome([Change(Step(key, Action.LEAVE, ""), None)])
        return foreign(api, sets, platform(BEFORE), mine), api.asked

    def test_each_kind_is_read_once(self) -> None:
        said, asked = self.told("AuthPolicy", "RateLimitPolicy", "TokenRateLimitPolicy", "TelemetryPolicy")

        assert [line.partition(" of ")[0] for line in said] == [
            "AuthPolicy maas-models/open",
            "RateLimitPolicy maas-models/open",
            "TelemetryPolicy maas-models/open",
            "TokenRateLimitPolicy maas-models/open",
        ]
        assert said[0] == THEIRS
        assert len(asked) == 4

    def test_routes_are_read_too(self) -> None:
        said, asked = self.told("HTTPRoute")

        assert said == ["HTTPRoute maas-models/open of somebody else leads to model tiny as well"]
        assert asked == ["/apis/gateway.networking.k8s.io/v1/HTTPRoute"]

    def test_of_kinds_that_are_not_there_yet_there_are_none(self) -> None:
        assert self.told() == ([], [])

    def test_members_are_not_somebody_elses(self) -> None:
        assert self.told("AuthPolicy", ours="open")[0] == []
