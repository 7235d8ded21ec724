# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things live. No function here creates anything."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def package() -> Path:
    """The folder of this package in the checkout."""
    return Path(__file__).resolve().parent


def cache_root() -> Path:
    """What can be made again: built binaries, what was read from Go modules, remembered versions."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "maas-sandbox"


def state_root() -> Path:
    """One folder per sandbox."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "maas-sandbox"


def _xdg(variable: str, default: str) -> Path:
    """The base folder of that variable; like the XDG specification says, an empty or relative value does not count."""
    given = os.environ.get(variable, "")
    return Path(given) if given.startswith("/") else Path.home() / default


@dataclass(frozen=True)
class Home:
    """The folder of one sandbox: all of its files, and the mark by which its processes are known."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str) -> Home:
        """Return the home of the sandbox called ``name``. Raises SandboxError when no sandbox can have that name."""
        if not _NAME.fullmatch(name):
            raise SandboxError(
                f"{name!r} cannot be the name of a sandbox.\n"
                "A name is 1 to 32 lower-case letters, digits and hyphens, with no hyphen at either end."
            )
        root = state_root() / name
        if set(str(root)) & set("#%"):
            raise SandboxError(
                f"kwokctl cannot work in {root}: the path holds '#' or '%'.\nSet XDG_STATE_HOME to another folder."
            )
        return cls(name, root)

    @property
    def state(self) -> Path:
        """What `sandbox.state` keeps."""
        return self.root / "state.json"

    @property
    def kubeconfig(self) -> Path:
        """The user's kubeconfig."""
        return self.root / "kubeconfig"

    def kubeconfig_of(self, part: str) -> Path:
        """The kubeconfig of one of our own parts."""
        return self.root / "kubeconfigs" / part

    @property
    def bundle(self) -> Path:
        """Charts and manifests, laid out as for a disconnected installation."""
        return self.root / "bundle"

    @property
    def bin(self) -> Path:
        """Links to the binaries in use."""
        return self.root / "bin"

    @property
    def logs(self) -> Path:
        """One log per part, and the API server's audit log."""
        return self.root / "logs"

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    @property
    def pod_logs(self) -> Path:
        """One log per pod that runs a simulator."""
        return self.logs / "pods"

    @property
    def gateway_url(self) -> Path:
        """Where the stand-in gateway writes the URL of its admin port."""
        return self.root / "gateway.url"

    @property
    def kwok(self) -> Path:
        """The folder in which kwokctl keeps its clusters; there is one."""
        return self.root / "kwok"

    @property
    def cluster(self) -> Path:
        """kwokctl's folder of that cluster: etcd's data, certificates, pid files."""
        return self.kwok / "clusters" / "sandbox"

    @property
    def pki(self) -> Path:
        """The cluster's certificates, under the names that kwokctl looks for."""
        return self.cluster / "pki"

    @property
    def admin_kubeconfig(self) -> Path:
        """The kubeconfig that kwokctl writes; the kwok controller and the set-up use it."""
        return self.cluster / "kubeconfig.yaml"


def homes() -> list[Home]:
    """Every sandbox that has a folder, by name; one that was killed while it started is among them."""
    try:
        names = sorted(entry.name for entry in state_root().iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []
    return [Home(name, state_root() / name) for name in names if _NAME.fullmatch(name)]
