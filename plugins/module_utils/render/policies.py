# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All policies of the gateway, in the order in which they close it: first who, then how much; and whose else rule."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..access import STATEMENT_ANNOTATION, statement, written
from ..intent.platform import Platform
from ..plan import Key, key_of
from .identity import auth_policy
from .limits import request_policy, telemetry_policy, token_policy
from .objects import Manifest


def policy_objects(platform: Platform) -> list[Manifest]:
    """Return AuthPolicy, RateLimitPolicy, TokenRateLimitPolicy and TelemetryPolicy."""
    policy = auth_policy(platform)
    # So that a person or the next run can read what holds without decoding expressions.
    policy["metadata"]["annotations"] = {STATEMENT_ANNOTATION: written(statement(platform))}
    return [policy, request_policy(platform), token_policy(platform), telemetry_policy(platform)]


def ruling_as_well(platform: Platform, policies: Iterable[Manifest], ours: Container[Key]) -> list[str]:
    """Return a sentence for each policy that is not ours and rules our gateway, or the route of one of our models.

    :param policies: those of our policies' kinds, as they are on the cluster; each rules what is in its own namespace.
    """
    api = "gateway.networking.k8s.io"
    ruled = {Key(f"HTTPRoute.{api}", platform.models_namespace, model.name) for model in platform.models}
    ruled.add(Key(f"Gateway.{api}", platform.gateway_namespace, platform.gateway_name))
    found = ((key_of(policy), _target(policy)) for policy in policies)
    return sorted(
        f"{key} of somebody else rules {target} as well" for key, target in found if key not in ours and target in ruled
    )


def _target(policy: Manifest) -> Key:
    reference = (policy.get("spec") or {}).get("targetRef") or {}
    kind = f"{reference.get('kind')}.{reference.get('group')}"
    return Key(kind, policy["metadata"]["namespace"], reference.get("name", ""))
