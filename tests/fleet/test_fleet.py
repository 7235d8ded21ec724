# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several clusters at once: each gets what its own variables say, with its own login, whatever becomes of the others.

The inventory is ``inventories/fleet``; ``make fleet`` starts its two sandboxes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.paths import Home, state_root
from tests.access.clients import Clients
from tests.module.cluster import Cluster as Server
from tests.module.cluster import Tail
from tests.module.objects import namespace
from tests.module.running import CHECKOUT
from tests.sandboxes import delivered, environment

Object = dict[str, Any]

# The sandbox that was started last is the second one of the fleet.
FLEET = os.environ.get("MAAS_SANDBOX", "maas-fleet-bergen").removesuffix("-bergen")
OSLO, BERGEN = "oslo", "bergen"
_SECONDS = 300
OPERATOR = "platform-engineer"
# The control plane and the stand-ins of a sandbox have users of their own.
_PARTS = ("kwok-admin", "system:apiserver", "maas-sandbox:")
LOGINS = "fleet-logins"
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Run:
    """What a playbook said of each host: the counts of its recap, and the words of the tasks that failed."""

    counts: dict[str, dict[str, int]]
    failures: dict[str, list[str]]


@dataclass(frozen=True)
class Request:
    """A request that a server has answered, as its audit log tells; the user is empty when it knew none."""

    user: str
    reads: bool
    begin: datetime
    end: datetime

    @classmethod
    def of(cls, event: Object) -> Request:
        times = (datetime.fromisoformat(event[name]) for name in ("requestReceivedTimestamp", "stageTimestamp"))
        return cls(event["user"].get("username", ""), event["verb"] in ("get", "list", "watch"), *times)

    def meets(self, other: Request) -> bool:
        """Say whether both were under way at one moment."""
        return self.begin < other.end and other.begin < self.end


@dataclass(frozen=True)
class Cluster:
    """One cluster of the fleet, as its clients and its operator see it."""

    home: Home
    name: str

    def objects(self, *what: str) -> list[Object]:
        command = [self.home.bin / "kubectl", "--kubeconfig", self.home.kubeconfig, "get", *what, "-A", "-o", "json"]
        found: list[Object] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["items"]
        return found

    def look(self, model: str, key: str) -> int:
        """Return the status that this cluster answers for a model under its own domain."""
        (gateway,) = self.objects("gateways.gateway.networking.k8s.io")
        clients = Clients(gateway["status"]["addresses"][0]["value"], gateway["spec"]["listeners"][0]["port"])
        return clients.look(key, f"{model}.{self.name}")

    @property
    def server(self) -> Server:
        """The API server, used by somebody else."""
        return Server(self.home.kubeconfig, self.home.logs / "audit.log", self.home.bundle)

    def requests(self, log: Tail | None = None) -> list[Request]:
        """Return what the server was asked, since a log was opened or ever, by others than its own parts and us."""
        lines = log.lines() if log else (self.home.logs / "audit.log").read_bytes().splitlines()
        events = [event for event in map(json.loads, lines) if "impersonatedUser" not in event]
        found = [Request.of(event) for event in events]
        return [request for request in found if not request.user.startswith(_PARTS)]

    def writes(self) -> int:
        """Return how many requests other than reads the server has answered to the operator so far."""
        return sum(request.user == OPERATOR and not request.reads for request in self.requests())

    @contextmanager
    def account(self, authority: Path) -> Iterator[Object]:
        """Keep an account that may do everything; yield the ``maas_connection`` by a token of it."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": self.name, "namespace": LOGINS}}
        binding = {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": LOGINS},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": LOGINS}],
        }
        server = self.server
        for obj in (namespace(LOGINS), account, binding):
            server.create(obj)
        authority.write_text(server.authority, encoding="ascii")
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = f"/api/v1/namespaces/{LOGINS}/serviceaccounts/{self.name}/token"
        token = server.request("POST", path, asked)["status"]["token"]
        try:
            yield {"host": server.server, "api_key": token, "ca_cert": str(authority)}
        finally:
            server.delete(binding)
            server.delete(namespace(LOGINS))


def cluster(name: str) -> Cluster:
    return Cluster(Home.of(f"{FLEET}-{name}"), name)


def site(folder: Path, *arguments: str, **connections: Object) -> Run:
    """Run `site` on the fleet, with a home folder of its own.

    :param connections: the ``maas_connection`` of a host, in place of that of the inventory.
    """
    more = folder / "more.yml"
    hosts = {name: {"maas_connection": connection} for name, connection in connections.items()}
    more.write_text(yaml.safe_dump({"maas_clusters": {"hosts": hosts}}), encoding="utf-8")
    inventories = ["-i", str(CHECKOUT / "inventories/fleet"), "-i", str(more)]
    done = subprocess.run(
        ["ansible-playbook", "--forks", "2", *inventories, *arguments, "maas_billing.platform.site"],
        cwd=CHECKOUT,
        env=environment(
            FLEET,
            ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
            HOME=str(folder),
            XDG_STATE_HOME=str(state_root().parent),
        ),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    said = json.loads(done.stdout)
    failures: dict[str, list[str]] = {}
    for play in said["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                if result.get("failed"):
                    words = [item["msg"] for item in result.get("results", [result]) if item.get("failed")]
                    failures.setdefault(host, []).extend(words)
    counts = {host: stats for host, stats in said["stats"].items() if host != "localhost"}
    assert (done.returncode == 0) == (not failures), done.stderr
    return Run(counts, failures)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Request]]:
    """Install the fleet by one run; return what each cluster was asked."""
    fleet = (cluster(OSLO), cluster(BERGEN))
    with Tail(fleet[0].server.audit_log) as oslo, Tail(fleet[1].server.audit_log) as bergen:
        run = site(tmp_path_factory.mktemp("fleet"))
        assert run.failures == {}
        assert set(run.counts) == {OSLO, BERGEN}
        return {found.name: found.requests(log) for found, log in zip(fleet, (oslo, bergen), strict=True)}


@pytest.fixture(scope="module")
def both(installation: dict[str, list[Request]]) -> tuple[Cluster, Cluster]:
    """The fleet, installed."""
    return cluster(OSLO), cluster(BERGEN)


def test_both_are_worked_on_at_the_same_time(installation: dict[str, list[Request]]) -> None:
    """Were it one after the other, task by task, then no write of one would meet a write of the other."""
    oslo, bergen = (
        [request for request in installation[name] if request.user == OPERATOR and not request.reads]
        for name in (OSLO, BERGEN)
    )
    begin, end = max(oslo[0].begin, bergen[0].begin), min(oslo[-1].end, bergen[-1].end)
    longest = max(oslo[-1].end, bergen[-1].end) - min(oslo[0].begin, bergen[0].begin)
    assert end - begin > longest / 2
    assert any(here.meets(there) for here in oslo for there in bergen)


def test_each_cluster_has_what_its_own_variables_say(both: tuple[Cluster, Cluster]) -> None:
    hostnames = {
        found.name: sorted(name for route in found.objects("httproutes") for name in route["spec"]["hostnames"])
        for found in both
    }
    assert hostnames == {
        OSLO: ["simulator.oslo.maas.local"],
        BERGEN: ["echo.bergen.maas.local", "simulator.bergen.maas.local"],
    }
    assert [sorted(delivered(found.home)) for found in both] == [["alice", "carol"], ["alice", "carol", "erin"]]


def test_a_key_of_one_cluster_opens_no_other(both: tuple[Cluster, Cluster]) -> None:
    oslo, bergen = both
    for here, there in ((oslo, bergen), (bergen, oslo)):
        key = delivered(here.home)["carol"]
        assert here.look("simulator", key) == 200
        assert there.look("simulator", key) == 401


def test_one_that_cannot_be_reached_keeps_no_other_from_its_end(both: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    run = site(tmp_path, bergen={"host": "https://127.0.0.1:1", "api_key": "none"})
    assert list(run.failures) == [BERGEN]
    assert "https://127.0.0.1:1" in run.failures[BERGEN][0]
    assert run.counts[OSLO]["failures"] == run.counts[OSLO]["unreachable"] == run.counts[OSLO]["changed"] == 0
    assert run.counts[OSLO]["ok"] > run.counts[BERGEN]["ok"]


def test_two_hosts_that_are_one_cluster_are_refused_by_name(both: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    oslo, _bergen = both
    copied = tmp_path / "kubeconfig"
    copied.write_bytes(oslo.home.kubeconfig.read_bytes())
    before = oslo.writes()
    run = site(tmp_path, bergen={"kubeconfig": str(copied)})
    assert set(run.failures) == {OSLO, BERGEN}
    for (said,) in run.failures.values():
        assert said.startswith("The hosts bergen and oslo of the inventory lead to the same cluster.")
    assert oslo.writes() == before


@pytest.mark.parametrize(
    ("variable", "arguments"),
    [("maas_connection", []), ("maas_keys_file", ["-e", "maas_keys_file=/tmp/keys"])],
)
def test_what_two_clusters_would_overwrite_is_refused_even_for_one_alone(
    both: tuple[Cluster, Cluster], tmp_path: Path, variable: str, arguments: list[str]
) -> None:
    oslo, bergen = both
    before = bergen.writes() + oslo.writes()
    same = oslo if variable == "maas_connection" else bergen
    run = site(tmp_path, *arguments, "--limit", BERGEN, bergen={"kubeconfig": str(same.home.kubeconfig)})
    assert list(run.failures) == [BERGEN]
    assert f"bergen and another of oslo have the same {variable}." in str(run.failures[BERGEN])
    assert bergen.writes() + oslo.writes() == before


def test_a_limit_that_leaves_no_cluster_is_no_success(both: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    run = site(tmp_path, "--limit", OSLO, "-e", "maas_target=staging")
    assert "Of the hosts of this run, oslo, none is in staging." in str(run.failures[OSLO])


@pytest.mark.parametrize("limit", [[], ["--limit", BERGEN]])
def test_one_that_does_not_say_how_it_is_reached_is_not_guessed(
    both: tuple[Cluster, Cluster], tmp_path: Path, limit: list[str]
) -> None:
    """A kubeconfig of the user would do, were there but one cluster."""
    run = site(tmp_path, "--tags", "none", *limit, bergen={})
    assert list(run.failures) == [BERGEN]
    (said,) = run.failures[BERGEN]
    assert said.startswith("The inventory has other clusters too, oslo, and does not say how bergen is reached.")


def test_each_is_reached_by_its_own_token_alone(both: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    """Whatever kubeconfig a user has; modules and Helm have something to do."""
    oslo, bergen = both
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_bytes(oslo.home.kubeconfig.read_bytes())
    values = {"pilot": {"podLabels": {"moved": "token"}}}
    more = json.dumps({"maas_gateway_http_port": 8001, "gateway_istiod_values": values})
    with (
        oslo.account(tmp_path / "oslo.pem") as at_oslo,
        bergen.account(tmp_path / "bergen.pem") as at_bergen,
        Tail(oslo.server.audit_log) as oslos,
        Tail(bergen.server.audit_log) as bergens,
    ):
        run = site(tmp_path, "-e", more, oslo=at_oslo, bergen=at_bergen)
        asked = {OSLO: oslo.requests(oslos), BERGEN: bergen.requests(bergens)}
    assert run.failures == {}
    for name, requests in asked.items():
        assert {request.user for request in requests} == {f"system:serviceaccount:{LOGINS}:{name}"}
        assert run.counts[name]["changed"] >= 2
        assert sum(not request.reads for request in requests) > 10
