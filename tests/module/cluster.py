# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster under test as another person sees it, and what its audit log tells of the modules."""

from __future__ import annotations

import base64
import copy
import json
import os
import ssl
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

Object = dict[str, Any]

SOMEBODY = "somebody-else"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
# Set by the server with every write, whatever the write was about.
_BOOKKEEPING = ("managedFields", "resourceVersion", "generation")


@dataclass(frozen=True)
class Request:
    """One line of the audit log."""

    verb: str
    uri: str

    @property
    def writes(self) -> bool:
        """Whether it may have changed something; that a deletion is a dry run stands in its body, unseen."""
        return self.verb not in ("get", "list", "watch") and "dryRun" not in self.uri


class Cluster:
    """One API server, used as ``somebody-else`` so that nothing done here is counted as the modules' doing."""

    def __init__(self, kubeconfig: Path, audit_log: Path, bundle: Path) -> None:
        self.kubeconfig = kubeconfig
        self.audit_log = audit_log
        self.bundle = bundle
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        self.server: str = config["clusters"][0]["cluster"]["server"]
        self.authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        self.pool = urllib3.PoolManager(maxsize=8, ssl_context=_context(self.authority, config["users"][0]["user"]))
        self._as = {"Impersonate-User": SOMEBODY, "Impersonate-Group": "system:masters"}
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        me = self._send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, headers={})
        self.user: str = me["status"]["userInfo"]["username"]

    # -- Objects ------------------------------------------------------------------------------------------------------

    def read(self, obj: Object) -> Object | None:
        """Return the object as it is now, or None."""
        return self.request("GET", path_of(obj))

    def held(self, obj: Object) -> Object:
        """Return the object as it is now; it must be there."""
        found = self.read(obj)
        assert found is not None, f"{obj['kind']} {obj['metadata']['name']} is not there"
        return found

    def create(self, obj: Object, manager: str = SOMEBODY) -> Object:
        """Create the object."""
        return self._must("POST", f"{collection_of(obj)}?fieldManager={manager}", obj)

    def apply(self, obj: Object, manager: str = SOMEBODY) -> Object:
        """Server-side apply the object, taking over what others own."""
        return self._must("PATCH", f"{path_of(obj)}?fieldManager={manager}&force=true", obj, _APPLY)

    def edit(self, obj: Object, changes: Object, subresource: str = "") -> Object:
        """Merge changes into the object, as an editor would; null removes a field."""
        path = path_of(obj) + (f"/{subresource}" if subresource else "")
        return self._must("PATCH", f"{path}?fieldManager={SOMEBODY}", changes, _MERGE)

    def delete(self, obj: Object) -> None:
        """Ask for the deletion of the object, and do not wait."""
        self.request("DELETE", path_of(obj))

    def list(self, api_version: str, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        """Return all objects of a kind, in one namespace or in all."""
        place = {"metadata": {"namespace": namespace}, "apiVersion": api_version, "kind": kind}
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        found: list[Object] = self._must("GET", collection_of(place) + query)["items"]
        return found

    def wait_for(self, true: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
        """Wait until something is true, else fail and say what it was."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not after {seconds:.0f} s: {what}"
            time.sleep(0.02)

    # -- Requests -----------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Any:
        """Send one request and return its answer, or None for 404; any other refusal fails the test."""
        return self._send(method, path, body, kind, self._as)

    def _must(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Any:
        answer = self.request(method, path, body, kind)
        assert answer is not None, f"{method} {path}: not found"
        return answer

    def _send(
        self, method: str, path: str, body: Object | None, kind: str = "application/json", headers: Any = None
    ) -> Any:
        payload = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "application/json", "Content-Type": kind, **(headers or {})}
        response = self.pool.request(method, self.server + path, body=payload, headers=sent)
        if response.status == 404:
            return None
        assert response.status < 400, f"{method} {path}: {response.status} {response.data.decode()[:500]}"
        return json.loads(response.data)

    @contextmanager
    def counted(self) -> Iterator[list[Request]]:
        """Collect the requests that the modules' user sends meanwhile; the list is filled at the end."""
        found: list[Request] = []
        with Tail(self.audit_log) as earlier:
            self._mark(earlier)
        with Tail(self.audit_log) as log:
            yield found
            self._mark(log)
            for line in log.lines():
                event = json.loads(line)
                if event["user"]["username"] == self.user and "impersonatedUser" not in event:
                    found.append(Request(event["verb"], event["requestURI"]))

    def _mark(self, log: Tail) -> None:
        """Send a request that can be told from all others, and wait for its line: earlier ones are there then too."""
        mark = uuid.uuid4().hex
        self.request("GET", f"/api/v1/namespaces/{mark}")
        self.wait_for(lambda: any(mark.encode() in line for line in log.lines()), "our request is in the audit log", 10)


class Tail:
    """What is appended to a log from now on, also when the log is rotated meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = b""
        self._file = path.open("rb")
        self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def lines(self) -> list[bytes]:
        """Return every whole line since the beginning of this."""
        self._data += self._file.read()
        if self._path.stat().st_ino != os.fstat(self._file.fileno()).st_ino:
            self._file.close()
            self._file = self._path.open("rb")
            self._data += self._file.read()
        return self._data.split(b"\n")[:-1]


def collection_of(obj: Object) -> str:
    """The URL path of the objects that are like this one. Plurals here are regular."""
    version = obj["apiVersion"]
    prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = obj["metadata"].get("namespace")
    plural = obj["kind"].lower() + ("es" if obj["kind"].endswith("s") else "s")
    return f"{prefix}/namespaces/{namespace}/{plural}" if namespace else f"{prefix}/{plural}"


def path_of(obj: Object) -> str:
    """The URL path of one object."""
    return f"{collection_of(obj)}/{obj['metadata']['name']}"


def content(obj: Object | None) -> Object | None:
    """The object without what any write changes: two readings are equal when nobody changed what is in it."""
    if obj is None:
        return None
    kept = copy.deepcopy(obj)
    for field in _BOOKKEEPING:
        kept["metadata"].pop(field, None)
    return kept


def _context(authority: str, user: Object) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        for field in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(user[field]).decode() + "\n")
        file.flush()
        context.load_cert_chain(file.name)
    return context
