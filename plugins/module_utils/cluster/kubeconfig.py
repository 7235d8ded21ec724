# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs that hold server and login themselves, read without the Kubernetes client.

To import that client takes longer than everything else in a run that finds nothing to do. So only what needs it pays
for it: logins that a program or a provider makes, tokens in files, proxies, and whatever is unusual or wrong.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# What may stand in the two parts of a kubeconfig that is read here; anything else is left to the client.
_CLUSTER = {"server", "certificate-authority", "insecure-skip-tls-verify", "tls-server-name", "extensions"}
_USER = {"client-certificate", "client-key", "token"}
_DATA = "-data"


@dataclass
class Connection:
    """How an API server is reached; has the fields of ``kubernetes.client.Configuration`` that we use."""

    host: str = ""
    api_key: dict[str, str] = field(default_factory=dict)
    username: str | None = None
    password: str | None = None
    verify_ssl: bool = True
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    tls_server_name: str | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    proxy_headers: dict[str, str] | None = None
    refresh_api_key_hook: None = None
    # Deletes what was written to disk; to be called when the certificates are loaded.
    forget_files: Callable[[], Any] = lambda: None

    def auth_settings(self) -> dict[str, dict[str, str]]:
        """The header that carries the token, as the client describes it."""
        value = self.api_key.get("authorization")
        return {"BearerToken": {"in": "header", "key": "authorization", "value": value}} if value else {}

    def get_basic_auth_token(self) -> str:
        """The header value that carries user name and password."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def read_plain(config: Any, context: str | None, folder: str) -> Connection | None:
    """Return the connection that a context of a kubeconfig describes, or None where that takes more than reading.

    :param context: the current one, if none is named.
    :param folder: what paths in the kubeconfig are relative to.
    """
    try:
        chosen = _named(config, "context", context or config["current-context"])
        cluster, user = _named(config, "cluster", chosen["cluster"]), _named(config, "user", chosen["user"])
        if {_bare(name) for name in cluster} <= _CLUSTER and {_bare(name) for name in user} <= _USER:
            return _connection(cluster, user, folder)
    except (KeyError, TypeError, AttributeError, OSError, binascii.Error, StopIteration):
        pass  # The client says better what is wrong.
    return None


def _named(config: Mapping[str, Any], part: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(item[part] for item in config[f"{part}s"] if item["name"] == name)
    return found


def _bare(name: str) -> str:
    return name.removesuffix(_DATA)


def _connection(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: str) -> Connection:
    own = tempfile.mkdtemp(prefix="maas-")
    connection = Connection(
        host=cluster["server"].rstrip("/"),
        api_key={"authorization": f"Bearer {user['token']}"} if user.get("token") else {},
        verify_ssl=not cluster.get("insecure-skip-tls-verify"),
        tls_server_name=cluster.get("tls-server-name"),
    )
    # The certificates and the key that came as data are on disk until they are loaded, or the connection is dropped.
    connection.forget_files = weakref.finalize(connection, shutil.rmtree, own, ignore_errors=True)
    connection.ssl_ca_cert = _file(cluster, "certificate-authority", folder, own)
    connection.cert_file = _file(user, "client-certificate", folder, own)
    connection.key_file = _file(user, "client-key", folder, own)
    return connection


def _file(part: Mapping[str, Any], name: str, folder: str, own: str) -> str | None:
    """Return the path of a file that is named, or given as data, which then is written into our own folder."""
    data = part.get(name + _DATA)
    if data:
        path = os.path.join(own, name)
        with open(path, "xb") as file:
            file.write(base64.b64decode(data, validate=True))
        return path
    if not part.get(name):
        return None
    path = os.path.join(folder, part[name])
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    return path
