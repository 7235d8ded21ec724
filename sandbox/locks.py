# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between command lines that run at the same time. Each is freed by the kernel when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from sandbox.errors import SandboxError

T = TypeVar("T")

_POLL = 0.1
_PORTS_NAME = "\0maas-sandbox-ports"
_REPORT_EVERY = 15.0


@contextlib.contextmanager
def folder(path: Path, what: str, say: Callable[[str], None], seconds: float) -> Iterator[None]:
    """Hold the one lock of a folder, which is made when missing; ``what`` names it to a user who has to wait.

    Raises SandboxError after ``seconds`` of waiting.
    """
    handle = _wait(lambda: _try_folder(path), what, say, seconds)
    try:
        yield
    finally:
        os.close(handle)


def _try_folder(path: Path) -> int | None:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:  # removed by the holder of the lock just now
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder may have removed the folder while we opened it: then this lock guards nothing.
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
    os.close(handle)
    return None


@contextlib.contextmanager
def ports(say: Callable[[str], None]) -> Iterator[None]:
    """Hold the one lock that guards the choice of ports.

    It is a name in Linux's abstract socket namespace, because that reaches as far as the loopback ports do: every
    user of one network namespace.
    """
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as holder:
        _wait(lambda: _try_name(holder), "the choice of ports", say, seconds=120)
        yield


def _try_name(holder: socket.socket) -> bool | None:
    try:
        holder.bind(_PORTS_NAME)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return True


def _wait(attempt: Callable[[], T | None], what: str, say: Callable[[str], None], seconds: float) -> T:
    begin = time.monotonic()
    report = begin
    while (held := attempt()) is None:
        now = time.monotonic()
        if now - begin > seconds:
            raise SandboxError(f"Another command still works on {what} after {seconds:.0f} s.\nTry again later.")
        if now >= report:
            say(f"another command works on {what}; waiting for it ({now - begin:.0f} s)")
            report += _REPORT_EVERY
        time.sleep(_POLL)
    return held
