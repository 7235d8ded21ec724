# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which kinds a server knows, and where it keeps their objects."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.resources import (
    Resource,
    Resources,
    namespaced_resources,
)
from tests.unit.plugins.server import Server

ROUTES = "gateway.networking.k8s.io"


def listed(name: str, kind: str, namespaced: bool = True) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": namespaced}


DISCOVERY = {
    "/api/v1": {
        "resources": [listed("pods", "Pod"), listed("pods/log", "Pod"), listed("namespaces", "Namespace", False)]
    },
    f"/apis/{ROUTES}": {"versions": [{"groupVersion": f"{ROUTES}/v1"}, {"groupVersion": f"{ROUTES}/v1beta1"}]},
    f"/apis/{ROUTES}/v1": {"resources": [listed("httproutes", "HTTPRoute")]},
    f"/apis/{ROUTES}/v1beta1": {"resources": [listed("httproutes", "HTTPRoute"), listed("oldroutes", "OldRoute")]},
}


@pytest.fixture
def resources(server: Server) -> Resources:
    server.answers_by_path(DISCOVERY)
    return Resources(Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests"))


def test_a_kind_has_its_paths_in_its_version(resources: Resources) -> None:
    routes, namespaces = resources.find(f"{ROUTES}/v1", "HTTPRoute"), resources.find("v1", "Namespace")

    assert routes is not None
    assert routes.path("team", "a") == f"/apis/{ROUTES}/v1/namespaces/team/httproutes/a"
    assert routes.collection() == f"/apis/{ROUTES}/v1/httproutes"
    assert (routes.api_version, routes.group_kind) == (f"{ROUTES}/v1", f"HTTPRoute.{ROUTES}")
    assert namespaces is not None
    assert namespaces.path("ignored", "team") == "/api/v1/namespaces/team"
    assert (namespaces.api_version, namespaces.group_kind) == ("v1", "Namespace")


@pytest.mark.parametrize(("api_version", "kind"), [("v1", "Gizmo"), ("example.org/v1", "Thing"), ("v2", "Pod")])
def test_what_the_server_does_not_know_is_none(resources: Resources, api_version: str, kind: str) -> None:
    assert resources.find(api_version, kind) is None


def test_parts_of_objects_are_no_kinds_of_their_own(resources: Resources) -> None:
    pods = resources.find("v1", "Pod")

    assert pods is not None
    assert pods.plural == "pods"


def test_each_version_is_read_once(server: Server, resources: Resources) -> None:
    resources.load(["v1", f"{ROUTES}/v1", "v1"])
    resources.find("v1", "Pod")
    resources.find("v1", "Namespace")

    assert sorted(request.path for request in server.requests) == ["/api/v1", f"/apis/{ROUTES}/v1"]


def test_a_version_is_read_anew_when_its_kinds_have_changed(server: Server, resources: Resources) -> None:
    assert resources.find("example.org/v1", "Thing") is None
    server.answers_by_path({"/apis/example.org/v1": {"resources": [listed("things", "Thing")]}})

    assert resources.find("example.org/v1", "Thing") is None
    resources.forget("example.org/v1")
    assert resources.find("example.org/v1", "Thing") is not None


def test_a_kind_without_version_is_found_in_the_one_that_is_in_use_or_else_preferred(resources: Resources) -> None:
    preferred = resources.find_group_kind(f"HTTPRoute.{ROUTES}")
    assert preferred is not None
    assert preferred.version == "v1"


def test_a_kind_that_is_not_in_the_preferred_version_is_found_in_another(resources: Resources) -> None:
    old = resources.find_group_kind(f"OldRoute.{ROUTES}")
    assert old is not None
    assert old.version == "v1beta1"
    assert resources.find_group_kind(f"NoRoute.{ROUTES}") is None


def test_a_version_in_use_wins(server: Server, resources: Resources) -> None:
    resources.find(f"{ROUTES}/v1beta1", "HTTPRoute")
    found = resources.find_group_kind(f"HTTPRoute.{ROUTES}")

    assert found is not None
    assert found.version == "v1beta1"
    assert len(server.requests) == 1


@pytest.mark.parametrize("group_kind", ["Gizmo", "Thing.example.org", "Pod.example.org"])
def test_a_kind_of_no_known_group_is_none(resources: Resources, group_kind: str) -> None:
    assert resources.find_group_kind(group_kind) is None


def test_what_can_live_in_a_namespace_is_found_by_two_requests_each_kind_once(server: Server) -> None:
    def served(plural: str, kind: str, scope: str = "Namespaced", verbs: str = "list delete") -> dict[str, Any]:
        return {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": verbs.split()}

    core = {"version": "v1", "resources": [served("pods", "Pod"), served("namespaces", "Namespace", "Cluster")]}
    reviews = served("localsubjectaccessreviews", "LocalSubjectAccessReview", verbs="create")
    routes = [
        {"version": version, "resources": [served("httproutes", "HTTPRoute"), reviews]} for version in ("v1", "v1beta1")
    ]
    server.answers_by_path(
        {
            "/api": {"items": [{"metadata": {}, "versions": [core]}]},
            "/apis": {"items": [{"metadata": {"name": ROUTES}, "versions": routes}]},
        }
    )
    found = namespaced_resources(Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests"))

    assert found == [
        Resource("/api/v1", "pods", "Pod", "", "v1", True),
        Resource(f"/apis/{ROUTES}/v1", "httproutes", "HTTPRoute", ROUTES, "v1", True),
    ]
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", ["ConfigMap", "Namespace", "Secret", "Service", "ServiceAccount"])
def test_what_every_server_has_is_not_asked_for(server: Server, resources: Resources, kind: str) -> None:
    resources.load(["v1"])
    found = resources.find("v1", kind)

    assert found is not None
    assert found.path("team", "a").startswith("/api/v1/namespaces/")
    assert server.requests == []
