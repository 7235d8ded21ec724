# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as users meet them: in playbooks, run by ansible-playbook."""

from __future__ import annotations

import base64
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.modules import apply_set, gateway_probe, platform_info
from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.fake_gateway import FakeGateway
from tests.module.objects import config_map, deployment, secret
from tests.module.running import Modules

Object = dict[str, Any]

GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "maas", "namespace": "maas-gateway"},
}


@pytest.mark.usefixtures("gateway_api", "envoy_filters")
def test_the_examples_run_as_they_stand(modules: Modules, cluster: Cluster, tmp_path: Path) -> None:
    """In one play whose module_defaults name the cluster for our modules and for those of kubernetes.core."""
    examples = [
        task for module in (apply_set, platform_info, gateway_probe) for task in yaml.safe_load(module.EXAMPLES)
    ]
    there = {
        "name": "See the definitions of the Gateway API",
        "kubernetes.core.k8s_info": {"api_version": "v1", "kind": "Namespace", "name": "maas-gateway"},
        "register": "seen",
        "failed_when": "seen.resources | length != 1",
    }
    gateway = FakeGateway("127.0.0.78", 8000)
    controller = threading.Thread(target=_give_address, args=(cluster, gateway.host))
    controller.start()
    try:
        done = modules.play(tmp_path, [*examples, there])
    finally:
        controller.join()
        gateway.close()
        # Nobody needs to wait for it.
        modules.start("apply_set", {"name": "gateway", "state": "absent"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok={len(examples) + 1} " in done.stdout
    assert "changed=3 " in done.stdout
    assert {host for _method, host, *_rest in gateway.seen} >= {
        "simulator.maas.local:8000",
        "SIMULATOR.MAAS.LOCAL:8000",
    }


def test_the_diff_is_readable_and_tells_no_secret(
    space: Space, modules: Modules, cluster: Cluster, tmp_path: Path
) -> None:
    """``--diff -vvv`` and no ``no_log``: what Ansible says most of what it knows."""
    value = "s3cr3t-value-of-the-playbook"
    objects = [config_map(space.home, "mine", color="red"), secret(space.home, "key", token=value)]
    space.apply([objects[0]])
    cluster.edit(objects[0], {"data": {"color": "blue"}})
    task = {"name": "Apply", "maas_billing.platform.apply_set": space.arguments(objects), "register": "answer"}
    shown = {"name": "Show", "ansible.builtin.debug": {"var": "answer"}}
    for mode in (["--check"], []):
        done = modules.play(tmp_path, [task, shown], "--diff", "-vvv", *mode)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "changed=1 " in done.stdout
        assert f"ConfigMap {space.home}/mine (changed: somebody changed data.color)" in said
        assert '-        "color": "blue"' in said
        assert '+        "color": "red"' in said
        assert '"token": "(hidden)"' in said
        assert "module_args" in said
        assert value not in said
        assert base64.b64encode(value.encode()).decode() not in said
    assert cluster.read(objects[1]) is not None


def test_roles_that_do_another_thing_look_at_the_cluster_anew(space: Space, modules: Modules, tmp_path: Path) -> None:
    """Roles that do the same share what the first has seen; a role's `verify` after its `main` must not."""
    istiod = deployment(space.home, "istiod")
    istiod["metadata"] |= {"labels": {"app": "istiod"}, "annotations": {}}

    def survey(purpose: str) -> list[Object]:
        role = {"name": "maas_billing.platform.maas", "tasks_from": "survey"}
        owner = "{{ maas_found.components.istio.owner }}"
        return [
            {"name": "Look", "ansible.builtin.include_role": role, "vars": {"maas_purpose": purpose}},
            {"name": "Say it", "ansible.builtin.debug": {"msg": f"seen for {purpose}: {owner}"}},
        ]

    somebody = [{"name": "Bring Istio", "kubernetes.core.k8s": {"definition": istiod}}]
    again = [{"name": "Take it away", "kubernetes.core.k8s": {"state": "absent", "definition": istiod}}]
    tasks = [*survey("install"), *somebody, *survey("install"), *survey("verify"), *again]
    done = modules.play(tmp_path, tasks, "-e", '{"maas_domain": "maas.local"}')
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.findall(r'"msg": "(seen for .*)"', done.stdout)
    assert said == ["seen for install: absent", "seen for install: absent", "seen for verify: foreign"]


@pytest.mark.parametrize("program", ["no-such-helm", "echo"])
def test_without_helm_nothing_begins(modules: Modules, tmp_path: Path, program: str) -> None:
    role = {"name": "maas_billing.platform.maas", "tasks_from": "preflight"}
    look = {"name": "Look", "ansible.builtin.include_role": role, "vars": {"maas_components": ["istio"]}}
    settings = {"maas_domain": "maas.local", "maas_helm_binary": program}
    done = modules.play(tmp_path, [look], "-e", json.dumps(settings))
    assert done.returncode == 2
    assert f"Helm 3 is needed where this runs. {program} says - " in done.stdout + done.stderr
    assert "set maas_helm_binary to where it is" in done.stdout + done.stderr


def test_a_failure_is_one_message(space: Space, modules: Modules, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    known = yaml.safe_load(space.cluster.kubeconfig.read_text(encoding="utf-8"))
    known["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    nowhere.write_text(yaml.safe_dump(known), encoding="utf-8")
    arguments = space.arguments([config_map(space.home, "mine")], kubeconfig=str(nowhere))
    done = modules.play(tmp_path, [{"name": "Apply", "maas_billing.platform.apply_set": arguments}])
    assert done.returncode == 2
    assert (
        "The API server https://127.0.0.1:1 cannot be reached: [Errno 111] Connection refused"
        in done.stdout + done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "failed=1 " in done.stdout


def _give_address(cluster: Cluster, address: str) -> None:
    """Do what the gateway's controller does: tell where it can be reached."""
    cluster.wait_for(lambda: cluster.read(GATEWAY), "the Gateway is there")
    cluster.edit(GATEWAY, {"status": {"addresses": [{"type": "IPAddress", "value": address}]}}, "status")
