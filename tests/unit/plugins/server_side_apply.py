# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the API server's side of server-side apply, as far as it shows in one object and its managedFields.

What sort a list or map is, a real server knows from the schema; here the first word of its name tells: ``keyed`` lists
have entries told apart by ``name``, ``set`` lists hold plain values, ``atomic`` lists and ``whole`` maps are one value.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.ownership import MANAGER, WHOLLY_OURS
from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import group_kind

Object = dict[str, Any]
Path = tuple[str | int, ...]
REMOVED: Any = object()


def applied(wanted: Object) -> Object:
    """Return the object as a server holds it after our apply: with defaults of its own, and what is ours noted down."""
    live = _with_defaults(wanted)
    owned = _fields({name: value for name, value in wanted.items() if name not in ("apiVersion", "kind")}, "")
    for name in ("f:name", "f:namespace"):
        owned["f:metadata"].pop(name, None)
    # Of a spec that is ours wholly, nobody else owns anything after our write.
    theirs = "f:metadata" if group_kind(wanted) in WHOLLY_OURS else "f:spec"
    other = {"manager": "somebody-else", "operation": "Update", "fieldsV1": {theirs: {"f:defaulted": {}}}}
    live["metadata"]["managedFields"] = [other, {"manager": MANAGER, "operation": "Apply", "fieldsV1": owned}]
    live["metadata"].update({"uid": "0000", "resourceVersion": "1", "generation": 1})
    return live


def _with_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{name: _with_defaults(item) for name, item in value.items()}, "defaulted": "by the server"}
    return [_with_defaults(item) for item in value] if isinstance(value, list) else copy.deepcopy(value)


def _fields(value: Any, name: str) -> Object:
    if isinstance(value, dict) and not name.startswith("whole"):
        return {f"f:{key}": _fields(item, key) for key, item in value.items() if not _leaves_no_trace(key, item)}
    if isinstance(value, list) and name.startswith("keyed"):
        return {_entry(item): {".": {}, **_fields(item, "")} for item in value}
    if isinstance(value, list) and name.startswith("set"):
        return {_element(item): {} for item in value}
    return {}


def _leaves_no_trace(name: str, value: Any) -> bool:
    return value == [] and name.startswith(("keyed", "set"))


def _entry(item: Object) -> str:
    return "k:" + json.dumps({"name": item["name"]}, separators=(",", ":"))


def _element(item: Any) -> str:
    # Go escapes these three as well.
    text = json.dumps(item, ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f"v:{text}"


def leaves(wanted: Any, name: str = "", path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value that can be changed or removed by itself."""
    steps = wanted.items() if isinstance(wanted, dict) else enumerate(wanted) if isinstance(wanted, list) else ()
    below = [leaf for step, item in steps for leaf in leaves(item, str(step), (*path, step))]
    if not below and not _leaves_no_trace(name, wanted):
        yield path
    yield from below


def changed_by_somebody(live: Object, path: Path, value: Any, takes_over: bool = True) -> Object:
    """Return ``live`` after somebody else set the value at ``path``, or ``REMOVED`` it.

    :param takes_over: whether the server took our ownership away, as it does for all requests but our own.
    """
    live = copy.deepcopy(live)
    if takes_over:
        _disown(live["metadata"]["managedFields"][1]["fieldsV1"], live, path)
    place: Any = live
    for step in path[:-1]:
        place = place[step]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return live


def _disown(fields: Object, place: Any, path: Path) -> None:
    """Remove the deepest thing of ours that covers the path, and what then holds nothing of ours any more."""
    step, *rest = path
    if isinstance(step, str):
        name = f"f:{step}"
    else:
        name = _entry(place[step]) if isinstance(place[step], dict) else _element(place[step])
    if fields[name]:
        _disown(fields[name], place[step], tuple(rest))
    if not fields[name]:
        del fields[name]


def in_words(path: Path) -> str:
    """Return the path as messages name it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_PLAIN = st.recursive(_SCALARS, lambda inner: st.dictionaries(st.text(), inner, max_size=2), max_leaves=3)
_UNIQUE = st.lists(st.integers() | st.text(), max_size=3, unique_by=json.dumps)


def _with_fields(inner: st.SearchStrategy[Object]) -> st.SearchStrategy[Object]:
    named = st.tuples(st.text(), inner).map(lambda found: {**found[1], "name": found[0]})
    return st.fixed_dictionaries(
        {},
        optional={
            "text": _SCALARS,
            "map": inner,
            "labels": st.dictionaries(st.text(), st.text(), max_size=3),
            "keyed": st.lists(named, max_size=3, unique_by=lambda item: item["name"]),
            "set": _UNIQUE,
            "atomic": st.lists(_PLAIN, max_size=3),
            "whole": st.dictionaries(st.text(), _SCALARS, max_size=3),
        },
    )


_SPECS = st.recursive(
    st.fixed_dictionaries({}, optional={"text": _SCALARS, "size": _SCALARS}), _with_fields, max_leaves=8
)


@st.composite
def manifests(draw: st.DrawFn) -> Object:
    """Draw an object of any kind."""
    metadata: Object = {"name": draw(st.sampled_from("abcdef"))}
    if draw(st.booleans()):
        metadata["namespace"] = draw(st.sampled_from(["one", "two"]))
    if draw(st.booleans()):
        metadata["labels"] = draw(st.dictionaries(st.text(min_size=1), st.text(), max_size=2))
    api_version = draw(st.sampled_from(["v1", "example.org/v1"]))
    return {"apiVersion": api_version, "kind": draw(st.sampled_from(["Thing", "Other"])), "metadata": metadata} | draw(
        st.just({}) | _SPECS.map(lambda spec: {"spec": spec})
    )
