# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a real sandbox: up, again, broken and mended, killed halfway, side by side, down.

The sandboxes of this file have a state folder of their own, so none that a user runs is touched.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import binaries, parts, processes, state
from sandbox.paths import Home, package

_ENDPOINT = "sandbox.maas-billing.platform/endpoint"
_LISTEN = "0A"  # of the states in /proc/net/tcp
_MODEL = "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2"
_FREED_SECONDS = 15.0


class Box:
    """A sandbox, used as a user does: by its command line and its kubeconfig."""

    def __init__(self, name: str) -> None:
        self.home = Home.of(name)

    def begin(self, command: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox", command, "--name", self.home.name, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=package().parent,
            env={**os.environ, **environment},
        )

    def run(self, command: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a command to its end; return its exit status, output and error output."""
        process = self.begin(command, *arguments, **environment)
        output, errors = process.communicate(timeout=180)
        return process.returncode, output, errors

    def up(self) -> str:
        """Bring it up and return the output."""
        status, output, errors = self.run("up")
        assert status == 0, output + errors
        return output

    def down(self) -> None:
        """Take it down, and check that nothing is left."""
        status, output, errors = self.run("down")
        assert status == 0, output + errors
        assert processes.running(self.home.root) == []
        assert not self.home.root.exists()

    def pids(self) -> dict[str, int]:
        """The pid of each part that runs."""
        return {name: process.pid for name, process in parts.alive_parts(self.home).items()}

    def kill(self, *names: str) -> None:
        """Kill parts as a crash would."""
        for name in names:
            os.kill(self.pids()[name], signal.SIGKILL)
        eventually(lambda: not set(names) & set(self.pids()))

    def kubectl(self, *arguments: str, user: Path | None = None, given: Any = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the user, or with another kubeconfig; ``given`` goes to its input as JSON."""
        return subprocess.run(
            [self.home.bin / "kubectl", "--kubeconfig", user or self.home.kubeconfig, *arguments],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def pod(self, name: str) -> dict[str, Any]:
        """A pod of the default namespace, or an empty mapping when there is none."""
        answer = self.kubectl("get", "pod", name, "--ignore-not-found", "--output=json").stdout
        return dict(json.loads(answer)) if answer else {}


def eventually(check: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _pod(name: str, image: str, **container: object) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": image, **container}]},
    }


@pytest.fixture(scope="module", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def box(_own_state: None) -> Iterator[Box]:
    """A sandbox that is up; every test leaves it so."""
    box = Box("life")
    box.up()
    yield box
    box.down()


@pytest.fixture
def other(_own_state: None) -> Iterator[Box]:
    """Another sandbox, not up."""
    box = Box("other")
    yield box
    box.down()


# -- Up


def test_everything_answers_and_nothing_else_is_open(box: Box) -> None:
    status, output, _ = box.run("status")
    assert status == 0
    assert output.count("healthy") == len(parts.PARTS)
    listening = [address for pid in box.pids().values() for address in _listening(pid)]
    assert len(listening) >= len(state.PORTS)
    assert all(address.startswith("127.0.0.") for address in listening), listening


def _listening(pid: int) -> list[str]:
    """The addresses on which a process listens; one of IPv6, which none should be, as the kernel writes it."""
    sockets = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in sockets:
                address = bytes.fromhex(fields[1].partition(":")[0])
                found.append(socket.inet_ntoa(address[::-1]) if len(address) == 4 else fields[1])
    return found


def test_the_user_is_an_administrator_of_their_own_and_audited(box: Box) -> None:
    assert box.home.kubeconfig.stat().st_mode & 0o777 == 0o600
    who = json.loads(box.kubectl("auth", "whoami", "--output=json").stdout)["status"]["userInfo"]
    assert who["username"] == "platform-engineer"
    assert "system:masters" in who["groups"]

    def seen() -> bool:
        log = (box.home.logs / "audit.log").read_text(encoding="utf-8").splitlines()
        events = [event for line in log if (event := json.loads(line))["user"]["username"] == "platform-engineer"]
        assert all(event["stage"] == "ResponseComplete" and event["level"] == "Metadata" for event in events)
        return any("selfsubjectreviews" in event["requestURI"] for event in events)

    eventually(seen)


def test_two_nodes_are_ready_with_room(box: Box) -> None:
    nodes = json.loads(box.kubectl("get", "nodes", "--output=json").stdout)["items"]
    assert len(nodes) == 2
    assert all(_ready(node) for node in nodes)
    assert {node["status"]["allocatable"]["cpu"] for node in nodes} == {"16"}


@pytest.mark.parametrize(
    ("part", "allowed", "forbidden"),
    [
        ("gateway", ("list", "services"), ("patch", "pods")),
        ("gateway", ("list", "secrets"), ("patch", "secrets")),
        ("kubelet", ("patch", "pods"), ("delete", "pods")),
        ("kubelet", ("watch", "pods"), ("list", "secrets")),
    ],
)
def test_the_stand_ins_may_do_just_their_work(
    box: Box, part: str, allowed: tuple[str, str], forbidden: tuple[str, str]
) -> None:
    user = box.home.kubeconfig_of(part)
    assert box.kubectl("auth", "can-i", *allowed, "--all-namespaces", user=user).stdout.strip() == "yes"
    assert box.kubectl("auth", "can-i", *forbidden, "--all-namespaces", user=user).stdout.strip() == "no"


def test_the_bundle_and_the_tools_are_there(box: Box) -> None:
    assert len(list((box.home.bundle / "charts").glob("*.tgz"))) == 6
    assert (box.home.bundle / "manifests" / "gateway-api-v1.4.1.yaml").is_file()
    helm = subprocess.run([box.home.bin / "helm", "version", "--short"], capture_output=True, text=True)
    assert helm.stdout.startswith("v3.")


def test_up_again_changes_nothing_and_is_quick(box: Box) -> None:
    before, begin = box.pids(), time.monotonic()
    assert box.up().startswith("Sandbox 'life' runs already.")
    assert time.monotonic() - begin < 6
    assert box.pids() == before


# -- Pods


def test_a_pod_runs_at_once_is_left_alone_and_goes_at_once(box: Box) -> None:
    box.kubectl("apply", "--filename=-", given=_pod("plain", "nginx:1"))
    eventually(lambda: _ready(box.pod("plain")))
    pod = box.pod("plain")
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"].startswith("10.244.")
    time.sleep(2)
    assert box.pod("plain")["metadata"]["resourceVersion"] == pod["metadata"]["resourceVersion"]
    begin = time.monotonic()
    box.kubectl("delete", "pod", "plain")
    assert time.monotonic() - begin < 5
    assert box.pod("plain") == {}


def test_a_simulator_pod_is_ready_only_while_its_simulator_answers(box: Box) -> None:
    container = {"args": ["--model", "m"], "ports": [{"containerPort": 8000}]}
    box.kubectl("apply", "--filename=-", given=_pod("model", _MODEL, **container))
    eventually(lambda: _ready(box.pod("model")))
    assert box.pod("model")["metadata"]["annotations"][_ENDPOINT].startswith("127.0.0.1:")
    box.kubectl("delete", "pod", "model")
    eventually(lambda: "simulator" not in [process.name for process in processes.running(box.home.root)])


@pytest.mark.parametrize(
    "image", ["llm-d-inference-sim", "r:5000/llm-d-inference-sim@sha256:" + "0" * 64, "a/llm-d-inference-sim:1"]
)
def test_a_simulator_pod_without_an_endpoint_is_not_ready(box: Box, image: str) -> None:
    box.kubectl("apply", "--filename=-", given=_pod("mute", image, args=["--no-such-option"]))
    eventually(lambda: box.pod("mute").get("status", {}).get("phase") == "Running")
    time.sleep(1)
    pod = box.pod("mute")
    assert not _ready(pod)
    assert {each["reason"] for each in pod["status"]["conditions"] if each["type"] == "Ready"} == {"ContainersNotReady"}
    box.kubectl("delete", "pod", "mute")


def test_a_pod_of_a_job_completes(box: Box) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}}
    box.kubectl("apply", "--filename=-", given=job)
    assert box.kubectl("wait", "--for=condition=Complete", "job/job", "--timeout=20s").returncode == 0
    box.kubectl("delete", "job", "job")


# -- Broken and mended


def test_what_died_is_shown_and_started_again(box: Box) -> None:
    before = box.pids()
    box.kill("kube-scheduler", "etcd", "gateway", "kubelet")
    status, output, _ = box.run("status")
    assert status == 1
    assert output.count("not running") == 4
    assert f"kube-scheduler has ended. The end of its log ({box.home.log('kube-scheduler')}):" in output
    assert "starting again: etcd, kube-scheduler" in box.up()
    assert box.run("status")[0] == 0
    after = box.pids()
    assert {name for name in parts.PARTS if after[name] != before[name]} == {
        "kube-scheduler",
        "etcd",
        "gateway",
        "kubelet",
    }
    assert box.kubectl("get", "nodes").returncode == 0


def steal(thief: socket.socket, port: int) -> None:
    """Listen on the port of a program that was just killed, as soon as the kernel has freed it."""
    deadline = time.monotonic() + _FREED_SECONDS
    while True:
        try:
            thief.bind(("127.0.0.1", port))
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    thief.listen()


def test_a_taken_port_is_named(box: Box) -> None:
    known = state.load(box.home.state)
    assert known is not None
    box.kill("kube-scheduler")
    port = known.ports["kube-scheduler"]
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        steal(thief, port)
        status, _, errors = box.run("up")
    assert status == 1
    assert f"Other programs have taken ports of the sandbox 'life': {port} (kube-scheduler) on 127.0.0.1." in errors
    assert "Traceback" not in errors
    box.up()


def test_a_part_that_dies_at_its_start_has_the_last_word(other: Box, tmp_path: Path) -> None:
    version = next(program.version for program in binaries.PROGRAMS if program.name == "etcd")
    etcd = tmp_path / "etcd"
    etcd.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && echo etcd Version: {version} && exit\necho the disk is on fire\nexit 1\n"
    )
    etcd.chmod(0o755)
    for name, path in binaries.ensure(print).items():
        if name != "etcd":
            (tmp_path / name).symlink_to(path)
    begin = time.monotonic()
    status, _, errors = other.run("up", MAAS_SANDBOX_BIN=str(tmp_path))
    assert status == 1
    assert errors.startswith("error: etcd has ended.")
    assert "\n  the disk is on fire\n" in errors
    assert "Traceback" not in errors
    assert time.monotonic() - begin < 20
    assert processes.running(other.home.root) == []


# -- Killed halfway


@pytest.mark.parametrize(("seconds", "then"), [(0.5, "up"), (0.9, "down"), (1.5, "down"), (2.5, "up"), (4.0, "up")])
def test_a_killed_up_is_cleaned_up_by_the_next_command(other: Box, seconds: float, then: str) -> None:
    with other.begin("up") as killed:
        time.sleep(seconds)
        killed.kill()
    if then == "up":
        other.up()
        assert other.run("status")[0] == 0
    else:
        other.down()


def test_a_killed_down_is_ended_by_the_next_command(other: Box) -> None:
    other.up()
    with other.begin("down") as killed:
        eventually(lambda: len(processes.running(other.home.root)) < len(parts.PARTS))
        killed.kill()
    other.up()
    assert other.run("status")[0] == 0


def test_two_commands_at_once_make_one_sandbox(other: Box) -> None:
    commands = [other.begin("up") for _ in range(2)]
    outputs = [command.communicate(timeout=180) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], outputs
    assert sorted("starting the control plane" in output for output, _ in outputs) == [False, True]
    assert len(processes.running(other.home.root)) == len(parts.PARTS)


# -- Side by side, and down


def test_two_sandboxes_run_side_by_side(box: Box, other: Box) -> None:
    first = state.load(box.home.state)
    other.up()
    second = state.load(other.home.state)
    assert first is not None
    assert second is not None
    assert first.index != second.index
    other.kubectl("create", "namespace", "only-here")
    assert other.kubectl("get", "namespace", "only-here").returncode == 0
    assert box.kubectl("get", "namespace", "only-here").returncode == 1
    other.down()
    assert box.run("status")[0] == 0


def test_down_frees_everything_and_may_be_said_twice(other: Box) -> None:
    other.up()
    known = state.load(other.home.state)
    assert known is not None
    other.down()
    assert state.busy(known.ports) == {}
    status, output, _ = other.run("down")
    assert status == 0
    assert "does not exist; nothing to do" in output
