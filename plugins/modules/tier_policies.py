#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tier_policies
short_description: Make the gateway admit and limit callers by their team's tier
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Computes the AuthPolicy, RateLimitPolicy, TokenRateLimitPolicy and TelemetryPolicy of the gateway from the tiers,
    teams and models of O(intent), and applies them as one set.
  - Whoever has no valid key is refused with 401; whoever has one, but no tier, or a tier without that model, with 403;
    for anybody else exactly one limit of requests and one of tokens holds.
  - Limits count for each model by itself. One budget over several models cannot be enforced by the gateway.
  - A change of a team's tier changes these policies and no key.
  - What somebody adds to the spec of one of these policies is taken away. Labels and annotations of others stay.
options:
  intent:
    description: What the platform is to be - the C(maas_*) variables of the cluster without their prefix.
    type: dict
  state:
    description:
      - Whether the policies are there. With V(absent) the gateway admits everybody, so that is refused while
        routes lead to models.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description: Take over policies that exist already. They are released, not deleted, when they leave the set.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds that any single wait may take. Policies are waited for when the gateway has a route; without one they
        are never in force.
    type: int
    default: 120
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - maas_billing.platform.attributes
attributes:
  check_mode:
    support: full
    details: A dry run of the server; where a kind or namespace does not exist yet, a creation is predicted.
  diff_mode:
    support: full
    details: Begins with what changes for whom, in words.
  idempotent:
    support: full
requirements:
  - kubernetes >= 24.2.0
  - jmespath >= 1.0.0
seealso:
  - module: maas_billing.platform.tier_policies_info
  - module: maas_billing.platform.api_keys
"""

EXAMPLES = r"""
- name: Admit two teams
  maas_billing.platform.tier_policies:
    intent:
      domain: maas.local
      models:
        - name: simulator
          server: simulator
          allow_unmetered_streams: true
      tiers:
        - name: free
          requests:
            - {limit: 5, window: 2m}
          tokens:
            - {limit: 10000, window: 1m}
        - name: premium
          tokens:
            - {limit: 50000, window: 1m}
            - {limit: 1000000, window: 24h, per: user}
      teams:
        - {name: students, tier: free}
        - {name: research, tier: premium}

- name: Take the policies away
  maas_billing.platform.tier_policies:
    state: absent
"""

RETURN = r"""
access:
  description: Who may do what.
  returned: success
  type: list
  elements: dict
  sample:
    - tier: free
      teams: students
      models: all
      requests: 5 in 2m per user
      tokens: 10000 in 1m per user
effects:
  description: What changes for whom, in words.
  returned: success
  type: list
  elements: str
  sample: ["team research: from tier free to premium; what it used before is forgotten"]
foreign:
  description:
    - Policies of somebody else on the gateway or on the route of a model, which may change who gets in or how much; and
      routes of somebody else to a model, past all policies.
    - They are told and left alone.
  returned: in check mode, unless O(state=absent)
  type: list
  elements: str
  sample: ["AuthPolicy maas-models/side-door of somebody else rules HTTPRoute maas-models/echo as well"]
changes:
  description: What was done, or in check mode would be done, object by object.
  returned: success
  type: list
  elements: dict
  sample:
    - object: AuthPolicy maas-gateway/maas-auth
      action: changed
      why: the inventory changed
kept:
  description: Members that stay though they are not wanted, and why.
  returned: success
  type: list
  elements: dict
  sample: []
not_ready:
  description: Policies that are not in force, and what they say of themselves.
  returned: success
  type: list
  elements: dict
  sample: []
unchanged:
  description: How many policies were as wanted.
  returned: success
  type: int
  sample: 4
seconds:
  description: How long the work took, without the start of Python.
  returned: success
  type: float
  sample: 0.21
"""

import time
from itertools import chain
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.access import (
    access_rows,
    changes_in_words,
    read,
    statement,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.births import leading, unproven
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api, concurrently
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.resources import Resource
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Outcome, Sets
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import OpenModelsError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import (
    leading_as_well,
    policy_objects,
    ruling_as_well,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.report import result

SET = Parent("policies")
OPTIONS = {
    "intent": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "adopt": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 120},
}


def effects(outcome: Outcome, platform: Platform) -> list[str]:
    """Return what changes for whom, by the statement that the live AuthPolicy carried until now."""
    policies = [
        change.step.live for change in outcome.changes if change.step.key.group_kind == "AuthPolicy.kuadrant.io"
    ]
    return changes_in_words(read(policies[0] if policies else None), statement(platform))


def foreign(api: Api, sets: Sets, platform: Platform, outcome: Outcome) -> list[str]:
    """Return what of somebody else rules or leads as ours does; of a kind that is not known yet there is nothing."""
    wanted = [(policy["apiVersion"], policy["kind"]) for policy in policy_objects(platform)]
    kinds = [sets.resources.find(*typed) for typed in [*wanted, ("gateway.networking.k8s.io/v1", "HTTPRoute")]]

    def found(kind: Resource) -> list[dict[str, Any]]:
        typed = {"apiVersion": kind.api_version, "kind": kind.kind}
        return [{**item, **typed} for item in api.list(kind.collection())["items"]]

    objects = list(chain.from_iterable(concurrently(found, [kind for kind in kinds if kind is not None])))
    routes = [item for item in objects if item["kind"] == "HTTPRoute"]
    policies = [item for item in objects if item["kind"] != "HTTPRoute"]
    ours = {change.step.key for change in outcome.changes}
    return ruling_as_well(platform, policies, ours) + leading_as_well(platform, routes)


def apply(module: Any) -> dict[str, Any]:
    """Compute and apply the policies, and wait until they are in force where that can be."""
    platform = read_platform(module.params["intent"] or {})
    api = connect(module)
    sets = Sets(api, module.params["wait_timeout"])
    outcome = sets.apply(SET, policy_objects(platform), module.params["adopt"], True, module.check_mode)
    words = effects(outcome, platform)
    if not module.check_mode and len(unproven(api, platform)) < len(platform.models):
        sets.wait(outcome)
    answer = result(outcome, module._diff)
    if module._diff and words:
        answer["diff"].insert(0, {"prepared": "".join(f"{line}\n" for line in words)})
    if module.check_mode:
        answer["foreign"] = foreign(api, sets, platform, outcome)
    return {**answer, "effects": words, "access": access_rows(statement(platform))}


def remove(module: Any) -> dict[str, Any]:
    """Take the policies away.

    :raises OpenModelsError: while routes lead to models. In check mode another task may take these away before.
    """
    api = connect(module)
    routes = [] if module.check_mode else leading(api)
    if routes:
        raise OpenModelsError(
            f"These routes lead to models: {', '.join(routes)}. Without the policies anybody could use them. Nothing "
            "was changed. Remove the models first; the whole remove playbook does that."
        )
    sets = Sets(api, module.params["wait_timeout"])
    return {**result(sets.remove(SET, False, module.check_mode), module._diff), "effects": [], "access": []}


def work(module: Any) -> dict[str, Any]:
    """Apply or remove the policies and return what the module says."""
    begin = time.monotonic()
    answer = (apply if module.params["state"] == "present" else remove)(module)
    return {**answer, "seconds": round(time.monotonic() - begin, 3)}


def main() -> None:
    module = build(OPTIONS, required_if=[("state", "present", ["intent"])])
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
