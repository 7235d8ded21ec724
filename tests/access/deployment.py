# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform in a sandbox: what its inventory says, what its roles do on the cluster, and its switches."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform
from ansible_collections.maas_billing.platform.plugins.module_utils.verdicts import verdicts
from tests.module.running import CHECKOUT, Answer, Modules
from tests.sandboxes import Sandbox

Object = dict[str, Any]
Rows = list[dict[str, Any]]

# Shorter than that of the role, so that what never comes is not waited for so long.
_PATIENCE = 2
_WAIT = 30
# From a repair until everything is in force again.
_SECONDS_TO_SETTLE = 20.0


def inventory_intent() -> Object:
    """Return what the sandbox inventory says of the platform, as the roles give it to modules."""
    said: Object = {}
    for topic in ("platform", "access"):
        said |= _read(f"inventories/sandbox/group_vars/maas_clusters/{topic}.yml")
    known = {item.name for item in fields(Platform)}
    return {name.removeprefix("maas_"): value for name, value in said.items() if name.removeprefix("maas_") in known}


def _read(file: str) -> Object:
    """Return what a YAML file of the checkout says."""
    said: Object = yaml.safe_load((CHECKOUT / file).read_text(encoding="utf-8"))
    return said


@dataclass(frozen=True)
class Site(Sandbox):
    """One platform; ``modules`` do to it what roles do."""

    modules: Modules

    # -- What roles do ------------------------------------------------------------------------------------------------

    def apply(self, intent: Object) -> None:
        """Bring gateway, policies and keys into the state that ``intent`` describes, in the order of `site`."""
        for name, args in self._steps(intent):
            answer = self.modules.run(name, args)
            assert not answer.get("failed"), answer["msg"]

    def verify(self, intent: Object) -> Rows:
        """Return the verdicts on gateway, operator, policies, keys and access."""
        found: dict[str, Answer] = {}
        for part, (name, args) in zip(("gateway", "policies", "keys"), self._steps(intent), strict=True):
            found[part] = self.modules.run(name, args, check=True)
        assert not any(found[part].get("failed") for part in ("gateway", "policies")), found
        survey = self.modules.run("platform_info", {})["platform"]["components"]["kuadrant"]
        args = {"intent": intent, "access": True, "report_only": True, "timeout": _PATIENCE}
        probe = self.modules.run("gateway_probe", args)
        evidence: list[Object] = [{"part": part, "set": answer} for part, answer in found.items()]
        evidence.append({"part": "kuadrant", "components": [survey], "settings": _settings(survey)})
        evidence.append({"part": "access", "answers": probe["answers"]})
        return verdicts(evidence)

    def settled(self, intent: Object) -> Rows:
        """Return the verdicts as soon as none is wrong; those that stay wrong for too long fail the test."""
        deadline = time.monotonic() + _SECONDS_TO_SETTLE
        rows = self.verify(intent)
        while wrong(rows):
            assert time.monotonic() < deadline, wrong(rows)
            rows = self.verify(intent)
        return rows

    def _steps(self, intent: Object) -> Iterator[tuple[str, Answer]]:
        common = {"intent": intent, "wait_timeout": _WAIT}
        places = {"operator_namespaces": {"istio-system": "istio"}}
        yield "apply_set", {**common, **places, "name": "gateway", "render": ["gateway"], "adopt": False}
        yield "tier_policies", common
        yield "api_keys", {**common, "sink": "file", "sink_path": str(self.keys_file)}

    # -- What others see and do ---------------------------------------------------------------------------------------

    @property
    def keys_file(self) -> Any:
        """Where the inventory has the keys handed over."""
        return self.home.root / "api-keys.jsonl"

    def edit_text(self, path: str, old: str, new: str) -> None:
        """Replace a text in the spec of an object by hand; it must be there."""
        before = json.dumps(self.read(path)["spec"])
        assert json.dumps(old)[1:-1] in before, f"{old} is not in {before}"
        self.edit(path, {"spec": json.loads(before.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))})

    # -- The sandbox --------------------------------------------------------------------------------------------------

    def counted(self) -> dict[tuple[str, str], int]:
        """Return what the limiter has counted by user and model: tokens, and under the model "" requests."""
        found: dict[tuple[str, str], int] = {}
        text = self.ask_gateway("GET", "/limitador/metrics")
        for labels, value in re.findall(r"^authorized_hits\{(.*)\} ([0-9.e+]+)$", text, re.MULTILINE):
            said: Mapping[str, str] = dict(re.findall(r'([a-z_]+)="([^"]*)"', labels))
            owner = (said["user"], said.get("model", ""))
            found[owner] = found.get(owner, 0) + int(float(value))
        return found


def wrong(rows: Rows) -> Rows:
    """Return those verdicts that are not well."""
    return [row for row in rows if not row["ok"]]


def _settings(component: Object) -> Object:
    """Return how the operator has to run, in the words of the role kuadrant."""
    defaults = _read("roles/kuadrant/vars/main.yml")["__kuadrant_environment_of_upstream"]
    wanted = {name: "deny" for name in defaults if name.endswith("_FAILURE_MODE")}
    return {"live": component["settings"], "wanted": wanted, "defaults": defaults}
