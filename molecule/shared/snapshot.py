# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that an API server holds, for comparing before and after.

    snapshot.py save FILE        writes what the cluster of KUBECONFIG holds
    snapshot.py compare FILE     prints every difference to that and fails when there is one

Left out is what changes by itself: status, server bookkeeping, Events and Leases.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api, concurrently
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration

SKIPPED_KINDS = {"Event", "Lease"}
SETTLING_SECONDS = 60
PAUSE_SECONDS = 4
# By such annotations the sandbox's stand-ins count seconds; they say nothing about what is on a cluster.
CLOCKS = "sandbox.maas-billing.platform/"
BOOKKEEPING = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")


def collections(api: Api) -> list[str]:
    """Return the path of everything that can be listed, in its group's preferred version or the first that has it."""
    versions = [("", "/api/v1")]
    for group in api.request("GET", "/apis")["groups"]:
        names = [group["preferredVersion"]["groupVersion"], *(item["groupVersion"] for item in group["versions"])]
        versions += [(group["name"], f"/apis/{name}") for name in dict.fromkeys(names)]
    answers = concurrently(lambda version: api.request("GET", version[1]), versions)
    found: dict[tuple[str, str], str] = {}
    for (group, prefix), answer in zip(versions, answers, strict=True):
        for item in answer["resources"]:
            if "list" in item["verbs"] and "/" not in item["name"] and item["kind"] not in SKIPPED_KINDS:
                found.setdefault((group, item["name"]), f"{prefix}/{item['name']}")
    return list(found.values())


def snapshot(api: Api) -> dict[str, Any]:
    """Return the content of every object under ``<path of its collection> <namespace>/<name>``."""
    paths = collections(api)
    held = {}
    for path, answer in zip(paths, concurrently(api.list, paths), strict=True):
        for item in answer["items"]:
            metadata = item["metadata"]
            item.pop("status", None)
            for field in BOOKKEEPING:
                metadata.pop(field, None)
            annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if not k.startswith(CLOCKS)}
            if annotations:
                metadata["annotations"] = annotations
            held[f"{path} {metadata.get('namespace', '')}/{metadata['name']}"] = item
    return held


def settled(api: Api) -> dict[str, Any]:
    """Return a snapshot when two in a row are the same: what has just been installed may still be busy with itself."""
    deadline = time.monotonic() + SETTLING_SECONDS
    before = snapshot(api)
    while True:
        time.sleep(PAUSE_SECONDS)
        now = snapshot(api)
        if now == before or time.monotonic() > deadline:
            return now
        before = now


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a line for each object that came, went or changed."""
    lines = [f"left behind: {name}" for name in sorted(after.keys() - before.keys())]
    lines += [f"taken away: {name}" for name in sorted(before.keys() - after.keys())]
    lines += [f"changed: {name}" for name in sorted(before.keys() & after.keys()) if before[name] != after[name]]
    return lines


def main() -> int:
    verb, file = sys.argv[1], Path(sys.argv[2])
    now = settled(Api(configuration({}, os.environ), "snapshot"))
    if verb == "save":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(now, sort_keys=True))
        print(f"{len(now)} objects")
        return 0
    before = json.loads(file.read_text())
    found = differences(before, now)
    print("\n".join(found) or f"no difference in {len(before)} objects")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
