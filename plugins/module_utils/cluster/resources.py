# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which kinds an API server knows, and under which path it keeps their objects."""

from __future__ import annotations

import time
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from .api import Api, concurrently, object_path

_DISCOVERY_PAUSE_SECONDS = 0.05
# Two requests tell all kinds on servers since Kubernetes 1.30; older ones answer in the other form.
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@dataclass(frozen=True)
class Resource:
    """One kind as the API server serves it."""

    prefix: str
    plural: str
    kind: str
    group: str
    version: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def path(self, namespace: str = "", name: str = "") -> str:
        return object_path(self.prefix, self.plural, namespace if self.namespaced else None, name)

    def collection(self, namespace: str = "") -> str:
        """The path of all its objects, in one namespace or in all."""
        return object_path(self.prefix, self.plural, namespace or None)


_CORE = "v1"
# No server of Kubernetes is without them or has them elsewhere, so nobody has to ask.
_ALWAYS_THERE = {
    kind: Resource("/api/v1", plural, kind, "", _CORE, kind != "Namespace")
    for kind, plural in (
        ("ConfigMap", "configmaps"),
        ("Namespace", "namespaces"),
        ("Secret", "secrets"),
        ("Service", "services"),
        ("ServiceAccount", "serviceaccounts"),
    )
}


class Resources:
    """Kinds looked up on demand, one request for each group and version."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._versions: dict[str, dict[str, Resource]] = {}

    def load(self, api_versions: Iterable[str]) -> None:
        """Read the kinds of several API versions at once; those of the core are read when one is asked for."""
        self._load(set(api_versions) - {_CORE})

    def _load(self, api_versions: Set[str]) -> None:
        missing = sorted(api_versions - set(self._versions))
        for api_version, found in zip(missing, concurrently(self._read, missing)):
            self._versions[api_version] = found

    def find(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource of a kind, or None where the server does not know it (yet)."""
        if api_version == _CORE and kind in _ALWAYS_THERE:
            return _ALWAYS_THERE[kind]
        self._load({api_version})
        return self._versions[api_version].get(kind)

    def find_group_kind(self, group_kind: str) -> Resource | None:
        """Return the resource of ``Kind.group`` in a version known already, else in the first that the server prefers.

        A group may have kinds that are not in its preferred version: of ``kuadrant.io``, v1 lacks Kuadrant itself.
        """
        kind, _dot, group = group_kind.partition(".")
        for known in list(self._versions.values()):  # Another thread may add one meanwhile.
            resource = known.get(kind)
            if resource is not None and resource.group == group:
                return resource
        if not group:
            return self.find("v1", kind)
        answer = self._api.get(f"/apis/{group}") or {}
        versions = [item["groupVersion"] for item in answer.get("versions", [])]  # The preferred one comes first.
        found = (self.find(api_version, kind) for api_version in versions)
        return next((resource for resource in found if resource is not None), None)

    def forget(self, api_version: str) -> None:
        """Look an API version up anew next time, since its kinds have changed."""
        self._versions.pop(api_version, None)

    def expect(self, api_version: str, kinds: Set[str], patience: float) -> None:
        """Look up new kinds until the server names them; that is a moment after their definitions were established.

        :param patience: seconds after which it is left to whoever needs a kind to say that it is unknown.
        """
        deadline = time.monotonic() + patience
        while True:
            self.forget(api_version)
            self._load({api_version})
            if kinds <= set(self._versions[api_version]) or time.monotonic() > deadline:
                return
            time.sleep(_DISCOVERY_PAUSE_SECONDS)

    def _read(self, api_version: str) -> dict[str, Resource]:
        prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        answer = self._api.get(prefix) or {"resources": []}
        group, _slash, version = api_version.rpartition("/")
        return {
            item["kind"]: Resource(prefix, item["name"], item["kind"], group, version, item["namespaced"])
            for item in answer["resources"]
            if "/" not in item["name"]
        }


def namespaced_resources(api: Api) -> list[Resource]:
    """Return every kind that lives in namespaces and can be listed and deleted, each in its preferred version."""
    found: dict[tuple[str, str], Resource] = {}
    for answer in concurrently(lambda path: api.request("GET", path, accept=_AGGREGATED), ["/api", "/apis"]):
        for group in answer.get("items", []):
            name = group.get("metadata", {}).get("name", "")
            for version in group.get("versions", []):
                for resource in _listable(name, version):
                    found.setdefault((resource.group, resource.plural), resource)
    return list(found.values())


def _listable(group: str, version: dict[str, Any]) -> list[Resource]:
    api_version = f"{group}/{version['version']}" if group else version["version"]
    prefix = f"/apis/{api_version}" if group else f"/api/{api_version}"
    return [
        Resource(prefix, item["resource"], item["responseKind"]["kind"], group, version["version"], True)
        for item in version.get("resources", [])
        if item.get("scope") == "Namespaced" and {"list", "delete"} <= set(item.get("verbs", []))
    ]
