# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of Helm releases, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .causes import likely_cure
from .readiness import not_ready
from .workloads import unread

# All that Helm says when pods are late, whatever the reason.
_LATE = re.compile(r"context deadline exceeded|timed out waiting for the condition")
# How Helm tells a request without an answer; who asks for these words has seen that the cluster answers again.
_UNANSWERED = re.compile(r'Kubernetes cluster unreachable|"https?://[^"]+/(?:api/v1|apis/|openapi/|version\b)[^"]*": ')
_AWAY = "The API server was away for a moment, and answers again: run again."
_WRAPPING = re.compile(r"^Failure when executing Helm command.*?stderr:\s*(?:Error: )?", re.DOTALL)


def release_failures(
    attempts: Iterable[Mapping[str, Any]],
    objects: Iterable[Mapping[str, Any]],
    namespace: str,
    seconds: Any,
    hidden: Iterable[str] = (),
) -> list[str]:
    """Return lines that say which releases failed and why.

    The cluster answers by now; it may have been away before.

    :param attempts: results of the module ``kubernetes.core.helm``, some of them failed.
    :param objects: Deployments and pods in the namespace of the releases.
    :param seconds: how long Helm may have waited.
    :param hidden: kinds that the login may not list there.
    """
    failed = [item for item in attempts if item.get("failed")]
    late = [item for item in failed if _LATE.search(_words(item))]
    lines = [_refused(item, namespace) for item in failed if item not in late]
    if late:
        names = ", ".join(_name(item) for item in late)
        lines.append(f"Helm release {names} in the namespace {namespace}: not all of it is ready after {seconds} s.")
        lines += [*not_ready(objects), *(unread(kind, namespace) for kind in hidden)]
        lines.append("Run again when the cause is gone. What only needs longer gets it by maas_wait_timeout.")
    return [line for text in lines for line in text.splitlines()]


def _refused(item: Mapping[str, Any], namespace: str) -> str:
    said = _words(item)
    cure = likely_cure(said) or (_AWAY if _UNANSWERED.search(said) else "")
    where = f"Helm release {_name(item)} in the namespace {namespace}: " if _name(item) else ""
    return f"{where}{said}" + (f"\n  likely cure: {cure}" if cure else "")


def _words(item: Mapping[str, Any]) -> str:
    """Return what Helm said, without the words around it."""
    return _WRAPPING.sub("", str(item.get("msg", "it failed"))).strip()


def _name(item: Mapping[str, Any]) -> str:
    return str((item.get("__maas_release") or {}).get("name", ""))
