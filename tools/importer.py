# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has galaxy-importer look at the built tarball, as Galaxy and Automation Hub do on upload; any warning is a fault."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.tarball import PackagingError, build, run

# Where the source is to be found is asked for, and known only to those who release it: see RELEASING.md.
_ADDRESS = "https://code.example/maas_billing.platform"
_END = "Importer processing completed successfully"


def put_address(tarball: Path, address: str) -> None:
    """Write the address of the source into the manifest of a tarball."""
    with tarfile.open(tarball) as archive:
        held = [(member, archive.extractfile(member)) for member in archive]
        contents = [(member, file.read() if file else b"") for member, file in held]
    with tarfile.open(tarball, "w:gz") as archive:
        for member, content in contents:
            if member.name == "MANIFEST.json":
                manifest = json.loads(content)
                manifest["collection_info"]["repository"] = address
                content = json.dumps(manifest).encode()
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def faults(said: str) -> list[str]:
    """Return what the importer complained of."""
    lines = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))]
    return lines if _END in said else [*lines, "It did not come to its end."]


def main() -> int:
    """Build, import, judge."""
    try:
        with tempfile.TemporaryDirectory(prefix="maas-importer-") as folder:
            tarball = build(Path(folder))
            put_address(tarball, _ADDRESS)
            said = run(sys.executable, "-m", "galaxy_importer.main", tarball.name, folder=Path(folder))
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    found = faults(said)
    print(
        "\n".join(["galaxy-importer found:", *found]) if found else f"galaxy-importer found no fault in {tarball.name}"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
