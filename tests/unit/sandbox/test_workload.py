# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process stands for a Pod, and durations as Go writes them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import durations
from sandbox.workload import Workload, workload_of
from tests.sandbox import objects


def of(*arguments: str, **fields: Any) -> Workload | None:
    """Return the workload of a simulator Pod."""
    pod = objects.simulator_pod("models", "sim", *arguments, **fields)
    pod["metadata"]["uid"] = "u"
    return workload_of(pod)


def test_a_simulator_pod() -> None:
    environment = [
        {"name": "MODEL", "value": "simulator"},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "EMPTY"},
    ]
    arguments = ("--model=$(MODEL)", "--port=8080", "--seed=$$(MODEL)", "--mode=$(UNKNOWN)")
    workload = of(*arguments, env=environment)
    assert workload is not None
    assert workload.arguments == ("--model=simulator", "--port=8080", "--seed=$(MODEL)", "--mode=$(UNKNOWN)")
    assert workload.environment == {"MODEL": "simulator", "EMPTY": ""}
    assert workload.pod == ("models", "sim")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", True),
        ("mirror.example.com:5000/x/llm-d-inference-sim@sha256:00", True),
        ("llm-d-inference-sim", True),
        ("ghcr.io/llm-d/llm-d-inference-sim-tools:v1", False),
        ("ghcr.io/llm-d/my-llm-d-inference-sim:v1", False),
        ("docker.io/istio/proxyv2:1.29.6", False),
    ],
)
def test_the_image_decides(image: str, expected: bool) -> None:
    assert (of("--model=a", image=image) is not None) is expected


def test_only_running_pods_that_stay() -> None:
    pod = objects.simulator_pod("models", "sim", "--model=a")
    pod["metadata"]["uid"] = "u"
    assert workload_of(pod | {"status": {"phase": "Pending"}}) is None
    assert workload_of(pod | {"status": {}}) is None
    pod["metadata"]["deletionTimestamp"] = "now"
    assert workload_of(pod) is None


@pytest.mark.parametrize(
    ("arguments", "fields", "words"),
    [
        (("--model=a", "--port=8080"), {}, ""),
        (("--model=a",), {"container_port": 8000}, ""),
        (("--model=a",), {"ports": []}, ""),
        (("--model=a",), {}, "listens on port 8000, but the container's ports are [8080]"),
        (("--nonsense",), {}, ""),
        (("--model=a", "--port=8080"), {"command": ["/app/llm-d-inference-sim"]}, ""),
        (("--model=a", "--port=8080"), {"command": ["sh"]}, "command ['sh'] is not run here"),
    ],
)
def test_problems(arguments: tuple[str, ...], fields: dict[str, Any], words: str) -> None:
    workload = of(*arguments, **fields)
    assert workload is not None
    assert words in workload.problem
    assert bool(words) == bool(workload.problem)


def test_the_readiness_probe_names_the_page_to_ask() -> None:
    workload = of("--model=a", readinessProbe={"httpGet": {"path": "/health/ready", "port": 8080}})
    assert workload is not None
    assert workload.probe == "/health/ready"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("100ms", 0.1),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("3us", 3e-6),
        ("2\u00b5s", 2e-6),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "1 s", "1s ", "-1s", "1d", "1s2"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        durations.seconds(text)
