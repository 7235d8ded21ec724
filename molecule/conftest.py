# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scenarios' tests share: the control host, and a reader of the cluster through kubernetes.core."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any

import pytest
import testinfra

Reader = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def host() -> Any:
    """The machine that runs the playbooks."""
    cluster = os.environ.get("MAAS_CLUSTER") or "sandbox"
    inventory = f"{os.environ['MOLECULE_PROJECT_DIRECTORY']}/inventories/{cluster}"
    return testinfra.get_host(f"ansible://{cluster}?ansible_inventory={inventory}&force_ansible=True")


@pytest.fixture(scope="session")
def objects(host: Any) -> Reader:
    """Return a function that reads objects by apiVersion, kind and, if wanted, namespace and name."""

    def read(api_version: str, kind: str, namespace: str = "", name: str = "") -> list[dict[str, Any]]:
        found = host.ansible(
            "kubernetes.core.k8s_info",
            " ".join(
                [f"api_version={api_version}", f"kind={kind}"]
                + ([f"namespace={namespace}"] if namespace else [])
                + ([f"name={name}"] if name else [])
            ),
            check=False,
        )
        assert "resources" in found, found
        resources: list[dict[str, Any]] = found["resources"]
        return resources

    return read


@pytest.fixture(scope="session")
def gateway(objects: Reader) -> dict[str, Any]:
    """The platform's Gateway as it is."""
    (found,) = objects("gateway.networking.k8s.io/v1", "Gateway", "maas-gateway", "maas")
    return found


@pytest.fixture(scope="session")
def endpoint(gateway: dict[str, Any]) -> tuple[str, int]:
    """Where this machine reaches the gateway."""
    if os.environ.get("MAAS_CLUSTER") == "kind":
        return "127.0.0.1", 8000
    return gateway["status"]["addresses"][0]["value"], gateway["spec"]["listeners"][0]["port"]


@pytest.fixture(scope="session")
def api_key(objects: Reader) -> Callable[[str], str]:
    """Return a function that reads the API key of a user from Kuadrant's namespace."""

    def read(user: str) -> str:
        secrets = objects("v1", "Secret", "kuadrant-system")
        owners = {item["metadata"].get("annotations", {}).get("maas-billing.platform/user"): item for item in secrets}
        return base64.b64decode(owners[user]["data"]["api_key"]).decode()

    return read
