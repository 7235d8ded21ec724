# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform as a client and an operator see it after the playbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

COMMAND_SECONDS = 180


def playbook(*arguments: str) -> str:
    """Run a playbook of the collection against the scenario's cluster and return what it prints."""
    project = os.environ["MOLECULE_PROJECT_DIRECTORY"]
    inventory = f"{project}/inventories/{os.environ.get('MAAS_CLUSTER') or 'sandbox'}"
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_check_mode_predicts_nothing_on_the_installed_platform() -> None:
    said = playbook("maas_billing.platform.site", "--check", "--diff")
    assert re.findall(r"changed=(\d+)", said) == ["0"], said


def test_the_published_address_answers_curl(host: Any, endpoint: tuple[str, int]) -> None:
    address, port = endpoint
    question = json.dumps({"model": "simulator", "messages": [{"role": "user", "content": "Good day!"}]})
    said = host.run(
        "curl --silent --show-error --fail --resolve simulator.maas.local:%s:%s -H 'Content-Type: application/json' -d %s %s",
        str(port),
        address,
        question,
        f"http://simulator.maas.local:{port}/v1/chat/completions",
    )
    assert said.rc == 0, said.stderr
    assert json.loads(said.stdout)["choices"][0]["message"]["content"]


def test_every_object_of_ours_can_be_listed_by_any_applyset_tool(objects: Any) -> None:
    parents = [
        item
        for item in objects("v1", "ConfigMap", "maas-system")
        if "applyset.kubernetes.io/id" in item["metadata"].get("labels", {})
    ]
    assert {item["metadata"]["name"] for item in parents} == {
        "maas-prerequisites",
        "maas-gateway",
        "maas-kserve",
        "maas-simulator",
    }
