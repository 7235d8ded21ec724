# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox (``make privileges`` starts it) whose platform is installed, verified and removed by accounts for that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.paths import Home
from tests.module.cluster import Cluster, Tail
from tests.module.running import Modules
from tests.playbooks import Playbooks
from tests.privileges.accounts import Account, prepared
from tests.sandboxes import cluster as cluster
from tests.sandboxes import home as home


@pytest.fixture(scope="session")
def accounts(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Account]]:
    """The accounts ``site``, ``verify`` and ``keys``, of whose requests all are noted."""
    with Tail(cluster.audit_log) as log:
        yield prepared(cluster, log, tmp_path_factory.mktemp("accounts"))


@pytest.fixture(scope="session")
def playbooks(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    """Runs playbooks, and keeps what they say."""
    return Playbooks(home, tmp_path_factory.mktemp("said"))


@pytest.fixture(scope="session")
def modules(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """Runs single modules; the kubeconfig is that of the account in question."""
    modules = Modules(cluster.kubeconfig, tmp_path_factory.mktemp("home"))
    yield modules
    modules.close()
