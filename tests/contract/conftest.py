# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both definitions of each kind in the cluster that ``MAAS_SANDBOX`` names, what is rendered, and the count at the end.

The full definitions are in the folder that ``MAAS_UPSTREAM_CRDS`` names; if it names none, in
``../shared/upstream/crds`` beside the checkout. Without them the tests try our definitions alone, and say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform
from tests.contract import rendering
from tests.contract.definitions import Object
from tests.contract.rules import KINDS
from tests.contract.served import BUNDLE, FULL, SIDES, UPSTREAM, Served, in_the_bundle, of_upstream, served
from tests.module.cluster import Cluster
from tests.module.conftest import cluster as cluster  # the cluster that MAAS_SANDBOX names

NOT_COMPARED = f"NOT COMPARED with the full definitions: there is no folder {UPSTREAM}; set MAAS_UPSTREAM_CRDS"


@dataclass
class Tally:
    """What was compared in this run."""

    kinds: set[str] = field(default_factory=set)
    objects: dict[str, set[str]] = field(default_factory=lambda: {side: set() for side in SIDES})
    rules: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: {side: set() for side in SIDES})
    in_cel: int = 0
    known: set[str] = field(default_factory=set)
    differences: int = 0

    def summary(self) -> Iterator[str]:
        """Yield what both sides agree on, line by line."""
        counts = Counter(rule.rpartition(": ")[2].split()[0] for _, rule in set.intersection(*self.rules.values()))
        counts["CEL"] = self.in_cel
        words = ", ".join(f"{count} {rule}" for rule, count in counts.most_common())
        yield f"kinds:       {len(self.kinds)}, each by two definitions"
        yield f"objects:     {len(set.intersection(*self.objects.values()))} different ones, accepted by both"
        yield f"rules:       {counts.total()}, each broken by an object that both refuse ({words})"
        yield f"differences: {self.differences}"
        yield from (f"             known: {line}" for line in sorted(self.known))


_TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Tally()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was compared, and loudly when nothing was."""
    tally = config.stash[_TALLY]
    if not UPSTREAM.is_dir():
        terminalreporter.section("NOT COMPARED", sep="!", red=True, bold=True)
        terminalreporter.line(NOT_COMPARED)
        return
    terminalreporter.section("held against the full definitions of upstream")
    for line in tally.summary():
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    """What is counted."""
    return request.config.stash[_TALLY]


@pytest.fixture(scope="session")
def upstream() -> dict[str, Object]:
    """The full definition of each kind."""
    if not UPSTREAM.is_dir():
        pytest.skip(NOT_COMPARED)
    return full()


@pytest.fixture(scope="session")
def ours() -> dict[str, Object]:
    """The definition of each kind with which the sandbox works."""
    found = in_the_bundle()
    return {name: found[kind.definition] for name, kind in KINDS.items()}


@pytest.fixture(scope="session")
def sides(cluster: Cluster, ours: dict[str, Object]) -> Iterator[dict[str, Served]]:
    """The definitions of all kinds, served: ours, and the full ones where these are at hand."""
    api = Api(configuration({"kubeconfig": str(cluster.kubeconfig)}, {}), "contract")
    versions = {name: kind.version for name, kind in KINDS.items()}
    given = {BUNDLE: ours, **({FULL: full()} if UPSTREAM.is_dir() else {})}
    yield from served(cluster, api, versions, given)


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, sides: dict[str, Served]) -> Served:
    """One of both."""
    if request.param not in sides:
        pytest.skip(NOT_COMPARED)
    return sides[request.param]


@pytest.fixture(scope="session")
def demanding(ours: dict[str, Object]) -> dict[str, Object]:
    """The definitions whose rules are broken: the full ones; without them ours, which have the same rules."""
    return full() if UPSTREAM.is_dir() else ours


@cache
def full() -> dict[str, Object]:
    """Return the full definition of each kind."""
    found = {folder: of_upstream(folder) for folder in {kind.folder for kind in KINDS.values()}}
    return {name: found[kind.folder][kind.definition] for name, kind in KINDS.items()}


@pytest.fixture(scope="session")
def platforms() -> list[Platform]:
    """Platforms that together use every option."""
    return rendering.platforms()


@pytest.fixture(scope="session")
def rendered(platforms: list[Platform]) -> dict[str, list[Object]]:
    """All different objects that follow from these platforms, and all others that we send, by kind."""
    return rendering.rendered(platforms)
