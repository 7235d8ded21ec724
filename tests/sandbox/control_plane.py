# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare etcd and API server: no controllers, so every object and every status in it was put there by the test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox import binaries, bundle
from sandbox.paths import Home, cache_root, package

Object = dict[str, Any]

_USERS = {"admin": "system:masters", "maas-sandbox:gateway": "", "maas-sandbox:kubelet": ""}
_PLURALS = {
    "AuthPolicy": "authpolicies",
    "Authorino": "authorinos",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "EndpointSlice": "endpointslices",
    "EnvoyFilter": "envoyfilters",
    "Gateway": "gateways",
    "GatewayClass": "gatewayclasses",
    "HTTPRoute": "httproutes",
    "Kuadrant": "kuadrants",
    "Limitador": "limitadors",
    "Namespace": "namespaces",
    "Pod": "pods",
    "RateLimitPolicy": "ratelimitpolicies",
    "ReferenceGrant": "referencegrants",
    "Secret": "secrets",
    "Service": "services",
    "TelemetryPolicy": "telemetrypolicies",
    "TokenRateLimitPolicy": "tokenratelimitpolicies",
}


class RefusedError(Exception):
    """The API server's answer to a request that it did not carry out."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ControlPlane:
    """etcd and kube-apiserver in a folder of their own, and requests to them as an administrator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = _free_ports(3)
        self._etcd: subprocess.Popen[bytes] | None = None
        self._apiserver: subprocess.Popen[bytes] | None = None
        self._tls = ssl._create_unverified_context()

    def start(self) -> None:
        """Start both, and give the stand-ins their rights."""
        programs = binaries.ensure(print, [p for p in binaries.PROGRAMS if p.name in ("etcd", "kube-apiserver")])
        self._write_files()
        client, peer, _ = self._ports
        urls = [f"http://127.0.0.1:{port}" for port in (client, peer)]
        self._etcd = self._run(
            programs["etcd"],
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={urls[0]}",
            f"--advertise-client-urls={urls[0]}",
            f"--listen-peer-urls={urls[1]}",
            f"--initial-advertise-peer-urls={urls[1]}",
            f"--initial-cluster=default={urls[1]}",
            "--unsafe-no-fsync",
        )
        self._program = programs["kube-apiserver"]
        self.start_apiserver()
        for document in yaml.safe_load_all((package() / "access.yaml").read_text(encoding="utf-8")):
            self.create(document)

    def start_apiserver(self) -> None:
        """Start the API server and wait until it is ready."""
        self._apiserver = self._run(
            self._program,
            f"--etcd-servers=http://127.0.0.1:{self._ports[0]}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._ports[2]}",
            f"--cert-dir={self.folder}/certificates",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder}/accounts.pem",
            f"--service-account-signing-key-file={self.folder}/accounts.pem",
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
        )
        eventually(lambda: self.request("GET", "/readyz"), seconds=60)

    def stop_apiserver(self) -> None:
        """Kill the API server, as a crash would."""
        assert self._apiserver is not None
        self._apiserver.kill()
        self._apiserver.wait()

    def stop(self) -> None:
        """Kill everything."""
        for process in (self._apiserver, self._etcd):
            if process:
                process.kill()
                process.wait()

    def kubeconfig(self, user: str) -> Path:
        """Return the kubeconfig of one of the users."""
        path = self.folder / f"{user.replace(':', '-')}.yaml"
        cluster = {"server": f"https://127.0.0.1:{self._ports[2]}", "insecure-skip-tls-verify": True}
        content = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": user}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": f"token-of-{user}"}}],
        }
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def _write_files(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        (self.folder / "accounts.pem").write_bytes(pem)
        lines = [f'token-of-{user},{user},{user},"{group}"' for user, group in _USERS.items()]
        (self.folder / "tokens.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _run(self, program: Path, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{program.name}.log").open("ab") as log:
            return subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def request(self, method: str, path: str, body: Object | None = None) -> Any:
        """Send one request; raise RefusedError or OSError."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            f"https://127.0.0.1:{self._ports[2]}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": "Bearer token-of-admin", "Content-Type": kind},
        )
        try:
            with urllib.request.urlopen(request, context=self._tls, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, error.read().decode()) from None
        return json.loads(text) if text.startswith(b"{") else text

    def create(self, thing: Object) -> Object:
        """Create an object, with its status when it carries one."""
        collection = _path(thing)
        made: Object = self.request("POST", collection, thing)
        if "status" in thing:
            made = self.request(
                "PATCH", f"{_path(made)}/{made['metadata']['name']}/status", {"status": thing["status"]}
            )
        return made

    def patch(self, thing: Object, change: Object, subresource: str = "") -> Object:
        """Merge a change into an object."""
        answer: Object = self.request("PATCH", f"{_path(thing)}/{thing['metadata']['name']}{subresource}", change)
        return answer

    def get(self, thing: Object) -> Object:
        """Read an object again."""
        answer: Object = self.request("GET", f"{_path(thing)}/{thing['metadata']['name']}")
        return answer

    def delete(self, *things: Object) -> None:
        """Delete objects at once; those that are gone are no error."""
        for thing in things:
            with contextlib.suppress(RefusedError):
                self.request("DELETE", f"{_path(thing)}/{thing['metadata']['name']}", {"gracePeriodSeconds": 0})

    def install_gateway_api(self) -> None:
        """Install the CRDs of the Gateway API and wait until they are served."""
        for definition in gateway_api(self.folder):
            self.create(definition)
        eventually(lambda: self.request("GET", "/apis/gateway.networking.k8s.io/v1/httproutes"))
        eventually(lambda: self.request("GET", "/apis/gateway.networking.k8s.io/v1beta1/referencegrants"))


def gateway_api(folder: Path) -> list[Object]:
    """Return the CRDs of the Gateway API from the bundle of the sandbox that is up, or from one made here."""
    name = os.environ.get("MAAS_SANDBOX")
    target = Home.of(name).bundle if name else folder / "bundle"
    if not name:
        helm = binaries.ensure(print, [p for p in binaries.PROGRAMS if p.name == "helm"])["helm"]
        bundle.build(target, go=shutil.which("go") or "go", cache=cache_root(), helm=helm)
    text = next((target / "manifests").glob("gateway-api-*.yaml")).read_text(encoding="utf-8")
    return [document for document in yaml.safe_load_all(text) if document["kind"] == "CustomResourceDefinition"]


def _path(thing: Object) -> str:
    version, namespace = thing["apiVersion"], thing["metadata"].get("namespace")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{_PLURALS[thing['kind']]}"


def _free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def eventually(check: Any, seconds: float = 10, pause: float = 0.05) -> Any:
    """Call ``check`` until it neither raises nor returns False; return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            outcome = check()
            if outcome is not False:
                return outcome
            problem: Exception = AssertionError("the check still says no")
        except (AssertionError, OSError, RefusedError, KeyError, IndexError, StopIteration) as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(pause)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[ControlPlane]:
    """A control plane that is gone afterwards."""
    plane = ControlPlane(folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
