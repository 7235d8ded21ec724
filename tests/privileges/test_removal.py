# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the platform, and the sum: all of the tests before are in the audit log."""

from __future__ import annotations

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from tests.module.cluster import Cluster
from tests.playbooks import Playbooks
from tests.privileges.accounts import NAMESPACES, Account
from tests.privileges.lacking import by_chance
from tests.privileges.work import run
from tools.rbac import missing, needless, read

Accounts = dict[str, Account]


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
