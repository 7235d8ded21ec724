# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorino's index of key Secrets: which change takes effect when. Pure.

An index is filled from all Secrets when its AuthConfig is built, and from then on follows events. Events tell only of
Secrets with the managed-by label. Everything odd comes from these two ways:

* a Secret without that label works if it was there when the index was built, and survives its own deletion (S9); made
  later it is not seen (E35);
* an event about a Secret with the same key value changes nothing, so new annotations are not seen (E34), unless the
  Secret left the index in between or its value changed as well;
* two Secrets with one value share one place: the last one wins, and takes the place with it when it goes (E37, T6).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver import Key, Object, key_of
from sandbox.gateway.attachment import selects

MANAGED_BY = ("authorino.kuadrant.io/managed-by", "authorino")
Secrets = Mapping[Key, Object]


def value_of(secret: Object) -> str | None:
    """Return the API key in a Secret (data key ``api_key``, section 5); None when it holds none."""
    encoded = (secret.get("data") or {}).get("api_key")
    try:
        return base64.b64decode(encoded).decode() if encoded else None
    except (binascii.Error, ValueError):
        return None


@dataclass(frozen=True)
class Change:
    """A Secret before and after; None when it was not there."""

    before: Object | None
    after: Object | None


def changes(before: Secrets, after: Secrets) -> list[Change]:
    """Compare two snapshots; a Secret that was deleted and made again gives two changes."""
    found = []
    for key in [*(key for key in before if key not in after), *after]:
        old, new = before.get(key), after.get(key)
        if old is new or (old and new and _version(old) == _version(new)):
            continue
        if old and new and old["metadata"].get("uid") != new["metadata"].get("uid"):
            found += [Change(old, None), Change(None, new)]
        else:
            found.append(Change(old, new))
    return found


def _version(secret: Object) -> Any:
    return secret["metadata"].get("resourceVersion")


@dataclass(frozen=True)
class Scope:
    """Which Secrets an evaluator takes: a label selector, in one namespace or (empty) in all."""

    selector: Mapping[str, Any]
    namespace: str

    def takes(self, secret: Object) -> bool:
        """Tell whether a Secret is one of these (E5: not one of another namespace)."""
        meta = secret["metadata"]
        return self.namespace in ("", meta["namespace"]) and selects(self.selector, meta.get("labels") or {})


class Index:
    """The keys of one evaluator of one AuthConfig, by value."""

    def __init__(self, scope: Scope, secrets: Iterable[Object]) -> None:
        self.scope = scope
        self._by_value: dict[str, Object] = {}
        self._values: dict[Key, str] = {}
        for secret in sorted(secrets, key=lambda secret: secret["metadata"].get("creationTimestamp", "")):
            if scope.takes(secret):
                self._put(secret)

    def find(self, value: str) -> Object | None:
        """Return the Secret that holds this key, as it was when it entered the index."""
        return self._by_value.get(value)

    def follow(self, change: Change) -> None:
        """Take an event over. What has no managed-by label is not seen, losing it is seen as a deletion (E33)."""
        if change.after is not None and _managed(change.after):
            if self.scope.takes(change.after):
                self._put(change.after)
            else:
                self._remove(key_of(change.after))
        elif change.before is not None and _managed(change.before):
            self._remove(key_of(change.before))

    def _put(self, secret: Object) -> None:
        key, value = key_of(secret), value_of(secret)
        former = self._values.get(key)
        if value is None or value == former:
            return
        if former is not None:
            del self._by_value[former]
        if value in self._by_value:
            del self._values[key_of(self._by_value[value])]
        self._by_value[value], self._values[key] = secret, value

    def _remove(self, key: Key) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            del self._by_value[value]


def _managed(secret: Object) -> bool:
    labels = secret["metadata"].get("labels") or {}
    return bool(labels.get(MANAGED_BY[0]) == MANAGED_BY[1])
