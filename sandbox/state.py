# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a sandbox: its index, from which its addresses follow, and whether it was set up."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import homes

PORTS = (
    "kube-apiserver",
    "etcd",
    "etcd-peer",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok-controller",
)
_FIRST_PORT = 21000  # below the range from which the kernel takes ports for outgoing connections
_BLOCK = 10
_HIGHEST_INDEX = 254  # the index is also the last byte of the gateways' addresses


@dataclass(frozen=True)
class State:
    """``index`` counts from 1. ``complete`` turns true when the cluster was set up to its end: one that was killed
    before that is not repaired but made anew."""

    index: int
    complete: bool = False

    def save(self, path: Path) -> None:
        """Write it in one step, so that nobody reads half of it."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        os.replace(new, path)

    @property
    def ports(self) -> dict[str, int]:
        """The loopback port of each part of the control plane."""
        return ports_of(self.index)


def load(path: Path) -> State | None:
    """Read the state; None when there is none, or none that can be used."""
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def ports_of(index: int) -> dict[str, int]:
    """The block of ports that belongs to an index."""
    return {part: _FIRST_PORT + _BLOCK * index + offset for offset, part in enumerate(PORTS)}


def lowest_free_index() -> int:
    """The lowest index that no sandbox of this user has and whose ports nothing on this machine listens on.

    Raises SandboxError when there is none.
    """
    taken = {state.index for home in homes() if (state := load(home.state))}
    for index in range(1, _HIGHEST_INDEX + 1):
        if index not in taken and not busy(ports_of(index)):
            return index
    first, last = min(ports_of(1).values()), max(ports_of(_HIGHEST_INDEX).values())
    raise SandboxError(
        f"No free ports for one more sandbox: something listens in each block of ten between {first} and {last}.\n"
        "Stop sandboxes that are not needed: python -m sandbox down --all"
    )


def busy(ports: Mapping[str, int]) -> dict[str, int]:
    """Those of ``ports`` that cannot be bound on 127.0.0.1."""
    return {part: port for part, port in ports.items() if not _can_bind(port)}


def _can_bind(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
