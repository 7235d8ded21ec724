# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on a cluster already, and whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import ID_LABEL, PART_OF_LABEL, Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.components import COMPONENTS
from ansible_collections.maas_billing.platform.plugins.module_utils.keys import GUESTS
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import APPLIED_ANNOTATION
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import OPERATOR_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.survey import (
    SETS,
    Places,
    component,
    distribution,
    gateway_api,
    in_words,
    incomplete,
    package,
    settings,
    survey,
    unfinished,
    unrecorded,
)
from tests.unit.plugins.server import Reply, Request, Server

Object = dict[str, Any]
ISTIO = COMPONENTS["istio"]
ENVOY_FILTERS = "envoyfilters.networking.istio.io"
GATEWAYS = "gateways.gateway.networking.k8s.io"


def controller(
    namespace: str = "istio-system", image: str = "docker.io/istio/pilot:1.29.6", available: int = 1, **labels: str
) -> Object:
    return {
        "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": available},
        "metadata": {"namespace": namespace, "labels": labels},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": image}]}}},
    }


def definition(name: str, release: str = "", namespace: str = "", **metadata: Any) -> Object:
    helm = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace} if release else {}
    return {"name": name, "annotations": helm, **metadata}


def ours(name: str, **metadata: Any) -> Object:
    """Metadata of an object that one of our sets applied."""
    marks = {"labels": {PART_OF_LABEL: "applyset-x-v1"}, "annotations": {APPLIED_ANNOTATION: "0"}}
    return {"name": name, **marks, **metadata}


def by_name(*definitions: Object) -> dict[str, Object]:
    return {item["name"]: item for item in definitions}


def places(*own: str) -> Places:
    """Return namespaces of a cluster, some of them ours."""
    return Places(frozenset({"istio-system", "mesh", "team"}), frozenset(own))


class TestComponent:
    """Owner, version and place of one component."""

    def test_without_controller_and_kinds_it_is_absent(self) -> None:
        assert component(ISTIO, [], {}, places()) == {
            "title": "Istio",
            "owner": "absent",
            "running": False,
            "rolled_out": False,
            "namespace": "",
            "version": "",
            "missing": [],
            "definitions": [],
            "obstacle": "",
        }

    def test_in_a_namespace_of_ours_it_is_ours_with_the_kinds_that_its_releases_brought(self) -> None:
        definitions = by_name(
            definition(ENVOY_FILTERS, "istio-base", "istio-system"),
            definition("wasmplugins.extensions.istio.io", "istio-base", "istio-system"),
            definition("others.example.org", "other", "istio-system"),
            definition("theirs.example.org", "istio-base", "mesh"),
        )

        assert component(ISTIO, [controller()], definitions, places("istio-system")) == {
            "title": "Istio",
            "owner": "ours",
            "running": True,
            "rolled_out": True,
            "namespace": "istio-system",
            "version": "1.29.6",
            "missing": [],
            "definitions": [ENVOY_FILTERS, "wasmplugins.extensions.istio.io"],
            "obstacle": "",
        }

    def test_in_any_other_namespace_it_is_foreign_and_its_kinds_are_nobody_elses_business(self) -> None:
        found = component(
            ISTIO, [controller("mesh")], by_name(definition(ENVOY_FILTERS, "istio-base", "mesh")), places("team")
        )

        assert (found["owner"], found["namespace"], found["definitions"]) == ("foreign", "mesh", [])

    @pytest.mark.parametrize("found", [controller(available=0), {**controller(), "status": {}}])
    def test_a_controller_without_a_pod_does_not_run(self, found: Object) -> None:
        told = component(ISTIO, [found], {}, places("istio-system"))

        assert (told["owner"], told["running"], told["version"]) == ("ours", False, "1.29.6")

    def test_a_controller_of_which_an_old_pod_runs_beside_a_new_one_that_does_not_is_not_rolled_out(self) -> None:
        stuck = {**controller(), "status": {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}}
        told = component(ISTIO, [stuck], {}, places("istio-system"))

        assert (told["running"], told["rolled_out"]) == (True, False)

    def test_beside_one_of_ours_a_foreign_one_decides(self) -> None:
        found = component(ISTIO, [controller(), controller("mesh")], {}, places("istio-system"))

        assert (found["owner"], found["namespace"]) == ("foreign", "mesh")

    def test_kinds_that_our_release_left_behind_are_ours(self) -> None:
        left = by_name(definition(ENVOY_FILTERS, "istio-base", "istio-system"))
        found = component(ISTIO, [], left, places("istio-system"))

        assert (found["owner"], found["running"], found["definitions"]) == ("ours", False, [ENVOY_FILTERS])

    def test_kinds_of_a_release_whose_namespace_is_gone_are_for_the_next_release_to_take(self) -> None:
        left = by_name(definition(ENVOY_FILTERS, "istio-base", "was-deleted"))

        assert component(ISTIO, [], left, places())["owner"] == "absent"

    @pytest.mark.parametrize(
        "left", [definition(ENVOY_FILTERS), definition(ENVOY_FILTERS, "istio-base", "mesh"), {"name": ENVOY_FILTERS}]
    )
    def test_kinds_that_nobody_of_ours_brought_are_foreign(self, left: Object) -> None:
        assert component(ISTIO, [], by_name(left), places("istio-system"))["owner"] == "foreign"

    @pytest.mark.parametrize(
        ("found", "version"),
        [
            (controller(image="istio/pilot:1.29.6-distroless"), "1.29.6-distroless"),
            (controller(image=f"registry.example:5000/pilot:v1.2@sha256:{'0' * 64}"), "1.2"),
            (controller(image=f"registry.example:5000/pilot@sha256:{'0' * 64}"), ""),
            (controller(image="registry.example:5000/pilot"), ""),
            (controller(image="pilot:latest"), ""),
            (controller(**{"app.kubernetes.io/version": "v1.21.1"}), "1.21.1"),
        ],
    )
    def test_the_version_is_told_by_label_or_image(self, found: Object, version: str) -> None:
        assert component(ISTIO, [found], {}, places())["version"] == version


class TestKuadrant:
    """What is told of Kuadrant alone."""

    KUADRANT = COMPONENTS["kuadrant"]

    @pytest.mark.parametrize(
        ("installed", "found"),
        [
            ([], ""),
            (["authorino-operator.v0.25.2", "rhcl-operator.v1.4.0"], "rhcl-operator.v1.4.0"),
            (["kuadrant-operator.v1.5.2"], "kuadrant-operator.v1.5.2"),
            (["kuadrant-operator-extras.v1.0.0"], ""),
        ],
    )
    def test_the_package_is_the_one_by_which_olm_installed_it(self, installed: list[str], found: str) -> None:
        assert package(self.KUADRANT, installed) == found

    def test_settings_are_the_variables_that_say_how_it_behaves_and_no_secrets(self) -> None:
        operator = controller("kuadrant-system")
        (container,) = operator["spec"]["template"]["spec"]["containers"]
        container["env"] = [
            {"name": "AUTH_SERVICE_TIMEOUT", "value": "1s"},
            {"name": "RATELIMIT_SERVICE_FAILURE_MODE", "value": "deny"},
            {"name": "TOKEN", "value": "secret"},
            {"name": "OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ]

        assert settings(self.KUADRANT, operator) == {
            "AUTH_SERVICE_TIMEOUT": "1s",
            "RATELIMIT_SERVICE_FAILURE_MODE": "deny",
        }
        assert settings(ISTIO, operator) == {}
        assert settings(self.KUADRANT, None) == {}


class TestGatewayApi:
    """The Gateway API has no controller of its own: its definitions tell."""

    def test_without_its_kinds_it_is_absent(self) -> None:
        assert gateway_api({}) == {
            "title": "Gateway API",
            "owner": "absent",
            "version": "",
            "channel": "",
            "outdated": False,
        }

    @pytest.mark.parametrize(
        ("labels", "mark", "owner"),
        [
            ({PART_OF_LABEL: "applyset-x-v1"}, {APPLIED_ANNOTATION: "0"}, "ours"),
            ({PART_OF_LABEL: "applyset-of-kubectl-v1"}, {}, "foreign"),
            ({"a": "b"}, {}, "foreign"),
            (None, {}, "foreign"),
        ],
    )
    def test_version_and_channel_are_annotations_and_our_marks_make_it_ours(
        self, labels: Any, mark: Object, owner: str
    ) -> None:
        prefix = "gateway.networking.k8s.io"
        notes = {f"{prefix}/bundle-version": "v1.4.1", f"{prefix}/channel": "standard", **mark}

        assert gateway_api({GATEWAYS: {"name": GATEWAYS, "annotations": notes, "labels": labels}}) == {
            "title": "Gateway API",
            "owner": owner,
            "version": "v1.4.1",
            "channel": "standard",
            "outdated": False,
        }

    def test_kinds_without_annotations_have_no_version(self) -> None:
        assert gateway_api({GATEWAYS: {"name": GATEWAYS}})["version"] == ""

    @pytest.mark.parametrize(
        ("version", "outdated"),
        [
            ("v0.8.1", True),
            ("v1.1.0", True),
            ("v1.2.0-rc.1", False),
            ("v1.2.1", False),
            ("v1.10.0", False),
            ("2.0.0", False),
            ("v10.0.0", False),
            ("main", False),
            ("", False),
        ],
    )
    def test_below_the_oldest_that_the_other_parts_work_with_it_is_outdated(self, version: str, outdated: bool) -> None:
        notes = {"gateway.networking.k8s.io/bundle-version": version}

        assert gateway_api({GATEWAYS: {"name": GATEWAYS, "annotations": notes}})["outdated"] is outdated


class TestRecords:
    """Members of sets whose parent somebody deleted."""

    def test_without_its_parent_it_is_not(self) -> None:
        members = {"Namespace": [ours("istio-system"), {"name": "team"}], "CustomResourceDefinition": [ours("x")]}

        assert unrecorded(members, {"applyset-x-v1"}) == [
            "CustomResourceDefinition x",
            "Namespace istio-system",
        ]

    def test_a_set_whose_parent_is_kept_elsewhere_is_left_to_whoever_applied_it(self) -> None:
        assert unrecorded({"Namespace": [ours("istio-system")]}, {"applyset-y-v1"}) == []

    def test_the_sets_of_our_roles_are_known_by_name(self) -> None:
        roles = Path(__file__).resolve().parents[4] / "roles"
        tasks = [yaml.safe_load(file.read_text())[-1] for file in roles.glob("*/tasks/remove.yml")]
        told = {task["vars"]["maas_set"] for task in tasks if "maas_set" in task.get("vars", {})}

        assert told
        assert told < set(SETS)

    def test_models_and_keys_are_told_with_their_place_and_guests_are_not(self) -> None:
        guest = {**ours("guest", namespace="kuadrant-system"), "labels": {PART_OF_LABEL: GUESTS.set_id}}
        members = {"HTTPRoute": [ours("llama", namespace="team")], "Secret": [guest]}

        assert unrecorded(members, {"applyset-x-v1"}) == ["HTTPRoute team/llama"]


class TestReleases:
    """Helm releases whose last revision was not carried out."""

    def revision(self, name: str, number: int, status: str) -> Object:
        labels = {"name": name, "version": str(number), "status": status}
        return {"name": f"sh.helm.release.v1.{name}.v{number}", "namespace": "istio-system", "labels": labels}

    def test_only_the_last_revision_counts(self) -> None:
        revisions = [
            self.revision("istiod", 10, "deployed"),
            self.revision("istiod", 9, "failed"),
            self.revision("istio-base", 1, "superseded"),
            self.revision("istio-base", 2, "pending-upgrade"),
        ]

        assert unfinished(revisions) == {"istio-system": {"istio-base": "pending-upgrade"}}

    def test_one_of_which_something_was_deleted_is_incomplete_unless_it_is_worse(self) -> None:
        revisions = [self.revision("istiod", 1, "deployed"), self.revision("istio-base", 2, "failed")]

        assert unfinished(revisions, ["istiod", "istio-base", "kserve"]) == {
            "istio-system": {"istiod": "incomplete", "istio-base": "failed"}
        }

    def test_those_of_a_component_of_ours_without_controller_or_kinds_are_incomplete(self) -> None:
        components: Object = {name: {"owner": "ours", "missing": []} for name in COMPONENTS}
        components["istio"]["missing"] = [ENVOY_FILTERS]

        assert incomplete(components) == ["istio-base", "istiod"]

    def test_where_all_is_finished_nothing_is_told(self) -> None:
        assert unfinished([self.revision("istiod", 1, "deployed")]) == {}


class TestObstacles:
    """Why the platform cannot stand on a component."""

    def theirs(self, image: str = "docker.io/istio/pilot:1.29.6", available: int = 1, **going: Any) -> str:
        found = [controller("mesh", image, available)]
        said: str = component(ISTIO, found, by_name(definition(ENVOY_FILTERS, **going)), places())["obstacle"]
        return said

    def test_one_that_runs_and_is_new_enough_is_none(self) -> None:
        assert self.theirs() == ""
        assert self.theirs("docker.io/istio/pilot:1.26.0") == ""
        assert self.theirs("registry.example/istio/pilot@sha256:0123") == ""

    @pytest.mark.parametrize("version", ["1.25.9", "1.9.0", "0.99.1", "1.25.9-distroless"])
    def test_one_that_is_older_is(self, version: str) -> None:
        said = self.theirs(f"docker.io/istio/pilot:{version}")

        assert said.startswith(f"Istio {version} is not ours (namespace mesh), and too old: 1.26 is the oldest")

    def test_one_that_does_not_run_is(self) -> None:
        assert "its controller does not run. It was left as it is." in self.theirs(available=0)

    def test_our_own_is_mended_instead(self) -> None:
        found = component(ISTIO, [], {}, places("istio-system"))
        stopped = component(ISTIO, [controller(available=0)], {}, places("istio-system"))

        assert (found["obstacle"], stopped["obstacle"]) == ("", "")
        assert stopped["missing"] == [ENVOY_FILTERS]

    def test_a_kind_that_is_being_deleted_is_and_tells_what_holds_it(self) -> None:
        said = self.theirs(deletionTimestamp="2026-11-23T02:00:00Z", finalizers=["example.org/hold"])

        assert f"{ENVOY_FILTERS} of Istio is being deleted since 2026-11-23T02:00:00Z" in said
        assert "finalizers: example.org/hold." in said


def test_a_namespace_that_is_being_deleted_is_as_good_as_gone() -> None:
    going = ours("istio-system", deletionTimestamp="2026-11-23T02:00:00Z")

    assert Places.of([going, ours("kserve"), {"name": "team"}]) == Places(
        frozenset({"kserve", "team"}), frozenset({"kserve"})
    )


def test_openshift_is_known_by_its_kinds() -> None:
    assert distribution({"clusterversions.config.openshift.io": {}}) == "openshift"
    assert distribution({GATEWAYS: {}}) == "kubernetes"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"title": "Istio", "owner": "ours", "version": "1.29.6", "namespace": "istio-system"},
            "Istio 1.29.6: ours, in namespace istio-system",
        ),
        (
            {"title": "Istio", "owner": "foreign", "version": "", "namespace": "mesh"},
            "Istio: somebody else's, in namespace mesh, kept as it is",
        ),
        (
            {"title": "Gateway API", "owner": "foreign", "version": "v1.4.1", "channel": "standard"},
            "Gateway API v1.4.1: somebody else's, kept as it is",
        ),
        ({"title": "Gateway API", "owner": "ours", "version": "v1.4.1"}, "Gateway API v1.4.1: ours"),
        (
            {"title": "Istio", "owner": "foreign", "version": "", "namespace": "mesh", "running": False},
            "Istio: somebody else's, in namespace mesh, without a running controller, kept as it is",
        ),
    ],
)
def test_a_component_can_be_said_in_one_line(found: Object, words: str) -> None:
    assert in_words(found) == words


def test_what_is_absent_is_said_to_be() -> None:
    absent = {"title": "KServe", "owner": "absent", "version": "", "namespace": ""}

    assert in_words(absent).startswith("KServe: not there")


class TestOnACluster:
    """The requests that it takes."""

    @pytest.fixture
    def api(self, server: Server) -> Api:
        return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")

    def test_a_survey_reads_each_thing_once(self, server: Server, api: Api) -> None:
        istiod = controller()
        definitions = [definition(ENVOY_FILTERS, "istio-base", "istio-system"), definition(GATEWAYS)]
        place = ours("istio-system")
        place["labels"][OPERATOR_LABEL] = "istio"

        def cluster(request: Request) -> Reply:
            lists = {
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": [{"metadata": item} for item in definitions],
                "/api/v1/namespaces": [
                    {"metadata": place},
                    {"metadata": ours("maas-models")},
                    {"metadata": {"name": "team"}},
                    {"metadata": {"name": "kube-system", "uid": "one-of-a-kind"}},
                ],
                "/apis/apps/v1/deployments": [istiod] if request.query.get("labelSelector") == ISTIO.selector else [],
            }
            if request.path == "/version":
                return Reply(200, {"gitVersion": "v1.35.4"})
            return Reply(200, {"items": lists.get(request.path, [])})

        server.answer = cluster
        found = survey(api)

        assert found["cluster_id"] == "one-of-a-kind"
        assert found["kubernetes_version"] == "v1.35.4"
        assert found["distribution"] == "kubernetes"
        assert found["gateway_api"]["owner"] == "foreign"
        assert {name: item["owner"] for name, item in found["components"].items()} == {
            "istio": "ours",
            "cert_manager": "absent",
            "kserve": "absent",
            "kuadrant": "absent",
        }
        assert len(server.requests) == 5 + len(COMPONENTS)
        secrets = [request.path for request in server.requests if request.path.endswith("/secrets")]
        assert secrets == ["/api/v1/namespaces/istio-system/secrets"]

    def test_models_and_keys_without_a_record_are_looked_for_in_namespaces_of_ours(
        self, server: Server, api: Api
    ) -> None:
        def member(name: str, of: str, **metadata: Any) -> Object:
            return {"metadata": ours(name, labels={PART_OF_LABEL: Parent(of, "maas-system").set_id}, **metadata)}

        lists = {
            "/api/v1/namespaces": [member("models", "kserve"), member("keys", "kuadrant")],
            "/apis/gateway.networking.k8s.io/v1/namespaces/models/httproutes": [
                member("llama", "simulator", namespace="models")
            ],
            "/api/v1/namespaces/keys/secrets": [member("alice", "api-keys", namespace="keys")],
        }

        def cluster(request: Request) -> Reply:
            if request.path == "/version":
                return Reply(200, {"gitVersion": "v1.35.4"})
            return Reply(404 if "serving.kserve.io" in request.path else 200, {"items": lists.get(request.path, [])})

        server.answer = cluster

        assert survey(api)["unrecorded"] == [
            "HTTPRoute models/llama",
            "Namespace keys",
            "Namespace models",
            "Secret keys/alice",
        ]

    def test_where_every_set_has_its_record_nothing_is_looked_for(self, server: Server, api: Api) -> None:
        records = [{"metadata": {"labels": {ID_LABEL: Parent(name, "maas-system").set_id}}} for name in SETS]

        def cluster(request: Request) -> Reply:
            if request.path == "/version":
                return Reply(200, {"gitVersion": "v1.35.4"})
            return Reply(200, {"items": records if request.path.endswith("/maas-system/configmaps") else []})

        server.answer = cluster
        found = survey(api)

        assert (found["recorded"], found["unrecorded"]) == (list(SETS), [])
        assert len(server.requests) == 4 + len(COMPONENTS)

    def test_where_there_is_olm_its_packages_are_read_without_copies(self, server: Server, api: Api) -> None:
        names = (
            "clusterserviceversions.operators.coreos.com",
            "servicemonitors.monitoring.coreos.com",
            "podmonitors.monitoring.coreos.com",
        )
        olm = "/apis/operators.coreos.com/v1alpha1/clusterserviceversions"

        def cluster(request: Request) -> Reply:
            lists = {
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": [
                    {"metadata": {"name": name}} for name in names
                ],
                olm: [{"metadata": {"name": "rhcl-operator.v1.4.0", "namespace": "operators"}}],
            }
            version = {"gitVersion": "v1.35.4"}
            return Reply(200, version if request.path == "/version" else {"items": lists.get(request.path, [])})

        server.answer = cluster
        found = survey(api)

        assert found["components"]["kuadrant"]["package"] == "rhcl-operator.v1.4.0"
        assert found["components"]["istio"]["package"] == ""
        assert found["monitors"] is True
        assert [item.query["labelSelector"] for item in server.requests if item.path == olm] == ["!olm.copiedFrom"]
