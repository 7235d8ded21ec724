# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CEL literals hold what was put in, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.render.cel import HOST, mapping, text, texts
from tests.unit.plugins.cel_engine import value

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", "'", '"', "\\", "\\'", "\\\\'", '\\"', "a\nb\tc\rd\0e", "{'a'}", "\\u0041", "é", "😀", "\u2028\x7f"]
)


@for_all(TEXTS)
def test_a_text_is_itself_in_single_quotes(given: str) -> None:
    literal = text(given)

    assert value(literal) == given
    assert literal.startswith("'")
    assert literal.endswith("'")
    assert "\n" not in literal


@for_all(st.lists(TEXTS, max_size=5))
def test_a_list_holds_its_texts(given: list[str]) -> None:
    assert value(texts(given)) == given


@for_all(st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_a_map_holds_its_pairs(given: dict[str, str]) -> None:
    assert value(mapping({key: text(item) for key, item in given.items()})) == given


@pytest.mark.parametrize(
    "host", ["simulator.maas.local", "SIMULATOR.maas.local", "Simulator.Maas.Local:8000", "simulator.maas.local:80"]
)
def test_a_host_is_known_in_any_case_and_with_any_port(host: str) -> None:
    assert value(HOST, request={"host": host}) == "simulator.maas.local"
