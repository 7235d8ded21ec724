# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time may change a set: a Lease beside the set's parent.

A run that was killed leaves its Lease behind. The next run takes it away at once when the holder was a process that we
would see and is gone, else when it was not renewed for its whole duration as measured by our own clock.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

from ..applyset import Parent
from ..errors import ApiError, SetBusyError
from ..ownership import MANAGER
from .api import Api, Object, object_path

_DURATION_SECONDS = 15
_RENEW_SECONDS = 5
_PREFIX = "/apis/coordination.k8s.io/v1"

MakePlace = Callable[[], None]
StillHeld = Callable[[], None]


@contextmanager
def locked(api: Api, parent: Parent, patience: float, make_place: MakePlace | None = None) -> Iterator[StillHeld]:
    """Hold the lock of a set. What was read before may be out of date by then: another run may just have finished.

    Gives a function to call before each part of the work: it raises SetBusyError when this process slept for so long
    that another run has taken the lock away.

    :param patience: seconds to wait for another run.
    :param make_place: makes the parent's namespace; called when it is not there or is being deleted.
    :raises SetBusyError: naming the holder when it is still at work after that.
    """
    lease = _acquire(api, parent, patience, make_place)
    stop, lost = threading.Event(), threading.Event()
    renewer = threading.Thread(target=_renew, args=(api, parent, lease, stop, lost), daemon=True)
    renewer.start()

    def still_held() -> None:
        if lost.is_set():
            raise SetBusyError(
                f"This run stood still for so long that another one has begun to change the set {parent.name}. "
                "It stopped where it was: run again when the other has finished."
            )

    try:
        yield still_held
    except BaseException:
        with suppress(ApiError):  # What went wrong before matters more, and the Lease runs out by itself.
            _release(api, parent, lease, stop)
        raise
    _release(api, parent, lease, stop)


def _acquire(api: Api, parent: Parent, patience: float, make_place: MakePlace | None) -> Object:
    begin = seen_at = time.monotonic()
    seen = ""
    while True:
        mine = _create(api, parent, make_place)
        if mine is not None:
            return mine
        lease = api.get(_path(parent))
        if lease is None:
            continue
        if lease["metadata"]["resourceVersion"] != seen:
            seen, seen_at = lease["metadata"]["resourceVersion"], time.monotonic()
        duration = lease["spec"].get("leaseDurationSeconds") or _DURATION_SECONDS
        if _holder_is_gone(lease) or time.monotonic() - seen_at > duration:
            _take_away(api, parent, lease)
        elif time.monotonic() - begin > patience:
            raise SetBusyError(
                f"Another run changes the set {parent.name} since {lease['spec'].get('acquireTime')}: "
                f"{lease['spec'].get('holderIdentity')} (host/process). Run again when it has finished."
            )
        else:
            _until_changed(api, parent, lease)


def _create(api: Api, parent: Parent, make_place: MakePlace | None) -> Object | None:
    """Create our Lease and return it, or None where there is one already."""
    try:
        return api.create(object_path(_PREFIX, "leases", parent.namespace), _lease(parent), MANAGER)
    except ApiError as error:
        if error.status == 409:
            return None
        if make_place is None or (error.status != 404 and error.reason != "NamespaceTerminating"):
            raise
    make_place()
    return _create(api, parent, None)


def _lease(parent: Parent) -> Object:
    now = _now()
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": parent.object_name, "namespace": parent.namespace},
        "spec": {
            "holderIdentity": f"{holder(os.getpid())}/{uuid.uuid4().hex[:8]}",
            "leaseDurationSeconds": _DURATION_SECONDS,
            "acquireTime": now,
            "renewTime": now,
        },
    }


def holder(process: int) -> str:
    """Return how a process of this place is called: ``<host>/<process>/<place>``.

    The place tells apart what may have a host's name in common: machines, by the start of their kernel, and containers,
    which number their processes anew.
    """
    return f"{socket.gethostname()}/{process}/{_place()}"


def _place() -> str:
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{started}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # Not on Linux: no other place is taken for this one.
        return f"unknown-{uuid.uuid4().hex}"


def _holder_is_gone(lease: Object) -> bool:
    name = str(lease["spec"].get("holderIdentity", ""))
    process = [*name.split("/"), ""][1]
    if not process.isdecimal():
        return False
    return name.startswith(f"{holder(int(process))}/") and not _runs(int(process))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # It is there, though not ours to signal.
        return True
    return True


def _take_away(api: Api, parent: Parent, lease: Object) -> None:
    """Delete exactly this Lease, not one that another run has made meanwhile."""
    try:
        api.delete(_path(parent), uid=lease["metadata"]["uid"])
    except ApiError as error:
        if error.status != 409:
            raise


def _release(api: Api, parent: Parent, lease: Object, stop: threading.Event) -> None:
    stop.set()
    _take_away(api, parent, lease)


def _until_changed(api: Api, parent: Parent, lease: Object) -> None:
    """Return when the Lease changes, or after a few seconds."""
    path = object_path(_PREFIX, "leases", parent.namespace)
    for _event in api.watch(path, lease["metadata"]["resourceVersion"], "", 3, parent.object_name):
        return


def _renew(api: Api, parent: Parent, lease: Object, stop: threading.Event, lost: threading.Event) -> None:
    mine = {"uid": lease["metadata"]["uid"]}
    while not stop.wait(_RENEW_SECONDS):
        try:
            api.merge(_path(parent), {"metadata": mine, "spec": {"renewTime": _now()}}, MANAGER)
        except ApiError as error:
            # Gone, or another one by now. The work itself meets any other trouble, and reports it.
            if error.status in (404, 409):
                lost.set()
                return


def _path(parent: Parent) -> str:
    return object_path(_PREFIX, "leases", parent.namespace, parent.object_name)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
