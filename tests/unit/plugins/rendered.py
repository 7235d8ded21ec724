# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All objects that follow from an inventory."""

from __future__ import annotations

from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.catalogue import RENDERERS
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects

# The module tier_policies renders the policies, apply_set everything else.
PARTS = {**RENDERERS, "policies": policy_objects}


def everything(platform: Platform) -> list[dict[str, Any]]:
    """Return what is there at once; the part ``limiting`` brings Kuadrant's namespace too."""
    return [item for name, render in PARTS.items() if name != "kuadrant_namespace" for item in render(platform)]
