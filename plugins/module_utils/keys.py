# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which API keys there are to be, which values they have, and what is wrong with those that exist. Pure.

A value is made once and then kept: every run reads it from the Secret that is there. A user who moves to another team
gets a new Secret with the old value; the old Secret goes only when the new one is there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .applyset import PART_OF_LABEL, Parent
from .errors import ForeignObjectError, MaasError
from .intent.platform import Platform
from .ownership import MANAGER
from .plan import ADOPTED_ANNOTATION, APPLIED_ANNOTATION, Action, Step, key_of
from .render.cel import KEY_ANNOTATION, TEAM_ANNOTATION, USER_ANNOTATION
from .render.identity import KEY_LABEL
from .render.keys import VALUE_FIELD, WATCHED, WATCHED_LABEL, ApiKey, key_secret

# The keys with which access is verified.
GUESTS = Parent("guests")
# Held as long as they are in use.
VERIFICATION = Parent("verification")

Object = dict[str, Any]
Values = dict[ApiKey, str]

# What a value made by us looks like; nothing weaker is accepted as a key.
_VALUE = re.compile(r"[A-Za-z0-9_-]{48,}")
_SHOWN = 10


class KeysError(MaasError):
    """Secrets of the set hold something that must not be a key."""


@dataclass(frozen=True)
class Decision:
    """The wanted keys with their values, and what has to be written before the set is made so.

    ``generated``: those whose value is new. ``anew``: why Authorino has to read a Secret anew, by key. ``before``:
    Secrets as they have to be for a moment, see :func:`decide`.
    """

    values: Values
    generated: frozenset[ApiKey]
    anew: Mapping[ApiKey, str]
    before: Sequence[Object]


def wanted_keys(platform: Platform) -> list[ApiKey]:
    """Return every key of every user."""
    return [ApiKey(user.name, name, user.team) for user in platform.users for name in user.keys]


def postpone(wanted: Sequence[ApiKey], members: Iterable[Object], known: Container[str]) -> list[ApiKey]:
    """Return the wanted keys, those with their old team that would move to one that the policies do not know yet.

    :param members: the Secrets of the set as they are.
    :param known: the teams that the policies in force admit.
    """
    there = {key.owner: key for obj in members if (key := key_in(obj)) is not None}
    return [there.get(key.owner, key) if key.team not in known else key for key in wanted]


def decide(
    wanted: Sequence[ApiKey], members: Iterable[Object], namespace: str, generate: Callable[[], str]
) -> Decision:
    """Return the values of the wanted keys: of the Secret that is there, of the one that is left behind, or new.

    Two kinds of Secrets are written twice. One of which Authorino may know other annotations than it has (it had
    others, or gave its place in the index to another Secret with its value) loses its label for a moment (E34, E37 of
    the measured facts). One that goes, and lacks the label by which Authorino sees that, is given it first (S9).

    :param members: the Secrets of the set as they are, in whatever namespace.
    :raises KeysError: naming Secrets whose values are unusable or not their own.
    """
    there = {(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in members}
    _refuse_duplicates(there.values())
    holders: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for obj in there.values():
        key = key_in(obj)
        if key is not None:
            holders[key.owner].append(obj)
    names = {key: (namespace, key.secret_name) for key in wanted}
    values: Values = {}
    anew: dict[ApiKey, str] = {}
    unusable: list[Object] = []
    for key, name in names.items():
        live = there.get(name)
        source = live or max(holders[key.owner], key=_created, default=None)
        values[key] = _value_of(source, unusable) if source else generate()
        why = _asleep(live, key, holders[key.owner]) if live else ""
        if why:
            anew[key] = why
    _refuse_unusable(unusable)
    kept = set(names.values())
    before = [key_secret(key, values[key], namespace, selected=False) for key in anew]
    before += [_watched(obj) for name, obj in there.items() if name not in kept and not _is_watched(obj)]
    generated = frozenset(key for key in wanted if names[key] not in there and not holders[key.owner])
    return Decision(values, generated, anew, before)


def unseen(members: Iterable[Object]) -> list[Object]:
    """Return the members whose deletion Authorino would not see, as they have to be for it to do so."""
    return [_watched(obj) for obj in members if not _is_watched(obj)]


def by_user(values: Values) -> dict[str, dict[str, str]]:
    """Return the values by user and name of the key."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for key, value in values.items():
        found[key.user][key.name] = value
    return found


def key_in(obj: Object) -> ApiKey | None:
    """Return the key of a Secret, or None where its annotations and its name do not belong together."""
    annotations = obj["metadata"].get("annotations") or {}
    key = ApiKey(*(annotations.get(name, "") for name in (USER_ANNOTATION, KEY_ANNOTATION, TEAM_ANNOTATION)))
    return key if key.secret_name == obj["metadata"]["name"] else None


def value_in(obj: Object) -> str:
    """Return the value in a Secret, or an empty string where it holds none that could be a key."""
    try:
        value = base64.b64decode((obj.get("data") or {}).get(VALUE_FIELD) or "", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return value if _VALUE.fullmatch(value) else ""


def is_copy(obj: Object) -> bool:
    """Say whether somebody made the Secret for one of ours and copied our labels to it."""
    managers = {entry.get("manager") for entry in obj["metadata"].get("managedFields") or []}
    return bool(obj["metadata"].get("ownerReferences")) and MANAGER not in managers


def refuse_foreign(secrets: Sequence[Object]) -> None:
    """Refuse Secrets that the gateway takes for keys and that nobody made here.

    :raises ForeignObjectError: naming them.
    """
    if not secrets:
        return
    lines = [f"- {key_of(_typed(obj))}{_belongs(obj)}" for obj in secrets]
    raise ForeignObjectError(
        f"These Secrets are labelled {KEY_LABEL}, so the gateway would accept keys that nobody made here. Nothing was "
        f"changed.\n{_listed(lines)}\nTake that label from them. To delete one, label it {WATCHED_LABEL}={WATCHED} "
        "before: without it a key may survive its own Secret."
    )


def sentences(steps: Iterable[Step], decision: Decision) -> list[str]:
    """Say in words who gets, loses or moves which key.

    :param steps: those that change something.
    """
    changed = [(key_in(step.wanted or step.live or {}), step) for step in steps]
    left = {key.owner: step for key, step in changed if key is not None and step.action is Action.PRUNE}
    wanted = {key.owner: key for key in decision.values}
    said = {key.owner: f"{_of(key)} is read anew: {why}" for key, why in decision.anew.items()}
    lines = []
    for key, step in changed:
        if key is None:
            lines.append(f"{step.key} holds no key of ours and is {step.action.value}")
        elif step.action is Action.CREATE:
            said[key.owner] = _gets(key, step, left.pop(key.owner, None))
        elif step.action is Action.CHANGE and key not in decision.anew:
            said[key.owner] = f"{_of(key)} is put right: {step.why}"
    for owner, step in left.items():
        key = key_in(step.live or {})
        if key is not None and owner in wanted:
            lines.append(f"{_of(key)} no longer counts for {key.team}, only for {wanted[owner].team}")
        elif key is not None:
            lines.append(f"{key.user}: loses key {key.name} (team {key.team})")
    return sorted([*said.values(), *lines])


def described(secrets: Iterable[Object], set_id: str) -> list[dict[str, Any]]:
    """Return user, team, name, Secret and age of each key, and what is wrong with it; never its value."""
    found = list(secrets)
    duplicates = {id(obj) for group in _duplicates(found) for obj in group}
    entries = []
    for obj in found:
        metadata = obj["metadata"]
        annotations = metadata.get("annotations") or {}
        entries.append(
            {
                "user": annotations.get(USER_ANNOTATION, ""),
                "team": annotations.get(TEAM_ANNOTATION, ""),
                "key": annotations.get(KEY_ANNOTATION, ""),
                "secret": f"{metadata['namespace']}/{metadata['name']}",
                "created": metadata.get("creationTimestamp", ""),
                "problems": list(_problems(obj, set_id, id(obj) in duplicates)),
            }
        )
    return sorted(entries, key=lambda entry: (entry["user"], entry["key"], entry["team"], entry["secret"]))


def _problems(obj: Object, set_id: str, duplicate: bool) -> Iterator[str]:
    labels = obj["metadata"].get("labels") or {}
    if labels.get(PART_OF_LABEL) == GUESTS.set_id:
        yield "guest: made by a verification, and left by it if none is at work; the next run takes it away"
    elif labels.get(PART_OF_LABEL) != set_id or is_copy(obj):
        yield "foreign: nobody made it here"
    elif key_in(obj) is None:
        yield "changed: its name is not that of its user, team and key"
    if duplicate:
        yield "duplicate: another Secret has its value"
    if not value_in(obj):
        yield "unusable: it holds no value of at least 48 URL-safe characters"
    if not _is_watched(obj):
        yield f"unwatched: without {WATCHED_LABEL}={WATCHED} it may survive its own deletion"
    if labels.get(KEY_LABEL) != "true":
        yield f"not selected: without {KEY_LABEL}=true the gateway refuses it"


def _gets(key: ApiKey, step: Step, left: Step | None) -> str:
    former = key_in(left.live or {}) if left else None
    if left is None or former is None:
        return f"{key.user}: gets key {key.name} (team {key.team})"
    if former.team == key.team:
        return f"{_of(key)} moves from namespace {left.key.namespace} to {step.key.namespace}"
    return f"{_of(key)} moves from {former.team} to {key.team}"


def _of(key: ApiKey) -> str:
    return f"{key.user}: key {key.name}"


def _value_of(source: Object, unusable: list[Object]) -> str:
    value = value_in(source)
    if not value:
        unusable.append(source)
    return value


def _created(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def _asleep(live: Object, key: ApiKey, holders: Sequence[Object]) -> str:
    """Return why Authorino may hold something else for this value than the Secret says; empty when it cannot.

    Of several Secrets with one value the one that entered the index last counts. Times have whole seconds, so what
    happened in the second of its creation may have been later.
    """
    if key_in(live) != key:
        return "somebody changed its annotations"
    place = live["metadata"]["namespace"]
    others = [obj for obj in holders if obj is not live and obj["metadata"]["namespace"] == place]
    if any(_touched(other) >= _created(live) for other in others):
        return "a Secret of another team with its value came later"
    return ""


def _touched(obj: Object) -> str:
    """Return when a Secret was last written."""
    times = [str(entry.get("time", "")) for entry in obj["metadata"].get("managedFields") or []]
    return max([_created(obj), *times])


def _is_watched(obj: Object) -> bool:
    return (obj["metadata"].get("labels") or {}).get(WATCHED_LABEL) == WATCHED


def _watched(obj: Object) -> Object:
    """Return a Secret as it is, with the label by which Authorino sees its deletion."""
    metadata = obj["metadata"]
    ours = (APPLIED_ANNOTATION, ADOPTED_ANNOTATION)
    annotations = {name: text for name, text in (metadata.get("annotations") or {}).items() if name not in ours}
    labels = {**(metadata.get("labels") or {}), WATCHED_LABEL: WATCHED}
    kept: Object = {name: obj[name] for name in ("type", "immutable", "data") if name in obj}
    place = {"name": metadata["name"], "namespace": metadata["namespace"]}
    return _typed({**kept, "metadata": {**place, "labels": labels, "annotations": annotations}})


def _typed(obj: Object) -> Object:
    """Return a Secret with apiVersion and kind, which lists leave out."""
    return {**obj, "apiVersion": "v1", "kind": "Secret"}


def _duplicates(secrets: Iterable[Object]) -> Iterator[list[Object]]:
    """Yield Secrets that share a value and are not one key on its way to another team."""
    by_value: dict[str, list[Object]] = defaultdict(list)
    for obj in secrets:
        encoded = (obj.get("data") or {}).get(VALUE_FIELD)
        if encoded:
            by_value[encoded].append(obj)
    for group in by_value.values():
        owners = {key.owner if (key := key_in(obj)) else None for obj in group}
        if len(group) > 1 and (len(owners) > 1 or None in owners):
            yield group


def _refuse_duplicates(secrets: Iterable[Object]) -> None:
    lines = ["- " + " and ".join(str(key_of(_typed(obj))) for obj in group) for group in _duplicates(secrets)]
    if lines:
        raise KeysError(
            "These Secrets hold one and the same API key; whose it is would be a matter of chance. Nothing was "
            f"changed.\n{_listed(lines)}\nDelete them: the next run makes new keys."
        )


def _refuse_unusable(secrets: Sequence[Object]) -> None:
    if secrets:
        lines = [f"- {key_of(_typed(obj))}" for obj in secrets]
        raise KeysError(
            "These Secrets hold no usable API key: at least 48 letters, digits, - and _ are needed. Nothing was "
            f"changed.\n{_listed(lines)}\nDelete them: the next run makes new keys."
        )


def _belongs(obj: Object) -> str:
    owner = (obj["metadata"].get("labels") or {}).get(PART_OF_LABEL)
    return f" belongs to the set {owner}" if owner else ""


def _listed(lines: Sequence[str]) -> str:
    more = f"\n- and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return "\n".join(lines[:_SHOWN]) + more
