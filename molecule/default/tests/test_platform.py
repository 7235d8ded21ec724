# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The platform as a client and an operator see it after the playbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 180


CLUSTER_MODULES = ("kubernetes.core.", "maas_billing.platform.")
MOST_TASKS = 13
MOST_REQUESTS = 85


def playbook(*arguments: str, callback: str = "default") -> str:
    """Run a playbook of the collection against the scenario's cluster and return what it prints."""
    project = os.environ["MOLECULE_PROJECT_DIRECTORY"]
    inventory = f"{project}/inventories/{os.environ.get('MAAS_CLUSTER') or 'sandbox'}"
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, *arguments],
        cwd=project,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": callback},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_check_mode_predicts_nothing_on_the_installed_platform() -> None:
    said = playbook("maas_billing.platform.site", "--check", "--diff")
    assert set(re.findall(r"changed=(\d+)", said)) == {"0"}, said


def requests_of_the_operator(audit_log: Path, start: int) -> int:
    """Return how many requests the playbook's own user sent after a position in the audit log."""
    with audit_log.open() as log:
        log.seek(start)
        return sum(json.loads(line)["user"]["username"] == "platform-engineer" for line in log)


def test_a_second_run_changes_nothing_and_costs_little() -> None:
    audit_log = Path(os.environ["KUBECONFIG"]).parent / "logs" / "audit.log"
    start = audit_log.stat().st_size if audit_log.exists() else 0

    said = json.loads(playbook("maas_billing.platform.site", callback="ansible.posix.json"))

    (recap,) = (counts for host, counts in said["stats"].items() if host != "localhost")
    assert (recap["changed"], recap["failures"]) == (0, 0)
    results = [result for play in said["plays"] for task in play["tasks"] for result in task["hosts"].values()]
    done = [item["action"] for item in results if not item.get("skipped")]
    asked = [action for action in done if action.startswith(CLUSTER_MODULES)]
    assert 0 < len(asked) <= MOST_TASKS, asked
    if audit_log.exists():  # kind writes none.
        assert 0 < requests_of_the_operator(audit_log, start) <= MOST_REQUESTS


def test_the_published_address_answers_curl(
    host: Any, endpoint: tuple[str, int], api_key: Callable[[str], str]
) -> None:
    address, port = endpoint
    question = json.dumps({"model": "simulator", "messages": [{"role": "user", "content": "Good day!"}]})
    said = host.run(
        "curl --silent --show-error --fail --resolve simulator.maas.local:%s:%s"
        " -H %s -H 'Content-Type: application/json' -d %s %s",
        str(port),
        address,
        f"Authorization: APIKEY {api_key('carol')}",
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
        "maas-kuadrant",
        "maas-policies",
        "maas-api-keys",
        "maas-kserve",
        "maas-simulator",
    }
