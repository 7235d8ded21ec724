# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How api_keys makes values and keeps them out of its answers; the module itself is tested on an API server."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.maas_billing.platform.plugins.module_utils.keys import Decision
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey
from ansible_collections.maas_billing.platform.plugins.modules.api_keys import conceal, generate, reveal


def test_values_are_long_url_safe_and_never_the_same() -> None:
    values = {generate() for _number in range(1000)}

    assert len(values) == 1000
    assert {len(value) for value in values} == {48}
    assert all(value.replace("-", "").replace("_", "").isalnum() and value.isascii() for value in values)


def test_new_values_are_blanked_out_while_the_work_goes_on() -> None:
    new, old = ApiKey("alice", "laptop", "free"), ApiKey("bob", "laptop", "free")
    decision = Decision({new: "new-value", old: "old-value"}, frozenset([new]), {}, [])
    module = SimpleNamespace(no_log_values={"password"})

    conceal(module, decision)
    assert module.no_log_values == {"password", "new-value"}
    reveal(module, decision)
    assert module.no_log_values == {"password"}
