# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubeconfig that is read without the Kubernetes client means what that client says it means."""

from __future__ import annotations

import base64
import copy
import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes import config as loader

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.kubeconfig import Connection, read_plain

Object = dict[str, Any]

CERTIFICATE, KEY, AUTHORITY = b"certificate", b"key", b"authority"
CLUSTER: Object = {"server": "https://blue.example:6443/"}
DATA = base64.b64encode(AUTHORITY).decode()
USER: Object = {
    "client-certificate-data": base64.b64encode(CERTIFICATE).decode(),
    "client-key-data": base64.b64encode(KEY).decode(),
}


def kubeconfig(cluster: Object, user: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "blue",
        "clusters": [
            {"name": "red", "cluster": {"server": "https://red.example"}},
            {"name": "blue", "cluster": cluster},
        ],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("red", "blue")],
    }


def meaning(connection: Any) -> Object:
    """What a connection says, with the content of its files instead of their names."""
    files = {name: getattr(connection, name) for name in ("ssl_ca_cert", "cert_file", "key_file")}
    return {
        "host": connection.host,
        "verify_ssl": connection.verify_ssl,
        "tls_server_name": connection.tls_server_name,
        "login": {name: item["value"] for name, item in connection.auth_settings().items()},
        **{name: path and Path(path).read_bytes() for name, path in files.items()},
    }


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        (CLUSTER, USER),
        ({**CLUSTER, "certificate-authority-data": DATA}, USER),
        ({**CLUSTER, "certificate-authority": "authority.pem"}, {"client-certificate": "a.pem", "client-key": "b.pem"}),
        ({**CLUSTER, "certificate-authority": "nowhere.pem", "certificate-authority-data": DATA}, {"token": "abc"}),
        ({**CLUSTER, "insecure-skip-tls-verify": True}, {"token": "abc"}),
        ({**CLUSTER, "insecure-skip-tls-verify": False, "tls-server-name": "other.example"}, {"token": "abc", **USER}),
        ({**CLUSTER, "extensions": [{"name": "a"}]}, {}),
        ({"server": "http://blue.example"}, {"token": "abc"}),
    ],
)
@pytest.mark.parametrize("context", [None, "red"])
def test_it_means_what_the_client_says(tmp_path: Path, cluster: Object, user: Object, context: str | None) -> None:
    for name, content in (("authority.pem", AUTHORITY), ("a.pem", CERTIFICATE), ("b.pem", KEY)):
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig(cluster, user)), encoding="utf-8")
    theirs = client.Configuration()
    loader.load_kube_config(str(path), context, theirs, persist_config=False)
    ours = read_plain(kubeconfig(cluster, user), context, str(tmp_path))

    assert ours is not None
    if not hasattr(theirs, "tls_server_name"):  # The oldest client that we accept knows nothing of it.
        theirs.tls_server_name = ours.tls_server_name
    assert meaning(ours) == meaning(theirs)


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({**CLUSTER, "proxy-url": "http://proxy.example"}, USER),
        ({**CLUSTER, "certificate-authority": "nowhere.pem"}, USER),
        ({**CLUSTER, "certificate-authority-data": "no base64"}, USER),
        ({}, USER),
        (CLUSTER, {"exec": {"command": "login"}}),
        (CLUSTER, {"auth-provider": {"name": "oidc"}}),
        (CLUSTER, {"tokenFile": "token"}),
        (CLUSTER, {"username": "me", "password": "secret"}),
        (CLUSTER, {"as": "somebody", **USER}),
    ],
)
def test_what_takes_more_than_reading_is_left_to_the_client(tmp_path: Path, cluster: Object, user: Object) -> None:
    assert read_plain(kubeconfig(cluster, user), None, str(tmp_path)) is None


@pytest.mark.parametrize("content", [None, "text", [], {}, {"clusters": 7, "contexts": 8, "current-context": "blue"}])
def test_what_is_no_kubeconfig_is_left_to_the_client(content: Any) -> None:
    assert read_plain(content, None, ".") is None


def test_a_context_that_is_not_there_is_left_to_the_client() -> None:
    assert read_plain(kubeconfig(CLUSTER, USER), "green", ".") is None


def test_the_key_is_readable_by_nobody_else_and_goes_with_the_connection() -> None:
    connection = read_plain(kubeconfig(CLUSTER, USER), None, ".")
    assert isinstance(connection, Connection)
    folder = Path(str(connection.key_file)).parent

    assert folder.stat().st_mode & 0o077 == 0
    del connection
    gc.collect()
    assert not folder.exists()


def test_the_kubeconfig_is_not_changed() -> None:
    given = kubeconfig(CLUSTER, USER)
    before = copy.deepcopy(given)
    read_plain(given, None, ".")

    assert given == before


def test_a_plain_kubeconfig_costs_no_import_of_the_client(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig(CLUSTER, USER)), encoding="utf-8")
    place = "ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection"
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}; from {place} import configuration; "
        f"configuration({{'kubeconfig': {str(path)!r}}}, {{}}); "
        "configuration({'host': 'https://a.example', 'api_key': 'abc'}, {}); print('kubernetes' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_files_with_keys_are_gone_as_soon_as_they_are_loaded() -> None:
    connection = Connection(host="https://blue.example", verify_ssl=False)
    gone: list[bool] = []
    connection.forget_files = lambda: gone.append(True)
    Api(connection, "tests")

    assert gone == [True]
