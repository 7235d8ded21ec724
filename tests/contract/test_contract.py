# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our definitions and all that we send, against the full definitions: the same is accepted and refused by both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform
from tests.contract import rendering
from tests.contract.conftest import Tally
from tests.contract.definitions import (
    Object,
    Place,
    breaches,
    changed,
    differences,
    in_cel,
    misspelt,
    paths,
    schema_of,
    version_of,
    walk,
)
from tests.contract.rules import KINDS, Kind
from tests.contract.served import BUILT_IN, FULL, Served, chart_objects, of_our_writing

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


def fields(kind: Kind, definition: Object, examples: list[Object]) -> Iterator[tuple[Object, Object, Place, Any, str]]:
    """Yield every value in these examples: example, schema, place, value, path of the schema."""
    schema = schema_of(version_of(definition, kind.version))
    for example in examples:
        for inner, value, place, path in walk(schema, example["spec"], ("spec",), "spec"):
            yield example, inner, place, value, path


def breaking(kind: Kind, definition: Object) -> dict[str, Object]:
    """Return an object for each rule of the schema that is not in CEL, by the path and name of the rule."""
    found: dict[str, Object] = {}
    for example, schema, place, value, path in fields(kind, definition, kind.accepted):
        for rule, below, other in breaches(schema, value):
            found.setdefault(f"{path}: {rule}", changed(example, (*place, *below), other))
    return found


def rules_in_cel(kind: Kind, definition: Object) -> dict[tuple[str, int], str]:
    """Return what the server says of each rule in CEL on fields that we use, by its path and its index there."""
    used = ((path, in_cel(schema)) for _, schema, _, _, path in fields(kind, definition, kind.accepted))
    return {(path, index): message for path, said in used for index, message in enumerate(said)}


def compact() -> set[str]:
    """Return the names of the definitions that are of our writing."""
    items = (item for chart in of_our_writing() for item in chart_objects(chart))
    return {item["metadata"]["name"] for item in items if item["kind"] == "CustomResourceDefinition"}


# -- Nothing is left out -----------------------------------------------------------------------------------------------


def test_every_kind_that_we_define_or_send_is_compared(rendered: dict[str, list[Object]]) -> None:
    assert set(rendered) <= {*KINDS, *BUILT_IN}
    assert {kind.definition for kind in KINDS.values() if kind.name not in rendered} <= compact()
    assert compact() <= {kind.definition for kind in KINDS.values()}


def test_every_option_is_used(platforms: list[Platform]) -> None:
    assert set(rendering.options(Platform)) - {name for item in platforms for name in rendering.used(item)} == set()


def test_roles_write_no_object_that_we_do_not_know() -> None:
    assert [said.get("kind") for said in rendering.written_in_roles()] == ["Deployment"]


@each_kind
def test_the_examples_use_every_field(kind: Kind, ours: dict[str, Object], rendered: dict[str, list[Object]]) -> None:
    definition = ours[kind.name]
    used = {path for *_, path in fields(kind, definition, kind.accepted)}
    needed = {path for *_, path in fields(kind, definition, rendered.get(kind.name, []))}
    if kind.definition in compact():
        needed |= paths(schema_of(version_of(definition, kind.version)), "spec")

    assert needed - used == set()


# -- Both say the same -------------------------------------------------------------------------------------------------


@each_kind
def test_both_have_the_same_names_columns_and_types(
    kind: Kind, ours: dict[str, Object], upstream: dict[str, Object], tally: Tally
) -> None:
    our, their = ours[kind.name]["spec"], upstream[kind.name]["spec"]
    our_version, their_version = (version_of(side[kind.name], kind.version) for side in (ours, upstream))
    found = [key for key in ("group", "names", "scope") if our[key] != their[key]]
    found += [key for key in ("name", "served", "storage") if our_version[key] != their_version[key]]
    found += [key for key in ("subresources",) if our_version.get(key) != their_version.get(key)]
    found += ["columns"] if columns(our_version) != columns(their_version) else []
    schemas = (version["schema"]["openAPIV3Schema"] for version in (our_version, their_version))
    found += differences(*schemas)
    known = [line for line in found if line.partition(": ")[0] in kind.newer]
    tally.kinds.add(kind.name)
    tally.known |= {f"{kind.name}{line}" for line in known}
    tally.differences += len(found) - len(known)

    assert found == known
    assert len(known) == len(kind.newer)


def columns(version: Object) -> list[Object]:
    """Return what `kubectl get` shows, without descriptions."""
    given = version.get("additionalPrinterColumns", [])
    return [{name: value for name, value in column.items() if name != "description"} for column in given]


@pytest.mark.parametrize("kind", [*KINDS, *BUILT_IN])
def test_accepts_what_we_send(side: Served, kind: str, rendered: dict[str, list[Object]], tally: Tally) -> None:
    things = [*rendered.get(kind, []), *(KINDS[kind].accepted if kind in KINDS else [])]
    said = side.refusals(things)
    refused = [f"{thing['metadata']['name']}: {why}" for thing, why in zip(things, said, strict=True) if why]
    tally.objects[side.side] |= {json.dumps(thing, sort_keys=True) for thing in things}
    tally.differences += len(refused)

    assert things
    assert refused == []


@pytest.mark.parametrize("kind", [*KINDS, *BUILT_IN])
def test_refuses_a_wrong_name_for_any_field_that_we_send(
    side: Served, kind: str, rendered: dict[str, list[Object]], demanding: dict[str, Object]
) -> None:
    wrong = [misspelt(thing, place) for thing, place in sent(kind, rendered.get(kind, []), demanding).values()]

    assert [thing for thing, why in zip(wrong, side.refusals(wrong), strict=True) if not why] == []


def sent(kind: str, things: list[Object], demanding: dict[str, Object]) -> dict[str, tuple[Object, Place]]:
    """Return an object and the place of the field in it, for each field of a kind that we send."""
    if kind in BUILT_IN:
        return {
            key: (thing, (key,)) for thing in things for key in thing if key not in ("apiVersion", "kind", "metadata")
        }
    found = fields(KINDS[kind], demanding[kind], things)
    return {path: (thing, place) for thing, _, place, _, path in found if not path.endswith(("[]", ".*"))}


@each_kind
def test_refuses_what_breaks_a_rule_of_the_schema(
    side: Served, kind: Kind, demanding: dict[str, Object], tally: Tally
) -> None:
    broken = breaking(kind, demanding[kind.name])
    said = dict(zip(broken, side.refusals(broken.values()), strict=True))
    accepted = [rule for rule, why in said.items() if not why]
    tally.rules[side.side] |= {(kind.name, rule) for rule, why in said.items() if why}
    tally.differences += len(accepted)

    assert broken
    assert accepted == [], "what breaks these was accepted"


@each_kind
def test_refuses_what_breaks_a_rule_in_cel(side: Served, kind: Kind, tally: Tally) -> None:
    said = side.refusals(kind.broken())
    accepted = [change for change, why in zip(kind.refused, said, strict=True) if not why]
    rules = rules_in_cel(kind, side.definitions[kind.name])
    broken = {rule for rule, message in rules.items() if any(message in why for why in said)}
    tally.differences += len(accepted)

    assert accepted == []
    assert {rule: rules[rule] for rule in {*rules} - broken - kind.unreachable} == {}, "nothing breaks these rules"
    if side.side == FULL:
        tally.in_cel += len(broken)
        assert kind.unreachable <= {*rules} - broken
