# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which policies of somebody else rule the gateway or a route as well; what ours say is tested where they are made."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import key_of
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import (
    leading_as_well,
    policy_objects,
    ruling_as_well,
)

Object = dict[str, Any]

PLATFORM = read_platform(
    {
        "domain": "maas.local",
        "gateway_name": "front",
        "gateway_namespace": "edge",
        "models_namespace": "models",
        "models": [{"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}],
    }
)
OURS = policy_objects(PLATFORM)
GATEWAY_API = "gateway.networking.k8s.io"


def policy(namespace: str, kind: str, name: str, group: str = GATEWAY_API, **more: str) -> Object:
    """Return an AuthPolicy ``side`` in a namespace for a target there."""
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "AuthPolicy",
        "metadata": {"name": "side", "namespace": namespace},
        "spec": {"targetRef": {"group": group, "kind": kind, "name": name, **more}},
    }


def said(*policies: Object) -> list[str]:
    return ruling_as_well(PLATFORM, [*policies, *OURS], {key_of(item) for item in OURS})


def test_what_an_object_cannot_carry_is_refused_with_its_size() -> None:
    models = [f"a-model-with-a-long-name-{number}" for number in range(999)]
    listing = [{"name": f"t{number}", "models": models, "unlimited": True} for number in range(10)]
    intent: Object = {
        "domain": "maas.local",
        "models": [{"name": name, "server": "simulator", "allow_unmetered_streams": True} for name in models],
    }

    assert policy_objects(read_platform({**intent, "tiers": listing[:7]}))
    with pytest.raises(IntentError, match=r"- maas_tiers: .* characters long .*; allowed: 250000 characters"):
        policy_objects(read_platform({**intent, "tiers": listing}))


def test_our_own_policies_are_nobody_elses() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("given", "target"),
    [
        (policy("edge", "Gateway", "front"), "Gateway edge/front"),
        (policy("edge", "Gateway", "front", sectionName="http"), "Gateway edge/front"),
        (policy("models", "HTTPRoute", "tiny"), "HTTPRoute models/tiny"),
    ],
)
def test_who_else_rules_the_gateway_or_the_route_of_a_model_is_told(given: Object, target: str) -> None:
    place = given["metadata"]["namespace"]

    assert said(given) == [f"AuthPolicy {place}/side of somebody else rules {target} as well"]


@pytest.mark.parametrize(
    "given",
    [
        policy("edge", "Gateway", "other"),
        policy("models", "Gateway", "front"),
        policy("models", "HTTPRoute", "their-own"),
        policy("edge", "HTTPRoute", "tiny"),
        policy("models", "HTTPRoute", "tiny", group="example.org"),
        {**policy("edge", "Gateway", "front"), "spec": {}},
    ],
)
def test_policies_of_others_for_what_is_not_ours_are_their_business(given: Object) -> None:
    assert said(given) == []


def route(namespace: str, name: str, *backends: Object) -> Object:
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"rules": [{"backendRefs": list(backends)}]},
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (route("models", "tiny", {"name": "tiny-predictor"}), False),
        (route("models", "side", {"name": "tiny-predictor"}), True),
        (route("models", "side", {"name": "else"}, {"name": "tiny-predictor", "kind": "Service", "port": 80}), True),
        (route("theirs", "side", {"name": "tiny-predictor", "namespace": "models"}), True),
        (route("theirs", "side", {"name": "tiny-predictor"}), False),
        (route("models", "side", {"name": "tiny-predictor", "kind": "InferencePool"}), False),
        (route("models", "side"), False),
        ({**route("models", "side"), "spec": {}}, False),
    ],
)
def test_a_route_of_somebody_else_to_one_of_our_models_is_told(given: Object, told: bool) -> None:
    place = "/".join(given["metadata"][part] for part in ("namespace", "name"))

    assert (
        leading_as_well(PLATFORM, [given]) == [f"HTTPRoute {place} of somebody else leads to model tiny as well"] * told
    )
