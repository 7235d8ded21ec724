# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From connection options to one configured way to reach an API server.

The options are those of ``kubernetes.core``: each may be given to the module, by ``K8S_AUTH_*`` in the environment, or
by a kubeconfig. The account of a pod that happens to run the playbook is never used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.request import getproxies

from ..errors import CredentialsError
from .kubeconfig import Connection, read_plain

# Option of the module -> suffix of the environment variable that kubernetes.core reads too.
_ENVIRONMENT = {
    "kubeconfig": "KUBECONFIG",
    "context": "CONTEXT",
    "host": "HOST",
    "api_key": "API_KEY",
    "username": "USERNAME",
    "password": "PASSWORD",
    "validate_certs": "VERIFY_SSL",
    "ca_cert": "SSL_CA_CERT",
    "client_cert": "CERT_FILE",
    "client_key": "KEY_FILE",
    "proxy": "PROXY",
    "no_proxy": "NO_PROXY",
}
# What says which cluster is meant, and what says who we are there.
_NAMES = ("kubeconfig", "context", "host")
_LOGINS = ("api_key", "username", "password", "client_cert", "client_key")
_CURE = (
    "Set kubeconfig (and context), or host with api_key, for this inventory host: as module_defaults of "
    "group/maas_billing.platform.maas, as maas_connection in the inventory, or in the environment as K8S_AUTH_*."
)


def configuration(options: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """Return a ``Connection`` for the given options, or a ``kubernetes.client.Configuration`` with the same fields.

    :raises CredentialsError: when they name no cluster, or two, or cannot be read.
    """
    _refuse_two_answers(options, environ)
    given = {name: _value(options, environ, name) for name in _ENVIRONMENT}
    if given["host"]:
        config = _from_host(given)
    else:
        config = _from_kubeconfig(given, environ)
    _apply_transport(config, given)
    config.proxy_headers = _proxy_headers(options.get("proxy_headers") or {}) or config.proxy_headers
    return config


def _refuse_two_answers(options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Refuse what names two clusters, or would send the login of one to another.

    The environment holds for all clusters of an inventory, options for one of them.
    """
    given = {name: name for name in (*_NAMES, *_LOGINS) if options.get(name)}
    variables = {name: f"K8S_AUTH_{_ENVIRONMENT[name]}" for name in (*_NAMES, *_LOGINS) if name not in given}
    added = {name: variable for name, variable in variables.items() if environ.get(variable)}
    every = {**added, **given}
    other = every.get("kubeconfig") or every.get("context")
    if "host" in every and other:
        raise CredentialsError(f"Two clusters are named: by {every['host']} and by {other}. Give one of them. {_CURE}")
    if "kubeconfig" not in given:
        added.pop("kubeconfig", None)  # One file may hold the contexts of all clusters.
    named = [name for name in _NAMES if name in given]
    if named and added:
        stray = ", ".join(sorted(added.values()))
        raise CredentialsError(
            f"This cluster is named by {' and '.join(named)}, and {stray} in the environment would be used for it too, "
            f"though it holds for all clusters. Unset that, or give it as an option. {_CURE}"
        )


def impersonation(options: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the header that makes the API server treat us as somebody else, if that was asked for.

    Groups cannot be given without a user; the server refuses that with a clear message of its own.
    """
    user = options.get("impersonate_user") or environ.get("K8S_AUTH_IMPERSONATE_USER")
    groups = options.get("impersonate_groups") or (environ.get("K8S_AUTH_IMPERSONATE_GROUPS") or "").split(",")
    headers = {"Impersonate-User": user} if user else {}
    wanted = [group for group in groups if group]
    if len(wanted) > 1:
        raise CredentialsError(f"impersonate_groups: one group can be given; {len(wanted)} were given.")
    return {**headers, **({"Impersonate-Group": wanted[0]} if wanted else {})}


def _proxy_headers(given: Mapping[str, Any]) -> dict[str, str]:
    import urllib3

    named: dict[str, Any] = {name: given.get(name) for name in ("proxy_basic_auth", "basic_auth", "user_agent")}
    headers: dict[str, str] = urllib3.util.make_headers(**named)
    return headers


def _value(options: Mapping[str, Any], environ: Mapping[str, str], name: str) -> Any:
    value = options.get(name)
    if value is None:
        value = environ.get(f"K8S_AUTH_{_ENVIRONMENT[name]}") or None
    return value


def _from_host(given: Mapping[str, Any]) -> Any:
    config = _blank()
    config.host = str(given["host"]).rstrip("/")
    if not config.host.startswith(("https://", "http://")):
        # A guess would be http://, and send the login for all to read.
        raise CredentialsError(f"host: {config.host!r} has no scheme; write it as https://<name>:<port>.")
    if given["api_key"]:
        config.api_key = {"authorization": f"Bearer {given['api_key']}"}
    elif given["username"] and given["password"]:
        config.username, config.password = given["username"], given["password"]
    elif not (given["client_cert"] and given["client_key"]):
        raise CredentialsError(f"The cluster {config.host} is named, but no way to log in. {_CURE}")
    return config


def _blank() -> Any:
    """Return what is filled from single options; proxies that the environment names are the client's business."""
    if not getproxies():
        return Connection()
    from kubernetes import client

    return client.Configuration()


def _from_kubeconfig(given: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    source, context = given["kubeconfig"], given["context"]
    path = "" if isinstance(source, Mapping) else _kubeconfig_path(source, environ)
    config: Any = _read_plain(source, path, context) or _load(source, path, context)
    if given["api_key"]:
        config.api_key = {"authorization": f"Bearer {given['api_key']}"}
        config.refresh_api_key_hook = None  # It would bring back the token of the file.
    return config


def _read_plain(source: Any, path: str, context: str | None) -> Connection | None:
    import yaml

    if getproxies() or os.pathsep in path:
        return None
    if isinstance(source, Mapping):
        return read_plain(source, context, os.curdir)
    try:
        with open(path, "rb") as file:
            content = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return read_plain(content, context, os.path.dirname(os.path.abspath(path)))


def _load(source: Any, path: str, context: str | None) -> Any:
    """Let the Kubernetes client read a kubeconfig."""
    import yaml
    from kubernetes import client
    from kubernetes import config as loader

    config = client.Configuration()
    try:
        if isinstance(source, Mapping):
            loader.load_kube_config_from_dict(dict(source), context=context, client_configuration=config)
        else:
            loader.load_kube_config(
                config_file=path, context=context, client_configuration=config, persist_config=False
            )
    except (loader.ConfigException, OSError, ValueError, yaml.YAMLError) as error:
        raise _unusable(source, " ".join(str(error).split())) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise _unusable(source, "it does not have the form of a kubeconfig") from error
    return config


def _unusable(source: Any, reason: str) -> CredentialsError:
    named = "given as a mapping" if isinstance(source, Mapping) else str(source or "of this user")
    return CredentialsError(f"The kubeconfig {named} cannot be used: {reason}. {_CURE}")


def _kubeconfig_path(source: Any, environ: Mapping[str, str]) -> str:
    path = str(source or environ.get("KUBECONFIG") or "~/.kube/config")
    files = [os.path.expanduser(part) for part in path.split(os.pathsep) if part]
    if not any(os.path.exists(file) for file in files):
        what = f"The kubeconfig {path} does not exist." if source else "No cluster was named."
        raise CredentialsError(f"{what} {_CURE}")
    return os.pathsep.join(files)


def _apply_transport(config: Any, given: Mapping[str, Any]) -> None:
    """Let explicit TLS and proxy options win over what a kubeconfig says."""
    verify = given["validate_certs"]
    if verify is not None:
        config.verify_ssl = str(verify).lower() not in ("false", "no", "0", "off")
    for option, attribute in (
        ("ca_cert", "ssl_ca_cert"),
        ("client_cert", "cert_file"),
        ("client_key", "key_file"),
        ("proxy", "proxy"),
        ("no_proxy", "no_proxy"),
    ):
        if given[option]:
            setattr(config, attribute, given[option])
    for option in ("ca_cert", "client_cert", "client_key"):
        if given[option] and not os.path.exists(given[option]):
            raise CredentialsError(f"{option}: the file {given[option]} does not exist. {_CURE}")
