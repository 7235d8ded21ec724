# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run modules as Ansible's wrapper does on a host: arguments as JSON, the answer as JSON on stdout.

``python run_module.py MODULE TIMES`` runs one of ours, or one by its full name in Python, with arguments from stdin. It
writes to the file TIMES how many seconds it took to load Ansible's own code, and then the module from its first import
to its last word.

``python run_module.py`` runs one for each line on its stdin that names a module and a folder with its ``arguments``;
the folder gets ``stdout`` and ``stderr``. Each runs in a process of its own, whose number is answered, and which starts
with the libraries loaded but with nothing of ours: that saves half a second each time.
"""

from __future__ import annotations

import time

_BEGIN = time.monotonic()

import atexit  # noqa: E402  # the clock starts before the first import that costs anything
import json  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402

from ansible.module_utils import basic  # noqa: E402

PLACE = "ansible_collections.maas_billing.platform.plugins.modules"


def run(module: str, arguments: bytes) -> None:
    """Hand the arguments over in the way of the ansible-core that is installed, and run the module to its end."""
    basic._ANSIBLE_ARGS = arguments
    if hasattr(basic, "_ANSIBLE_PROFILE"):  # since ansible-core 2.19
        basic._ANSIBLE_PROFILE = "legacy"
    runpy.run_module(module if "." in module else f"{PLACE}.{module}", run_name="__main__", alter_sys=True)


def run_timed(module: str, times: str) -> None:
    """Run a module and write down how long it took."""
    arguments = sys.stdin.buffer.read()
    ready = time.monotonic()
    try:
        run(module, arguments)
    finally:
        with open(times, "w", encoding="utf-8") as file:
            json.dump({"ansible": ready - _BEGIN, "module": time.monotonic() - ready}, file)


def serve() -> None:
    """Start a process for each line on stdin, until there are no more."""
    import gc

    import jmespath  # noqa: F401
    import kubernetes  # noqa: F401
    import yaml  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone at once
    gc.freeze()
    for line in sys.stdin:
        module, folder = line.split()
        process = os.fork()
        if not process:
            _serve_one(module, folder)
        print(process, flush=True)


def _serve_one(module: str, folder: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT), number)
    with open(os.path.join(folder, "arguments"), "rb") as file:
        arguments = file.read()
    try:
        run(module, arguments)
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    # Python would spend more time on taking the libraries apart than the module needs for its work.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_timed(sys.argv[1], sys.argv[2])
    else:
        serve()
