# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line prints and returns, without a cluster."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import cli, cluster, logs, parts, processes
from sandbox.errors import SandboxError
from sandbox.parts import Part
from sandbox.paths import Home
from sandbox.processes import Process
from sandbox.state import State


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def _home(name: str = "test") -> Home:
    home = Home.of(name)
    home.pod_logs.mkdir(parents=True)
    State(1, complete=True).save(home.state)
    return home


def _raising(error: BaseException) -> Callable[..., State]:
    def fail(*_arguments: object) -> State:
        raise error

    return fail


@pytest.mark.parametrize("command", ["up", "down", "status", "logs"])
def test_a_bad_name_is_refused_by_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--name", "No Name"]) == 1
    assert capsys.readouterr().err == (
        "error: 'No Name' cannot be the name of a sandbox.\n"
        "A name is 1 to 32 lower-case letters, digits and hyphens, with no hyphen at either end.\n"
    )


@pytest.mark.parametrize("command", ["status", "logs"])
def test_an_unknown_name_is_answered_with_those_there_are(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--name", "other"]) == 1
    assert "There is no sandbox 'other'. There is none.\nStart it: python" in capsys.readouterr().err
    _home("one")
    assert cli.main([command, "--name", "other"]) == 1
    assert "There is no sandbox 'other'. There are: one." in capsys.readouterr().err


def test_down_of_nothing_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert "Sandbox 'default' does not exist; nothing to do." in capsys.readouterr().out
    assert cli.main(["down", "--all"]) == 0
    assert capsys.readouterr().out == "There is no sandbox; nothing to do.\n"


def test_down_all(capsys: pytest.CaptureFixture[str]) -> None:
    roots = [_home(name).root for name in ("b", "a")]
    assert cli.main(["down", "--all"]) == 0
    assert capsys.readouterr().out == ("Sandbox 'a' is stopped and removed.\nSandbox 'b' is stopped and removed.\n")
    assert not any(root.exists() for root in roots)


def test_down_takes_a_name_or_all_but_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["down", "--all", "--name", "a"])
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, State(1)], ids=["no state", "incomplete"])
def test_status_of_an_interrupted_start(content: State | None, capsys: pytest.CaptureFixture[str]) -> None:
    home = _home()
    home.state.unlink()
    if content:
        content.save(home.state)
    assert cli.main(["status", "--name", "test"]) == 1
    assert "The sandbox 'test' was never started to the end" in capsys.readouterr().err


def test_status_shows_who_is_dead_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    home = _home()
    home.log("etcd").write_text("first\nlast words\n")
    processes.start(["/bin/sh", "-c", "sleep 60; :"], home.root, home.log("other"), os.environ)
    assert cli.main(["status", "--name", "test"]) == 1
    output = capsys.readouterr().out
    rows = [line.split(None, 3) for line in output.splitlines()[: len(parts.PARTS) + 1]]
    assert rows[0] == ["PART", "PID", "SINCE", "STATE"]
    assert rows[1] == ["etcd", "-", "-", "not running"]
    assert [row[0] for row in rows[1:]] == list(parts.PARTS)
    assert f"etcd has ended. The end of its log ({home.log('etcd')}):\n  first\n  last words\n" in output
    processes.stop_all(home.root)


def test_status_is_0_only_when_every_part_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _home()
    process = Process(os.getpid(), 100, "etcd")
    for problem, status in (("", 0), ("answers 500: [-]log failed", 1)):
        monkeypatch.setattr(parts, "inspect", lambda *_, problem=problem: [Part("etcd", process, problem)])
        assert cli.main(["status", "--name", "test"]) == status
        row = capsys.readouterr().out.splitlines()[1]
        assert row.startswith(f"etcd  {os.getpid()}  20")
        assert row.endswith(problem or "healthy")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (SandboxError("what\nto do"), 1, "error: what\nto do\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/a"), 1, "error: The disk is full (/a).\nMake room"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), 1, "error: Permission denied: /a\nSandboxes live"),
        (KeyboardInterrupt(), 130, "interrupted; the next `up` or `down` cleans up"),
    ],
)
def test_expected_errors_are_one_message(
    error: BaseException,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cluster, "up", _raising(error))
    assert cli.main(["up"]) == status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError("no file"), ValueError("a mistake of ours")])
def test_unexpected_errors_are_not_hidden(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "up", _raising(error))
    with pytest.raises(type(error)):
        cli.main(["up"])


def test_another_system_than_linux_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cli.main(["status"]) == 1
    assert "The sandbox runs on Linux only." in capsys.readouterr().err


def test_up_says_what_runs_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _home()
    monkeypatch.setattr(cluster, "up", lambda *_: State(1, complete=True))
    monkeypatch.setattr(parts, "inspect", lambda *_: [Part("etcd", Process(os.getpid(), 100, "etcd"), "")])
    assert cli.main(["up", "--name", "test"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Sandbox 'test' runs already.\n")
    assert f"export KUBECONFIG={home.kubeconfig} PATH={home.bin}:" in output
    assert "make demo MAAS_SANDBOX=test\n" in output


def test_a_missing_package_is_said_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-S", "-m", "sandbox", "status"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The Python package 'yaml' is missing here.\nUse the environment that make")


# -- Logs


def test_logs_of_one_part_are_whole_and_of_all_are_the_ends(capsys: pytest.CaptureFixture[str]) -> None:
    home = _home()
    home.log("etcd").write_text("".join(f"line {number}\n" for number in range(100)))
    home.log("gateway").write_text("hello\n")
    home.log("audit").write_text("{}\n")
    (home.pod_logs / "pod-1.log").write_text("from a pod\n")
    assert cli.main(["logs", "etcd", "--name", "test"]) == 0
    assert capsys.readouterr().out.count("\n") == 100
    assert cli.main(["logs", "pod-1", "--name", "test"]) == 0
    assert capsys.readouterr().out == "from a pod\n"
    assert cli.main(["logs", "--name", "test"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        *(f"etcd    | line {number}" for number in range(90, 100)),
        "gateway | hello",
        "pod-1   | from a pod",
    ]


def test_an_unknown_part_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    _home().log("etcd").touch()
    assert cli.main(["logs", "nothing", "--name", "test"]) == 1
    assert capsys.readouterr().err == "error: The sandbox 'test' has no log of 'nothing'.\nThere are: etcd.\n"


def test_following_a_log_sees_new_lines_whole_and_survives_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_POLL", 0.02)
    log = tmp_path / "part.log"
    log.write_text("old\nhalf")
    lines: list[str] = []
    threading.Thread(target=logs.show, args=([log], True, lines.append), daemon=True).start()

    def expect(wanted: list[str]) -> None:
        deadline = time.monotonic() + 5
        while lines != wanted:
            assert time.monotonic() < deadline, lines
            time.sleep(0.01)

    expect(["old"])
    with log.open("a") as file:
        file.write(" and whole\n")
    expect(["old", "half and whole"])
    log.write_text("anew\n")
    expect(["old", "half and whole", "anew"])
