# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine as a newcomer has it: a new checkout, an empty home folder, and no setting of the person who tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.paths import cache_root
from tests.walk.order import CHECKOUT
from tests.walk.terminal import Terminal

_PRODUCTION = "production"
# What of the tester's environment would change what commands do.
_FOREIGN = (
    "ANSIBLE_", "HYPOTHESIS_", "K8S_AUTH_", "KUBECONFIG", "MAAS_", "MAKE", "MFLAGS", "MOLECULE_", "PYTEST_", "PYTHON",
    "VIRTUAL_ENV", "XDG_",
)  # fmt: skip
# What any cluster has and the sandbox has not: internet. The port is one that needs no root.
_OFFLINE = """\
maas_bundle_dir: {root}/bundle
maas_gateway_http_port: 8000
"""


@dataclass
class Machine:
    """Where the walk takes place; ``broken`` is the step at which it ended."""

    folder: Path
    terminals: dict[str, Terminal] = field(default_factory=dict)
    broken: str = ""

    @property
    def checkout(self) -> Path:
        """The newcomer's checkout."""
        return self.folder / "maas"

    @property
    def home(self) -> Path:
        """The newcomer's home folder."""
        return self.folder / "home"

    def terminal(self, name: str) -> Terminal:
        """Return the terminal of that name, opened in the checkout."""
        if name not in self.terminals:
            if name == "cluster":
                self._bring_production()
            own = self.folder / name
            own.mkdir()
            self.terminals[name] = Terminal(own, self.checkout, self.environment())
        return self.terminals[name]

    def environment(self) -> dict[str, str]:
        """Return a newcomer's environment. Programs of the sandbox and packages are not built or fetched once more."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        if "MAAS_SANDBOX_BIN" in os.environ:
            kept["MAAS_SANDBOX_BIN"] = os.environ["MAAS_SANDBOX_BIN"]
        path = [place for place in kept["PATH"].split(os.pathsep) if not place.startswith(sys.prefix)]
        path.insert(0, str(self.home / "bin"))
        cache = str(cache_root().parent)
        return {**kept, "HOME": str(self.home), "PATH": os.pathsep.join(path), "XDG_CACHE_HOME": cache}

    def sandbox(self, *arguments: str) -> None:
        """Call the sandbox as the newcomer."""
        subprocess.run([sys.executable, "-m", "sandbox", *arguments], cwd=CHECKOUT, env=self.environment(), check=True)

    def _bring_production(self) -> None:
        """Bring what a guide takes for given: a cluster, its kubeconfig, and a collection from Galaxy."""
        self.sandbox("up", "--name", _PRODUCTION)
        root = self.home / ".local/state/maas-sandbox" / _PRODUCTION
        # kubectl keeps a cache there.
        (self.home / ".kube").mkdir(exist_ok=True)
        shutil.copy(root / "kubeconfig", self.home / ".kube" / _PRODUCTION)
        (self.checkout / "group_vars").mkdir()
        (self.checkout / "group_vars/maas_clusters.yml").write_text(_OFFLINE.format(root=root), encoding="utf-8")
        (packages,) = Path(sys.prefix).glob("lib/python*/site-packages/ansible_collections/kubernetes")
        shutil.copytree(packages, self.home / ".ansible/collections/ansible_collections/kubernetes")
        # Both are on the path of everybody who follows the guide.
        tools = self.home / "bin"
        tools.mkdir()
        for tool in ("helm", "kubectl"):
            (tools / tool).symlink_to(root / "bin" / tool)


def clone(into: Path) -> None:
    """Copy what git has or would take of the checkout, with an environment that is ready."""
    listed = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (CHECKOUT / name).exists():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, into / name)
    # Links in a folder of its own, so that a rebuild would not touch the environment of the tester.
    venv = into / ".venv"
    venv.mkdir()
    for part in ("bin", "include", "lib", "lib64", "pyvenv.cfg"):
        if (Path(sys.prefix) / part).exists():
            (venv / part).symlink_to(Path(sys.prefix) / part)
    (venv / "ready").touch()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine; no sandbox of it survives."""
    made = Machine(tmp_path_factory.mktemp("walk"))
    made.home.mkdir()
    clone(made.checkout)
    try:
        yield made
    finally:
        for terminal in made.terminals.values():
            terminal.close()
        made.sandbox("down", "--all")
