# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox (``make failures`` starts it) that goes wrong in one way after the other.

Each test leaves behind what the next one may find: any state that `site` can begin from.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.paths import Home
from tests.failures.scene import Scene
from tests.failures.table import Table
from tests.module.cluster import Cluster
from tests.module.running import CHECKOUT
from tests.playbooks import Playbooks
from tests.sandboxes import cluster as cluster
from tests.sandboxes import home as home

_TABLE = CHECKOUT / "build" / "failures.md"
_KEPT = pytest.StashKey[Table]()


@pytest.fixture(scope="session")
def playbooks(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    """Runs playbooks, and keeps what they say."""
    return Playbooks(home, tmp_path_factory.mktemp("said"))


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Iterator[Table]:
    """The failures so far; written to ``build/failures.md`` at the end."""
    found = pytestconfig.stash.setdefault(_KEPT, Table())
    yield found
    found.write(_TABLE)


@pytest.fixture(scope="session")
def scene(home: Home, cluster: Cluster, playbooks: Playbooks, table: Table) -> Scene:
    """The platform as the inventory says, on which things go wrong."""
    run = playbooks.start("site").end(900)
    assert run.status == 0, run.said[-3000:]
    return Scene(home, cluster, playbooks, table)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the table."""
    found = config.stash.get(_KEPT, None)
    if found is not None:
        terminalreporter.write_line(found.text())
