# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server that is away for a while, as while its node is started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox import kwokctl, parts, state
from sandbox.errors import SandboxError
from sandbox.paths import Home


@contextmanager
def without_apiserver(home: Home) -> Iterator[None]:
    """Kill the API server of a sandbox; start it again at the end of the block, and wait until every part is well.

    Raises SandboxError when the sandbox is not up, or when a part does not come back.
    """
    known = state.load(home.state)
    if known is None or not known.complete:
        raise SandboxError(f"The sandbox {home.name!r} is not up.\nStart it: python -m sandbox up --name {home.name}")
    kwokctl.kill(home, "kube-apiserver")
    try:
        yield
    finally:
        kwokctl.start(home)
        parts.wait(home, known, say=lambda _text: None)
