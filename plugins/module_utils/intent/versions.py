# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``maas_versions`` may say: what is installed, in which version and from where."""

from __future__ import annotations

from dataclasses import dataclass, field

from .rules import IMAGE, RELEASE, VERSION
from .schema import Record, Text, obeys

_CHART = Text(r"[a-z0-9]([-a-z0-9._]*[a-z0-9])?", "the name of a chart in its repository", 250)
_REPOSITORY = Text(r"(oci|https?)://[!-~]+", "an address that begins with https:// or oci://", 1000)
_MANIFEST = Text(r"(https?:/)?/[!-~]+", "an address that begins with https://, or an absolute path", 1000)


@dataclass(frozen=True)
class Manifest:
    """Definitions in one file."""

    version: str = field(metadata=obeys(RELEASE))
    manifest: str = field(metadata=obeys(_MANIFEST))


@dataclass(frozen=True)
class Chart:
    """A Helm chart."""

    version: str = field(metadata=obeys(RELEASE))
    chart: str = field(metadata=obeys(_CHART))
    repository: str = field(metadata=obeys(_REPOSITORY))


@dataclass(frozen=True)
class KuadrantChart(Chart):
    """The chart of Kuadrant, whose version decides what the gateway needs beside it."""

    version: str = field(metadata=obeys(VERSION))


@dataclass(frozen=True)
class Image:
    """A container image."""

    version: str = field(metadata=obeys(RELEASE))
    image: str = field(metadata=obeys(IMAGE))


@dataclass(frozen=True)
class Versions:
    """All that the platform installs; who gives it gives the whole."""

    gateway_api: Manifest = field(metadata=obeys(Record(Manifest)))
    cert_manager: Chart = field(metadata=obeys(Record(Chart)))
    istio_base: Chart = field(metadata=obeys(Record(Chart)))
    istiod: Chart = field(metadata=obeys(Record(Chart)))
    kserve_crd: Chart = field(metadata=obeys(Record(Chart)))
    kserve: Chart = field(metadata=obeys(Record(Chart)))
    kuadrant_operator: KuadrantChart = field(metadata=obeys(Record(KuadrantChart)))
    simulator: Image = field(metadata=obeys(Record(Image)))
