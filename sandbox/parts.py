# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a running sandbox: which there are, whether each is alive and answers, and how it died if not."""

from __future__ import annotations

import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox import processes
from sandbox.errors import SandboxError
from sandbox.paths import Home
from sandbox.processes import Process
from sandbox.state import State

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller")
STAND_INS = ("kubelet", "gateway")
PARTS = (*CONTROL_PLANE, *STAND_INS)

_HEALTH = {
    "etcd": "http://127.0.0.1:{}/health",
    "kube-apiserver": "https://127.0.0.1:{}/readyz",
    "kube-controller-manager": "https://127.0.0.1:{}/healthz",
    "kube-scheduler": "https://127.0.0.1:{}/healthz",
    "kwok-controller": "http://127.0.0.1:{}/healthz",
}
_SECONDS_TO_ANSWER = 5.0
_SECONDS_TO_SETTLE = 1.5
"""When a part that cannot be asked, the kubelet, counts as well: what makes it fail at its start comes before that."""
_POLL = 0.1
_REPORT_EVERY = 5.0
_LINES_OF_A_DEAD_PART = 8
_LINES_TO_SEARCH = 200
_LONGEST_LINE = 240
_STACK = re.compile(r"goroutine \d+ ")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """One part as it was when we looked. ``process`` is None when it does not run; ``problem`` is empty when all is
    well."""

    name: str
    process: Process | None
    problem: str


def inspect(home: Home, state: State) -> list[Part]:
    """Look at every part."""
    alive = alive_parts(home)
    return [_inspect(name, alive.get(name), home, state) for name in PARTS]


def alive_parts(home: Home) -> dict[str, Process]:
    """The parts that run, by name."""
    return {process.name: process for process in processes.running(home.root) if process.name in PARTS}


def _inspect(name: str, process: Process | None, home: Home, state: State) -> Part:
    if process is None:
        return Part(name, None, "not running")
    try:
        url = _url(name, home, state)
    except FileNotFoundError:
        return Part(name, process, "has not said yet where it listens")
    if url:
        return Part(name, process, _ask(name, url, home))
    return Part(name, process, "" if process.age > _SECONDS_TO_SETTLE else "has just been started")


def _url(name: str, home: Home, state: State) -> str:
    """Where to ask a part how it is; empty when it listens nowhere."""
    if name == "gateway":
        return home.gateway_url.read_text(encoding="utf-8").strip() + "/healthz/ready"
    return _HEALTH[name].format(state.ports[name]) if name in _HEALTH else ""


def _ask(name: str, url: str, home: Home) -> str:
    """Return what is wrong with a part by its own words; empty when it is well."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # certificates of their own, on loopback
    if name == "kube-apiserver":
        tls.load_cert_chain(home.pki / "admin.crt", home.pki / "admin.key")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    try:
        with opener.open(url, timeout=_SECONDS_TO_ANSWER):
            return ""
    except urllib.error.HTTPError as error:
        return f"answers {error.code}: {_failing_check(error)}"
    except OSError as error:
        return f"does not answer: {getattr(error, 'reason', error)}"


def _failing_check(error: urllib.error.HTTPError) -> str:
    """The first failing line of Kubernetes' health report, or the reason phrase."""
    lines = error.read().decode("utf-8", errors="replace").splitlines()
    return next((line for line in lines if line.startswith("[-]")), error.reason)


def wait(home: Home, state: State, say: Say, seconds: float = 90) -> None:
    """Wait until every part answers, and say which do not yet.

    Raises SandboxError at once when one has died, or when one does not answer within ``seconds``.
    """
    begin = time.monotonic()
    report = begin + _REPORT_EVERY
    while ill := [part for part in inspect(home, state) if part.problem]:
        check_alive(home, PARTS)
        now = time.monotonic()
        words = "; ".join(f"{part.name} {part.problem}" for part in ill)
        if now - begin > seconds:
            logs = "\n".join(f"  {home.log(part.name)}" for part in ill)
            raise SandboxError(f"Not everything answers after {seconds:.0f} s: {words}.\nTheir logs:\n{logs}")
        if now >= report:
            say(f"waiting ({now - begin:.0f} s): {words}")
            report += _REPORT_EVERY
        time.sleep(_POLL)


def check_alive(home: Home, names: Iterable[str]) -> None:
    """Raise SandboxError, with the end of its log, when one of these parts does not run."""
    alive = alive_parts(home)
    for name in names:
        if name not in alive:
            raise SandboxError(obituary(home, name))


def obituary(home: Home, name: str) -> str:
    """Say that a part has ended, with its last words and what to do about it."""
    log = home.log(name)
    words = _last_words(processes.last_lines(log, _LINES_TO_SEARCH))
    text = "\n".join(words)
    if "address already in use" in text:
        cure = (
            "Another program has its port. Stop that program, or take new ports: "
            f"python -m sandbox down --name {home.name}, then up again."
        )
    elif "no space left on device" in text:
        cure = f"The disk of {home.root} is full. Make room, then: python -m sandbox up --name {home.name}"
    else:
        cure = f"Start it again: python -m sandbox up --name {home.name}"
    quoted = "\n".join(f"  {line[:_LONGEST_LINE]}" for line in words) or "  (it wrote nothing)"
    return f"{name} has ended. The end of its log ({log}):\n{quoted}\n{cure}"


def _last_words(lines: list[str]) -> list[str]:
    """The last lines; of a Go program that panicked those before its stack, which tells users nothing."""
    stack = next((number for number, line in enumerate(lines) if _STACK.match(line)), len(lines))
    return [line for line in lines[:stack] if line.strip()][-_LINES_OF_A_DEAD_PART:]
