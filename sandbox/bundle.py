# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the bundle: charts and manifests in the layout of a disconnected installation.

The charts are those of ``bundle/charts``. CRDs that upstream publishes as a Go module are not kept here: they are read
from the modules that ``binaries/crds/go.mod`` pins, and checked against its go.sum.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import package

CHARTS = package() / "bundle" / "charts"
MODULES = package() / "binaries" / "crds"

GATEWAY_API = "sigs.k8s.io/gateway-api"
ISTIO = "istio.io/api"
CERT_MANAGER = "github.com/cert-manager/cert-manager"
_CRDS = {
    GATEWAY_API: "config/crd/standard/*.yaml",
    ISTIO: "kubernetes/customresourcedefinitions.gen.yaml",
    CERT_MANAGER: "deploy/crds/*.yaml",
}
_TIMEOUT = 900  # seconds; a slow line needs some for the 20 MB of the modules


def build(target: Path, *, go: str, cache: Path, helm: Path) -> None:
    """Bring the folder ``target`` to hold exactly the bundle: ``charts/<name>-<version>.tgz`` and ``manifests/*.yaml``.

    ``go`` is the Go command, ``helm`` the binary; neither is run when ``cache`` holds the bundle of these sources.
    Raises SandboxError when a module cannot be had, a chart cannot be packaged, or a file cannot be written.
    """
    try:
        ready = cache / "bundle" / digest()
        if not ready.is_dir():
            _make(ready, go=go, helm=helm)
        _mirror(ready, target)
    except OSError as error:
        raise SandboxError(
            f"The bundle could not be written: {error}\nMake room or give access there, and start again."
        ) from error


def digest() -> str:
    """Name the sources: the same for the same charts, modules and code (hexadecimal, 16 characters)."""
    charts = {str(path.relative_to(CHARTS)): path for path in _files(CHARTS)}
    others = {path.name: path for path in (Path(__file__), MODULES / "go.mod", MODULES / "go.sum")}
    summary = hashlib.sha256()
    for name, path in {**others, **charts}.items():
        content = path.read_bytes()
        summary.update(f"{name} {len(content)}\n".encode())
        summary.update(content)
    return summary.hexdigest()[:16]


def _make(ready: Path, *, go: str, helm: Path) -> None:
    """Make the bundle beside ``ready`` and move it there when it is whole, so that nobody sees half of it."""
    ready.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ready.parent, prefix=".making-") as folder:
        work = Path(folder)
        pins = _pins()
        crds = {module: _crds_in(module, path) for module, path in _module_folders(go, pins).items()}
        sources = shutil.copytree(CHARTS, work / "sources")
        _put(crds[ISTIO], sources / "base" / "files", names=["istio.yaml"])
        _put(crds[CERT_MANAGER], sources / "cert-manager" / "files")
        bundle = work / "bundle"
        manifest = bundle / "manifests" / f"gateway-api-{pins[GATEWAY_API]}.yaml"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(_joined(crds[GATEWAY_API]), encoding="utf-8")
        _run([str(helm), "package", "--destination", str(bundle / "charts"), *map(str, sorted(sources.iterdir()))])
        try:
            bundle.rename(ready)
        except OSError:
            if not ready.is_dir():  # else somebody else was faster, with the same content
                raise


def _pins() -> dict[str, str]:
    """Return the version of each module with CRDs, for example v1.4.1."""
    return dict(re.findall(r"^\s+(\S+) (v\S+)$", (MODULES / "go.mod").read_text(encoding="utf-8"), re.MULTILINE))


def _module_folders(go: str, pins: Mapping[str, str]) -> dict[str, Path]:
    """Fetch the modules with CRDs, unless Go has them already, and return the folder of each.

    Each is asked for by its exact version, from a folder without a go.mod: seen as dependencies of one program, they
    would raise each other's versions.
    """
    known = (MODULES / "go.sum").read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as nowhere:
        output = _run(
            [go, "mod", "download", "-json", *(f"{name}@{version}" for name, version in pins.items())],
            cwd=Path(nowhere),
            extra={"GOFLAGS": "", "GOWORK": "off"},
        )
    folders: dict[str, Path] = {}
    decoder = json.JSONDecoder()
    while output := output.lstrip():
        module, end = decoder.raw_decode(output)
        if f"{module['Path']} {module['Version']} {module['Sum']}" not in known:
            raise SandboxError(
                f"The Go module {module['Path']} {module['Version']} is not the one that {MODULES / 'go.sum'} knows:\n"
                f"its checksum is {module['Sum']}. Look at GOPROXY: somebody serves another content."
            )
        folders[module["Path"]] = Path(module["Dir"])
        output = output[end:]
    return folders


def _crds_in(module: str, folder: Path) -> list[Path]:
    found = sorted(folder.glob(_CRDS[module]))
    if not found:
        raise SandboxError(
            f"The Go module {module} has no CRDs: nothing matches {folder / _CRDS[module]}.\n"
            "Remove it with `go clean -modcache` and start again."
        )
    return found


def _put(files: Sequence[Path], folder: Path, names: Sequence[str] = ()) -> None:
    folder.mkdir()
    for path, name in zip(files, names or [path.name for path in files], strict=True):
        shutil.copyfile(path, folder / name)


def _joined(files: Sequence[Path]) -> str:
    """All documents of these YAML files in one text."""
    texts = (path.read_text(encoding="utf-8").strip().removeprefix("---") for path in files)
    return "".join(f"---\n{text.strip()}\n" for text in texts)


def _mirror(source: Path, target: Path) -> None:
    """Make ``target`` equal to ``source``. What is equal already is not touched, for somebody may be reading it."""
    wanted = {path.relative_to(source) for path in _files(source)}
    for path in _files(target):
        if path.relative_to(target) not in wanted:
            path.unlink()
    for name in sorted(wanted):
        content = (source / name).read_bytes()
        goal = target / name
        if goal.is_file() and goal.read_bytes() == content:
            continue
        goal.parent.mkdir(parents=True, exist_ok=True)
        new = goal.with_name(f".{goal.name}.new")
        new.write_bytes(content)
        os.replace(new, goal)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _run(command: Sequence[str], *, cwd: Path | None = None, extra: Mapping[str, str] | None = None) -> str:
    """Return what the command prints. Raises SandboxError with its own words when it fails."""
    shown = " ".join([Path(command[0]).name, *command[1:3]])
    environment = {**os.environ, **(extra or {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except FileNotFoundError as error:
        raise SandboxError(f"There is no {command[0]}.\nInstall it or put it on PATH: the bundle needs it.") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"`{shown}` did not end within {_TIMEOUT} s.\nCheck the network and start again.") from error
    if done.returncode:
        reasons = "\n".join(re.findall(r'"Error": "(.*)"', done.stdout))  # Go's own, among its JSON
        words = (done.stderr.strip() or reasons or done.stdout.strip())[-2000:]
        raise SandboxError(f"`{shown}` failed:\n{words}\nThe bundle needs it: put that right and start again.")
    return done.stdout
