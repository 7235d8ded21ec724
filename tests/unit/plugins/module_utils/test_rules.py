# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each rule at its borders, and fast whatever it is given."""

from __future__ import annotations

import time

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.rules import (
    ADDRESS,
    BYTES,
    CPU,
    DURATION,
    HOSTNAME,
    IMAGE,
    MODEL_ID,
    NAMESPACE,
    OWN_NAMESPACE,
    RELEASE,
    dns_label,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import Text

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (NAMESPACE, "a"),
        (NAMESPACE, "a-0"),
        (NAMESPACE, "x" * 63),
        (dns_label(5), "abcde"),
        (HOSTNAME, "local"),
        (HOSTNAME, "maas.local"),
        (HOSTNAME, "0.example.org"),
        (HOSTNAME, f"{'x' * 63}.org"),
        (MODEL_ID, "Qwen/Qwen3-0.6B"),
        (MODEL_ID, "registry:model_1"),
        (OWN_NAMESPACE, "kube"),
        (OWN_NAMESPACE, "default-models"),
        (HOSTNAME, "1a.2b"),
        (CPU, "1m"),
        (CPU, "2"),
        (CPU, "0.5"),
        (CPU, "10"),
        (CPU, "1000"),
        (CPU, "1k"),
        (BYTES, "1M"),
        (BYTES, "1000000"),
        (BYTES, "512Mi"),
        (BYTES, "1.5Gi"),
        (BYTES, "100Ti"),
        (RELEASE, "v1.4.1"),
        (RELEASE, "1.29.6"),
        (RELEASE, "v1.5.0-rc.1+build.7"),
        (DURATION, "0"),
        (DURATION, "250ms"),
        (DURATION, "1.5s"),
        (DURATION, "1m30s"),
        (IMAGE, "registry.example/team/name:v1.0"),
        (IMAGE, "localhost:5000/name:1"),
        (IMAGE, f"registry.example/name@{DIGEST}"),
        (IMAGE, f"registry.example/name:v1@{DIGEST}"),
        (IMAGE, "registry.example/name:latest-1"),
        (ADDRESS, ""),
        (ADDRESS, "127.0.0.1"),
        (ADDRESS, "gateway.example:8000"),
        (ADDRESS, "255.255.255.255:65535"),
        (ADDRESS, "1.gateway-2.Example:1"),
    ],
)
def test_what_the_outside_rule_allows_is_accepted(rule: Text, value: str) -> None:
    assert rule.accepts(value)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (NAMESPACE, ""),
        (NAMESPACE, "0a"),
        (NAMESPACE, "-a"),
        (NAMESPACE, "a-"),
        (NAMESPACE, "A"),
        (NAMESPACE, "a.b"),
        (NAMESPACE, "ä"),
        (NAMESPACE, "a\n"),
        (NAMESPACE, "x" * 64),
        (dns_label(5), "abcdef"),
        (HOSTNAME, "*.maas.local"),
        (HOSTNAME, "maas..local"),
        (HOSTNAME, ".local"),
        (HOSTNAME, "maas.local."),
        (HOSTNAME, "Maas.local"),
        (HOSTNAME, f"{'x' * 64}.org"),
        (HOSTNAME, "maas.local\n"),
        (HOSTNAME, ".".join(["x" * 47] * 4)),
        (MODEL_ID, "model'"),
        (MODEL_ID, "/model"),
        (MODEL_ID, "m" * 129),
        (OWN_NAMESPACE, "default"),
        (OWN_NAMESPACE, "kube-system"),
        (OWN_NAMESPACE, "kube-"),
        (OWN_NAMESPACE, "maas-system"),
        (OWN_NAMESPACE, "x" * 64),
        (HOSTNAME, "10.0.0.1"),
        (HOSTNAME, "maas.1"),
        (HOSTNAME, "7"),
        (CPU, "0"),
        (CPU, "0.5m"),
        (CPU, "1001"),
        (CPU, "512Mi"),
        (CPU, "1e3"),
        (BYTES, "0.0Gi"),
        (BYTES, "-1"),
        (BYTES, "1 Gi"),
        (BYTES, "1gb"),
        (BYTES, "512"),
        (BYTES, "512m"),
        (BYTES, "101Ti"),
        (RELEASE, "latest"),
        (RELEASE, "v1"),
        (RELEASE, "1.30"),
        (RELEASE, "1.29.6 "),
        (DURATION, "100000s"),
        (DURATION, "5"),
        (DURATION, "1h"),
        (DURATION, "-1s"),
        (DURATION, "1.s"),
        (IMAGE, "name:v1"),
        (IMAGE, "registry.example/name"),
        (IMAGE, "registry.example/name:latest"),
        (IMAGE, f"registry.example/name:latest@{DIGEST}"),
        (IMAGE, "registry.example/name@sha256:123"),
        (IMAGE, "https://registry.example/name:v1"),
        (IMAGE, "registry.example/Name:v1"),
        (ADDRESS, "http://gateway.example"),
        (ADDRESS, "gateway.example:"),
        (ADDRESS, ":8000"),
        (ADDRESS, "gateway.example:08"),
        (ADDRESS, "gateway.example/"),
        (ADDRESS, "gateway..example"),
        (ADDRESS, "gateway.example:65536"),
        (ADDRESS, "gateway.example:99999"),
        (ADDRESS, "10.0.0.256"),
        (ADDRESS, "10.0.1:80"),
        (ADDRESS, "::1"),
    ],
)
def test_what_it_does_not_allow_is_refused(rule: Text, value: str) -> None:
    assert not rule.accepts(value)


def test_a_hostname_leaves_room_for_the_longest_label_of_a_model() -> None:
    longest = ".".join(["x" * 63, "x" * 63, "x" * 61])

    assert HOSTNAME.accepts(longest)
    assert not HOSTNAME.accepts(longest + "x")
    assert len(f"{'m' * 63}.{longest}") == 253


@pytest.mark.parametrize("rule", [OWN_NAMESPACE, HOSTNAME, MODEL_ID, CPU, BYTES, RELEASE, DURATION, IMAGE, ADDRESS])
@pytest.mark.parametrize("bait", ["a", "a-", "a.", "1", "1s", "1.1ms", "a/", "a:", "-", "0."])
def test_no_text_makes_a_rule_slow(rule: Text, bait: str) -> None:
    just_short_enough = (bait * rule.longest)[: rule.longest - 1] + "!"
    begin = time.process_time()
    accepted = [rule.accepts(text) for text in (just_short_enough, bait * 100_000 + "!")]

    assert accepted == [False, False]
    assert time.process_time() - begin < 0.1
