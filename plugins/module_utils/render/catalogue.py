# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sets of objects the platform consists of, by name."""

from __future__ import annotations

from typing import Callable

from ..intent.platform import Platform
from .gateway import gateway_objects
from .limiting import kuadrant_namespace, limiting_objects
from .models import model_objects, serving_objects
from .objects import Manifest

RENDERERS: dict[str, Callable[[Platform], list[Manifest]]] = {
    "gateway": gateway_objects,
    "kuadrant_namespace": kuadrant_namespace,
    "limiting": limiting_objects,
    "serving": serving_objects,
    "models": model_objects,
}
