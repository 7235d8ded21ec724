# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of a Secret. They are checked here, because the API server repeats a wrong one in its refusal."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .errors import ManifestError


def encoded(data: Any, texts: Any, name: str) -> dict[str, str]:
    """Return ``data`` with ``texts`` (``stringData``) encoded into it, which is all that the server keeps.

    :param name: what messages call the Secret.
    :raises ManifestError: naming the field, never its value.
    """
    values = {**_mapping(data, f"{name}: data")}
    for key, value in values.items():
        if not isinstance(value, str) or not _is_base64(value):
            raise ManifestError(f"{name}: data.{key} is not base64; give plain text in stringData.")
    for key, text in _mapping(texts, f"{name}: stringData").items():
        if isinstance(text, bool) or not isinstance(text, (str, int)):
            raise ManifestError(f"{name}: stringData.{key} is not a text; quote what is meant as one.")
        values[key] = base64.b64encode(str(text).encode()).decode()
    return values


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value or {}, dict):
        raise ManifestError(f"{path} is not a mapping of names to texts.")
    return value or {}


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
