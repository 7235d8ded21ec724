# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a schema demands, place by place, and values that break each demand."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Object = dict[str, Any]
Place = tuple[Any, ...]

MISSING = object()
# A field that no schema has.
MISSPELT = "noSuchField"

_OPEN = "x-kubernetes-preserve-unknown-fields"
# A value of none of the types that a rule could ask for in its place.
_WRONG_TYPES = {"string": {}, "integer": "one", "boolean": "perhaps", "object": "text", "array": {}}
# Ours may be closed where theirs are open, and say less; our rules in CEL are compared by what they refuse.
_LET_PASS = {"description", _OPEN, "x-kubernetes-validations"}


def narrowed(definition: Object, version: str, suffix: str) -> Object:
    """Return one version of a definition, in another group, so that several definitions of a kind can be served."""
    given = definition["spec"]
    (only,) = (item for item in given["versions"] if item["name"] == version)
    group = f"{given['group']}.{suffix}"
    spec = {
        "group": group,
        "names": {key: value for key, value in given["names"].items() if key not in ("categories", "shortNames")},
        "scope": given["scope"],
        "versions": [_without_descriptions({**only, "served": True, "storage": True})],
    }
    metadata = {"name": f"{given['names']['plural']}.{group}"}
    return {"apiVersion": definition["apiVersion"], "kind": definition["kind"], "metadata": metadata, "spec": spec}


def _without_descriptions(schema: Any) -> Any:
    """Return a schema without its texts: they are half of it, and the server takes seconds to read them."""
    if isinstance(schema, dict):
        # A mapping under this name is a property that is called so.
        return {
            key: _without_descriptions(inner)
            for key, inner in schema.items()
            if key != "description" or isinstance(inner, dict)
        }
    return [_without_descriptions(inner) for inner in schema] if isinstance(schema, list) else schema


def version_of(definition: Object, name: str) -> Object:
    """Return one version of a definition."""
    (found,) = (item for item in definition["spec"]["versions"] if item["name"] == name)
    return dict(found)


def schema_of(version: Object) -> Object:
    """Return the schema of the object's spec."""
    found: Object = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def differences(ours: Object, theirs: Object, path: str = "") -> Iterator[str]:
    """Name each place where our schema demands, allows or means something else than theirs."""
    for key in sorted({*ours, *theirs} - {"properties", "items", "additionalProperties", "required"} - _LET_PASS):
        if ours.get(key) != theirs.get(key):
            yield f"{path}: {key} is {ours.get(key)!r}, theirs {theirs.get(key)!r}"
    if missing := set(ours.get("required", ())) ^ set(theirs.get("required", ())):
        yield f"{path}: required differs in {sorted(missing)}"
    for name, schema in ours.get("properties", {}).items():
        if name in theirs.get("properties", {}):
            yield from differences(schema, theirs["properties"][name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: not theirs"
    for key, step in (("items", "[]"), ("additionalProperties", ".*")):
        if key in ours and key in theirs:
            yield from differences(ours[key], theirs[key], f"{path}{step}")
        elif key in ours:
            yield f"{path}: {key} is not theirs"


def changed(thing: Object, place: Place, value: Any) -> Object:
    """Return a copy of the object with another value at a place; MISSING takes it away."""
    result = copy.deepcopy(thing)
    parent = result
    for step in place[:-1]:
        parent = parent.setdefault(step, {}) if isinstance(parent, dict) else parent[step]
    if value is MISSING:
        parent.pop(place[-1], None)
    elif isinstance(parent, list) and place[-1] == len(parent):
        parent.append(value)
    else:
        parent[place[-1]] = value
    return result


def misspelt(thing: Object, place: Place) -> Object:
    """Return a copy of the object in which the field at a place has a name that no schema knows."""
    value: Any = thing
    for step in place:
        value = value[step]
    return changed(changed(thing, place, MISSING), (*place[:-1], MISSPELT), value)


def in_cel(schema: Mapping[str, Any]) -> list[str]:
    """Return what the server says when one value breaks a rule in CEL, rule by rule."""
    rules = schema.get("x-kubernetes-validations", ())
    return [rule.get("message") or f"failed rule: {rule['rule'].strip()}" for rule in rules]


def walk(schema: Object, value: Any, place: Place, path: str) -> Iterator[tuple[Object, Any, Place, str]]:
    """Yield every value inside ``value`` with its schema, its place, and the path of that schema."""
    yield schema, value, place, path
    if isinstance(value, dict):
        for key, inner in value.items():
            below = schema.get("properties", {}).get(key)
            if below is not None:
                yield from walk(below, inner, (*place, key), f"{path}.{key}")
            elif "additionalProperties" in schema:
                yield from walk(schema["additionalProperties"], inner, (*place, key), f"{path}.*")
    elif isinstance(value, list) and "items" in schema:
        for index, inner in enumerate(value):
            yield from walk(schema["items"], inner, (*place, index), f"{path}[]")


def paths(schema: Object, path: str) -> set[str]:
    """Return the path of every field that a schema has."""
    found = {path}
    for name, inner in schema.get("properties", {}).items():
        found |= paths(inner, f"{path}.{name}")
    if "additionalProperties" in schema:
        found |= paths(schema["additionalProperties"], f"{path}.*")
    if "items" in schema:
        found |= paths(schema["items"], f"{path}[]")
    return found


def breaches(schema: Object, value: Any) -> Iterator[tuple[str, Place, Any]]:
    """Yield what breaks each rule of one value but those in CEL: name of the rule, place below the value, new value.

    :param value: what obeys the schema, to be made too long or to say something twice.
    """
    for name in schema.get("required", ()):
        # What the server fills in by itself cannot be missing.
        if "default" not in schema.get("properties", {}).get(name, {}):
            yield f"required {name}", (name,), MISSING
    if "type" in schema:
        yield f"type {schema['type']}", (), _WRONG_TYPES[schema["type"]]
    if "properties" in schema and not schema.get(_OPEN):
        yield "closed", (MISSPELT,), "anything"
    if schema.get("x-kubernetes-int-or-string"):
        yield "type integer or string", (), {}
    if schema.get("x-kubernetes-list-type") in ("map", "set"):
        yield "unique", (), [*value, *value]
    yield from ((name, (), other) for name, other in _too_far(schema, value))


def _too_far(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    if "enum" in schema:
        yield "enum", "something-else"
    if "pattern" in schema:
        yield "pattern", "!"
    if schema.get("minLength"):
        yield "minLength", ""
    if "maxLength" in schema:
        yield "maxLength", "a" * (schema["maxLength"] + 1)
    if "minimum" in schema:
        yield "minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "maximum", schema["maximum"] + 1
    if schema.get("minItems"):
        yield "minItems", []
    if "maxItems" in schema:
        yield "maxItems", value[:1] * (schema["maxItems"] + 1)
    if schema.get("minProperties"):
        yield "minProperties", {}
