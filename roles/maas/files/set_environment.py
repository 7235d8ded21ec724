# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helm's post-renderer: manifests in, the same with environment variables set in some Deployments out.

``MAAS_DEPLOYMENT_ENVIRONMENT`` says which, as JSON: name of the Deployment -> name of the variable -> value. Every
container of the Deployment gets them. All else goes through letter by letter: nothing is read that need not be.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import yaml

VARIABLE = "MAAS_DEPLOYMENT_ENVIRONMENT"

Manifest = dict[str, Any]
Settings = Mapping[str, Mapping[str, str]]

_SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)
_DEPLOYMENT = re.compile(r"^kind: [\"']?Deployment[\"']?[ \t]*$", re.MULTILINE)


class MissingError(Exception):
    """A Deployment that is to be changed is not among the manifests."""


def with_environment(manifests: str, settings: Settings) -> str:
    """Return the YAML documents, with the settings in the Deployments that they name.

    :raises MissingError: naming every Deployment that is not there: its settings would be lost without a word.
    """
    documents = _SEPARATOR.split(manifests)
    missing = set(settings)
    for index, text in enumerate(documents):
        manifest = yaml.safe_load(text) if _DEPLOYMENT.search(text) else None
        name = manifest["metadata"]["name"] if manifest else ""
        if name in settings:
            missing.discard(name)
            _set(manifest, settings[name])
            documents[index] = f"\n{yaml.safe_dump(manifest, sort_keys=False)}"
    if missing:
        raise MissingError(f"The chart has no Deployment {', no '.join(sorted(missing))} to set variables in.")
    return "---".join(documents)


def _set(deployment: Manifest, variables: Mapping[str, str]) -> None:
    """Replace the chart's own variables of these names, keep the others, and append what it does not have."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        kept = [item for item in container.get("env") or [] if item["name"] not in variables]
        container["env"] = kept + [{"name": name, "value": value} for name, value in variables.items()]


def main() -> int:
    try:
        sys.stdout.write(with_environment(sys.stdin.read(), json.loads(os.environ[VARIABLE])))
    except MissingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
