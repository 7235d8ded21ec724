# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in charts in a sandbox: what they bring, how they act, and what they leave behind."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from functools import partial

import pytest
import yaml
from cryptography import x509

from tests.sandbox import control_plane
from tests.sandbox import shell as tools
from tests.sandbox.chart_objects import NAMESPACE, gateway, inference_service, namespace
from tests.sandbox.shell import Shell

eventually = partial(control_plane.eventually, seconds=30)

OPERATORS = ("istio-system", "cert-manager", "kserve")
RELEASES = (
    ("istio-base", "base", "istio-system", ()),
    ("istiod", "istiod", "istio-system", ("pilot.resources.requests.cpu=20m", "pilot.env.SOME=value")),
    ("cert-manager", "cert-manager", "cert-manager", ("crds.enabled=true",)),
    ("kserve-crd", "kserve-crd", "kserve", ()),
    ("kserve", "kserve-resources", "kserve", ("kserve.controller.deploymentMode=Standard",)),
)


def install_all(shell: Shell) -> None:
    for release, chart, where, settings in RELEASES:
        shell.install(release, chart, where, *settings)


@pytest.fixture(scope="module")
def before() -> Iterator[dict[str, str]]:
    """The objects of the cluster before the first chart, with the Gateway API and our namespaces already."""
    shell = tools.shell()
    found = shell.everything()
    manifest = next((shell.home.bundle / "manifests").glob("gateway-api-*.yaml"))
    shell.kubectl("apply", "--server-side", f"--filename={manifest}")
    shell.apply(*map(namespace, (*OPERATORS, NAMESPACE)))
    eventually(lambda: bool(shell.get("serviceaccount", "default", NAMESPACE)))
    yield shell.everything()
    shell.kubectl("delete", "configmap", "--all-namespaces", "--selector=istio.io/config=true")
    brought = ("GatewayClass", "Namespace", "CustomResourceDefinition")
    for kind in brought:
        names = [name.split("/")[1] for name in set(shell.everything()) - set(found) if name.startswith(f"{kind}/")]
        if names:
            shell.kubectl("delete", kind, *names)


@pytest.fixture(scope="module")
def shell(before: dict[str, str]) -> Iterator[Shell]:
    """A cluster with all charts. They are uninstalled in the order in which they came: another works as well."""
    shell = tools.shell()
    install_all(shell)
    yield shell
    shell.kubectl("delete", "gateways,inferenceservices", "--all", "-n", NAMESPACE, "--timeout=30s")
    shell.kubectl("delete", "namespace", NAMESPACE)
    for release, _chart, where, _settings in RELEASES:
        shell.uninstall(release, where)


def conditions(shell: Shell, name: str) -> dict[str, str]:
    """The conditions of an InferenceService: the status of each type."""
    status = shell.get("inferenceservice", name, NAMESPACE).get("status", {})
    return {each["type"]: each["status"] for each in status.get("conditions", ())}


def test_istiod_brings_its_classes(shell: Shell) -> None:
    for name, controller in (("istio", "istio.io/gateway-controller"), ("istio-remote", "istio.io/unmanaged-gateway")):
        made = eventually(lambda name=name: shell.get("gatewayclass", name))
        assert made["spec"]["controllerName"] == controller
        accepted = made["status"]["conditions"][0]
        assert (accepted["type"], accepted["status"], accepted["observedGeneration"]) == ("Accepted", "True", 1)


def test_values_reach_the_deployments(shell: Shell) -> None:
    container = shell.get("deployment", "istiod", "istio-system")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "docker.io/istio/pilot:1.29.6"
    assert container["resources"]["requests"]["cpu"] == "20m"
    assert {"name": "SOME", "value": "value"} in container["env"]
    labels = {
        ("istiod", "istio-system"): ("app", "istiod"),
        ("cert-manager", "cert-manager"): ("app.kubernetes.io/name", "cert-manager"),
        ("cert-manager-webhook", "cert-manager"): ("app.kubernetes.io/name", "webhook"),
        ("cert-manager-cainjector", "cert-manager"): ("app.kubernetes.io/name", "cainjector"),
        ("kserve-controller-manager", "kserve"): ("control-plane", "kserve-controller-manager"),
    }
    for (name, where), (key, value) in labels.items():
        assert shell.get("deployment", name, where)["metadata"]["labels"][key] == value


def test_gateway_gets_its_children(shell: Shell) -> None:
    shell.apply(gateway("front"))
    deployment = eventually(
        lambda: (
            shell.get("deployment", "front-istio", NAMESPACE)["metadata"]
            and shell.get("deployment", "front-istio", NAMESPACE)
        )
    )
    service = eventually(lambda: shell.get("service", "front-istio", NAMESPACE) or False)
    account = shell.get("serviceaccount", "front-istio", NAMESPACE)
    uid = shell.get("gateway", "front", NAMESPACE)["metadata"]["uid"]
    for child in (deployment, service, account):
        assert child["metadata"]["ownerReferences"][0]["uid"] == uid
        labels = child["metadata"]["labels"]
        assert labels["gateway.networking.k8s.io/gateway-name"] == "front"
        assert labels["gateway.networking.k8s.io/gateway-class-name"] == "istio"
        assert labels["gateway.istio.io/managed"] == "istio.io-gateway-controller"
        assert labels["team"] == "a", "the labels of the Gateway go to its children"
    assert service["spec"]["type"] == "LoadBalancer"
    assert [port["port"] for port in service["spec"]["ports"]] == [15021, 8000, 80]
    shell.kubectl("rollout", "status", "deployment/front-istio", "-n", NAMESPACE, "--timeout=20s")


def test_gateway_changes_its_service(shell: Shell) -> None:
    thing = gateway("changing")
    shell.apply(thing)
    eventually(lambda: shell.get("service", "changing-istio", NAMESPACE)["spec"]["type"] == "LoadBalancer")
    thing["metadata"]["annotations"] = {"networking.istio.io/service-type": "ClusterIP"}
    thing["spec"]["listeners"] = thing["spec"]["listeners"][:1]
    shell.apply(thing)

    def changed() -> bool:
        spec = shell.get("service", "changing-istio", NAMESPACE)["spec"]
        return (spec["type"], [port["port"] for port in spec["ports"]]) == ("ClusterIP", [15021, 8000])

    eventually(changed)


def test_gateway_takes_its_service_type_from_a_config_map(shell: Shell) -> None:
    options = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "options", "namespace": NAMESPACE},
        "data": {"service": "spec:\n  type: ClusterIP\n"},
    }
    reference = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "options"}}
    missing = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "missing"}}
    shell.apply(options, gateway("chosen", infrastructure=reference), gateway("lost", infrastructure=missing))
    eventually(lambda: shell.get("service", "chosen-istio", NAMESPACE)["spec"]["type"] == "ClusterIP")
    options["data"] = {"service": "spec:\n  type: NodePort\n"}
    shell.apply(options)
    eventually(lambda: shell.get("service", "chosen-istio", NAMESPACE)["spec"]["type"] == "NodePort")
    eventually(lambda: bool(shell.get("deployment", "lost-istio", NAMESPACE)))
    eventually(lambda: not shell.get("configmap", "missing", NAMESPACE))
    assert not shell.get("service", "lost-istio", NAMESPACE)


def test_root_certificate_in_every_namespace(shell: Shell) -> None:
    eventually(lambda: shell.get("configmap", "istio-ca-root-cert", NAMESPACE)["metadata"]["labels"]["istio.io/config"])
    assert not shell.get("configmap", "istio-ca-root-cert", "kube-public")


def test_inference_service_becomes_ready(shell: Shell) -> None:
    wanted = inference_service("ready")
    shell.apply(wanted)
    shell.kubectl("wait", "isvc/ready", "--for=condition=Ready", "-n", NAMESPACE, "--timeout=20s")
    status = shell.get("inferenceservice", "ready", NAMESPACE)["status"]
    assert conditions(shell, "ready") == {
        "IngressReady": "True",
        "PredictorReady": "True",
        "Ready": "True",
        "Stopped": "False",
    }
    assert status["url"] == f"http://ready-{NAMESPACE}.example.com"
    assert status["address"]["url"] == f"http://ready-predictor.{NAMESPACE}.svc.cluster.local"
    assert status["modelStatus"]["transitionStatus"] == "UpToDate"
    assert status["modelStatus"]["states"]["activeModelState"] == "Loaded"
    deployment = shell.get("deployment", "ready-predictor", NAMESPACE)
    assert status["observedGeneration"] == deployment["status"]["observedGeneration"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels["app"] == "isvc.ready-predictor"
    assert labels["serving.kserve.io/inferenceservice"] == "ready"
    assert labels["team"] == "a", "the labels of the InferenceService go to its pods"
    predictor, pod = wanted["spec"]["predictor"], deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 2
    for field in ("nodeSelector", "securityContext", "tolerations", "volumes"):
        assert pod[field] == predictor[field]
    given, made = predictor["containers"][0], pod["containers"][0]
    for field in ("args", "env", "image", "name", "ports", "resources", "securityContext", "volumeMounts"):
        assert made[field] == given[field]
    (port,) = shell.get("service", "ready-predictor", NAMESPACE)["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, 8000)


def test_inference_service_is_rolled_out_and_deleted(shell: Shell) -> None:
    thing = inference_service("rolling")
    shell.apply(thing)
    eventually(lambda: conditions(shell, "rolling")["Ready"] == "True")
    predictor = thing["spec"]["predictor"]
    del predictor["nodeSelector"], predictor["tolerations"], predictor["containers"][0]["env"][0]
    predictor["minReplicas"] = 0  # KServe makes that 1
    predictor["containers"][0]["args"] = ["--port", "8000", "--new"]
    shell.apply(thing)

    def rolled_out() -> bool:
        spec = shell.get("deployment", "rolling-predictor", NAMESPACE)["spec"]
        pod = spec["template"]["spec"]
        container = pod["containers"][0]
        return (
            spec["replicas"] == 1
            and not {"nodeSelector", "tolerations"} & set(pod)
            and container["env"] == [{"name": "SECOND", "value": "2"}]
            and container["args"][-1] == "--new"
        )

    eventually(rolled_out)
    eventually(lambda: conditions(shell, "rolling")["Ready"] == "True")
    assert shell.get("inferenceservice", "rolling", NAMESPACE)["metadata"]["finalizers"] == [
        "inferenceservice.finalizers"
    ]
    shell.kubectl("delete", "isvc", "rolling", "-n", NAMESPACE, "--timeout=20s")
    for kind in ("deployment", "service"):
        eventually(lambda kind=kind: not shell.get(kind, "rolling-predictor", NAMESPACE))


def test_inference_service_follows_its_pods(shell: Shell) -> None:
    shell.apply(inference_service("following"))
    eventually(lambda: conditions(shell, "following")["Ready"] == "True")
    nodes = shell.kubectl("get", "nodes", "--output=name").split()
    shell.kubectl("cordon", *nodes)
    try:
        shell.kubectl("delete", "pods", "-n", NAMESPACE, "--selector=app=isvc.following-predictor", "--wait=false")
        eventually(lambda: conditions(shell, "following")["Ready"] == "False")
        assert conditions(shell, "following")["PredictorReady"] == "False"
    finally:
        shell.kubectl("uncordon", *nodes)
    eventually(lambda: conditions(shell, "following")["Ready"] == "True")


def test_inference_service_that_cannot_be_served(shell: Shell) -> None:
    knative = inference_service("knative", annotations={"serving.kserve.io/deploymentMode": "Knative"})
    open_to_all = inference_service("ingress", labels={})
    model = inference_service("model")
    del model["spec"]["predictor"]["containers"]
    model["spec"]["predictor"]["model"] = {"modelFormat": {"name": "vLLM"}, "runtime": "some"}
    shell.apply(knative, open_to_all, model)
    eventually(lambda: conditions(shell, "model")["Ready"] == "False")
    eventually(lambda: conditions(shell, "ingress")["PredictorReady"] == "True")
    assert conditions(shell, "ingress")["Ready"] == "False"
    events = ["get", "events", "-n", NAMESPACE, "--field-selector=involvedObject.name=knative", "--output=json"]
    eventually(lambda: "Knative is not installed" in shell.kubectl(*events))
    assert not shell.get("deployment", "knative-predictor", NAMESPACE)
    assert not conditions(shell, "knative")


def test_default_mode_of_kserve_is_a_value(shell: Shell) -> None:
    release, chart, where, settings = RELEASES[-1]
    gateway = "kserve.controller.gateway"
    shell.install(release, chart, where, f"{gateway}.domain=models.test", f"{gateway}.disableIngressCreation=true")
    data = shell.get("configmap", "inferenceservice-config", "kserve")["data"]
    assert json.loads(data["deploy"]) == {"defaultDeploymentMode": "Knative"}
    assert json.loads(data["ingress"])["ingressDomain"] == "models.test"
    assert json.loads(data["ingress"])["disableIngressCreation"] is True
    marked = inference_service("marked", labels={}, annotations={"serving.kserve.io/deploymentMode": "RawDeployment"})
    shell.apply(inference_service("plain"), marked)
    eventually(lambda: conditions(shell, "marked")["Ready"] == "True")
    assert (
        shell.get("inferenceservice", "marked", NAMESPACE)["status"]["url"] == f"http://marked-{NAMESPACE}.models.test"
    )
    assert not shell.get("deployment", "plain-predictor", NAMESPACE)
    shell.install(release, chart, where, *settings)
    shell.kubectl("annotate", "isvc", "plain", "-n", NAMESPACE, "looked-at=again")
    eventually(lambda: conditions(shell, "plain")["Ready"] == "True")


def test_certificates_are_issued(shell: Shell) -> None:
    shell.kubectl("wait", "certificate/serving-cert", "--for=condition=Ready", "-n", "kserve", "--timeout=20s")
    shell.kubectl("wait", "issuer/selfsigned-issuer", "--for=condition=Ready", "-n", "kserve", "--timeout=20s")
    secret = shell.get("secret", "kserve-webhook-server-cert", "kserve")
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kserve-webhook-server-service.kserve.svc"]


def test_nothing_moves_by_itself(shell: Shell) -> None:
    key = "sandbox.maas-billing.platform/seconds"
    for clock in (
        ("poddisruptionbudget", "istiod", "istio-system"),
        ("serviceaccount", "cert-manager-webhook", "cert-manager"),
        ("service", "kserve-webhook-server-service", "kserve"),
    ):
        eventually(lambda clock=clock: shell.get(*clock)["metadata"]["annotations"][key] == "10")
    time.sleep(2)
    first = shell.everything()
    time.sleep(10)
    then = shell.everything()
    assert {name for name in {**first, **then} if first.get(name) != then.get(name)} == set()


def test_uninstalling_leaves_what_upstream_leaves(shell: Shell, before: dict[str, str]) -> None:
    shell.kubectl("delete", "gateways,inferenceservices", "--all", "-n", NAMESPACE, "--timeout=30s")
    children = ["get", "deployments,services,serviceaccounts", "-n", NAMESPACE, "--output=name"]
    eventually(lambda: "-istio" not in shell.kubectl(*children))
    for release, _chart, where, _settings in reversed(RELEASES):
        shell.uninstall(release, where)
    now = set(shell.everything())
    left = now - set(before)
    crds = {name for name in left if name.startswith("CustomResourceDefinition/")}
    assert all(name.endswith((".istio.io", ".cert-manager.io")) for name in crds)
    assert len(crds) == 21
    spaces = {name.split("/")[1] for name in now & set(before) if name.startswith("Namespace/")}
    spaces -= {"kube-public", "kube-node-lease"}
    certificates = {f"ConfigMap/{space}/istio-ca-root-cert" for space in spaces}
    assert left - crds == certificates | {
        "GatewayClass/istio",
        "GatewayClass/istio-remote",
        "Secret/cert-manager/cert-manager-webhook-ca",
        "Secret/istio-system/istio-ca-secret",
        "Secret/kserve/kserve-webhook-server-cert",
        f"ConfigMap/{NAMESPACE}/options",
    }


def test_objects_that_were_there_first(shell: Shell) -> None:
    for release, _chart, where, _settings in reversed(RELEASES):
        shell.uninstall(release, where)
    shell.apply(gateway("first"))
    for release, chart, where, settings in RELEASES:
        if release == "kserve":
            shell.apply(inference_service("first"))
        shell.install(release, chart, where, *settings)
    eventually(lambda: bool(shell.get("gatewayclass", "istio")))
    eventually(lambda: bool(shell.get("service", "first-istio", NAMESPACE)))
    eventually(lambda: conditions(shell, "first")["Ready"] == "True")


def test_cert_manager_without_crds(shell: Shell) -> None:
    text = shell.run("helm", "template", "x", str(next((shell.home.bundle / "charts").glob("cert-manager-*.tgz"))))
    assert "CustomResourceDefinition" not in {document["kind"] for document in yaml.safe_load_all(text) if document}
