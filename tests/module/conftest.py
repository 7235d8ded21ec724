# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that ``MAAS_SANDBOX`` names (``make module`` starts it), and a place of its own in it for each test.

``MAAS_TEST_KUBECONFIG`` names the kubeconfig of another cluster instead; beside it are ``logs/audit.log`` and
``bundle/``, as in the folder of a sandbox.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.paths import Home
from tests.module.cluster import Cluster
from tests.module.middleman import Middleman
from tests.module.objects import auth_policy_definition, definition, namespace
from tests.module.running import Answer, Modules, Running

Object = dict[str, Any]

_CLUSTER_WIDE = [("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("v1", "Namespace")]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster under test, seen by somebody else."""
    given = os.environ.get("MAAS_TEST_KUBECONFIG")
    name = os.environ.get("MAAS_SANDBOX")
    if not given and not name:
        pytest.fail("No cluster to test with: call `make module`, or name a running sandbox in MAAS_SANDBOX.")
    kubeconfig = Path(given) if given else Home.of(str(name)).kubeconfig
    folder = kubeconfig.parent
    return Cluster(kubeconfig, folder / "logs" / "audit.log", folder / "bundle")


@pytest.fixture(scope="session")
def modules(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """Runs modules in that cluster."""
    modules = Modules(cluster.kubeconfig, tmp_path_factory.mktemp("home"))
    yield modules
    modules.close()


@dataclass(frozen=True)
class Space:
    """Names that no other test uses, and a set among them."""

    cluster: Cluster
    modules: Modules
    prefix: str

    def name(self, suffix: str) -> str:
        """A name of this test's own, for what has no namespace."""
        return f"{self.prefix}-{suffix}"

    @property
    def group(self) -> str:
        """An API group of this test's own."""
        return f"{self.prefix}.example"

    @property
    def sets(self) -> str:
        """The namespace of the parents of this test's sets; it was there before them, so it stays."""
        return self.name("sets")

    @property
    def home(self) -> str:
        """A namespace that was there before the test and belongs to no set."""
        return self.name("home")

    def arguments(self, objects: list[Object], **args: Any) -> Answer:
        """What apply_set is given for this test's set."""
        return {"name": "tested", "namespace": self.sets, "objects": objects, "wait_timeout": 20, **args}

    def apply(self, objects: list[Object], check: bool = False, diff: bool = False, **args: Any) -> Answer:
        """Run apply_set; it must not fail."""
        answer = self.modules.run("apply_set", self.arguments(objects, **args), check, diff)
        assert not answer.get("failed"), answer["msg"]
        return answer

    def refused(self, objects: list[Object], check: bool = False, **args: Any) -> str:
        """Run apply_set, which must fail, and return its message."""
        answer = self.modules.run("apply_set", self.arguments(objects, **args), check)
        assert answer.get("failed") is True, answer
        assert "exception" not in answer
        return str(answer["msg"])

    def start(self, objects: list[Object], **args: Any) -> Running:
        """Start apply_set, and do not wait for it."""
        return self.modules.start("apply_set", self.arguments(objects, **args))

    def remove(self, check: bool = False, diff: bool = False, **args: Any) -> Answer:
        """Run apply_set to remove the set; it must not fail."""
        return self.apply([], check, diff, state="absent", **args)

    def parent(self) -> Object | None:
        """The parent of the set as it is, or None."""
        return self.cluster.read(self.parent_like())

    def parent_like(self) -> Object:
        """What names the parent of the set."""
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "maas-tested", "namespace": self.sets}}


@pytest.fixture
def space(cluster: Cluster, modules: Modules) -> Iterator[Space]:
    """Names of the test's own; what carries them is deleted after it."""
    yield from _space(cluster, modules)


@pytest.fixture(scope="module")
def shared_space(cluster: Cluster, modules: Modules) -> Iterator[Space]:
    """The same for all tests of one file."""
    yield from _space(cluster, modules)


@pytest.fixture(scope="session")
def gateway_api(cluster: Cluster) -> None:
    """The definitions of the Gateway API, brought by somebody else."""
    import yaml

    (manifest,) = (cluster.bundle / "manifests").glob("gateway-api-*.yaml")
    wanted = [obj for obj in yaml.safe_load_all(manifest.read_text(encoding="utf-8")) if obj]
    definitions = [obj for obj in wanted if obj["kind"] == "CustomResourceDefinition"]
    for obj in definitions:
        cluster.apply(obj)
    for obj in definitions:
        cluster.wait_for(lambda obj=obj: _established(cluster.held(obj)), obj["metadata"]["name"])


@pytest.fixture
def envoy_filters(cluster: Cluster) -> Iterator[None]:
    """The kind of Istio that stands beside a Gateway; gone afterwards, since Istio's own chart would refuse it."""
    wanted = definition("networking.istio.io", "EnvoyFilter", "v1alpha3")
    schema = wanted["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    yield from _known(cluster, wanted)


@pytest.fixture
def auth_policies(cluster: Cluster) -> Iterator[None]:
    """The kind of Kuadrant that lets callers in; gone afterwards, since Kuadrant's own chart would refuse it."""
    yield from _known(cluster, auth_policy_definition())


@pytest.fixture
def middleman(cluster: Cluster) -> Iterator[Middleman]:
    """A way to the API server that the test can disturb."""
    with Middleman(cluster) as between:
        yield between


def _known(cluster: Cluster, definition: Object) -> Iterator[None]:
    """Have the server know a kind for a while."""
    cluster.apply(definition)
    name = definition["metadata"]["name"]
    cluster.wait_for(lambda: _established(cluster.held(definition)), name)
    yield
    cluster.delete(definition)
    cluster.wait_for(lambda: cluster.read(definition) is None, f"the end of {name}")


def _space(cluster: Cluster, modules: Modules) -> Iterator[Space]:
    space = Space(cluster, modules, f"t{uuid.uuid4().hex[:6]}")
    for name in (space.sets, space.home):
        cluster.create(namespace(name))
    yield space
    for obj in cluster.list("v1", "ConfigMap"):
        if space.prefix in obj["metadata"]["namespace"] and "finalizers" in obj["metadata"]:
            cluster.edit({**obj, "apiVersion": "v1", "kind": "ConfigMap"}, {"metadata": {"finalizers": None}})
    for api_version, kind in _CLUSTER_WIDE:
        for obj in cluster.list(api_version, kind):
            if space.prefix in obj["metadata"]["name"]:
                cluster.delete({"apiVersion": api_version, "kind": kind, "metadata": obj["metadata"]})


def _established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []  # A new one says null.
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
