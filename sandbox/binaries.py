# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that a sandbox runs: which ones, in which version, and where each is found.

Each comes from a folder that the user names (``MAAS_SANDBOX_BIN``), from the cache, or is built into the cache from
the Go modules that ``binaries/*/go.mod`` pin.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox import golang, locks, processes
from sandbox.errors import SandboxError
from sandbox.paths import cache_root, package

OWN_FOLDER = "MAAS_SANDBOX_BIN"
MODULES = package() / "binaries"
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")
_SECONDS_FOR_ANOTHER_BUILD = 3600

Say = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """One program: ``folder`` is its go.mod's, ``module`` the one whose version counts, ``ask`` how to ask for it.

    ``stamps`` are the linker variables that make it answer with its version, of which ``{version}``, ``{major}`` and
    ``{minor}`` are filled in.
    """

    name: str
    folder: str
    package: str
    module: str
    ask: tuple[str, ...] = ("--version",)
    stamps: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The pinned version, without the leading v."""
        text = (MODULES / self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"binaries/{self.folder}/go.mod does not require {self.module}")
        return found[1]

    def ldflags(self) -> str:
        """Linker flags: no symbol tables, and the version."""
        major, minor, _patch = self.version.split(".", 2)
        values = {"version": f"v{self.version}", "major": major, "minor": minor}
        return " ".join(["-s", "-w", *(f"-X {stamp.format(**values)}" for stamp in self.stamps)])


def _kubernetes(name: str, *ask: str) -> Program:
    base = "k8s.io/component-base/version"
    stamps = (
        f"{base}.gitVersion={{version}}",
        f"{base}.gitMajor={{major}}",
        f"{base}.gitMinor={{minor}}",
        "k8s.io/client-go/pkg/version.gitVersion={version}",  # the user agent
    )
    module = "k8s.io/kubernetes"
    return Program(name, "kubernetes", f"{module}/cmd/{name}", module, ask or ("--version",), stamps)


def _kwok(name: str) -> Program:
    stamps = ("sigs.k8s.io/kwok/pkg/consts.Version={version}",)
    return Program(name, "kwok", f"sigs.k8s.io/kwok/cmd/{name}", "sigs.k8s.io/kwok", stamps=stamps)


PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubectl", "version", "--client"),
    _kwok("kwok"),
    _kwok("kwokctl"),
    Program(
        "helm",
        "helm",
        "helm.sh/helm/v3/cmd/helm",
        "helm.sh/helm/v3",
        ask=("version", "--short"),
        stamps=("helm.sh/helm/v3/internal/version.version={version}",),
    ),
)


def ensure(say: Say, programs: Iterable[Program] = PROGRAMS) -> dict[str, Path]:
    """Return where each program is, after building what is missing.

    Raises SandboxError when something cannot be built, or when the user's own folder does not exist.
    """
    programs = tuple(programs)
    found = _find(programs, say)
    if missing := [program for program in programs if program.name not in found]:
        _build(missing, say)
        found |= _find(missing, say)
    if wrong := [program.name for program in programs if program.name not in found]:
        raise SandboxError(
            f"Built, but not of the version that was asked for: {', '.join(wrong)}.\nRemove {cache()} and try again."
        )
    return {program.name: found[program.name] for program in programs}


def cache() -> Path:
    """The folder of this set of pinned modules in the cache; those of which only data is read do not matter."""
    digest = hashlib.sha256()
    for file in sorted(MODULES.glob("*/go.*")):
        if file.parent.name != "crds":
            digest.update(file.read_bytes())
    return cache_root() / digest.hexdigest()[:12]


def _find(programs: Iterable[Program], say: Say) -> dict[str, Path]:
    """Look for each program; one of another version does not count, and the user is told so once."""
    own = _own_folder()
    versions = Versions(cache_root() / "versions.json")
    found: dict[str, Path] = {}
    for program in programs:
        for folder in (own, cache() / "bin"):
            path = folder / program.name if folder else None
            if path is None or not os.access(path, os.X_OK) or path.is_dir():
                continue
            version = versions.of(path, program.ask)
            if version == program.version:
                found.setdefault(program.name, path)
            elif folder == own:
                say(f"{path} is {version or 'of no known version'}; {program.version} is needed, so it is left aside")
    versions.save()
    return found


def _own_folder() -> Path | None:
    given = os.environ.get(OWN_FOLDER)
    if not given:
        return None
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise SandboxError(
            f"{OWN_FOLDER} is {given}, and there is no such folder.\n"
            f"Let it name a folder that holds {', '.join(program.name for program in PROGRAMS)}, or leave it empty."
        )
    return folder


class Versions:
    """The versions that programs answered with, remembered by path, size and time of change.

    Asking all of them takes a second; a program that was not touched since is not asked again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed = False
        try:
            self._known: dict[str, list[object]] = dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._known = {}

    def of(self, path: Path, ask: tuple[str, ...]) -> str:
        """Return the version without the leading v; empty when the program does not run or names none."""
        facts = path.stat()
        known = self._known.get(str(path))
        if known and known[:2] == [facts.st_size, facts.st_mtime_ns]:
            return str(known[2])
        version = _ask(path, ask)
        if version:
            self._known[str(path)] = [facts.st_size, facts.st_mtime_ns, version]
            self._changed = True
        return version

    def save(self) -> None:
        """Write what is known, in one step; two who do so at the same time do not harm each other."""
        if not self._changed:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=self._file.parent, prefix=".versions-")
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(self._known, file, indent=1)
        os.replace(new, self._file)
        self._changed = False


def _ask(path: Path, arguments: tuple[str, ...]) -> str:
    try:
        answer = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _VERSION.search(answer.stdout)
    return found[1] if found else ""


def _build(missing: list[Program], say: Say) -> None:
    """Build these programs one after the other; whoever else wants to build meanwhile waits, and finds them built."""
    target = cache()
    with locks.folder(target, "building the binaries", say, _SECONDS_FOR_ANOTHER_BUILD):
        processes.stop_all(target)  # what a killed command line left running
        ready = _find(missing, lambda _text: None)
        missing = [program for program in missing if program.name not in ready]
        if not missing:
            return
        modules = {MODULES / program.folder / "go.mod" for program in missing}
        builder = golang.Builder(golang.toolchain(golang.needed(modules), len(missing)), target, say)
        for number, program in enumerate(missing, start=1):
            builder.build(
                program.name,
                MODULES / program.folder,
                program.package,
                program.ldflags(),
                count=f"{number} of {len(missing)}",
            )
