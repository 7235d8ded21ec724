# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames of the Gateway API. Pure.

A hostname pattern is an exact name, a wildcard (``*.maas.local``, which covers one label or several), or the empty
string for any host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def of_authority(authority: str) -> str:
    """Return the host of a Host header as it is matched: lower case, without the port."""
    host = authority.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def covers(pattern: str, hostname: str) -> bool:
    """Tell whether every host of ``hostname`` (which may be a wildcard itself) is a host of ``pattern``."""
    if pattern in ("", hostname):
        return True
    return pattern.startswith("*.") and hostname.endswith(pattern[1:])


def intersection(one: str, other: str) -> str | None:
    """Return the pattern of the hosts that both patterns cover, or None when there is none."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def best(patterns: Mapping[str, T], host: str) -> T | None:
    """Return the value of the most specific pattern that covers ``host``: exact, longest wildcard, any."""
    if host in patterns:
        return patterns[host]
    dot = host.find(".")
    while dot >= 0:
        wildcard = "*" + host[dot:]
        if wildcard in patterns:
            return patterns[wildcard]
        dot = host.find(".", dot + 1)
    return patterns.get("")
