# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a sandbox: found by their mark, stopped for sure, never mistaken for others."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.processes import Process

_DEAF = 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    processes.stop_all(tmp_path)


def _start(owner: Path, *command: str) -> int:
    return processes.start(command, owner, owner / "log", os.environ)


def _eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline, "not within 5 s"
        time.sleep(0.01)


def _pids(owner: Path) -> list[int]:
    return [process.pid for process in processes.running(owner)]


def test_a_started_process_is_found_with_its_name_and_its_start(owner: Path) -> None:
    pid = _start(owner, "/bin/sleep", "60")
    [found] = processes.running(owner)
    assert (found.pid, found.name) == (pid, "sleep")
    assert abs(found.since - time.time()) < 3
    assert 0 <= found.age < 3


def test_children_are_found_too(owner: Path) -> None:
    _start(owner, "/bin/sh", "-c", "sleep 60 & sleep 60")
    _eventually(lambda: [process.name for process in processes.running(owner)] == ["sh", "sleep", "sleep"])


def test_processes_of_another_owner_are_not_found(owner: Path) -> None:
    _start(owner, "/bin/sleep", "60")
    assert processes.running(owner.parent) == []
    assert processes.running(owner / "below") == []


def test_a_zombie_does_not_run(owner: Path) -> None:
    pid = _start(owner, "/bin/true")
    _eventually(lambda: Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] == "Z")
    assert _pids(owner) == []


def test_output_is_appended_to_the_log(owner: Path) -> None:
    for word in ("one", "two"):
        _start(owner, "/bin/sh", "-c", f"echo {word}; echo {word}! >&2")
        _eventually(lambda: not _pids(owner))
    assert processes.last_lines(owner / "log", 3) == ["one!", "two", "two!"]


def test_stop_ends_a_willing_process_at_once(owner: Path) -> None:
    _start(owner, "/bin/sleep", "60")
    begin = time.monotonic()
    processes.stop(processes.running(owner))
    assert time.monotonic() - begin < 2
    assert _pids(owner) == []


def test_stop_kills_what_does_not_listen(owner: Path) -> None:
    _start(owner, "/bin/sh", "-c", _DEAF)
    _eventually(lambda: processes.last_lines(owner / "log", 1) == ["deaf"])
    processes.stop(processes.running(owner), seconds=0.3)
    assert "sh" not in [process.name for process in processes.running(owner)]


def test_another_process_with_the_same_pid_is_left_alone(owner: Path) -> None:
    pid = _start(owner, "/bin/sleep", "60")
    _eventually(lambda: _pids(owner) == [pid])
    [found] = processes.running(owner)
    processes.stop([dataclasses.replace(found, started=found.started - 1)])
    assert _pids(owner) == [pid]


def test_stopping_what_is_gone_does_nothing(owner: Path) -> None:
    _start(owner, "/bin/sleep", "60")
    found = processes.running(owner)
    processes.stop(found)
    processes.stop(found)
    processes.stop([Process(2**22 - 1, 1, "never")])


def test_stop_all_lets_the_named_end_gently_and_kills_the_rest(owner: Path) -> None:
    gentle = 'trap "echo bye >> end; exit" TERM; touch ready; while :; do sleep 0.05; done'
    _start(owner, "/bin/sh", "-c", f"cd {owner}; {gentle}")
    _start(owner, "/bin/sleep", "60")
    _eventually((owner / "ready").exists)
    processes.stop_all(owner, "sh")
    assert _pids(owner) == []
    assert (owner / "end").read_text(encoding="utf-8") == "bye\n"


def test_a_command_that_is_not_there_is_an_error(owner: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _start(owner, str(owner / "nothing"))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/usr/bin/python3", "-m", "sandbox.gateway", "--index", "1"], "gateway"),
        (["/usr/bin/python3", "-m", "http.server"], "http.server"),
        (["/a/bin/kube-apiserver", "--secure-port=1"], "kube-apiserver"),
        (["sleep"], "sleep"),
    ],
)
def test_name_of(arguments: list[str], name: str) -> None:
    assert processes.name_of(arguments) == name


def test_last_lines_of_a_long_log_with_broken_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 200_000 + b"\n" + b"a\xffb\nlast, not ended")
    assert processes.last_lines(log, 2) == ["a\ufffdb", "last, not ended"]
    assert processes.last_lines(tmp_path / "none", 2) == []
