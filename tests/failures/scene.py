# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One failure after the other on an installed platform: caused, told, taken away, mended."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.failures.table import Table
from tests.module.cluster import content
from tests.playbooks import Playbooks, Run
from tests.sandboxes import Sandbox

Object = dict[str, Any]

# What a run may take beside its waits: some seconds, and what runs take that have next to nothing to do.
_SECONDS = 15.0
_RUNS = 2.0
MENDED = "site 0, then changed=0"
# Those of the inventory, to which tests add others.
MODELS = [
    {"name": "simulator", "server": "simulator", "allow_unmetered_streams": True},
    {"name": "echo", "server": "simulator", "allow_unmetered_streams": True, "simulator": {"mode": "echo"}},
]
HOLD = "example.org/hold"
# A part of each role; a failure in one of them has to leave the others alone.
_LANDMARKS = {
    "prerequisites": "/apis/apps/v1/namespaces/cert-manager/deployments/cert-manager",
    "gateway": "/apis/gateway.networking.k8s.io/v1/namespaces/maas-gateway/gateways/maas",
    "kuadrant": "/apis/kuadrant.io/v1/namespaces/maas-gateway/authpolicies/maas-auth",
    "kserve": "/apis/apps/v1/namespaces/kserve/deployments/kserve-controller-manager",
    "simulator": "/apis/serving.kserve.io/v1beta1/namespaces/maas-models/inferenceservices/simulator",
}


@dataclass(frozen=True)
class Scene(Sandbox):
    """The platform, somebody else's hands on its cluster, and the table of what happened."""

    playbooks: Playbooks
    table: Table

    def fails(self, role: str, says: tuple[str, ...], settings: Object) -> Run:
        """Run ``site`` for one role; it has to fail, and to say why.

        What is of other roles has to be left alone, and nothing that only programs read may be in the message.

        :param says: texts that have to be in the message: object, condition, cause and cure.
        """
        before = self._others(role)
        run = self.playbooks.run("site", "--tags", role, settings=settings)
        assert run.status != 0, run.said[-3000:]
        message = told(run)
        assert [text for text in says if text not in message] == [], message
        assert [text for text in ("Traceback", "Exited 1", "stderr", "HTTP response") if text in message] == []
        assert self._others(role) == before
        return run

    def mended(self, failure: str, run: Run, said: str, bound: float, *roles: str) -> None:
        """See that ``site`` leads to what the inventory says, and note the failure.

        :param bound: how many seconds the run may have waited.
        """
        self.table.add(failure, run, said, bound + self.repaired(*roles), MENDED)

    def repaired(self, *roles: str) -> float:
        """See that ``site`` leads to what the inventory says; return what a run may take beside its waits."""
        begin = time.monotonic()
        self.playbooks.repaired("--tags", ",".join(roles))
        return overhead((time.monotonic() - begin) / 2)

    def _others(self, role: str) -> dict[str, Any]:
        found = {name: content(self.read(path)) or {} for name, path in _LANDMARKS.items() if name != role}
        return {name: {**obj, "status": None} for name, obj in found.items()}

    # -- What somebody does -------------------------------------------------------------------------------------------

    @contextmanager
    def cordoned(self) -> Iterator[None]:
        """Let no node take new pods for a while."""
        self._cordon(True)
        try:
            yield
        finally:
            self.uncordon()

    def uncordon(self) -> None:
        """Let nodes take new pods again."""
        self._cordon(False)

    def _cordon(self, closed: bool) -> None:
        for node in self.cluster.list("v1", "Node"):
            self.edit(f"/api/v1/nodes/{node['metadata']['name']}", {"spec": {"unschedulable": closed}})


def overhead(pace: float) -> float:
    """Return what a run may take beside its waits, on a machine on which other runs took ``pace`` seconds."""
    return _SECONDS + _RUNS * pace


def told(run: Run) -> str:
    """Return the message with which a run has ended, as a person reads it."""
    messages = re.split(r"(?:fatal: \[sandbox\]: FAILED!|failed: \[sandbox\] \(item=[^)]*\)) => ", run.text)
    assert len(messages) > 1, run.said[-3000:]
    return messages[-1].partition("PLAY RECAP")[0].replace('\\"', '"')
