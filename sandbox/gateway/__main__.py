# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sandbox.gateway``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from sandbox.apiserver import ApiServer, read_kubeconfig
from sandbox.errors import SandboxError
from sandbox.gateway import admin, stages
from sandbox.gateway.controller import Controller
from sandbox.gateway.forward import Forwarder
from sandbox.gateway.listeners import Sockets
from sandbox.gateway.plan import address_of
from sandbox.gateway.proxy import Proxy
from sandbox.kuadrant.platform import Kuadrant

FIELD_MANAGER = "sandbox-gateway"


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.gateway", description="The sandbox's stand-in gateway.")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="how to reach the API server")
    parser.add_argument("--index", type=_index, required=True, help="number of the sandbox, the last of 127.0.*.INDEX")
    parser.add_argument("--admin-file", type=Path, help="file to write the URL of the admin port to")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(run(options.kubeconfig, options.index, options.admin_file))
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _index(text: str) -> int:
    if text.isdigit() and 1 <= int(text) <= 254:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no index of a sandbox: a number from 1 to 254 is needed")


async def run(kubeconfig: Path, index: int, admin_file: Path | None) -> None:
    """Serve until the process is told to stop. Raises SandboxError."""
    credentials = read_kubeconfig(kubeconfig)
    async with ApiServer(credentials, FIELD_MANAGER) as api, Forwarder() as forward:
        kuadrant = Kuadrant()
        # The shim comes before the route's filters: what these remove, it has seen (S8).
        way = (stages.match_listener, stages.match_route, kuadrant.shim, stages.apply_filters, forward)
        proxy = Proxy(stages.chain((kuadrant.lua, *way)))
        sockets = Sockets(proxy.handler)
        controller = Controller(api, index, proxy, sockets, kuadrant)
        runner = await admin.serve(controller, address_of(1, index), admin_file)
        work = asyncio.create_task(controller.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            pass
        finally:
            await sockets.close()
            await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
