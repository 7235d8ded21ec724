#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_keys_info
short_description: List API keys, whose they are, and what is wrong with them
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Lists the Secrets that the gateway takes for API keys, and those of ours that it does not.
  - Values are read to find those that two Secrets share, and are never returned.
options:
  kuadrant_namespace:
    description: The namespace in which the gateway looks for keys.
    type: str
    default: kuadrant-system
  namespace:
    description: Where the parents of our sets live.
    type: str
    default: maas-system
  user:
    description: Only the keys of this user.
    type: str
  team:
    description: Only the keys of this team.
    type: str
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
seealso:
  - module: maas_billing.platform.api_keys
"""

EXAMPLES = r"""
- name: See all keys of a team
  maas_billing.platform.api_keys_info:
    team: research
  register: found

- name: Stop when some key is not as it should be
  ansible.builtin.assert:
    that: found.problems | length == 0
    fail_msg: "{{ found.problems }}"
"""

RETURN = r"""
api_keys:
  description: The keys, sorted by user and name.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: The user; empty where the Secret does not say.
      type: str
      sample: alice
    team:
      description: The team whose tier the key has; empty where the Secret does not say.
      type: str
      sample: research
    key:
      description: The name of the key; empty where the Secret does not say.
      type: str
      sample: laptop
    secret:
      description: Namespace and name of the Secret.
      type: str
      sample: kuadrant-system/maas-key-alice-laptop-1f0c7d52
    created:
      description: When the Secret was made.
      type: str
      sample: "2026-11-23T05:52:57Z"
    problems:
      description:
        - What is wrong with it, each text beginning with one of foreign, guest, changed, duplicate, unusable,
          unwatched and not selected.
      type: list
      elements: str
      sample: ["duplicate: another Secret has its value"]
problems:
  description: The problems of the listed keys, a line for each.
  returned: success
  type: list
  elements: str
  sample: ["kuadrant-system/hand-made: foreign: nobody made it here"]
"""

from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import RECORDS, Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.key_secrets import seen
from ansible_collections.maas_billing.platform.plugins.module_utils.keys import described
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish

OPTIONS = {
    "kuadrant_namespace": {"type": "str", "default": "kuadrant-system"},
    "namespace": {"type": "str", "default": RECORDS},
    "user": {"type": "str"},
    "team": {"type": "str"},
}


def work(module: Any) -> dict[str, Any]:
    """List the keys and return what the module says."""
    params = module.params
    parent = Parent("api-keys", params["namespace"])
    entries = described(seen(connect(module), parent, params["kuadrant_namespace"]), parent.set_id)
    asked = {name: params[name] for name in ("user", "team") if params[name] is not None}
    shown = [entry for entry in entries if all(entry[name] == value for name, value in asked.items())]
    problems = [f"{entry['secret']}: {text}" for entry in shown for text in entry["problems"]]
    return {"changed": False, "api_keys": shown, "problems": problems}


def main() -> None:
    module = build(OPTIONS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
