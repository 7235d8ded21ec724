# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: up, down, status, logs, faults."""

from __future__ import annotations

import argparse
import errno
import json
import shlex
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

from sandbox import cluster, logs, parts, state
from sandbox.errors import SandboxError
from sandbox.kuadrant.faults import SWITCHES
from sandbox.parts import Part
from sandbox.paths import Home, homes

_DEFAULT = "default"
_INTERRUPTED = 130
_SECONDS_TO_ANSWER = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, or 1 when something failed or does not run."""
    options = _parser().parse_args(arguments)
    try:
        _check_system()
        return int(options.run(options))
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:  # the reader of our output, `head` for example, has seen enough
        sys.stderr.close()
    except OSError as error:
        print(f"error: {_in_words(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted; the next `up` or `down` cleans up", file=sys.stderr)
        return _INTERRUPTED
    return 1


def _check_system() -> None:
    if not sys.platform.startswith("linux"):
        raise SandboxError("The sandbox runs on Linux only.\nElsewhere take a cluster of kind, or a Linux machine.")


def _in_words(error: OSError) -> str:
    """Say what the operating system refused. What names no file is no user's mistake, and is raised again."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full ({error.filename or 'no file named'}).\nMake room, then try again."
    if error.filename is None:
        raise error
    return (
        f"{error.strerror}: {error.filename}\n"
        "Sandboxes live below XDG_STATE_HOME, their binaries below XDG_CACHE_HOME: let these name folders you own."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A Kubernetes cluster in a box, for trying and testing: no containers, no root, no cloud.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start a sandbox, or what is missing of it")
    _add_name(up)
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="stop a sandbox and remove all of it")
    which = down.add_mutually_exclusive_group()
    _add_name(which)
    which.add_argument("--all", action="store_true", help="every sandbox of this user")
    down.set_defaults(run=_down)

    status = commands.add_parser("status", help="show the parts of a sandbox; exit status 1 when one is not well")
    _add_name(status)
    status.set_defaults(run=_status)

    log = commands.add_parser("logs", help="print the log of a part, or the end of all logs")
    log.add_argument("part", nargs="?", help=f"one of {', '.join(parts.PARTS)}, audit, or a simulator's log")
    log.add_argument("-f", "--follow", action="store_true", help="go on as lines are written")
    _add_name(log)
    log.set_defaults(run=_logs)

    _add_faults(commands)
    return parser


def _add_faults(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    faults = commands.add_parser(
        "faults",
        help="show the gateway's switches to misbehave, or turn them on and off",
        epilog="\n".join(f"{name:28}{words}" for name, words in SWITCHES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    faults.add_argument(
        "--clear", action="store_true", help="turn all of them off (before those of --set are turned on)"
    )
    faults.add_argument("--set", action="append", default=[], metavar="SWITCH", help="turn one on; may be repeated")
    _add_name(faults)
    faults.set_defaults(run=_faults)


def _add_name(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--name", default=_DEFAULT, help=f"which sandbox (default: {_DEFAULT})")


class _Reporter:
    """Prints what is being done, with the seconds since the command began."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.silent = True

    def __call__(self, text: str) -> None:
        self.silent = False
        print(f"[{self.elapsed:4.0f} s] {text}", flush=True)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begin


def _up(options: argparse.Namespace) -> int:
    home, say = Home.of(options.name), _Reporter()
    known = cluster.up(home, say)
    words = "runs already" if say.silent else f"is up after {say.elapsed:.1f} s"
    print(f"Sandbox {home.name!r} {words}.\n")
    print(_table(parts.inspect(home, known)))
    print(_how_to_go_on(home))
    return 0


def _how_to_go_on(home: Home) -> str:
    which = "" if home.name == _DEFAULT else f" MAAS_SANDBOX={home.name}"
    return f"""
Kubeconfig   {home.kubeconfig}
Bundle       {home.bundle}
Logs         {home.logs}

For kubectl and helm in this shell:
  export KUBECONFIG={shlex.quote(str(home.kubeconfig))} PATH={shlex.quote(str(home.bin))}:"$PATH"
Install the platform, and ask a model:
  make demo{which}
Stop it and remove all of it:
  python -m sandbox down --name {home.name}"""


def _down(options: argparse.Namespace) -> int:
    chosen = homes() if options.all else [Home.of(options.name)]
    for home in chosen:
        if cluster.down(home, _Reporter()):
            print(f"Sandbox {home.name!r} is stopped and removed.")
        else:
            print(f"Sandbox {home.name!r} does not exist; nothing to do. {_known_names()}")
    if not chosen:
        print("There is no sandbox; nothing to do.")
    return 0


def _status(options: argparse.Namespace) -> int:
    home = _existing(options.name)
    known = state.load(home.state)
    if known is None or not known.complete:
        raise SandboxError(
            f"The sandbox {home.name!r} was never started to the end, or it is being started just now.\n"
            f"Start it: python -m sandbox up --name {home.name}"
        )
    found = parts.inspect(home, known)
    print(_table(found))
    for part in found:
        if part.process is None:
            print(f"\n{parts.obituary(home, part.name)}")
    return int(any(part.problem for part in found))


def _logs(options: argparse.Namespace) -> int:
    home = _existing(options.name)
    logs.show(logs.choose(home, options.part), options.follow, print)
    return 0


def _faults(options: argparse.Namespace) -> int:
    home = _existing(options.name)
    if options.clear:
        _ask_gateway(home, "DELETE", "/faults")
    for switch in options.set:
        _ask_gateway(home, "PUT", f"/faults/{urllib.parse.quote(switch)}")
    for name, state_of_it in json.loads(_ask_gateway(home, "GET", "/faults")).items():
        print(f"{name:28}{state_of_it if name == 'late' else 'on' if state_of_it else 'off'}")
    return 0


def _ask_gateway(home: Home, method: str, path: str) -> str:
    """Send a request to the admin port of the gateway and return the answer. Raises SandboxError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        url = home.gateway_url.read_text(encoding="utf-8").strip()
        with opener.open(urllib.request.Request(url + path, method=method), timeout=_SECONDS_TO_ANSWER) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        raise SandboxError(error.read().decode().strip()) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise SandboxError(
            f"The gateway of the sandbox {home.name!r} does not answer: {reason}\n"
            f"See how it is: python -m sandbox status --name {home.name}"
        ) from None


def _existing(name: str) -> Home:
    home = Home.of(name)
    if home.root.is_dir():
        return home
    raise SandboxError(f"There is no sandbox {name!r}. {_known_names()}\nStart it: python -m sandbox up --name {name}")


def _known_names() -> str:
    names = ", ".join(home.name for home in homes())
    return f"There are: {names}." if names else "There is none."


def _table(found: Sequence[Part]) -> str:
    rows = [("PART", "PID", "SINCE", "STATE"), *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(part: Part) -> tuple[str, str, str, str]:
    if part.process is None:
        return part.name, "-", "-", part.problem
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(part.process.since))
    return part.name, str(part.process.pid), since, part.problem or "healthy"
