# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets that hold API keys: one for each key, and on request one for each user to read the keys from.

Authorino reads user and team of a key only when the Secret enters its index; a later change of annotations has no
effect (E34 of the measured facts). So the team is part of the Secret's name: in another team a key is another Secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .cel import KEY_ANNOTATION, TEAM_ANNOTATION, USER_ANNOTATION
from .identity import KEY_LABEL
from .objects import Manifest, manifest

# The field in which Authorino looks for the value.
VALUE_FIELD = "api_key"
# Authorino follows only Secrets with this label; one without may survive its own deletion (S9 of the measured facts).
WATCHED_LABEL = "authorino.kuadrant.io/managed-by"
WATCHED = "authorino"


@dataclass(frozen=True, order=True)
class ApiKey:
    """What names a key: its user, its own name, and the team whose tier it has."""

    user: str
    name: str
    team: str

    @property
    def owner(self) -> tuple[str, str]:
        """User and name: what stays when the user moves to another team."""
        return self.user, self.name

    @cached_property
    def secret_name(self) -> str:
        """A DNS subdomain that differs for each user, name and team."""
        digest = hashlib.sha256("\n".join((self.user, self.team, self.name)).encode()).hexdigest()[:8]
        return f"maas-key-{_slug(self.user)}-{_slug(self.name)}-{digest}"


def key_secret(key: ApiKey, value: str, namespace: str, selected: bool = True) -> Manifest:
    """Return the Secret by which Authorino knows a key.

    It is immutable, so that the server itself refuses a second value under the same name.

    :param selected: whether the gateway's AuthPolicy selects it.
    """
    return manifest(
        "v1",
        "Secret",
        key.secret_name,
        namespace,
        labels={WATCHED_LABEL: WATCHED, KEY_LABEL: "true" if selected else "false"},
        annotations={USER_ANNOTATION: key.user, TEAM_ANNOTATION: key.team, KEY_ANNOTATION: key.name},
        type="Opaque",
        immutable=True,
        stringData={VALUE_FIELD: value},
    )


def delivery_secret(user: str, values: Mapping[str, str], namespace: str) -> Manifest:
    """Return the Secret from which a user's application reads its keys, each in the field of the key's name.

    It has no label that would make it a key itself.
    """
    digest = hashlib.sha256(user.encode()).hexdigest()[:8]
    name = f"maas-keys-{_slug(user)}-{digest}"
    return manifest(
        "v1", "Secret", name, namespace, annotations={USER_ANNOTATION: user}, type="Opaque", stringData=dict(values)
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
