# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on a cluster by name, and which keys there are: to compare runs that were disturbed with one that was not."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from tests.module.cluster import Cluster
from tests.sandboxes import KEYS_PLACE

Object = dict[str, Any]

# They come and go by themselves, or are called by what was drawn for them, as the addresses of Services are.
_PASSING = {
    "Event", "Lease", "Pod", "ReplicaSet", "EndpointSlice", "ControllerRevision", "CertificateRequest", "IPAddress",
}  # fmt: skip


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
