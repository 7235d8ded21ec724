# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on a cluster by name, and which keys there are: to compare runs that were disturbed with one that was not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.keys import GUESTS
from sandbox.paths import Home
from tests.module.cluster import Cluster

Object = dict[str, Any]

KEYS_PLACE = "kuadrant-system"
_PART_OF = "applyset.kubernetes.io/part-of"
# They come and go, or are called after what they belong to and a number of their own.
_PASSING = {"Event", "Lease", "Pod", "ReplicaSet", "EndpointSlice", "ControllerRevision", "CertificateRequest"}


def names(cluster: Cluster) -> set[str]:
    """Return every object of the cluster as ``<kind> <namespace>/<name>``, a Helm release without its revision."""
    found = set()
    for path, kind in _collections(cluster):
        for item in (cluster.request("GET", path) or {}).get("items") or []:
            name = re.sub(r"^(sh\.helm\.release\.v1\..*)\.v\d+$", r"\1", item["metadata"]["name"])
            found.add(f"{kind} {item['metadata'].get('namespace', '')}/{name}")
    return found


def _collections(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Yield path and name of every kind that can be listed, each in one version."""
    groups = [("/api/v1", "")]
    for group in cluster.request("GET", "/apis")["groups"]:
        groups += [(f"/apis/{item['groupVersion']}", group["name"]) for item in group["versions"]]
    seen = set()
    for prefix, group in groups:
        for item in (cluster.request("GET", prefix) or {"resources": []})["resources"]:
            kind = f"{item['kind']}.{group}".rstrip(".")
            if (
                "list" in item["verbs"]
                and "/" not in item["name"]
                and item["kind"] not in _PASSING
                and kind not in seen
            ):
                seen.add(kind)
                yield f"{prefix}/{item['name']}", kind


def difference(before: set[str], after: set[str]) -> list[str]:
    """Return what is missing and what is too much, a line each."""
    return [f"missing: {name}" for name in sorted(before - after)] + [f"new: {name}" for name in sorted(after - before)]


def delivered(home: Home) -> dict[str, str]:
    """Return the value of each user's key as the file has it; it is whole at any moment, or not there."""
    file = home.root / "api-keys.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {entry["user"]: entry["value"] for entry in map(json.loads, lines)}


def accepted(cluster: Cluster) -> list[tuple[str, str]]:
    """Return user and value of each key that the gateway accepts."""
    secrets = cluster.list("v1", "Secret", KEYS_PLACE, "maas-billing.platform/api-key=true")
    return sorted(
        (
            item["metadata"]["annotations"]["maas-billing.platform/user"],
            base64.b64decode(item["data"]["api_key"]).decode(),
        )
        for item in secrets
    )


def guests(cluster: Cluster) -> list[str]:
    """Return the keys by which `verify` tries what it checks; none stays behind."""
    return [item["metadata"]["name"] for item in cluster.list("v1", "Secret", "", f"{_PART_OF}={GUESTS.set_id}")]
