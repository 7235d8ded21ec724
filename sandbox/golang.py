# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build programs from pinned Go modules, and say clearly what is in the way when that fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox import processes
from sandbox.errors import SandboxError

_GIB = 1024**3
_GIB_PER_PROGRAM = 0.75
"""A cold build of all eight leaves about 6 GiB in Go's two caches."""
_REPORT_EVERY = 15.0
_HOW_LONG = "a cold build of all takes about 12 minutes on two cores"
_READY_MADE = "Or let MAAS_SANDBOX_BIN name a folder with ready binaries."
_NO_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|connection reset|network is unreachable|proxyconnect"
    r"|TLS handshake|temporary failure in name resolution|module lookup disabled|50[234] ",
    re.IGNORECASE,
)
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)

Version = tuple[int, ...]


@dataclass(frozen=True)
class Toolchain:
    """The Go command, and the caches and proxy that it uses."""

    command: str
    caches: tuple[Path, ...]
    proxy: str


def needed(modules: Iterable[Path]) -> Version:
    """The lowest version of Go that can build all of these go.mod files, for example (1, 26, 0)."""
    lines = (re.search(r"^go (\S+)", module.read_text(encoding="utf-8"), re.MULTILINE) for module in modules)
    return max(_version(line[1]) for line in lines if line)


def toolchain(lowest: Version, programs: int) -> Toolchain:
    """Return the Go command to build that many programs with.

    Raises SandboxError when there is none, when it is too old, or when the disk has no room for its work.
    """
    wanted = ".".join(map(str, lowest))
    command = shutil.which("go")
    if command is None:
        raise SandboxError(
            f"There is no Go to build the binaries with: no `go` on the PATH.\n"
            f"Install Go {wanted} or newer (https://go.dev/dl/). {_READY_MADE}"
        )
    settings = _settings(command)
    _check_version(settings, lowest, wanted)
    caches = tuple(Path(settings[name]) for name in ("GOCACHE", "GOMODCACHE") if settings.get(name))
    for cache in caches:
        _check_room(cache, programs)
    return Toolchain(command, caches, settings.get("GOPROXY", ""))


def _settings(command: str) -> dict[str, str]:
    # Outside of any module: inside one, Go may fetch another toolchain before it answers.
    answer = subprocess.run(
        [command, "env", "-json"], capture_output=True, text=True, cwd="/", env={**os.environ, "GOWORK": "off"}
    )
    if answer.returncode:
        raise SandboxError(f"`{command} env` fails:\n{answer.stderr.strip()}\nRepair or reinstall Go. {_READY_MADE}")
    return {name: str(value) for name, value in json.loads(answer.stdout).items()}


def _check_version(settings: dict[str, str], lowest: Version, wanted: str) -> None:
    given = settings.get("GOVERSION", "")
    if not re.match(r"go\d", given) or _version(given) >= lowest:  # a development build names no version
        return
    choice = settings.get("GOTOOLCHAIN", "")
    if "auto" in choice:
        return  # since 1.21 Go fetches the toolchain that a module asks for
    can_fetch = _version(given) >= (1, 21)
    fetch = "Or set GOTOOLCHAIN=auto, and this Go fetches the newer one itself. " if can_fetch else ""
    reason = f" and GOTOOLCHAIN={choice} forbids it to fetch a newer one" if can_fetch else ""
    raise SandboxError(
        f"Go is too old: this is {given.removeprefix('go')}{reason}; {wanted} or newer is needed.\n"
        f"Install a newer Go (https://go.dev/dl/). {fetch}{_READY_MADE}"
    )


def _version(text: str) -> Version:
    """``go1.26.8`` and ``1.26.0`` as numbers; what follows them, as in ``go1.27rc1``, does not count."""
    found = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _check_room(folder: Path, programs: int) -> None:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    wanted, free = programs * _GIB_PER_PROGRAM, shutil.disk_usage(existing).free / _GIB
    if free < wanted:
        raise SandboxError(
            f"Not enough room to build {programs} programs: {free:.1f} GiB are free on the disk of {folder}, and up to"
            f" {wanted:.1f} GiB are needed.\n"
            f"Make room there, or move Go's caches with GOCACHE and GOMODCACHE. {_READY_MADE}"
        )


class Builder:
    """Builds programs into ``target/bin``; what stands there is whole, whenever a build is interrupted."""

    def __init__(self, go: Toolchain, target: Path, say: Callable[[str], None]) -> None:
        self._go = go
        self._target = target
        self._say = say

    def build(self, name: str, module: Path, package: str, ldflags: str, count: str) -> None:
        """Build one program and report how it goes; ``count`` says which of how many it is.

        Raises SandboxError with the end of Go's output and the likely cure.
        """
        new, log = self._target / f"{name}.new", self._target / f"{name}.build.log"
        command = [self._go.command, "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
        command += ["-ldflags", ldflags, "-o", str(new), package]
        environment = processes.marked(self._target, {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"})
        self._say(f"building {name} ({count}; {_HOW_LONG})")
        begin = time.monotonic()
        with log.open("wb") as output:
            go = subprocess.Popen(
                command, cwd=module, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                status = self._wait(go, name, count, begin)
            finally:
                processes.stop_all(self._target)  # nothing is left but after Ctrl-C
                go.wait()
        if status:
            raise SandboxError(self._failure(name, log))
        (self._target / "bin").mkdir(exist_ok=True)
        os.replace(new, self._target / "bin" / name)
        log.unlink()
        self._say(f"built {name} in {time.monotonic() - begin:.0f} s")

    def _wait(self, go: subprocess.Popen[bytes], name: str, count: str, begin: float) -> int:
        while True:
            try:
                return go.wait(timeout=_REPORT_EVERY)
            except subprocess.TimeoutExpired:
                self._say(f"building {name} ({count}): {time.monotonic() - begin:.0f} s so far; {_HOW_LONG}")

    def _failure(self, name: str, log: Path) -> str:
        lines = processes.last_lines(log, 15)
        text = "\n".join(lines)
        if _NO_SPACE.search(text):
            places = " and ".join(map(str, self._go.caches))
            cure = f"The disk is full. Make room for Go's caches ({places}), then try again."
        elif _NO_NETWORK.search(text):
            cure = (
                f"Go cannot fetch a module; it asks GOPROXY={self._go.proxy}.\n"
                f"Check the network, or let GOPROXY name a proxy that can be reached. {_READY_MADE}"
            )
        else:
            cure = f"The whole output is in {log}."
        quoted = "\n".join(f"  {line}" for line in lines)
        return f"Building {name} failed:\n{quoted}\n{cure}"
