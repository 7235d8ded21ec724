# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that may do no more than they need: with their rights all works, and each single right is needed.

The tests of this folder are the life of one platform, file by file: each goes on where the one before has ended.
"""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.paths import Home
from tests.module.cluster import Cluster
from tests.module.running import Modules
from tests.playbooks import Playbooks
from tests.privileges.accounts import Account
from tests.privileges.lacking import named
from tests.privileges.work import LONGEST_SECONDS, Work, run
from tools.rbac import Request

Accounts = dict[str, Account]

RELEASES = {
    "cert-manager": {"cert-manager": "cert-manager"},
    "istio-system": {"istio-base": "base", "istiod": "istiod"},
    "kserve": {"kserve-crd": "kserve-crd", "kserve": "kserve-resources"},
    "kuadrant-system": {"kuadrant-operator": "kuadrant-operator"},
}
# Another team, another user, and one user less than in the inventory.
CHANGED_USERS = [
    {"name": "alice", "team": "research"},
    {"name": "bob", "team": "students"},
    {"name": "carol", "team": "research"},
    {"name": "erin", "team": "students"},
]
# A version of a chart that says something else of every object, as the next one may.
_NEXT = """
import sys, yaml
for obj in yaml.safe_load_all(sys.stdin):
    if obj:
        obj["metadata"].setdefault("annotations", {})["example.com/next"] = sys.argv[0]
        print("---")
        print(yaml.safe_dump(obj))
"""


def test_a_first_run_can_be_looked_at_before(playbooks: Playbooks, accounts: Accounts) -> None:
    assert run(playbooks, accounts["site"], "site", "--check", "--diff").changed > 0


def test_site_installs(playbooks: Playbooks, accounts: Accounts) -> None:
    assert run(playbooks, accounts["site"], "site").changed > 0


def test_helm_says_which_right_it_lacks(playbooks: Playbooks, accounts: Accounts) -> None:
    account = accounts["site"]
    (right,) = [item for item in account.rights() if (item.resource, item.verb) == ("poddisruptionbudgets", "get")]
    connection = {"kubeconfig": str(account.kubeconfig)}
    settings = {"maas_connection": connection, "gateway_istiod_values": {"example": "next"}}
    with account.lacking(right):
        done = playbooks.start("site", "--tags", "gateway", settings=settings).end(LONGEST_SECONDS)
    assert done.status != 0
    assert named(right, account) in done.text.replace('\\"', '"')


def test_the_operators_can_be_updated(
    home: Home, cluster: Cluster, playbooks: Playbooks, accounts: Accounts, tmp_path: Path
) -> None:
    """What Helm does for a next version of each chart, and where it has to make good an update that failed."""
    for number, options in enumerate(([], ["--force"])):
        other = tmp_path / f"next-{number}"
        other.write_text(f"#!{sys.executable}{_NEXT}", encoding="utf-8")
        other.chmod(stat.S_IRWXU)
        for place, releases in RELEASES.items():
            for release, chart in releases.items():
                (file,) = cluster.bundle.glob(f"charts/{chart}-[v0-9]*.tgz")
                helm(home, accounts["site"], "upgrade", release, file, "-n", place, "--post-renderer", other, *options)
    # The settings of Kuadrant's operator, which Helm does not compare, are put back.
    assert run(playbooks, accounts["site"], "site", "--tags", "kuadrant").changed > 0


def helm(home: Home, account: Account, *arguments: object) -> None:
    given = [home.bin / "helm", "--kubeconfig", account.kubeconfig, *arguments, "--reuse-values", "--wait"]
    done = subprocess.run([str(item) for item in given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_site_again_has_nothing_to_do(playbooks: Playbooks, accounts: Accounts) -> None:
    for arguments in ((), ("--check", "--diff")):
        assert run(playbooks, accounts["site"], "site", *arguments).changed == 0


def test_verify_tries_access_and_changes_nothing_else(playbooks: Playbooks, accounts: Accounts) -> None:
    run(playbooks, accounts["verify"], "verify")
    written = {
        (event["objectRef"]["resource"], event["objectRef"].get("name", "")) for event in accounts["verify"].writes()
    }
    guests = {name for resource, name in written if resource == "secrets" and name.startswith("maas-key-maas-verify-")}
    assert len(guests) > 2
    assert written - {("secrets", name) for name in guests} == {
        ("configmaps", "maas-guests"),
        ("leases", "maas-guests"),
        ("leases", "maas-verification"),
    }


def test_verify_says_what_is_otherwise_though_it_may_not_try_the_change(
    cluster: Cluster, modules: Modules, accounts: Accounts
) -> None:
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/maas-gateway/gateways/maas"
    before = cluster.request("GET", path)["spec"]["listeners"]
    work = Work(cluster, modules, accounts["verify"])
    for listeners, changes in (([{**before[0], "port": 8123}], 1), (before, 0)):
        cluster.request("PATCH", path, {"spec": {"listeners": listeners}}, "application/merge-patch+json")
        answer = work.compare()[1]
        assert not answer.get("failed"), answer["msg"]
        # Put back by somebody else it is as wanted, though it is somebody else's: that is no difference.
        assert [(item["object"], item["why"]) for item in answer["changes"]] == [
            (
                "Gateway maas-gateway/maas",
                "somebody changed spec.listeners[0].port (not tried: the login may not change it)",
            )
        ][:changes]


def test_keys_are_made_moved_and_withdrawn(playbooks: Playbooks, accounts: Accounts) -> None:
    done = run(playbooks, accounts["keys"], "keys", maas_users=CHANGED_USERS)
    for text in (
        "alice: key default moves from students to research",
        "dave: loses key default (team research)",
        "erin: gets key default (team students)",
    ):
        assert text in done.text
    assert run(playbooks, accounts["keys"], "keys", maas_users=CHANGED_USERS).changed == 0


def test_the_account_for_keys_can_tell_who_may_do_what(modules: Modules, accounts: Accounts) -> None:
    login = {"kubeconfig": str(accounts["keys"].kubeconfig)}
    told = modules.run("api_keys_info", login)
    assert [entry["user"] for entry in told["api_keys"]] == ["alice", "bob", "carol", "erin"]
    assert modules.run("tier_policies_info", login)["teams"] == {
        "research": "premium",
        "students": "free",
        "visitors": "trial",
    }


@pytest.mark.parametrize(
    "other",
    [
        Request("", "", "secrets", "list", ""),
        Request("default", "", "secrets", "list", ""),
        Request("kuadrant-system", "", "pods", "create", ""),
        Request("maas-system", "", "configmaps", "delete", "maas-gateway"),
        Request("maas-system", "", "configmaps", "patch", "maas-policies"),
        Request("maas-gateway", "kuadrant.io", "authpolicies", "patch", "maas-auth"),
        Request("maas-gateway", "gateway.networking.k8s.io", "gateways", "delete", "maas"),
        Request("maas-models", "serving.kserve.io", "inferenceservices", "create", ""),
        Request("kserve", "", "secrets", "create", ""),
        Request("", "apiextensions.k8s.io", "customresourcedefinitions", "delete", "kuadrants.kuadrant.io"),
        Request("", "rbac.authorization.k8s.io", "clusterrolebindings", "create", ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["keys", "verify"])
def test_what_is_no_business_of_an_account_it_may_not_do(accounts: Accounts, name: str, other: Request) -> None:
    assert not accounts[name].may(other)


@pytest.mark.parametrize(
    "other",
    [
        Request("", "", "secrets", "list", ""),
        Request("", "", "namespaces", "create", ""),
        Request("default", "", "pods", "create", ""),
        Request("", "apiextensions.k8s.io", "customresourcedefinitions", "delete", "widgets.example.com"),
        Request("", "rbac.authorization.k8s.io", "clusterrolebindings", "create", ""),
    ],
    ids=str,
)
def test_the_account_for_all_of_the_platform_may_not_do_everything_either(accounts: Accounts, other: Request) -> None:
    assert not accounts["site"].may(other)
