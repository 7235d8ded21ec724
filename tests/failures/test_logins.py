# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login that ends in the middle of `site`: told with its cure and without the token; a fresh one goes on."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sandbox.paths import Home
from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.module.objects import namespace, secret
from tests.playbooks import Playbooks, Run

Object = dict[str, Any]

PLACE = "tests-logins"
BOUND_TO = "session"
REFUSED = "does not accept the login: the token or certificate is wrong or has expired. Log in again"
CURES = ("maas_connection", "K8S_AUTH_API_KEY")
_BOUND_SECONDS = 180.0


@dataclass(frozen=True)
class Logins:
    """Tokens of an account that may do everything. Each counts as long as the Secret exists that it is bound to, and
    some seconds longer, as the API server remembers."""

    cluster: Cluster
    authority: Path

    def new(self) -> str:
        """Return a token."""
        self.cluster.delete(secret(PLACE, BOUND_TO))
        bound = self.cluster.create(secret(PLACE, BOUND_TO))
        reference = {"kind": "Secret", "apiVersion": "v1", "name": BOUND_TO, "uid": bound["metadata"]["uid"]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": reference}}
        path = f"/api/v1/namespaces/{PLACE}/serviceaccounts/worker/token"
        return str(self.cluster.request("POST", path, body)["status"]["token"])

    def end(self, token: str) -> None:
        """End the token, as time does, and return when the server refuses it."""
        self.cluster.delete(secret(PLACE, BOUND_TO))
        self.cluster.wait_for(lambda: self._status(token) == 401, "the token is refused", 90)

    def settings(self, token: str) -> Object:
        """The variables by which a playbook uses it."""
        return {
            "maas_connection": {"host": self.cluster.server, "api_key": token, "ca_cert": str(self.authority)},
        }

    def _status(self, token: str) -> int:
        time.sleep(0.5)
        pool = urllib3.PoolManager(ca_certs=str(self.authority))
        answer = pool.request("GET", f"{self.cluster.server}/version", headers={"Authorization": f"Bearer {token}"})
        return int(answer.status)


@pytest.fixture(scope="module")
def logins(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logins]:
    """An account for these tests."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "worker", "namespace": PLACE}}
    rbac = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": PLACE},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": PLACE}],
    }
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_text(cluster.authority, encoding="ascii")
    for obj in (namespace(PLACE), account, binding):
        cluster.create(obj)
    yield Logins(cluster, authority)
    cluster.delete(binding)
    cluster.delete(namespace(PLACE))


@pytest.fixture(scope="module", autouse=True)
def _installed(playbooks: Playbooks) -> None:
    """The platform, complete."""
    playbooks.repaired()


def test_a_login_that_ends_between_two_tasks_is_told(logins: Logins, playbooks: Playbooks, table: Table) -> None:
    token = logins.new()
    run = playbooks.start("site", settings=logins.settings(token))
    run.until("Keep the instance of Kuadrant")
    with run.halted():
        logins.end(token)
    ended = run.end()
    _told(ended, token)
    _completed(logins, playbooks)
    table.add("token expires in the middle of site", ended, REFUSED, _BOUND_SECONDS, "with a fresh token changed=0")


def test_a_login_that_ends_before_helm_is_told_by_more_than_helm(
    home: Home, logins: Logins, playbooks: Playbooks, table: Table, tmp_path: Path
) -> None:
    """Helm's own words name neither the cluster nor what to do."""
    token = logins.new()
    helm = Waiting(tmp_path, home.bin / "helm")
    run = playbooks.start("site", settings={**logins.settings(token), "maas_helm_binary": str(helm.program)})
    helm.asked(logins.cluster)
    logins.end(token)
    helm.go_on()
    ended = run.end()
    _told(ended, token)
    _completed(logins, playbooks)
    table.add("token expires before Helm", ended, REFUSED, _BOUND_SECONDS, "with a fresh token changed=0")


class Waiting:
    """A Helm that waits at its first real work until it is told to go on."""

    def __init__(self, folder: Path, helm: Path) -> None:
        self.program = folder / "helm"
        self._came, self._go = folder / "came", folder / "go"
        self.program.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *version*) ;; *) touch {self._came}; while [ ! -e {self._go} ]; do sleep 0.2; done ;; esac\n'
            f'exec {helm} "$@"\n',
            encoding="utf-8",
        )
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def asked(self, cluster: Cluster) -> None:
        """Wait until it is called."""
        cluster.wait_for(self._came.exists, "Helm is called", 120)

    def go_on(self) -> None:
        """Let it work, now and from now on."""
        self._go.touch()


def _told(ended: Run, token: str) -> None:
    """See that the run ended with the cure, and that nobody who reads it can log in."""
    assert ended.status != 0
    assert REFUSED in ended.text, ended.said[-3000:]
    for cure in CURES:
        assert cure in ended.text
    assert "Traceback" not in ended.said
    assert token not in ended.said
    assert json.dumps(token)[1:40] not in ended.said


def _completed(logins: Logins, playbooks: Playbooks) -> None:
    """See that a run with a fresh login completes, and that there was nothing left to do."""
    again = playbooks.run("site", settings=logins.settings(logins.new()))
    assert (again.status, again.changed) == (0, 0), again.said[-3000:]
