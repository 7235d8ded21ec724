# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One sandbox (``make access`` starts it) with the platform of the sandbox inventory, for all tests of this folder.

It is installed once, by its playbook, and removed by the last test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.paths import Home
from tests.access.clients import Clients
from tests.access.deployment import Object, Site, inventory_intent
from tests.access.playbooks import Playbooks
from tests.access.watching import Keys, Processes
from tests.module.cluster import Cluster
from tests.module.running import Modules
from tests.sandboxes import cluster as cluster
from tests.sandboxes import home as home

_LAST = "test_canary.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back on everything, and removes the platform, comes last."""
    items.sort(key=lambda item: item.path.name == _LAST)


@pytest.fixture(scope="session")
def values(cluster: Cluster) -> Iterator[Keys]:
    """Every key that there ever was, from before the installation to the end."""
    keys = Keys(cluster)
    with keys.watched():
        yield keys


@pytest.fixture(scope="session")
def playbooks(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    """Runs playbooks, and keeps what they say."""
    return Playbooks(home, tmp_path_factory.mktemp("said"), Processes())


@pytest.fixture(scope="session")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder that modules find; their answers lie in it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def site(home: Home, cluster: Cluster, playbooks: Playbooks, module_home: Path, values: Keys) -> Iterator[Site]:
    """The platform, installed by its playbook while ``values`` are noted."""
    assert not values.values
    run = playbooks.run("site", remember=True)
    assert run.status == 0, run.said[-3000:]
    modules = Modules(cluster.kubeconfig, module_home)
    yield Site(home, cluster, modules)
    modules.close()


@pytest.fixture(scope="session")
def intent() -> Object:
    """What the sandbox inventory says."""
    return inventory_intent()


@pytest.fixture(scope="session")
def clients(site: Site) -> Clients:
    """The gateway, at the address of its status."""
    gateway = site.read("/apis/gateway.networking.k8s.io/v1/namespaces/maas-gateway/gateways/maas")
    return Clients(gateway["status"]["addresses"][0]["value"], gateway["spec"]["listeners"][0]["port"])
