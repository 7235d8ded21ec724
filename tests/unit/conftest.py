# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of the property tests, and what tests of plugins and of playbooks share."""

from __future__ import annotations

import socket

import pytest
from hypothesis import HealthCheck, settings

# Machines that run these tests do other things too: how long an example takes says nothing. What has to be fast is
# tested by name.
settings.register_profile("unit", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
