# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ServiceAccounts with the roles of ``examples/rbac``, and what each was seen to ask for."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.module.cluster import Cluster, Tail
from tests.module.running import CHECKOUT
from tools.rbac import Request, Right, read, refused_of, requests_of, rights_of, user_of, without

Object = dict[str, Any]

PLACE = "maas-accounts"
FOLDER = CHECKOUT / "examples" / "rbac"
NAMESPACES = FOLDER / "namespaces.yml"
_SECONDS_UNTIL_KNOWN = 10.0


@dataclass(frozen=True)
class Account:
    """One ServiceAccount, with the rights of its manifest and a kubeconfig that holds its token."""

    name: str
    cluster: Cluster
    log: Tail
    kubeconfig: Path
    manifests: list[Object] = field(repr=False)

    @property
    def user(self) -> str:
        """How the API server calls it."""
        return user_of(self.name, PLACE)

    def rights(self) -> list[Right]:
        """Return all that it may do."""
        return rights_of(self.name, self.manifests)

    def asked(self) -> dict[Request, int]:
        """Return all that it asked for so far, but for what every account may do in a sandbox."""
        found = requests_of(self.user, self._lines())
        return {request: count for request, count in found.items() if request.group != "kwok.x-k8s.io"}

    def refused(self) -> list[str]:
        """Return what it asked for and was refused."""
        return refused_of(self.user, self._lines())

    def told(self) -> list[str]:
        """Return in which words the API server refused it something, also where only part of a request took it."""
        events = [json.loads(line) for line in self._lines()]
        return [
            event["responseStatus"].get("message", "")
            for event in events
            if event["user"]["username"] == self.user and event.get("responseStatus", {}).get("code") == 403
        ]

    @contextmanager
    def from_now_on(self) -> Iterator[Account]:
        """The same account, of whose requests only later ones are noted."""
        self._lines()
        with Tail(self.cluster.audit_log) as log:
            yield replace(self, log=log)

    def writes(self) -> list[Object]:
        """Return the events of everything that it changed."""
        events = [json.loads(line) for line in self._lines()]
        return [
            event
            for event in events
            if event["user"]["username"] == self.user
            and event["verb"] not in ("get", "list", "watch")
            and "dryRun" not in event["requestURI"]
        ]

    def _lines(self) -> list[bytes]:
        mark = uuid.uuid4().hex
        self.cluster.request("GET", f"/api/v1/namespaces/{mark}")
        self.cluster.wait_for(lambda: any(mark.encode() in line for line in self.log.lines()), "the audit log", 10)
        return self.log.lines()

    @contextmanager
    def lacking(self, right: Right) -> Iterator[None]:
        """Take one right away for a while."""
        changed = {_path(obj): obj for obj in without(right, self.manifests)}
        whole = {_path(obj): obj for obj in self.manifests if _path(obj) in changed}
        try:
            for path, obj in changed.items():
                self._put(path, obj)
            self._until_known(right, False)
            yield
        finally:
            for path, obj in whole.items():
                self._put(path, obj)
            self._until_known(right, True)

    def _put(self, path: str, obj: Object) -> None:
        assert self.cluster.request("PUT", path, obj) is not None, path

    def may(self, request: Request) -> bool:
        """Ask the API server whether the account may do something."""
        resource, _slash, subresource = request.resource.partition("/")
        attributes = {
            "namespace": request.namespace,
            "verb": request.verb,
            "group": request.group,
            "resource": resource,
            "subresource": subresource,
            "name": request.name,
        }
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{PLACE}", "system:authenticated"]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": self.user, "groups": groups, "resourceAttributes": attributes},
        }
        answer = self.cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    def _until_known(self, right: Right, allowed: bool) -> None:
        """Wait until the authorizer has seen what became of a role."""
        name = right.names[0] if right.names else ""
        request = Request(right.namespace, right.group, right.resource, right.verb, name)
        deadline = time.monotonic() + _SECONDS_UNTIL_KNOWN
        while self.may(request) is not allowed:
            assert time.monotonic() < deadline, f"{right} is {'not ' if allowed else ''}there"
            time.sleep(0.02)


def _path(obj: Object) -> str:
    place = obj["metadata"].get("namespace")
    inside = f"namespaces/{place}/" if place else ""
    version = obj["apiVersion"]
    prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{prefix}/{inside}{obj['kind'].lower()}s/{obj['metadata']['name']}"


def prepared(cluster: Cluster, log: Tail, folder: Path) -> dict[str, Account]:
    """Apply all manifests, as the administrator of a cluster does, and return the accounts by their manifest."""
    files = {name: FOLDER / f"{name}.yml" for name in ("site", "verify", "keys")}
    for obj in read([NAMESPACES, *files.values()]):
        cluster.request("PATCH", f"{_path(obj)}?fieldManager=administrator", obj, "application/apply-patch+yaml")
    return {
        name: Account(f"maas-{name}", cluster, log, _kubeconfig(cluster, f"maas-{name}", folder), read([file]))
        for name, file in files.items()
    }


def _kubeconfig(cluster: Cluster, account: str, folder: Path) -> Path:
    """Write a kubeconfig with a token of the account."""
    path = f"/api/v1/namespaces/{PLACE}/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 14400}}
    config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    token = cluster.request("POST", path, request)["status"]["token"]
    (user,) = config["users"]
    user["user"] = {"token": token}
    file = folder / account
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    file.chmod(0o600)
    return file
