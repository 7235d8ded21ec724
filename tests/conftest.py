# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets tests import the collection by its full name, started by the Makefile or not."""

from __future__ import annotations

import importlib
from pathlib import Path

_LINK = Path(__file__).resolve().parent.parent / "build/collections/ansible_collections/maas_billing/platform"

# The same link as the Makefile's; pytest's own settings put build/collections on the path.
if not _LINK.exists():
    _LINK.parent.mkdir(parents=True, exist_ok=True)
    _LINK.symlink_to("../../../..", target_is_directory=True)
    importlib.invalidate_caches()
