# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may give a key away: every value that ever was a key, and every command line and environment of a process."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.module.cluster import Cluster
from tests.sandboxes import KEYS_PLACE

# Half a key is a leak too.
_PIECE = 24
_BETWEEN_LOOKS = 0.05


@contextmanager
def _all_the_time(look: Callable[[], None]) -> Iterator[None]:
    """Look in a thread, again and again, and once more at the end."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(_BETWEEN_LOOKS):
            look()
        look()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Keys:
    """Every value that was in a Secret of Kuadrant's namespace, even for a moment."""

    def __init__(self, cluster: Cluster) -> None:
        self.values: set[str] = set()
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{KEYS_PLACE}/secrets"
        self._version = cluster.request("GET", self._path)["metadata"]["resourceVersion"]

    def watched(self) -> AbstractContextManager[None]:
        """Follow all changes meanwhile."""
        return _all_the_time(self._follow)

    def _follow(self) -> None:
        """Follow the changes of one second."""
        query = f"?watch=true&timeoutSeconds=1&resourceVersion={self._version}"
        answer = self._cluster.pool.request("GET", self._cluster.server + self._path + query)
        for line in answer.data.splitlines():
            secret = json.loads(line)["object"]
            self._version = secret["metadata"]["resourceVersion"]
            encoded = (secret.get("data") or {}).get("api_key")
            if encoded:
                self.values.add(base64.b64decode(encoded).decode())


class Processes:
    """Every command line and environment that processes of this machine had, as far as this user may see them."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()

    def watched(self) -> AbstractContextManager[None]:
        """Look at all processes meanwhile."""
        return _all_the_time(self._look)

    def _look(self) -> None:
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                self.seen.update(_texts(folder))

    def ran(self, *words: str) -> bool:
        """Whether all these words were on one command line."""
        return any(all(word.encode() in text for word in words) for text in self.seen)


def _texts(process: Path) -> Iterator[bytes]:
    for name in ("cmdline", "environ"):
        # It may have ended, or belong to somebody else.
        with suppress(OSError):
            yield (process / name).read_bytes()


def given_away(values: Iterable[str], text: bytes) -> bool:
    """Say whether a text holds a key, or half of one, in clear or as Kubernetes keeps it."""
    return any(piece in text for value in values for piece in _pieces(value))


def _pieces(value: str) -> Iterator[bytes]:
    for form in (value.encode(), base64.b64encode(value.encode())):
        yield form[:_PIECE]
        yield form[-_PIECE:]
