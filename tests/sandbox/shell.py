# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""helm and kubectl, for tests in the sandbox that ``MAAS_SANDBOX`` names."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from sandbox.paths import Home

Object = dict[str, Any]

# Comes and goes by itself.
_RESTLESS = (
    "apiservices.apiregistration.k8s.io",
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "nodes",
    "pods",
    "replicasets.apps",
)


class Shell:
    """Runs the programs of one sandbox as its user."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def run(self, program: str, *arguments: str, stdin: str = "", ok: bool = True) -> str:
        """Return what it prints; when it should fail (``ok=False``), the words of its failure."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.home.kubeconfig),
            "HELM_CACHE_HOME": str(self.home.root / "helm"),
        }
        done = subprocess.run(
            [self.home.bin / program, *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert (done.returncode == 0) == ok, f"{program} {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if ok else done.stderr

    def kubectl(self, *arguments: str, stdin: str = "", ok: bool = True) -> str:
        """Run kubectl."""
        return self.run("kubectl", *arguments, stdin=stdin, ok=ok)

    def apply(self, *things: Object, ok: bool = True, dry_run: bool = False) -> str:
        """Server-side apply of objects, with strict validation."""
        arguments = ["apply", "--server-side", "--validate=strict", "--field-manager=test", "--filename=-"]
        stdin = "\n---\n".join(json.dumps(thing) for thing in things)
        return self.kubectl(*arguments, *(["--dry-run=server"] if dry_run else []), stdin=stdin, ok=ok)

    def get(self, kind: str, name: str, namespace: str = "") -> Object:
        """Return one object; empty when there is none."""
        scope = ["--namespace", namespace] if namespace else []
        text = self.kubectl("get", kind, name, *scope, "--ignore-not-found", "--output=json")
        return dict(json.loads(text)) if text else {}

    def install(self, release: str, chart: str, namespace: str, *settings: str) -> None:
        """Install a chart of the bundle, or change the values of its release, and wait for it."""
        (path,) = (self.home.bundle / "charts").glob(f"{chart}-*.tgz")
        flags = [flag for setting in settings for flag in ("--set", setting)]
        self.run("helm", "upgrade", "--install", release, str(path), "-n", namespace, "--wait", "--timeout=60s", *flags)

    def uninstall(self, release: str, namespace: str) -> None:
        """Uninstall a release and wait until its objects are gone."""
        self.run("helm", "uninstall", release, "-n", namespace, "--wait", "--timeout=60s", "--ignore-not-found")

    def everything(self) -> dict[str, str]:
        """Return the name of every object with its resource version, but of what comes and goes by itself.

        A name looks like ``ConfigMap/kserve/inferenceservice-config``, or ``Namespace/kserve`` outside of namespaces.
        """
        listed = self.kubectl("api-resources", "--verbs=list", "--output=name", "--cached=false").split()
        kinds = ",".join(kind for kind in listed if kind not in _RESTLESS)
        columns = "K:.kind,S:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion"
        rows = self.kubectl("get", kinds, "--all-namespaces", "--no-headers", f"--output=custom-columns={columns}")
        cells = (row.split() for row in rows.splitlines())
        return {"/".join(part for part in row[:-1] if part != "<none>"): row[-1] for row in cells}


def shell() -> Shell:
    """The shell of the sandbox under test."""
    name = os.environ.get("MAAS_SANDBOX")
    if not name:
        pytest.fail("No sandbox to test in: call `make module`, or name a running sandbox in MAAS_SANDBOX.")
    return Shell(Home.of(name))
