# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules that inventory values obey, each with the outside rule it stands for."""

from __future__ import annotations

from .schema import Text

_LABEL = r"[a-z]([-a-z0-9]*[a-z0-9])?"


def dns_label(longest: int = 63) -> Text:
    """RFC 1035 label, the narrower form that Services and InferenceServices ask for: starts with a letter."""
    return Text(
        _LABEL, "lower-case letters, digits and hyphens, starting with a letter and not ending in a hyphen", longest
    )


NAMESPACE = dns_label()

# RFC 1123 names as the Gateway API's Hostname type has them, without wildcard: labels of at most 63 characters.
HOSTNAME = Text(
    r"(?=[^.]{1,63}(\.[^.]{1,63})*$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
    "a lower-case DNS name such as maas.local, each part at most 63 characters",
    253 - 64,
)

# What clients send as "model"; Hugging Face ids are the longest in use.
MODEL_ID = Text(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", "letters, digits and . _ / : -", 128)

# Kubernetes resource quantity (apimachinery), positive, without exponents.
QUANTITY = Text(
    r"(?=.*[1-9])([0-9]+(\.[0-9]{1,3})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?",
    'a positive Kubernetes quantity in quotes, such as "500m", "2" or "512Mi"',
    20,
)

# Go's time.ParseDuration, as the simulator's flags take it.
DURATION = Text(r"0|([0-9]+(\.[0-9]+)?(ms|s|m))+", 'a duration such as "250ms", "1.5s" or "0s"', 20)

_IMAGE_NAME = r"[a-z0-9][-a-z0-9._]*(:[0-9]+)?(/[a-z0-9][-a-z0-9._]*)+"
_TAG = r":(?!latest(@|$))[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
_DIGEST = r"@sha256:[0-9a-f]{64}"

# An image reference that cannot change under us: a digest, or a tag other than `latest`.
IMAGE = Text(
    f"{_IMAGE_NAME}({_TAG}({_DIGEST})?|{_DIGEST})",
    "an image with registry and a fixed tag or digest, such as registry.example/team/name:v1.0",
    512,
)

# How a client reaches the gateway; empty where the Gateway's own status tells.
ADDRESS = Text(
    r"([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[1-9][0-9]{0,4})?)?", "a host or host:port, or nothing", 253 + 6
)

# Kuadrant's own pattern knows milliseconds too, but the limiter counts in seconds; there is no day.
WINDOW = Text(r"(?=.*[1-9])([0-9]{1,5}[hms]){1,3}", 'a time such as "30s", "2m" or "24h" (days have no unit)', 18)

# It stands in CEL expressions and in labels of metrics, so it has no quotes, spaces or line breaks.
ACCOUNT = Text(r"[A-Za-z0-9]([A-Za-z0-9._@+-]*[A-Za-z0-9])?", "letters, digits and . _ @ + - between them", 64)

VERSION = Text(r"[0-9]+(\.[0-9]+){1,2}", 'a version in quotes, such as "1.5.2"', 20)
