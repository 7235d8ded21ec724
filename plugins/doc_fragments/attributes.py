# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How our modules behave in check mode and diff mode, and which action group carries their connection."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the cluster.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in check mode) when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode with the same arguments, the second run makes no change.
  action_group:
    description:
      - Use C(group/maas_billing.platform.maas) in C(module_defaults) to set the connection options of all modules at
        once.
    support: full
    membership:
      - maas_billing.platform.maas
"""
