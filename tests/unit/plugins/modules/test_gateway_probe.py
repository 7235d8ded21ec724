# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where gateway_probe sends its requests; the module itself is tested on an API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import Answer, Check
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ProbeError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.modules import gateway_probe
from ansible_collections.maas_billing.platform.plugins.modules.gateway_probe import (
    find_gateway,
    further,
    line,
    split,
    verify_access,
)
from tests.unit.plugins.server import Server

PLATFORM = Platform("maas.local", gateway_http_port=8000)
GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces/maas-gateway/gateways/maas"


@pytest.fixture
def api(server: Server) -> Api:
    return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("127.0.0.1", ("127.0.0.1", 8000)),
        ("gateway.example:65535", ("gateway.example", 65535)),
    ],
)
def test_an_address_may_name_a_port_else_it_is_the_gateways(address: str, place: tuple[str, int]) -> None:
    assert split(address, PLATFORM) == place


@pytest.mark.parametrize(
    "address", ["", ":8000", "host:", "host:http", "host:0", "host:65536", "host:-1", "host:²", "::1"]
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ProbeError, match=r"^address: .* was given; allowed: .* such as 127\.0\.0\.1:8080\.$"):
        split(address, PLATFORM)


def test_the_gateway_says_where_it_is(server: Server, api: Api) -> None:
    addresses = [{"type": "IPAddress", "value": "10.0.0.7"}, {"type": "Hostname", "value": "other"}]
    server.answers_by_path({GATEWAY: {"status": {"addresses": addresses}}})

    assert find_gateway(api, PLATFORM) == ("10.0.0.7", 8000)


def test_no_gateway_is_told_by_its_name(server: Server, api: Api) -> None:
    server.answers_by_path({})

    with pytest.raises(ProbeError, match=r"^There is no Gateway maas-gateway/maas: install the platform first\.$"):
        find_gateway(api, PLATFORM)


@pytest.mark.parametrize("status", [{}, {"addresses": []}, {"addresses": None}])
def test_a_gateway_without_an_address_says_why(server: Server, api: Api, status: dict[str, Any]) -> None:
    condition = {"type": "Programmed", "status": "False", "reason": "AddressNotAssigned"}
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "maas"},
        "status": {"conditions": [condition], **status},
    }
    server.answers_by_path({GATEWAY: gateway})

    with pytest.raises(
        ProbeError, match=r"^The Gateway maas has no address yet:\n  Programmed=False AddressNotAssigned"
    ):
        find_gateway(api, PLATFORM)


def test_requests_of_the_operator_become_checks() -> None:
    given = {
        "name": "capitals",
        "host": "TINY.MAAS.LOCAL",
        "path": "/v1/models",
        "method": "GET",
        "headers": {"X-Trace": "7"},
        "body": None,
        "status": 200,
        "holds": "data",
    }

    assert further([given]) == [Check("capitals", "TINY.MAAS.LOCAL", headers=(("X-Trace", "7"),), holds="data")]


def test_an_answer_is_told_with_what_was_asked() -> None:
    answer = Answer(Check("it", "tiny.maas.local", "/health"), 200, "answered 200", True, 0.12345, {"a": 1})

    assert line(answer, 8000) == {
        "name": "it",
        "url": "GET http://tiny.maas.local:8000/health",
        "status": 200,
        "ok": True,
        "said": "answered 200",
        "seconds": 0.123,
        "body": {"a": 1},
    }


class Module:
    """Stands in for AnsibleModule."""

    def __init__(self) -> None:
        self.params = {"timeout": 1, "most_requests": 30}
        self.no_log_values: set[str] = set()


class Cluster:
    """Stands in for the sets of a cluster: remembers the Secrets of guests, and what happened to them in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.secrets: list[dict[str, Any]] = []

        self.resources = None

    def __call__(self, *_arguments: Any) -> Cluster:
        return self

    @contextmanager
    def locked(self, *_arguments: Any) -> Iterator[None]:
        self.events.append("locked")
        yield
        self.events.append("free")

    def apply(self, _parent: Any, objects: list[dict[str, Any]], *_options: bool) -> None:
        self.events.append("made")
        self.secrets = objects

    def remove(self, *_arguments: Any) -> None:
        self.events.append("removed")


class TestVerifyAccess:
    """Keys of guests exist for as long as access is verified."""

    PLATFORM = read_platform(
        {
            "domain": "maas.local",
            "models": [{"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}],
            "tiers": [{"name": "free", "unlimited": True}],
            "teams": [{"name": "students", "tier": "free"}],
        }
    )

    @pytest.fixture
    def cluster(self, monkeypatch: pytest.MonkeyPatch) -> Cluster:
        cluster = Cluster()
        monkeypatch.setattr(gateway_probe, "Sets", cluster)
        monkeypatch.setattr(gateway_probe, "locked", cluster.locked)
        return cluster

    def answers(self, module: Module, send: Any, monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
        monkeypatch.setattr(gateway_probe, "ask_when_known", send)
        return verify_access(module, None, self.PLATFORM, ("127.0.0.1", 8000))

    def test_they_are_there_while_requests_are_sent_and_gone_after(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def send(check: Check, *_where: Any) -> Answer:
            cluster.events.append("asked")
            return Answer(check, check.status, "", True, 0.0)

        found = self.answers(Module(), send, monkeypatch)

        assert cluster.events == ["locked", "made", *["asked"] * 7, "removed", "free"]
        assert all(answer.ok for answer in found)

    def test_they_are_gone_even_where_sending_fails(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        def send(*_arguments: Any) -> Answer:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.answers(Module(), send, monkeypatch)
        assert cluster.events == ["locked", "made", "removed"]

    def test_they_are_secrets_to_ansible_and_unlike_any_others(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = Module()
        sent: list[str] = []

        def send(check: Check, *_where: Any) -> Answer:
            sent.extend(value.partition(" ")[2] for _name, value in check.headers)
            return Answer(check, check.status, "", True, 0.0)

        self.answers(module, send, monkeypatch)
        values = {secret["stringData"]["api_key"] for secret in cluster.secrets}

        # Only the wrong key is in no Secret.
        assert len(values) == 3
        assert len(set(sent) - values) == 1
        assert values <= module.no_log_values
        assert all(len(value) >= 48 for value in values)
        assert {secret["metadata"]["namespace"] for secret in cluster.secrets} == {"kuadrant-system"}
