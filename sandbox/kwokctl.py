# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kwokctl, which starts the control plane from local binaries; it is given all ports and never downloads anything."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import yaml

from sandbox import parts, processes
from sandbox.errors import SandboxError
from sandbox.paths import Home, package
from sandbox.state import State

_NAME = "sandbox"  # of kwokctl's cluster; it names the folder `Home.cluster`
_SECONDS = 120.0
_POLL = 0.1
_POD_ADDRESSES = "10.244.0.1/16"
_SERVICE_ADDRESSES = "10.96.0.0/16"


def create(home: Home, state: State) -> None:
    """Make and start the control plane, with the certificates that are there already.

    Raises SandboxError when a part of it dies, or when kwokctl fails.
    """
    _settings_file(home).write_text(yaml.safe_dump(settings(home, state), sort_keys=False), encoding="utf-8")
    (home.cluster / "logs").symlink_to(home.logs)  # all logs of a sandbox in one folder
    _run(home, "create", "cluster", "--name", _NAME, "--config", str(_settings_file(home)), "--kubeconfig", "")


def start(home: Home) -> None:
    """Start the parts of the control plane that do not run. Raises SandboxError like `create`.

    kwokctl goes by its pid files. They are put right first: it takes any process that got an old pid for its own.
    """
    kill(home, "kwokctl")  # which a killed command line left at work
    alive = parts.alive_parts(home)
    for name in parts.CONTROL_PLANE:
        if name in alive:
            _pid_file(home, name).write_text(str(alive[name].pid), encoding="ascii")
        else:
            _pid_file(home, name).unlink(missing_ok=True)
    _run(home, "start", "cluster", "--name", _NAME)


def restart_controller(home: Home) -> None:
    """Start the kwok controller anew, once there is the Stage kind: it was started before, and looks again only after
    five seconds."""
    kill(home, "kwok-controller")
    start(home)


def kill(home: Home, name: str) -> None:
    """Kill a part of the control plane, or kwokctl itself."""
    processes.stop((process for process in processes.running(home.root) if process.name == name), seconds=0)


def _settings_file(home: Home) -> Path:
    return home.root / "kwokctl.yaml"


def settings(home: Home, state: State) -> dict[str, object]:
    """kwokctl's own configuration. etcd does not wait for the disk: a sandbox need not outlive a power cut."""
    ports = state.ports
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            "runtime": "binary",
            "bindAddress": "127.0.0.1",
            "securePort": True,
            "kubeAuthorization": True,
            "kubeAdmission": True,
            "kubeAuditPolicy": str(package() / "audit-policy.yaml"),
            "enableCRDs": ["Stage"],
            "kubeApiserverPort": ports["kube-apiserver"],
            "etcdPort": ports["etcd"],
            "etcdPeerPort": ports["etcd-peer"],
            "kubeControllerManagerPort": ports["kube-controller-manager"],
            "kubeSchedulerPort": ports["kube-scheduler"],
            "kwokControllerPort": ports["kwok-controller"],
            "etcdBinary": str(home.bin / "etcd"),
            "kubeApiserverBinary": str(home.bin / "kube-apiserver"),
            "kubeControllerManagerBinary": str(home.bin / "kube-controller-manager"),
            "kubeSchedulerBinary": str(home.bin / "kube-scheduler"),
            "kwokControllerBinary": str(home.bin / "kwok"),
            "kubectlBinary": str(home.bin / "kubectl"),
        },
        "componentsPatches": [
            _patch("etcd", "unsafe-no-fsync", "true"),
            _patch("kube-apiserver", "audit-log-maxbackup", "1"),
            _patch("kube-apiserver", "service-cluster-ip-range", _SERVICE_ADDRESSES),
            _patch("kwok-controller", "cidr", _POD_ADDRESSES),
            _patch("kube-controller-manager", "leader-elect", "false"),
            _patch("kube-scheduler", "leader-elect", "false"),
        ],
    }


def _patch(part: str, key: str, value: str) -> dict[str, object]:
    return {"name": part, "extraArgs": [{"key": key, "value": value}]}


def _run(home: Home, *arguments: str) -> None:
    """Run kwokctl, and look after what it has started meanwhile: it would wait two minutes for a dead API server."""
    log = home.log("kwokctl")
    with log.open("ab") as output:
        kwokctl = subprocess.Popen(
            [home.bin / "kwokctl", *arguments],
            env=processes.marked(home.root, _environment(home)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        status = _wait(home, kwokctl)
    finally:
        kwokctl.kill()
        kwokctl.wait()
    if status:
        lines = "\n".join(f"  {line}" for line in processes.last_lines(log, 5))
        raise SandboxError(f"kwokctl {arguments[0]} failed. The end of its log ({log}):\n{lines}")


def _environment(home: Home) -> dict[str, str]:
    """The user's environment without settings for kwokctl, and with our kubectl where kwokctl looks first."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KWOK_")}
    return {**ours, "KWOK_WORKDIR": str(home.kwok), "PATH": f"{home.bin}:{os.environ.get('PATH', os.defpath)}"}


def _wait(home: Home, kwokctl: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            return kwokctl.wait(timeout=_POLL)
        except subprocess.TimeoutExpired:
            parts.check_alive(home, [name for name in parts.CONTROL_PLANE if _pid_file(home, name).exists()])
    raise SandboxError(f"kwokctl is not done after {_SECONDS:.0f} s.\nIts log, and those of the parts: {home.logs}")


def _pid_file(home: Home, name: str) -> Path:
    return home.cluster / "pids" / f"{name}.pid"
