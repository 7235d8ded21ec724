# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tier_policies_info says of the policies it finds."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from ansible_collections.maas_billing.platform.plugins.modules.tier_policies_info import work
from tests.unit.plugins.server import Server

Object = dict[str, Any]

INTENT: Object = {
    "domain": "maas.local",
    "tiers": [{"name": "free", "unlimited": True}],
    "teams": [{"name": "students", "tier": "free"}],
}
PLURALS = {
    "AuthPolicy": "authpolicies",
    "RateLimitPolicy": "ratelimitpolicies",
    "TokenRateLimitPolicy": "tokenratelimitpolicies",
    "TelemetryPolicy": "telemetrypolicies",
}
ENFORCED = [{"type": kind, "status": "True", "reason": kind} for kind in ("Accepted", "Enforced")]


class Module:
    """Stands in for AnsibleModule."""

    def __init__(self, server: Server, **params: str) -> None:
        given = {"gateway_name": "maas", "gateway_namespace": "maas-gateway", **params}
        self.params = {**given, "host": server.url, "api_key": "abc"}


def live(conditions: list[Object] = ENFORCED, **more: Any) -> dict[str, Object]:
    """Return the policies of an inventory as they are on a cluster, by their paths."""
    found = {}
    for item in policy_objects(read_platform({**INTENT, **more})):
        item["metadata"]["generation"] = 1
        item["status"] = {"observedGeneration": 1, "conditions": conditions}
        place = f"/apis/{item['apiVersion']}/namespaces/{item['metadata']['namespace']}"
        found[f"{place}/{PLURALS[item['kind']]}/{item['metadata']['name']}"] = item
    return found


def test_it_says_who_may_do_what(server: Server) -> None:
    server.answers_by_path(live())

    assert work(Module(server)) == {
        "changed": False,
        "access": [
            {"tier": "free", "teams": "students", "models": "all", "requests": "unlimited", "tokens": "unlimited"}
        ],
        "teams": {"students": "free"},
        "table": [
            "TIER  TEAMS     MODELS  REQUESTS PER MODEL  TOKENS PER MODEL",
            "free  students  all     unlimited           unlimited",
        ],
        "enforced": True,
        "not_enforced": [],
    }


def test_it_looks_at_the_gateway_that_is_named(server: Server) -> None:
    server.answers_by_path(live(gateway_name="edge", gateway_namespace="ingress"))

    assert work(Module(server, gateway_name="edge", gateway_namespace="ingress"))["enforced"] is True
    assert work(Module(server))["enforced"] is False


def test_on_a_cluster_without_policies_all_four_are_missing(server: Server) -> None:
    server.answers_by_path({})
    answer = work(Module(server))

    assert (answer["enforced"], answer["access"], answer["teams"]) == (False, [], {})
    assert answer["not_enforced"] == [
        "authpolicies maas-auth: is not there",
        "ratelimitpolicies maas-requests: is not there",
        "tokenratelimitpolicies maas-tokens: is not there",
        "telemetrypolicies maas-usage: is not there",
    ]


@pytest.mark.parametrize("kind", PLURALS)
def test_one_that_is_missing_is_named(server: Server, kind: str) -> None:
    server.answers_by_path({path: item for path, item in live().items() if item["kind"] != kind})
    (missing,) = work(Module(server))["not_enforced"]

    assert missing.startswith(PLURALS[kind])


def test_those_that_are_not_in_force_say_why(server: Server) -> None:
    refused = {"type": "Enforced", "status": "False", "reason": "InvalidCelExpression", "message": "Syntax error"}
    server.answers_by_path(live([ENFORCED[0], refused]))
    answer = work(Module(server))

    assert answer["enforced"] is False
    assert any("InvalidCelExpression" in said for said in answer["not_enforced"])


def test_what_others_wrote_on_the_policy_does_no_harm(server: Server) -> None:
    found = live()
    path = next(path for path in found if "authpolicies" in path)
    annotations = found[path]["metadata"]["annotations"]
    annotations["maas-billing.platform/statement"] = '{"models": [], "tiers": {"free": 5}, "teams": {}}'
    server.answers_by_path(found)

    assert work(Module(server))["access"] == []
