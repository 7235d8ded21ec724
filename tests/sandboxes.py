# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox with the platform, for tests of playbooks: which it is, how it is reached, and what somebody does to it."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.keys import GUESTS
from sandbox.paths import Home
from tests.module.cluster import Cluster
from tests.module.running import COLLECTIONS

Object = dict[str, Any]

KEYS_PLACE = "kuadrant-system"
_FOREIGN = ("K8S_AUTH_", "ANSIBLE_", "KUBECONFIG")
_MERGE = "application/merge-patch+json"
_PART_OF = "applyset.kubernetes.io/part-of"


@pytest.fixture(scope="session")
def home() -> Home:
    """The sandbox that ``MAAS_SANDBOX`` names."""
    name = os.environ.get("MAAS_SANDBOX")
    if not name:
        pytest.fail("No cluster to test with: call `make FOLDER`, or name a running sandbox in MAAS_SANDBOX.")
    return Home.of(name)


@pytest.fixture(scope="session")
def cluster(home: Home) -> Cluster:
    """The sandbox's API server, used by somebody else."""
    return Cluster(home.kubeconfig, home.logs / "audit.log", home.bundle)


def environment(sandbox: str, **more: str) -> dict[str, str]:
    """Return the environment of playbooks for a sandbox: that of the tests, without what would name another cluster."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    ours = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "MAAS_SANDBOX": sandbox,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    }
    return {**kept, **ours, **more}


def delivered(home: Home) -> dict[str, str]:
    """Return the value of each user's key as the file has it; it is whole at any moment, or not there."""
    file = home.root / "api-keys.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {entry["user"]: entry["value"] for entry in map(json.loads, lines)}


def guests(cluster: Cluster) -> list[str]:
    """Return the keys by which `verify` tries what it checks; none stays behind."""
    return [item["metadata"]["name"] for item in cluster.list("v1", "Secret", "", f"{_PART_OF}={GUESTS.set_id}")]


@dataclass(frozen=True)
class Sandbox:
    """One sandbox: ``home`` are its files, ``cluster`` is somebody else's way to its objects."""

    home: Home
    cluster: Cluster

    def read(self, path: str) -> Object:
        """Return what is at a path of the API server; it must be there."""
        found: Object | None = self.cluster.request("GET", path)
        assert found is not None, path
        return found

    def edit(self, path: str, changes: Object) -> None:
        """Merge changes into what is at a path; it must be there."""
        assert self.cluster.request("PATCH", path, changes, _MERGE) is not None, path

    def delete(self, path: str) -> None:
        """Delete what is at a path; it must be there."""
        assert self.cluster.request("DELETE", path) is not None, path

    def create(self, collection: str, obj: Object) -> None:
        """Create an object in a collection."""
        assert self.cluster.request("POST", collection, obj) is not None, collection

    @contextmanager
    def there(self, collection: str, *objects: Object) -> Iterator[None]:
        """Keep objects in a collection for a while."""
        for obj in objects:
            self.create(collection, obj)
        try:
            yield
        finally:
            for obj in objects:
                self.cluster.request("DELETE", f"{collection}/{obj['metadata']['name']}")

    @contextmanager
    def fault(self, switch: str) -> Iterator[None]:
        """Have the stand-in gateway misbehave for a while."""
        self.ask_gateway("PUT", f"/faults/{switch}")
        try:
            yield
        finally:
            self.ask_gateway("DELETE", "/faults")

    def ask_gateway(self, method: str, page: str) -> str:
        """Send a request to the pages by which the stand-in gateway is watched and disturbed; return its answer."""
        url = self.home.gateway_url.read_text(encoding="utf-8").strip() + page
        request = urllib.request.Request(url, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            text: str = answer.read().decode()
        return text
