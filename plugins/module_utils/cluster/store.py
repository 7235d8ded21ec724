# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the members of a set, and writing one step of a plan."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..applyset import HERE_ANNOTATION, ID_LABEL, PART_OF_LABEL, Parent, kinds_of, namespaces_of
from ..errors import ApiError
from ..ownership import MANAGER, added_by_others, wholly_ours
from ..plan import ADOPTED_ANNOTATION, APPLIED_ANNOTATION, Action, Key, Step, key_of
from .api import Api, Object, concurrently, object_path
from .resources import Resource, Resources
from .waiting import until_gone

# There is nothing to watch that tells when a webhook answers.
_WEBHOOK_PAUSE_SECONDS = 1.0
# Above this many unknown objects of a kind one list of names is cheaper than asking for each.
_FEW = 4
# How often what others add is taken away before we give up. One round does, two where defaults are concerned.
_ROUNDS = 6


class Store:
    """The members of one set on one cluster."""

    def __init__(self, api: Api, resources: Resources, parent: Parent, patience: float) -> None:
        self.api = api
        self._patience = patience
        self.resources = resources
        self.parent = parent

    def read_parent(self) -> Object | None:
        """Return the parent as it is, or None before the first run."""
        return self.api.get(object_path("/api/v1", "configmaps", self.parent.namespace, self.parent.object_name))

    def members(self, kinds: Iterable[str], namespaces: Iterable[str]) -> dict[Key, Object]:
        """Return all members of the given kinds; one request for each kind, and namespace where it lives in such.

        Nobody has to be allowed to list Secrets everywhere because of a few in one place.
        """
        known = [resource for kind in kinds if (resource := self.resources.find_group_kind(kind)) is not None]
        inside = sorted(set(namespaces))
        places = [(resource, place) for resource in known for place in (inside if resource.namespaced else [""])]
        found = concurrently(lambda place: self._list(*place), places)
        return {key: obj for part in found for key, obj in part.items()}

    def strangers(self, keys: Iterable[Key]) -> dict[Key, Object]:
        """Return those of the objects that exist, though they are not members."""
        groups: dict[tuple[Resource, str], list[Key]] = defaultdict(list)
        for key in keys:
            resource = self.resources.find_group_kind(key.group_kind)
            if resource is not None:
                groups[(resource, key.namespace)].append(key)
        found = concurrently(lambda group: self._existing(group[0][0], group[0][1], group[1]), groups.items())
        return {key: obj for part in found for key, obj in part.items()}

    def _existing(self, resource: Resource, namespace: str, keys: Sequence[Key]) -> dict[Key, Object]:
        asked = {key.name for key in keys}
        if len(asked) > _FEW:
            names = self.api.list(resource.collection(namespace), metadata_only=True)["items"]
            asked &= {item["metadata"]["name"] for item in names}
        objects = concurrently(lambda name: self.api.get(resource.path(namespace, name)), sorted(asked))
        return {key_of(obj): obj for obj in objects if obj is not None}

    def _list(self, resource: Resource, namespace: str) -> dict[Key, Object]:
        items = self.api.list(resource.collection(namespace), f"{PART_OF_LABEL}={self.parent.set_id}")["items"]
        items = [item for item in items if not _is_copy(item)]
        typed = [{**item, "apiVersion": resource.api_version, "kind": resource.kind} for item in items]
        return {key_of(obj): obj for obj in typed}

    def write(self, step: Step, dry_run: bool) -> Object | None:
        """Carry out one step and return the object as it then is; None when it is gone.

        In a dry run the server checks and answers without changing anything. Where it cannot know yet (kind or
        namespace come with this very set) what is wanted is the prediction.
        """
        if step.action is Action.PRUNE:
            self._delete(step, dry_run)
            return None
        if step.action is Action.RELEASE:
            return self._release(step, dry_run)
        wanted = step.wanted or {}
        resource = self.resources.find(wanted["apiVersion"], wanted["kind"])
        if resource is None:
            if dry_run:
                return wanted
            raise ApiError(
                f"The cluster does not know the kind {wanted['kind']} of {wanted['apiVersion']}: "
                "install what brings it first.",
                404,
            )
        try:
            return self._make_so(resource.path(step.key.namespace, step.key.name), wanted, dry_run)
        except ApiError as error:
            if dry_run and (error.status == 404 or error.reason == "NamespaceTerminating"):
                return wanted
            raise

    def _make_so(self, path: str, wanted: Object, dry_run: bool) -> Object:
        """Apply an object, and take away what others added to one that is ours wholly.

        Applying goes first: all that we want is ours then, so the replacement only removes. Where it also gives a field
        its default again, the server notes that down as an update of ours; the next round takes that away too.
        """
        added = ""
        for _round in range(_ROUNDS):
            after = self._apply(path, wanted, dry_run)
            added = added_by_others(after)
            if not added:
                return after
            replaced = self._replace(path, wholly_ours(wanted, after), dry_run)
            if dry_run and replaced is not None:
                return replaced
        raise ApiError(
            f"Somebody adds {added} again as often as it is taken away. Its metadata.managedFields say who: stop that.",
            409,
        )

    def _replace(self, path: str, body: Object, dry_run: bool) -> Object | None:
        """Replace an object; None when somebody wrote meanwhile, as its operator does when it sees what we applied."""
        try:
            return self.api.replace(path, body, MANAGER, dry_run)
        except ApiError as error:
            if error.status != 409:
                raise
            return None

    def _apply(self, path: str, wanted: Object, dry_run: bool) -> Object:
        """Apply an object; an admission webhook that has just been installed is given time to answer."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self.api.apply(path, wanted, MANAGER, True, dry_run)
            except ApiError as error:
                late = error.status == 500 and "failed calling webhook" in str(error)
                if dry_run or not late or time.monotonic() > deadline:
                    raise
                time.sleep(_WEBHOOK_PAUSE_SECONDS)

    def _path(self, step: Step) -> str:
        resource = self.resources.find_group_kind(step.key.group_kind)
        if resource is None:
            raise ApiError(f"The cluster does not know the kind of {step.key} any more.", 404)
        return resource.path(step.key.namespace, step.key.name)

    def _delete(self, step: Step, dry_run: bool) -> None:
        live = step.live or {}
        self.api.delete(self._path(step), live["metadata"]["uid"], dry_run)

    def _release(self, step: Step, dry_run: bool) -> Object:
        ours = {"labels": {PART_OF_LABEL: None}, "annotations": {APPLIED_ANNOTATION: None, ADOPTED_ANNOTATION: None}}
        return self.api.merge(self._path(step), {"metadata": ours}, MANAGER, dry_run)

    def save_parent(self, kinds: Iterable[str], namespaces: Iterable[str], before: Object | None) -> Object:
        """Write the parent where it does not say this already; return it as it is then.

        :param before: the parent as it was read or written last.
        """
        wanted = self.parent.manifest(kinds, namespaces)
        if before is not None:
            live, new = before["metadata"].get("annotations") or {}, wanted["metadata"]["annotations"]
            if all(live.get(name, "") == new.get(name, "") for name in (*new, HERE_ANNOTATION)):
                return before
        path = object_path("/api/v1", "configmaps", self.parent.namespace, self.parent.object_name)
        return self.api.apply(path, wanted, MANAGER, True, False)

    def ensure_namespace(self) -> None:
        """Create the parents' namespace if it is not there."""
        path = object_path("/api/v1", "namespaces", None, self.parent.namespace)
        live = self.api.get(path)
        if live is not None and live["metadata"].get("deletionTimestamp"):
            until_gone(self.api, self.resources, {key_of(live): live}, self._patience)
            live = None
        if live is None:
            labels = {
                "app.kubernetes.io/managed-by": MANAGER,
                "pod-security.kubernetes.io/enforce": "restricted",
            }
            metadata = {"name": self.parent.namespace, "labels": labels}
            self.api.apply(path, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, MANAGER, True, False)

    def delete_parent(self) -> Object | None:
        """Delete the parent. Return its namespace if we made it and no other set, or run on one, needs it any more."""
        self.api.delete(object_path("/api/v1", "configmaps", self.parent.namespace, self.parent.object_name))
        if self.api.list(object_path("/api/v1", "configmaps", self.parent.namespace), ID_LABEL, True)["items"]:
            return None
        leases = self.api.list(object_path("/apis/coordination.k8s.io/v1", "leases", self.parent.namespace), "", True)
        if any(item["metadata"]["name"] != self.parent.object_name for item in leases["items"]):
            return None
        namespace = self.api.get(object_path("/api/v1", "namespaces", None, self.parent.namespace))
        labels = (namespace or {}).get("metadata", {}).get("labels") or {}
        ours = labels.get("app.kubernetes.io/managed-by") == MANAGER and PART_OF_LABEL not in labels
        return namespace if ours else None


def _is_copy(item: Object) -> bool:
    """Say whether a controller made the object for one of ours and copied our labels to it, as Istio and KServe do."""
    metadata = item["metadata"]
    managers = {entry.get("manager") for entry in metadata.get("managedFields") or []}
    return bool(metadata.get("ownerReferences")) and MANAGER not in managers


def kinds_to_read(wanted: Mapping[Key, Object], parent: Object | None) -> list[str]:
    """Return every kind in which a member can be: those wanted, and those that the parent remembers."""
    return sorted({key.group_kind for key in wanted} | set(kinds_of(parent)))


def namespaces_to_read(wanted: Iterable[Key], parent: Object | None) -> set[str]:
    """Return every namespace in which a member can be: those wanted, and those that the parent remembers."""
    return {key.namespace for key in wanted if key.namespace} | set(namespaces_of(parent))
