# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The components that the platform stands on: how each is recognised, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """How one component is recognised, and what belongs to it.

    ``selector`` finds its controller's Deployment, ``definition`` is a kind that it brings, ``releases`` are the Helm
    releases by which our roles install it.
    """

    title: str
    selector: str
    definition: str
    releases: tuple[str, ...]
    # Collections of objects that would lose their meaning, or be deleted, if it went.
    uses: tuple[str, ...]
    # Names of the packages by which OLM installs it.
    packages: tuple[str, ...] = ()
    # How the variables begin that say how its controller behaves; no others are told, since they may be secret.
    settings: tuple[str, ...] = ()
    # The oldest version of somebody else's that the platform is known to stand on; none if empty.
    oldest: str = ""

    def handles(self, group: str) -> bool:
        """Say whether its controllers look after the kinds of an API group."""
        own = self.definition.partition(".")[2]
        return group == own or group.endswith(f".{own}") or any(use.startswith(f"/apis/{group}/") for use in self.uses)


GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
COMPONENTS: dict[str, Component] = {
    "istio": Component(
        "Istio",
        "app=istiod",
        "envoyfilters.networking.istio.io",
        ("istio-base", "istiod"),
        (GATEWAYS, "/apis/networking.istio.io/v1/virtualservices"),
        # What OpenShift 4.19 ships.
        oldest="1.26",
    ),
    "cert_manager": Component(
        "cert-manager",
        "app.kubernetes.io/name=cert-manager",
        "certificates.cert-manager.io",
        ("cert-manager",),
        (
            "/apis/cert-manager.io/v1/certificates",
            "/apis/cert-manager.io/v1/issuers",
            "/apis/cert-manager.io/v1/clusterissuers",
        ),
        # What Kuadrant is tested with.
        oldest="1.16",
    ),
    "kserve": Component(
        "KServe",
        "control-plane=kserve-controller-manager",
        "inferenceservices.serving.kserve.io",
        ("kserve-crd", "kserve"),
        ("/apis/serving.kserve.io/v1beta1/inferenceservices",),
    ),
    "kuadrant": Component(
        "Kuadrant",
        "app=kuadrant,control-plane=controller-manager",
        "kuadrants.kuadrant.io",
        ("kuadrant-operator",),
        # Its release takes the definitions along, and with them all policies of everybody.
        (
            "/apis/kuadrant.io/v1beta1/kuadrants",
            "/apis/kuadrant.io/v1/authpolicies",
            "/apis/kuadrant.io/v1/ratelimitpolicies",
            "/apis/kuadrant.io/v1alpha1/tokenratelimitpolicies",
            "/apis/kuadrant.io/v1/tlspolicies",
            "/apis/kuadrant.io/v1/dnspolicies",
        ),
        # The second is Red Hat Connectivity Link.
        ("kuadrant-operator", "rhcl-operator"),
        ("AUTH_SERVICE_", "RATELIMIT_", "ISTIO_GATEWAY_CONTROLLER_NAMES", "MAAS_"),
    ),
}


def component_of(group: str) -> Component | None:
    """Return the component whose controllers look after the kinds of an API group."""
    return next((item for item in COMPONENTS.values() if item.handles(group)), None)
