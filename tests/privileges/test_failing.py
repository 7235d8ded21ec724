# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that fail, and other ways to log in: an account is told as much as an administrator, and is nobody else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.paths import Home
from tests.failures.scene import told
from tests.module.cluster import Cluster, Tail
from tests.playbooks import Playbooks
from tests.privileges.accounts import Account
from tests.privileges.work import LONGEST_SECONDS, run
from tests.sandboxes import Sandbox

Accounts = dict[str, Account]
Object = dict[str, Any]

PATIENCE = 4
NOWHERE = "registry.unreachable.invalid/image"
PULL = "likely cure: Let the nodes reach the registry of that image"
QUOTAS = "/api/v1/namespaces/kuadrant-system/resourcequotas"
FULL: Object = {"metadata": {"name": "full"}, "spec": {"hard": {"pods": "1"}}}


def fails(playbooks: Playbooks, account: Account, role: str, settings: Object, *says: str) -> None:
    """Run a part of ``site`` as an account; it must fail, say all of that, and ask for nothing it may not do."""
    given = {"maas_connection": {"kubeconfig": str(account.kubeconfig)}, "maas_wait_timeout": PATIENCE, **settings}
    with account.from_now_on() as later:
        done = playbooks.start("site", "--tags", role, settings=given).end(LONGEST_SECONDS)
        refused = later.refused()
    assert done.status != 0
    assert [text for text in says if text not in told(done)] == [], told(done)
    assert refused == []


def test_an_account_is_told_why_a_model_does_not_run(playbooks: Playbooks, accounts: Accounts) -> None:
    said = f'container kserve-container: ImagePullBackOff: Back-off pulling image "{NOWHERE}:1"'
    settings = {"maas_simulator_image": f"{NOWHERE}:1"}
    fails(playbooks, accounts["site"], "simulator", settings, "Pod simulator-predictor-", said, PULL)


def test_an_account_is_told_why_an_operator_does_not_run(playbooks: Playbooks, accounts: Accounts) -> None:
    said = f'container cert-manager-controller: ImagePullBackOff: Back-off pulling image "{NOWHERE}'
    settings = {"prerequisites_cert_manager_values": {"image": {"repository": NOWHERE}}}
    fails(playbooks, accounts["site"], "prerequisites", settings, "Pod cert-manager-", said, PULL)


def test_an_account_that_may_not_look_is_told_where_the_cause_may_be(playbooks: Playbooks, accounts: Accounts) -> None:
    account = accounts["site"]
    (right,) = [item for item in account.rights() if (item.namespace, item.resource) == ("cert-manager", "pods")]
    settings = {
        "maas_connection": {"kubeconfig": str(account.kubeconfig)},
        "maas_wait_timeout": PATIENCE,
        "prerequisites_cert_manager_values": {"image": {"repository": f"{NOWHERE}-other"}},
    }
    with account.lacking(right):
        done = playbooks.start("site", "--tags", "prerequisites", settings=settings).end(LONGEST_SECONDS)
    assert "Pods in cert-manager could not be read: the login may not list them" in told(done)
    assert "ImagePullBackOff" not in told(done)


def test_an_account_is_told_that_a_quota_is_used_up(
    home: Home, cluster: Cluster, playbooks: Playbooks, accounts: Accounts
) -> None:
    says = ("exceeded quota: full, requested: pods=1", "likely cure: Raise that ResourceQuota")
    with Sandbox(home, cluster).there(QUOTAS, FULL):
        fails(playbooks, accounts["site"], "kuadrant", {"kuadrant_auth_timeout": "400ms"}, *says)


def test_an_account_is_told_why_a_gateway_does_not_come(playbooks: Playbooks, accounts: Accounts) -> None:
    """It looks at the gateway's own pods and at those of Istio."""
    says = ("Gateway maas-gateway/maas", "the pods of its operator, Istio, run")
    fails(playbooks, accounts["site"], "gateway", {"maas_gateway_class": "nobodys"}, *says)


def test_all_of_it_is_mended_by_the_next_run(playbooks: Playbooks, accounts: Accounts) -> None:
    assert run(playbooks, accounts["site"], "site").changed > 0
    assert run(playbooks, accounts["site"], "site").changed == 0


def by_connection(account: Account, connection: Object, administrator: Path, _folder: Path) -> tuple[Object, Object]:
    """``maas_connection`` names host and token; $KUBECONFIG is somebody else's."""
    return connection, {"KUBECONFIG": str(administrator)}


def by_environment(account: Account, connection: Object, administrator: Path, folder: Path) -> tuple[Object, Object]:
    """As a credential of AAP does; ~/.kube/config is somebody else's."""
    names = {"host": "K8S_AUTH_HOST", "api_key": "K8S_AUTH_API_KEY", "ca_cert": "K8S_AUTH_SSL_CA_CERT"}
    return {}, {**{names[name]: value for name, value in connection.items()}, **_home(administrator, folder)}


def by_own_kubeconfig(account: Account, connection: Object, administrator: Path, folder: Path) -> tuple[Object, Object]:
    """Nothing names a host: ~/.kube/config counts, as an empty $KUBECONFIG says."""
    return {}, {"KUBECONFIG": "", **_home(account.kubeconfig, folder)}


def _home(kubeconfig: Path, folder: Path) -> Object:
    (folder / ".kube").mkdir()
    shutil.copy(kubeconfig, folder / ".kube" / "config")
    return {"HOME": str(folder)}


@pytest.mark.parametrize("way", [by_connection, by_environment, by_own_kubeconfig])
def test_whoever_logs_in_is_nobody_else_for_helm(
    home: Home, cluster: Cluster, playbooks: Playbooks, accounts: Accounts, tmp_path: Path, way: Any
) -> None:
    account = accounts["site"]
    authority = tmp_path / "ca.crt"
    authority.write_text(cluster.authority, encoding="utf-8")
    (user,) = yaml.safe_load(account.kubeconfig.read_text(encoding="utf-8"))["users"]
    known = {"host": cluster.server, "api_key": user["user"]["token"], "ca_cert": str(authority)}
    connection, environ = way(account, known, home.kubeconfig, tmp_path)
    values = {"prerequisites_cert_manager_values": {"example": way.__name__}}
    with Tail(cluster.audit_log) as log, account.from_now_on() as later:
        environ = {"XDG_STATE_HOME": str(home.root.parents[1]), **environ}
        started = playbooks.start(
            "site", "--tags", "prerequisites", settings={"maas_connection": connection, **values}, **environ
        )
        done = started.end(LONGEST_SECONDS)
        releases = [event for event in later.writes() if event["objectRef"]["resource"] == "secrets"]
        events = [json.loads(line) for line in log.lines()]
    assert done.status == 0, done.said[-3000:]
    assert done.changed > 0
    assert {event["userAgent"].partition("/")[0] for event in releases} == {"Helm"}
    assert {event["user"]["username"] for event in events if event["userAgent"].startswith("Helm/")} == {account.user}
    # The tests themselves work as somebody else.
    asked = [event for event in events if event["user"]["username"] == cluster.user]
    assert [event["requestURI"] for event in asked if "impersonatedUser" not in event] == []
