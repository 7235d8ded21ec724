# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules that inventory values obey, each with the outside rule it stands for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..quantity import amount
from .schema import Text

_LABEL = r"[a-z]([-a-z0-9]*[a-z0-9])?"


def dns_label(longest: int = 63) -> Text:
    """RFC 1035 label, the narrower form that Services and InferenceServices ask for: starts with a letter."""
    return Text(
        _LABEL, "lower-case letters, digits and hyphens, starting with a letter and not ending in a hyphen", longest
    )


NAMESPACE = dns_label()

# A namespace whose labels and rights we set: none of the cluster's own, nor the one that holds our records.
OWN_NAMESPACE = Text(
    rf"(?!(kube-.*|default|maas-system)$){_LABEL}",
    f"{NAMESPACE.allowed.rpartition(',')[0]}; not default, maas-system or what begins with kube-",
    NAMESPACE.longest,
)

# RFC 1123 names as the Gateway API's Hostname type has them, without wildcard: labels of at most 63 characters. What
# ends in a number is an address, or taken for one.
HOSTNAME = Text(
    r"(?=[^.]{1,63}(\.[^.]{1,63})*$)(?!(.*\.)?[0-9]+$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    "a lower-case DNS name such as maas.local, each part at most 63 characters and the last not a number",
    253 - 64,
)

# What clients send as "model"; Hugging Face ids are the longest in use.
MODEL_ID = Text(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", "letters, digits and . _ / : -", 128)


class Quantity(Text):
    """A Kubernetes resource quantity (apimachinery) without exponents, within bounds that tell a wrong unit."""

    def __init__(self, lowest: str, highest: str, examples: str) -> None:
        said = f'a Kubernetes quantity in quotes from "{lowest}" to "{highest}", such as {examples}'
        super().__init__(r"[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?", said, 20)
        self.lowest, self.highest = _amount(lowest), _amount(highest)

    def accepts(self, value: Any) -> bool:
        return super().accepts(value) and self.lowest <= _amount(value) <= self.highest


def _amount(quantity: str) -> Decimal:
    return amount(quantity) or Decimal(0)


CPU = Quantity("1m", "1000", '"500m" or "2"')
BYTES = Quantity("1M", "100Ti", '"512Mi" or "2Gi"')

# Go's time.ParseDuration, as the simulator's flags take it; more digits would not fit into its 64 bits.
DURATION = Text(
    r"0|([0-9]{1,5}(\.[0-9]{1,5})?(ms|s|m))+",
    'a duration such as "250ms", "1.5s" or "0s", each number with at most 5 digits',
    20,
)

_IMAGE_NAME = r"[a-z0-9][-a-z0-9._]*(:[0-9]+)?(/[a-z0-9][-a-z0-9._]*)+"
_TAG = r":(?!latest(@|$))[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
_DIGEST = r"@sha256:[0-9a-f]{64}"

# An image reference that cannot change under us: a digest, or a tag other than `latest`.
IMAGE = Text(
    f"{_IMAGE_NAME}({_TAG}({_DIGEST})?|{_DIGEST})",
    "an image with registry and a fixed tag or digest, such as registry.example/team/name:v1.0",
    512,
)

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HOST_PART = r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"({_OCTET}(\.{_OCTET}){{3}}|(?!([^:]*\.)?[0-9]+(:|$)){_HOST_PART}(\.{_HOST_PART})*)"
_PORT = r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"

# How a client reaches the gateway; empty where the Gateway's own status tells.
ADDRESS = Text(
    f"({_HOST}(:{_PORT})?)?", "a name or IPv4 address, with or without a port from :1 to :65535, or nothing", 253 + 6
)

# Kuadrant's own pattern knows milliseconds too, but the limiter counts in seconds; there is no day.
WINDOW = Text(r"(?=.*[1-9])([0-9]{1,5}[hms]){1,3}", 'a time such as "30s", "2m" or "24h" (days have no unit)', 18)

# It stands in CEL expressions and in labels of metrics, so it has no quotes, spaces or line breaks.
ACCOUNT = Text(r"[A-Za-z0-9]([A-Za-z0-9._@+-]*[A-Za-z0-9])?", "letters, digits and . _ @ + - between them", 64)

# As Helm charts and manifests have them, with or without v and with what follows a hyphen or plus.
RELEASE = Text(
    r"v?[0-9]+(\.[0-9]+){2}([-+][0-9A-Za-z.+-]+)?", 'a whole version in quotes, such as "v1.4.1" or "1.29.6"', 64
)

VERSION = Text(r"[0-9]+(\.[0-9]+){1,2}", 'a version in quotes, such as "1.5.2"', 20)
