# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What accounts do module by module: the parts of playbooks that use one right or another, without the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from tests.access.deployment import inventory_intent
from tests.module.cluster import Cluster
from tests.module.objects import lease, secret
from tests.module.running import CHECKOUT, Answer, Modules
from tests.privileges.accounts import Account

Object = dict[str, Any]
Users = list[Object]

# By turns: each makes, moves and withdraws keys where the other was.
USERS: list[Users] = [
    [{"name": "alice", "team": "research"}, {"name": "bob", "team": "students"}, {"name": "erin", "team": "students"}],
    [{"name": "alice", "team": "students"}, {"name": "bob", "team": "students"}, {"name": "frank", "team": "research"}],
]
_MEMBERS = (
    "/api/v1/namespaces",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/gateway.networking.k8s.io/v1/namespaces/maas-gateway/gateways",
    "/apis/networking.istio.io/v1alpha3/namespaces/maas-gateway/envoyfilters",
    "/apis/kuadrant.io/v1/namespaces/maas-gateway/authpolicies",
    "/apis/kuadrant.io/v1/namespaces/maas-gateway/ratelimitpolicies",
    "/apis/kuadrant.io/v1alpha1/namespaces/maas-gateway/tokenratelimitpolicies",
    "/apis/extensions.kuadrant.io/v1alpha1/namespaces/maas-gateway/telemetrypolicies",
    "/apis/kuadrant.io/v1beta1/namespaces/kuadrant-system/kuadrants",
    "/apis/operator.authorino.kuadrant.io/v1beta1/namespaces/kuadrant-system/authorinos",
    "/apis/limitador.kuadrant.io/v1alpha1/namespaces/kuadrant-system/limitadors",
    "/apis/networking.k8s.io/v1/namespaces/kuadrant-system/networkpolicies",
    "/apis/gateway.networking.k8s.io/v1/namespaces/maas-models/httproutes",
    "/apis/serving.kserve.io/v1beta1/namespaces/maas-models/inferenceservices",
)
_MERGE = "application/merge-patch+json"


@dataclass
class Work:
    """What one account does with modules; ``cluster`` is the administrator's."""

    cluster: Cluster
    modules: Modules
    account: Account
    turn: int = 0

    def run(self, module: str, check: bool = False, **args: Any) -> Answer:
        """Run a module with the account's login."""
        return self.modules.run(module, {"kubeconfig": str(self.account.kubeconfig), **args}, check)

    def change_keys(self) -> Answer:
        """Make, move and withdraw keys, and whatever lies about of an interrupted verification."""
        self.turn += 1
        intent = {**inventory_intent(), "users": USERS[self.turn % 2]}
        return self.run("api_keys", intent=intent, before_policies=True, wait_timeout=20)

    def compare(self) -> list[Answer]:
        """Compare every set with the inventory, as `verify` does."""
        versions = yaml.safe_load((CHECKOUT / "roles/maas/defaults/main/versions.yml").read_text(encoding="utf-8"))
        image = versions["maas_versions"]["simulator"]["image"]
        intent = {"intent": {**inventory_intent(), "simulator_image": image}}
        (manifest,) = (self.cluster.bundle / "manifests").glob("gateway-api-*.yaml")
        return [
            self.run("apply_set", True, name="prerequisites", manifests=[str(manifest)], **_place("cert-manager")),
            self.run(
                "apply_set", True, name="gateway", render=["gateway"], **intent, **_place("istio-system", "istio")
            ),
            self.run("apply_set", True, name="kuadrant", render=["limiting"], **intent),
            self.run("apply_set", True, name="kserve", render=["serving"], **intent, **_place("kserve")),
            self.run("apply_set", True, name="simulator", render=["models"], **intent),
            self.run("tier_policies", True, **intent),
        ]

    def leave_guests(self) -> None:
        """Leave behind what a verification leaves that is interrupted."""
        guest = secret("kuadrant-system", "maas-key-maas-verify-left", api_key="x")
        left = {"name": "guests", "namespace": "maas-system", "objects": [guest]}
        answer = self.modules.run("apply_set", left)
        assert not answer.get("failed"), answer["msg"]

    def forget_record(self) -> None:
        """Delete the record of the set of keys, which the next run writes anew."""
        self.cluster.request("DELETE", "/api/v1/namespaces/maas-system/configmaps/maas-api-keys")

    @contextmanager
    def another_at_work(self) -> Iterator[None]:
        """Hold the lock of the keys while something begins that has to wait for it."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
        held = self.cluster.create(lease("maas-system", "maas-api-keys", "elsewhere/1/other", now, 60))
        try:
            yield
        finally:
            self.cluster.delete(held)

    @contextmanager
    def disowned(self) -> Iterator[None]:
        """Have somebody take the mark of our sets from all members, so that each is asked for by its name."""
        marked = [
            (f"{path}/{item['metadata']['name']}", item["metadata"]["labels"][PART_OF_LABEL])
            for path in _MEMBERS
            for item in self.cluster.request("GET", f"{path}?labelSelector={PART_OF_LABEL}")["items"]
        ]
        self._mark([(path, None) for path, _mark in marked])
        try:
            yield
        finally:
            self._mark(marked)

    def _mark(self, marked: list[tuple[str, Any]]) -> None:
        for path, mark in marked:
            changes = {"metadata": {"labels": {PART_OF_LABEL: mark}}}
            assert self.cluster.request("PATCH", path, changes, _MERGE) is not None, path


def _place(namespace: str, operator: str = "") -> Object:
    return {"operator_namespaces": {namespace: operator or namespace}}
