# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sets of objects the platform consists of, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ..intent.platform import Platform
from .gateway import gateway_objects
from .limiting import kuadrant_namespace, limiting_objects
from .models import model_objects, serving_objects
from .objects import Manifest, operator_namespace
from .policies import policy_objects

RENDERERS: dict[str, Callable[[Platform], list[Manifest]]] = {
    "gateway": gateway_objects,
    "kuadrant_namespace": kuadrant_namespace,
    "limiting": limiting_objects,
    "serving": serving_objects,
    "models": model_objects,
}

# Which set of the roles an operator's namespace is in.
_SET_OF_OPERATOR = {"cert_manager": "prerequisites", "istio": "gateway", "kserve": "kserve"}


def sets_of(platform: Platform, found: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, list[Manifest]]:
    """Return all that the roles would bring, by set; of API keys and upstream's own objects they know later.

    :param found: what a survey of the cluster returned: a foreign component is kept, and brought no place.
    :param places: the namespace of each operator that the roles install.
    """
    owners = {name: item["owner"] for name, item in found["components"].items()}
    sets = {
        "gateway": gateway_objects(platform),
        "kserve": serving_objects(platform),
        "policies": policy_objects(platform),
        "simulator": model_objects(platform),
    }
    if owners["kuadrant"] != "foreign":
        sets["kuadrant"] = limiting_objects(platform)
    for name, place in places.items():
        if owners[name] != "foreign":
            sets.setdefault(_SET_OF_OPERATOR[name], []).append(operator_namespace(place, name))
    return sets
