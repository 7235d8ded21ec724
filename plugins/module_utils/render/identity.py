# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who calls: the AuthPolicy that every request through the gateway has to pass.

Three things hold it together. What the authorization rules test is, to the letter, what the identity filter computes:
a property that cannot be computed would take all limits away. An identity that nothing here knows is refused. And both
refusals have a body: without one an expression that fails cuts the connection.
"""

from __future__ import annotations

import json

from ..intent.platform import Platform
from .cel import HOST, TEAM, USER, mapping, text, texts
from .objects import Manifest, manifest

KEY_LABEL = "maas-billing.platform/api-key"
PREFIXES = ("APIKEY", "Bearer")
_FILTER = "identity"


def auth_policy_name(platform: Platform) -> str:
    """Return the name of the gateway's AuthPolicy, in the namespace of the gateway."""
    return f"{platform.gateway_name}-auth"


def auth_policy(platform: Platform) -> Manifest:
    """Return the AuthPolicy of the gateway: keys in, identity out, everybody else refused."""
    rules: Manifest = {
        "authentication": {f"api-key-{prefix.lower()}": _api_key(prefix) for prefix in PREFIXES},
        "authorization": {
            name: {"patternMatching": {"patterns": [{"predicate": predicate} for predicate in predicates]}}
            for name, predicates in authorization(platform).items()
            if predicates
        },
        "response": {
            "success": {"filters": {_FILTER: {"json": {"properties": _identity(platform)}}}},
            "unauthenticated": _refusal(
                401,
                "A valid API key is needed.",
                "authentication_error",
                "invalid_api_key",
                {"www-authenticate": _challenge()},
            ),
            "unauthorized": _refusal(
                403,
                "This API key does not give access to this model.",
                "permission_error",
                "model_not_admitted",
                {},
            ),
        },
    }
    return manifest(
        "kuadrant.io/v1",
        "AuthPolicy",
        auth_policy_name(platform),
        platform.gateway_namespace,
        spec={"targetRef": gateway_ref(platform), "defaults": {"strategy": "merge", "rules": rules}},
    )


def gateway_ref(platform: Platform) -> Manifest:
    """Return the reference by which a policy is attached to the gateway."""
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": platform.gateway_name}


def tier_of_team(platform: Platform) -> str:
    """Return the CEL expression of the caller's tier."""
    return f"{_tiers(platform)}[{TEAM}]"


def model_of_host(platform: Platform) -> str:
    """Return the CEL expression of the model that is called."""
    return f"{_hosts(platform)}[{HOST}]"


def authorization(platform: Platform) -> dict[str, list[str]]:
    """Return the predicates that a caller with a valid key must meet, by the name of their rule."""
    return {"known-identity": known_identity(platform), "admitted-model": admitted_model(platform)}


def known_identity(platform: Platform) -> list[str]:
    """Return predicates that hold exactly when every property of the identity can be computed."""
    return [f"{USER} != ''", f"{TEAM} in {_tiers(platform)}", f"{HOST} in {_hosts(platform)}"]


def admitted_model(platform: Platform) -> list[str]:
    """Return predicates that hold when the caller's tier includes the called model; none where all tiers have all.

    Tiers without a list of models include all, so only teams of the others are looked up.
    """
    admitted = {tier.name: texts(tier.models) for tier in platform.tiers if tier.models is not None}
    teams = {team.name: text(team.tier) for team in platform.teams if team.tier in admitted}
    if not teams:
        return []
    models = f"{mapping(admitted)}[{mapping(teams)}[{TEAM}]]"
    return [f"!({TEAM} in {mapping(teams)}) || {model_of_host(platform)} in {models}"]


def _tiers(platform: Platform) -> str:
    return mapping({team.name: text(team.tier) for team in platform.teams})


def _hosts(platform: Platform) -> str:
    return mapping({platform.hostname(model): text(model.name) for model in platform.models})


def _identity(platform: Platform) -> Manifest:
    properties = {
        "userid": USER,
        "team": TEAM,
        "tier": tier_of_team(platform),
        "model": model_of_host(platform),
    }
    return {name: {"expression": expression} for name, expression in properties.items()}


def _api_key(prefix: str) -> Manifest:
    """Return the rule for keys behind ``prefix``; only Secrets of Kuadrant's own namespace are keys."""
    return {
        "apiKey": {"allNamespaces": False, "selector": {"matchLabels": {KEY_LABEL: "true"}}},
        "credentials": {"authorizationHeader": {"prefix": prefix}},
    }


def _challenge() -> str:
    return ", ".join(f'{prefix} realm="maas"' for prefix in PREFIXES)


def _refusal(code: int, message: str, kind: str, reason: str, headers: dict[str, str]) -> Manifest:
    """Return a refusal in the shape of OpenAI's errors, which clients know how to show."""
    error = {"message": message, "type": kind, "param": None, "code": reason}
    return {
        "code": code,
        "headers": {name: {"value": value} for name, value in {"content-type": "application/json", **headers}.items()},
        "body": {"value": json.dumps({"error": error})},
    }
