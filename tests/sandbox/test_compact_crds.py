# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compact CRDs: no rule in them that the full ones do not have, and what they refuse.

The full CRDs are in the folder that ``MAAS_UPSTREAM_CRDS`` names, below ``kserve-0.20.0``; without it they are not
compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox import shell as tools
from tests.sandbox.chart_objects import NAMESPACE, Object, inference_service, namespace
from tests.sandbox.shell import Shell

KINDS = ("inferenceservices", "servingruntimes", "clusterservingruntimes")


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """A cluster with the CRDs and nothing that acts on them."""
    shell = tools.shell()
    shell.apply(namespace(NAMESPACE))
    shell.install("compact", "kserve-crd", NAMESPACE)
    yield shell
    shell.uninstall("compact", NAMESPACE)
    shell.kubectl("delete", "namespace", NAMESPACE)


def full(plural: str) -> Object:
    """The CRD as KServe publishes it."""
    folder = os.environ.get("MAAS_UPSTREAM_CRDS")
    if not folder:
        pytest.skip("MAAS_UPSTREAM_CRDS names no folder with the full CRDs")
    text = (Path(folder) / "kserve-0.20.0" / f"serving.kserve.io_{plural}.yaml").read_text(encoding="utf-8")
    return dict(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


# What differs by intent: ours are closed where theirs are open, and say less.
LET_PASS = {"description", "x-kubernetes-preserve-unknown-fields"}


def differences(ours: Object, theirs: Object, path: str = "") -> Iterator[str]:
    """Name each place where our schema demands, allows or means something else than theirs."""
    for key in {*ours, *theirs} - {"properties", "items", "additionalProperties", "required"} - LET_PASS:
        if ours.get(key) != theirs.get(key):
            yield f"{path}: {key} is {ours.get(key)!r}, theirs {theirs.get(key)!r}"
    if missing := set(ours.get("required", ())) ^ set(theirs.get("required", ())):
        yield f"{path}: required differs in {sorted(missing)}"
    for name, schema in ours.get("properties", {}).items():
        if name in theirs.get("properties", {}):
            yield from differences(schema, theirs["properties"][name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: not theirs"
    for key in ("items", "additionalProperties"):
        if key in ours and key in theirs:
            yield from differences(ours[key], theirs[key], f"{path}.{key}")
        elif key in ours:
            yield f"{path}: {key} is not theirs"


@pytest.mark.parametrize("plural", KINDS)
def test_agrees_with_the_full_one(shell: Shell, plural: str) -> None:
    ours = shell.get("crd", f"{plural}.serving.kserve.io")["spec"]
    theirs = full(plural)["spec"]
    for key in ("group", "names", "scope"):
        assert ours[key] == theirs[key]
    (our_version,), (their_version,) = ours["versions"], theirs["versions"]
    for key in ("name", "served", "storage", "subresources", "additionalPrinterColumns"):
        assert our_version.get(key) == their_version.get(key)
    schemas = (version["schema"]["openAPIV3Schema"] for version in (our_version, their_version))
    assert list(differences(*schemas)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("predictor", None),
        ("predictor.minReplicas", "two"),
        ("predictor.scaleMetric", "tokens"),
        ("predictor.replicas", 1),
        ("predictor.storageUris", []),
        ("predictor.model", {"modelFormat": {"version": "1"}}),
        ("predictor.containers.0.name", None),
        ("predictor.containers.0.resources.requests.cpu", "much"),
        ("predictor.containers.0.ports.0.containerPort", None),
        ("predictor.containers.0.env.1.name", "FIRST"),
        ("predictor.volumes.0.persistentVolumeClaim", {}),
        ("predictor.securityContext.seccompProfile", {}),
    ],
)
def test_refuses(shell: Shell, path: str, value: Any) -> None:
    thing = inference_service("refused")
    shell.apply(thing, dry_run=True)
    *parents, last = path.split(".")
    place: Any = thing["spec"]
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    assert "spec" in shell.apply(thing, ok=False)
