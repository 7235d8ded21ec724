# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules files: for each kind what both definitions accept, and what both refuse because of a rule in CEL.

A file belongs to one folder of upstream's definitions. Of each kind it has:

- ``definition``: the name of its CRD;
- ``accepted``: objects that together use every field that we define compactly or render;
- ``refused``: changes to the first of them, each of which breaks a rule. A change names places and the values there,
  null for none, ``{times: n, each: x}`` for n of the same. What breaks the other rules follows from the schema;
- ``unreachable``: rules in CEL that nothing can break alone, by their place and their index there;
- ``newer``: places where the definition of the bundle differs from upstream, which we cannot help.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.contract.definitions import MISSING, Object, changed

_FOLDER = Path(__file__).with_name("rules")


@dataclass(frozen=True)
class Kind:
    """What the rules files say of one kind."""

    name: str
    folder: str
    definition: str
    accepted: list[Object]
    refused: list[Object]
    unreachable: frozenset[tuple[str, int]]
    newer: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version that we use."""
        return str(self.accepted[0]["apiVersion"]).partition("/")[2]

    def broken(self) -> list[Object]:
        """Return the first accepted object with each of the changes."""
        return [_with(self.accepted[0], change) for change in self.refused]


def _with(thing: Object, change: Object) -> Object:
    for place, value in change.items():
        steps = tuple(int(step) if step.isdigit() else step for step in place.split("/"))
        thing = changed(thing, steps, MISSING if value is None else _repeated(value))
    return thing


def _repeated(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"times", "each"}:
        return [_repeated(value["each"])] * value["times"]
    if isinstance(value, dict):
        return {key: _repeated(inner) for key, inner in value.items()}
    return [_repeated(inner) for inner in value] if isinstance(value, list) else value


def _read() -> Iterator[Kind]:
    for file in sorted(_FOLDER.glob("*.yaml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for name, said in content["kinds"].items():
            unreachable = frozenset((item["path"], item["index"]) for item in said.get("unreachable", ()))
            newer = tuple(said.get("newer", ()))
            accepted, refused = said["accepted"], said["refused"]
            yield Kind(name, content["folder"], said["definition"], accepted, refused, unreachable, newer)


KINDS = {kind.name: kind for kind in _read()}
