# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one sandbox: make, mend, remove."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox import binaries, bundle, kwokctl, locks, parts, processes, state
from sandbox.errors import SandboxError
from sandbox.identity import Authority, Identity, write_kubeconfig
from sandbox.paths import Home, cache_root, package
from sandbox.state import State

USER = Identity("platform-engineer", ("system:masters",))
_SECONDS_FOR_ANOTHER_COMMAND = 300
_SECONDS_FOR_THE_SET_UP = 60
_SECONDS_TO_BE_LISTED = 10
_SECONDS_UNTIL_SAID = 3
_MIB_NEEDED = 300

Say = Callable[[str], None]


def up(home: Home, say: Say) -> State:
    """Bring a sandbox to where everything runs and answers; what does so already is left alone.

    Raises SandboxError, with cause and cure, when that cannot be done.
    """
    programs = binaries.ensure(say)
    with _locked(home, say):
        known = state.load(home.state)
        if not (known and known.complete) and any(home.root.iterdir()):
            say("removing what an interrupted start left")
            _clear(home)
        link(home, programs)
        bundle.build(home.bundle, go="go", cache=cache_root(), helm=programs["helm"])
        if known and known.complete:
            _mend(home, known, say)
        else:
            known = _create(home, say)
        _start_stand_ins(home, known, say)
        parts.wait(home, known, say)
        _wait_for_nodes(home, say)
        return known


def down(home: Home, say: Say) -> bool:
    """Stop a sandbox and remove its folder; tell whether there was one."""
    if not home.root.exists():
        return False
    with _locked(home, say):
        _clear(home)
        home.root.rmdir()
    return True


def _locked(home: Home, say: Say) -> contextlib.AbstractContextManager[None]:
    return locks.folder(home.root, f"the sandbox {home.name!r}", say, _SECONDS_FOR_ANOTHER_COMMAND)


def _clear(home: Home) -> None:
    """Stop and remove everything but the folder itself, which carries the lock.

    The state goes first: if we are killed on the way, the rest counts as the remains of an interrupted start.
    """
    home.state.unlink(missing_ok=True)
    processes.stop_all(home.root, *parts.STAND_INS)
    for entry in home.root.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _create(home: Home, say: Say) -> State:
    """Make the cluster. Raises SandboxError when there is no room for it, or when a part does not start."""
    _check_room(home)
    home.pod_logs.mkdir(parents=True)
    authority = Authority()
    authority.write_for_kwokctl(home.pki)
    try:
        with locks.ports(say):
            known = State(state.lowest_free_index())
            known.save(home.state)
            ports = known.ports.values()
            say(f"starting the control plane on the ports {min(ports)} to {max(ports)} of 127.0.0.1")
            kwokctl.create(home, known)
            kwokctl.restart_controller(home)
        _write_kubeconfigs(home, known, authority)
        _set_up(home)
    except BaseException:
        processes.stop_all(home.root)  # the logs stay, so that they can be read
        raise
    known = dataclasses.replace(known, complete=True)
    known.save(home.state)
    return known


def _check_room(home: Home) -> None:
    """A sandbox begins with 130 MiB, almost all of them for etcd's journal; its logs grow with its use."""
    free = shutil.disk_usage(home.root).free // 2**20
    if free < _MIB_NEEDED:
        raise SandboxError(
            f"Not enough room: {free} MiB are free on the disk of {home.root}, a sandbox needs {_MIB_NEEDED}.\n"
            "Make room there, or let XDG_STATE_HOME name a folder on another disk."
        )


def link(home: Home, programs: Mapping[str, Path]) -> None:
    """Link the programs into one folder, where users find kubectl and helm too."""
    home.bin.mkdir(exist_ok=True)
    for name, path in programs.items():
        link = home.bin / name
        if not link.is_symlink() or link.readlink() != path:
            new = home.bin / f".{name}.new"
            new.unlink(missing_ok=True)
            new.symlink_to(path)
            new.replace(link)


def _write_kubeconfigs(home: Home, known: State, authority: Authority) -> None:
    server, context = f"https://127.0.0.1:{known.ports['kube-apiserver']}", f"sandbox-{home.name}"
    write_kubeconfig(home.kubeconfig, server, context, authority, USER)
    for part in parts.STAND_INS:
        write_kubeconfig(home.kubeconfig_of(part), server, context, authority, Identity(f"maas-sandbox:{part}"))


def _set_up(home: Home) -> None:
    """Give the new cluster its nodes, the stages of nodes and pods, and the rights of the stand-ins."""
    stages = package() / "stages"
    _kubectl(home, "wait", "--for=condition=Established", "crd/stages.kwok.x-k8s.io", _within())
    _apply(home, package() / "access.yaml", stages / "node.yaml", stages / "pod.yaml")


def _wait_for_nodes(home: Home, say: Say) -> None:
    """Wait until pods can run: the nodes are ready, and pods in the default namespace have an account to run as."""
    slow = threading.Timer(_SECONDS_UNTIL_SAID, say, ["waiting until the nodes are ready"])
    slow.start()
    try:
        _kubectl(home, "wait", "--for=condition=Ready", "nodes", "--all", _within())
        _kubectl(home, "wait", "--for=create", "serviceaccount/default", "--namespace=default", _within())
    finally:
        slow.cancel()


def _within() -> str:
    return f"--timeout={_SECONDS_FOR_THE_SET_UP}s"


def _apply(home: Home, *files: Path) -> None:
    """Apply files; a CRD that is established is served, but named among the API's resources only a moment later."""
    arguments = [f"--filename={file}" for file in files]
    deadline = time.monotonic() + _SECONDS_TO_BE_LISTED
    while True:
        try:
            return _kubectl(home, "apply", "--server-side", "--field-manager=maas-sandbox", *arguments)
        except SandboxError as error:
            if "no matches for kind" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _kubectl(home: Home, *arguments: str) -> None:
    ours = ["--kubeconfig", str(home.admin_kubeconfig), "--cache-dir", str(home.root / "kubectl")]
    command = [str(home.bin / "kubectl"), *ours, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SandboxError(f"kubectl {' '.join(arguments)} failed:\n{done.stderr.strip()}\nThe logs: {home.logs}")


def _mend(home: Home, known: State, say: Say) -> None:
    """Start those parts of the control plane again that do not run."""
    alive = parts.alive_parts(home)
    missing = [name for name in parts.CONTROL_PLANE if name not in alive]
    if not missing:
        return
    say(f"starting again: {', '.join(missing)}")
    needed = {name: port for name, port in known.ports.items() if name.removesuffix("-peer") in missing}
    if taken := state.busy(needed):
        words = ", ".join(f"{port} ({name})" for name, port in taken.items())
        raise SandboxError(
            f"Other programs have taken ports of the sandbox {home.name!r}: {words} on 127.0.0.1.\n"
            f"Stop those programs, or take new ports: python -m sandbox down --name {home.name}, then up again."
        )
    kwokctl.start(home)


def _start_stand_ins(home: Home, known: State, say: Say) -> None:
    """Start the kubelet and the gateway where they do not run."""
    alive = parts.alive_parts(home)
    if "kubelet" not in alive:  # a killed kubelet leaves its simulators behind, and the next one does not know them
        processes.stop(process for process in processes.running(home.root) if process.name == "simulator")
    if "gateway" not in alive:
        home.gateway_url.unlink(missing_ok=True)
    options = {
        "kubelet": ["--logs", str(home.pod_logs)],
        "gateway": ["--index", str(known.index), "--admin-file", str(home.gateway_url)],
    }
    for name in parts.STAND_INS:
        if name not in alive:
            say(f"starting the {name}")
            command = [sys.executable, "-m", f"sandbox.{name}", "--kubeconfig", str(home.kubeconfig_of(name))]
            processes.start([*command, *options[name]], home.root, home.log(name), _python_environment())


def _python_environment() -> dict[str, str]:
    """The environment in which this package can be imported, wherever the command line was called."""
    paths = [str(package().parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
