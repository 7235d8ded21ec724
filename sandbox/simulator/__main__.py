# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sandbox.simulator <the arguments of the container>``.

Three variables change where it listens and how long it lives, and nothing else: SANDBOX_BIND (address, 127.0.0.1 by
default), SANDBOX_PORT (in place of --port, so that many can run on one machine) and SANDBOX_LIFELINE (when set, the
process ends as soon as its standard input is closed, that is when the process that started it is gone).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

from aiohttp import web

from sandbox.simulator.server import Simulator
from sandbox.simulator.settings import Settings, UsageError, parse


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    try:
        settings = parse(sys.argv[1:], os.environ)
    except UsageError as error:
        print(f"llm-d-inference-sim (sandbox): {error}", file=sys.stderr)
        return 2
    bind, port = os.environ.get("SANDBOX_BIND", "127.0.0.1"), int(os.environ.get("SANDBOX_PORT", settings.port))
    try:
        asyncio.run(_serve(settings, bind, port, os.environ))
    except OSError as error:
        print(f"cannot listen at {bind}:{port}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings, bind: str, port: int, environment: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if environment.get("SANDBOX_LIFELINE"):
        loop.add_reader(0, stop.set)
    # handler_cancellation: a client that goes away ends its request, as in a real model server.
    runner = web.AppRunner(
        Simulator(settings, environment).application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.5
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, bind, port).start()
        print(f"model {', '.join(settings.names)} at http://{bind}:{port} in mode {settings.mode}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
