# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kuadrant as the policies will find it, and how it follows the inventory."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PLACE = "kuadrant-system"
OPERATOR = "kuadrant-operator-controller-manager"
COMMAND_SECONDS = 180


def converge(*settings: str) -> int:
    """Run the scenario's own playbook with other settings; return how many tasks changed something."""
    project = os.environ["MOLECULE_PROJECT_DIRECTORY"]
    inventory = f"{project}/inventories/{os.environ.get('MAAS_CLUSTER') or 'sandbox'}"
    extra = [word for setting in settings for word in ("--extra-vars", setting)]
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, f"{project}/molecule/shared/converge.yml", *extra],
        cwd=project,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (recap,) = json.loads(done.stdout)["stats"].values()
    return int(recap["changed"])


def environment(objects: Any) -> dict[str, str]:
    (deployment,) = objects("apps/v1", "Deployment", PLACE, OPERATOR)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


def ready(found: dict[str, Any]) -> str:
    return next(item["status"] for item in found["status"]["conditions"] if item["type"] == "Ready")


@pytest.mark.parametrize(
    ("api_version", "kind", "name"),
    [
        ("kuadrant.io/v1beta1", "Kuadrant", "kuadrant"),
        ("limitador.kuadrant.io/v1alpha1", "Limitador", "limitador"),
        ("operator.authorino.kuadrant.io/v1beta1", "Authorino", "authorino"),
    ],
)
def test_kuadrant_and_its_parts_are_ready(objects: Any, api_version: str, kind: str, name: str) -> None:
    (found,) = objects(api_version, kind, PLACE, name)
    assert ready(found) == "True"


def test_what_cannot_be_judged_is_refused(objects: Any) -> None:
    modes = {name: value for name, value in environment(objects).items() if name.endswith("_FAILURE_MODE")}
    assert len(modes) == 4
    assert set(modes.values()) == {"deny"}


def test_only_the_gateway_reaches_keys_and_counters(objects: Any) -> None:
    policies = {
        item["metadata"]["name"]: item["spec"] for item in objects("networking.k8s.io/v1", "NetworkPolicy", PLACE)
    }
    assert set(policies) == {"maas-operator", "maas-authorino", "maas-limitador"}
    for name, spec in policies.items():
        (rule,) = spec["ingress"]
        (source,) = rule["from"]
        assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "maas-gateway"}, name


def test_settings_reach_the_operator_and_the_counters_and_go_back(objects: Any) -> None:
    limiter = json.dumps({"maas_limiter": {"storage": "redis", "redis_secret": "limiter-redis", "replicas": 2}})
    assert converge("kuadrant_tokens_check_timeout=250ms", limiter) == 2
    assert environment(objects)["RATELIMIT_CHECK_SERVICE_TIMEOUT"] == "250ms"
    (deployment,) = objects("apps/v1", "Deployment", PLACE, "limitador-limitador")
    assert deployment["spec"]["replicas"] == 2
    (limitador,) = objects("limitador.kuadrant.io/v1alpha1", "Limitador", PLACE, "limitador")
    assert limitador["spec"]["storage"] == {"redis": {"configSecretRef": {"name": "limiter-redis"}}}
    assert converge() == 2
    assert environment(objects)["RATELIMIT_CHECK_SERVICE_TIMEOUT"] == "1s"
    assert converge() == 0


def test_what_somebody_changed_in_the_operator_is_put_back(objects: Any) -> None:
    kubeconfig = os.environ["KUBECONFIG"]
    kubectl = Path(kubeconfig).parent / "bin/kubectl"
    program = str(kubectl) if kubectl.exists() else "kubectl"
    change = ["set", "env", f"deployment/{OPERATOR}", f"--namespace={PLACE}", "RATELIMIT_SERVICE_FAILURE_MODE=allow"]
    subprocess.run([program, *change], check=True, timeout=COMMAND_SECONDS, capture_output=True)
    assert environment(objects)["RATELIMIT_SERVICE_FAILURE_MODE"] == "allow"
    assert converge() == 1
    assert environment(objects)["RATELIMIT_SERVICE_FAILURE_MODE"] == "deny"


def test_every_user_has_a_key_and_no_tier_on_it(objects: Any) -> None:
    keys = [
        item["metadata"]
        for item in objects("v1", "Secret", PLACE)
        if item["metadata"].get("labels", {}).get("maas-billing.platform/api-key") == "true"
    ]
    owners = {
        (item["annotations"]["maas-billing.platform/user"], item["annotations"]["maas-billing.platform/team"])
        for item in keys
    }
    assert owners == {("alice", "students"), ("bob", "students"), ("carol", "research"), ("dave", "research")}
    assert all(item["labels"]["authorino.kuadrant.io/managed-by"] == "authorino" for item in keys)


@pytest.mark.parametrize(
    ("api_version", "kind", "name"),
    [
        ("kuadrant.io/v1", "AuthPolicy", "maas-auth"),
        ("kuadrant.io/v1", "RateLimitPolicy", "maas-requests"),
        ("kuadrant.io/v1alpha1", "TokenRateLimitPolicy", "maas-tokens"),
        ("extensions.kuadrant.io/v1alpha1", "TelemetryPolicy", "maas-usage"),
    ],
)
def test_the_policies_hold_for_the_gateway(objects: Any, api_version: str, kind: str, name: str) -> None:
    (policy,) = objects(api_version, kind, "maas-gateway", name)
    assert policy["spec"]["targetRef"]["name"] == "maas"
