# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that the command line expects."""

from __future__ import annotations


class SandboxError(Exception):
    """Something that a user can put right.

    The text says what happened and what to do about it; it is printed as it stands, without a traceback.
    """
