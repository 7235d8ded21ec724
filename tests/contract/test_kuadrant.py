# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compact CRDs of Kuadrant demand what the full ones demand: the same objects are accepted and refused by both.

The full CRDs are in the folder that ``MAAS_UPSTREAM_CRDS`` names, below ``kuadrant-1.5.2``; if it names none, in
``../shared/upstream/crds`` beside the checkout. Without them nothing is compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api, concurrently
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from tests.contract.definitions import MISSING, breaches, changed, messages, paths, renamed, schema_of, walk
from tests.module.cluster import Cluster
from tests.module.conftest import cluster as cluster  # the cluster that MAAS_SANDBOX names
from tests.sandbox import shell as tools
from tests.sandbox.test_compact_crds import differences

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/unit/plugins/golden"
RULES: Object = yaml.safe_load(Path(__file__).with_name("kuadrant_rules.yaml").read_text(encoding="utf-8"))
KINDS = list(RULES)
SUFFIXES = {"compact": "compact.test", "full": "full.test"}


class Definitions:
    """Both definitions of each kind, served side by side in groups of their own."""

    def __init__(self, api: Api, definitions: dict[str, dict[str, Object]]) -> None:
        self._api = api
        self.definitions = definitions

    def refusal(self, which: str, thing: Object) -> str:
        """Return why the server would not have an object, or nothing when it would, by a strict dry run."""
        group, _, version = thing["apiVersion"].partition("/")
        plural = self.definitions[which][thing["kind"]]["spec"]["names"]["plural"]
        sent = {**thing, "apiVersion": f"{group}.{SUFFIXES[which]}/{version}"}
        path = f"/apis/{sent['apiVersion']}/namespaces/default/{plural}"
        try:
            self._api.request("POST", path, {"dryRun": "All", "fieldValidation": "Strict"}, sent)
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            return str(error)
        return ""


@pytest.fixture(scope="module")
def served(cluster: Cluster) -> Iterator[Definitions]:
    found = {"compact": compact(), "full": full()}
    wanted = [renamed(item, SUFFIXES[which]) for which, items in found.items() for item in items.values()]
    for item in wanted:
        cluster.apply(item)
    for item in wanted:
        cluster.wait_for(lambda item=item: established(cluster.held(item)), item["metadata"]["name"])
        group, version = item["spec"]["group"], item["spec"]["versions"][0]["name"]
        path = f"/apis/{group}/{version}/namespaces/default/{item['spec']['names']['plural']}"
        cluster.wait_for(lambda path=path: cluster.request("GET", path) is not None, f"{path} is served")
    yield Definitions(Api(configuration({"kubeconfig": str(cluster.kubeconfig)}, {}), "contract"), found)
    for item in wanted:
        cluster.delete(item)


def compact() -> dict[str, Object]:
    """The definitions of the chart in the bundle, by kind."""
    shell = tools.shell()
    (chart,) = (shell.home.bundle / "charts").glob("kuadrant-operator-*.tgz")
    text = shell.run("helm", "template", "kuadrant-operator", str(chart))
    documents = [item for item in yaml.safe_load_all(text) if item and item["kind"] == "CustomResourceDefinition"]
    return {item["spec"]["names"]["kind"]: item for item in documents}


def full() -> dict[str, Object]:
    """The definitions as upstream publishes them, by kind."""
    folder = Path(os.environ.get("MAAS_UPSTREAM_CRDS") or ROOT.parent / "shared/upstream/crds") / "kuadrant-1.5.2"
    if not folder.is_dir():
        pytest.skip(f"NOT COMPARED with the full CRDs of Kuadrant: there is no {folder}; set MAAS_UPSTREAM_CRDS")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    names = {kind: rules["definition"].split(".", 1) for kind, rules in RULES.items()}
    files = {kind: folder / f"{group}_{plural}.yaml" for kind, (plural, group) in names.items()}
    return {kind: yaml.load(file.read_text(encoding="utf-8"), Loader=loader) for kind, file in files.items()}


def established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def breaking(served: Definitions, kind: str) -> dict[str, Object]:
    """Return an object for each rule of the compact schema that is not in CEL, by the path and name of the rule."""
    found: dict[str, Object] = {}
    for example in RULES[kind]["accepted"]:
        for schema, _, place, path in walk(
            schema_of(served.definitions["compact"][kind]), example["spec"], ("spec",), "spec"
        ):
            for rule, below, value in breaches(schema):
                found.setdefault(f"{path}: {rule}", changed(example, (*place, *below), value))
    return found


def test_every_kind_of_the_chart_is_compared() -> None:
    assert {item["metadata"]["name"] for item in compact().values()} == {
        rules["definition"] for rules in RULES.values()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_both_have_the_same_names_columns_and_types(served: Definitions, kind: str) -> None:
    ours, theirs = (served.definitions[which][kind]["spec"] for which in ("compact", "full"))
    for key in ("group", "names", "scope"):
        assert ours[key] == theirs[key]
    (our_version,), (their_version,) = ours["versions"], theirs["versions"]
    for key in ("name", "served", "storage", "subresources"):
        assert our_version[key] == their_version[key]
    columns = [
        [{name: value for name, value in column.items() if name != "description"} for column in columns]
        for columns in (version.get("additionalPrinterColumns", []) for version in (our_version, their_version))
    ]
    assert columns[0] == columns[1]
    schemas = (version["schema"]["openAPIV3Schema"] for version in (our_version, their_version))
    # Rules in CEL are worded by us; what they refuse is compared below.
    assert [line for line in differences(*schemas) if "x-kubernetes-validations" not in line] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_use_every_field_and_both_accept_them(served: Definitions, kind: str) -> None:
    schema = schema_of(served.definitions["compact"][kind])
    examples = RULES[kind]["accepted"]
    used = {path for item in examples for _, _, _, path in walk(schema, item["spec"], ("spec",), "spec")}

    assert used == paths(schema, "spec")
    assert [(which, said) for which in SUFFIXES for item in examples if (said := served.refusal(which, item))] == []


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_both_accept_what_we_render(served: Definitions, file: Path) -> None:
    _intent, *objects = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ours = [item for item in objects if item["apiVersion"].partition("/")[0].endswith("kuadrant.io")]
    sent = [{**item, "metadata": {**item["metadata"], "namespace": "default"}} for item in ours]

    assert {item["kind"] for item in ours} <= set(KINDS)
    assert [(which, said) for which in SUFFIXES for item in sent if (said := served.refusal(which, item))] == []


@pytest.mark.parametrize("kind", KINDS)
def test_both_refuse_what_breaks_a_rule_of_the_schema(served: Definitions, kind: str) -> None:
    broken = breaking(served, kind)
    assert broken
    for which in SUFFIXES:
        said = concurrently(lambda thing, which=which: served.refusal(which, thing), broken.values())
        accepted = [rule for rule, why in zip(broken, said, strict=True) if not why]
        assert accepted == [], f"the {which} definition accepts what breaks these"


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_in_cel_is_broken_once(served: Definitions, kind: str) -> None:
    assert messages(schema_of(served.definitions["compact"][kind])) == {item["rule"] for item in RULES[kind]["refused"]}


@pytest.mark.parametrize(
    ("kind", "index"), [(kind, index) for kind in KINDS for index in range(len(RULES[kind]["refused"]))]
)
def test_both_refuse_what_breaks_a_rule_in_cel(served: Definitions, kind: str, index: int) -> None:
    entry = RULES[kind]["refused"][index]
    thing = RULES[kind]["accepted"][0]
    for place, value in entry["change"].items():
        thing = changed(thing, tuple(place.split("/")), MISSING if value is None else value)

    assert entry["rule"] in served.refusal("compact", thing)
    assert served.refusal("full", thing)
