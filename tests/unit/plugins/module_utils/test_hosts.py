# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of a hosts file."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.hosts import hosts_lines
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform


def platform() -> Platform:
    models = [{"name": "tiny"}, {"name": "big", "subdomain": "large"}]
    same = {"server": "simulator", "allow_unmetered_streams": True}
    return read_platform({"domain": "maas.local", "models": [{**model, **same} for model in models]})


@pytest.mark.parametrize(
    ("address", "written"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("2001:DB8:0::1", "2001:db8::1")]
)
def test_every_model_has_a_line_in_the_order_of_the_inventory(address: str, written: str) -> None:
    assert hosts_lines(platform(), address) == [f"{written} tiny.maas.local", f"{written} large.maas.local"]


@pytest.mark.parametrize("address", ["", "gateway.example", "127.0.0.1:8000", "127.0.0.256", None, 7, ["127.0.0.1"]])
def test_what_is_no_address_is_refused(address: Any) -> None:
    with pytest.raises(IntentError, match=r"- address: .* was given; allowed: an IPv4"):
        hosts_lines(platform(), address)
