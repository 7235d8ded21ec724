# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ``maas_*`` variables of a cluster say, as one value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import IntentError, Problem
from .models import Model
from .rules import HOSTNAME, IMAGE, NAMESPACE, dns_label
from .schema import Choice, Integer, ListOf, Optionally, Record, given, read

PREFIX = "maas_"


@dataclass(frozen=True)
class Platform:
    """The platform of one cluster; each field is the variable ``maas_<field>``."""

    domain: str = given(HOSTNAME)
    models: tuple[Model, ...] = given(ListOf(Record(Model), 1000), ())
    # Istio names the gateway's Deployment and Service <name>-<class>.
    gateway_name: str = given(dns_label(50), "maas")
    gateway_namespace: str = given(NAMESPACE, "maas-gateway")
    gateway_class: str = given(dns_label(), "istio")
    gateway_http_port: int = given(Integer(1, 65535), 80)
    gateway_service_type: str = given(Choice("LoadBalancer", "NodePort", "ClusterIP"), "LoadBalancer")
    gateway_node_port: int | None = given(Optionally(Integer(30000, 32767)), None)
    models_namespace: str = given(NAMESPACE, "maas-models")
    simulator_image: str | None = given(Optionally(IMAGE), None)

    def hostname(self, model: Model) -> str:
        """The name at which clients reach ``model``."""
        return f"{model.label}.{self.domain}"


def read_platform(values: Mapping[str, Any]) -> Platform:
    """Read the variables of one cluster, without their prefix, strictly.

    :raises IntentError: with every field that cannot be used.
    """
    problems: list[Problem] = []
    platform = read(Platform, values, PREFIX, problems)
    if platform is None:
        raise IntentError(problems)
    problems.extend(_collisions(platform))
    problems.extend(_contradictions(platform))
    if problems:
        raise IntentError(problems)
    return platform


def _collisions(platform: Platform) -> list[Problem]:
    """Two models may share neither a name (they are one InferenceService) nor a hostname (clients could not choose)."""
    problems = []
    for what, key in (("name", lambda model: model.name), ("hostname", platform.hostname)):
        places: dict[str, list[int]] = defaultdict(list)
        for index, model in enumerate(platform.models):
            places[key(model)].append(index)
        for value, indexes in places.items():
            for index in indexes[1:]:
                path = f"{PREFIX}models[{index}]"
                first = f"{PREFIX}models[{indexes[0]}]"
                problems.append(
                    Problem(path, f"its {what} {value!r} is that of {first} too", f"one model for each {what}")
                )
    return problems


def _contradictions(platform: Platform) -> list[Problem]:
    problems = []
    if platform.gateway_namespace == platform.models_namespace:
        problems.append(
            Problem(
                f"{PREFIX}models_namespace",
                f"{platform.models_namespace!r} is {PREFIX}gateway_namespace too",
                "a namespace of its own, since models and gateway have different rights",
            )
        )
    service_name = f"{platform.gateway_name}-{platform.gateway_class}"
    if len(service_name) > 63:
        problems.append(
            Problem(
                f"{PREFIX}gateway_name",
                f"the gateway's Service would be called {service_name!r} ({len(service_name)} characters)",
                f"a name that together with -{platform.gateway_class} has at most 63 characters",
            )
        )
    service_type = f"{PREFIX}gateway_service_type"
    if platform.gateway_node_port is not None and platform.gateway_service_type != "NodePort":
        problems.append(
            Problem(
                f"{PREFIX}gateway_node_port",
                f"{platform.gateway_node_port} was given with {service_type} {platform.gateway_service_type}",
                f"a port only with {service_type} NodePort",
            )
        )
    return problems
