# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for objects with watches: until they are in force, or gone. Bounded, and says what it waited for."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Callable, Optional

from ..errors import ApiError, NotReadyError
from ..plan import Key, key_of
from ..readiness import explain, is_ready
from .api import Api, Object, concurrently
from .inspection import look_around
from .resources import Resource, Resources

# Controllers take well below a second when they are not busy.
_NOTICE_SECONDS = 5.0
_PATIENCE = "Run again when the cause is gone. What only needs longer gets it by wait_timeout (maas_wait_timeout)."


def until_ready(api: Api, resources: Resources, known: Mapping[Key, Object], timeout: float) -> dict[Key, Object]:
    """Wait until all objects are in force and return them as last seen.

    :param known: the objects as they were last read, complete with apiVersion.
    :raises NotReadyError: naming each that is not, with its own conditions and the likely cure.
    """
    last = dict(known)
    unready = {key: obj for key, obj in known.items() if not is_ready(obj)}
    last.update(_follow(api, resources, unready, timeout, lambda obj: obj is not None and is_ready(obj)))
    late = [key for key in unready if not is_ready(last[key])]
    if late:
        beside = look_around(api, {key: last[key] for key in late})
        raise NotReadyError(
            f"{len(late)} of {len(known)} objects are not ready after {timeout:.0f} s:\n"
            + "\n".join(f"- {key}:\n{explain(last[key], beside[key])}" for key in late)
            + f"\n{_PATIENCE}"
        )
    return last


def until_noticed(api: Api, resources: Resources, changed: Mapping[Key, Object]) -> dict[Key, Object]:
    """Wait until controllers have seen what was changed, and return it as it is then.

    For kinds whose status does not tell which generation it describes: until they say something new, what they say is
    of the past. A change about which there is nothing to say is waited for in vain, so only for a moment.

    :param changed: the objects as they were when they were written.
    """
    before = {key: _observed(obj) for key, obj in changed.items()}
    return _follow(
        api, resources, changed, _NOTICE_SECONDS, lambda obj: obj is None or _observed(obj) != before[key_of(obj)]
    )


def _observed(obj: Object) -> object:
    return (obj.get("status") or {}).get("observedGeneration")


def until_gone(api: Api, resources: Resources, known: Mapping[Key, Object], timeout: float) -> None:
    """Wait until none of the objects exists.

    :raises NotReadyError: naming each that still does, and what holds it.
    """
    seen = _follow(api, resources, known, timeout, lambda obj: obj is None)
    if seen:
        raise NotReadyError(
            f"{'1 object is' if len(seen) == 1 else f'{len(seen)} objects are'} still there after {timeout:.0f} s:\n"
            + "\n".join(f"- {key}:\n{explain(obj)}" for key, obj in seen.items())
            + f"\n{_PATIENCE}"
        )


Done = Callable[[Optional[Object]], bool]


def _follow(
    api: Api, resources: Resources, objects: Mapping[Key, Object], timeout: float, done: Done
) -> dict[Key, Object]:
    """Follow objects until ``done`` holds for each or time is up; return those that exist, as last seen."""
    places: dict[tuple[Resource, str], set[Key]] = defaultdict(set)
    for key, obj in objects.items():
        resource = resources.find(obj["apiVersion"], obj["kind"])
        if resource is not None:
            places[(resource, key.namespace)].add(key)
    deadline = time.monotonic() + timeout
    found: dict[Key, Object] = {}
    for part in concurrently(lambda place: _follow_place(api, place[0], place[1], deadline, done), places.items()):
        found.update(part)
    return found


def _follow_place(
    api: Api, place: tuple[Resource, str], keys: Iterable[Key], deadline: float, done: Done
) -> dict[Key, Object]:
    """Follow some objects of one kind in one namespace: list, then watch, again when the watch ends."""
    resource, namespace = place
    by_name = {key.name: key for key in keys}
    state: dict[str, Object | None] = {}
    while True:
        try:
            listed = api.list(resource.collection(namespace), name=_only(by_name))
        except ApiError as error:
            if error.status == 404:  # The kind itself is gone, and its objects with it.
                return {}
            raise
        state = dict.fromkeys(by_name)
        for item in listed["items"]:
            if item["metadata"]["name"] in state:
                state[item["metadata"]["name"]] = _typed(item, resource)
        pending = {name for name, obj in state.items() if not done(obj)}
        version = listed["metadata"]["resourceVersion"]
        left = deadline - time.monotonic()
        if pending and left > 0:
            _watch(api, resource, namespace, version, left, state, pending, done)
        if not pending or deadline - time.monotonic() <= 0:
            return {by_name[name]: obj for name, obj in state.items() if obj is not None}


def _watch(
    api: Api,
    resource: Resource,
    namespace: str,
    version: str,
    seconds: float,
    state: dict[str, Object | None],
    pending: set[str],
    done: Done,
) -> None:
    for event in api.watch(resource.collection(namespace), version, "", seconds, _only(state)):
        if event["type"] == "ERROR":
            return
        name = event["object"].get("metadata", {}).get("name", "")
        if name not in state:
            continue
        state[name] = None if event["type"] == "DELETED" else _typed(event["object"], resource)
        if done(state[name]):
            pending.discard(name)
        else:
            pending.add(name)
        if not pending:
            return


def _only(names: Mapping[str, object]) -> str:
    """Return the one name, or an empty string: one object is asked for by name, which takes no right on others."""
    return next(iter(names)) if len(names) == 1 else ""


def _typed(item: Object, resource: Resource) -> Object:
    """Return the item with apiVersion and kind, which lists leave out."""
    return {**item, "apiVersion": resource.api_version, "kind": resource.kind}
