# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that apply the same list of objects to the same cluster, and how long each takes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.module.cluster import Cluster
from tests.module.running import COLLECTIONS, RUN_MODULE, Modules

Object = dict[str, Any]

PLUGINS = "ansible_collections/maas_billing/platform/plugins"
K8S = "ansible_collections.kubernetes.core.plugins.modules.k8s"


@dataclass(frozen=True)
class Took:
    """Seconds of one run.

    ``process``: the whole process, as a shell would measure it. ``module``: inside the module, from its first import to
    its last word. ``work``: what the module itself counts, after imports and the reading of its arguments.
    For a program that is no module all three are the same.
    """

    process: float
    module: float
    work: float


class Contender:
    """Something that applies a list of objects."""

    name: str

    def apply(self, objects: list[Object]) -> Took:
        """Apply the objects, which lie in one namespace that is among them."""
        raise NotImplementedError


class ApplySet(Contender):
    """Our module. Its own code is compiled each time, as it is when Ansible sends it to a host."""

    name = "apply_set"

    def __init__(self, modules: Modules, folder: Path) -> None:
        self._modules = modules
        self._times = folder / "times"
        self._collections = folder / "collections"
        shutil.copytree(COLLECTIONS / PLUGINS, self._collections / PLUGINS)

    def apply(self, objects: list[Object]) -> Took:
        """Apply the objects as one set."""
        name = _namespace(objects)
        args = {"name": name, "namespace": f"{name}-sets", "objects": objects}
        for compiled in list(self._collections.rglob("__pycache__")):
            shutil.rmtree(compiled)
        return _module(self._modules, "apply_set", args, self._times, self._collections)


class Kubectl(Contender):
    """The pinned kubectl, with what it remembers of the server's kinds at hand."""

    name = "kubectl"

    def __init__(self, program: Path, cluster: Cluster, folder: Path) -> None:
        self._command = [program, f"--kubeconfig={cluster.kubeconfig}", f"--cache-dir={folder / 'cache'}"]
        self._list = folder / "list.json"
        subprocess.run([*self._command, "api-resources"], check=True, capture_output=True)

    def apply(self, objects: list[Object]) -> Took:
        """``kubectl apply --server-side`` of one list."""
        self._list.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
        begin = time.monotonic()
        subprocess.run([*self._command, "apply", "--server-side", "-f", self._list], check=True, capture_output=True)
        seconds = time.monotonic() - begin
        return Took(seconds, seconds, seconds)


class KubernetesCore(Contender):
    """The module that playbooks use without us."""

    name = "kubernetes.core.k8s"

    def __init__(self, modules: Modules, folder: Path) -> None:
        self._modules = modules
        self._times = folder / "times"

    def apply(self, objects: list[Object]) -> Took:
        """Server-side apply of the list in one task."""
        server_side = {"field_manager": "benchmark", "force_conflicts": True}
        args = {"definition": objects, "apply": True, "server_side_apply": server_side}
        return _module(self._modules, K8S, args, self._times, COLLECTIONS)


def _module(modules: Modules, name: str, args: Object, times: Path, collections: Path) -> Took:
    environment = {**modules.environment(), "PYTHONPATH": str(collections)}
    del environment["PYTHONPYCACHEPREFIX"]
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, RUN_MODULE, name, times],
        input=modules.arguments(args),
        env=environment,
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - begin
    answer = json.loads(done.stdout)
    assert not answer.get("failed"), answer["msg"]
    inside = json.loads(times.read_text(encoding="utf-8"))["module"]
    return Took(seconds, inside, answer.get("seconds", inside))


def _namespace(objects: list[Object]) -> str:
    return str(next(obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"))
