# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What API server, scheduler and kubelet say when something cannot be, and what usually helps. Pure."""

from __future__ import annotations

import re

_LESS = (
    "let its pods ask for less (models: resources and replicas in maas_models; operators: the values of their charts, "
    "such as gateway_istiod_values)"
)
_RULE = (
    "This is a rule of the cluster, not of the platform: ask whoever keeps it for an exception, or have it cover what "
    "the platform writes. kubectl get {kinds} shows it."
)
_WEBHOOKS = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
_POLICIES = "validatingadmissionpolicies,validatingadmissionpolicybindings"

# The first that fits counts: what refuses something may quote in its message whatever it likes.
_CURES = (
    (
        r"failed calling webhook|failed to call webhook",
        "Nothing of this kind can be written until that webhook answers: start the pods behind the address that is "
        f"called, or delete its configuration if nobody needs it any more. kubectl get {_WEBHOOKS} shows it.",
    ),
    (r"ValidatingAdmissionPolicy .* denied request", _RULE.format(kinds=_POLICIES)),
    (r"admission webhook .* denied the request", _RULE.format(kinds=_WEBHOOKS)),
    (
        r"exceeded quota: ",
        f"Raise that ResourceQuota (kubectl describe resourcequota shows what is used), or {_LESS}.",
    ),
    (
        r"failed quota: ",
        "That ResourceQuota wants every container to say what it asks for: have a LimitRange in the namespace give "
        "defaults, or set it in the values of the chart.",
    ),
    (
        r"(maximum|minimum) \S+ usage per|limit to request ratio",
        f"Change that LimitRange (kubectl describe limitrange shows it), or {_LESS}.",
    ),
    # A LimitRange gives its maximum to containers that name no limit.
    (
        r"must be less than or equal to \S+ limit",
        f"Change the LimitRange that sets this limit (kubectl describe limitrange shows it), or {_LESS}.",
    ),
    (
        r"violates PodSecurity",
        "Change the label pod-security.kubernetes.io/enforce of the namespace, or what its pods are allowed.",
    ),
    (
        r"definition is terminating",
        "Its CustomResourceDefinition is being deleted; kubectl describe crd names the finalizers that hold it. "
        "When it is gone, run again: it is brought anew.",
    ),
    (
        r"because it is being terminated",
        "The namespace is being deleted; kubectl describe namespace says what holds it. When it is gone, run again: it "
        "is made anew.",
    ),
    (
        r"ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|RegistryUnavailable",
        "Let the nodes reach the registry of that image, or set another: maas_simulator_image for simulated models, "
        "the values of the chart for operators.",
    ),
    (
        r"AddressNotAssigned",
        "The cluster has no load balancer, or it is late: set maas_gateway_service_type to NodePort or ClusterIP.",
    ),
    (
        r"Unschedulable",
        f"Add or uncordon nodes that fit, or {_LESS}.",
    ),
    (
        r"CreateContainerConfigError",
        "Make the Secret or ConfigMap that it names.",
    ),
    (
        r"OOMKilled",
        "It needs more memory: resources in maas_models for models, the values of the chart for operators.",
    ),
    (
        r"CrashLoopBackOff|ended with exit code",
        "kubectl logs --previous of that pod says why it ended.",
    ),
    (r"readiness probe does not pass", "kubectl logs and kubectl describe of that pod say why."),
)


def likely_cure(said: str) -> str:
    """Return what usually helps when a cluster says this; empty where nobody knows."""
    return next((cure for pattern, cure in _CURES if re.search(pattern, said)), "")
