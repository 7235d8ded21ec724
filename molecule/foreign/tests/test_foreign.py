# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts that somebody else brought: named, used and kept."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

PART_OF = "applyset.kubernetes.io/part-of"


@pytest.mark.parametrize("name", ["cert-manager", "istio-system", "kserve"])
def test_the_namespaces_of_others_are_not_ours(objects: Any, name: str) -> None:
    (namespace,) = objects("v1", "Namespace", name=name)
    assert PART_OF not in namespace["metadata"].get("labels", {})


def test_the_gateway_api_of_others_is_not_ours(objects: Any) -> None:
    kinds = objects("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    routing = [item for item in kinds if item["spec"]["group"] == "gateway.networking.k8s.io"]
    assert routing
    assert not [item["metadata"]["name"] for item in routing if PART_OF in item["metadata"].get("labels", {})]


def test_the_survey_names_them(host: Any) -> None:
    found = host.ansible("maas_billing.platform.platform_info", "", check=False)["platform"]["summary"]
    kept = [line for line in found if "somebody else's" in line and line.endswith("kept as it is")]
    assert len(kept) == 4, found
    assert [line for line in found if line.startswith("Kuadrant") and "ours" in line], found


def test_a_model_answers_to_a_key(endpoint: tuple[str, int], api_key: Callable[[str], str]) -> None:
    address, port = endpoint
    body = json.dumps({"model": "simulator", "messages": [{"role": "user", "content": "Good day!"}]}).encode()
    request = urllib.request.Request(f"http://{address}:{port}/v1/chat/completions", body)
    request.add_header("Host", "simulator.maas.local")
    request.add_header("Authorization", f"Bearer {api_key('carol')}")
    request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        assert json.load(answer)["choices"][0]["message"]["content"]
