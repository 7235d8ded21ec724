# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All objects that follow from an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.catalogue import RENDERERS
from ansible_collections.maas_billing.platform.plugins.module_utils.render.policies import policy_objects

# The module tier_policies renders the policies, apply_set everything else.
PARTS = {**RENDERERS, "policies": policy_objects}

_VERSIONS = Path(__file__).resolve().parents[3] / "roles/maas/defaults/main/versions.yml"


def versions(kuadrant: str) -> dict[str, Any]:
    """Return all versions as the role gives them, but for that of Kuadrant."""
    found: dict[str, Any] = yaml.safe_load(_VERSIONS.read_text(encoding="utf-8"))["maas_versions"]
    return {**found, "kuadrant_operator": {**found["kuadrant_operator"], "version": kuadrant}}


def everything(platform: Platform) -> list[dict[str, Any]]:
    """Return what is there at once; the part ``limiting`` brings Kuadrant's namespace too."""
    return [item for name, render in PARTS.items() if name != "kuadrant_namespace" for item in render(platform)]
