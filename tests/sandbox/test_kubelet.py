# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in kubelet on a real API server, alone and with the gateway in front: the whole way to a model."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.sandbox import objects
from tests.sandbox.control_plane import ControlPlane, eventually, running
from tests.sandbox.stage import address, ask, gateway_process, stand_in

Object = dict[str, Any]
ENDPOINT = "sandbox.maas-billing.platform/endpoint"
ARGUMENTS = ("--model=simulator", "--port", "8080", "--mode=random", "--seed=7")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with the Gateway API."""
    with running(tmp_path_factory.mktemp("plane")) as plane:
        plane.install_gateway_api()
        plane.create(objects.namespace("models"))
        yield plane


@pytest.fixture
def pods(plane: ControlPlane) -> Iterator[list[Object]]:
    """Pods put in here are deleted after the test."""
    things: list[Object] = []
    yield things
    plane.delete(*things)


def endpoint_of(plane: ControlPlane, pod: Object) -> str:
    """Return the address that a Pod carries. Raises KeyError while there is none."""
    found: str = plane.get(pod)["metadata"]["annotations"][ENDPOINT]
    return found


def log_of(plane: ControlPlane, pod: Object) -> Path:
    """Return the log of a Pod's process."""
    return plane.folder / "pods" / f"{pod['metadata']['name']}.log"


def kubelet(plane: ControlPlane) -> Any:
    """Start the kubelet."""
    return stand_in(plane, "kubelet", "--logs", str(plane.folder / "pods"))


def test_a_process_lives_as_long_as_its_pod(plane: ControlPlane, pods: list[Object]) -> None:
    with kubelet(plane):
        other = plane.create(objects.pod("models", "not-a-simulator"))
        pod = plane.create(objects.simulator_pod("models", "sim-1", *ARGUMENTS))
        pods += [other, pod]
        where = eventually(lambda: endpoint_of(plane, pod))
        assert ask(where, "x", "/v1/models").json["data"][0]["id"] == "simulator"
        annotations = plane.get(pod)["metadata"]["annotations"]
        assert annotations["sandbox.maas-billing.platform/container-port"] == "8080"
        assert ENDPOINT not in plane.get(other)["metadata"].get("annotations", {})
        plane.delete(pod)
        eventually(lambda: _is_closed(where))


def test_a_pod_that_is_not_running_has_no_process(plane: ControlPlane, pods: list[Object]) -> None:
    with kubelet(plane):
        pending = objects.simulator_pod("models", "pending", *ARGUMENTS) | {"status": {"phase": "Pending"}}
        pods.append(plane.create(pending))
        time.sleep(1)
        assert not log_of(plane, pending).exists()
        plane.patch(pending, {"status": {"phase": "Running"}}, "/status")
        where = eventually(lambda: endpoint_of(plane, pending))
        plane.patch(pending, {"status": {"phase": "Failed"}}, "/status")
        eventually(lambda: _is_closed(where))


def test_a_process_that_dies_is_started_again(plane: ControlPlane, pods: list[Object]) -> None:
    with kubelet(plane):
        pod = plane.create(objects.simulator_pod("models", "mortal", *ARGUMENTS))
        pods.append(pod)
        before = eventually(lambda: endpoint_of(plane, pod))
        os.kill(_pid_at(before), signal.SIGKILL)
        eventually(lambda: ENDPOINT not in plane.get(pod)["metadata"].get("annotations", {}))
        after = eventually(lambda: endpoint_of(plane, pod))
        assert ask(after, "x", "/health").status == 200
    assert "ended with status -9; next start in 1 s" in log_of(plane, pod).read_text(encoding="utf-8")


def test_wrong_arguments_keep_a_pod_from_being_ready(plane: ControlPlane, pods: list[Object]) -> None:
    with kubelet(plane):
        typo = objects.simulator_pod("models", "typo", "--model=simulator", "--max-model-length=10")
        port = objects.simulator_pod("models", "port", "--model=simulator")
        command = objects.simulator_pod("models", "command", *ARGUMENTS, command=["/bin/sh", "-c", "true"])
        pods += [plane.create(pod) for pod in (typo, port, command)]
        eventually(lambda: _says(plane, typo, "unknown flag: --max-model-length", "ended with status 2; next start"))
        eventually(lambda: _says(plane, port, "listens on port 8000, but the container's ports are [8080]"))
        eventually(lambda: _says(plane, command, "command ['/bin/sh', '-c', 'true'] is not run here"))
        for pod in (typo, port, command):
            assert ENDPOINT not in plane.get(pod)["metadata"].get("annotations", {})


def test_a_killed_kubelet_leaves_nothing_behind(plane: ControlPlane, pods: list[Object]) -> None:
    pod = plane.create(objects.simulator_pod("models", "orphan", *ARGUMENTS))
    pods.append(pod)
    with kubelet(plane) as process:
        old = eventually(lambda: endpoint_of(plane, pod))
        process.kill()
        eventually(lambda: _is_closed(old), seconds=3)
    assert endpoint_of(plane, pod) == old, "nobody could take the annotation away"
    with kubelet(plane):
        new = eventually(lambda: _other(old, endpoint_of(plane, pod)))
        assert ask(new, "x", "/health").status == 200


def test_the_openai_client_through_the_gateway(plane: ControlPlane, pods: list[Object]) -> None:
    service = objects.service("models", "simulator-predictor")
    parent = {"name": "inference"}
    rules = [{"backendRefs": [{"name": "simulator-predictor", "port": 80}]}]
    things = (
        objects.gateway_class(),
        objects.deployment("models", "inference-istio"),
        objects.gateway("models", "inference", objects.listener(hostname="*.maas.local")),
        service,
        objects.endpoint_slice(service, "sim-1"),
        objects.simulator_pod("models", "sim-1", *ARGUMENTS),
        objects.route("models", "simulator", "simulator.maas.local", parent=parent, rules=rules),
    )
    with kubelet(plane), gateway_process(plane):
        pods += [plane.create(thing) for thing in things]
        eventually(lambda: ask(address(), "simulator.maas.local", "/v1/models").status == 200)
        client = openai.OpenAI(
            base_url=f"http://{address()}/v1",
            api_key="none",
            default_headers={"Host": "simulator.maas.local"},
            max_retries=0,
        )
        with client:
            assert [model.id for model in client.models.list()] == ["simulator"]
            answer = client.chat.completions.create(
                model="simulator", messages=[{"role": "user", "content": "Who are you?"}], max_tokens=12
            )
            assert answer.choices[0].message.content
            assert answer.usage
            assert answer.usage.prompt_tokens == 4
            assert answer.usage.completion_tokens <= 12
            chunks = list(
                client.chat.completions.create(
                    model="simulator",
                    messages=[{"role": "user", "content": "And now?"}],
                    stream=True,
                    stream_options={"include_usage": True},
                )
            )
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
            assert len(text) > 10
            assert chunks[-1].choices == []
            assert chunks[-1].usage
            assert chunks[-1].usage.completion_tokens == len(chunks) - 3
            with pytest.raises(openai.NotFoundError, match="does not exist; there is: simulator"):
                client.chat.completions.create(model="other", messages=[{"role": "user", "content": "?"}])


def _is_closed(where: str) -> bool:
    try:
        ask(where, "x", "/health")
    except OSError:
        return True
    return False


def _other(old: str, new: str) -> str:
    assert new != old
    return new


def _says(plane: ControlPlane, pod: Object, *words: str) -> bool:
    text = log_of(plane, pod).read_text(encoding="utf-8")
    return all(word in text for word in words)


def _pid_at(where: str) -> int:
    """Return the pid of the simulator that listens at an address."""
    port = where.rpartition(":")[2]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and f"SANDBOX_PORT={port}\0".encode() in _environment(entry):
            return int(entry.name)
    raise AssertionError(f"nothing listens at {where}")


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
