# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What accounts do: playbooks, and module by module the parts of them that use one right or another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL
from tests.access.deployment import inventory_intent
from tests.module.cluster import Cluster
from tests.module.objects import lease, secret
from tests.module.running import CHECKOUT, Answer, Modules
from tests.playbooks import Playbooks, Run
from tests.privileges.accounts import Account

Object = dict[str, Any]
# Something that an account does; the answers of its modules.
Part = Callable[[], Iterable[Answer]]
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
LONGEST_SECONDS = 900.0


def run(playbooks: Playbooks, account: Account, verb: str, *arguments: str, **settings: Any) -> Run:
    """Run a playbook as an account; it must end well, and ask for nothing that the account may not do."""
    connection = {"kubeconfig": str(account.kubeconfig)}
    before = len(account.refused())
    done = playbooks.start(verb, *arguments, settings={"maas_connection": connection, **settings}).end(LONGEST_SECONDS)
    assert done.status == 0, done.said[-3000:]
    assert account.refused()[before:] == []
    return done


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

    def verify(self) -> dict[str, Part]:
        """Return the parts of `verify`; Helm, which is not among them, reads only what the survey reads as well."""
        intent = inventory_intent()
        another = {**intent, "users": [*intent["users"], {"name": "grace", "team": "research"}]}
        access = {"intent": intent, "access": True, "report_only": True, "timeout": 2}
        return {
            "survey": lambda: [self.run("platform_info")],
            **{name: partial(_alone, part) for name, part in self.comparisons().items()},
            "keys": lambda: [self.run("api_keys", True, intent=another)],
            "access": lambda: [self.forget_guests(), self.run("gateway_probe", **access)][1:],
        }

    def site(self) -> dict[str, Part]:
        """Return the parts of `site` and `remove` that take no Helm: each makes objects anew, and leaves them whole."""
        patience = {"wait_timeout": 60}
        sets = {
            name: partial(self.run, "apply_set", name=name, **args, **patience) for name, args in self.sets().items()
        }
        policies = partial(self.run, "tier_policies", intent=inventory_intent(), **patience)
        models = sets["simulator"]

        def anew(keep: Callable[..., Answer]) -> Iterator[Answer]:
            yield keep()
            yield keep(state="absent")
            yield keep()

        def policies_anew() -> Iterator[Answer]:
            # The policies are all that keeps everybody from models that are there.
            yield policies()
            yield models(state="absent")
            yield from anew(policies)
            yield models()

        return {
            "survey": lambda: [self.run("platform_info", leftovers=True)],
            "keys": lambda: (self.change_keys() for _turn in USERS),
            **{name: partial(anew, sets[name]) for name in ("gateway", "kuadrant", "simulator")},
            "policies": policies_anew,
        }

    def compare(self) -> list[Answer]:
        """Compare every set with the inventory, as `verify` does."""
        return [compare() for compare in self.comparisons().values()]

    def comparisons(self) -> dict[str, Callable[[], Answer]]:
        """Return for each set how it is compared with the inventory."""
        sets = self.sets().items()
        return {
            **{name: partial(self.run, "apply_set", True, name=name, **args) for name, args in sets},
            "policies": partial(self.run, "tier_policies", True, intent=inventory_intent()),
        }

    def sets(self) -> dict[str, Object]:
        """Return what each set holds, as roles give it to modules."""
        versions = yaml.safe_load((CHECKOUT / "roles/maas/defaults/main/versions.yml").read_text(encoding="utf-8"))
        image = versions["maas_versions"]["simulator"]["image"]
        intent = {"intent": {**inventory_intent(), "simulator_image": image}}
        (manifest,) = (self.cluster.bundle / "manifests").glob("gateway-api-*.yaml")
        return {
            "prerequisites": {"manifests": [str(manifest)], **_place("cert-manager")},
            "gateway": {"render": ["gateway"], **intent, **_place("istio-system", "istio")},
            "kuadrant": {"render": ["limiting"], **intent},
            "kserve": {"render": ["serving"], **intent, **_place("kserve")},
            "simulator": {"render": ["models"], **intent},
        }

    def leave_guests(self) -> None:
        """Leave behind what a verification leaves that is interrupted."""
        guest = secret("kuadrant-system", "maas-key-maas-verify-left", api_key="x")
        left = {"name": "guests", "namespace": "maas-system", "objects": [guest]}
        answer = self.modules.run("apply_set", left)
        assert not answer.get("failed"), answer["msg"]

    def forget_guests(self) -> None:
        """Delete what a verification leaves that may not tidy up: the record of the guests, and the locks."""
        for path in ("configmaps/maas-guests", "leases/maas-guests", "leases/maas-verification"):
            prefix = "/api/v1" if path.startswith("configmaps") else "/apis/coordination.k8s.io/v1"
            self.cluster.request("DELETE", f"{prefix}/namespaces/maas-system/{path}")

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


def _alone(run: Callable[[], Answer]) -> list[Answer]:
    return [run()]


def _place(namespace: str, operator: str = "") -> Object:
    return {"operator_namespaces": {namespace: operator or namespace}}
