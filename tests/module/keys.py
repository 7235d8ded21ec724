# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API keys of one test: in namespaces of its own, made and listed by the modules, and seen by somebody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import KEY_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey
from tests.module.conftest import Space
from tests.module.running import Answer, Running

Object = dict[str, Any]
Users = list[Object]

ALICE: Object = {"name": "alice", "team": "free-team", "keys": ["laptop"]}
BOB: Object = {"name": "bob", "team": "free-team"}
MOVED: Object = {**ALICE, "team": "research"}


@dataclass(frozen=True)
class Keys:
    """The keys of one test: in a namespace of its own, in a set of its own."""

    space: Space

    @property
    def place(self) -> str:
        return self.space.home

    def arguments(self, users: Users, **args: Any) -> Answer:
        teams = [{"name": name, "tier": "free"} for name in ("free-team", "research")]
        intent = {
            "domain": "maas.local",
            "kuadrant_namespace": self.place,
            "tiers": [{"name": "free", "unlimited": True}],
            "teams": teams,
            "users": users,
        }
        return {"intent": intent, "namespace": self.space.sets, "wait_timeout": 20, **args}

    def make(self, users: Users, check: bool = False, diff: bool = False, **args: Any) -> Answer:
        """Run the module; it must not fail."""
        answer = self.space.modules.run("api_keys", self.arguments(users, **args), check, diff)
        assert not answer.get("failed"), answer["msg"]
        return answer

    def remove(self, check: bool = False, **args: Any) -> Answer:
        """Run the module to remove all keys; it must not fail."""
        return self.make([], check, state="absent", **args)

    def refused(self, users: Users, check: bool = False, **args: Any) -> str:
        """Run the module, which must fail with one message that tells no value."""
        answer = self.space.modules.run("api_keys", self.arguments(users, **args), check)
        assert answer.get("failed") is True, answer
        assert "exception" not in answer
        assert_hidden(answer, self.values().values())
        return str(answer["msg"])

    def start(self, users: Users, **args: Any) -> Running:
        """Start the module, and do not wait for it."""
        return self.space.modules.start("api_keys", self.arguments(users, **args))

    def info(self, **args: Any) -> Answer:
        """What api_keys_info says."""
        given = {"kuadrant_namespace": self.place, "namespace": self.space.sets, **args}
        answer = self.space.modules.run("api_keys_info", given)
        assert not answer.get("failed"), answer["msg"]
        assert_hidden(answer, self.values().values())
        return answer

    def secrets(self) -> list[Object]:
        """All Secrets that the gateway takes for keys."""
        found = self.space.cluster.list("v1", "Secret", self.place, f"{KEY_LABEL}=true")
        return [{**obj, "apiVersion": "v1", "kind": "Secret"} for obj in found]

    def values(self) -> dict[str, str]:
        """The values by the names of the Secrets."""
        return {obj["metadata"]["name"]: value_of(obj) for obj in self.secrets()}

    def held(self, user: Object, key: str = "") -> Object:
        """The Secret of one key."""
        return self.space.cluster.held(self.like(user, key))

    def like(self, user: Object, key: str = "") -> Object:
        """What names the Secret of one key."""
        name = ApiKey(user["name"], key or user.get("keys", ["default"])[0], user["team"]).secret_name
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.place}}

    @property
    def set_id(self) -> str:
        return Parent("api-keys", self.space.sets).set_id


def value_of(obj: Object) -> str:
    return base64.b64decode((obj.get("data") or {}).get("api_key", "")).decode()


def assert_hidden(answer: Any, values: Iterable[str]) -> None:
    """No value is in it, neither in clear nor as Kubernetes keeps it."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    for value in values:
        assert not value or value not in text
        assert not value or base64.b64encode(value.encode()).decode() not in text
