# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done so that the cluster holds what is wanted, and why. Pure: no cluster, no clock."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .applyset import PART_OF_LABEL
from .errors import ForeignObjectError, ManifestError
from .ownership import added_by_others, differs, our_fields
from .readiness import group_kind
from .render.objects import SHARED_LABEL
from .secret import encoded

Object = dict[str, Any]

# What we applied last, as a hash: inside lists that the server treats as one value, nothing else shows that a field
# which we no longer want was ours and not the server's default.
APPLIED_ANNOTATION = "maas-billing.platform/applied"
# The object was there before us: it is released, not deleted, when it leaves the set.
ADOPTED_ANNOTATION = "maas-billing.platform/adopted"
# By this its owner says that we may take over an object: a namespace that was made for us, with our rights in it.
OFFERED_ANNOTATION = "maas-billing.platform/offered"

_DEFINITION = "CustomResourceDefinition.apiextensions.k8s.io"
_FIRST = ("Namespace", _DEFINITION)
_EARLY = {"ServiceAccount", "ConfigMap", "Secret", "PersistentVolumeClaim"}
# Kuadrant makes its parts itself where they are missing: ours have to be there before it, and to go after it.
_LAST = {"HTTPRoute.gateway.networking.k8s.io", "Kuadrant.kuadrant.io"}
PHASES = 5


@dataclass(frozen=True, order=True)
class Key:
    """What makes an object the same one in two readings; the API version does not."""

    group_kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = self.group_kind.partition(".")[0]
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


class Action(str, Enum):
    """What happens to one object."""

    CREATE = "created"
    CHANGE = "changed"
    ADOPT = "adopted"
    PRUNE = "removed"
    RELEASE = "released"
    KEEP = "kept"
    LEAVE = "unchanged"


@dataclass(frozen=True)
class Step:
    """One object, what happens to it, and why."""

    key: Key
    action: Action
    why: str
    wanted: Object | None = None
    live: Object | None = None

    @property
    def writes(self) -> bool:
        return self.action not in (Action.KEEP, Action.LEAVE)


def key_of(obj: Mapping[str, Any]) -> Key:
    """Return the key of an object."""
    metadata = obj["metadata"]
    return Key(group_kind(obj), metadata.get("namespace") or "", metadata["name"])


def phase(kind: str) -> int:
    """Return when objects of a kind (``Kind.group``) are applied, 0 first; removal goes the other way."""
    if kind in _FIRST:
        return _FIRST.index(kind)
    if kind in _EARLY or kind.endswith(".rbac.authorization.k8s.io"):
        return 2
    return 4 if kind in _LAST else 3


def prepare(manifests: Iterable[Mapping[str, Any]], set_id: str) -> dict[Key, Object]:
    """Return the wanted objects by key, as they are sent: labelled as members, without what only a server writes.

    :raises ManifestError: for what is not an object, and for an object given twice.
    """
    wanted: dict[Key, Object] = {}
    for index, given in enumerate(manifests):
        obj = _clean(given, index)
        key = key_of(obj)
        if key in wanted:
            raise ManifestError(f"{key} is given twice; give each object once.")
        metadata = obj["metadata"]
        metadata["annotations"] = {**(metadata.get("annotations") or {}), APPLIED_ANNOTATION: _digest(obj)}
        metadata["labels"] = {**(metadata.get("labels") or {}), PART_OF_LABEL: set_id}
        wanted[key] = obj
    return wanted


def _clean(given: Mapping[str, Any], index: int) -> Object:
    if not _is_object(given):
        raise ManifestError(
            f"objects[{index}] is not a Kubernetes object: apiVersion, kind and metadata.name are needed, as texts, "
            "and labels and annotations as mappings."
        )
    try:
        obj: Object = json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ManifestError(
            f"{key_of(given)} holds a value that no Kubernetes object can hold: {error}. Quote what is meant as text."
        ) from error
    obj.pop("status", None)
    for field in ("creationTimestamp", "managedFields", "resourceVersion", "uid", "generation"):
        obj["metadata"].pop(field, None)
    if obj["kind"] == "Secret" and obj["apiVersion"] == "v1":
        obj["data"] = encoded(obj.get("data"), obj.pop("stringData", None), str(key_of(obj)))
    return obj


def _is_object(given: Any) -> bool:
    metadata = given.get("metadata") if isinstance(given, Mapping) else None
    if not isinstance(metadata, Mapping):
        return False
    names = (given.get("apiVersion"), given.get("kind"), metadata.get("name"), metadata.get("namespace") or "-")
    marks = (metadata.get("labels") or {}, metadata.get("annotations") or {})
    return all(isinstance(name, str) and name for name in names) and all(isinstance(mark, Mapping) for mark in marks)


def _digest(obj: Object) -> str:
    return hashlib.sha256(json.dumps(obj, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]


def plan(wanted: Mapping[Key, Object], live: Mapping[Key, Object], set_id: str, adopt: bool, prune: bool) -> list[Step]:
    """Compare what is wanted with what is there.

    :param live: the members of the set, and those wanted objects that exist without being members.
    :raises ForeignObjectError: naming every wanted object that belongs to somebody else.
    """
    foreign = foreign_among(wanted, live, set_id, adopt)
    if foreign:
        raise _foreign(foreign, live, adopt)
    steps = [_step(key, obj, live.get(key), set_id) for key, obj in wanted.items()]
    left = {key: obj for key, obj in live.items() if key not in wanted}
    if not prune:
        return steps + [Step(key, Action.KEEP, "prune is off", live=obj) for key, obj in left.items()]
    return steps + [leaving(key, obj) for key, obj in left.items()]


def foreign_among(wanted: Iterable[Key], live: Mapping[Key, Object], set_id: str, adopt: bool) -> list[Key]:
    """Return those wanted objects that exist and belong to somebody else."""
    return [key for key in wanted if key in live and not _may_take(live[key], set_id, adopt)]


def leaving(key: Key, obj: Object, remove_shared: bool = False) -> Step:
    """Return what happens to a member that is no longer wanted."""
    metadata = obj["metadata"]
    shared = key.group_kind == _DEFINITION or (metadata.get("labels") or {}).get(SHARED_LABEL) == "true"
    if shared and not remove_shared:
        return Step(key, Action.KEEP, "others may use it too", live=obj)
    if ADOPTED_ANNOTATION in (metadata.get("annotations") or {}):
        return Step(key, Action.RELEASE, "it was there before us", live=obj)
    return Step(key, Action.PRUNE, "it is no longer in the set", live=obj)


def _member_of(obj: Object) -> str:
    return str((obj["metadata"].get("labels") or {}).get(PART_OF_LABEL, ""))


def _may_take(live: Object, set_id: str, adopt: bool) -> bool:
    member_of = _member_of(live)
    offered = (live["metadata"].get("annotations") or {}).get(OFFERED_ANNOTATION) == "true"
    return member_of == set_id or ((adopt or offered) and not member_of)


def _foreign(keys: Sequence[Key], live: Mapping[Key, Object], adopt: bool) -> ForeignObjectError:
    lines = []
    for key in keys:
        owner = _member_of(live[key])
        lines.append(f"- {key}" + (f" belongs to the set {owner}" if owner else ""))
    takeable = not adopt and not any(_member_of(live[key]) for key in keys)
    cure = "Choose other names or namespaces" + (
        ", or take them over with adopt: true (in the inventory, maas_adopt: true)." if takeable else "."
    )
    return ForeignObjectError(
        "These objects exist already and are not ours; they were left alone:\n" + "\n".join(lines) + f"\n{cure}"
    )


def _step(key: Key, wanted: Object, live: Object | None, set_id: str) -> Step:
    if live is None:
        return Step(key, Action.CREATE, "it does not exist", wanted)
    adopted = _member_of(live) != set_id
    if adopted or ADOPTED_ANNOTATION in (live["metadata"].get("annotations") or {}):
        wanted = copy.deepcopy(wanted)
        wanted["metadata"]["annotations"][ADOPTED_ANNOTATION] = "true"
    if adopted:
        return Step(key, Action.ADOPT, "it exists and is taken over", wanted, live)
    why = difference(wanted, live)
    return Step(key, Action.CHANGE if why else Action.LEAVE, why, wanted, live)


def difference(wanted: Object, live: Object) -> str:
    """Return why ``live`` is not what we applied; empty when we own exactly these fields with these values.

    Of a policy that is ours wholly nobody else may own a field of the spec either.
    """
    if live["metadata"].get("deletionTimestamp"):
        return "it is being deleted"
    annotations = live["metadata"].get("annotations") or {}
    if annotations.get(APPLIED_ANNOTATION) != wanted["metadata"]["annotations"][APPLIED_ANNOTATION]:
        return "the inventory changed"
    fields = our_fields(live)
    if fields is None:
        return "somebody else took it over"
    body = {name: value for name, value in wanted.items() if name not in ("apiVersion", "kind")}
    body["metadata"] = {name: value for name, value in wanted["metadata"].items() if name not in ("name", "namespace")}
    path = differs(body, live, fields, "")
    if path:
        return f"somebody changed {path}"
    path = added_by_others(live)
    return f"somebody added {path}" if path else ""


_SERVER_FIELDS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


def visible(obj: Mapping[str, Any], secret_as: str = "(hidden)") -> Object:
    """Return what a person may want to see in a diff: no server bookkeeping, no status, no secret, no long schema."""
    shown: Object = {name: copy.deepcopy(value) for name, value in obj.items() if name != "status"}
    shown["metadata"] = {name: value for name, value in shown["metadata"].items() if name not in _SERVER_FIELDS}
    annotations = shown["metadata"].get("annotations")
    if annotations is not None:
        annotations.pop(APPLIED_ANNOTATION, None)
        # kubectl keeps a copy of the whole object there, of a Secret too.
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        if not annotations:
            del shown["metadata"]["annotations"]
    if shown.get("kind") == "Secret":
        for field in ("data", "stringData"):
            if field in shown:
                shown[field] = dict.fromkeys(shown[field], secret_as)
    if shown.get("kind") == "CustomResourceDefinition":
        for version in shown["spec"]["versions"]:
            version["schema"] = f"(hidden, sha256 {_digest(version.get('schema', {}))})"
    return shown


def same_content(before: Object | None, after: Object | None) -> bool:
    """Say whether a write changed anything but bookkeeping (a server-side apply may only bump resourceVersion)."""

    def content(obj: Object | None) -> Object:
        if obj is None:
            return {}
        kept = {name: value for name, value in obj.items() if name != "status"}
        kept["metadata"] = {name: value for name, value in obj["metadata"].items() if name not in _SERVER_FIELDS}
        return kept

    return content(before) == content(after)
