# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EnvoyFilters with Lua: executed, bounded, and without effect when they ask for too much."""

from __future__ import annotations

import time

import pytest

from tests.unit.sandbox import kuadrant_objects as k
from tests.unit.sandbox.kuadrant_cluster import Cluster, Seen


def seen_with(source: str, path: str = "/v1/x", **headers: str) -> Seen:
    """Ask through a gateway with one Lua filter."""
    return Cluster(k.lua_filter(source)).ask("", "QWEN.maas.local", path=path, **headers)


def test_headers_are_read_replaced_added_and_removed() -> None:
    source = """
    function envoy_on_request(handle)
      local h = handle:headers()
      h:replace("x-said", h:get(":method") .. " " .. h:get(":path") .. " " .. h:get(":authority"))
      h:add("x-many", "2")
      h:remove("X-Gone")
      if h:get("x-nothing") == nil then h:replace("x-nil", "yes") end
      h:replace(":path", "/v2/y?z=1")
    end"""
    saw = seen_with(source, **{"X-Many": "1", "X-Gone": "x"}).model_saw
    assert saw is not None
    assert saw["x-said"] == "POST /v1/x QWEN.maas.local"
    assert saw.getall("x-many") == ["1", "2"]
    assert "x-gone" not in saw
    assert saw["x-nil"] == "yes"


def test_a_filter_may_lead_elsewhere() -> None:
    source = 'function envoy_on_request(handle) handle:headers():replace(":authority", "other.example.com") end'
    assert seen_with(source).status == 404


@pytest.mark.parametrize(
    "source",
    [
        "function envoy_on_request(handle) while true do end end",
        "function envoy_on_request(handle) handle:headers():replace('x', string.rep('x', 1e9)) end",
        "while true do end",
        "function envoy_on_request(handle) os.exit(1) end",
        "function envoy_on_request(handle) io.open('/etc/passwd') end",
        "function envoy_on_request(handle) handle:headers():replace('x-half', '1') handle:body() end",
        "function envoy_on_request(handle) handle:headers():replace(':scheme', '1') end",
        "function envoy_on_request(handle) end function envoy_on_response(handle) end",
        "no lua at all",
        "",
    ],
)
def test_what_fails_has_no_effect_and_is_logged(source: str, caplog: pytest.LogCaptureFixture) -> None:
    begin = time.monotonic()
    answer = seen_with(source)
    assert time.monotonic() - begin < 2
    assert answer.status == 200
    assert answer.model_saw is not None
    assert not {"x", "x-half"} & set(answer.model_saw)
    assert "EnvoyFilter maas/lowercase has no effect" in caplog.text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("patch", "operation"), "INSERT_BEFORE"),
        (("applyTo",), "CLUSTER"),
        (("match", "context"), "SIDECAR_INBOUND"),
        (("patch", "value", "typed_config", "@type"), "type.googleapis.com/other"),
    ],
)
def test_other_filters_have_no_effect(path: tuple[str, ...], value: str, caplog: pytest.LogCaptureFixture) -> None:
    thing = k.lua_filter()
    place = thing["spec"]["configPatches"][0]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    cluster = Cluster(thing, k.auth_policy())
    assert cluster.ask("", "QWEN.maas.local").status == 200
    assert "has no effect here" in caplog.text


def test_only_the_gateways_named() -> None:
    thing = k.lua_filter()
    thing["spec"]["targetRefs"] = [{"kind": "Gateway", "name": "other"}]
    assert Cluster(thing, k.auth_policy()).ask("", "QWEN.maas.local").status == 200
    del thing["spec"]["targetRefs"]
    assert Cluster(thing, k.auth_policy()).ask("", "QWEN.maas.local").status == 401
