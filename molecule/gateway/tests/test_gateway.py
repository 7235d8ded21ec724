# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway as others see it."""

from __future__ import annotations

import contextlib
import http.client
from typing import Any


def condition(obj: dict[str, Any], name: str) -> str:
    return next(item["status"] for item in obj["status"]["conditions"] if item["type"] == name)


def test_the_gateway_is_programmed_and_takes_every_name_below_the_domain(gateway: dict[str, Any]) -> None:
    assert condition(gateway, "Accepted") == condition(gateway, "Programmed") == "True"
    assert [listener["hostname"] for listener in gateway["spec"]["listeners"]] == ["*.maas.local"]


def test_istio_runs_in_a_namespace_that_is_ours(objects: Any) -> None:
    (istiod,) = objects("apps/v1", "Deployment", "istio-system", "istiod")
    (namespace,) = objects("v1", "Namespace", name="istio-system")
    assert condition(istiod, "Available") == "True"
    assert "applyset.kubernetes.io/part-of" in namespace["metadata"]["labels"]


def test_the_port_is_open_and_a_name_without_a_model_gives_404(host: Any, endpoint: tuple[str, int]) -> None:
    address, port = endpoint
    assert host.addr(address).port(port).is_reachable
    with contextlib.closing(http.client.HTTPConnection(address, port, timeout=10)) as connection:
        connection.request("GET", "/v1/models", headers={"Host": "nobody.maas.local"})
        assert connection.getresponse().status == 404
