# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who owns which field of a live object, as the server notes it down in ``managedFields``. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .quantity import same_value
from .readiness import group_kind

Object = dict[str, Any]
Fields = Mapping[str, Any]

MANAGER = "maas_billing.platform"
# Of these the spec is ours wholly: one rule or limit more, and the gateway lets in whom it should not. Of all other
# objects, fields that others own beside ours are none of our business.
WHOLLY_OURS = {
    "AuthPolicy.kuadrant.io",
    "RateLimitPolicy.kuadrant.io",
    "TokenRateLimitPolicy.kuadrant.io",
    "TelemetryPolicy.extensions.kuadrant.io",
}


def added_by_others(live: Object) -> str:
    """Return the path of the first field that somebody else added to the spec of a policy of ours, or an empty string.

    Defaults of the server belong to nobody, and what others own together with us is as we want it.
    """
    if group_kind(live) not in WHOLLY_OURS:
        return ""
    ours = (our_fields(live) or {}).get("f:spec", {})
    theirs = (entry.get("fieldsV1") or {} for entry in _entries(live) if not _is_ours(entry))
    return next((path for fields in theirs if (path := _beyond(fields.get("f:spec", {}), ours, "spec"))), "")


def wholly_ours(wanted: Object, live: Object) -> Object:
    """Return ``live`` as it has to be for the spec of ``wanted`` to be all there is, and nobody's but ours.

    :param live: what we have just applied, so ``wanted`` is in it and we own that.
    """
    entries = [
        entry if _is_ours(entry) or entry.get("subresource") else {**entry, "fieldsV1": _without_spec(entry)}
        for entry in live["metadata"]["managedFields"]
    ]
    kept = [entry for entry in entries if entry.get("fieldsV1")]
    return {**live, "metadata": {**live["metadata"], "managedFields": kept}, "spec": wanted["spec"]}


def our_fields(live: Object) -> Fields | None:
    """Return the FieldsV1 tree of what we applied; None where we own nothing any more."""
    return next((entry.get("fieldsV1") or {} for entry in _entries(live) if _is_ours(entry)), None)


def _entries(live: Object) -> list[Object]:
    """Return who owns what, without the owners of subresources such as the status."""
    return [entry for entry in live["metadata"].get("managedFields") or [] if not entry.get("subresource")]


def _is_ours(entry: Object) -> bool:
    """Only what we applied is what we want; under our name somebody may have done anything else."""
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply"


def _without_spec(entry: Object) -> Object:
    return {name: tree for name, tree in (entry.get("fieldsV1") or {}).items() if name != "f:spec"}


def _beyond(theirs: Fields, ours: Fields, path: str) -> str:
    """Return the path of the first field in the tree ``theirs`` that is not in ``ours``, or an empty string."""
    for name, below in theirs.items():
        if name == ".":
            continue
        sort, _colon, named = name.partition(":")
        here = f"{path}.{named}" if sort == "f" else f"{path}[{named}]"
        if name not in ours:
            return here
        found = _beyond(below, ours[name], here)
        if found:
            return found
    return ""


def predicted(wanted: Object | None, live: Object | None) -> Object | None:
    """Return an object as applying ``wanted`` would leave it, as far as a comparison can tell without the server.

    Where the live one holds all of it, and nobody added what has to go, only owners would be noted down anew.
    """
    if wanted is None or live is None or added_by_others(live) or _missing(wanted, live, ""):
        return wanted
    return live


def differs(wanted: Any, live: Any, fields: Mapping[str, Any], path: str) -> str:
    """Return the path of the first wanted value that is not ours or not there, or an empty string.

    ``fields`` is the FieldsV1 tree of what we own here; an empty tree means that the value is ours as a whole, with
    whatever the server's defaults add to it.
    """
    if not fields:
        return _missing(wanted, live, path)
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for name, value in wanted.items():
            below = f"{path}.{name}" if path else str(name)
            owned = fields.get(f"f:{name}")
            # An empty list of entries with keys has nothing in it that could be ours.
            if owned is None and (value != [] or live.get(name)):
                return _missing(value, live.get(name), below) or below
            found = differs(value, live.get(name), owned or {}, below)
            if found:
                return found
        return ""
    if isinstance(wanted, list) and isinstance(live, list):
        return _list_differs(wanted, live, fields, path)
    return path


def _list_differs(wanted: list[Any], live: list[Any], fields: Mapping[str, Any], path: str) -> str:
    """Compare a list whose entries the server tells apart by keys (``k:``) or by value (``v:``)."""
    for index, item in enumerate(wanted):
        below = f"{path}[{index}]"
        if not isinstance(item, Mapping):
            if item not in live or item not in [json.loads(name[2:]) for name in fields if name.startswith("v:")]:
                return below
            continue
        entry = _entry(item, wanted, fields)
        match = next((other for other in live if entry and _has_keys(other, entry[0])), None)
        if entry is None or match is None:
            return below
        found = differs(item, match, {name: tree for name, tree in entry[1].items() if name != "."}, below)
        if found:
            return found
    return ""


def _entry(
    item: Mapping[str, Any], wanted: list[Any], fields: Mapping[str, Any]
) -> tuple[dict[str, Any], Mapping[str, Any]] | None:
    """Return keys and tree of the owned entry that stands for ``item``.

    Keys that it leaves out are defaults of the server, which we do not know; but no entry stands for two items.
    """
    for name, tree in fields.items():
        if name.startswith("k:"):
            keys = json.loads(name[2:])
            if all(item.get(key, value) == value for key, value in keys.items()) and not any(
                other is not item and _has_keys(other, keys) for other in wanted
            ):
                return keys, tree
    return None


def _has_keys(item: Any, keys: Mapping[str, Any]) -> bool:
    return isinstance(item, Mapping) and all(item.get(key) == value for key, value in keys.items())


def _missing(wanted: Any, live: Any, path: str) -> str:
    """Return the path of the first wanted value that ``live`` does not hold, or an empty string."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        below = ((f"{path}.{name}" if path else str(name), name) for name in wanted)
        return next((found for here, name in below if (found := _missing(wanted[name], live.get(name), here))), "")
    return "" if _holds(live, wanted, any(name in _QUANTITIES for name in re.split(r"[.\[]", path))) else path


# Fields below which the server rewrites quantities; anywhere else "1.0" and "1" are different texts.
_QUANTITIES = {"requests", "limits", "capacity", "hard", "sizeLimit", "divisor", "averageValue", "overhead"}
_EMPTY: tuple[Any, ...] = (None, "", 0, False, [], {})


def _holds(live: Any, wanted: Any, quantities: bool = False) -> bool:
    """Say whether ``live`` is ``wanted``, perhaps with more fields (defaults) in its mappings.

    The server leaves out some empty values that it was given, or writes them as null.
    """
    if live is None or wanted is None:
        return live in _EMPTY and wanted in _EMPTY
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _holds(live.get(name), value, quantities or name in _QUANTITIES) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(_holds(one, other, quantities) for one, other in zip(live, wanted))
        )
    return same_value(live, wanted) if quantities else bool(live == wanted)
