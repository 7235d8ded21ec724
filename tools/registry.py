# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the package registry offers, asked by pip, and which Pythons this machine has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import yaml

from tools.matrix import Bundle
from tools.tarball import PackagingError, run

# A virtual environment has to be possible; it is also what some systems leave out.
_ASK = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
_PLACE = "ansible_collections/kubernetes/core"

T = TypeVar("T")


def offered(package: str) -> list[str]:
    """Return all releases of a package, for whichever Python."""
    said = run(sys.executable, "-m", "pip", "index", "versions", package, "--ignore-requires-python")
    found = re.search(r"^Available versions: (.*)$", said, re.MULTILINE)
    if not found:
        raise PackagingError(f"The package registry offers no {package}; it said:\n{said}")
    return found[1].split(", ")


def fetch(package: str, version: str, folder: Path) -> Path:
    """Return the wheel of a release, downloaded into a folder unless it is there."""
    pattern = f"{package.replace('-', '_')}-{version}-*.whl"
    if not any(folder.glob(pattern)):
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python",
            "--only-binary=:all:", "--dest", str(folder), f"{package}=={version}",
        )  # fmt: skip
    return next(folder.glob(pattern))


def metadata(wheel: Path) -> str:
    """Return what a wheel says of itself."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()


def bundle(wheel: Path) -> Bundle:
    """Return which kubernetes.core a wheel of `ansible` brings."""
    with zipfile.ZipFile(wheel) as archive:
        manifest = json.loads(archive.read(f"{_PLACE}/MANIFEST.json"))
        runtime = yaml.safe_load(archive.read(f"{_PLACE}/meta/runtime.yml"))
    return Bundle(wheel.name.split("-")[1], manifest["collection_info"]["version"], runtime["requires_ansible"])


def unpack(wheel: Path, collections: Iterable[str], folder: Path) -> None:
    """Put collections of a wheel of `ansible` where the wheel would put them."""
    prefixes = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in collections)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(prefixes)])


def first(items: Sequence[T], late_enough: Callable[[T], bool]) -> T:
    """Return the first item from which on all are late enough, by looking at few of them."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if late_enough(items[middle]) else (middle + 1, high)
    if low == len(items):
        raise PackagingError("The package registry offers none that is late enough.")
    return items[low]


def pythons(wanted: Iterable[str]) -> dict[str, str]:
    """Return the Pythons of this machine among those wanted (as 3.12), each with its program."""
    found = {version: next(_usable(version), "") for version in wanted}
    return {version: program for version, program in found.items() if program}


def _usable(version: str) -> Iterator[str]:
    # A name on the PATH proves nothing: a version manager's stand-in may refuse to start.
    on_path = [shutil.which(name) for name in (f"python{version}", "python3")]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True)
    for program in (sys.executable, *on_path, *map(str, kept)):
        if program and _version(program) == version:
            yield program


def _version(program: str) -> str:
    try:
        return subprocess.run([program, "-c", _ASK], capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
