# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plain HTTP server between a module and the API server, which tests tell to hold, refuse or cut requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.module.cluster import Cluster

CUT = -1
FORWARD = 0
_PASSED_ON = ("Accept", "Content-Type")


class Middleman:
    """Forwards requests to the API server, as the modules' user, unless ``disturb`` says otherwise.

    ``disturb(method, path)`` is called before each request. It returns FORWARD, the HTTP status to refuse with, or CUT
    to close the connection without an answer; it may wait. ``cut_streams`` ends the answers that are under way.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.disturb: Callable[[str, str], int] = lambda method, path: FORWARD
        self.seen: list[tuple[str, str]] = []
        self.retry_after = 1  # seconds, told with status 429
        self._cluster = cluster
        self._cuts = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def login(self) -> dict[str, str]:
        """The options by which a module reaches this server."""
        return {"host": f"http://127.0.0.1:{self._server.server_port}", "api_key": "not-looked-at"}

    def cut_streams(self) -> None:
        """End all answers that are under way, instead of sending the next of them."""
        self._cuts += 1

    def __enter__(self) -> Middleman:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._cuts += 1
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        middleman = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                middleman._handle(self)

            do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815  # names that the base class asks for

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        return Handler

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        self.seen.append((request.command, request.path))
        verdict = self.disturb(request.command, request.path)
        if verdict == CUT:
            request.close_connection = True
        elif verdict == FORWARD:
            self._forward(request, body)
        else:
            self._refuse(request, verdict)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        response = self._cluster.pool.request(
            request.command,
            self._cluster.server + request.path,
            body=body or None,
            headers=headers,
            preload_content=False,
        )
        try:
            request.send_response(response.status)
            request.send_header("Content-Type", "application/json")
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            cuts = self._cuts
            for part in response.stream(65536):
                if self._cuts > cuts:
                    request.close_connection = True
                    return
                _chunk(request, part)
            _chunk(request, b"")
        except OSError:  # the module has gone away
            request.close_connection = True
        finally:
            response.close()

    def _refuse(self, request: BaseHTTPRequestHandler, status: int) -> None:
        body = json.dumps({"kind": "Status", "message": f"refused with {status} by the test"}).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        if status == 429:
            request.send_header("Retry-After", str(self.retry_after))
        request.end_headers()
        request.wfile.write(body)


def _chunk(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
    request.wfile.flush()
