# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What failed, was interrupted or was deleted by hand: `verify` tells it, `site` mends it, `remove` does no harm."""

from __future__ import annotations

import base64
import gzip
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.clients import Clients
from tests.access.deployment import Object, Site
from tests.access.playbooks import Playbooks
from tests.module.objects import namespace
from tests.sandboxes import delivered, guests

NOWHERE = {"nodeSelector": {"no": "such"}}
PLACE = "istio-system"
ISTIOD = f"/apis/apps/v1/namespaces/{PLACE}/deployments/istiod"
SECRETS = f"/api/v1/namespaces/{PLACE}/secrets"
SERVED = "/apis/serving.kserve.io/v1beta1/namespaces/maas-models/inferenceservices/simulator"
GATEWAY_ONLY = ("--tags", "gateway")
THEIRS = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "cacerts", "namespace": PLACE},
    "stringData": {"root-cert.pem": "theirs"},
}


def wrong_lines(said: str) -> list[str]:
    """Return the lines of the table of `verify` that are wrong, without the spaces between columns."""
    return [re.sub(r"\s+", " ", line) for line in re.findall(r'"WRONG (.*?)"', said)]


@pytest.fixture
def istio(site: Site, playbooks: Playbooks) -> Iterator[Site]:
    """The platform, whose gateway is brought back by `site` after the test."""
    yield site
    assert playbooks.run("site", *GATEWAY_ONLY).status == 0


def test_what_a_failed_upgrade_has_set_is_told_and_taken_back(istio: Site, playbooks: Playbooks) -> None:
    settings = {"gateway_istiod_values": NOWHERE, "maas_wait_timeout": 4}
    failed = playbooks.run("site", *GATEWAY_ONLY, settings=settings)
    assert failed.status != 0
    assert "Deployment istio-system/istiod:" in failed.said
    assert "Unschedulable: 0/2 nodes are available" in failed.said
    assert "likely cure: Add or uncordon nodes" in failed.said
    told = wrong_lines(playbooks.run("verify", *GATEWAY_ONLY).said)
    assert [line for line in told if "Helm release istiod its last revision is failed" in line], told
    assert [line for line in told if "gateway Istio not all pods" in line], told

    assert playbooks.run("site", *GATEWAY_ONLY).status == 0
    assert "nodeSelector" not in istio.read(ISTIOD)["spec"]["template"]["spec"]


def test_what_a_killed_upgrade_has_set_is_taken_back(istio: Site, playbooks: Playbooks) -> None:
    chart = next((istio.home.bundle / "charts").glob("istiod-*.tgz"))
    command = ["upgrade", "istiod", chart, "--namespace", PLACE, "--wait", "--reuse-values"]
    helm = _helm(istio, *command, "--set", "nodeSelector.no=such")
    istio.cluster.wait_for(lambda: "nodeSelector" in istio.read(ISTIOD)["spec"]["template"]["spec"], "the upgrade")
    helm.send_signal(signal.SIGKILL)
    helm.wait()
    assert _last_revision(istio)["metadata"]["labels"]["status"] == "pending-upgrade"

    predicted = playbooks.run("site", "--check", *GATEWAY_ONLY)
    assert predicted.status == 0
    assert "nodeSelector" in istio.read(ISTIOD)["spec"]["template"]["spec"]
    assert playbooks.run("site", *GATEWAY_ONLY).status == 0
    assert "nodeSelector" not in istio.read(ISTIOD)["spec"]["template"]["spec"]
    assert _last_revision(istio)["metadata"]["labels"]["status"] == "deployed"


def test_without_the_records_of_our_sets_nothing_is_removed(site: Site, playbooks: Playbooks) -> None:
    site.delete("/api/v1/namespaces/maas-system")
    site.cluster.wait_for(lambda: site.cluster.read(namespace("maas-system")) is None, "the end of the records")
    before = site.read(SERVED)["metadata"]["uid"]

    refused = playbooks.run("remove", settings={"maas_remove_shared": True})
    assert refused.status != 0
    assert "Run the site playbook first" in refused.said
    assert site.read(SERVED)["metadata"]["uid"] == before
    told = wrong_lines(playbooks.run("verify", "--tags", "prerequisites").said)
    assert [line for line in told if "records of the sets missing" in line], told

    assert playbooks.run("site").status == 0
    parents = site.cluster.list("v1", "ConfigMap", "maas-system", "applyset.kubernetes.io/id")
    assert len(parents) == 7


def test_what_our_own_parts_need_is_not_removed_from_under_them(site: Site, playbooks: Playbooks) -> None:
    run = playbooks.run("remove", "--tags", "kserve,prerequisites", settings={"maas_remove_shared": True})
    assert run.status == 0
    assert "inferenceservices maas-models/simulator" in run.said
    assert "KServe itself" in run.said
    assert "deletionTimestamp" not in site.read(SERVED)["metadata"]
    assert site.read("/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager")
    assert site.read("/apis/apps/v1/namespaces/cert-manager/deployments/cert-manager")
    assert playbooks.run("site", "--tags", "kserve,prerequisites").status == 0


def test_policies_are_not_removed_while_models_can_be_reached(
    site: Site, playbooks: Playbooks, clients: Clients
) -> None:
    run = playbooks.run("remove", "--tags", "kuadrant")
    assert run.status != 0
    assert "These routes lead to models: maas-models/echo, maas-models/simulator." in run.said
    assert clients.look("no-key") == 401
    assert clients.look(delivered(site.home)["carol"]) in (200, 429)


def test_keys_that_a_killed_verification_left_go_with_the_next_run(
    site: Site, playbooks: Playbooks, intent: Object
) -> None:
    run = site.modules.start("gateway_probe", {"intent": intent, "access": True, "timeout": 15})
    site.cluster.wait_for(lambda: guests(site.cluster), "the keys of guests")
    run.kill()
    assert guests(site.cluster)

    run = playbooks.run("site", "--tags", "kuadrant")
    assert run.status == 0
    assert "keys that an interrupted verification left" in run.said
    assert not guests(site.cluster)


def test_two_verifications_at_once_both_find_all_well(site: Site, intent: Object) -> None:
    site.settled(intent)
    arguments = {"intent": intent, "access": True, "report_only": True, "timeout": 15}
    both = [site.modules.start("gateway_probe", arguments) for _number in range(2)]
    for run in both:
        assert [line["said"] for line in run.answer()["answers"] if not line["ok"]] == []
    assert not guests(site.cluster)


def test_a_removal_that_was_killed_in_helm_is_completed_and_spares_what_others_put_there(
    site: Site, playbooks: Playbooks
) -> None:
    _mark_as_uninstalling(site)
    site.delete(ISTIOD)
    site.cluster.create(THEIRS, manager="kubectl-create")
    run = playbooks.run("remove", "--tags", "simulator,kuadrant,gateway", settings={"maas_remove_shared": True})
    assert run.status == 0
    assert "Secret cacerts" in run.said
    assert site.cluster.held(THEIRS)["data"]
    assert site.cluster.request("GET", ISTIOD) is None
    roles = site.cluster.list("rbac.authorization.k8s.io/v1", "ClusterRole")
    assert not [item["metadata"]["name"] for item in roles if item["metadata"]["name"].startswith("istio")]

    site.cluster.delete(THEIRS)
    assert playbooks.run("site").status == 0


def _helm(site: Site, *arguments: Any) -> subprocess.Popen[bytes]:
    command = [site.home.root / "bin" / "helm", "--kubeconfig", site.home.kubeconfig, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _last_revision(site: Site) -> Object:
    found = site.cluster.list("v1", "Secret", PLACE, "owner=helm,name=istiod")
    return max(found, key=lambda item: int(item["metadata"]["labels"]["version"]))


def _mark_as_uninstalling(site: Site) -> None:
    """Do what Helm does first when it uninstalls a release."""
    secret = _last_revision(site)
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    release["info"]["status"] = "uninstalling"
    data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    labels = {"labels": {"status": "uninstalling"}}
    site.edit(f"{SECRETS}/{secret['metadata']['name']}", {"metadata": labels, "data": {"release": data}})
