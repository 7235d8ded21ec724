#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apply_set
short_description: Make a cluster hold exactly one named set of objects
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Applies a set of Kubernetes objects server-side, removes members that left the set, and optionally waits until all
    are in force.
  - Follows the ApplySet specification of Kubernetes (KEP-3659), so that any tool can list what belongs to a set.
    The parent is a ConfigMap C(maas-<name>) in O(namespace); members carry its id as a label.
  - A second run that finds everything as wanted reads a few lists and sends nothing.
  - Fields that others add to a member are left alone. Only what they add to the spec of one of Kuadrant's policies
    (AuthPolicy, RateLimitPolicy, TokenRateLimitPolicy, TelemetryPolicy) is taken away, since it may open a door.
  - Objects that exist already and belong to somebody else are refused by name, before anything changes, unless
    O(adopt=true).
  - One run at a time changes a set; a second one waits for the first. A run that was interrupted is completed by the
    next.
options:
  name:
    description: The name of the set, unique in O(namespace).
    type: str
    required: true
  namespace:
    description: Where the set's parent lives. It is created when needed and goes with the last set.
    type: str
    default: maas-system
  state:
    description:
      - With V(present) the cluster holds the set as given.
      - With V(absent) all members are removed in reverse order and waited for.
        What was adopted is released instead. A namespace in which others keep objects stays, and is named in RV(kept).
    type: str
    choices: [present, absent]
    default: present
  objects:
    description: The objects of the set.
    type: list
    elements: dict
    default: []
  manifests:
    description: YAML files, or C(https://) addresses of such, whose objects belong to the set too.
    type: list
    elements: str
    default: []
  render:
    description:
      - Parts of the platform to render from O(intent) into the set. Rendering here instead of in Jinja keeps large
        sets fast.
      - V(gateway) gives the gateway's namespace and the Gateway, V(serving) the namespace of the models,
        V(models) the InferenceService and HTTPRoute of each model, V(limiting) Kuadrant's instance with its namespace,
        and V(kuadrant_namespace) that namespace alone.
    type: list
    elements: str
    choices: [gateway, kuadrant_namespace, limiting, serving, models]
    default: []
  operator_namespaces:
    description:
      - Namespaces to have in the set for operators that are installed there by other means, each with the name of its
        operator. They count as shared.
    type: dict
    default: {}
  intent:
    description:
      - What the platform is to be, for O(render) - the C(maas_*) variables of the cluster without their prefix.
      - Unknown or wrong values are refused, all at once.
    type: dict
  closed_at_birth:
    description:
      - Let the routes of models lead nowhere, except those that lead to their model already. So each new route can be
        seen to ask for a key before anybody reaches a model by it. The names of these models are in RV(closed).
    type: bool
    default: false
  adopt:
    description:
      - Take over wanted objects that exist already. They are released, not deleted, when they leave the set.
      - One that carries the annotation C(maas-billing.platform/offered) with the value V(true) is taken over in any
        case, since its owner offers it.
    type: bool
    default: false
  prune:
    description: Remove members that are no longer in the set. Members that others may use too stay in any case.
    type: bool
    default: true
  remove_shared:
    description:
      - With O(state=absent), remove also what others may use too - definitions of kinds, and what is
        labelled C(maas-billing.platform/shared).
    type: bool
    default: false
  leftovers:
    description:
      - With O(state=absent), references to objects that are no members and are removed with the set all the same,
        such as what an operator of the set made and nobody takes away.
    type: list
    elements: dict
    default: []
    suboptions:
      apiVersion:
        description: The API version of the object.
        type: str
        required: true
      kind:
        description: The kind of the object.
        type: str
        required: true
      metadata:
        description: What names the object.
        type: dict
        required: true
        suboptions:
          name:
            description: The name of the object.
            type: str
            required: true
          namespace:
            description: The namespace of the object, if it has one.
            type: str
  wait:
    description: Wait until every object of the set is in force in its present generation.
    type: bool
    default: false
  wait_timeout:
    description: Seconds that any single wait may take - for readiness, for removal, for another run on the same set.
    type: int
    default: 120
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - maas_billing.platform.attributes
attributes:
  check_mode:
    support: full
    details: A dry run of the server; where a kind or namespace does not exist yet, a creation is predicted, and where
      the login may not change an object, what a comparison with the live one tells.
  diff_mode:
    support: full
    details: Shows fields that really change; never the values of Secrets.
  idempotent:
    support: full
requirements:
  - kubernetes >= 24.2.0
  - jmespath >= 1.0.0
seealso:
  - module: maas_billing.platform.platform_info
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Keep two objects as one set
  maas_billing.platform.apply_set:
    name: notes
    objects:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: notes
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: shopping
          namespace: notes
        data:
          milk: "2"
    wait: true

- name: Render the gateway of the platform
  maas_billing.platform.apply_set:
    name: gateway
    render: [gateway]
    intent:
      domain: maas.local
      gateway_http_port: 8000

- name: Remove the set
  maas_billing.platform.apply_set:
    name: notes
    state: absent
"""

RETURN = r"""
closed:
  description: Models whose routes lead nowhere yet. Only with O(closed_at_birth=true).
  returned: success
  type: list
  elements: str
  sample: [simulator]
changes:
  description: What was done, or in check mode would be done, object by object.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: Kind, namespace and name.
      type: str
      sample: HTTPRoute maas-models/simulator
    action:
      description: One of created, changed, adopted, removed, released.
      type: str
      sample: created
    why:
      description: The reason in words.
      type: str
      sample: it does not exist
kept:
  description: Members that stay though they are not wanted, and why.
  returned: success
  type: list
  elements: dict
  sample:
    - object: Namespace istio-system
      action: kept
      why: others may use it too
not_ready:
  description: Wanted objects that exist and are not in force, and what they say of themselves.
  returned: success
  type: list
  elements: dict
  sample:
    - object: Gateway maas-gateway/maas
      said: "Programmed=False AddressNotAssigned"
unchanged:
  description: How many objects were as wanted.
  returned: success
  type: int
  sample: 12
seconds:
  description: How long the work took, without the start of Python.
  returned: success
  type: float
  sample: 0.21
"""

import time
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import RECORDS, Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.births import shut, unproven
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.sets import Sets
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.manifests import read_manifests
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.render.catalogue import RENDERERS
from ansible_collections.maas_billing.platform.plugins.module_utils.render.objects import operator_namespace
from ansible_collections.maas_billing.platform.plugins.module_utils.report import result

REFERENCE = {
    "apiVersion": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True},
    "metadata": {
        "type": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}},
    },
}
OPTIONS = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": RECORDS},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "objects": {"type": "list", "elements": "dict", "default": []},
    "manifests": {"type": "list", "elements": "str", "default": []},
    "render": {"type": "list", "elements": "str", "choices": list(RENDERERS), "default": []},
    "operator_namespaces": {"type": "dict", "default": {}},
    "intent": {"type": "dict"},
    "closed_at_birth": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
    "prune": {"type": "bool", "default": True},
    "remove_shared": {"type": "bool", "default": False},
    "leftovers": {"type": "list", "elements": "dict", "default": [], "options": REFERENCE},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 120},
}


def fetch(url: str) -> bytes:
    """Read a manifest from the web."""
    from ansible.module_utils.urls import open_url  # It costs more to import than all the rest of the module.

    content: bytes = open_url(url, timeout=60).read()
    return content


def wanted(params: dict[str, Any], platform: Platform | None) -> list[dict[str, Any]]:
    """Return every object that the options ask for."""
    objects = [*params["objects"], *read_manifests(params["manifests"], fetch)]
    objects += [operator_namespace(name, operator) for name, operator in params["operator_namespaces"].items()]
    if platform:
        objects += [obj for part in params["render"] for obj in RENDERERS[part](platform)]
    return objects


def apply(module: Any, parent: Parent) -> dict[str, Any]:
    """Make the cluster hold the set."""
    params = module.params
    platform = read_platform(params["intent"] or {}) if params["render"] else None
    objects = wanted(params, platform)
    api = connect(module)
    closed = unproven(api, platform) if platform and params["closed_at_birth"] else []
    sets = Sets(api, params["wait_timeout"])
    outcome = sets.apply(parent, shut(objects, closed), params["adopt"], params["prune"], module.check_mode)
    if params["wait"] and not module.check_mode:
        sets.wait(outcome)
    return {**result(outcome, module._diff), **({"closed": closed} if params["closed_at_birth"] else {})}


def remove(module: Any, parent: Parent) -> dict[str, Any]:
    """Remove the members of the set."""
    params = module.params
    sets = Sets(connect(module), params["wait_timeout"])
    return result(sets.remove(parent, params["remove_shared"], module.check_mode, params["leftovers"]), module._diff)


def work(module: Any) -> dict[str, Any]:
    """Apply or remove the set and return what the module says."""
    begin = time.monotonic()
    parent = Parent(module.params["name"], module.params["namespace"])
    answer = (apply if module.params["state"] == "present" else remove)(module, parent)
    return {**answer, "seconds": round(time.monotonic() - begin, 3)}


def main() -> None:
    module = build(OPTIONS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
