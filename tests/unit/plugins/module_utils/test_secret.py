# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of Secrets are encoded as the server keeps them, and no refusal repeats one."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ManifestError
from ansible_collections.maas_billing.platform.plugins.module_utils.secret import encoded


@for_all(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.binary()))
def test_texts_are_added_to_the_data_and_win(texts: dict[str, str], raw: dict[str, bytes]) -> None:
    data = {name: base64.b64encode(value).decode() for name, value in raw.items()}
    kept = {name: base64.b64decode(value) for name, value in encoded(data, texts, "Secret team/key").items()}

    assert kept == {**raw, **{name: text.encode() for name, text in texts.items()}}


def test_a_number_is_kept_as_its_text() -> None:
    assert encoded(None, {"pin": 1234}, "Secret team/key") == {"pin": "MTIzNA=="}


@pytest.mark.parametrize(("data", "texts"), [(None, None), ({}, None), (None, {})])
def test_nothing_given_is_nothing_kept(data: Any, texts: Any) -> None:
    assert encoded(data, texts, "Secret team/key") == {}


def test_data_may_be_folded_as_files_often_are() -> None:
    assert encoded({"a": "c2Vj\ncmV0"}, None, "Secret team/key") == {"a": "c2Vj\ncmV0"}


@pytest.mark.parametrize(
    ("data", "texts", "said"),
    [
        ({"a": "hunter2!"}, None, "data.a is not base64; give plain text in stringData."),
        ({"a": "abcd!"}, None, "data.a is not base64; give plain text in stringData."),
        ({"a": 12345}, None, "data.a is not base64; give plain text in stringData."),
        (None, {"a": ["hunter2!"]}, "stringData.a is not a text; quote what is meant as one."),
        (None, {"a": True}, "stringData.a is not a text; quote what is meant as one."),
        ("hunter2!", None, "data is not a mapping of names to texts."),
        (None, ["hunter2!"], "stringData is not a mapping of names to texts."),
    ],
)
def test_a_wrong_value_is_named_by_its_field_and_not_repeated(data: Any, texts: Any, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        encoded(data, texts, "Secret team/key")

    assert str(caught.value).startswith("Secret team/key: ")
    assert str(caught.value).endswith(said)
    assert "hunter2" not in str(caught.value)
