# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Kuadrant behind the stand-in gateway: who may ask, how often, and how it is counted.

It does what was measured on the real components, the unsafe behaviour included, and cites the number of the measured
fact: S1 to S9 are findings, E1 to E44 and T1 to T9 experiments. What a policy uses and is not implemented here makes
that policy ``Enforced=False``, and requests on its path are refused.
"""
