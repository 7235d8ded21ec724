# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run verbs of the Makefile in lanes side by side, each lane one verb after the other, until one fails.

    python -m tools.lanes "lint unit" "molecule"

What a verb prints is shown as a whole when it has ended; the last line says what ran and for how long. Most verbs
wait for a cluster most of the time, so two lanes take little longer than the longer of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

_TELL_EVERY_SECONDS = 60


class Run:
    """All lanes of one call."""

    def __init__(self, make: str, folder: Path) -> None:
        """:param folder: where the output of each verb is kept while it runs."""
        self._make = make
        self._folder = folder
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self._at_work: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
        self.stopped = threading.Event()
        self.took: list[str] = []
        self.failed = ""
        self.status = 0

    def lane(self, verbs: list[str]) -> None:
        """Run verbs one after the other, until one of any lane fails."""
        for verb in verbs:
            if self.stopped.is_set():
                return
            self._run(verb)

    def stop(self) -> None:
        """End what is at work, in a way that lets it clean up."""
        self.stopped.set()
        with self._lock:
            for process, _begin in self._at_work.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)

    def tell(self) -> None:
        """Say what is at work, and for how long."""
        with self._lock:
            now = [f"{verb} {time.monotonic() - begin:.0f} s" for verb, (_process, begin) in self._at_work.items()]
            print(f"... at work: {', '.join(now)}", flush=True)

    @property
    def seconds(self) -> str:
        """How long all has taken by now."""
        return f"{time.monotonic() - self._begin:.0f} s"

    def _run(self, verb: str) -> None:
        begin = time.monotonic()
        output = self._folder / f"{verb}.log"
        with output.open("wb") as sink:
            # A group of its own, so that all of it can be ended.
            process = subprocess.Popen(
                [self._make, verb], stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
            )
            with self._lock:
                self._at_work[verb] = process, begin
            if self.stopped.is_set():  # Between the last look and the start.
                self.stop()
            status = process.wait()
        with self._lock:
            del self._at_work[verb]
            self.took.append(f"{verb} {time.monotonic() - begin:.0f} s")
            # What was ended because of another is no failure of its own.
            fails = status != 0 and not self.stopped.is_set()
            if fails:
                self.failed, self.status = verb, status
            if fails or not status:
                print(
                    f"\n=== make {verb}: {'FAILED' if fails else 'passed'} after {self.took[-1].split(maxsplit=1)[1]}"
                )
                sys.stdout.flush()
                sys.stdout.buffer.write(output.read_bytes())
                sys.stdout.flush()
        if fails:
            self.stop()


def main(lanes: list[str], make: str) -> int:
    """Run the lanes and return the exit status of the verb that failed first, or 0."""
    with tempfile.TemporaryDirectory(prefix="maas-lanes-") as folder:
        run = Run(make, Path(folder))
        threads = [threading.Thread(target=run.lane, args=(lane.split(),)) for lane in lanes]
        for thread in threads:
            thread.start()
        try:
            _wait(threads, run)
        except KeyboardInterrupt:
            run.stop()
            _wait(threads, run)
            return 130
    if run.failed:
        print(f"\nFAILED in {run.failed} ({', '.join(run.took)}; all {run.seconds})", file=sys.stderr)
    else:
        print(f"\nAll passed: {', '.join(run.took)}; all {run.seconds}")
    return run.status


def _wait(threads: list[threading.Thread], run: Run) -> None:
    told = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(timeout=0.2)
        if time.monotonic() - told > _TELL_EVERY_SECONDS:
            told = time.monotonic()
            run.tell()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ.get("MAKE", "make")))
