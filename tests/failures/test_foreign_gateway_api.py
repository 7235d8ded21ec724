# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Gateway API of somebody else, in other versions than ours: kept and used, or refused where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.playbooks import Playbooks

Object = dict[str, Any]

VERSION = "gateway.networking.k8s.io/bundle-version"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
GUARD = "tests-safe-upgrades"
PART_OF = "applyset.kubernetes.io/part-of"
_MERGE = "application/merge-patch+json"
_BOUND_SECONDS = 240.0


@pytest.fixture(scope="module")
def theirs(cluster: Cluster, playbooks: Playbooks) -> Iterator[list[Object]]:
    """The Gateway API as somebody else brings it, on a cluster without the platform; all of it goes in the end."""
    settings = {"maas_remove_shared": True}
    _removed(playbooks, settings)
    (manifest,) = (cluster.bundle / "manifests").glob("gateway-api-*.yaml")
    found = [
        item for item in yaml.safe_load_all(manifest.read_text(encoding="utf-8")) if item["kind"].endswith("Definition")
    ]
    for item in found:
        cluster.apply(item, manager="kubectl")
    yield found
    for path in (
        f"{ADMISSION}/validatingadmissionpolicybindings/{GUARD}",
        f"{ADMISSION}/validatingadmissionpolicies/{GUARD}",
    ):
        cluster.request("DELETE", path)
    _removed(playbooks, settings)
    for item in found:
        cluster.delete(item)
    cluster.wait_for(lambda: not _definitions(cluster), "the end of the Gateway API")


def test_one_that_is_too_old_is_refused_before_anything_changes(
    theirs: list[Object], cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    _declare(cluster, "v1.1.0")
    with cluster.counted() as requests:
        refused = playbooks.run("site")
    assert refused.status != 0
    for word in ("is v1.1.0 and not ours", "need v1.2 at least", "Nothing was changed", "standard-install.yaml"):
        assert word in refused.text, refused.said[-3000:]
    assert [item for item in requests if item.writes] == []
    table.add(
        "foreign Gateway API v1.1.0", refused, "The Gateway API on the cluster is v1.1.0", 120, "refused until upgraded"
    )


def test_the_oldest_that_will_do_is_used_and_kept(
    theirs: list[Object], cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    """That of OpenShift 4.19 has no BackendTLSPolicy (section 9.3 of the facts)."""
    (policies,) = [item for item in theirs if item["metadata"]["name"].startswith("backendtlspolicies.")]
    cluster.delete(policies)
    cluster.wait_for(lambda: policies["metadata"]["name"] not in _definitions(cluster), "the end of BackendTLSPolicy")
    _declare(cluster, "v1.2.1")
    before = _definitions(cluster)
    run = playbooks.repaired()
    _kept(cluster, before)
    said = "Gateway API v1.2.1: somebody else's, kept as it is"
    table.add("foreign Gateway API v1.2.1", run, said, _BOUND_SECONDS, "changed=0")


def test_a_newer_one_that_admits_no_older_is_used_and_kept(
    theirs: list[Object], cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    """Since v1.5 it comes with a policy that refuses to go back (section 8 of the facts)."""
    _declare(cluster, "v1.5.0")
    _guard(cluster)
    before = _definitions(cluster)
    run = playbooks.repaired()
    _kept(cluster, before)
    said = "Gateway API v1.5.0: somebody else's, kept as it is"
    table.add("foreign Gateway API v1.5.0, with its policy against older ones", run, said, _BOUND_SECONDS, "changed=0")
    assert playbooks.run("verify", "--tags", "prerequisites,gateway").status == 0


def _removed(playbooks: Playbooks, settings: Object) -> None:
    run = playbooks.run("remove", settings=settings)
    assert run.status == 0, run.said[-3000:]


def _definitions(cluster: Cluster) -> dict[str, str]:
    """Return the definitions of the Gateway API by name, with what changes when somebody writes to them."""
    found = cluster.request("GET", DEFINITIONS)["items"]
    return {
        item["metadata"]["name"]: item["metadata"]["generation"]
        for item in found
        if item["spec"]["group"] == "gateway.networking.k8s.io"
    }


def _declare(cluster: Cluster, version: str) -> None:
    """Have the definitions say which version they are of."""
    changes = {"metadata": {"annotations": {VERSION: version}}}
    for name in _definitions(cluster):
        assert cluster.request("PATCH", f"{DEFINITIONS}/{name}", changes, _MERGE) is not None


def _guard(cluster: Cluster) -> None:
    """Refuse every write that leaves a definition without that version."""
    version = "admissionregistration.k8s.io/v1"
    rules = [
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["customresourcedefinitions"],
        }
    ]
    test = (
        "object.spec.group != 'gateway.networking.k8s.io' || "
        f"object.metadata.?annotations['{VERSION}'].orValue('') == 'v1.5.0'"
    )
    spec = {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": test}]}
    policy = {"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": GUARD}, "spec": spec}
    bound = {"policyName": GUARD, "validationActions": ["Deny"]}
    binding = {**policy, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound}
    assert cluster.request("POST", f"{ADMISSION}/validatingadmissionpolicies", policy) is not None
    assert cluster.request("POST", f"{ADMISSION}/validatingadmissionpolicybindings", binding) is not None


def _kept(cluster: Cluster, before: dict[str, str]) -> None:
    """See that nobody wrote to the definitions, or took them over."""
    assert _definitions(cluster) == before
    for item in cluster.request("GET", DEFINITIONS)["items"]:
        if item["metadata"]["name"] in before:
            assert PART_OF not in (item["metadata"].get("labels") or {})
