# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which objects the options of apply_set ask for; the module itself is tested on an API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Outcome
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError, IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import OPERATOR_LABEL
from ansible_collections.maas_billing.platform.plugins.modules import apply_set
from ansible_collections.maas_billing.platform.plugins.modules.apply_set import OPTIONS, apply, wanted
from tests.unit.plugins.server import Reply, Request, Server

NOTES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": "team"}}


def params(**given: Any) -> dict[str, Any]:
    """Return the module's parameters as Ansible completes them."""
    return {**{name: option.get("default") for name, option in OPTIONS.items()}, **given}


def named(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']}" for item in objects]


def test_nothing_asked_for_is_nothing_wanted() -> None:
    assert wanted(params(), None) == []


def test_objects_files_namespaces_and_parts_of_the_platform_add_up(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: team}}")
    found = wanted(
        params(
            objects=[NOTES],
            manifests=[str(file)],
            operator_namespaces={"istio-system": "istio"},
            render=["serving", "gateway"],
        ),
        Platform("maas.local"),
    )

    assert named(found) == [
        "ConfigMap notes",
        "Namespace team",
        "Namespace istio-system",
        "Namespace maas-models",
        "Namespace maas-gateway",
        "Gateway maas",
        "EnvoyFilter maas-lower-case-host",
    ]
    assert found[2]["metadata"]["labels"][OPERATOR_LABEL] == "istio"


class Module:
    """Stands in for AnsibleModule; what is wrong with the options is found before a cluster is asked."""

    check_mode = False
    _diff = False

    def __init__(self, **given: Any) -> None:
        self.params = params(host="http://127.0.0.1:1", api_key="abc", **given)


@pytest.mark.parametrize("intent", [None, {}])
def test_rendering_without_an_intent_says_what_is_missing(intent: Any) -> None:
    with pytest.raises(IntentError, match="maas_domain: is missing"):
        apply(Module(render=["gateway"], intent=intent), Parent("tests", "maas-system"))


def test_an_intent_counts_only_for_what_is_rendered(server: Server) -> None:
    sent = []

    def answer(request: Request) -> Reply:
        sent.append(request.method)
        return Reply(403)

    server.answer = answer
    module = Module(objects=[NOTES], intent={"domain": "WRONG"})
    module.params["host"] = server.url

    with pytest.raises(ApiError):
        apply(module, Parent("tests", "maas-system"))
    assert sent


@pytest.mark.parametrize("closed_at_birth", [True, False])
def test_routes_that_nobody_has_proven_are_shut_where_that_is_asked_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, closed_at_birth: bool
) -> None:
    applied: list[dict[str, Any]] = []

    class Sets:
        def __init__(self, *_arguments: Any) -> None:
            """Take what the real one takes."""

        def apply(self, _parent: Parent, objects: list[dict[str, Any]], *_options: bool) -> Outcome:
            applied.extend(objects)
            return Outcome()

    monkeypatch.setattr(apply_set, "Sets", Sets)
    server.answers({"items": []})
    model = {"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}
    intent = {"domain": "maas.local", "models": [model], "simulator_image": "a.b/c:1"}
    module = Module(render=["models"], intent=intent, closed_at_birth=closed_at_birth)
    module.params["host"] = server.url
    answer = apply(module, Parent("models", "maas-system"))
    (rule,) = next(item for item in applied if item["kind"] == "HTTPRoute")["spec"]["rules"]

    assert ("backendRefs" in rule) is not closed_at_birth
    assert answer.get("closed") == (["tiny"] if closed_at_birth else None)
