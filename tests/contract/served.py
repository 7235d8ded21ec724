# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two definitions of each kind, that of the sandbox's bundle and that of upstream, served side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api, concurrently, object_path
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from sandbox.bundle import CHARTS
from tests.contract.definitions import Object, narrowed
from tests.module.cluster import Cluster
from tests.sandbox import shell as tools

ROOT = Path(__file__).resolve().parents[2]
UPSTREAM = Path(os.environ.get("MAAS_UPSTREAM_CRDS") or ROOT.parent / "shared/upstream/crds")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

BUNDLE, FULL = SIDES = ("bundle", "full")
NAMESPACE = "default"
# The definition of InferenceService alone is a megabyte; a busy machine takes its time to compile it.
_LONGEST_SECONDS = 180.0

# Kinds of the server itself; their definition is part of it.
BUILT_IN = {
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "Lease": "leases",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "Secret": "secrets",
}
_CLUSTER_WIDE = ("CustomResourceDefinition", "Namespace")
# The server answers so, with status 500, when what is applied does not have the types of the schema.
_NOT_OF_ITS_TYPE = "failed to create typed patch object"


class Served:
    """The definitions of one side, in groups of their own."""

    def __init__(self, api: Api, side: str, definitions: dict[str, Object]) -> None:
        self._api = api
        self.side = side
        self.definitions = definitions

    def refusal(self, thing: Object) -> str:
        """Return why the server would not have an object applied, or nothing when it would, by a strict dry run."""
        sent, path = self._addressed(thing)
        try:
            self._api.apply(path, sent, "contract", force=True, dry_run=True)
        except ApiError as error:
            if error.status in (400, 422) or _NOT_OF_ITS_TYPE in str(error):
                return str(error)
            raise
        return ""

    def refusals(self, things: Iterable[Object]) -> list[str]:
        """Return the same for several objects, in their order."""
        return concurrently(self.refusal, things)

    def _addressed(self, thing: Object) -> tuple[Object, str]:
        """Return the object as it is sent to this side, and where."""
        version, kind, name = thing["apiVersion"], thing["kind"], thing["metadata"]["name"]
        if kind in self.definitions:
            group, _, number = version.partition("/")
            spec = self.definitions[kind]["spec"]
            version = f"{group}.{self.side}.test/{number}"
            plural, inside = spec["names"]["plural"], spec["scope"] == "Namespaced"
        else:
            plural, inside = BUILT_IN[kind], kind not in _CLUSTER_WIDE
        metadata = {key: value for key, value in thing["metadata"].items() if key != "namespace"}
        if inside:
            metadata["namespace"] = NAMESPACE
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        path = object_path(prefix, plural, NAMESPACE if inside else None, name)
        return {**thing, "apiVersion": version, "metadata": metadata}, path


def served(
    cluster: Cluster, api: Api, versions: dict[str, str], sides: dict[str, dict[str, Object]]
) -> Iterator[dict[str, Served]]:
    """Serve the definitions of each side, each in the version of its kind, until the generator goes on."""
    wanted = [
        narrowed(found[kind], version, f"{side}.test")
        for side, found in sides.items()
        for kind, version in versions.items()
    ]
    concurrently(cluster.apply, wanted)
    concurrently(lambda item: _wait(cluster, item), wanted)
    yield {side: Served(api, side, found) for side, found in sides.items()}
    concurrently(cluster.delete, wanted)


def _wait(cluster: Cluster, definition: Object) -> None:
    """Wait until the kind of a definition is served."""
    spec = definition["spec"]
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    name = definition["metadata"]["name"]
    cluster.wait_for(lambda: _established(cluster.held(definition)), f"{name} is established", _LONGEST_SECONDS)
    cluster.wait_for(lambda: cluster.request("GET", path) is not None, f"{path} is served", _LONGEST_SECONDS)


def _established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


# -- Where definitions are ---------------------------------------------------------------------------------------------


def of_our_writing() -> list[str]:
    """Return the charts of the bundle that define kinds by templates of our own."""
    templates = CHARTS.glob("*/templates/*.yaml")
    return sorted({file.parts[-3] for file in templates if "\nkind: CustomResourceDefinition" in file.read_text()})


@cache
def chart_objects(chart: str) -> tuple[Object, ...]:
    """Return what a chart of the bundle renders with its own values."""
    shell = tools.shell()
    (path,) = (shell.home.bundle / "charts").glob(f"{chart}-[v0-9]*.tgz")
    return tuple(_objects(shell.run("helm", "template", chart, str(path))))


@cache
def manifest_objects() -> tuple[Object, ...]:
    """Return what the manifests of the bundle hold: the Gateway API."""
    files = sorted((tools.shell().home.bundle / "manifests").glob("*.yaml"))
    return tuple(item for file in files for item in _objects(file.read_text(encoding="utf-8")))


def in_the_bundle() -> dict[str, Object]:
    """Return the definitions with which the sandbox works, by their names."""
    charts = [*of_our_writing(), "base"]
    return _named([*manifest_objects(), *(item for chart in charts for item in chart_objects(chart))])


def of_upstream(folder: str) -> dict[str, Object]:
    """Return the definitions as upstream publishes them, by their names."""
    files = sorted((UPSTREAM / folder).glob("*.yaml"))
    return _named(item for file in files for item in _objects(file.read_text(encoding="utf-8")))


def _objects(text: str) -> list[Object]:
    return [item for item in yaml.load_all(text, Loader=LOADER) if item]


def _named(items: Iterable[Object]) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in items if item["kind"] == "CustomResourceDefinition"}
