# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is rendered, object by object, for inventories that people write.

Each file in ``golden/`` holds an intent and, after it, the objects that follow from it; the first word of its name is
the part of the platform. ``MAAS_WRITE_GOLDEN=1`` writes the objects anew; the difference is then for people to judge.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from tests.unit.plugins.rendered import PARTS

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(GOLDEN.glob("*.yaml"))


class Indented(yaml.SafeDumper):
    """Writes lists the way our YAML style asks for."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_objects_are_those_of_the_file(file: Path) -> None:
    intent, *objects = yaml.safe_load_all(file.read_text())
    rendered = PARTS[file.stem.partition("-")[0]](read_platform(intent))
    if os.environ.get("MAAS_WRITE_GOLDEN"):
        written = yaml.dump_all([intent, *rendered], Dumper=Indented, sort_keys=False, explicit_start=True, width=140)
        # Some texts have no place to break.
        too_long = any(len(line) > 160 for line in written.splitlines())
        file.write_text("# yamllint disable rule:line-length\n" * too_long + written)

    assert rendered == objects


def test_every_part_of_the_platform_has_a_file() -> None:
    assert {file.stem.partition("-")[0] for file in FILES} == set(PARTS)
