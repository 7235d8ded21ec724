# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster refuses by rules of its own, and a gateway that gets no address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.failures.keeper import denying
from tests.failures.scene import Object, Scene

ROLE = "gateway"
PATIENCE = 3
RULES = "/apis/admissionregistration.k8s.io/v1"
VALIDATING = f"{RULES}/validatingwebhookconfigurations"
MUTATING = f"{RULES}/mutatingwebhookconfigurations"
POLICIES = f"{RULES}/validatingadmissionpolicies"
BINDINGS = f"{RULES}/validatingadmissionpolicybindings"
OTHER_PORT: Object = {"maas_gateway_http_port": 8001, "maas_wait_timeout": PATIENCE}
ANSWERS = (
    'failed calling webhook "check.keeper.example"',
    'service "gone" not found',
    "likely cure: Nothing of this kind can be written until that webhook answers",
    "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
)
REASON = "every Gateway names its owner in the label owner"
GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces/maas-gateway/gateways/maas"


def unanswered(namespace: str) -> Object:
    """Where a webhook is asked that nobody answers."""
    return {"service": {"name": "gone", "namespace": namespace, "path": "/validate"}}


def webhook(client: Object, group: str, resource: str, namespace: str) -> Object:
    """The configuration of a webhook that rules the objects of one kind in a namespace."""
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
    return {
        "metadata": {"name": "keeper"},
        "webhooks": [
            {
                "name": "check.keeper.example",
                "clientConfig": client,
                "rules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 2,
            }
        ],
    }


@contextmanager
def policy(scene: Scene) -> Iterator[None]:
    """A rule of the cluster that our Gateway breaks."""
    rule = {
        "apiGroups": ["gateway.networking.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["gateways"],
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "'owner' in object.metadata.labels", "message": REASON}],
    }
    binding = {"policyName": "owners", "validationActions": ["Deny"]}
    name: Object = {"name": "owners"}
    with (
        scene.there(POLICIES, {"metadata": name, "spec": spec}),
        scene.there(BINDINGS, {"metadata": name, "spec": binding}),
    ):
        yield


def is_refused(scene: Scene, path: str) -> bool:
    """Say whether the cluster refuses a change of an object by now, which it learns a moment later than we."""
    changes = b'{"metadata": {"annotations": {"probe": "x"}}}'
    answer = scene.cluster.pool.request(
        "PATCH",
        f"{scene.cluster.server}{path}?dryRun=All",
        body=changes,
        headers={"Content-Type": "application/merge-patch+json"},
    )
    return bool(answer.status >= 400)


def test_a_webhook_that_does_not_answer_for_an_object_of_a_set(scene: Scene) -> None:
    says = ("Gateway maas-gateway/maas: Internal error occurred: ", *ANSWERS)
    asked = unanswered("maas-gateway")
    with scene.there(VALIDATING, webhook(asked, "gateway.networking.k8s.io", "gateways", "maas-gateway")):
        scene.cluster.wait_for(lambda: is_refused(scene, GATEWAY), "the webhook counts")
        run = scene.fails(ROLE, says, OTHER_PORT)
    scene.mended("Validating webhook does not answer", run, "failed calling webhook", PATIENCE + 2, ROLE)


def test_a_webhook_that_does_not_answer_for_an_object_of_a_chart(scene: Scene) -> None:
    settings: Object = {"gateway_istiod_values": {"pilot": {"podLabels": {"moved": "webhook"}}}}
    says = ("Helm release istiod in the namespace istio-system: UPGRADE FAILED: ", *ANSWERS)
    asked = unanswered("istio-system")
    with scene.there(MUTATING, webhook(asked, "apps", "deployments", "istio-system")):
        path = "/apis/apps/v1/namespaces/istio-system/deployments/istiod"
        scene.cluster.wait_for(lambda: is_refused(scene, path), "the webhook counts")
        run = scene.fails(ROLE, says, {**settings, "maas_wait_timeout": PATIENCE})
    scene.mended("Mutating webhook does not answer Helm", run, says[0], PATIENCE, ROLE)


def test_a_webhook_that_denies_with_its_reason(scene: Scene, tmp_path: Path) -> None:
    says = (
        f'Gateway maas-gateway/maas: admission webhook "check.keeper.example" denied the request: {REASON}',
        "likely cure: This is a rule of the cluster, not of the platform: ask whoever keeps it",
        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations shows it.",
    )
    with (
        denying(REASON, tmp_path) as asked,
        scene.there(VALIDATING, webhook(asked, "gateway.networking.k8s.io", "gateways", "maas-gateway")),
    ):
        scene.cluster.wait_for(lambda: is_refused(scene, GATEWAY), "the webhook counts")
        run = scene.fails(ROLE, says, OTHER_PORT)
    assert "The login may not do this" not in run.text
    scene.mended("Validating webhook denies", run, "denied the request", PATIENCE, ROLE)


def test_a_policy_that_denies_with_its_reason(scene: Scene) -> None:
    says = (
        "Gateway maas-gateway/maas: ",
        "ValidatingAdmissionPolicy 'owners' with binding 'owners' denied request: " + REASON,
        "likely cure: This is a rule of the cluster, not of the platform: ask whoever keeps it",
        "kubectl get validatingadmissionpolicies",
    )
    with policy(scene):
        scene.cluster.wait_for(lambda: is_refused(scene, GATEWAY), "the policy counts")
        run = scene.fails(ROLE, says, OTHER_PORT)
    assert "The login may not do this" not in run.text
    scene.mended("Admission policy denies", run, "denied request", PATIENCE, ROLE)


def test_a_gateway_that_gets_no_address(scene: Scene) -> None:
    says = (
        "Gateway maas-gateway/maas:",
        "Programmed=False AddressNotAssigned: ",
        "address pending for hostname maas-istio.maas-gateway.svc.cluster.local",
        "likely cure: The cluster has no load balancer, or it is late",
        "set maas_gateway_service_type to NodePort or ClusterIP",
    )
    with scene.fault("no-load-balancer"):
        scene.cluster.wait_for(lambda: not scene.read(GATEWAY)["status"]["addresses"], "the address is gone")
        run = scene.fails(ROLE, says, {"maas_wait_timeout": PATIENCE})
        # What the message tells to do is what helps.
        cured = scene.playbooks.run("site", "--tags", ROLE, settings={"maas_gateway_service_type": "ClusterIP"})
        assert cured.status == 0, cured.said[-3000:]
    scene.mended("Gateway without address", run, "AddressNotAssigned", PATIENCE, ROLE)
