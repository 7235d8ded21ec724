# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All policies of the gateway, in the order in which they close it: first who, then how much."""

from __future__ import annotations

from ..access import STATEMENT_ANNOTATION, statement, written
from ..intent.platform import Platform
from .identity import auth_policy
from .limits import request_policy, telemetry_policy, token_policy
from .objects import Manifest


def policy_objects(platform: Platform) -> list[Manifest]:
    """Return AuthPolicy, RateLimitPolicy, TokenRateLimitPolicy and TelemetryPolicy."""
    policy = auth_policy(platform)
    # So that a person or the next run can read what holds without decoding expressions.
    policy["metadata"]["annotations"] = {STATEMENT_ANNOTATION: written(statement(platform))}
    return [policy, request_policy(platform), token_policy(platform), telemetry_policy(platform)]
