# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects of somebody else under the names of ours, found before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..applyset import Parent
from ..plan import foreign_among, prepare
from .api import Api
from .resources import Resources
from .store import Store

_NO_PATIENCE = 0.0


def strangers(api: Api, sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, str]]:
    """Return every object of these sets that exists and belongs to somebody else, with the set that would hold it.

    Kinds that the cluster does not know yet can have no objects.
    """
    resources = Resources(api)
    resources.load(sorted({str(obj["apiVersion"]) for objects in sets.values() for obj in objects}))
    found = []
    for name, objects in sets.items():
        parent = Parent(name)
        wanted = prepare(objects, parent.set_id)
        live = Store(api, resources, parent, _NO_PATIENCE).strangers(wanted)
        found += [{"set": name, "object": str(key)} for key in foreign_among(wanted, live, parent.set_id, adopt=False)]
    return found
