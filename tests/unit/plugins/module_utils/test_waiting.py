# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for objects by list and watch; the API server is a small one that plays what a test wrote down."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster import waiting
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.resources import Resources
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.waiting import (
    until_gone,
    until_noticed,
    until_ready,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import NotReadyError
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import Key
from tests.unit.plugins.server import Reply, Request, Server

Object = dict[str, Any]
KEY = Key("Pod", "team", "web")
PODS = "/api/v1/namespaces/team/pods"
DISCOVERY = {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]}


def pod(ready: bool, name: str = "web", **metadata: Any) -> Object:
    """A Pod as lists and watches show it."""
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "ContainersNotReady"}
    return {"metadata": {"name": name, "namespace": "team", **metadata}, "status": {"conditions": [condition]}}


def typed(item: Object) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", **item}


def told(generation: int) -> Object:
    return {**pod(True), "status": {"observedGeneration": generation}}


def event(kind: str, item: Object) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


class Cluster:
    """Lists and watches of the Pods of one namespace, one after the other; the last of each for ever."""

    def __init__(self, server: Server) -> None:
        self.lists: list[list[Object]] = [[]]
        self.watches: list[list[bytes]] = [[]]
        self.server = server
        server.answer = self.answer

    def answer(self, request: Request) -> Reply:
        if request.path == "/api/v1":
            return Reply(200, DISCOVERY)
        if request.path != PODS:
            return Reply(404, {"message": "not found"})
        if request.query.get("watch"):
            time.sleep(0.02)
            return Reply(pieces=tuple(self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]))
        items = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        return Reply(200, {"metadata": {"resourceVersion": "7"}, "items": items})

    def asked(self) -> list[str]:
        return [
            "watch" if request.query.get("watch") else "list"
            for request in self.server.requests
            if request.path == PODS
        ]


@pytest.fixture
def cluster(server: Server) -> Cluster:
    return Cluster(server)


@pytest.fixture
def api(server: Server) -> Api:
    return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")


class TestUntilReady:
    """Until an object is in force."""

    def wait(self, api: Api, timeout: float = 10, **known: Object) -> dict[Key, Object]:
        objects = {Key("Pod", "team", name): typed(item) for name, item in known.items()}
        return until_ready(api, Resources(api), objects, timeout)

    def test_what_is_ready_already_needs_no_request(self, cluster: Cluster, api: Api) -> None:
        self.wait(api, web=pod(True))

        assert cluster.server.requests == []

    def test_an_event_ends_the_wait(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[pod(False)]]
        cluster.watches = [[event("MODIFIED", pod(False, "other")), event("MODIFIED", pod(True))]]

        assert self.wait(api, web=pod(False)) == {KEY: typed(pod(True))}
        assert cluster.asked() == ["list", "watch"]
        # For one object no right on others is needed.
        fields = {request.query.get("fieldSelector") for request in cluster.server.requests if request.path == PODS}
        assert fields == {"metadata.name=web"}

    def test_what_became_ready_before_the_watch_is_seen_in_the_list(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[pod(True)]]

        assert self.wait(api, web=pod(False)) == {KEY: typed(pod(True))}
        assert cluster.asked() == ["list"]

    @pytest.mark.parametrize(
        "end", [[], [event("ERROR", {"code": 410}), event("MODIFIED", pod(True))], [b'{"type": "MODI']]
    )
    def test_a_watch_that_ends_is_taken_up_again(self, cluster: Cluster, api: Api, end: list[bytes]) -> None:
        cluster.lists = [[pod(False)]]
        cluster.watches = [end, [event("MODIFIED", pod(True))]]
        self.wait(api, web=pod(False))

        assert cluster.asked() == ["list", "watch", "list", "watch"]

    def test_all_objects_of_a_namespace_share_one_watch(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[pod(False, "one"), pod(False, "two"), pod(False, "three")]]
        cluster.watches = [[event("MODIFIED", pod(True, name)) for name in ("two", "one", "three")]]
        found = self.wait(api, one=pod(False), two=pod(False), three=pod(False))

        assert {key.name for key in found} == {"one", "two", "three"}
        assert cluster.asked() == ["list", "watch"]

    def test_one_that_turns_bad_again_is_waited_for(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[pod(False, "one"), pod(False, "two")]]
        changes = [("one", True), ("one", False), ("two", True), ("one", True)]
        cluster.watches = [[event("MODIFIED", pod(ready, name)) for name, ready in changes]]

        assert self.wait(api, one=pod(False), two=pod(False))[Key("Pod", "team", "one")] == typed(pod(True, "one"))

    def test_time_that_is_up_names_each_that_is_not_ready_with_its_conditions(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[pod(False), pod(True, "other")]]
        begin = time.monotonic()

        with pytest.raises(NotReadyError) as caught:
            self.wait(api, 0.2, web=pod(False), other=pod(False))
        assert 0.2 <= time.monotonic() - begin < 3
        assert str(caught.value).splitlines()[:3] == [
            "1 of 2 objects are not ready after 0 s:",
            "- Pod team/web:",
            "  Ready=False ContainersNotReady",
        ]


class TestUntilNoticed:
    """Controllers that do not say which generation they speak of."""

    def notice(self, api: Api) -> dict[Key, Object]:
        return until_noticed(api, Resources(api), {KEY: typed(told(1))})

    def test_the_first_new_word_ends_the_wait(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[told(1)]]
        cluster.watches = [[event("MODIFIED", told(1)), event("MODIFIED", told(2))]]

        assert self.notice(api)[KEY]["status"] == {"observedGeneration": 2}

    def test_a_controller_that_has_nothing_to_say_is_waited_for_only_a_moment(
        self, cluster: Cluster, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(waiting, "_NOTICE_SECONDS", 0.2)
        cluster.lists = [[told(1)]]

        assert self.notice(api)[KEY]["status"] == {"observedGeneration": 1}


class TestUntilGone:
    """Until an object does not exist any more."""

    def wait(self, api: Api, timeout: float = 10) -> None:
        until_gone(api, Resources(api), {KEY: typed(pod(True))}, timeout)

    def test_what_is_gone_already_takes_one_list(self, cluster: Cluster, api: Api) -> None:
        self.wait(api)

        assert cluster.asked() == ["list"]

    def test_the_event_of_its_deletion_ends_the_wait(self, cluster: Cluster, api: Api) -> None:
        cluster.lists = [[pod(True)]]
        cluster.watches = [[event("MODIFIED", pod(False)), event("DELETED", pod(False))]]
        self.wait(api)

        assert cluster.asked() == ["list", "watch"]

    def test_a_kind_that_is_gone_takes_its_objects_along(self, cluster: Cluster, api: Api) -> None:
        cluster.server.answer = lambda request: Reply(200, DISCOVERY) if request.path == "/api/v1" else Reply(404)

        self.wait(api)

    def test_a_kind_that_nobody_knows_has_no_objects(self, cluster: Cluster, api: Api) -> None:
        unknown = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}

        until_gone(api, Resources(api), {Key("Thing.example.org", "", "a"): unknown}, 10)
        assert cluster.asked() == []

    def test_what_does_not_go_is_named_with_what_holds_it(self, cluster: Cluster, api: Api) -> None:
        held = {"deletionTimestamp": "2026-11-23T02:00:00Z", "finalizers": ["example.org/hold"]}
        cluster.lists = [[pod(True, **held)]]

        with pytest.raises(NotReadyError) as caught:
            self.wait(api, 0.1)
        assert "- Pod team/web:\n  it is being deleted since 2026-11-23T02:00:00Z; finalizers: example.org/hold" in str(
            caught.value
        )
