# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches to make the stand-in misbehave, so that checks can be seen to notice. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

SWITCHES = {
    "enforced-without-enforcing": "statuses say Enforced, requests pass without any policy",
    "late": "seconds until a change takes effect, for instance late=5; statuses do not wait for it",
    "limiter-down": "Limitador is out of reach",
    "limiter-hanging": "Limitador takes calls and does not answer",
    "auth-down": "Authorino is out of reach",
    "auth-hanging": "Authorino takes calls and does not answer",
    "no-load-balancer": "Gateways whose Service is a LoadBalancer get no address",
}


@dataclass(frozen=True)
class Faults:
    """The switches that are on."""

    enforced_without_enforcing: bool = False
    late: float = 0.0
    limiter_down: bool = False
    limiter_hanging: bool = False
    auth_down: bool = False
    auth_hanging: bool = False
    no_load_balancer: bool = False

    def set(self, text: str) -> Faults:
        """Turn on one switch, written ``name`` or ``late=SECONDS``. Raises ValueError with what is allowed."""
        name, separator, value = text.partition("=")
        if name not in SWITCHES or bool(separator) != (name == "late"):
            raise ValueError(f"{text!r} is no switch: {', '.join(SWITCHES).replace('late', 'late=SECONDS')}")
        if name != "late":
            return replace(self, **{_field(name): True})
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= 3600:
            raise ValueError(f"late={value} is no number of seconds from 0 to 3600")
        return replace(self, late=seconds)

    def clear(self, name: str) -> Faults:
        """Turn off one switch. Raises ValueError."""
        if name not in SWITCHES:
            raise ValueError(f"{name!r} is no switch: {', '.join(SWITCHES)}")
        return replace(self, **{_field(name): getattr(Faults(), _field(name))})

    def describe(self) -> Mapping[str, bool | float]:
        """Return every switch with its state."""
        return {name: getattr(self, _field(name)) for name in SWITCHES}


def _field(name: str) -> str:
    return name.replace("-", "_")
