# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the tarball, and what Galaxy says of it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tools import importer, tarball


def pack(folder: Path, *names: str) -> Path:
    """A tarball of empty files with these names."""
    packed = folder / "collection.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packed


def test_content_that_users_need_passes(tmp_path: Path) -> None:
    tarball.check_content(pack(tmp_path, "README.md", "plugins/modules/apply_set.py"))


def test_content_that_nobody_needs_is_named(tmp_path: Path) -> None:
    packed = pack(tmp_path, "README.md", "sandbox/cli.py", "notes.txt")
    with pytest.raises(tarball.PackagingError, match=r"notes\.txt, sandbox.*build_ignore"):
        tarball.check_content(packed)


def test_the_address_is_put_into_a_tarball_and_nothing_else_changes(tmp_path: Path) -> None:
    manifest = json.dumps({"collection_info": {"name": "platform", "repository": None}, "format": 1})
    (tmp_path / "MANIFEST.json").write_text(manifest, encoding="utf-8")
    (tmp_path / "README.md").write_text("read me", encoding="utf-8")
    packed = tmp_path / "collection.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name in ("MANIFEST.json", "README.md"):
            archive.add(tmp_path / name, name)

    importer.put_address(packed, "https://code.example/platform")

    with tarfile.open(packed) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert json.loads(found["MANIFEST.json"]) == {
        "collection_info": {"name": "platform", "repository": "https://code.example/platform"},
        "format": 1,
    }
    assert found["README.md"] == b"read me"


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ("Loading role gateway\nImporter processing completed successfully", []),
        ("WARNING: No role description\nImporter processing completed successfully", ["WARNING: No role description"]),
        ("ERROR: no readme", ["ERROR: no readme", "It did not come to its end."]),
        ("", ["It did not come to its end."]),
    ],
)
def test_any_warning_is_a_fault_and_so_is_no_end(said: str, faults: list[str]) -> None:
    assert importer.faults(said) == faults
