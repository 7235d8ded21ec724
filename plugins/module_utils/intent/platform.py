# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ``maas_*`` variables of a cluster say, as one value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import IntentError, Problem
from .limiter import Limiter
from .models import Model
from .references import references
from .rules import ADDRESS, HOSTNAME, IMAGE, OWN_NAMESPACE, dns_label
from .schema import Choice, Integer, ListOf, Optionally, Record, named, obeys, read, shown, similar
from .tenants import MOST_TEAMS, MOST_USERS, Team, User
from .tiers import Tier
from .versions import Versions

PREFIX = "maas_"
_MOST_MODELS = 1000
# Variables of the role maas that say how to install, not what; and what its entry points take and leave.
_OTHER_SETTINGS = (
    *("connection", "bundle_dir", "helm_binary", "adopt", "remove_shared", "wait_timeout", "target"),
    *("junit_file", "keys_sink", "keys_file", "keys_namespace"),
    *(
        "platform",
        "found",
        "leftovers",
        "operator_namespaces",
        "adopting_sets",
        "patience",
        "purpose",
        "set",
        "component",
        "components",
        "release_namespace",
        "releases",
        "releases_state",
    ),
    *("releases_result", "set_remove_shared", "evidence", "verdicts"),
)


@dataclass(frozen=True)
class Platform:
    """The platform of one cluster; each field is the variable ``maas_<field>``."""

    domain: str = field(metadata=obeys(HOSTNAME))
    models: tuple[Model, ...] = field(default=(), metadata=obeys(ListOf(Record(Model), _MOST_MODELS)))
    tiers: tuple[Tier, ...] = field(default=(), metadata=obeys(ListOf(Record(Tier), 50)))
    teams: tuple[Team, ...] = field(default=(), metadata=obeys(ListOf(Record(Team), MOST_TEAMS)))
    users: tuple[User, ...] = field(default=(), metadata=obeys(ListOf(Record(User), MOST_USERS)))
    # Istio names the gateway's Deployment and Service <name>-<class>.
    gateway_name: str = field(default="maas", metadata=obeys(dns_label(50)))
    gateway_namespace: str = field(default="maas-gateway", metadata=obeys(OWN_NAMESPACE))
    gateway_class: str = field(default="istio", metadata=obeys(dns_label()))
    gateway_http_port: int = field(default=80, metadata=obeys(Integer(1, 65535)))
    gateway_service_type: str = field(
        default="LoadBalancer", metadata=obeys(Choice("LoadBalancer", "NodePort", "ClusterIP"))
    )
    gateway_node_port: int | None = field(default=None, metadata=obeys(Optionally(Integer(30000, 32767))))
    models_namespace: str = field(default="maas-models", metadata=obeys(OWN_NAMESPACE))
    kuadrant_namespace: str = field(default="kuadrant-system", metadata=obeys(OWN_NAMESPACE))
    versions: Versions | None = field(default=None, metadata=obeys(Optionally(Record(Versions))))
    limiter: Limiter = field(default_factory=Limiter, metadata=obeys(Record(Limiter)))
    authorino_replicas: int = field(default=1, metadata=obeys(Integer(1, 20)))
    simulator_image: str | None = field(default=None, metadata=obeys(Optionally(IMAGE)))
    # Where this machine reaches the gateway, when that is not what the Gateway's status says.
    gateway_address: str = field(default="", metadata=obeys(ADDRESS))

    @property
    def kuadrant_version(self) -> str:
        """The version of Kuadrant that is installed where nobody else brought one."""
        return "1.5.2" if self.versions is None else self.versions.kuadrant_operator.version

    def hostname(self, model: Model) -> str:
        """The name at which clients reach ``model``."""
        return f"{model.label}.{self.domain}"

    def contradictions(self, path: str) -> list[Problem]:
        """Return settings that exclude each other."""
        problems = []
        if self.gateway_namespace == self.models_namespace:
            problems.append(
                Problem(
                    f"{path}models_namespace",
                    f"{self.models_namespace!r} is {path}gateway_namespace too",
                    "a namespace of its own, since models and gateway have different rights",
                )
            )
        problems.extend(
            Problem(
                f"{path}kuadrant_namespace",
                f"{self.kuadrant_namespace!r} is {path}{other} too",
                "a namespace of its own, since it holds the API keys",
            )
            for other in ("gateway_namespace", "models_namespace")
            if self.kuadrant_namespace == getattr(self, other)
        )
        service_name = f"{self.gateway_name}-{self.gateway_class}"
        if len(service_name) > 63:
            problems.append(
                Problem(
                    f"{path}gateway_name",
                    f"the gateway's Service would be called {service_name!r} ({len(service_name)} characters)",
                    f"a name that together with -{self.gateway_class} has at most 63 characters",
                )
            )
        service_type = f"{path}gateway_service_type"
        if self.gateway_node_port is not None and self.gateway_service_type != "NodePort":
            problems.append(
                Problem(
                    f"{path}gateway_node_port",
                    f"{self.gateway_node_port} was given with {service_type} {self.gateway_service_type}",
                    f"a port only with {service_type} NodePort",
                )
            )
        return problems


def read_platform(values: Mapping[str, Any], known_problems: Sequence[Problem] = ()) -> Platform:
    """Read the variables of one cluster, without their prefix, strictly.

    :param known_problems: what was found wrong before, to be told together with the rest.
    :raises IntentError: with every field that cannot be used.
    """
    problems = list(known_problems)
    platform = read(Platform, values, PREFIX, problems)
    problems.extend(_collisions(values.get("models")))
    problems.extend(references(values, PREFIX))
    if platform is None or problems:
        raise IntentError(problems)
    return platform


def _collisions(models: Any) -> list[Problem]:
    """Two models may share neither a name (they are one InferenceService) nor a subdomain (clients could not choose).

    :param models: the entries as they were given, so that a wrong one does not hide that others collide.
    """
    entries = [
        (index, model) for index, model in enumerate(_list_of(models)[:_MOST_MODELS]) if isinstance(model, Mapping)
    ]
    problems: list[Problem] = []
    for what, keys in (("name", ("name",)), ("subdomain", ("subdomain", "name"))):
        places: dict[str, list[int]] = defaultdict(list)
        for index, model in entries:
            value = next((model[key] for key in keys if model.get(key)), None)
            if isinstance(value, str):
                places[value].append(index)
        for value, indexes in places.items():
            for index in indexes[1:]:
                if any(problem.path == f"{PREFIX}models[{index}]" for problem in problems):
                    continue  # With the name goes the subdomain.
                path = f"{PREFIX}models[{index}]"
                first = f"{PREFIX}models[{indexes[0]}]"
                problems.append(
                    Problem(path, f"its {what} {shown(value)} is that of {first} too", f"one model for each {what}")
                )
    return problems


def _list_of(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def unknown_variables(names: Iterable[str]) -> list[Problem]:
    """Return a problem for each variable that looks like a setting of the platform and is none.

    :param names: the names of variables of a host; those that do not begin with ``maas_`` are left out.
    """
    known = [field.name for field in fields(Platform)] + list(_OTHER_SETTINGS)
    ours = (name for name in names if name.startswith(PREFIX))
    wrong = [name for name in ours if name.removeprefix(PREFIX) not in known]
    problems = []
    for name in wrong:
        hint = similar(name.removeprefix(PREFIX), known, PREFIX)
        problems.append(Problem(named(name), f"there is no such setting{hint}", "the variables of the role maas"))
    return problems
