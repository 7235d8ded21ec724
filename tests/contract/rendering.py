# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that roles and modules send to a cluster, for inventories that together use every option."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.births import shut
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster import lock
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import Choice
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import (
    ApiKey,
    delivery_secret,
    key_secret,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import operator_namespace
from tests.contract.definitions import Object
from tests.contract.served import LOADER, ROOT, chart_objects, manifest_objects
from tests.unit.plugins.rendered import everything, versions
from tests.unit.plugins.strategies import dns_labels, intents

_DRAWN = 100
# For golden files of parts that need none.
_IMAGE = "registry.example/sim:v1"
_SOME_NAMESPACE = dns_labels(63).filter(lambda name: name not in ("maas-gateway", "maas-models"))
_SIZES = st.fixed_dictionaries({"cpu": st.sampled_from(["100m", "2"]), "memory": st.sampled_from(["1Gi", "64000000"])})
_READ: dict[str, st.SearchStrategy[Any]] = {
    "resources": _SIZES,
    "metrics_namespaces": st.lists(_SOME_NAMESPACE, max_size=3, unique=True),
    "monitors": st.booleans(),
}
_STORES: tuple[dict[str, st.SearchStrategy[Any]], ...] = (
    {"storage": st.just("memory")},
    {"storage": st.just("disk"), "disk_size": st.sampled_from(["1Gi", "500M"]), "storage_class": dns_labels(63)},
    {"storage": st.just("redis"), "redis_secret": dns_labels(63), "replicas": st.integers(1, 20)},
)
_LIMITERS = st.sampled_from(_STORES).flatmap(lambda store: st.fixed_dictionaries(store, optional=_READ))
# What the inventories of the unit tests leave out.
_KUADRANT = st.fixed_dictionaries(
    {"limiter": _LIMITERS},
    optional={
        "versions": st.sampled_from(["1.5.2", "1.5.3"]).map(versions),
        "kuadrant_namespace": dns_labels(50).map("kuadrant-{}".format),
        "authorino_replicas": st.integers(1, 20),
    },
)


def platforms() -> list[Platform]:
    """Return the platforms of the golden files and of many drawn inventories, the same in each run."""
    files = sorted((ROOT / "tests/unit/plugins/golden").glob("*.yaml"))
    written = [next(yaml.load_all(file.read_text(encoding="utf-8"), Loader=LOADER)) for file in files]
    return [read_platform({"simulator_image": _IMAGE, **intent}) for intent in [*written, *_drawn()]]


def _drawn() -> list[Object]:
    found: list[Object] = []

    @settings(
        max_examples=_DRAWN,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(intents(), _KUADRANT)
    def draw(intent: Object, kuadrant: Object) -> None:
        names = {intent.get("gateway_namespace"), intent.get("models_namespace")}
        if kuadrant.get("kuadrant_namespace") not in names - {None}:
            found.append({**intent, **kuadrant})

    draw()
    return found


def rendered(platforms: Iterable[Platform]) -> dict[str, list[Object]]:
    """Return all different objects by their kinds: those of the platforms, and those that no inventory changes."""
    found: dict[str, dict[str, Object]] = defaultdict(dict)
    for item in [*(item for platform in platforms for item in _of(platform)), *_of_modules(), *_of_roles()]:
        found[item["kind"]].setdefault(json.dumps(item, sort_keys=True), item)
    return {kind: list(items.values()) for kind, items in sorted(found.items())}


def _of(platform: Platform) -> Iterator[Object]:
    """Yield what a platform consists of, also as it is while models are still closed, with the keys of its users."""
    objects = everything(platform)
    yield from objects
    yield from shut(objects, [model.name for model in platform.models])
    for user in platform.users:
        values = {name: f"maas_{name}" for name in user.keys}
        yield from (
            key_secret(ApiKey(user.name, name, user.team), value, platform.kuadrant_namespace)
            for name, value in values.items()
        )
        yield delivery_secret(user.name, values, platform.models_namespace)


def _of_modules() -> list[Object]:
    """Return what keeps the books of a set."""
    parent = Parent("contract", "default")
    return [parent.manifest(["HTTPRoute.gateway.networking.k8s.io", "Secret"], ["a", "b"]), lock._lease(parent)]


def _of_roles() -> list[Object]:
    """Return what roles bring beside rendered objects: namespaces of operators, the Gateway API, and one patch."""
    places = [operator_namespace(operator, operator) for operator in ("istio", "cert-manager", "kserve")]
    return [*places, *manifest_objects(), *(_patched(task) for task in written_in_roles())]


def written_in_roles() -> list[Mapping[str, Any]]:
    """Return the arguments of every task that carries an object in its YAML."""
    files = sorted((ROOT / "roles").glob("*/tasks/*.yml"))
    tasks = (item for file in files for item in yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER) or [])
    return [said for task in tasks for said in _carrying(task)]


def _carrying(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("definition"), dict) or isinstance(part.get("objects"), list):
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _carrying(inner)


def _patched(said: Mapping[str, Any]) -> Object:
    """Return the Deployment of the Kuadrant operator with what its role patches, as far as YAML says what."""
    (deployment,) = (
        item
        for item in chart_objects("kuadrant-operator")
        if item["kind"] == said["kind"] and item["metadata"]["name"] == "kuadrant-operator-controller-manager"
    )
    (patch,) = said["definition"]["spec"]["template"]["spec"]["containers"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    # Jinja makes a list of names and values; what it is made of, the tests of the role see.
    changed = {**container, **patch, "env": [{"name": "AUTH_SERVICE_TIMEOUT", "value": "200ms"}]}
    template = deployment["spec"]["template"]
    pod = {**template["spec"], "containers": [changed]}
    return {**deployment, "spec": {**deployment["spec"], "template": {**template, "spec": pod}}}


# -- Which options were used -------------------------------------------------------------------------------------------


def options(record: type, path: str = "") -> Iterator[str]:
    """Yield every option of an inventory, and each word that it can be."""
    for field in dataclasses.fields(record):
        rule, name = field.metadata["rule"], f"{path}{field.name}"
        yield name
        while not isinstance(rule, Choice) and hasattr(rule, "rule"):
            rule = rule.rule
        if isinstance(rule, Choice):
            yield from (f"{name}={word}" for word in rule.choices)
        elif hasattr(rule, "cls"):
            yield from options(rule.cls, f"{name}.")


def used(value: Any, path: str = "") -> Iterator[str]:
    """Yield every option that was given another value than its default, and every word that was used."""
    for field in dataclasses.fields(value):
        given, name = getattr(value, field.name), f"{path}{field.name}"
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if given != default:
            yield name
        for item in given if isinstance(given, tuple) else [given]:
            if dataclasses.is_dataclass(item):
                yield from used(item, f"{name}.")
            elif isinstance(item, str):
                yield f"{name}={item}"
