# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters that turn the inventory into subdomains, routes and names; documented in the .yml file beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import MaasError
from ansible_collections.maas_billing.platform.plugins.module_utils.hosts import hosts_lines
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.models import Model
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.render.gateway import gateway
from ansible_collections.maas_billing.platform.plugins.module_utils.render.models import model_route

# What names other models than the one that is given, and says nothing about routing.
_NAMING_MODELS = ("tiers", "teams", "users")


def _platform(name: str, intent: Any) -> Platform:
    if not isinstance(intent, Mapping):
        raise AnsibleFilterError(f"{name}: a mapping such as {{'domain': 'maas.local'}} is needed, not {intent!r}")
    try:
        return read_platform(intent)
    except MaasError as error:
        raise AnsibleFilterError(f"{name}: {error}") from error


def _for_model(name: str, use: Callable[[Platform, Model], Any]) -> Callable[[Any, Any], Any]:
    """Return a filter on one entry of maas_models that is given the rest of the intent as its argument."""

    def apply(model: Any, intent: Any) -> Any:
        if not isinstance(intent, Mapping):
            raise AnsibleFilterError(f"{name}: a mapping such as {{'domain': 'maas.local'}} is needed, not {intent!r}")
        rest = {key: value for key, value in intent.items() if key not in _NAMING_MODELS}
        platform = _platform(name, {**rest, "models": [model]})
        return use(platform, platform.models[0])

    return apply


def model_gateway(intent: Any) -> Any:
    """Return the Gateway for an intent."""
    return gateway(_platform("model_gateway", intent))


def hosts_entries(intent: Any, address: Any) -> list[str]:
    """Return the lines that a hosts file needs to find every model at ``address``."""
    try:
        return hosts_lines(_platform("hosts_entries", intent), address)
    except MaasError as error:
        raise AnsibleFilterError(f"hosts_entries: {error}") from error


class FilterModule:
    """The routing filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "model_hostname": _for_model("model_hostname", Platform.hostname),
            "model_route": _for_model("model_route", model_route),
            "model_gateway": model_gateway,
            "hosts_entries": hosts_entries,
        }
