# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small asynchronous client of a Kubernetes API server: list, watch and patch, shared by gateway and kubelet."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import yaml

from sandbox.errors import SandboxError

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for cluster-scoped kinds) and name."""

_WATCH_SECONDS = 240
_SLOWEST_RETRY = 2.0
_UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)
_log = logging.getLogger(__name__)


class ApiError(Exception):
    """The API server answered, but refused: ``status`` is the HTTP status, the text its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Resource:
    """A kind as the API server addresses it; the core group is the empty string."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection, or of one object of it."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = ["namespaces", namespace] if namespace else []
        return "/".join(part for part in [root, *scope, self.plural, name, subresource] if part)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


_DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@dataclass(frozen=True)
class Credentials:
    """Where an API server is and how to log in."""

    server: str
    tls: ssl.SSLContext | None
    token: str


def read_kubeconfig(path: Path) -> Credentials:
    """Read the current context of a kubeconfig. Raises SandboxError with the file's name when it cannot be used."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        server = str(cluster["server"]).rstrip("/")
        tls = _tls(cluster, user) if server.startswith("https:") else None
    except OSError as error:
        reason = error.strerror or error
        raise SandboxError(f"cannot read the kubeconfig {path}, or a file that it names: {reason}") from error
    except (KeyError, TypeError, yaml.YAMLError, ssl.SSLError, binascii.Error) as error:
        raise SandboxError(f"{path} is no usable kubeconfig: {type(error).__name__} {error}") from error
    return Credentials(server, tls, str(user.get("token", "")))


def _named(entries: list[Object], name: str) -> Object:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _tls(cluster: Object, user: Object) -> ssl.SSLContext:
    authority = cluster.get("certificate-authority-data")
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"),
        cadata=base64.b64decode(authority).decode("ascii") if authority else None,
    )
    # Python checks key usage more strictly than Go: certificates of local clusters often lack those fields.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif "client-certificate-data" in user:
        # The ssl module loads key pairs from files only.
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            for field in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[field]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


class ApiServer:
    """Requests to one API server, written under one field manager; use it as ``async with``."""

    def __init__(self, credentials: Credentials, field_manager: str) -> None:
        self._credentials = credentials
        self._manager = field_manager
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> ApiServer:
        token = self._credentials.token
        headers = {"User-Agent": self._manager} | ({"Authorization": f"Bearer {token}"} if token else {})
        connector = aiohttp.TCPConnector(ssl=self._credentials.tls or True, limit=0)
        self._session = aiohttp.ClientSession(self._credentials.server, headers=headers, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def list(self, resource: Resource) -> tuple[list[Object], str]:
        """Return all objects of a kind, and the resource version to watch from."""
        async with self._request("GET", resource.path(), timeout=30) as response:
            answer = await response.json()
        return answer["items"], answer["metadata"]["resourceVersion"]

    async def watch(self, resource: Resource, **parameters: str) -> AsyncIterator[tuple[str, Object]]:
        """Yield (ADDED | MODIFIED | DELETED | BOOKMARK, object) until the server ends the watch.

        Raises ApiError: 410 when the resource version is too old, 404 when the kind is not there.
        """
        query = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_SECONDS)} | parameters
        async with self._request("GET", resource.path(), query, timeout=_WATCH_SECONDS + 30) as response:
            # Objects may be longer than the reader's line limit, so the lines are cut here.
            rest = b""
            async for block in response.content.iter_any():
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                    yield event["type"], event["object"]

    async def patch(self, resource: Resource, key: Key, change: Object, subresource: str = "") -> Object:
        """Apply a JSON merge patch. A ``metadata.resourceVersion`` in it makes the server refuse (409) a lost race."""
        async with self._request(
            "PATCH",
            resource.path(*key, subresource),
            {"fieldManager": self._manager},
            body=json.dumps(change),
            timeout=30,
        ) as response:
            answer: Object = await response.json()
        return answer

    def _request(
        self, method: str, path: str, query: dict[str, str] | None = None, *, body: str = "", timeout: float
    ) -> _Checked:
        assert self._session is not None, "use ApiServer as an async context manager"
        return _Checked(
            self._session.request(
                method,
                path,
                params=query,
                data=body or None,
                headers={"Content-Type": "application/merge-patch+json"} if body else None,
                timeout=aiohttp.ClientTimeout(total=timeout),
            )
        )


class _Checked:
    """A request context that turns refusals into ApiError."""

    def __init__(self, request: Any) -> None:
        self._request = request

    async def __aenter__(self) -> aiohttp.ClientResponse:
        response: aiohttp.ClientResponse = await self._request.__aenter__()
        if response.status < 400:
            return response
        text = await response.text()
        await self._request.__aexit__(None, None, None)
        try:
            text = json.loads(text)["message"]
        except (ValueError, KeyError, TypeError):
            text = text.strip()
        raise ApiError(response.status, text)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._request.__aexit__(kind, error, trace)


class Informer:
    """Keeps ``objects``, the present objects of one kind, up to date for as long as ``run`` runs.

    A kind that does not exist (its CRD is not installed, or was removed) counts as empty; the informer waits for it.
    While the API server is out of reach the last known objects stay. ``changed`` is called after every change.
    """

    def __init__(self, api: ApiServer, resource: Resource, changed: Callable[[], None]) -> None:
        self.resource = resource
        self.objects: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self._api = api
        self._changed = changed

    async def run(self) -> None:
        """List, watch, and list again whenever the watch ends, for ever."""
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            started = loop.time()
            try:
                await self._follow()
            except ApiError as error:
                if error.status == 404 and self.resource.group:
                    self._replace([])
                    await self._await_definition()
                elif error.status != 410:
                    _log.warning("%s: %s", self.resource, error)
            except _UNREACHABLE as error:
                _log.warning("%s: API server out of reach: %s", self.resource, error or type(error).__name__)
            pause = 0.05 if loop.time() - started > 5 else min(2 * pause + 0.05, _SLOWEST_RETRY)
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        items, version = await self._api.list(self.resource)
        self._replace(items)
        async for event, changed in self._api.watch(self.resource, resourceVersion=version):
            if event != "BOOKMARK":
                self._apply(event, changed)

    async def _await_definition(self) -> None:
        """Return when the CRD of this kind appears or changes, so that listing is worth another try."""
        _log.info("%s: waiting for this kind to be installed", self.resource)
        while True:
            try:
                async for event, _ in self._api.watch(_DEFINITIONS, fieldSelector=f"metadata.name={self.resource}"):
                    if event != "BOOKMARK" and await self._is_served():
                        return
            except (ApiError, *_UNREACHABLE) as error:
                _log.debug("%s: %s", self.resource, error)
                await asyncio.sleep(_SLOWEST_RETRY)

    async def _is_served(self) -> bool:
        # A CRD says Established a little before its kind is really served, and no event follows.
        for _ in range(10):
            try:
                await self._api.list(self.resource)
            except ApiError:
                await asyncio.sleep(0.1)
            else:
                return True
        return False

    def _replace(self, items: list[Object]) -> None:
        self.objects = {key_of(item): _slim(item) for item in items}
        self.synced.set()
        self._changed()

    def _apply(self, event: str, changed: Object) -> None:
        if event == "DELETED":
            self.objects.pop(key_of(changed), None)
        else:
            self.objects[key_of(changed)] = _slim(changed)
        self._changed()


def key_of(thing: Object) -> Key:
    """Return the (namespace, name) of an object."""
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def _slim(thing: Object) -> Object:
    thing["metadata"].pop("managedFields", None)
    return thing
