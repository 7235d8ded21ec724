# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and building the programs: with scripts in the place of programs, and of Go."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from sandbox import binaries, golang, processes
from sandbox.binaries import PROGRAMS, Program
from sandbox.errors import SandboxError

TOOL = Program("tool", "tool", "example.org/tool/cmd/tool", "example.org/tool", stamps=("main.v={version}",))

# Answers `go env -json` and `go build ... -o FILE PACKAGE`; what a build does is left to $GO_BUILD.
_GO = """#!/bin/sh
if [ "$1" = env ]; then
  echo "{\\"GOVERSION\\": \\"${GO_VERSION:-go1.26.0}\\", \\"GOTOOLCHAIN\\": \\"${GO_TOOLCHAIN:-local}\\"," \\
    "\\"GOCACHE\\": \\"$GO_CACHE\\", \\"GOMODCACHE\\": \\"$GO_CACHE\\", \\"GOPROXY\\": \\"https://proxy.example\\"}"
  exit
fi
while [ "$1" != -o ]; do shift; done
echo "$3" >> "$GO_CACHE/built"
eval "$GO_BUILD"
"""
_GOOD = 'printf "#!/bin/sh\\necho tool version v1.2.3\\n" > "$2"; chmod +x "$2"'


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one pinned module, an empty cache, and no programs of the user's own."""
    folder = tmp_path / "modules"
    (folder / "tool").mkdir(parents=True)
    (folder / "tool" / "go.mod").write_text("module m\n\ngo 1.26.0\n\nrequire example.org/tool v1.2.3\n")
    (folder / "tool" / "go.sum").write_text("")
    monkeypatch.setattr(binaries, "MODULES", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MAAS_SANDBOX_BIN", raising=False)
    return folder


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that is a script; returns the folder in which it notes what it built."""
    folder = tmp_path / "go"
    folder.mkdir()
    _script(folder / "go", _GO)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("GO_CACHE", str(folder))
    monkeypatch.setenv("GO_BUILD", _GOOD)
    return folder


def _script(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def _tool(folder: Path, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    return _script(folder / "tool", f"#!/bin/sh\necho asked >> {folder}/asked\necho tool version v{version} go1.26\n")


def _built(go: Path) -> list[str]:
    return (go / "built").read_text(encoding="utf-8").split() if (go / "built").exists() else []


def _ensure() -> tuple[Path, list[str]]:
    said: list[str] = []
    return binaries.ensure(said.append, [TOOL])["tool"], said


def _refusal() -> str:
    with pytest.raises(SandboxError) as error:
        _ensure()
    return str(error.value)


# -- What is pinned


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_every_program_has_a_pinned_version_and_stamps_it(program: Program) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", program.version)
    assert not program.stamps or f"=v{program.version}" in program.ldflags()


def test_kubernetes_says_which_minor_it_is() -> None:
    apiserver = next(program for program in PROGRAMS if program.name == "kube-apiserver")
    assert "gitMajor=1 -X k8s.io/component-base/version.gitMinor=35" in apiserver.ldflags()


def test_the_tool_directives_of_the_modules_are_our_packages() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in binaries.MODULES.glob("*/go.mod"))
    tools = set(re.findall(r"^tool ([^(\s]+)$", text, re.MULTILINE))
    for block in re.findall(r"^tool \((.*?)\)", text, re.MULTILINE | re.DOTALL):
        tools |= set(block.split())
    assert tools == {program.package for program in PROGRAMS}


def test_a_module_that_does_not_require_the_program_is_an_error(modules: Path) -> None:
    (modules / "tool" / "go.mod").write_text("module m\n\ngo 1.26.0\n")
    with pytest.raises(ValueError, match=r"tool/go\.mod does not require example\.org/tool"):
        _ensure()


def test_the_cache_follows_the_pinned_modules(modules: Path) -> None:
    before = binaries.cache()
    (modules / "crds").mkdir()
    (modules / "crds" / "go.sum").write_text("data only")
    assert binaries.cache() == before
    (modules / "tool" / "go.sum").write_text("example.org/other v1.0.0 h1:x=\n")
    assert binaries.cache() != before


# -- Finding


def test_the_users_own_folder_comes_first(modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _tool(tmp_path / "own", "1.2.3")
    (binaries.cache()).mkdir(parents=True)
    _tool(binaries.cache() / "bin", "1.2.3")
    monkeypatch.setenv("MAAS_SANDBOX_BIN", str(own.parent))
    assert _ensure() == (own, [])


@pytest.mark.parametrize("version", ["1.2.4", "1.2.30", "1.2.3-rc.1", "none"])
def test_another_version_does_not_count(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    own = _tool(tmp_path / "own", version)
    binaries.cache().mkdir(parents=True)
    cached = _tool(binaries.cache() / "bin", "1.2.3")
    monkeypatch.setenv("MAAS_SANDBOX_BIN", str(own.parent))
    path, said = _ensure()
    shown = "of no known version" if version == "none" else version
    assert (path, said) == (cached, [f"{own} is {shown}; 1.2.3 is needed, so it is left aside"])


def test_a_program_is_asked_once_until_it_changes(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = _tool(tmp_path / "own", "1.2.3")
    monkeypatch.setenv("MAAS_SANDBOX_BIN", str(own.parent))
    _ensure()
    _ensure()
    assert (own.parent / "asked").read_text() == "asked\n"
    os.utime(own, (1, 1))
    _ensure()
    assert (own.parent / "asked").read_text() == "asked\nasked\n"


def test_a_broken_memory_is_forgotten(modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _tool(tmp_path / "own", "1.2.3")
    monkeypatch.setenv("MAAS_SANDBOX_BIN", str(own.parent))
    _ensure()
    (tmp_path / "cache" / "maas-sandbox" / "versions.json").write_text('{"half')
    assert _ensure()[0] == own


def test_an_own_folder_that_does_not_exist_is_an_error(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAAS_SANDBOX_BIN", "/no/such/folder")
    assert "MAAS_SANDBOX_BIN is /no/such/folder, and there is no such folder." in _refusal()


# -- Building


def test_what_is_missing_is_built_and_said(modules: Path, go: Path) -> None:
    path, said = _ensure()
    assert path == binaries.cache() / "bin" / "tool"
    assert said[0].startswith("building tool (1 of 1; a cold build of all takes about 12 minutes on two cores)")
    assert re.fullmatch(r"built tool in \d+ s", said[1])
    assert sorted(entry.name for entry in binaries.cache().iterdir()) == ["bin"]
    assert _ensure() == (path, [])
    assert _built(go) == ["example.org/tool/cmd/tool"]


def test_a_long_build_says_how_long_so_far(modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "_REPORT_EVERY", 0.2)
    monkeypatch.setenv("GO_BUILD", f"sleep 0.5; {_GOOD}")
    _, said = _ensure()
    assert "building tool (1 of 1): 0 s so far; a cold build of all takes about 12 minutes on two cores" in said[1:-1]


@pytest.mark.parametrize(
    ("output", "cause", "cure"),
    [
        (
            "go: example.org/tool@v1.2.3: dial tcp: lookup proxy.example: no such host",
            "no such host",
            "it asks GOPROXY=https://proxy.example",
        ),
        (
            "link: writing output: no space left on device",
            "no space left",
            "The disk is full. Make room for Go's caches",
        ),
        ("x.go:1: undefined: y", "undefined: y", "The whole output is in "),
    ],
)
def test_a_failed_build_shows_gos_last_words_and_the_cure(
    modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch, output: str, cause: str, cure: str
) -> None:
    monkeypatch.setenv("GO_BUILD", f"echo start; echo '{output}' >&2; echo half > $2; exit 1".replace("Go's", "Go"))
    words = _refusal()
    assert words.startswith("Building tool failed:\n")
    assert cause in words
    assert cure in words
    assert not (binaries.cache() / "bin").exists()


def test_a_build_of_the_wrong_version_is_an_error(modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_BUILD", _GOOD.replace("1.2.3", "1.2.4"))
    assert _refusal().startswith("Built, but not of the version that was asked for: tool.")


def test_no_go(modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = _refusal()
    assert "no `go` on the PATH" in words
    assert "Install Go 1.26.0 or newer" in words


@pytest.mark.parametrize(
    ("version", "toolchain", "refused", "cure"),
    [
        ("go1.24.4", "local", "this is 1.24.4 and GOTOOLCHAIN=local forbids", "set GOTOOLCHAIN=auto"),
        ("go1.25.9", "go1.25.9", "this is 1.25.9 and GOTOOLCHAIN=go1.25.9 forbids", "set GOTOOLCHAIN=auto"),
        ("go1.19.8", "", "this is 1.19.8; 1.26.0 or newer is needed", "Install a newer Go"),
    ],
)
def test_go_too_old(
    modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch, version: str, toolchain: str, refused: str, cure: str
) -> None:
    monkeypatch.setenv("GO_VERSION", version)
    monkeypatch.setenv("GO_TOOLCHAIN", toolchain)
    words = _refusal()
    assert refused in words
    assert cure in words
    assert _built(go) == []


@pytest.mark.parametrize(
    ("version", "toolchain"),
    [("go1.24.4", "auto"), ("go1.26.0", "local"), ("go1.27rc1", "local"), ("devel x", "local")],
)
def test_go_new_enough_or_able_to_fetch(
    modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch, version: str, toolchain: str
) -> None:
    monkeypatch.setenv("GO_VERSION", version)
    monkeypatch.setenv("GO_TOOLCHAIN", toolchain)
    assert _ensure()[0].exists()


def test_no_room_is_found_before_the_build(modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12, 2**29))
    words = _refusal()
    assert f"0.5 GiB are free on the disk of {go}, and up to 0.8 GiB are needed" in words
    assert _built(go) == []


_COMMAND = """
import dataclasses, json, sys
from pathlib import Path
from sandbox import binaries
binaries.MODULES = Path(sys.argv[1])
print(binaries.ensure(print, [binaries.Program(**json.loads(sys.argv[2]))]))
"""


def _command(modules: Path) -> subprocess.Popen[str]:
    program = json.dumps({name: getattr(TOOL, name) for name in ("name", "folder", "package", "module")})
    return subprocess.Popen([sys.executable, "-c", _COMMAND, modules, program], stdout=subprocess.PIPE, text=True)


def test_two_commands_at_once_build_once(modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_BUILD", f"sleep 1; {_GOOD}")
    commands = [_command(modules) for _ in range(2)]
    outputs = sorted(command.communicate(timeout=30)[0] for command in commands)
    assert [command.returncode for command in commands] == [0, 0]
    assert _built(go) == ["example.org/tool/cmd/tool"]
    assert "another command works on building the binaries; waiting for it" in outputs[0]


def test_a_killed_build_leaves_nothing_wrong(modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_BUILD", 'echo $$ > "$GO_CACHE/first"; echo half > "$2"; chmod +x "$2"; sleep 60')
    with _command(modules) as command:
        deadline = time.monotonic() + 10
        while not (binaries.cache() / "tool.new").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        command.send_signal(signal.SIGKILL)
    assert processes.running(binaries.cache()), "the killed command left its build running"
    assert not (binaries.cache() / "bin" / "tool").exists()

    # Both would write to the same file, so the first must be gone before the second begins.
    check = 'grep -q . "/proc/$(cat "$GO_CACHE/first")/cmdline" && touch "$GO_CACHE/both"'
    monkeypatch.setenv("GO_BUILD", f"{check}; {_GOOD}")
    assert _ensure()[0].read_text(encoding="utf-8").startswith("#!/bin/sh")
    assert not (go / "both").exists()
    assert processes.running(binaries.cache()) == []


def test_an_interrupted_build_stops_go(modules: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setenv("GO_BUILD", "sleep 30")
    monkeypatch.setattr(golang.Builder, "_wait", interrupt)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _ensure()
    assert time.monotonic() - begin < 10
    assert processes.running(binaries.cache()) == []
