# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All policies of the gateway, in the order in which they close it: first who, then how much; and whose else rule."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..access import STATEMENT_ANNOTATION, statement, written
from ..errors import IntentError, Problem
from ..intent.platform import PREFIX, Platform
from ..plan import Key, key_of
from .identity import auth_policy
from .limits import request_policy, telemetry_policy, token_policy
from .models import predictor_service
from .objects import Manifest

_GATEWAY_API = "gateway.networking.k8s.io"
# An object carries 256 KiB of annotations, and others may want some of it.
_MOST_IN_ANNOTATIONS = 250_000


def policy_objects(platform: Platform) -> list[Manifest]:
    """Return AuthPolicy, RateLimitPolicy, TokenRateLimitPolicy and TelemetryPolicy.

    :raises IntentError: when tiers say more than an object can carry.
    """
    policy = auth_policy(platform)
    # So that a person or the next run can read what holds without decoding expressions.
    policy["metadata"]["annotations"] = {STATEMENT_ANNOTATION: _that_fits(written(statement(platform)))}
    return [policy, request_policy(platform), token_policy(platform), telemetry_policy(platform)]


def _that_fits(said: str) -> str:
    if len(said) > _MOST_IN_ANNOTATIONS:
        given = f"with teams and models {len(said)} characters long when written on the AuthPolicy"
        allowed = f"{_MOST_IN_ANNOTATIONS} characters; a tier that leaves `models` out includes all and takes fewest"
        raise IntentError([Problem(f"{PREFIX}tiers", given, allowed)])
    return said


def ruling_as_well(platform: Platform, policies: Iterable[Manifest], ours: Container[Key]) -> list[str]:
    """Return a sentence for each policy that is not ours and rules our gateway, or the route of one of our models.

    :param policies: those of our policies' kinds, as they are on the cluster; each rules what is in its own namespace.
    """
    ruled = {Key(f"HTTPRoute.{_GATEWAY_API}", platform.models_namespace, model.name) for model in platform.models}
    ruled.add(Key(f"Gateway.{_GATEWAY_API}", platform.gateway_namespace, platform.gateway_name))
    found = ((key_of(policy), _target(policy)) for policy in policies)
    return sorted(
        f"{key} of somebody else rules {target} as well" for key, target in found if key not in ours and target in ruled
    )


def leading_as_well(platform: Platform, routes: Iterable[Manifest]) -> list[str]:
    """Return a sentence for each HTTPRoute that is not ours and leads to one of our models, past all our policies.

    :param routes: those of all namespaces.
    """
    ours = {Key(f"HTTPRoute.{_GATEWAY_API}", platform.models_namespace, model.name) for model in platform.models}
    services = {(platform.models_namespace, predictor_service(model)): model.name for model in platform.models}
    return sorted(
        f"{key_of(route)} of somebody else leads to model {services[service]} as well"
        for route in routes
        if key_of(route) not in ours
        for service in _backends(route) & services.keys()
    )


def _backends(route: Manifest) -> set[tuple[str, str]]:
    """Return namespace and name of each Service to which a route leads."""
    references = [ref for rule in route["spec"].get("rules") or () for ref in rule.get("backendRefs") or ()]
    own = route["metadata"]["namespace"]
    return {(ref.get("namespace", own), ref["name"]) for ref in references if ref.get("kind", "Service") == "Service"}


def _target(policy: Manifest) -> Key:
    reference = (policy.get("spec") or {}).get("targetRef") or {}
    kind = f"{reference.get('kind')}.{reference.get('group')}"
    return Key(kind, policy["metadata"]["namespace"], reference.get("name", ""))
