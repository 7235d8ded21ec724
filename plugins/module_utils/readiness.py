# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is this object in force? One table for all kinds, as JMESPath expressions.

Before an expression is tried, conditions that speak of an older generation are taken away: they describe what the
object was, not what it is. An object whose ``status.observedGeneration`` lags behind is not ready, whatever it says.
Kinds without a line have no status worth waiting for: they are ready when they exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .causes import likely_cure
from .workloads import Workloads

Object = Mapping[str, Any]


def _true(condition: str) -> str:
    return f"status.conditions[?type=='{condition}'].status | [0] == 'True'"


def _all_true(*conditions: str) -> str:
    return " && ".join(f"({_true(condition)})" for condition in conditions)


# Kuadrant adds an entry of its own to status.parents[], without Accepted and ResolvedRefs: only the entries of the
# gateway's controller count, and there is one for each parentRef.
_ROUTE_PARENTS = (
    "status.parents[?ends_with(controllerName, '/gateway-controller')"
    " || contains(controllerName, '/gateway-controller/')]"
)
_ROUTE_IN_FORCE = " && ".join(
    f"(conditions[?type=='{condition}'].status | [0] == 'True')" for condition in ("Accepted", "ResolvedRefs")
)
_ROUTE = (
    f"length(spec.parentRefs || `[]`) == length({_ROUTE_PARENTS} || `[]`) && "
    f"length(spec.parentRefs || `[]`) == length(({_ROUTE_PARENTS})[?{_ROUTE_IN_FORCE}] || `[]`)"
)
# A policy that more specific ones replaced everywhere is healthy, and says Enforced=False for ever.
_POLICY = (
    "status.observedGeneration != null && "
    f"({_true('Accepted')}) && (({_true('Enforced')}) || "
    "(status.conditions[?type=='Enforced'].reason | [0] == 'Overridden'))"
)


@dataclass(frozen=True)
class Rule:
    """When an object of a kind is in force, and what usually helps when it is not."""

    ready: str
    cure: str = ""
    # Whether status.observedGeneration is that of the object itself.
    counts_generations: bool = True


_PODS = "Look at its pods: kubectl describe pods shows image, quota and scheduling problems."
_OPERATOR = "Look at the log of the operator that handles this kind, and whether it runs."
_HELD = "Whoever set these finalizers takes them away when his work is done: see that it runs, or do it by hand."

TABLE: dict[str, Rule] = {
    "Namespace": Rule("status.phase == 'Active'", "It is being deleted: something in it still has a finalizer."),
    "Pod": Rule(_true("Ready"), _PODS),
    "Deployment.apps": Rule(
        "spec.replicas == `0` || (status.replicas == spec.replicas && status.updatedReplicas == spec.replicas"
        " && status.availableReplicas == spec.replicas)",
        _PODS,
    ),
    "StatefulSet.apps": Rule(
        "spec.replicas == `0` || (status.updatedReplicas == spec.replicas && status.readyReplicas == spec.replicas)",
        _PODS,
    ),
    "DaemonSet.apps": Rule(
        # All numbers of a new one are 0 until its controller has seen it.
        "status.observedGeneration != null && (status.desiredNumberScheduled == `0` ||"
        " (status.updatedNumberScheduled == status.desiredNumberScheduled"
        " && status.numberAvailable == status.desiredNumberScheduled))",
        _PODS,
    ),
    "CustomResourceDefinition.apiextensions.k8s.io": Rule(
        _all_true("Established", "NamesAccepted"), "Another definition may use the same names."
    ),
    "GatewayClass.gateway.networking.k8s.io": Rule(
        _true("Accepted"), "No controller answers for its controllerName: is Istio running?"
    ),
    "Gateway.gateway.networking.k8s.io": Rule(
        _all_true("Accepted", "Programmed"),
        "Does the GatewayClass exist that it names, maas_gateway_class, and does its controller, Istio, run?",
    ),
    "HTTPRoute.gateway.networking.k8s.io": Rule(
        _ROUTE,
        "The gateway must have a listener for its hostname and admit its namespace, and the Service behind it must "
        "exist.",
    ),
    "Kuadrant.kuadrant.io": Rule(_true("Ready"), _OPERATOR),
    "Limitador.limitador.kuadrant.io": Rule(_true("Ready"), _OPERATOR),
    "Authorino.operator.authorino.kuadrant.io": Rule(_true("Ready"), _OPERATOR),
    "AuthPolicy.kuadrant.io": Rule(_POLICY, _OPERATOR),
    "RateLimitPolicy.kuadrant.io": Rule(_POLICY, _OPERATOR),
    "TokenRateLimitPolicy.kuadrant.io": Rule(_POLICY, _OPERATOR),
    "Certificate.cert-manager.io": Rule(_true("Ready"), "Look at its CertificateRequest and at the issuer."),
    "Issuer.cert-manager.io": Rule(_true("Ready"), _OPERATOR),
    "ClusterIssuer.cert-manager.io": Rule(_true("Ready"), _OPERATOR),
    "InferenceService.serving.kserve.io": Rule(
        _true("Ready"),
        "Look at the pods of its predictor: image, memory, model download and probes show there.",
        # In Standard mode KServe copies it from the predictor's Deployment.
        counts_generations=False,
    ),
    "LLMInferenceService.serving.kserve.io": Rule(_true("Ready"), _PODS),
    "Istio.sailoperator.io": Rule(_true("Ready"), _OPERATOR),
    "Subscription.operators.coreos.com": Rule(
        "status.state == 'AtLatestKnown'", "Look at its CatalogSource and at InstallPlans that wait for approval."
    ),
    "ClusterServiceVersion.operators.coreos.com": Rule("status.phase == 'Succeeded'", _OPERATOR),
    "DataScienceCluster.datasciencecluster.opendatahub.io": Rule(_true("Ready"), _OPERATOR),
    "DSCInitialization.dscinitialization.opendatahub.io": Rule("status.phase == 'Ready'", _OPERATOR),
    "Route.route.openshift.io": Rule(
        "status.ingress[0].conditions[?type=='Admitted'].status | [0] == 'True'",
        "Its host may be taken by another Route.",
    ),
}


def group_kind(obj: Object) -> str:
    """Return ``Kind.group`` of an object, ``Kind`` alone in the core group."""
    group = obj["apiVersion"].rpartition("/")[0]
    return f"{obj['kind']}.{group}" if group else str(obj["kind"])


def tells_no_generation(kind: str) -> bool:
    """Say whether the status of a kind, written ``Kind.group``, may describe an object as it was before a change."""
    return kind in TABLE and not TABLE[kind].counts_generations


def is_ready(obj: Object) -> bool:
    """Say whether the object is in force in its present generation and is not being deleted."""
    import jmespath

    if obj["metadata"].get("deletionTimestamp") or _lags(obj):
        return False
    rule = TABLE.get(group_kind(obj))
    return rule is None or bool(jmespath.search(rule.ready, _fresh(obj)))


def explain(obj: Object, beside: Sequence[str] = ()) -> str:
    """Return what the object says of itself, and what usually helps; one line for each condition that is not well.

    :param beside: what else is known, such as what keeps its pods from running.
    """
    said = [*_said(obj), *beside]
    cure = _cure(obj, "\n".join(said))
    return "\n".join(f"  {line}" for line in [*said, *([f"likely cure: {cure}"] if cure else [])])


def _said(obj: Object) -> list[str]:
    metadata = obj["metadata"]
    bad = _bad_conditions(obj)
    if metadata.get("deletionTimestamp"):
        holders = ", ".join(metadata.get("finalizers", [])) or "none"
        return [f"it is being deleted since {metadata['deletionTimestamp']}; finalizers: {holders}", *bad]
    if _lags(obj):
        return ["its controller has not seen the present generation yet", *bad]
    return bad or [_counted(obj) or "it says nothing about itself yet"]


def _cure(obj: Object, said: str) -> str:
    if obj["metadata"].get("deletionTimestamp") and obj["kind"] != "Namespace":
        return _HELD if obj["metadata"].get("finalizers") else ""
    return likely_cure(said) or TABLE.get(group_kind(obj), Rule("")).cure


def is_silent(obj: Object) -> bool:
    """Say whether no controller has looked at the object as it is now."""
    conditions = (_fresh(obj)["status"]).get("conditions") or []
    return _lags(obj) or all(item.get("status") == "Unknown" and item.get("reason") == "Pending" for item in conditions)


def _counted(obj: Object) -> str:
    """Return how far the rollout of a workload has come, which its conditions do not say while it is under way."""
    status, wanted = obj.get("status") or {}, (obj.get("spec") or {}).get("replicas")
    if wanted is None or "replicas" not in status:
        return ""
    new, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return f"{wanted} pods wanted: {status['replicas']} there, {new} of the present version, {available} available"


def not_ready(objects: Iterable[Object]) -> list[str]:
    """Return a text for each object that is not in force: its name and what it says.

    Pods of a Deployment that is given as well are told with it.
    """
    given = list(objects)
    workloads = Workloads.of(given)
    told = {id(pod) for deployment in workloads.deployments for pod in workloads.pods_of(deployment)}
    return [
        f"{_called(obj)}:\n{explain(obj, workloads.troubles_of(obj) if obj['kind'] == 'Deployment' else ())}"
        for obj in given
        if id(obj) not in told and not is_ready(obj)
    ]


def said_by_pods(obj: Object, workloads: Workloads) -> list[str]:
    """Return what the Deployments that were made for an object, and their pods, say when they are not well."""
    lines = []
    for deployment in workloads.made_for(obj):
        if not is_ready(deployment):
            said = [f"Deployment {deployment['metadata']['name']}: {line}" for line in _said(deployment)]
            lines += [*said, *workloads.troubles_of(deployment)]
    return lines


def _called(obj: Object) -> str:
    place = obj["metadata"].get("namespace")
    return f"{obj['kind']} {place + '/' if place else ''}{obj['metadata']['name']}"


def _lags(obj: Object) -> bool:
    if not TABLE.get(group_kind(obj), Rule("")).counts_generations:
        return False
    observed = (obj.get("status") or {}).get("observedGeneration")
    return observed is not None and observed < obj["metadata"].get("generation", 0)


def _fresh(obj: Object) -> dict[str, Any]:
    """Return the object without conditions that were written for an older generation."""
    generation = obj["metadata"].get("generation", 0)
    status = dict(obj.get("status") or {})

    def fresh(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [item for item in conditions if item.get("observedGeneration", generation) >= generation]

    if isinstance(status.get("conditions"), list):
        status["conditions"] = fresh(status["conditions"])
    if isinstance(status.get("parents"), list):
        status["parents"] = [
            {**parent, "conditions": fresh(parent.get("conditions") or [])} for parent in status["parents"]
        ]
    return {**obj, "status": status}


# Conditions that are well when they are False; the last five are those of a Namespace that is being deleted.
_ABNORMAL_TRUE = {
    "Conflicted",
    "OverlappingTLSConfig",
    "Stopped",
    "ReplicaFailure",
    "Terminating",
    "NonStructuralSchema",
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
}


def _bad_conditions(obj: Object) -> list[str]:
    status = obj.get("status") or {}
    groups = [("", status.get("conditions") or [])]
    groups += [
        (f"listener {item.get('name')}: ", item.get("conditions") or []) for item in status.get("listeners") or []
    ]
    groups += [
        (f"{item.get('controllerName')}: ", item.get("conditions") or []) for item in status.get("parents") or []
    ]
    lines = []
    for prefix, conditions in groups:
        for item in conditions:
            well = "False" if item.get("type") in _ABNORMAL_TRUE else "True"
            if item.get("status") != well:
                text = f"{item.get('type')}={item.get('status')} {item.get('reason', '')}"
                message = item.get("message") or ""
                lines.append(f"{prefix}{text.strip()}" + (f": {message}" if message else ""))
    return lines
