# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball of the collection: what users get, and nothing that they do not need."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# What may stand at the top of the tarball. A new name is either added here or to `build_ignore` in galaxy.yml.
CONTENT = {
    "CHANGELOG.rst", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md",
    "changelogs", "docs", "examples", "inventories", "meta", "playbooks", "plugins", "requirements.txt",
    "requirements.yml", "roles",
}  # fmt: skip


class PackagingError(Exception):
    """Something keeps the tarball from being built or checked, or is wrong with it; the text says what to do."""


def run(*command: str, folder: Path = CHECKOUT, **environment: str) -> str:
    """Run a command, in the checkout unless told otherwise, and return its output."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise PackagingError(f"`{' '.join(command)}` failed:\n{done.stdout.strip()}")
    return done.stdout


def build(folder: Path) -> Path:
    """Build the collection into a folder and return the tarball."""
    run("ansible-galaxy", "collection", "build", "--force", "--output-path", str(folder))
    tarball = next(folder.glob("*.tar.gz"))
    check_content(tarball)
    return tarball


def check_content(tarball: Path) -> None:
    """Refuse a tarball with something at its top that no user needs."""
    with tarfile.open(tarball) as archive:
        strangers = {name.split("/")[0] for name in archive.getnames()} - CONTENT
    if strangers:
        raise PackagingError(
            f"The tarball holds {', '.join(sorted(strangers))}. If users need it, add the name to CONTENT in"
            " tools/tarball.py; if not, to build_ignore in galaxy.yml."
        )
