#!/usr/bin/python
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_info
short_description: Tell what is on a cluster already, and whose it is
version_added: 0.1.0
author:
  - maas_billing.platform contributors (@maas-billing)
description:
  - Checks the inventory first, when O(intent) is given, without talking to the cluster - every value that cannot be
    used is named at once.
  - Then reads the version of the cluster and finds the Gateway API, Istio, cert-manager, KServe and Kuadrant.
    A component is ours when it runs in a namespace that belongs to one of our sets; any other is foreign, and roles
    keep it.
options:
  intent:
    description: What the platform is to be - the C(maas_*) variables of the cluster without their prefix.
    type: dict
  variables:
    description:
      - Names of all variables that begin like those of this collection. One that begins with C(maas_) and is no
        setting of the platform is refused, and one that is almost the name of a role's variable.
    type: list
    elements: str
    default: []
  settings:
    description:
      - Variables of the roles, and the shared ones from which some of their values come, by their whole names. They
        are checked together with the O(intent), before any role begins.
    type: dict
    default: {}
  purpose:
    description:
      - What the run will do. With V(install) and V(verify), the folders that O(settings) name have to be there, and
        with V(install) the place too where keys are handed over.
    type: str
    choices: [install, verify, remove]
  inventory_only:
    description: Check the inventory and do not ask the cluster. RV(platform) is empty then.
    type: bool
    default: false
  leftovers:
    description:
      - Also tell what would stay behind of our components when their Helm releases and namespaces are gone,
        and what is there that needs them. In check mode members of our sets do not count, since a removal would have
        taken them away by then.
    type: bool
    default: false
  strangers:
    description:
      - Also tell which objects that the platform of O(intent) would have exist already and belong to somebody else.
        Only sets without a record are looked at. One that was applied before is safe from others by itself, and refuses
        them when something new is to come into it.
    type: bool
    default: false
  operator_namespaces:
    description:
      - With O(strangers=true), the namespace in which each of cert_manager, istio and kserve would be installed. It
        does not count where the component is there already.
    type: dict
    default: {}
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
"""

EXAMPLES = r"""
- name: See what is there
  maas_billing.platform.platform_info:
    intent:
      domain: maas.local
  register: found

- name: Say it in words
  ansible.builtin.debug:
    var: found.platform.summary
"""

RETURN = r"""
platform:
  description: What was found.
  returned: success
  type: dict
  contains:
    cluster_id:
      description: What tells the cluster from others, the UID of its namespace kube-system.
      type: str
      sample: 0d1f4bd3-5a43-4a8b-9d11-6c2f1f1c2c55
    kubernetes_version:
      description: Version of the API server.
      type: str
      sample: v1.35.4
    distribution:
      description: V(openshift) or V(kubernetes).
      type: str
      sample: kubernetes
    gateway_api:
      description:
        - Owner (absent, ours or foreign), version and channel of the Gateway API definitions, and whether they are too
          old for Istio, Kuadrant and the Gateway of the platform.
      type: dict
      sample: {title: Gateway API, owner: ours, version: v1.4.1, channel: standard, outdated: false}
    monitors:
      description: Whether the kinds by which Prometheus is told what to read are defined.
      type: bool
      sample: false
    recorded:
      description: The sets of the roles that were applied to this cluster.
      type: list
      elements: str
      sample: [gateway, kserve]
    unrecorded:
      description:
        - Namespaces, definitions, models, routes and Secrets of ours whose set has lost its parent, so that nobody
          knows what else belongs to it. Applying the set again mends that.
      type: list
      elements: str
      sample: []
    unfinished:
      description:
        - For each namespace of ours the Helm releases whose last revision was not carried out to its end, or of which
          somebody has deleted the controller or the kinds since then (incomplete).
      type: dict
      sample: {istio-system: {istiod: failed}}
    components:
      description:
        - For each of istio, cert_manager, kserve and kuadrant its owner, version, namespace, whether it runs, and
          whether all its pods are of its present version; what somebody has deleted of one of ours; why the platform
          cannot stand on it as it is, if so; the name of its ClusterServiceVersion where OLM installed it;
          and the variables in its controller that say how Kuadrant behaves.
      type: dict
      sample:
        istio:
          title: Istio
          owner: foreign
          running: true
          rolled_out: true
          namespace: istio-system
          version: 1.29.6
          missing: []
          definitions: []
          obstacle: ""
          package: ""
          settings: {}
    leftovers:
      description:
        - For each component of ours, references to what its removal would leave behind. Only with O(leftovers=true).
      type: dict
      sample: {istio: [{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: istio}}]}
    in_use:
      description: For each component of ours, what is there that needs it. Only with O(leftovers=true).
      type: dict
      sample: {kserve: ["inferenceservices team/llama"]}
    strangers:
      description: Objects in the way of ours, each with the set in which ours would be. Only with O(strangers=true).
      type: list
      elements: dict
      sample: [{set: kserve, object: Namespace maas-models}]
    summary:
      description: The same, a line for each.
      type: list
      elements: str
      sample:
        - Kubernetes v1.35.4 (kubernetes)
        - "Istio 1.29.6: somebody else's, in namespace istio-system, kept as it is"
"""

from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.strangers import strangers
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import (
    Platform,
    read_platform,
    unknown_variables,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.settings import (
    Settings,
    collisions,
    misspelt,
    read_settings,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.module import build, connect, finish
from ansible_collections.maas_billing.platform.plugins.module_utils.places import check_sink, missing_places
from ansible_collections.maas_billing.platform.plugins.module_utils.removal import in_use, leftovers
from ansible_collections.maas_billing.platform.plugins.module_utils.render.catalogue import RENDERERS, sets_of
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects
from ansible_collections.maas_billing.platform.plugins.module_utils.survey import in_words, survey

OPTIONS = {
    "intent": {"type": "dict"},
    "variables": {"type": "list", "elements": "str", "default": []},
    "settings": {"type": "dict", "default": {}},
    "purpose": {"type": "str", "choices": ["install", "verify", "remove"]},
    "inventory_only": {"type": "bool", "default": False},
    "leftovers": {"type": "bool", "default": False},
    "strangers": {"type": "bool", "default": False},
    "operator_namespaces": {"type": "dict", "default": {}},
}


def check(params: dict[str, Any]) -> tuple[Platform | None, Settings]:
    """Return platform and settings, and refuse an inventory of which nothing can be built.

    :raises IntentError: with every value that cannot be used.
    """
    wrong = [*unknown_variables(params["variables"]), *misspelt(params["variables"])]
    settings = read_settings(params["settings"], wrong) or Settings()
    wrong += missing_places(params["settings"], params["purpose"])
    if params["intent"] is None:
        if wrong:
            raise IntentError(wrong)
        return None, settings
    platform = read_platform(params["intent"], wrong)
    if problems := collisions(platform, settings):
        raise IntentError(problems)
    # Only then it is seen that an object would be too large, or that the image of a model is missing.
    for render in (*RENDERERS.values(), policy_objects):
        render(platform)
    return platform, settings


def work(module: Any) -> dict[str, Any]:
    """Check the inventory, survey the cluster, and return what the module says."""
    platform, settings = check(module.params)
    if module.params["inventory_only"]:
        return {"changed": False, "platform": {}}
    api = connect(module)
    if module.params["purpose"] == "install":
        check_sink(api, platform, settings, module.params["settings"])
    found = survey(api)
    if platform and module.params["strangers"]:
        sets = sets_of(platform, found, module.params["operator_namespaces"])
        new = {name: objects for name, objects in sets.items() if name not in found["recorded"]}
        found["strangers"] = strangers(api, new)
    if module.params["leftovers"]:
        found["leftovers"] = leftovers(api, found["components"])
        found["in_use"] = in_use(api, found, ours_goes=module.check_mode)
    found["summary"] = [
        f"Kubernetes {found['kubernetes_version']} ({found['distribution']})",
        *(in_words(item) for item in [found["gateway_api"], *found["components"].values()]),
    ]
    return {"changed": False, "platform": found}


def main() -> None:
    module = build(OPTIONS)
    finish(module, lambda: work(module))


if __name__ == "__main__":
    main()
