# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which objects the options of apply_set ask for; the module itself is tested on an API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import OPERATOR_LABEL
from ansible_collections.maas_billing.platform.plugins.modules.apply_set import OPTIONS, wanted

NOTES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": "team"}}


def params(**given: Any) -> dict[str, Any]:
    """Return the module's parameters as Ansible completes them."""
    return {**{name: option.get("default") for name, option in OPTIONS.items()}, **given}


def named(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{item['kind']} {item['metadata']['name']}" for item in objects]


def test_nothing_asked_for_is_nothing_wanted() -> None:
    assert wanted(params()) == []


def test_objects_files_namespaces_and_parts_of_the_platform_add_up(tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: team}}")
    found = wanted(
        params(
            objects=[NOTES],
            manifests=[str(file)],
            operator_namespaces={"istio-system": "istio"},
            render=["serving", "gateway"],
            intent={"domain": "maas.local"},
        )
    )

    assert named(found) == [
        "ConfigMap notes",
        "Namespace team",
        "Namespace istio-system",
        "Namespace maas-models",
        "Namespace maas-gateway",
        "Gateway maas",
    ]
    assert found[2]["metadata"]["labels"][OPERATOR_LABEL] == "istio"


def test_an_intent_counts_only_for_what_is_rendered() -> None:
    assert wanted(params(objects=[NOTES], intent={"domain": "WRONG"})) == [NOTES]


@pytest.mark.parametrize("intent", [None, {}])
def test_rendering_without_an_intent_says_what_is_missing(intent: Any) -> None:
    with pytest.raises(IntentError, match="maas_domain: is missing"):
        wanted(params(render=["gateway"], intent=intent))
