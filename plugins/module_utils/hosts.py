# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names for machines without a DNS server for the domain: lines of a hosts file."""

from __future__ import annotations

import ipaddress
from typing import Any

from .errors import IntentError, Problem
from .intent.platform import Platform
from .intent.schema import shown


def hosts_lines(platform: Platform, address: Any) -> list[str]:
    """Return one line ``<address> <hostname>`` for each model, in the order of ``maas_models``.

    :param address: IPv4 or IPv6 address of the gateway; hosts files know no names there.
    :raises IntentError: when it is not one.
    """
    try:
        ip = ipaddress.ip_address(str(address))
    except ValueError as error:
        raise IntentError([Problem("address", f"{shown(address)} was given", "an IPv4 or IPv6 address")]) from error
    return [f"{ip} {platform.hostname(model)}" for model in platform.models]
