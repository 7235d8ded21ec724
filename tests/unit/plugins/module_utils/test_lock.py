# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time: the API server here is a small one that knows Leases and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster import lock
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.lock import locked
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError, SetBusyError
from tests.unit.plugins.server import Reply, Request, Server

PARENT = Parent("notes", "home")


class Leases:
    """The one Lease of the set, as the server keeps it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self._version = 0
        self._lock = threading.Lock()

    def keep(self, holder: str, seconds: int = 15) -> None:
        """Let ``holder`` hold the Lease."""
        self._version += 1
        metadata = {"name": "maas-notes", "uid": str(self._version), "resourceVersion": str(self._version)}
        spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "acquireTime": "2026-11-23T02:00:00.000000Z"}
        self.lease = {"metadata": metadata, "spec": spec}

    def answer(self, request: Request) -> Reply:
        if request.query.get("watch"):
            time.sleep(0.05)
            return Reply(pieces=())
        with self._lock:
            return getattr(self, f"_{request.method.lower()}")(request)

    def _post(self, request: Request) -> Reply:
        if self.lease is not None:
            return Reply(409, {"message": "exists"})
        self.keep(request.json["spec"]["holderIdentity"])
        return Reply(201, self.lease)

    def _get(self, _request: Request) -> Reply:
        return Reply(200, self.lease) if self.lease else Reply(404)

    def _delete(self, request: Request) -> Reply:
        if self.lease is None:
            return Reply(404)
        uid = request.json.get("preconditions", {}).get("uid")
        if uid not in (None, self.lease["metadata"]["uid"]):
            return Reply(409, {"message": "another one"})
        self.lease = None
        return Reply(200)


@pytest.fixture
def leases(server: Server) -> Leases:
    kept = Leases()
    server.answer = kept.answer
    return kept


@pytest.fixture
def api(server: Server) -> Api:
    return Api(configuration({"host": server.url, "api_key": "abc"}, {}), "tests")


def holder_like_us(leases: Leases, api: Api, process: int) -> str:
    """Return how a run of this host with another process id would call itself."""
    with locked(api, PARENT, 5):
        assert leases.lease is not None
        host, _process, *rest = leases.lease["spec"]["holderIdentity"].split("/")
    return "/".join([host, str(process), *rest])


def finished_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lease_names_its_holder_and_goes_with_the_block(leases: Leases, api: Api) -> None:
    with locked(api, PARENT, 5):
        assert leases.lease is not None
        assert leases.lease["spec"]["holderIdentity"].startswith(f"{socket.gethostname()}/{os.getpid()}/")
    assert leases.lease is None


def test_the_lease_goes_when_the_work_fails_and_the_failure_is_told(leases: Leases, api: Api) -> None:
    with pytest.raises(ApiError, match="the work"), locked(api, PARENT, 5):
        raise ApiError("the work went wrong")
    assert leases.lease is None


def test_a_run_that_is_at_work_is_waited_for_and_then_named(leases: Leases, api: Api) -> None:
    leases.keep("other-host/7/1/abc")
    begin = time.monotonic()

    with pytest.raises(SetBusyError) as caught, locked(api, PARENT, 0.3):
        raise AssertionError("the lock was not ours to have")
    assert time.monotonic() - begin >= 0.3
    assert str(caught.value) == (
        "Another run changes the set notes since 2026-11-23T02:00:00.000000Z: other-host/7/1/abc (host/process). "
        "Run again when it has finished."
    )
    assert leases.lease is not None


def test_a_run_that_finishes_makes_place(leases: Leases, api: Api) -> None:
    leases.keep("other-host/7/1/abc")
    threading.Timer(0.2, lambda: setattr(leases, "lease", None)).start()

    with locked(api, PARENT, 10):
        assert leases.lease is not None
        assert "other-host" not in leases.lease["spec"]["holderIdentity"]


def test_the_lease_of_a_process_of_this_host_that_is_gone_is_taken_at_once(leases: Leases, api: Api) -> None:
    leases.keep(holder_like_us(leases, api, finished_process()))

    with locked(api, PARENT, 0):
        assert leases.lease is not None
        assert f"/{os.getpid()}/" in leases.lease["spec"]["holderIdentity"]


def test_the_lease_of_a_process_of_this_host_that_runs_is_respected(leases: Leases, api: Api) -> None:
    leases.keep(holder_like_us(leases, api, os.getppid()))

    with pytest.raises(SetBusyError), locked(api, PARENT, 0):
        raise AssertionError("the lock was not ours to have")


@pytest.mark.parametrize("change", [{0: "other-host"}, {2: "12345"}], ids=["host", "container"])
def test_a_process_number_of_elsewhere_says_nothing(leases: Leases, api: Api, change: dict[int, str]) -> None:
    parts = holder_like_us(leases, api, finished_process()).split("/")
    leases.keep("/".join(change.get(index, part) for index, part in enumerate(parts)))

    with pytest.raises(SetBusyError), locked(api, PARENT, 0):
        raise AssertionError("the lock was not ours to have")


def test_a_lease_that_nobody_renews_runs_out(leases: Leases, api: Api) -> None:
    leases.keep("other-host/7/1/abc", seconds=1)
    begin = time.monotonic()

    with locked(api, PARENT, 10):
        assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("holder", ["", "somebody", "a/b/c/d", "///"])
def test_a_lease_of_other_tooling_is_respected(leases: Leases, api: Api, holder: str) -> None:
    leases.keep(holder)

    with pytest.raises(SetBusyError), locked(api, PARENT, 0):
        raise AssertionError("the lock was not ours to have")


@pytest.mark.parametrize("answer", [404, 409], ids=["gone", "another"])
def test_a_run_that_lost_its_lock_is_stopped(
    leases: Leases, api: Api, server: Server, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    monkeypatch.setattr(lock, "_RENEW_SECONDS", 0.01)
    with locked(api, PARENT, 5) as held:
        held()
        server.answer = lambda request: Reply(answer) if request.method == "PATCH" else leases.answer(request)
        deadline = time.monotonic() + 5
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        with pytest.raises(SetBusyError, match="another one has begun to change the set notes"):
            held()


def test_a_run_that_cannot_renew_its_lock_for_a_moment_goes_on(
    leases: Leases, api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_RENEW_SECONDS", 0.01)
    with locked(api, PARENT, 5) as held:
        server.answer = lambda request: Reply(500) if request.method == "PATCH" else leases.answer(request)
        time.sleep(0.1)
        held()
