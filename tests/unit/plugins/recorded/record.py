# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records what a real API server makes of the objects in ``cases.yaml``, ours and changed by others.

    python -m tests.unit.plugins.recorded.record KUBECONFIG

The cluster needs the definitions of the Gateway API and of KServe. The namespace ``recorded`` is made and removed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.resources import Resources
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.waiting import until_gone, until_ready
from ansible_collections.maas_billing.platform.plugins.module_utils.ownership import MANAGER
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import key_of, prepare

HERE = Path(__file__).parent
SET_ID = "applyset-recorded-v1"
THEM = "somebody-else"
BOOKKEEPING = ("uid", "resourceVersion", "creationTimestamp", "generation")

Object = dict[str, Any]


class Recorder:
    """One cluster, and what is to be recorded there."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._resources = Resources(api)

    def make(self, manifest: Object) -> str:
        """Create an object that the recording needs and wait until it can be used; return its path."""
        path = self._path(manifest)
        made = self._api.apply(path, manifest, THEM, True, False)
        until_ready(self._api, self._resources, {key_of(made): made}, 30)
        return path

    def record(self, case: Object) -> Object:
        """Return the case with the object as the server holds it, and as it does after each change by others."""
        ((_key, wanted),) = prepare([case["manifest"]], SET_ID).items()
        changes = []
        for change in case["changes"]:
            path = self._fresh(wanted)
            self._change(path, change, wanted)
            changes.append({"differs": change["differs"], "live": self._read(path)})
        return {"manifest": case["manifest"], "live": self._read(self._fresh(wanted)), "changes": changes}

    def _path(self, obj: Object) -> str:
        resource = self._resources.find(obj["apiVersion"], obj["kind"])
        if resource is None:
            raise SystemExit(f"The cluster does not know {obj['apiVersion']} {obj['kind']}.")
        return resource.path(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def _fresh(self, wanted: Object) -> str:
        """Apply the object anew, as the core does, and return its path."""
        path = self._path(wanted)
        left = self._api.get(path)
        if left is not None:
            self._api.merge(path, {"metadata": {"finalizers": None}}, THEM)
            self._api.delete(path)
            until_gone(self._api, self._resources, {key_of(left): left}, 30)
        self._api.apply(path, wanted, MANAGER, True, False)
        return path

    def _change(self, path: str, change: Object, wanted: Object) -> None:
        if "patch" in change:
            self._api.merge(path, change["patch"], THEM)
        elif "json" in change:
            self._api.request("PATCH", path, {"fieldManager": THEM}, change["json"], "application/json-patch+json")
        else:
            whole = {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], **change["force"]}
            self._api.apply(path, whole, THEM, True, False)

    def _read(self, path: str) -> Object:
        live = self._api.request("GET", path)
        live.pop("status", None)
        for field in BOOKKEEPING:
            live["metadata"].pop(field, None)
        for entry in live["metadata"]["managedFields"]:
            entry.pop("time", None)
        return live


def _in_lines(recorded: Object) -> str:
    """Return JSON with an object to a line, short and yet good to compare."""
    changes = ",\n".join(json.dumps(change, ensure_ascii=False) for change in recorded.pop("changes"))
    head = ",\n".join(f'"{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in recorded.items())
    return f'{{{head},\n"changes": [\n{changes}\n]}}\n'


def main(kubeconfig: str) -> None:
    api = Api(configuration({"kubeconfig": kubeconfig}, {}), "recorder")
    recorder = Recorder(api)
    kind = yaml.safe_load((HERE / "lists.yaml").read_text())
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "recorded"}}
    made = [recorder.make(kind), recorder.make(namespace)]
    try:
        for case in yaml.safe_load((HERE / "cases.yaml").read_text()):
            recorded = {"server": api.request("GET", "/version")["gitVersion"], **recorder.record(case)}
            (HERE / f"{case['name']}.json").write_text(_in_lines(recorded))
            print(f"{case['name']}: {len(case['changes'])} changes")
            made.append(recorder._path(case["manifest"]))
    finally:
        for path in reversed(made):
            if api.get(path) is not None:
                api.merge(path, {"metadata": {"finalizers": None}}, THEM)
                api.delete(path)


if __name__ == "__main__":
    main(sys.argv[1])
