# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, folders and namespaces that settings name: looked at before anything changes, not when they are missed."""

from __future__ import annotations

import os
from typing import Any

from .applyset import RECORDS
from .cluster.api import Api, object_path
from .errors import Problem
from .intent.platform import Platform
from .intent.settings import Settings, origin
from .sinks import FileSink, SinkError


def missing_places(settings: dict[str, Any], purpose: str | None) -> list[Problem]:
    """Return a problem for each folder that is not on this machine, and would be missed at the end of the work only."""
    bundle, report = (
        os.path.expanduser(str(settings.get(name) or "")) for name in ("maas_bundle_dir", "maas_junit_file")
    )
    problems = []
    if purpose == "install" and bundle and not os.path.isdir(bundle):
        allowed = "a folder on this machine with charts/ and manifests/"
        problems.append(Problem("maas_bundle_dir", f"{bundle} was given", allowed))
    if purpose in ("install", "verify") and report and not os.path.isdir(os.path.dirname(report) or "."):
        problems.append(Problem("maas_junit_file", f"{report} was given", "a file in a folder that exists"))
    return problems


def check_sink(api: Api, platform: Platform | None, settings: Settings, given: dict[str, Any]) -> None:
    """See that keys can be handed over, before anything changes.

    :raises SinkError: when the file or the namespace is no place for them.
    """
    if settings.kuadrant_keys_sink == "file":
        FileSink(os.path.expanduser(settings.kuadrant_keys_file or ""), origin("kuadrant_keys_file", given))
    place = settings.kuadrant_keys_namespace or ""
    if settings.kuadrant_keys_sink == "secret" and place not in _made_before_keys(platform):
        check_namespace(api, place, origin("kuadrant_keys_namespace", given))


def _made_before_keys(platform: Platform | None) -> set[str]:
    return {RECORDS, platform.gateway_namespace, platform.kuadrant_namespace} if platform else {RECORDS}


def check_namespace(api: Api, place: str, variable: str) -> None:
    """See that somebody prepared the namespace into which keys are put.

    :param variable: what messages call it.
    :raises SinkError: when it does not exist.
    """
    if api.get(object_path("/api/v1", "namespaces", None, place)) is None:
        raise SinkError(f"{variable}: there is no namespace {place}. Nothing was changed. Make it first.")
