# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters that say what is not as it should be; documented in the .yml files beside this one."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.maas_billing.platform.plugins.module_utils.readiness import not_ready
from ansible_collections.maas_billing.platform.plugins.module_utils.releases import release_failures
from ansible_collections.maas_billing.platform.plugins.module_utils.verdicts import junit, table, verdicts


def _on_list(name: str, use: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise AnsibleFilterError(f"{name}: a list is needed, not {value!r}")
        return use(value)

    return apply


def _release_failures(attempts: Any, objects: Any, namespace: str, seconds: Any, hidden: Any = ()) -> list[str]:
    for value in (attempts, objects, hidden):
        if not isinstance(value, (list, tuple)):
            raise AnsibleFilterError(f"release_failures: a list is needed, not {value!r}")
    return release_failures(attempts, objects, namespace, seconds, hidden)


class FilterModule:
    """The verdict filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "not_ready": _on_list("not_ready", not_ready),
            "release_failures": _release_failures,
            "verdicts": _on_list("verdicts", verdicts),
            "verdict_table": _on_list("verdict_table", table),
            "verdict_junit": _on_list("verdict_junit", junit),
        }
