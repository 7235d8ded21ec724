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

# A value of none of the types that a rule could ask for in its place.
_WRONG_TYPES = {"string": {}, "integer": "one", "boolean": "perhaps", "object": "text", "array": {}}


def renamed(definition: Object, suffix: str) -> Object:
    """Return the definition in another group, so that both definitions of a kind can be served side by side."""
    spec = {**definition["spec"], "group": f"{definition['spec']['group']}.{suffix}"}
    name = f"{spec['names']['plural']}.{spec['group']}"
    kind = {"apiVersion": definition["apiVersion"], "kind": definition["kind"]}
    return {**kind, "metadata": {"name": name}, "spec": spec}


def schema_of(definition: Object) -> Object:
    """Return the schema of the object's spec."""
    (version,) = definition["spec"]["versions"]
    found: Object = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def changed(thing: Object, place: Place, value: Any) -> Object:
    """Return a copy of the object with another value at a place; MISSING takes it away."""
    result = copy.deepcopy(thing)
    parent = result
    for step in place[:-1]:
        parent = parent.setdefault(step, {}) if isinstance(parent, dict) else parent[step]
    if value is MISSING:
        parent.pop(place[-1], None)
    else:
        parent[place[-1]] = value
    return result


def messages(schema: Any) -> set[str]:
    """Return the messages of all rules in CEL."""
    found = set()
    if isinstance(schema, dict):
        found = {rule["message"] for rule in schema.get("x-kubernetes-validations", ())}
        found |= {text for part in schema.values() for text in messages(part)}
    return found


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
    elif isinstance(value, list):
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


def breaches(schema: Object) -> Iterator[tuple[str, Place, Any]]:
    """Yield what breaks each rule of one value but those in CEL: name of the rule, place below the value, new value."""
    for name in schema.get("required", ()):
        yield f"required {name}", (name,), MISSING
    if "type" in schema:
        yield f"type {schema['type']}", (), _WRONG_TYPES[schema["type"]]
    if schema.get("x-kubernetes-int-or-string"):
        yield "integer or string", (), {}
    yield from ((name, (), value) for name, value in _too_far(schema))


def _too_far(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "enum" in schema:
        yield "enum", "something-else"
    if "pattern" in schema:
        yield "pattern", "!"
    if "minLength" in schema:
        yield "minLength", ""
    if "maxLength" in schema:
        yield "maxLength", "a" * (schema["maxLength"] + 1)
    if "minimum" in schema:
        yield "minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "maximum", schema["maximum"] + 1
    if "minProperties" in schema:
        yield "minProperties", {}
