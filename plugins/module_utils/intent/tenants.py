# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What entries of ``maas_teams`` and ``maas_users`` may say."""

from __future__ import annotations

from dataclasses import dataclass, field

from .rules import ACCOUNT, dns_label
from .schema import ListOf, obeys

# Kuadrant still takes a policy that maps a thousand teams to their tiers within seconds; with five thousand not.
MOST_TEAMS = 1000
MOST_USERS = 100_000


@dataclass(frozen=True)
class Team:
    """A team, and the tier that all its users have."""

    name: str = field(metadata=obeys(ACCOUNT))
    tier: str = field(metadata=obeys(dns_label(40)))


@dataclass(frozen=True)
class User:
    """A user of one team, a person or a program, and the names of the API keys that it has."""

    name: str = field(metadata=obeys(ACCOUNT))
    team: str = field(metadata=obeys(ACCOUNT))
    keys: tuple[str, ...] = field(default=("default",), metadata=obeys(ListOf(dns_label(40), 20)))
