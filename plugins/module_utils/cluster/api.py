# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to one API server: JSON in, JSON out, every failure said in one sentence."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from ..errors import ApiError, CredentialsError
from .failures import decoded, may_pass, refused, unreachable

T = TypeVar("T")
R = TypeVar("R")
Object = dict[str, Any]

# Requests under way at once. More than this queue up in the server's priority levels anyway.
CONCURRENCY = 12
_TIMEOUT_SECONDS = 60.0
# How long a server is waited for that is being started again, and how often it is asked meanwhile.
_OUTAGE_SECONDS = 15.0
_OUTAGE_PAUSE_SECONDS = 0.5
_SERVER_SIDE_APPLY = "application/apply-patch+yaml"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class Api:
    """A connection to one API server, safe for use by several threads."""

    def __init__(self, config: Any, user_agent: str, headers: Mapping[str, str] | None = None) -> None:
        """:param headers: sent with every request, for instance those of impersonation."""
        self._config = config
        self._headers = dict(headers or {})
        self._host = config.host.rstrip("/")
        self._pool = _pool(config)
        self._user_agent = user_agent
        # Until then a server that does not answer is asked again; None while it answers.
        self._wait_until: float | None = None

    def get(self, path: str) -> Object | None:
        """Return the object at ``path``, or None where there is none."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, path: str, label_selector: str = "", metadata_only: bool = False, name: str = "") -> Object:
        """Return the whole list at ``path``; its items carry apiVersion and kind only if the server sends them.

        :param name: list only objects of this name: a login that may read no others may do that.
        """
        query = _selected(label_selector, name)
        answer = self.request("GET", path, query, accept=_METADATA_ONLY if metadata_only else "application/json")
        answer["items"] = answer.get("items") or []  # An empty list of metadata says null.
        return answer

    def apply(self, path: str, body: Object, manager: str, force: bool, dry_run: bool) -> Object:
        """Server-side apply ``body``; the server creates what is not there."""
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        return self.request("PATCH", path, _with_dry_run(query, dry_run), body, _SERVER_SIDE_APPLY)

    def replace(self, path: str, body: Object, manager: str, dry_run: bool = False) -> Object:
        """Make the object at ``path`` be ``body``; fails with status 409 where it is another version by now."""
        return self.request("PUT", path, _with_dry_run({"fieldManager": manager}, dry_run), body)

    def merge(self, path: str, body: Object, manager: str, dry_run: bool = False) -> Object:
        """Patch the object at ``path`` with a JSON merge patch (null removes a field)."""
        query = _with_dry_run({"fieldManager": manager}, dry_run)
        return self.request("PATCH", path, query, body, "application/merge-patch+json")

    def create(self, path: str, body: Object, manager: str) -> Object:
        """Create ``body`` in the collection at ``path``; fails with status 409 where it exists."""
        return self.request("POST", path, {"fieldManager": manager}, body)

    def delete(self, path: str, uid: str = "", dry_run: bool = False) -> None:
        """Delete the object at ``path`` if it still is the one with ``uid``; what is gone already is fine."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        if dry_run:
            body["dryRun"] = ["All"]
        try:
            self.request("DELETE", path, None, body)
        except ApiError as error:
            if error.status != 404:
                raise

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        """Send one request and return the decoded answer.

        :raises ApiError: for every answer above 399, for one that no API server gives, and when there is none.
        """
        payload = None if body is None else json.dumps(body).encode()
        response = self._send(method, path, query, payload, content_type, accept, preload_content=True)
        if response.status > 399:
            raise refused(self._host, response.status, response.data)
        answer = decoded(response.data)
        if response.status > 299 or answer is None:
            raise ApiError(
                f"What answers at {self._host} is not an API server: {method} {path} gave status {response.status} "
                "and no JSON object. Look at host (or at server in the kubeconfig), and at the proxy.",
                response.status,
            )
        return answer

    def watch(
        self, path: str, resource_version: str, label_selector: str, seconds: float, name: str = ""
    ) -> Iterator[Object]:
        """Yield the events of a list at ``path`` after ``resource_version``, for at most ``seconds``.

        A connection that breaks only ends the watch: the next request tells what is wrong, if it still is.
        """
        import urllib3

        query = {
            "watch": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(seconds))),
            **_selected(label_selector, name),
        }
        response = self._send(
            "GET", path, query, None, "application/json", "application/json", preload_content=False, read=seconds + 5
        )
        try:
            if response.status > 399:
                raise refused(self._host, response.status, response.read())
            for line in _lines(response):
                yield json.loads(line)
        except urllib3.exceptions.HTTPError:
            return
        finally:
            response.release_conn()
            response.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        payload: bytes | None,
        content_type: str,
        accept: str,
        preload_content: bool,
        read: float = _TIMEOUT_SECONDS,
    ) -> Any:
        url = f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self._user_agent}
        headers.update(self._headers)
        headers.update(self._login())
        return self._through_outages(
            method, url, body=payload, headers=headers, preload_content=preload_content, **_limits(read)
        )

    def _through_outages(self, method: str, url: str, **options: Any) -> Any:
        """Send a request, again while the server is being started anew; all threads share the time for that."""
        import urllib3

        until: float | None = None
        while True:
            try:
                response = self._pool.request(method, url, **options)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                now = time.monotonic()
                self._wait_until = self._wait_until or now + _OUTAGE_SECONDS
                # Others that get through meanwhile do not give this one more time.
                until = until or self._wait_until
                if now > until or not may_pass(method, error):
                    raise unreachable(self._host, error) from error
                time.sleep(_OUTAGE_PAUSE_SECONDS)
            else:
                self._wait_until = None
                return response

    def _login(self) -> dict[str, str]:
        """Return the header that logs us in; read anew each time, since tokens of exec plugins are renewed."""
        headers = {}
        for setting in self._config.auth_settings().values():
            if setting.get("in") == "header" and setting.get("value"):
                headers[setting["key"]] = setting["value"]
        if self._config.username and self._config.password and not headers:
            headers["authorization"] = self._config.get_basic_auth_token()
        return headers


def _limits(read: float) -> dict[str, Any]:
    """Return how long a request may take, and what is sent twice.

    :param read: seconds until the server must have sent something.
    """
    import urllib3

    return {
        "timeout": urllib3.Timeout(connect=10, read=read),
        # A server that has too much to do says when to ask again; nothing else is sent twice here.
        "retries": urllib3.Retry(
            5, connect=0, read=0, redirect=False, other=0, allowed_methods=None, raise_on_status=False
        ),
    }


def object_path(prefix: str, plural: str, namespace: str | None, name: str = "") -> str:
    """Return the URL path of a collection, or of one object in it.

    :param prefix: ``/api/v1`` or ``/apis/<group>/<version>``.
    """
    path = prefix
    if namespace:
        path += f"/namespaces/{quote(namespace)}"
    path += f"/{plural}"
    return f"{path}/{quote(name, safe='')}" if name else path


def concurrently(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Run ``work`` for all items, a dozen at a time, and return the results in order; the first failure is raised."""
    todo = list(items)
    if len(todo) < 2:
        return [work(item) for item in todo]
    with ThreadPoolExecutor(max_workers=min(CONCURRENCY, len(todo))) as workers:
        futures = [workers.submit(work, item) for item in todo]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Run different tasks side by side and return their results in order; the first failure is raised."""
    return concurrently(lambda task: task(), tasks)


def _selected(labels: str, name: str) -> dict[str, str]:
    """Return what restricts a list or a watch."""
    selectors = {"labelSelector": labels, "fieldSelector": f"metadata.name={name}" if name else ""}
    return {kind: selector for kind, selector in selectors.items() if selector}


def _with_dry_run(query: dict[str, str], dry_run: bool) -> dict[str, str]:
    return {**query, "dryRun": "All"} if dry_run else query


def _pool(config: Any) -> Any:
    import urllib3

    options: dict[str, Any] = {"maxsize": CONCURRENCY}
    if config.host.startswith("https"):
        options["ssl_context"] = _tls(config)
        forget = getattr(config, "forget_files", None)
        if forget:  # A module that is killed later leaves no key behind.
            forget()
    for attribute, option in (("assert_hostname", "assert_hostname"), ("tls_server_name", "server_hostname")):
        value = getattr(config, attribute, None)
        if value is not None:
            options[option] = value
    if not config.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if config.proxy and not _bypasses_proxy(config):
        return urllib3.ProxyManager(config.proxy, proxy_headers=config.proxy_headers or {}, **options)
    return urllib3.PoolManager(**options)


def _tls(config: Any) -> ssl.SSLContext:
    """Return what all connections share: each would read the certificates anew otherwise."""
    from urllib3.util.ssl_ import create_urllib3_context

    context: ssl.SSLContext = create_urllib3_context(
        cert_reqs=ssl.CERT_REQUIRED if config.verify_ssl else ssl.CERT_NONE
    )
    try:
        if config.ssl_ca_cert:
            context.load_verify_locations(config.ssl_ca_cert)
        elif config.verify_ssl:
            context.load_default_certs()
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ValueError) as error:
        raise CredentialsError(f"The certificates for {config.host} cannot be used: {error}.") from error
    # urllib3 sets it anew for each connection. While another thread connects, that now and then sends garbage.
    context.set_alpn_protocols(["http/1.1"])
    context.set_alpn_protocols = lambda alpn_protocols: None  # type: ignore[method-assign]
    return context


def _bypasses_proxy(config: Any) -> bool:
    host = urlsplit(config.host).hostname or ""
    rules = [rule.strip().lstrip(".") for rule in (config.no_proxy or "").split(",") if rule.strip()]
    return any(rule == "*" or host == rule or host.endswith(f".{rule}") for rule in rules)


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)
