# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A webhook that is asked before something is written, and says no: an HTTPS server of the test on this machine."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.identity import Authority, Identity

Object = dict[str, Any]


@contextmanager
def denying(reason: str, folder: Path) -> Iterator[Object]:
    """Deny everything for a while, with a reason; yield the ``clientConfig`` by which an API server comes to ask.

    :param folder: takes the certificate.
    """
    authority = Authority()
    authority.issue(Identity("keeper"), (ExtendedKeyUsageOID.SERVER_AUTH,)).write(folder, "keeper")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "keeper.crt", folder / "keeper.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(reason))
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield {
            "url": f"https://127.0.0.1:{server.server_port}/validate",
            "caBundle": base64.b64encode(authority.own.certificate_pem).decode("ascii"),
        }
    finally:
        server.shutdown()
        server.server_close()


def _answering(reason: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            refusal = {"uid": review["request"]["uid"], "allowed": False, "status": {"code": 403, "message": reason}}
            answer = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": refusal}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Keep quiet: the answers are seen at the API server."""

    return Handler
