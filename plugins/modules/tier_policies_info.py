#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tier_policies_info
short_description: Tell who may do what on a cluster, and whether it is enforced
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Reads what M(maas_billing.platform.tier_policies) applied, as it is on the cluster now, without the inventory that
    it came from.
options:
  gateway_name:
    description: Name of the Gateway.
    type: str
    default: maas
  gateway_namespace:
    description: Namespace of the Gateway.
    type: str
    default: maas-gateway
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - maas_billing.platform.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
requirements:
  - kubernetes >= 24.2.0
  - jmespath >= 1.0.0
"""

EXAMPLES = r"""
- name: See who may do what
  maas_billing.platform.tier_policies_info:
    gateway_namespace: maas-gateway
  register: found

- name: Show it as a table
  ansible.builtin.debug:
    var: found.table
"""

RETURN = r"""
access:
  description: Who may do what, one entry for each tier and for each model with limits of its own.
  returned: success
  type: list
  elements: dict
  sample:
    - tier: free
      teams: students
      models: all
      requests: 5 in 2m per user
      tokens: 10000 in 1m per user
teams:
  description: The tier of each team.
  returned: success
  type: dict
  sample: {students: free}
table:
  description: The same as RV(access), as lines of a table.
  returned: success
  type: list
  elements: str
  sample:
    - "TIER  TEAMS     MODELS  REQUESTS PER MODEL  TOKENS PER MODEL"
    - "free  students  all     5 in 2m per user    10000 in 1m per user"
enforced:
  description: Whether all four policies are there and in force.
  returned: success
  type: bool
  sample: true
not_enforced:
  description: Policies that are missing or not in force, and what they say of themselves.
  returned: success
  type: list
  elements: str
  sample: []
"""

from functools import partial
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.access import access_rows, read, table
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api, together
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import not_ready

OPTIONS = {
    "gateway_name": {"type": "str", "default": "maas"},
    "gateway_namespace": {"type": "str", "default": "maas-gateway"},
}
POLICIES = (
    ("kuadrant.io/v1", "authpolicies", "auth"),
    ("kuadrant.io/v1", "ratelimitpolicies", "requests"),
    ("kuadrant.io/v1alpha1", "tokenratelimitpolicies", "tokens"),
    ("extensions.kuadrant.io/v1alpha1", "telemetrypolicies", "usage"),
)


def find(api: Api, gateway: str, namespace: str) -> dict[str, dict[str, Any] | None]:
    """Return the four policies by their names; None for one that is missing."""
    paths = [
        f"/apis/{group_version}/namespaces/{namespace}/{plural}/{gateway}-{what}"
        for group_version, plural, what in POLICIES
    ]
    found = together(*(partial(api.get, path) for path in paths))
    names = [f"{plural} {gateway}-{what}" for _group_version, plural, what in POLICIES]
    return dict(zip(names, found))


def work(module: Any) -> dict[str, Any]:
    """Read the policies and return what the module says."""
    policies = find(connect(module), module.params["gateway_name"], module.params["gateway_namespace"])
    said = read(next(iter(policies.values())))
    wrong = [f"{name}: is not there" for name, obj in policies.items() if obj is None]
    wrong += not_ready(obj for obj in policies.values() if obj is not None)
    rows = access_rows(said)
    return {
        "changed": False,
        "access": rows,
        "teams": said["teams"],
        "table": table(rows),
        "enforced": not wrong,
        "not_enforced": wrong,
    }


def main() -> None:
    module = build(OPTIONS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
