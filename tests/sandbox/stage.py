# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the data plane share: an API server, the stand-ins as processes, a backend, and a client."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.sandbox import objects
from tests.sandbox.control_plane import ControlPlane, Object, RefusedError, eventually

INDEX = 100 + os.getpid() % 150
"""Index of the tests' own sandbox, away from the low ones that real sandboxes take."""


@contextlib.contextmanager
def asked_all_the_time(host: str) -> Iterator[list[int]]:
    """Ask the first gateway again and again meanwhile; the list grows by the status of each answer."""
    statuses: list[int] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            try:
                statuses.append(ask(address(), host).status)
            except OSError:
                statuses.append(0)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()


@dataclass
class Response:
    """An answer that was read to its end."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


def ask(address: str, host: str, path: str = "/", method: str = "GET", body: Any = None, **headers: str) -> Response:
    """Send one request to a gateway (``address`` is host:port) with a Host header."""
    connection = http.client.HTTPConnection(address, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers={"Host": host, **headers}, encode_chunked=False)
        answer = connection.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())


class _Mirror(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"
    name: str

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        seen = {
            "backend": self.name,
            "method": self.command,
            "target": self.path,
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        content = json.dumps(seen).encode()
        self.send_response(int(self.headers.get("X-Answer", 200)))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Keep-Alive", "timeout=5")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@contextlib.contextmanager
def mirror(name: str) -> Iterator[str]:
    """A backend that tells what it was asked; yields host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mirror", (_Mirror,), {"name": name}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def stand_in(plane: ControlPlane, part: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of the stand-ins as a process; its output goes to a log in the folder of the control plane."""
    command = [sys.executable, "-m", f"sandbox.{part}", "--kubeconfig", str(plane.kubeconfig(f"maas-sandbox:{part}"))]
    with (plane.folder / f"{part}.log").open("ab") as log:
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=15)


class GatewayProcess:
    """A running stand-in gateway."""

    def __init__(self, process: subprocess.Popen[bytes], url_file: Path) -> None:
        self.process = process
        self.url = eventually(lambda: url_file.read_text(encoding="utf-8").strip())

    def page(self, path: str) -> str:
        """Read a page of the admin port."""
        answer = ask(self.url.removeprefix("http://"), "admin", path)
        assert answer.status == 200, answer
        return answer.text


@contextlib.contextmanager
def gateway_process(plane: ControlPlane) -> Iterator[GatewayProcess]:
    """The stand-in gateway, ready."""
    url_file = plane.folder / "gateway.url"
    url_file.unlink(missing_ok=True)
    with stand_in(plane, "gateway", "--index", str(INDEX), "--admin-file", str(url_file)) as process:
        found = GatewayProcess(process, url_file)
        eventually(lambda: found.page("/healthz/ready"))
        yield found


def address(number: int = 1, port: int = 8000) -> str:
    """Where gateway ``number`` of the tests serves."""
    return f"127.0.{number - 1}.{INDEX}:{port}"


def condition(conditions: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return one condition of a list."""
    return next(c for c in conditions if c["type"] == kind)


def parent_of(plane: ControlPlane, route: Object) -> Object:
    """Return the gateway's entry in a route's status, once it is about the present generation."""

    def entry() -> Object:
        live = plane.get(route)
        parents: list[Object] = [p for p in live["status"]["parents"] if p["controllerName"] == objects.ISTIO]
        assert len(parents) == 1
        assert all(c["observedGeneration"] == live["metadata"]["generation"] for c in parents[0]["conditions"])
        return parents[0]

    found: Object = eventually(entry)
    return found


def accepted_reason(plane: ControlPlane, route: Object, reason: str) -> Object:
    """Return the condition Accepted of a route, which must have this reason."""
    found = condition(parent_of(plane, route)["conditions"], "Accepted")
    assert found["reason"] == reason
    return found


def programmed(plane: ControlPlane, gateway: Object, reason: str) -> Object:
    """Return the condition Programmed of a Gateway, which must have this reason."""
    found = condition(plane.get(gateway)["status"]["conditions"], "Programmed")
    assert found["reason"] == reason
    return found


def bindable(host: str, port: int) -> bool:
    """Tell whether an address can be bound; OSError when it cannot."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return True


def gone(plane: ControlPlane, thing: Object) -> bool:
    """Tell whether an object does not exist."""
    try:
        plane.get(thing)
    except RefusedError as error:
        return error.status == 404
    return False


def ok(answer: Any) -> Any:
    """Return an answer, which must be 200."""
    assert answer.status == 200, answer
    return answer
