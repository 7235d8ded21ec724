# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in chart of Kuadrant in a sandbox: what its operators make, what they say, and what goes with them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.sandbox import control_plane
from tests.sandbox import shell as tools
from tests.sandbox.shell import Shell

eventually = partial(control_plane.eventually, seconds=30)

Object = dict[str, Any]

PLACE = "kuadrant-test"
MESH = "istio-system"
RELEASE = "kuadrant-operator"
OPERATORS = (
    "authorino-operator",
    "dns-operator-controller-manager",
    "kuadrant-operator-controller-manager",
    "limitador-operator-controller-manager",
)


def namespace(name: str) -> Object:
    """A namespace that admits the pods of Kuadrant, but no worse ones."""
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def kuadrant(**spec: Any) -> Object:
    metadata = {"name": "kuadrant", "namespace": PLACE}
    return {"apiVersion": "kuadrant.io/v1beta1", "kind": "Kuadrant", "metadata": metadata, "spec": spec}


def policy() -> Object:
    """An AuthPolicy of somebody else."""
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"}
    keys = {"apiKey": {"selector": {"matchLabels": {"team": "a"}}}}
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "AuthPolicy",
        "metadata": {"name": "theirs", "namespace": "default"},
        "spec": {"targetRef": target, "rules": {"authentication": {"keys": keys}}},
    }


def forget_what_it_stands_on(shell: Shell) -> None:
    """Delete the kinds of the Gateway API and of Istio, which other tests may have left."""
    names = shell.kubectl("get", "crd", "--output=name").split()
    left = [name for name in names if name.endswith(("gateway.networking.k8s.io", "istio.io"))]
    if left:
        shell.kubectl("delete", *left)


@pytest.fixture(scope="module")
def bare() -> Iterator[Shell]:
    """A cluster with the chart, and without anything that Kuadrant stands on."""
    shell = tools.shell()
    forget_what_it_stands_on(shell)
    shell.apply(namespace(PLACE), namespace(MESH))
    eventually(lambda: bool(shell.get("serviceaccount", "default", PLACE)))
    shell.install(RELEASE, "kuadrant-operator", PLACE)
    yield shell
    shell.uninstall(RELEASE, PLACE)
    shell.uninstall("istio-base", MESH)
    shell.kubectl("delete", "namespace", PLACE, MESH)
    forget_what_it_stands_on(shell)


@pytest.fixture(scope="module")
def shell(bare: Shell) -> Shell:
    """The same with the Gateway API and Istio's kinds, and the operator started again."""
    manifest = next((bare.home.bundle / "manifests").glob("gateway-api-*.yaml"))
    bare.kubectl("apply", "--server-side", f"--filename={manifest}")
    bare.install("istio-base", "base", MESH)
    bare.install(RELEASE, "kuadrant-operator", PLACE)
    bare.apply(kuadrant())
    bare.kubectl("annotate", "kuadrant", "kuadrant", "-n", PLACE, "looked-at=again", "--overwrite")
    bare.kubectl("wait", "kuadrant/kuadrant", "--for=condition=Ready", "-n", PLACE, "--timeout=20s")
    return bare


def ready(shell: Shell, kind: str, name: str) -> Object:
    """The condition Ready of an object, or nothing."""
    conditions = shell.get(kind, name, PLACE).get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == "Ready"), {})


def container(shell: Shell, deployment: str) -> Object:
    (found,) = shell.get("deployment", deployment, PLACE)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def is_ready(shell: Shell) -> bool:
    return ready(shell, "kuadrant", "kuadrant").get("status") == "True"


def test_without_what_it_stands_on_it_says_what_is_missing(bare: Shell) -> None:
    bare.apply(kuadrant())
    said = eventually(lambda: ready(bare, "kuadrant", "kuadrant") or False)
    assert (said["status"], said["reason"]) == ("False", "MissingDependency")
    assert said["message"] == (
        "[Gateway API, Gateway API provider (istio / envoy gateway)] is not installed, "
        "please restart Kuadrant Operator pod once dependency has been installed"
    )


def test_its_operators_run(shell: Shell) -> None:
    for name in OPERATORS:
        status = shell.get("deployment", name, PLACE)["status"]
        assert status["availableReplicas"] == 1, name
    labels = shell.get("deployment", "kuadrant-operator-controller-manager", PLACE)["metadata"]["labels"]
    assert {"app": "kuadrant", "control-plane": "controller-manager"}.items() <= labels.items()
    ports = {name: shell.get("service", f"kuadrant-operator-{name}", PLACE) for name in ("grpc", "metrics", "wasm")}
    assert {name: service["spec"]["ports"][0]["port"] for name, service in ports.items()} == {
        "grpc": 50051,
        "metrics": 8080,
        "wasm": 8082,
    }


def test_kuadrant_gets_its_two_parts(shell: Shell) -> None:
    found = shell.get("kuadrant", "kuadrant", PLACE)
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    limitador, authorino = shell.get("limitador", "limitador", PLACE), shell.get("authorino", "authorino", PLACE)
    for part in (limitador, authorino):
        assert part["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]
    assert limitador["spec"] == {"metricLabelsDefault": "descriptors[1]"}
    assert authorino["spec"] == {
        "clusterWide": True,
        "supersedingHostSubsets": True,
        "listener": {"tls": {"enabled": False}},
        "oidcServer": {"tls": {"enabled": False}},
    }
    assert limitador["status"]["observedGeneration"] == limitador["metadata"]["generation"]
    assert "observedGeneration" not in authorino["status"]
    assert ready(shell, "limitador", "limitador")["reason"] == "Ready"
    assert ready(shell, "authorino", "authorino")["reason"] == "Provisioned"


def test_the_parts_have_what_the_gateway_and_people_look_for(shell: Shell) -> None:
    ports = {
        "authorino-authorino-authorization": {"grpc": 50051, "http": 5001},
        "authorino-authorino-oidc": {"http": 8083},
        "authorino-controller-metrics": {"http": 8080},
        "limitador-limitador": {"grpc": 8081, "http": 8080},
    }
    for name, wanted in ports.items():
        spec = shell.get("service", name, PLACE)["spec"]
        assert {port["name"]: port["port"] for port in spec["ports"]} == wanted
        owner = "limitador-limitador" if name.startswith("limitador") else "authorino"
        labels = shell.get("deployment", owner, PLACE)["spec"]["template"]["metadata"]["labels"]
        assert spec["selector"].items() <= labels.items(), name
    assert shell.get("service", "limitador-limitador", PLACE)["spec"]["clusterIP"] == "None"
    data = shell.get("configmap", "limitador-limits-config-limitador", PLACE)["data"]
    assert json.loads(data["limitador-config.yaml"]) == []
    assert container(shell, "limitador-limitador")["resources"]["limits"] == {"cpu": "500m", "memory": "64Mi"}


def test_what_a_user_sets_in_the_limitador_holds_and_reaches_its_pods(shell: Shell) -> None:
    limit = {"namespace": "a/b", "max_value": 5, "seconds": 60, "conditions": [], "variables": []}
    spec = {
        "replicas": 2,
        "storage": {"redis": {"configSecretRef": {"name": "redis"}}},
        "resourceRequirements": {"requests": {"cpu": "10m"}},
        "rateLimitHeaders": "DRAFT_VERSION_03",
        "telemetry": "exhaustive",
        "limits": [limit],
    }
    shell.kubectl(
        "patch", "limitador", "limitador", "-n", PLACE, "--type=merge", f"--patch={json.dumps({'spec': spec})}"
    )
    eventually(lambda: shell.get("deployment", "limitador-limitador", PLACE)["spec"]["replicas"] == 2)
    made = container(shell, "limitador-limitador")
    assert made["command"][-2:] == ["redis", "$(LIMITADOR_OPERATOR_REDIS_URL)"]
    assert {"DRAFT_VERSION_03", "--limit-name-in-labels"} <= set(made["command"])
    assert made["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "redis", "key": "URL"}
    assert made["resources"] == {"requests": {"cpu": "10m"}}
    limits = shell.get("configmap", "limitador-limits-config-limitador", PLACE)["data"]["limitador-config.yaml"]
    assert json.loads(limits) == [limit]
    shell.apply(kuadrant(mtls={"enable": False}))

    def seen() -> bool:
        found = shell.get("kuadrant", "kuadrant", PLACE)
        return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

    eventually(seen)
    assert shell.get("limitador", "limitador", PLACE)["spec"] == {**spec, "metricLabelsDefault": "descriptors[1]"}
    eventually(lambda: is_ready(shell))


def test_what_is_taken_out_of_the_limitador_goes_from_its_pods(shell: Shell) -> None:
    gone = {"replicas": None, "storage": None, "rateLimitHeaders": None, "telemetry": None}
    shell.kubectl(
        "patch", "limitador", "limitador", "-n", PLACE, "--type=merge", f"--patch={json.dumps({'spec': gone})}"
    )
    eventually(lambda: container(shell, "limitador-limitador")["command"][-1] == "memory")
    assert "env" not in container(shell, "limitador-limitador")
    assert shell.get("deployment", "limitador-limitador", PLACE)["spec"]["replicas"] == 1


def test_more_copies_of_authorino(shell: Shell) -> None:
    shell.kubectl("patch", "authorino", "authorino", "-n", PLACE, "--type=merge", '--patch={"spec":{"replicas":3}}')
    eventually(lambda: shell.get("deployment", "authorino", PLACE)["spec"]["replicas"] == 3)
    assert "--enable-leader-election" in container(shell, "authorino")["args"]
    eventually(lambda: is_ready(shell))


def test_kuadrant_is_as_ready_as_its_parts(shell: Shell) -> None:
    nodes = shell.kubectl("get", "nodes", "--output=name").split()
    shell.kubectl("cordon", *nodes)
    try:
        shell.kubectl("delete", "pods", "-n", PLACE, "--selector=app=limitador,limitador-resource=limitador")
        eventually(lambda: ready(shell, "kuadrant", "kuadrant")["reason"] == "LimitadorNotReady")
        assert ready(shell, "limitador", "limitador")["reason"] == "LimitadorNotAvailable"
        assert ready(shell, "authorino", "authorino")["status"] == "True"
    finally:
        shell.kubectl("uncordon", *nodes)
    eventually(lambda: is_ready(shell))


def test_counters_on_disk_wait_for_their_disk(shell: Shell) -> None:
    disk = {"persistentVolumeClaim": {"resources": {"requests": "2Gi"}, "storageClassName": "none-here"}}
    patch = json.dumps({"spec": {"storage": {"disk": disk}}})
    shell.kubectl("patch", "limitador", "limitador", "-n", PLACE, "--type=merge", f"--patch={patch}")
    claim = eventually(lambda: shell.get("persistentvolumeclaim", "limitador-limitador", PLACE) or False)
    assert claim["spec"]["resources"]["requests"] == {"storage": "2Gi"}
    assert claim["spec"]["storageClassName"] == "none-here"
    eventually(lambda: container(shell, "limitador-limitador")["command"][-2:] == ["disk", "/var/lib/limitador/data"])
    eventually(lambda: ready(shell, "limitador", "limitador")["reason"] == "LimitadorNotAvailable")
    shell.kubectl("patch", "limitador", "limitador", "-n", PLACE, "--type=merge", '--patch={"spec":{"storage":null}}')
    eventually(lambda: is_ready(shell))


def test_nothing_moves_by_itself(shell: Shell) -> None:
    clock = ("service", "kuadrant-operator-metrics", PLACE)
    key = "sandbox.maas-billing.platform/seconds"
    eventually(lambda: shell.get(*clock)["metadata"]["annotations"][key] == "10")
    time.sleep(2)
    first = shell.everything()
    time.sleep(5)
    then = shell.everything()
    assert {name for name in {**first, **then} if first.get(name) != then.get(name)} == set()


def test_its_parts_go_with_it(shell: Shell) -> None:
    shell.kubectl("delete", "kuadrant", "kuadrant", "-n", PLACE)
    for kind, name in (("deployment", "authorino"), ("deployment", "limitador-limitador"), ("limitador", "limitador")):
        eventually(lambda kind=kind, name=name: not shell.get(kind, name, PLACE))


def test_observability_without_the_kinds_of_prometheus_leaves_it_without_limitador(shell: Shell) -> None:
    """E43 of the measured facts: it may, and nothing says why."""
    shell.apply(kuadrant(observability={"enable": True}))
    eventually(lambda: ready(shell, "authorino", "authorino").get("status") == "True")
    eventually(lambda: ready(shell, "kuadrant", "kuadrant").get("reason") == "LimitadorNotReady")
    time.sleep(3)
    assert not shell.get("limitador", "limitador", PLACE)


def test_uninstalling_it_takes_the_policies_of_everybody(shell: Shell) -> None:
    shell.kubectl("delete", "kuadrant", "kuadrant", "-n", PLACE)
    shell.apply(policy())
    shell.uninstall(RELEASE, PLACE)
    assert "kuadrant.io" not in shell.kubectl("get", "crd", "--output=name")
    shell.install(RELEASE, "kuadrant-operator", PLACE)
    assert not shell.get("authpolicy", "theirs", "default")
