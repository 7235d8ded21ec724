# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said of the program that counts, and what of it contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.limiter import Limiter
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform


def limiter(**values: Any) -> Limiter:
    return read_platform({"domain": "maas.local", "limiter": values}).limiter


def test_nothing_need_be_said() -> None:
    assert limiter() == Limiter()
    assert (Limiter().storage, Limiter().replicas, Limiter().resources.memory) == ("memory", 1, "256Mi")


@pytest.mark.parametrize(
    "values",
    [
        {"storage": "redis", "redis_secret": "limiter-redis", "replicas": 20},
        {"storage": "disk", "disk_size": "5Gi", "storage_class": "fast"},
        {"storage": "memory", "resources": {"cpu": "1", "memory": "1Gi"}, "metrics_namespaces": ["monitoring"]},
        {"monitors": True},
        {"monitors": None},
    ],
)
def test_what_goes_together_is_taken(values: dict[str, Any]) -> None:
    assert limiter(**values)


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"replicas": 2}, "replicas", "each replica would count by itself"),
        ({"replicas": 2, "storage": "disk"}, "replicas", "each replica would count by itself"),
        ({"storage": "redis"}, "redis_secret", "is missing"),
        ({"redis_secret": "limiter-redis"}, "redis_secret", "'limiter-redis' was given with storage memory"),
        ({"storage_class": "fast"}, "storage_class", "'fast' was given with storage memory"),
        ({"storage": "etcd"}, "storage", "memory or disk or redis"),
        ({"replicas": "2"}, "replicas", "a whole number"),
        ({"monitors": "yes"}, "monitors", "true or false"),
        ({"metrics_namespaces": ["No"]}, "metrics_namespaces[0]", "lower-case"),
        ({"memory": "1Gi"}, "memory", "there is no such field"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(values: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(IntentError) as refused:
        limiter(**values)

    (line,) = [line for line in str(refused.value).splitlines() if line.startswith("- ")]
    assert line.startswith(f"- maas_limiter.{field}: ")
    assert said in line


@pytest.mark.parametrize("other", ["gateway_namespace", "models_namespace"])
def test_the_keys_have_a_namespace_of_their_own(other: str) -> None:
    with pytest.raises(IntentError, match=f"maas_kuadrant_namespace: 'together' is maas_{other} too"):
        read_platform({"domain": "maas.local", "kuadrant_namespace": "together", other: "together"})
