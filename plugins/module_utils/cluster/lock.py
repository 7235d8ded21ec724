# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time may change a set: a Lease beside the set's parent.

A run that was killed leaves its Lease behind. The next run takes it over at once when the holder was a process of the
same host that is gone, else when the Lease was not renewed for its whole duration as seen by our own clock.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from ..applyset import Parent
from ..errors import ApiError, SetBusyError
from ..plan import MANAGER
from .api import Api, Object, object_path

_DURATION_SECONDS = 15
_RENEW_SECONDS = 5
_PREFIX = "/apis/coordination.k8s.io/v1"


@contextmanager
def locked(api: Api, parent: Parent, patience: float) -> Iterator[bool]:
    """Hold the lock of a set; yields whether another run had to be waited for.

    :param patience: seconds to wait for another run.
    :raises SetBusyError: naming the holder when it is still at work after that.
    """
    holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    waited = _acquire(api, parent, holder, patience)
    stop = threading.Event()
    renewer = threading.Thread(target=_renew, args=(api, parent, stop), daemon=True)
    renewer.start()
    try:
        yield waited
    finally:
        stop.set()
        renewer.join()
        api.delete(_path(parent))


def _path(parent: Parent) -> str:
    return object_path(_PREFIX, "leases", parent.namespace, parent.object_name)


def _lease(parent: Parent, holder: str) -> Object:
    now = _now()
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": parent.object_name, "namespace": parent.namespace},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": _DURATION_SECONDS,
            "acquireTime": now,
            "renewTime": now,
        },
    }


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _acquire(api: Api, parent: Parent, holder: str, patience: float) -> bool:
    begin = seen_at = time.monotonic()
    seen = ""
    waited = False
    while True:
        try:
            api.create(object_path(_PREFIX, "leases", parent.namespace), _lease(parent, holder), MANAGER)
            return waited
        except ApiError as error:
            if error.status != 409:
                raise
        lease = api.get(_path(parent))
        if lease is None:
            continue
        waited = True
        if lease["metadata"]["resourceVersion"] != seen:
            seen, seen_at = lease["metadata"]["resourceVersion"], time.monotonic()
        if _holder_is_gone(lease) or time.monotonic() - seen_at > _DURATION_SECONDS:
            _take_away(api, parent, lease)
        elif time.monotonic() - begin > patience:
            raise SetBusyError(
                f"Another run changes the set {parent.name} since {lease['spec'].get('acquireTime')}: "
                f"{lease['spec'].get('holderIdentity')} (host/process). Run again when it has finished."
            )
        else:
            _until_changed(api, parent, lease)


def _holder_is_gone(lease: Object) -> bool:
    host, _slash, rest = str(lease["spec"].get("holderIdentity", "")).partition("/")
    process = rest.partition("/")[0]
    return host == socket.gethostname() and process.isdigit() and not os.path.exists(f"/proc/{process}")


def _take_away(api: Api, parent: Parent, lease: Object) -> None:
    try:
        api.delete(_path(parent), uid=lease["metadata"]["uid"])
    except ApiError as error:
        if error.status != 409:
            raise


def _until_changed(api: Api, parent: Parent, lease: Object) -> None:
    """Return when a Lease in the namespace changes, or after a few seconds."""
    path = object_path(_PREFIX, "leases", parent.namespace)
    for _event in api.watch(path, lease["metadata"]["resourceVersion"], "", 3):
        return


def _renew(api: Api, parent: Parent, stop: threading.Event) -> None:
    while not stop.wait(_RENEW_SECONDS):
        try:
            api.merge(_path(parent), {"spec": {"renewTime": _now()}}, MANAGER)
        except ApiError:
            # The work itself meets the same trouble and reports it.
            continue
