# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else's Istio and cert-manager: used and kept, refused when too old, replaced by ours when they are gone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sandbox.paths import Home
from tests.failures.scene import MENDED, Object, overhead, told
from tests.failures.table import Table
from tests.module.cluster import Cluster, content
from tests.module.objects import namespace
from tests.playbooks import Playbooks

TAGS = ("--tags", "prerequisites,gateway")
ISTIO = "/apis/apps/v1/namespaces/istio-system/deployments/istiod"
CERT_MANAGER = "/apis/apps/v1/namespaces/certificates/deployments/cert-manager"
# In the order in which they are installed: name, namespace, chart, values.
RELEASES = (
    ("cert-manager", "certificates", "cert-manager", ("--set", "crds.enabled=true,crds.keep=false")),
    ("their-base", "istio-system", "base", ()),
    ("their-istiod", "istio-system", "istiod", ()),
)
PLACES = ("certificates", "istio-system")
PART_OF = "applyset.kubernetes.io/part-of"
_MERGE = "application/merge-patch+json"


class Theirs:
    """What somebody else does with Helm."""

    def __init__(self, home: Home, cluster: Cluster) -> None:
        self._home = home
        self._cluster = cluster

    def install(self) -> None:
        """Bring the Gateway API, which Istio looks for when it starts, cert-manager and Istio."""
        self._run("kubectl", "apply", "--server-side", "--filename", str(self._gateway_api()))
        for name, place, chart, values in RELEASES:
            if self._cluster.read(namespace(place)) is None:
                self._cluster.create(namespace(place))
            package = next((self._home.bundle / "charts").glob(f"{chart}-[0-9v]*.tgz"))
            self._run("helm", "install", name, str(package), "--namespace", place, "--wait", *values)

    def uninstall(self) -> None:
        """Take all away, with their kinds and namespaces."""
        for name, place, _chart, _values in reversed(RELEASES):
            self._run("helm", "uninstall", name, "--namespace", place, "--wait")
        for place in PLACES:
            self._cluster.delete(namespace(place))
        # Istio's chart leaves its kinds behind. Without a controller they would be somebody's, and in the way.
        for kind in self._cluster.list("apiextensions.k8s.io/v1", "CustomResourceDefinition"):
            if kind["metadata"].get("annotations", {}).get("meta.helm.sh/release-name") == "their-base":
                self._run("kubectl", "delete", "crd", kind["metadata"]["name"])
        self._run("kubectl", "delete", "--filename", str(self._gateway_api()))

    def _gateway_api(self) -> Path:
        return next((self._home.bundle / "manifests").glob("gateway-api*.yaml"))

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._home.root / "bin" / program), "--kubeconfig", str(self._home.kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def theirs(home: Home, cluster: Cluster, playbooks: Playbooks) -> Theirs:
    """Both, on a cluster without ours."""
    if cluster.read(namespace("maas-system")) is not None:
        gone = playbooks.run("remove", settings={"maas_remove_shared": True})
        assert gone.status == 0, gone.said[-3000:]
    somebody = Theirs(home, cluster)
    somebody.install()
    return somebody


def deployments(cluster: Cluster) -> list[Object | None]:
    """Return what must not change."""
    found = [content(cluster.request("GET", path)) for path in (ISTIO, CERT_MANAGER)]
    return [obj and {**obj, "status": None} for obj in found]


def with_image(cluster: Cluster, path: str, image: str) -> str:
    """Change the image of a controller, as its owner does; return the one before."""
    (container,) = cluster.request("GET", path)["spec"]["template"]["spec"]["containers"]
    changed = {"spec": {"template": {"spec": {"containers": [{**container, "image": image}]}}}}
    cluster.request("PATCH", path, changed, _MERGE)
    cluster.wait_for(lambda: _rolled_out(cluster.request("GET", path)), f"the roll-out of {path}")
    return str(container["image"])


def _rolled_out(deployment: Object) -> bool:
    status, generation = deployment["status"], deployment["metadata"]["generation"]
    pods = {status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    return bool(status["observedGeneration"] == generation and len(pods) == 1)


def test_they_are_used_and_kept(theirs: Theirs, cluster: Cluster, playbooks: Playbooks, table: Table) -> None:
    before = deployments(cluster)
    run = playbooks.run("site", *TAGS)
    assert run.status == 0, told(run)
    kept = "somebody else's, in namespace istio-system, kept as it is"
    assert "cert-manager 1.21.1: somebody else's, in namespace certificates, kept as it is" in run.text
    assert deployments(cluster) == before
    assert not any(PART_OF in cluster.held(namespace(place))["metadata"].get("labels", {}) for place in PLACES)
    again = playbooks.run("site", *TAGS)
    assert (again.status, again.changed) == (0, 0)
    table.add("Foreign Istio and cert-manager", run, kept, overhead(again.seconds), "used and kept, then changed=0")


@pytest.mark.parametrize(
    ("path", "image", "says"),
    [
        (
            ISTIO,
            "docker.io/istio/pilot:1.22.8",
            "Istio 1.22.8 is not ours (namespace istio-system), and too old: 1.26 is",
        ),
        (
            CERT_MANAGER,
            "quay.io/jetstack/cert-manager-controller:v1.9.1",
            "cert-manager 1.9.1 is not ours (namespace certificates), and too old: 1.16 is",
        ),
    ],
    ids=["istio", "cert-manager"],
)
def test_one_that_is_too_old_is_refused_before_anything_changes(
    theirs: Theirs, cluster: Cluster, playbooks: Playbooks, table: Table, path: str, image: str, says: str
) -> None:
    newer = with_image(cluster, path, image)
    before = deployments(cluster)
    with cluster.counted() as requests:
        run = playbooks.run("site", *TAGS)
    assert run.status != 0
    message = told(run)
    assert says in message
    assert "It was left as it is. Have its owner upgrade it." in message
    assert [request for request in requests if request.writes] == []
    assert deployments(cluster) == before
    with_image(cluster, path, newer)
    repaired = playbooks.run("site", *TAGS)
    assert (repaired.status, repaired.changed) == (0, 0)
    table.add(f"Foreign {says.partition(' is')[0]}, too old", run, says, overhead(repaired.seconds), MENDED)


def test_when_they_are_gone_ours_take_their_place(
    theirs: Theirs, cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    removed = playbooks.run("remove", *TAGS, settings={"maas_remove_shared": True})
    assert removed.status == 0, removed.said[-3000:]
    assert all(deployments(cluster))
    theirs.uninstall()
    for place in PLACES:
        cluster.wait_for(lambda: cluster.read(namespace(place)) is None, "their namespaces are gone")  # noqa: B023
    first = playbooks.repaired(*TAGS)
    table.add(
        "Foreign parts removed with us",
        removed,
        "PLAY RECAP",
        overhead(first.seconds),
        "kept by remove; ours after they went",
    )
