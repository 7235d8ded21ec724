#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_keys
short_description: Make, keep, move and remove the API keys of all users
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Makes the cluster hold exactly the keys that C(users) of O(intent) name - one Secret for each user and key, in
    Kuadrant's namespace, with a value of 48 random URL-safe characters.
  - A value is made once. Every further run reads it from the Secret and keeps it. The Secrets are immutable.
  - A key whose user or name is gone is removed, and is refused by the gateway within a second. So are keys that an
    interrupted verification left.
  - A user who moves to another team keeps the keys. The new Secret is there before the old one goes, so that no request
    is refused meanwhile, as long as the policies know the team in question; see O(before_policies).
  - Secrets that the gateway would take for keys and that were not made here are refused by name, whoever made them; so
    are two Secrets with one value, and values that are too short. Messages never tell a value.
  - No value is ever in a result, a diff, a message or a log. O(sink) is the way to get at them.
options:
  intent:
    description:
      - What the platform is to be - the C(maas_*) variables of the cluster without their prefix. Needed with
        O(state=present).
      - Unknown or wrong values are refused, all at once.
    type: dict
  namespace:
    description: Where the parents of the sets live. It is created when needed and goes with the last set.
    type: str
    default: maas-system
  state:
    description:
      - With V(present) the cluster has the keys of O(intent) and no others of ours.
      - With V(absent) all keys are removed, and what was handed over to Secrets or to O(sink_path) with them.
    type: str
    choices: [present, absent]
    default: present
  before_policies:
    description:
      - Say that M(maas_billing.platform.tier_policies) comes after this. Then the Secret of a user who moves to a team
        that the policies in force do not know yet stays for now, and the key is named in RV(postponed). So the policies
        may forget a team in the same run in which its users leave it, and no request of theirs is refused.
    type: bool
    default: false
  sink:
    description:
      - Where the values of all keys are handed over, new and old ones alike. Keys that are gone are taken out there.
      - V(none) leaves them in Kuadrant's namespace alone.
      - V(file) writes O(sink_path) on the machine where the module runs.
      - V(secret) keeps a Secret for each user in O(sink_namespace), with a field for each key, so that an application
        mounts the keys of its own user and no others. Its name is C(maas-keys-<user>-<hash>), and the annotation
        C(maas-billing.platform/user) names the user. These Secrets go with their users, and with another O(sink).
    type: str
    choices: [none, file, secret]
    default: none
  sink_path:
    description:
      - With O(sink=file), the absolute path of the file. It has a line for each key, a JSON object with C(user),
        C(team), C(key) and C(value), is replaced as a whole and only when keys changed, and has mode 0600.
      - A file with wider rights, a link, and a file with other content are refused. A warning tells when git might
        take the file along.
      - Clusters need a file each; have C(inventory_hostname) in the path.
    type: path
  sink_namespace:
    description: With O(sink=secret), an existing namespace.
    type: str
  wait_timeout:
    description: Seconds that any single wait may take - for removal, for another run on the same set.
    type: int
    default: 120
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - maas_billing.platform.attributes
attributes:
  check_mode:
    support: full
    details: A dry run of the server; neither Secrets nor files are written.
  diff_mode:
    support: full
    details: Says in words who gets, loses or moves which key; never a value.
  idempotent:
    support: full
requirements:
  - kubernetes >= 24.2.0
  - jmespath >= 1.0.0
seealso:
  - module: maas_billing.platform.api_keys_info
  - module: maas_billing.platform.tier_policies
"""

EXAMPLES = r"""
- name: Make the keys of two users and hand them over in a file
  maas_billing.platform.api_keys:
    intent:
      domain: maas.local
      tiers:
        - name: free
          tokens: [{limit: 10000, window: 1m}]
      teams:
        - name: research
          tier: free
      users:
        - name: alice
          team: research
        - name: batch
          team: research
          keys: [nightly, weekly]
    sink: file
    sink_path: ~/maas-api-keys.jsonl

- name: Take all keys away
  maas_billing.platform.api_keys:
    state: absent
    sink: file
    sink_path: ~/maas-api-keys.jsonl
"""

RETURN = r"""
postponed:
  description: Keys that move when the policies know their new team. Only with O(before_policies=true).
  returned: success
  type: list
  elements: str
  sample: ["alice: key laptop"]
effects:
  description: What was done, or in check mode would be done, in words.
  returned: success
  type: list
  elements: str
  sample:
    - "alice: key laptop moves from free-team to research"
    - "bob: gets key default (team research)"
    - "carol: loses key default (team research)"
changes:
  description: The same, Secret by Secret, and what becomes of the file of O(sink_path).
  returned: success
  type: list
  elements: dict
  sample:
    - object: Secret kuadrant-system/maas-key-bob-default-1f0c7d52
      action: created
      why: it does not exist
total:
  description: How many keys there are now.
  returned: success
  type: int
  sample: 12
unchanged:
  description: How many Secrets were as wanted.
  returned: success
  type: int
  sample: 11
seconds:
  description: How long the work took, without the start of Python.
  returned: success
  type: float
  sample: 0.21
"""

import secrets
import time
from collections.abc import Collection, Sequence
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.access import read
from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import RECORDS, Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api, object_path
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.key_secrets import KeySecrets, forget_guests
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Outcome, Sets
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.keys import (
    Decision,
    Values,
    by_user,
    postpone,
    sentences,
    wanted_keys,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.places import check_namespace
from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import auth_policy_name
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey, delivery_secret
from ansible_collections.maas_billing.platform.plugins.module_utils.report import summary
from ansible_collections.maas_billing.platform.plugins.module_utils.sinks import FileSink

OPTIONS = {
    "intent": {"type": "dict"},
    "namespace": {"type": "str", "default": RECORDS},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "before_policies": {"type": "bool", "default": False},
    "sink": {"type": "str", "choices": ["none", "file", "secret"], "default": "none"},
    "sink_path": {"type": "path"},
    "sink_namespace": {"type": "str"},
    "wait_timeout": {"type": "int", "default": 120},
}
CONSTRAINTS = [
    ("state", "present", ["intent"]),
    ("sink", "file", ["sink_path"]),
    ("sink", "secret", ["sink_namespace"]),
]
NOTHING = Decision({}, frozenset(), {}, [])


def generate() -> str:
    """Return a new value: 48 URL-safe characters, 288 random bits."""
    return secrets.token_urlsafe(36)


def conceal(module: Any, decision: Decision) -> None:
    """Have Ansible blank out new values wherever they might turn up while the work goes on."""
    module.no_log_values.update(decision.values[key] for key in decision.generated)


def reveal(module: Any, decision: Decision) -> None:
    """End that: the answer is made of names alone, and Ansible would look for each value in each of its texts.

    With thousands of new keys that takes longer than making them.
    """
    module.no_log_values.difference_update(decision.values[key] for key in decision.generated)


def deliver(sets: Sets, module: Any, values: Values) -> Outcome:
    """Make the Secrets of the sink hold these keys; with another sink there are none."""
    params = module.params
    parent = Parent("api-keys-sink", params["namespace"])
    if params["state"] == "absent":
        return sets.remove(parent, remove_shared=False, check=module.check_mode)
    wanted = by_user(values) if params["sink"] == "secret" else {}
    objects = [delivery_secret(user, keys, params["sink_namespace"]) for user, keys in wanted.items()]
    return sets.apply(parent, objects, adopt=False, prune=True, check=module.check_mode)


def make(module: Any, api: Api, sets: Sets) -> tuple[Decision, Outcome, list[str]]:
    """Bring the keys into the wanted state; return also the names of those that have to wait for the policies."""
    keys = KeySecrets(api, sets, Parent("api-keys", module.params["namespace"]))
    if module.params["state"] == "absent":
        return NOTHING, keys.remove(module.check_mode), []
    platform = read_platform(module.params["intent"] or {})
    # In check mode another task may still prepare it.
    if module.params["sink"] == "secret" and not module.check_mode:
        check_namespace(api, module.params["sink_namespace"], "sink_namespace")
    wanted, place = wanted_keys(platform), platform.kuadrant_namespace

    def choose(wanted: Sequence[ApiKey], members: Sequence[dict[str, Any]]) -> Sequence[ApiKey]:
        return postpone(wanted, members, known) if module.params["before_policies"] else wanted

    known = teams_in_force(api, platform) if module.params["before_policies"] else ()
    decision, outcome = keys.keep(
        wanted, place, generate, lambda decision: conceal(module, decision), module.check_mode, choose
    )
    return decision, outcome, [f"{key.user}: key {key.name}" for key in wanted if key not in decision.values]


def teams_in_force(api: Api, platform: Platform) -> Collection[str]:
    """Return the teams that the live AuthPolicy admits."""
    plural = "/apis/kuadrant.io/v1", "authpolicies"
    policy = api.get(object_path(*plural, platform.gateway_namespace, auth_policy_name(platform)))
    teams: dict[str, str] = read(policy)["teams"]
    return teams


def work(module: Any) -> dict[str, Any]:
    """Make or remove the keys, hand them over, and return what the module says."""
    begin = time.monotonic()
    file = FileSink(module.params["sink_path"]) if module.params["sink"] == "file" else None
    api = connect(module)
    sets = Sets(api, module.params["wait_timeout"])
    decision, kept, postponed = make(module, api, sets)
    delivered = deliver(sets, module, decision.values)
    effects = sentences([change.step for change in kept.changes if change.changed], decision)
    guests = 0 if module.check_mode else forget_guests(api, sets)
    effects += [f"keys that an interrupted verification left: {guests} gone"] if guests else []
    effects += [f"{change.step.key} is {change.step.action.value}" for change in delivered.changes if change.changed]
    written = hand_over(module, file, decision.values) if file is not None else []
    reveal(module, decision)
    outcome = Outcome(kept.changes + delivered.changes)
    answer = result(module, [*effects, *written], outcome, decision, time.monotonic() - begin)
    answer["changes"] += [{"object": "file with the keys", "action": "changed", "why": text} for text in written]
    return {**answer, "postponed": postponed}


def hand_over(module: Any, file: FileSink, values: Values) -> list[str]:
    """Write the file if that changes it; return what is said of it."""
    for text in file.warnings():
        module.warn(text)
    sentence = file.sentence(values)
    if sentence and not module.check_mode:
        file.write(values)
    return [sentence] if sentence else []


def result(module: Any, effects: list[str], outcome: Outcome, decision: Decision, seconds: float) -> dict[str, Any]:
    """Return the module's answer."""
    told = summary(outcome)
    answer: dict[str, Any] = {
        "changed": bool(effects),
        "effects": effects,
        "changes": told["changes"],
        "unchanged": told["unchanged"],
        "total": len(decision.values),
        "seconds": round(seconds, 3),
    }
    if module._diff:
        answer["diff"] = [{"prepared": "".join(f"{line}\n" for line in effects)}] if effects else []
    return answer


def main() -> None:
    module = build(OPTIONS, required_if=CONSTRAINTS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
