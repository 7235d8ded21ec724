# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading manifests from files and from the web."""

from __future__ import annotations

import os
from collections.abc import Iterable
from http.client import HTTPException
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
    except (OSError, ValueError, HTTPException, yaml.YAMLError) as error:
        raise ManifestError(f"The manifest {source} cannot be read: {error}.") from error
    objects = [item for document in documents for item in _unfolded(document) if item]
    if not all(isinstance(obj, dict) for obj in objects):
        raise ManifestError(f"The manifest {source} does not hold Kubernetes objects.")
    return objects


def _unfolded(document: Any) -> list[Any]:
    if not isinstance(document, dict) or document.get("kind") != "List":
        return [document]
    items = document.get("items")
    return items if isinstance(items, list) else [items]


def _read_file(path: str) -> bytes:
    with open(os.path.expanduser(path), "rb") as file:
        return file.read()
