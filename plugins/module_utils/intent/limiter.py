# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``maas_limiter`` may say: the program that counts requests and tokens, Limitador."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import Problem
from .models import Resources
from .rules import BYTES, CPU, NAMESPACE, dns_label
from .schema import Choice, Flag, Integer, ListOf, Optionally, Record, obeys


@dataclass(frozen=True)
class LimiterResources(Resources):
    """CPU and memory of each replica. Upstream's 64Mi are little for counters in memory."""

    cpu: str = field(default="250m", metadata=obeys(CPU))
    memory: str = field(default="256Mi", metadata=obeys(BYTES))


@dataclass(frozen=True)
class Limiter:
    """Where the counters are kept, and who may read them.

    In memory they are lost when the pod goes, and so are those on a disk that is lost; each replica would have counters
    of its own and let through as many times as much. Only a Redis is shared by several replicas.
    """

    storage: str = field(default="memory", metadata=obeys(Choice("memory", "disk", "redis")))
    disk_size: str = field(default="1Gi", metadata=obeys(BYTES))
    storage_class: str | None = field(default=None, metadata=obeys(Optionally(dns_label())))
    redis_secret: str | None = field(default=None, metadata=obeys(Optionally(dns_label())))
    replicas: int = field(default=1, metadata=obeys(Integer(1, 20)))
    resources: LimiterResources = field(default_factory=LimiterResources, metadata=obeys(Record(LimiterResources)))
    # The metrics name users and what they used, and stand on the port on which anybody could report usage.
    metrics_namespaces: tuple[str, ...] = field(default=(), metadata=obeys(ListOf(NAMESPACE, 20)))
    monitors: bool | None = field(default=None, metadata=obeys(Optionally(Flag())))

    def contradictions(self, path: str) -> list[Problem]:
        """Return settings that do not go with the storage."""
        problems = []
        if self.replicas > 1 and self.storage != "redis":
            given = f"{self.replicas} was given with storage {self.storage}, so each replica would count by itself"
            problems.append(Problem(f"{path}.replicas", given, f"1, or {path}.storage redis"))
        if self.storage == "redis" and self.redis_secret is None:
            allowed = "the name of a Secret in Kuadrant's namespace whose key URL holds the address of the Redis"
            problems.append(Problem(f"{path}.redis_secret", "is missing, which storage redis needs", allowed))
        if self.storage != "redis" and self.redis_secret is not None:
            given = f"{self.redis_secret!r} was given with storage {self.storage}"
            problems.append(Problem(f"{path}.redis_secret", given, f"a Secret only with {path}.storage redis"))
        if self.storage != "disk" and self.disk_size != Limiter.disk_size:
            given = f"{self.disk_size!r} was given with storage {self.storage}"
            problems.append(Problem(f"{path}.disk_size", given, f"a size only with {path}.storage disk"))
        if self.storage != "disk" and self.storage_class is not None:
            given = f"{self.storage_class!r} was given with storage {self.storage}"
            problems.append(Problem(f"{path}.storage_class", given, f"a class only with {path}.storage disk"))
        return problems
