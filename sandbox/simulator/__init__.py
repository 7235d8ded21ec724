# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in simulator: a model server without a model, in place of llm-d-inference-sim 0.10.2.

It takes the flags of that program and speaks the OpenAI protocol; what it does not implement it refuses.
"""
