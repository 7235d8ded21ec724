# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Go writes them (``100ms``, ``1m30s``), used by the simulator's flags and by HTTPRoute timeouts."""

from __future__ import annotations

import re

_SECONDS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(" + "|".join(_SECONDS) + ")")


def seconds(text: str) -> float:
    """Return the seconds that ``text`` stands for.

    Raises ValueError when it is no Go duration (a unit is needed on every number but ``0``).
    """
    if text == "0":
        return 0.0
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        total += float(part[1]) * _SECONDS[part[2]]
        end = part.end()
    if not text or end != len(text):
        raise ValueError(f"{text!r} is no duration: write for instance 100ms, 2s or 1m30s")
    return total
