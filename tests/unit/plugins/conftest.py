# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures that several tests of the plugins use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.plugins.server import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A local HTTP server of the test's own."""
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy this machine uses, the tests' own servers are reached without it."""
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
