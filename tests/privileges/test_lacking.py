# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What accounts are told that lack one of their rights; the platform is that of the tests before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.access.deployment import inventory_intent
from tests.module.cluster import Cluster
from tests.module.running import Answer, Modules
from tests.privileges.accounts import Account
from tests.privileges.lacking import by_chance, lacks, needed, refused_without, until_failed
from tests.privileges.work import USERS, Work

Accounts = dict[str, Account]

# Charts bring them, and Helm alone updates; a module brings the definitions of the Gateway API.
IN_CHARTS = {
    "certificates",
    "customresourcedefinitions",
    "deployments",
    "issuers",
    "poddisruptionbudgets",
    "replicasets",
    "serviceaccounts",
    "services",
    "validatingwebhookconfigurations",
}
OPERATORS = ("cert-manager", "istio-system", "kserve", "kuadrant-system")


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


@pytest.mark.parametrize("name", ["site", "verify"])
def test_without_a_right_to_look_around_an_account_is_told_which(
    cluster: Cluster, modules: Modules, accounts: Accounts, name: str
) -> None:
    """One for each kind and place that the survey reads."""
    work = Work(cluster, modules, accounts[name])
    seen = 0
    for right in work.account.rights():
        surveyed = right.resource in ("namespaces", "customresourcedefinitions", "deployments") and not right.namespace
        releases = right.resource == "secrets" and right.namespace in OPERATORS
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


def test_without_any_one_of_its_rights_verify_is_refused_it(
    cluster: Cluster, modules: Modules, accounts: Accounts
) -> None:
    work = Work(cluster, modules, accounts["verify"])
    left = [right for right in work.account.rights() if not by_chance(right)]
    # What is not in our sets is asked for by its name, which takes rights of its own.
    for seen in (nullcontext(), work.disowned()):
        with seen:
            parts = work.verify()
            for right, names in needed(work.account, parts).items():
                if right in left:
                    assert refused_without(work.account, right, parts[names[0]]), str(right)
                    left.remove(right)
    assert left == []
    work.forget_guests()


def test_without_a_right_to_change_the_platform_site_is_refused_it(
    cluster: Cluster, modules: Modules, accounts: Accounts
) -> None:
    """One for each resource and verb that these parts use; what others use is seen in the audit log alone."""
    work = Work(cluster, modules, accounts["site"])
    parts = work.site()
    # The first time they also let go of a namespace that they do not take anew.
    needed(work.account, parts)
    shown: set[tuple[str, str, str]] = set()
    for right, names in needed(work.account, parts).items():
        kind = (right.group, right.resource, right.verb)
        if kind not in shown and not by_chance(right):
            assert refused_without(work.account, right, parts[names[0]]), str(right)
            shown.add(kind)
    rights = [right for right in work.account.rights() if not by_chance(right)]
    left = {(right.resource, right.verb) for right in rights if (right.group, right.resource, right.verb) not in shown}
    assert {(resource, verb) for resource, verb in left if resource not in IN_CHARTS and verb != "update"} == {
        ("gatewayclasses", "delete"),
        ("gatewayclasses", "list"),
        ("leases", "list"),
        ("pods", "list"),
    }
