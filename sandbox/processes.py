# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, find and stop the processes of a sandbox.

A process belongs to a sandbox when the environment it was started with names that sandbox's folder. Children inherit
the mark, so kwokctl's components and the kubelet's simulators carry it too. The kernel keeps this record, therefore it
cannot go stale as a pid file can: whatever moment a command line is killed at, the next one sees what really runs, and
a reused pid is never taken for ours.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

MARK = "MAAS_SANDBOX_STATE"
_PROC = Path("/proc")
_SECONDS_TO_STOP = 8.0
_SECONDS_TO_DIE = 5.0
_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Process:
    """A process that ran when we looked. ``started`` is in clock ticks since the machine started, as the kernel has it:
    pid and ``started`` together name a process for good."""

    pid: int
    started: int
    name: str

    @property
    def since(self) -> float:
        """When it was started, in seconds since 1970."""
        return _boot_time() + self.started / os.sysconf("SC_CLK_TCK")

    @property
    def age(self) -> float:
        """How long it has been running, in seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / os.sysconf("SC_CLK_TCK")


def running(owner: Path) -> list[Process]:
    """Every living process that carries the mark of ``owner``, oldest first; a zombie is none."""
    mark = f"{MARK}={owner}".encode()
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    found = (_read(pid) for pid in pids if pid != os.getpid() and mark in _environment(pid))
    return sorted((process for process in found if process), key=lambda process: (process.started, process.pid))


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile, or another user's
        return []


def _read(pid: int) -> Process | None:
    started = _start_ticks(pid)
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return Process(pid, started, name_of([os.fsdecode(each) for each in arguments])) if started else None


def name_of(arguments: Sequence[str]) -> str:
    """What a process is called: ``gateway`` for ``python -m sandbox.gateway ...``, else the name of its binary."""
    if len(arguments) > 2 and arguments[1] == "-m":
        return arguments[2].removeprefix("sandbox.")
    return os.path.basename(arguments[0])


def _start_ticks(pid: int) -> int:
    """Field 22 of ``/proc/PID/stat`` (proc(5)); the name in field 2 may hold spaces and brackets. 0: it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


@functools.cache
def _boot_time() -> int:
    lines = (_PROC / "stat").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def marked(owner: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that shall belong to ``owner``."""
    return {**environment, MARK: str(owner)}


def start(command: Sequence[str], owner: Path, log: Path, environment: Mapping[str, str]) -> int:
    """Start a process that outlives this one, its output appended to ``log``; return its pid.

    Raises OSError when the command cannot be executed.
    """
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        list(command),
        marked(owner, environment),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,  # so that Ctrl-C at the terminal does not reach it
    )


def stop(processes: Iterable[Process], seconds: float = _SECONDS_TO_STOP) -> None:
    """Ask these processes to end, and kill those that have not ended within ``seconds``."""
    with contextlib.ExitStack() as handles:
        alive = [handle for process in processes if (handle := _handle(process, handles)) is not None]
        for kind, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, _SECONDS_TO_DIE)):
            for handle in alive:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, kind)
            alive = _still_alive(alive, patience)


def _handle(process: Process, handles: contextlib.ExitStack) -> int | None:
    """A file descriptor that stands for exactly this process, or None when it is gone.

    The start time is read after opening, so the descriptor cannot stand for another process with the same pid.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    handles.callback(os.close, handle)
    return handle if _start_ticks(process.pid) == process.started else None


def _still_alive(handles: list[int], seconds: float) -> list[int]:
    """Wait until all of them have ended, at most ``seconds``; return those that have not."""
    alive, deadline = set(handles), time.monotonic() + seconds
    poll = select.poll()
    for handle in alive:
        poll.register(handle, select.POLLIN)
    while alive and (left := deadline - time.monotonic()) > 0:
        for handle, _event in poll.poll(left * 1000):
            poll.unregister(handle)
            alive.discard(handle)
    return list(alive)


def stop_all(owner: Path, *gently: str) -> None:
    """Stop every process of ``owner``: those named in ``gently`` first, with time to end by themselves; the others are
    killed, because a control plane that loses its parts one by one takes a minute to end.

    Raises SandboxError when something cannot be stopped.
    """
    stop(process for process in running(owner) if process.name in gently)
    for _attempt in range(3):  # a process may have started another while we stopped it
        left = running(owner)
        if not left:
            return
        stop(left, seconds=0)
    if left := running(owner):
        names = ", ".join(f"{process.name} (pid {process.pid})" for process in left)
        raise SandboxError(f"These processes do not end: {names}.\nEnd them by hand, then try again.")


def last_lines(log: Path, count: int) -> list[str]:
    """The last ``count`` lines of a log; none when there is no such file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
