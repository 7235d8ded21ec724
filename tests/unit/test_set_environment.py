# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helm's post-renderer: as a function, and as the program that Helm starts."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = Path(__file__).resolve().parents[2] / "roles/maas/files"
PROGRAM = FILES / "set_environment"

OTHER = """\
# Source: chart/templates/crd.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}   # as it is
spec:
  description: |
    kind: Deployment
    ---
    on: = 0644
"""
DEPLOYMENT = """\
# Source: chart/templates/operator.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator}
spec:
  template:
    spec:
      containers:
        - name: manager
          env:
            - {name: KEPT, value: "on"}
            - {name: MODE, value: allow}
            - {name: PLACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: sidecar, image: "x:1.0"}
"""
UNNAMED = DEPLOYMENT.replace("name: operator", "name: another")
MANIFESTS = f"---\n{OTHER}---\n{DEPLOYMENT}---\n{UNNAMED}"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("set_environment", FILES / "set_environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(settings: dict[str, dict[str, str]], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as Helm does: without arguments, in another folder."""
    return subprocess.run(
        [PROGRAM],
        input=MANIFESTS,
        env={"PATH": os.environ["PATH"], "MAAS_DEPLOYMENT_ENVIRONMENT": json.dumps(settings), **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def environments(manifests: str) -> dict[str, list[dict[str, Any]]]:
    documents = [item for item in yaml.safe_load_all(manifests) if item and item["kind"] == "Deployment"]
    return {
        f"{item['metadata']['name']}/{container['name']}": container.get("env", [])
        for item in documents
        for container in item["spec"]["template"]["spec"]["containers"]
    }


def test_variables_are_set_in_every_container_of_the_deployment_and_nowhere_else() -> None:
    found = environments(load().with_environment(MANIFESTS, {"operator": {"MODE": "deny", "TIMEOUT": "1s"}}))
    new = [{"name": "MODE", "value": "deny"}, {"name": "TIMEOUT", "value": "1s"}]
    place = {"name": "PLACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}

    assert found["operator/manager"] == [{"name": "KEPT", "value": "on"}, place, *new]
    assert found["operator/sidecar"] == new
    assert found["another/manager"] == environments(MANIFESTS)["another/manager"]


def test_everything_else_goes_through_letter_by_letter() -> None:
    changed = load().with_environment(MANIFESTS, {"operator": {"MODE": "deny"}})

    assert changed.startswith(f"---\n{OTHER}---\n")
    assert changed.endswith(f"---\n{UNNAMED}")
    assert load().with_environment(MANIFESTS, {}) == MANIFESTS


def test_twice_is_as_once() -> None:
    once = load().with_environment(MANIFESTS, {"operator": {"MODE": "deny"}})

    assert load().with_environment(once, {"operator": {"MODE": "deny"}}) == once


def test_helm_can_start_it_with_the_python_of_the_playbook() -> None:
    done = run({"operator": {"MODE": "deny"}}, MAAS_PYTHON=sys.executable)

    assert (done.returncode, done.stderr) == (0, "")
    assert {"name": "MODE", "value": "deny"} in environments(done.stdout)["operator/manager"]


def test_a_deployment_that_is_not_there_is_named_and_nothing_is_rendered() -> None:
    done = run({"operator": {}, "gone": {"MODE": "deny"}}, MAAS_PYTHON=sys.executable)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The chart has no Deployment gone to set variables in.\n"


@pytest.mark.parametrize("python", [{}, {"MAAS_PYTHON": ""}])
def test_without_a_python_it_says_so(python: dict[str, str]) -> None:
    done = run({}, **python)

    assert done.returncode != 0
    assert "MAAS_PYTHON: names no Python" in done.stderr
