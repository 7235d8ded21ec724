# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small web server in the place of a gateway behind which the model ``simulator`` runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Object = dict[str, Any]
Respond = Callable[[str, str, str, str], tuple[int, Object]]

MODELS = {"object": "list", "data": [{"id": "simulator", "object": "model"}]}
KEY = "Bearer abc"
CHAT = {"choices": [{"message": {"role": "assistant", "content": "Yes"}}], "usage": {"total_tokens": 3}}


class FakeGateway:
    """Answers as a gateway should, or as ``respond`` says.

    ``seen`` holds method, host, path and the header ``Authorization`` of each request.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        """:param port: 0 for any that is free."""
        self.respond: Respond = as_it_should
        self.seen: list[tuple[str, str, str, str]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = (self.command, self.headers["Host"], self.path, self.headers.get("Authorization", ""))
                gateway.seen.append(request)
                status, body = gateway.respond(*request)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_POST = do_GET  # noqa: N815  # the name that the base class asks for

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((address, port), Handler)
        self.host, self.port = address, self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """Where it answers, as the module's option."""
        return f"{self.host}:{self.port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def as_it_should(method: str, host: str, path: str, authorization: str) -> tuple[int, Object]:
    """Return what the gateway answers when all is well."""
    if host.partition(":")[0].lower() != "simulator.maas.local":
        return 404, {}
    if authorization != KEY:
        return 401, {"error": {"code": "invalid_api_key"}}
    return 200, CHAT if path == "/v1/chat/completions" else MODELS
