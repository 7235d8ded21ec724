# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process stands for a Pod. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import Key, Object, key_of
from sandbox.simulator.settings import UsageError, parse

ENDPOINT = "sandbox.maas-billing.platform/endpoint"
"""Pod annotation: where the process of this Pod listens, host:port. A Pod with a simulator is ready only with it."""
CONTAINER_PORT = "sandbox.maas-billing.platform/container-port"
"""Pod annotation: the port on which the container would listen; any other port of the Pod is closed."""

_IMAGE = re.compile(r"(?:^|/)llm-d-inference-sim(?:[:@].*)?$")
_ENTRYPOINT = "/app/llm-d-inference-sim"
_VARIABLE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


@dataclass(frozen=True)
class Workload:
    """The simulator of one Pod. ``problem`` says why it can never get ready, whatever the process does."""

    uid: str
    pod: Key
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    probe: str
    problem: str = ""


def workload_of(pod: Object) -> Workload | None:
    """Return the workload of a running Pod with a simulator container; None for every other Pod."""
    if pod.get("status", {}).get("phase") != "Running" or "deletionTimestamp" in pod["metadata"]:
        return None
    container = next((c for c in pod["spec"]["containers"] if _IMAGE.search(c.get("image", ""))), None)
    if container is None:
        return None
    environment = {
        entry["name"]: entry.get("value", "") for entry in container.get("env", ()) if "valueFrom" not in entry
    }
    arguments = tuple(_expand(argument, environment) for argument in container.get("args", ()))
    port = _port(arguments, environment)
    return Workload(
        uid=pod["metadata"]["uid"],
        pod=key_of(pod),
        arguments=arguments,
        environment=environment,
        port=port,
        probe=container.get("readinessProbe", {}).get("httpGet", {}).get("path", "/health"),
        problem=_problem(container, port),
    )


def _expand(argument: str, environment: Mapping[str, str]) -> str:
    """Fill in $(NAME) as Kubernetes does: unknown names stay, $$ is a dollar sign."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else environment.get(found[1], found[0])

    return _VARIABLE.sub(value, argument)


def _port(arguments: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Return the port that the arguments ask for; 0 when they are wrong, which the process will say itself."""
    try:
        return parse(arguments, environment).port
    except UsageError:
        return 0


def _problem(container: Mapping[str, Any], port: int) -> str:
    command = container.get("command", [_ENTRYPOINT])
    if command != [_ENTRYPOINT]:
        return f"command {command} is not run here: leave it out, or use [{_ENTRYPOINT}]"
    ports = [entry["containerPort"] for entry in container.get("ports", ())]
    if port and ports and port not in ports:
        return (
            f"the simulator listens on port {port}, but the container's ports are {ports}: set --port or containerPort"
        )
    return ""
