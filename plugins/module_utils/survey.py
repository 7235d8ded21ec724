# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on a cluster already, and whose it is.

A component is ours when its controller runs in a namespace that belongs to one of our sets: we install operators only
into namespaces that we made or took over. Everything else is foreign, and kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .applyset import ID_LABEL, PART_OF_LABEL, RECORDS, Parent
from .cluster.api import Api, concurrently, object_path, together
from .components import COMPONENTS, Component
from .errors import ApiError
from .plan import APPLIED_ANNOTATION
from .readiness import is_ready
from .render.objects import OPERATOR_LABEL

Object = dict[str, Any]


_MONITORS = ("servicemonitors.monitoring.coreos.com", "podmonitors.monitoring.coreos.com")
_OUR_RELEASES = ",".join(name for item in COMPONENTS.values() for name in item.releases)
SETS = ("prerequisites", "gateway", "kuadrant", "policies", "api-keys", "kserve", "simulator")
# Kinds of which members can be left where no namespace and no definition of ours tells of them: models and keys, each
# with the set to which the namespace belongs that holds them.
_LEFT_ALONE = {
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes", "kserve"),
    "InferenceService": ("/apis/serving.kserve.io/v1beta1", "inferenceservices", "kserve"),
    "Secret": ("/api/v1", "secrets", "kuadrant"),
}
_OLM = "clusterserviceversions.operators.coreos.com"
# OLM copies what is installed for all namespaces into each of them.
_ORIGINALS = "!olm.copiedFrom"
_GATEWAY_API = "gateways.gateway.networking.k8s.io"
_BUNDLE_VERSION = "gateway.networking.k8s.io/bundle-version"
_CHANNEL = "gateway.networking.k8s.io/channel"
# Kuadrant 1.5.2 is built with the types of 1.2.1 (section 19 of the measured facts), the oldest that its versions and
# OpenShift 4.19 run with (sections 1 and 9.3); since 1.2 a Gateway has the field by which its Service is exposed.
OLDEST_GATEWAY_API = "1.2"


@dataclass(frozen=True)
class Places:
    """The names of all namespaces, and of those that belong to our sets, without those that are being deleted."""

    all: frozenset[str]
    own: frozenset[str]

    @classmethod
    def of(cls, namespaces: Sequence[Object]) -> Places:
        """Read them from the metadata of namespaces."""
        staying = [item for item in namespaces if not _is_going(item)]
        return cls(
            frozenset(item["name"] for item in staying), frozenset(item["name"] for item in staying if is_ours(item))
        )


def survey(api: Api) -> Object:
    """Read a cluster and return what modules and roles need to know of it (see the module platform_info)."""
    version, definitions, namespaces, records, *controllers = together(
        lambda: api.request("GET", "/version"),
        lambda: metadata_of(api, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", ""),
        lambda: metadata_of(api, "/api/v1/namespaces", ""),
        lambda: metadata_of(api, object_path("/api/v1", "configmaps", RECORDS), ID_LABEL),
        *(partial(_deployments, api, item.selector) for item in COMPONENTS.values()),
    )
    known = {(item.get("labels") or {}).get(ID_LABEL) for item in records}
    recorded = [name for name in SETS if _id(name) in known]
    missing = [_id(name) for name in SETS if name not in recorded]
    by_name = {item["name"]: item for item in definitions}
    places = Places.of(namespaces)
    members = {"Namespace": namespaces, "CustomResourceDefinition": definitions}
    if missing:
        members.update(_left_alone(api, missing, namespaces))
    installed = _installed_by_olm(api) if _OLM in by_name else []
    components = {
        name: {
            **component(COMPONENTS[name], found, by_name, places),
            "package": package(COMPONENTS[name], installed),
            "settings": settings(COMPONENTS[name], _chosen(found, places.own)),
        }
        for name, found in zip(COMPONENTS, controllers)
    }
    return {
        # By convention a cluster is told from others by this namespace, which lives as long as it.
        "cluster_id": next((item["uid"] for item in namespaces if item["name"] == "kube-system"), ""),
        "kubernetes_version": version["gitVersion"],
        "distribution": distribution(by_name),
        "gateway_api": gateway_api(by_name),
        "monitors": all(name in by_name for name in _MONITORS),
        "recorded": recorded,
        "unrecorded": unrecorded(members, missing),
        "unfinished": unfinished(_revisions(api, namespaces), incomplete(components)),
        "components": components,
    }


def unrecorded(members: Mapping[str, Sequence[Object]], missing: Collection[str]) -> list[str]:
    """Return objects of ours whose set has no parent any more, so that nobody knows what else belongs to it.

    :param members: metadata of objects by their kind.
    :param missing: the ids of the sets of the roles that have no parent.
    :return: texts such as ``Namespace istio-system`` or ``HTTPRoute maas-models/llama``, sorted.
    """
    return sorted(
        f"{kind} {item['namespace']}/{item['name']}" if "namespace" in item else f"{kind} {item['name']}"
        for kind, items in members.items()
        for item in items
        if is_ours(item) and item["labels"][PART_OF_LABEL] in missing
    )


def _revisions(api: Api, namespaces: Iterable[Object]) -> list[Object]:
    """Return the metadata of what Helm keeps of our releases, which are in namespaces that we made for operators.

    Nobody has to be allowed to list the Secrets of others because of them.
    """
    places = [item["name"] for item in namespaces if is_ours(item) and OPERATOR_LABEL in item["labels"]]
    selector = f"owner=helm,name in ({_OUR_RELEASES})"
    found = concurrently(lambda place: metadata_of(api, object_path("/api/v1", "secrets", place), selector), places)
    return [item for part in found for item in part]


def unfinished(revisions: Sequence[Object], broken: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Return the Helm releases whose last revision was not carried out to its end, or was undone in part since then.

    Helm itself does not take such a revision back: what it set stays on the cluster when the next one leaves it out.

    :param revisions: metadata of the Secrets in which Helm keeps them.
    :param broken: the releases of which something is missing on the cluster.
    :return: for each namespace the releases and their status, such as ``{"istio-system": {"istiod": "failed"}}``.
    """
    last: dict[tuple[str, str], Object] = {}
    for item in sorted(revisions, key=lambda item: int(item["labels"]["version"])):
        last[(item["namespace"], item["labels"]["name"])] = item
    found: dict[str, dict[str, str]] = {}
    for (namespace, name), item in last.items():
        status = item["labels"]["status"]
        if status != "deployed" or name in broken:
            found.setdefault(namespace, {})[name] = "incomplete" if status == "deployed" else status
    return found


def incomplete(components: Mapping[str, Object]) -> list[str]:
    """Return the releases of ours whose controller or kinds somebody has deleted; Helm itself does not notice that."""
    return [
        release
        for name, known in COMPONENTS.items()
        if components[name]["owner"] == "ours" and components[name]["missing"]
        for release in known.releases
    ]


def _installed_by_olm(api: Api) -> list[str]:
    path = "/apis/operators.coreos.com/v1alpha1/clusterserviceversions"
    return sorted(item["name"] for item in metadata_of(api, path, _ORIGINALS))


def package(known: Component, installed: Sequence[str]) -> str:
    """Return the ClusterServiceVersion by which OLM installed a component, or nothing.

    :param installed: the names of all that are on the cluster, such as ``rhcl-operator.v1.4.1``.
    """
    return next((name for name in installed if name.partition(".")[0] in known.packages), "")


def settings(known: Component, controller: Object | None) -> dict[str, str]:
    """Return the variables with which a component's controller runs, of those that say how it behaves."""
    if controller is None:
        return {}
    (container, *_others) = controller["spec"]["template"]["spec"]["containers"]
    variables = container.get("env") or []
    return {item["name"]: item.get("value", "") for item in variables if item["name"].startswith(known.settings)}


def _left_alone(api: Api, missing: Collection[str], namespaces: Sequence[Object]) -> dict[str, list[Object]]:
    """Return the metadata of members of sets without a parent, by kind; none of a kind that is not defined."""
    selector = f"{PART_OF_LABEL} in ({', '.join(sorted(missing))})"
    found: dict[str, list[Object]] = {}
    for kind, (prefix, plural, place_of) in _LEFT_ALONE.items():
        for item in namespaces:
            if is_ours(item) and item["labels"][PART_OF_LABEL] == _id(place_of):
                path = object_path(prefix, plural, item["name"])
                found.setdefault(kind, []).extend(_metadata_where_defined(api, path, selector))
    return found


def _metadata_where_defined(api: Api, path: str, selector: str) -> list[Object]:
    try:
        return metadata_of(api, path, selector)
    except ApiError as error:
        if error.status == 404:
            return []
        raise


def _id(name: str) -> str:
    return Parent(name).set_id


def metadata_of(api: Api, path: str, selector: str, name: str = "") -> list[Object]:
    return [item["metadata"] for item in api.list(path, selector, metadata_only=True, name=name)["items"]]


def _deployments(api: Api, selector: str) -> list[Object]:
    found: list[Object] = api.list("/apis/apps/v1/deployments", selector)["items"]
    return found


def is_ours(metadata: Mapping[str, Any]) -> bool:
    """Say whether an object is a member of a set that this collection applied (other tools have sets too)."""
    return PART_OF_LABEL in (metadata.get("labels") or {}) and APPLIED_ANNOTATION in (metadata.get("annotations") or {})


def distribution(definitions: Mapping[str, Object]) -> str:
    """Return ``openshift`` where its kinds are defined, else ``kubernetes``."""
    return "openshift" if "clusterversions.config.openshift.io" in definitions else "kubernetes"


def gateway_api(definitions: Mapping[str, Object]) -> Object:
    """Return version, channel and owner of the Gateway API definitions, and whether they are too old for us.

    What tells no version is taken as new enough: then the server says which field it does not know.
    """
    definition = definitions.get(_GATEWAY_API)
    if definition is None:
        return {"title": "Gateway API", "owner": "absent", "version": "", "channel": "", "outdated": False}
    annotations = definition.get("annotations") or {}
    version = annotations.get(_BUNDLE_VERSION, "")
    return {
        "title": "Gateway API",
        "owner": "ours" if is_ours(definition) else "foreign",
        "version": version,
        "channel": annotations.get(_CHANNEL, ""),
        "outdated": _precedes(version, OLDEST_GATEWAY_API),
    }


def component(
    known: Component, controllers: Sequence[Object], definitions: Mapping[str, Object], places: Places
) -> Object:
    """Return owner, version, namespace and leftovers of one component.

    :param controllers: its Deployments, in any namespace.
    :param definitions: metadata of all CustomResourceDefinitions by name.
    :return: ``owner`` is absent, ours or foreign; definitions that no controller of ours serves count as foreign,
        since removing or replacing them could hurt somebody.
    """
    released = [item for item in definitions.values() if _release(item)[0] in known.releases]
    controller = _chosen(controllers, places.own)
    if controller is not None:
        namespace = controller["metadata"]["namespace"]
    else:
        namespace = next(iter(sorted(_release(item)[1] for item in released)), "")
    if controller is None and (known.definition not in definitions or (namespace and namespace not in places.all)):
        # Definitions that a Helm release left behind with its namespace are taken along by the next of that name.
        owner = "absent"
    else:
        owner = "ours" if namespace in places.own else "foreign"
    info = {
        "title": known.title,
        "owner": owner,
        "running": controller is not None and (controller.get("status") or {}).get("availableReplicas", 0) > 0,
        "rolled_out": controller is not None
        and is_ready({**controller, "apiVersion": "apps/v1", "kind": "Deployment"}),
        "namespace": namespace if owner != "absent" else "",
        "version": _version(controller) if controller else "",
        "missing": _missing(known, controller, definitions) if owner == "ours" else [],
        "definitions": sorted(item["name"] for item in released if owner == "ours" and _release(item)[1] == namespace),
    }
    return {**info, "obstacle": obstacle(known, info, definitions)}


def _missing(known: Component, controller: Object | None, definitions: Mapping[str, Object]) -> list[str]:
    controllers = [] if controller else [f"its Deployment ({known.selector})"]
    return controllers + [name for name in (known.definition,) if name not in definitions]


def obstacle(known: Component, info: Object, definitions: Mapping[str, Object]) -> str:
    """Return why the platform cannot stand on a component as it is, and what to do; empty when it can.

    :param info: what ``component`` says of it.
    """
    own = known.definition.partition(".")[2]
    going = [item for name, item in definitions.items() if name.partition(".")[2] == own and _is_going(item)]
    if going:
        first = going[0]
        return (
            f"The CustomResourceDefinition {first['name']} of {known.title} is being deleted since "
            f"{first['deletionTimestamp']}, and all objects of its kind with it; finalizers: "
            f"{', '.join(first.get('finalizers') or ['none'])}. Whoever set them takes them away when done: "
            "see that it runs, or do it by hand. Run again when it is gone."
        )
    place = f" (namespace {info['namespace']})" if info["namespace"] else ""
    if info["owner"] == "foreign" and not info["running"]:
        return (
            f"{known.title} is not ours{place}: its kinds are defined, but its controller does not run. It was left as "
            "it is. Start it, or delete its CustomResourceDefinitions so that the platform can bring its own."
        )
    if info["owner"] == "foreign" and _precedes(info["version"], known.oldest):
        return (
            f"{known.title} {info['version']} is not ours{place}, and too old: {known.oldest} is the oldest that the "
            "platform is known to stand on. It was left as it is. Have its owner upgrade it."
        )
    return ""


def _chosen(controllers: Sequence[Object], own_namespaces: frozenset[str]) -> Object | None:
    """Return the controller that counts: where there are several, that of somebody else."""
    return min(controllers, key=lambda item: item["metadata"]["namespace"] in own_namespaces, default=None)


def _precedes(version: str, oldest: str) -> bool:
    """Say whether a version is older than another; one that tells no numbers is not, and nothing precedes none."""
    numbers = _numbers(version)
    return bool(numbers) and numbers < _numbers(oldest)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", version.partition("-")[0])]


def _is_going(metadata: Object) -> bool:
    return bool(metadata.get("deletionTimestamp"))


def _release(definition: Object) -> tuple[str, str]:
    """Return name and namespace of the Helm release that made a definition, empty where none did."""
    annotations = definition.get("annotations") or {}
    return annotations.get("meta.helm.sh/release-name", ""), annotations.get("meta.helm.sh/release-namespace", "")


def _version(controller: Object) -> str:
    """Return the version that the controller's labels or image tell."""
    label = (controller["metadata"].get("labels") or {}).get("app.kubernetes.io/version")
    if label:
        return str(label).lstrip("v")
    image = controller["spec"]["template"]["spec"]["containers"][0].get("image", "")
    found = re.search(r":v?([0-9]+\.[0-9]+[^@:/]*)(@|$)", image)
    return found.group(1) if found else ""


def in_words(found: Mapping[str, Any]) -> str:
    """Return one line on a component, for reports."""
    name = found["title"]
    version = f" {found['version']}" if found["version"] else ""
    if found["owner"] == "absent":
        return f"{name}: not there"
    place = f", in namespace {found['namespace']}" if found.get("namespace") else ""
    if found["owner"] == "ours":
        return f"{name}{version}: ours{place}"
    stopped = "" if found.get("running", True) else ", without a running controller"
    return f"{name}{version}: somebody else's{place}{stopped}, kept as it is"
