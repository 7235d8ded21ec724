# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CEL literals and the expressions that policies share.

The identity filter of the AuthPolicy (render/identity.py) is called ``identity``, so what it computes is read as
``auth.identity.<property>`` by limits and labels; before that, ``auth.identity`` is the Secret of the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

USER_ANNOTATION = "maas-billing.platform/user"
TEAM_ANNOTATION = "maas-billing.platform/team"
KEY_ANNOTATION = "maas-billing.platform/key"

USER = f"auth.identity.metadata.annotations['{USER_ANNOTATION}']"
TEAM = f"auth.identity.metadata.annotations['{TEAM_ANNOTATION}']"
# Clients may write a hostname in any case, and a port behind it.
HOST = "request.host.lowerAscii().split(':')[0]"


def text(value: str) -> str:
    """Return a CEL string literal in single quotes; Kuadrant cannot take double ones in counters."""
    escaped = json.dumps(value, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{escaped}'"


def texts(values: Iterable[str]) -> str:
    """Return a CEL list of strings."""
    return f"[{', '.join(map(text, values))}]"


def mapping(pairs: Mapping[str, str]) -> str:
    """Return a CEL map from string literals to expressions."""
    return f"{{{', '.join(f'{text(key)}: {value}' for key, value in pairs.items())}}}"
