# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API server rewrites quantities; the same amount in other words is no change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.quantity import amount, same_value
from tests.unit.plugins.strategies import ANYTHING


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500m", "0.5"),
        ("1000m", "1"),
        (1, "1"),
        (0.25, "250m"),
        ("1024Mi", "1Gi"),
        ("0.5Gi", "512Mi"),
        ("1e3", "1k"),
        ("1E3", "1k"),
        ("1E", "1000P"),
        ("-1", "-1000m"),
        ("1000000u", "1"),
        ("5", "5"),
        (True, True),
    ],
)
def test_the_same_amount_is_the_same_value(one: Any, other: Any) -> None:
    assert same_value(one, other)
    assert same_value(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500m", "0.4"),
        ("1G", "1Gi"),
        ("1k", "1K"),
        ("a", "b"),
        ("1", "one"),
        ("", "0"),
        (None, "0"),
        ([1], "1"),
        ("m", "k"),
        ("1 Gi", "1Gi"),
    ],
)
def test_another_amount_or_no_amount_at_all_is_another_value(one: Any, other: Any) -> None:
    assert not same_value(one, other)
    assert not same_value(other, one)


def test_an_amount_is_exact() -> None:
    assert amount("0.1") == Decimal("0.1")
    assert amount("1.5Gi") == 1610612736


@for_all(st.integers(-(10**12), 10**12), st.sampled_from(["", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_a_thousand_thousandths_are_one(number: int, suffix: str) -> None:
    whole = amount(f"{number}{suffix}")

    assert whole is not None
    assert same_value(f"{int(whole) * 1000}m", f"{number}{suffix}")


@for_all(ANYTHING, ANYTHING)
def test_any_two_values_can_be_compared(one: Any, other: Any) -> None:
    assert same_value(one, other) == same_value(other, one)
