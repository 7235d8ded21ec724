# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in kubelet: ``python -m sandbox.kubelet``.

Runs one simulator process for each running Pod with a container of the simulator image, and writes its address into an
annotation of the Pod once it answers. Containers of other images are not run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO

import aiohttp

from sandbox.apiserver import ApiError, ApiServer, Informer, Resource, read_kubeconfig
from sandbox.errors import SandboxError
from sandbox.paths import package
from sandbox.processes import MARK
from sandbox.workload import CONTAINER_PORT, ENDPOINT, Workload, workload_of

FIELD_MANAGER = "sandbox-kubelet"
PODS = Resource("", "v1", "pods")
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", MARK)
_SECONDS_TO_STOP = 2.0
_SETTLE = 0.02
_SHORTEST_BACKOFF, _LONGEST_BACKOFF = 1.0, 30.0
_STEADY = 60.0
"""Seconds after which a process counts as steady, so that its next death is a first one again."""
_log = logging.getLogger(__name__)


class Kubelet:
    """Keeps one keeper per simulator Pod."""

    def __init__(self, api: ApiServer, logs: Path) -> None:
        self._changed = asyncio.Event()
        self._pods = Informer(api, PODS, self._changed.set)
        self._api = api
        self._logs = logs
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled; then stop all processes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pods.run())
                await self._pods.synced.wait()
                while True:
                    self._changed.clear()
                    self._follow()
                    await self._changed.wait()
                    await asyncio.sleep(_SETTLE)
        finally:
            keepers = list(self._keepers.values())
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    def _follow(self) -> None:
        wanted = {}
        for pod in self._pods.objects.values():
            workload = workload_of(pod)
            if workload:
                wanted[workload.uid] = (workload, ENDPOINT in pod["metadata"].get("annotations", {}))
        for uid in self._keepers.keys() - wanted.keys():
            self._keepers[uid].cancel()
        for uid, (workload, annotated) in wanted.items():
            if uid not in self._keepers:
                keeper = Keeper(self._api, workload, self._logs / f"{workload.pod[1]}.log")
                self._keepers[uid] = asyncio.create_task(keeper.run(annotated))
                self._keepers[uid].add_done_callback(partial(self._forget, uid))

    def _forget(self, uid: str, keeper: asyncio.Task[None]) -> None:
        del self._keepers[uid]
        if not keeper.cancelled():
            _log.error("keeper of Pod %s failed", uid, exc_info=keeper.exception())
        # A Pod that is still there gets a new keeper.
        self._changed.set()


class Keeper:
    """Runs the process of one Pod, again and again, and keeps the Pod's annotation true."""

    def __init__(self, api: ApiServer, workload: Workload, log: Path) -> None:
        self._api = api
        self._workload = workload
        self._log = log

    async def run(self, annotated: bool) -> None:
        """Work until cancelled. ``annotated``: the Pod carries an address, of a process that is not ours."""
        with self._log.open("ab", buffering=0) as output:
            if annotated:
                await self._announce(None)
            if self._workload.problem:
                self._say(output, f"not ready, ever: {self._workload.problem}")
                await asyncio.Event().wait()
            loop = asyncio.get_running_loop()
            backoff = _SHORTEST_BACKOFF
            while True:
                started = loop.time()
                status = await self._run_once(output)
                if loop.time() - started > _STEADY:
                    backoff = _SHORTEST_BACKOFF
                self._say(output, f"ended with status {status}; next start in {backoff:.0f} s")
                await self._announce(None)
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, _LONGEST_BACKOFF)

    async def _run_once(self, output: IO[bytes]) -> int:
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox.simulator", *self._workload.arguments),
            env=_environment(self._workload.environment, port),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
        try:
            probing = asyncio.create_task(self._announce_when_ready(port))
            try:
                return await process.wait()
            finally:
                probing.cancel()
        finally:
            await _stop(process)

    async def _announce_when_ready(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}{self._workload.probe}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while not await _answers(session, url):
                await asyncio.sleep(0.1)
        await self._announce(f"127.0.0.1:{port}")

    async def _announce(self, address: str | None) -> None:
        """Write the annotations, or remove them, for as long as this very Pod exists."""
        annotations = {ENDPOINT: address, CONTAINER_PORT: str(self._workload.port) if address else None}
        change = {"metadata": {"uid": self._workload.uid, "annotations": annotations}}
        while True:
            try:
                await self._api.patch(PODS, self._workload.pod, change)
            except ApiError as error:
                if error.status in (404, 409):
                    return
                _log.warning("Pod %s: %s", self._workload.pod[1], error)
            except (aiohttp.ClientError, OSError) as error:
                _log.warning("Pod %s: API server out of reach: %s", self._workload.pod[1], error)
            else:
                _log.info("Pod %s: %s", "/".join(self._workload.pod), address or "no process")
                return
            await asyncio.sleep(1)

    def _say(self, output: IO[bytes], text: str) -> None:
        _log.info("Pod %s: %s", "/".join(self._workload.pod), text)
        output.write(f"kubelet: {text}\n".encode())


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status < 400
    except (aiohttp.ClientError, OSError):
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_SECONDS_TO_STOP):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(container: Mapping[str, str], port: int) -> dict[str, str]:
    """The container's own variables, and below them what a process needs here; the latter win."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # The lifeline: when this process is gone, however it went, the simulator's standard input closes and it ends.
    ours = {"SANDBOX_BIND": "127.0.0.1", "SANDBOX_PORT": str(port), "SANDBOX_LIFELINE": "1"}
    return {**container, **inherited, **ours, "PYTHONPATH": str(package().parent)}


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.kubelet", description="The sandbox's stand-in kubelet.")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="how to reach the API server")
    parser.add_argument("--logs", type=Path, required=True, help="folder for the output of the processes: POD.log")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(run(options.kubeconfig, options.logs))
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def run(kubeconfig: Path, logs: Path) -> None:
    """Work until the process is told to stop. Raises SandboxError."""
    credentials = read_kubeconfig(kubeconfig)
    logs.mkdir(parents=True, exist_ok=True)
    async with ApiServer(credentials, FIELD_MANAGER) as api:
        work = asyncio.create_task(Kubelet(api, logs).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        await asyncio.wait([work])
        if not work.cancelled() and (error := work.exception()):
            raise error


if __name__ == "__main__":
    sys.exit(main())
