# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Half of a platform, from runs that failed or from people who deleted the other half; and what others put in the way.

Upgrades that failed or were killed, deleted records and half removals are tried by ``tests/access/test_recovery.py``.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from sandbox.paths import Home
from tests.failures.inventory import accepted, difference, names
from tests.failures.scene import MODELS
from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.module.objects import config_map, namespace, route
from tests.playbooks import Playbooks, Run
from tests.sandboxes import KEYS_PLACE, delivered, guests

Object = dict[str, Any]

RELEASES = {
    "istiod": ("istio-system", "pending-install"),
    "cert-manager": ("cert-manager", "failed"),
    "kserve": ("kserve", "uninstalling"),
}
RECORDS = "maas-system"
TAKEN = "These objects exist already and are not ours; they were left alone:"
POLICIES = {
    "AuthPolicy": "kuadrant.io/v1",
    "RateLimitPolicy": "kuadrant.io/v1",
    "TokenRateLimitPolicy": "kuadrant.io/v1alpha1",
    "TelemetryPolicy": "extensions.kuadrant.io/v1alpha1",
}
_PLURALS = {kind: f"{kind.lower()[:-1]}ies" for kind in POLICIES}
_BOUND_SECONDS = 240.0


@pytest.fixture(scope="module", autouse=True)
def _installed(playbooks: Playbooks) -> None:
    """The platform, complete."""
    playbooks.repaired()


def test_releases_that_helm_left_half_done_are_done_again(cluster: Cluster, playbooks: Playbooks, table: Table) -> None:
    before = names(cluster)
    for release, (place, status) in RELEASES.items():
        _say_of_last_revision(cluster, place, release, status)
    run = playbooks.repaired()
    assert difference(before, names(cluster)) == []
    for release, (place, _status) in RELEASES.items():
        assert _last_revision(cluster, place, release)["metadata"]["labels"]["status"] == "deployed"
    told = ", ".join(f"{release} {status}" for release, (_place, status) in RELEASES.items())
    table.add(
        f"Helm releases left: {told}", run, "Forget revisions that an interrupted run left", _BOUND_SECONDS, "changed=0"
    )


def test_sets_without_members_and_members_without_sets_are_whole_again(
    home: Home, cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    """Of policies and keys each is there without the other; those who were handed a key keep it."""
    before, keys = names(cluster), delivered(home)
    for kind, version in POLICIES.items():
        for item in cluster.request("GET", f"/apis/{version}/{_PLURALS[kind]}")["items"]:
            _delete(cluster, version, kind, item["metadata"])
    for record in ("maas-simulator", "maas-api-keys", "maas-gateway"):
        cluster.delete(config_map(RECORDS, record))
    run = playbooks.repaired()
    assert difference(before, names(cluster)) == []
    assert delivered(home) == keys
    assert accepted(cluster) == sorted(keys.items())
    assert guests(cluster) == []
    table.add("policies and records of sets deleted, keys and models not", run, "failed=0", _BOUND_SECONDS, "changed=0")


def test_models_without_their_record_are_not_forgotten_by_a_removal(
    cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    cluster.delete(config_map(RECORDS, "maas-simulator"))
    refused = playbooks.run("remove")
    assert refused.status != 0
    said = "Run the site playbook first"
    playbooks.repaired()
    table.add("remove, with the record of the models deleted", refused, said, _BOUND_SECONDS, "changed=0")


def test_keys_of_which_only_the_file_is_left_are_made_anew(
    home: Home, cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    """A value that the cluster has forgotten opens nothing; it is not given to anybody again."""
    old = delivered(home)
    for item in cluster.list("v1", "Secret", KEYS_PLACE, "maas-billing.platform/api-key=true"):
        if item["metadata"]["annotations"]["maas-billing.platform/user"] in ("alice", "bob"):
            cluster.request("DELETE", f"/api/v1/namespaces/{KEYS_PLACE}/secrets/{item['metadata']['name']}")
    run = playbooks.repaired("--diff")
    new = delivered(home)
    assert {user for user in old if old[user] != new[user]} == {"alice", "bob"}
    assert accepted(cluster) == sorted(new.items())
    assert not set(old.values()) & set(run.said.split('"'))
    table.add(
        "Secrets of two keys deleted, their file kept", run, "gets 2 keys and loses 2 keys", _BOUND_SECONDS, "changed=0"
    )


def test_a_namespace_of_others_under_the_name_of_ours_is_named_before_anything_changes(
    cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    taken = cluster.create(namespace("tests-taken"), manager="kubectl-create")
    with cluster.counted() as requests:
        refused = playbooks.run("site", settings={"maas_gateway_namespace": "tests-taken"})
    cluster.delete(taken)
    assert [item for item in requests if item.writes] == []
    _told(refused, "Namespace tests-taken")
    playbooks.repaired()
    table.add("a namespace of others under our name", refused, TAKEN, 120, "without it changed=0")


def test_a_route_of_others_under_the_name_of_a_new_model_is_left_alone(
    cluster: Cluster, playbooks: Playbooks, table: Table
) -> None:
    theirs = cluster.create(route("maas-models", "mine"), manager="kubectl-create")
    model = {"name": "mine", "server": "simulator", "allow_unmetered_streams": True}
    refused = playbooks.run("site", settings={"maas_models": [*MODELS, model]})
    assert cluster.held(theirs)["metadata"]["generation"] == theirs["metadata"]["generation"]
    cluster.delete(theirs)
    _told(refused, "HTTPRoute maas-models/mine")
    playbooks.repaired()
    table.add("a route of others under the name of a model", refused, TAKEN, 120, "without it changed=0")


def _told(refused: Run, taken: str) -> None:
    assert refused.status != 0
    assert TAKEN in refused.text
    assert f"- {taken}" in refused.text
    assert "or take them over with adopt: true (in the inventory, maas_adopt: true)" in refused.text


def _delete(cluster: Cluster, version: str, kind: str, metadata: Object) -> None:
    path = f"/apis/{version}/namespaces/{metadata['namespace']}/{_PLURALS[kind]}/{metadata['name']}"
    assert cluster.request("DELETE", path) is not None


def _last_revision(cluster: Cluster, place: str, release: str) -> Object:
    found = cluster.list("v1", "Secret", place, f"owner=helm,name={release}")
    return max(found, key=lambda item: int(item["metadata"]["labels"]["version"]))


def _say_of_last_revision(cluster: Cluster, place: str, release: str, status: str) -> None:
    """Leave a release as Helm does that is killed at work, or that gives up."""
    secret = _last_revision(cluster, place, release)
    content = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    content["info"]["status"] = status
    data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(content).encode()))).decode()
    changes = {"metadata": {"labels": {"status": status}}, "data": {"release": data}}
    path = f"/api/v1/namespaces/{place}/secrets/{secret['metadata']['name']}"
    assert cluster.request("PATCH", path, changes, "application/merge-patch+json") is not None
