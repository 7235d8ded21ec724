# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which change of a key Secret takes effect when, with hand-written objects; numbers are of the measured facts."""

from __future__ import annotations

from tests.unit.sandbox import kuadrant_objects as k
from tests.unit.sandbox.kuadrant_cluster import Cluster

SOON = 0.1


def cluster_with(*things: k.Object) -> Cluster:
    """Authentication, requests of 5 and 20, and keys."""
    return Cluster(k.auth_policy(), k.request_policy(), *things)


def test_e33_keys_come_and_go_at_once() -> None:
    cluster, key = cluster_with(), k.key("a", "free")
    assert cluster.ask("key-a").status == 401
    for gone in (None, k.MANAGED, k.PART_OF):
        cluster.put(key, wait=SOON)
        assert cluster.ask("key-a").status == 200
        if gone is None:
            cluster.delete(key, wait=SOON)
        else:
            cluster.put(k.key("a", "free", labels=gone), wait=SOON)
        assert cluster.ask("key-a").status == 401, gone


def test_e34_annotations_changed_in_place_are_not_seen() -> None:
    cluster = cluster_with(k.key("a", "free"))
    cluster.put(k.key("a", "premium"), wait=15)
    assert cluster.statuses(7, "key-a") == "5x200 2x429"
    cluster.put(k.key("a", "premium", labels=k.MANAGED), wait=SOON)
    cluster.put(k.key("a", "premium"), wait=SOON)
    assert cluster.statuses(21, "key-a") == "20x200 1x429"
    cluster.put(k.key("a", "free", value="new"), wait=SOON)
    assert (cluster.ask("key-a").status, cluster.statuses(1, "new")) == (401, "1x429")  # still free's five
    cluster.put(k.key("a", "enterprise", value="new"), wait=SOON)
    assert cluster.ask("new").status == 429
    cluster.restart("authorino")
    assert cluster.ask("new").status == 200


def test_e35_s9_keys_without_the_managed_by_label() -> None:
    early, late = (k.key(name, "free", labels=k.PART_OF) for name in ("early", "late"))
    cluster = cluster_with(early)
    cluster.put(late, wait=15)
    assert [cluster.ask(key).status for key in ("key-early", "key-late")] == [200, 401]
    cluster.delete(early, wait=15)
    assert cluster.ask("key-early").status == 200  # S9
    rules = k.auth_rules(unauthenticated={})
    cluster.put(k.auth_policy(rules))  # builds the AuthConfig anew
    assert [cluster.ask(key).status for key in ("key-early", "key-late")] == [401, 200]


def test_e36_a_value_changed_in_place() -> None:
    cluster = cluster_with(k.key("a", "free"))
    cluster.put(k.key("a", "free", value="other"), wait=SOON)
    assert [cluster.ask(key).status for key in ("key-a", "other")] == [401, 200]


def test_e37_two_secrets_with_one_value() -> None:
    first, second = k.key("one", "free", value="same"), k.key("two", "enterprise", value="same")
    cluster = cluster_with(first)
    cluster.put(second, wait=SOON)
    assert cluster.statuses(30, "same") == "30x200"
    cluster.delete(second, wait=SOON)
    assert cluster.ask("same").status == 401


def test_t6_a_move_without_a_gap() -> None:
    before, after = k.key("old", "free", user="u", value="v"), k.key("new", "premium", user="u", value="v")
    cluster = cluster_with(before)
    assert cluster.statuses(6, "v") == "5x200 1x429"
    cluster.put(after, wait=SOON)
    assert cluster.ask("v").status == 200
    cluster.delete(before, wait=SOON)
    assert cluster.statuses(21, "v") == "19x200 2x429"
    cluster.delete(after, wait=SOON)
    assert cluster.ask("v").status == 401


def test_a_secret_made_again_between_two_looks() -> None:
    cluster = cluster_with(k.key("a", "free"))
    cluster.delete(k.key("a"), wait=0)
    cluster.put(k.key("a", "premium"), wait=SOON)
    assert cluster.statuses(7, "key-a") == "7x200"
