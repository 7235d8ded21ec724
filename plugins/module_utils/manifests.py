# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading manifests from files and from the web."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Callable

from .errors import ManifestError


def read_manifests(sources: Iterable[str], fetch: Callable[[str], bytes]) -> list[dict[str, Any]]:
    """Return the objects of YAML files in order; lists are unfolded, empty documents left out.

    :param sources: paths, or ``https://`` addresses that ``fetch`` reads.
    :raises ManifestError: naming the source that cannot be read.
    """
    return [obj for source in sources for obj in _objects(source, fetch)]


def _objects(source: str, fetch: Callable[[str], bytes]) -> list[dict[str, Any]]:
    import yaml

    try:
        text = fetch(source) if source.startswith("https://") else _read_file(source)
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ManifestError(f"The manifest {source} cannot be read: {error}.") from error
    objects = []
    for document in documents:
        items = (
            document.get("items", []) if isinstance(document, dict) and document.get("kind") == "List" else [document]
        )
        objects += [item for item in items if item]
    if not all(isinstance(obj, dict) for obj in objects):
        raise ManifestError(f"The manifest {source} does not hold Kubernetes objects.")
    return objects


def _read_file(path: str) -> bytes:
    with open(os.path.expanduser(path), "rb") as file:
        return file.read()
