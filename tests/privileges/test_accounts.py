# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that may do no more than they need: with their rights all works, and each single right is needed.

The tests are the life of one platform, in this order: each goes on where the one before has ended.
"""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from sandbox.paths import Home
from tests.access.deployment import inventory_intent
from tests.failures.playbooks import Playbooks, Run
from tests.module.cluster import Cluster
from tests.module.running import Answer, Modules
from tests.privileges.accounts import NAMESPACES, Account
from tests.privileges.work import USERS, Work
from tools.rbac import Request, Right, missing, needless, read

Accounts = dict[str, Account]
Object = dict[str, Any]

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
_LONGEST_SECONDS = 900.0
# A version of a chart that says something else of every object, as the next one may.
_NEXT = """
import sys, yaml
for obj in yaml.safe_load_all(sys.stdin):
    if obj:
        obj["metadata"].setdefault("annotations", {})["example.com/next"] = sys.argv[0]
        print("---")
        print(yaml.safe_dump(obj))
"""


def run(playbooks: Playbooks, account: Account, verb: str, *arguments: str, **settings: Any) -> Run:
    """Run a playbook as an account; it must end well, and ask for nothing that the account may not do."""
    connection = {"kubeconfig": str(account.kubeconfig)}
    before = len(account.refused())
    done = playbooks.start(verb, *arguments, settings={"maas_connection": connection, **settings}).end(_LONGEST_SECONDS)
    assert done.status == 0, done.said[-3000:]
    assert account.refused()[before:] == []
    return done


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
        done = playbooks.start("site", "--tags", "gateway", settings=settings).end(_LONGEST_SECONDS)
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


def named(right: Right, account: Account) -> str:
    """How the API server says that a right is missing."""
    place = f'in the namespace "{right.namespace}"' if right.namespace else "at the cluster scope"
    asked = f'cannot {right.verb} resource "{right.resource}" in API group "{right.group}" {place}'
    return f'User "{account.user}" {asked}'


def by_chance(right: Right) -> bool:
    """Whether a right is needed only where something takes its time, or another run is at work."""
    return right.verb == "watch" or (right.resource == "leases" and right.verb in ("get", "patch"))


def lacks(work: Work, right: Right, answers: Callable[[], Iterable[Answer]]) -> None:
    """Take a right away; one of the answers then has to name it, and what to do about it."""
    with work.account.lacking(right):
        said = [str(answer["msg"]) for answer in answers() if answer.get("failed")]
    assert any(named(right, work.account) in text and "Ask for that right" in text for text in said), (str(right), said)


def test_without_any_one_of_its_rights_the_account_for_keys_is_told_which(
    cluster: Cluster, modules: Modules, accounts: Accounts
) -> None:
    work = Work(cluster, modules, accounts["keys"])

    def day() -> Iterator[Answer]:
        """Everything that the account does: as long as it goes well, and not on after that."""
        work.leave_guests()
        work.forget_record()
        yield work.change_keys()
        yield work.run("tier_policies_info")
        yield work.run("api_keys_info")
        with work.another_at_work():
            yield work.run("api_keys", intent={**inventory_intent(), "users": []}, wait_timeout=1)

    assert ["Another run changes the set api-keys" in answer.get("msg", "") for answer in day()] == [False] * 3 + [True]
    for right in work.account.rights():
        if not by_chance(right) or right.verb == "get":
            lacks(work, right, lambda: until_failed(day()))
    # What a run leaves that may not give back its locks goes with the next.
    assert not next(day()).get("failed")
    leases = [item["metadata"]["name"] for item in cluster.list("coordination.k8s.io/v1", "Lease", "maas-system")]
    assert leases == []


def until_failed(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yield answers up to the first failure."""
    for answer in answers:
        yield answer
        if answer.get("failed"):
            return


@pytest.mark.parametrize("name", ["site", "verify"])
def test_without_a_right_to_look_around_an_account_is_told_which(
    cluster: Cluster, modules: Modules, accounts: Accounts, name: str
) -> None:
    """One for each kind and place that the survey reads."""
    work = Work(cluster, modules, accounts[name])
    seen = 0
    for right in work.account.rights():
        surveyed = right.resource in ("namespaces", "customresourcedefinitions", "deployments") and not right.namespace
        releases = right.resource == "secrets" and right.namespace in RELEASES
        if right.verb == "list" and (surveyed or releases):
            lacks(work, right, lambda: [work.run("platform_info")])
            seen += 1
    assert seen == 7


def test_without_the_right_to_change_something_an_account_is_told_which(
    cluster: Cluster, modules: Modules, accounts: Accounts
) -> None:
    work = Work(cluster, modules, accounts["site"])
    intent = {**inventory_intent(), "gateway_http_port": 8123}

    def change() -> Answer:
        places = {"istio-system": "istio"}
        return work.run("apply_set", name="gateway", render=["gateway"], intent=intent, operator_namespaces=places)

    for resource, verb in (("gateways", "patch"), ("leases", "create"), ("configmaps", "get")):
        place = "maas-gateway" if resource == "gateways" else "maas-system"
        (right,) = [
            item
            for item in work.account.rights()
            if (item.namespace, item.resource, item.verb) == (place, resource, verb)
        ]
        lacks(work, right, lambda: [change()])


def test_verify_can_look_at_what_is_not_in_the_sets(cluster: Cluster, modules: Modules, accounts: Accounts) -> None:
    """Each object is asked for by its name then, which takes a right of its own."""
    work = Work(cluster, modules, accounts["verify"])
    before = len(work.account.refused())
    with work.disowned():
        answers = work.compare()
    # What may be taken over, since it is offered, would be; whether it can, the login may not try.
    assert [text for text in work.account.refused()[before:] if "dryRun" not in text] == []
    refused = ["exist already and are not ours" in answer.get("msg", "") for answer in answers]
    assert refused == [True, True, True, False, True, True]
    assert {change["action"] for change in answers[3]["changes"]} == {"adopted"}
    grace = {**inventory_intent(), "users": [*USERS[0], {"name": "grace", "team": "research"}]}
    told = work.run("api_keys", True, intent=grace)
    assert "grace: gets key default (team research)" in told["effects"], told


def test_remove_takes_away_what_is_ours(playbooks: Playbooks, accounts: Accounts) -> None:
    assert run(playbooks, accounts["site"], "remove").changed > 0
    assert run(playbooks, accounts["site"], "remove", maas_remove_shared=True).changed > 0


def test_nothing_is_left_but_the_namespaces_as_they_were(cluster: Cluster) -> None:
    spaces = {item["metadata"]["name"]: item["metadata"] for item in cluster.list("v1", "Namespace")}
    for obj in read([NAMESPACES]):
        metadata = spaces[obj["metadata"]["name"]]
        assert PART_OF_LABEL not in metadata["labels"]
        assert metadata["annotations"] == {"maas-billing.platform/offered": "true"}
    assert cluster.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", selector=PART_OF_LABEL) == []


@pytest.mark.parametrize("name", ["site", "verify", "keys"])
def test_every_single_right_was_needed(accounts: Accounts, name: str) -> None:
    """And none that is not granted was used."""
    rights, asked = accounts[name].rights(), accounts[name].asked()
    assert missing(asked, rights) == []
    assert [str(right) for right in needless(asked, rights) if not by_chance(right)] == []
