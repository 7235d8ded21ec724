# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing one object while others write to it as well; everything else is tested on an API server."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.resources import Resource
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.store import Store
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from ansible_collections.maas_billing.platform.plugins.module_utils.ownership import MANAGER
from ansible_collections.maas_billing.platform.plugins.module_utils.plan import Action, Step, key_of

Object = dict[str, Any]

WANTED: Object = {
    "apiVersion": "kuadrant.io/v1",
    "kind": "AuthPolicy",
    "metadata": {"name": "auth", "namespace": "gateway"},
    "spec": {"rules": {}},
}
OURS = {"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:rules": {}}}}
THEIRS = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:side": {}}}}


class Api:
    """Stands in for a server on which somebody adds a field again each time before we look, ``stubborn`` times."""

    def __init__(self, stubborn: int, conflict: bool) -> None:
        self.left = stubborn
        self.conflict = conflict
        self.sent: list[str] = []

    def apply(self, _path: str, body: Object, *_options: Any) -> Object:
        self.sent.append("apply")
        self.left -= 1
        fields = [OURS, THEIRS] if self.left >= 0 else [OURS]
        return {**body, "metadata": {**body["metadata"], "managedFields": fields}}

    def replace(self, _path: str, body: Object, *_options: Any) -> Object:
        self.sent.append("replace")
        if self.conflict:
            raise ApiError("another version by now", 409)
        return body


class Kinds:
    """Stands in for the kinds of a server."""

    def find(self, *_kind: str) -> Resource:
        return Resource("/apis/kuadrant.io/v1", "authpolicies", "AuthPolicy", "kuadrant.io", "v1", True)


def written(api: Any, dry_run: bool = False) -> Object:
    kinds: Any = Kinds()
    store = Store(api, kinds, Parent("tested", "sets"), 1)
    return store.write(Step(key_of(WANTED), Action.CHANGE, "", WANTED), dry_run) or {}


@pytest.mark.parametrize("conflict", [False, True])
def test_additions_are_taken_away_until_there_are_none(conflict: bool) -> None:
    api = Api(2, conflict)
    after = written(api)

    assert api.sent == ["apply", "replace", "apply", "replace", "apply"]
    assert after["metadata"]["managedFields"] == [OURS]


def test_a_dry_run_needs_one_round() -> None:
    api = Api(99, conflict=False)
    after = written(api, dry_run=True)

    assert api.sent == ["apply", "replace"]
    assert after["metadata"]["managedFields"] == [OURS]


def test_who_adds_for_ever_is_told_to_stop() -> None:
    with pytest.raises(ApiError, match=r"Somebody adds spec\.side again as often as it is taken away"):
        written(Api(99, conflict=False))
