# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark uses the cluster of the module tests, and the same way to run modules."""

from __future__ import annotations

from tests.module.conftest import cluster, gateway_api, modules

__all__ = ["cluster", "gateway_api", "modules"]
