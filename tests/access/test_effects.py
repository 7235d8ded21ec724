# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A changed inventory changes exactly the objects that it is about, says so in words, and takes effect at once."""

from __future__ import annotations

import copy
import importlib.util
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import Api
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey
from tests.access.breaks import key_by_hand
from tests.access.clients import Clients
from tests.access.deployment import Object, Site
from tests.access.playbooks import Playbooks, Run
from tests.module.running import CHECKOUT
from tests.sandboxes import KEYS_PLACE, delivered

EFFECTIVE_WITHIN_SECONDS = 5.0
VISITOR = "v" * 48

WORDS = [
    "tier free (teams: students): its models from simulator to echo, simulator",
    "tier free (teams: students): requests from 5 in 2m per user to 6 in 2m per user",
    "team visitors: gone, its keys are refused",
    "tier trial: gone",
    "bob: key default moves from students to research",
    "dave: loses key default (team research)",
]


def changed(intent: Object) -> Object:
    """Tier free is changed, trial removed with its team, bob moved to premium, and dave removed."""
    wanted = copy.deepcopy(intent)
    free, *others = wanted["tiers"]
    wanted["tiers"] = [
        {**free, "models": ["simulator", "echo"], "requests": [{"limit": 6, "window": "2m"}]},
        *(tier for tier in others if tier["name"] != "trial"),
    ]
    wanted["teams"] = [team for team in wanted["teams"] if team["name"] != "visitors"]
    wanted["users"] = [
        {**user, "team": "research"} if user["name"] == "bob" else user
        for user in wanted["users"]
        if user["name"] != "dave"
    ]
    return wanted


def _snapshot(site: Site) -> dict[str, Any]:
    """Return the content of every object of the API server."""
    spec = importlib.util.spec_from_file_location("snapshot", CHECKOUT / "molecule" / "shared" / "snapshot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    api = Api(configuration({"kubeconfig": str(site.cluster.kubeconfig)}, {}), "test")
    found: dict[str, Any] = module.snapshot(api)
    return found


@dataclass(frozen=True)
class Story:
    """What was before the run of `site` with the changed inventory, what it said, and what was after it."""

    keys: dict[str, str] = field(repr=False)
    refused_before: list[int]
    before: dict[str, Any]
    predicted: Run
    between: dict[str, Any]
    run: Run
    asked: Counter[int]
    effects: dict[str, list[int]]
    seconds: float
    after: dict[str, Any]
    keys_after: dict[str, str] = field(repr=False)


@pytest.fixture(scope="module")
def story(site: Site, clients: Clients, intent: Object, playbooks: Playbooks) -> Iterator[Story]:
    """Predict the change, make it while its user asks 20 times a second, and look at once what it did."""
    site.settled(intent)
    keys, wanted = delivered(site.home), changed(intent)
    settings = {f"maas_{name}": wanted[name] for name in ("tiers", "teams", "users")}
    refused = _effects(site, clients, keys, first=True)
    before = _snapshot(site)
    predicted = playbooks.run("site", "--check", "--diff", settings=settings)
    between = _snapshot(site)
    with clients.asking(keys["bob"]) as asked:
        run = playbooks.run("site", "--diff", settings=settings)
    effects = _effects(site, clients, keys, first=False)
    seconds = time.monotonic() - run.ended
    after, keys_after = _snapshot(site), delivered(site.home)
    yield Story(
        keys,
        [status for statuses in refused.values() for status in statuses],
        before,
        predicted,
        between,
        run,
        asked,
        effects,
        seconds,
        after,
        keys_after,
    )
    site.apply(intent)


def _effects(site: Site, clients: Clients, keys: dict[str, str], first: bool) -> dict[str, list[int]]:
    """Return the statuses by which the change can be seen; before it (``first``) one request each has to do."""
    many = (lambda times: 1) if first else (lambda times: times)
    found = {
        "alice": clients.statuses(many(8), keys["alice"], "echo"),
        "bob": clients.statuses(many(22), keys["bob"], "echo"),
        "dave": clients.statuses(1, keys["dave"], "echo"),
        "carol": clients.statuses(1, keys["carol"], "echo"),
    }
    with key_by_hand(site, "victor", "visitors", VISITOR):
        site.cluster.wait_for(lambda: clients.look(VISITOR, "echo") != 401, "the key by hand is known", 3)
        found["victor"] = clients.statuses(1, VISITOR, "echo")
    return found


def test_before_the_change_others_are_refused(story: Story) -> None:
    """Alice and bob may not use the model; dave, carol and the visitor may."""
    assert story.refused_before == [403, 403, 200, 200, 200]


def test_check_mode_says_the_same_words_and_changes_nothing(story: Story) -> None:
    assert story.predicted.status == 0, story.predicted.said[-3000:]
    for words in WORDS:
        assert words in story.predicted.said
    assert story.between == story.before


def test_the_diff_says_in_words_what_changes_for_whom(story: Story) -> None:
    assert story.run.status == 0, story.run.said[-3000:]
    for words in WORDS:
        assert words in story.run.said
    told = [line for line in story.run.said.splitlines() if line.startswith(("team ", "tier ", "alice:", "carol:"))]
    assert set(told) <= set(WORDS)


def test_exactly_those_objects_differ(story: Story) -> None:
    policies = "/apis/kuadrant.io/v1/{} maas-gateway/maas-{}"
    moved_from, moved_to, gone = (
        f"/api/v1/secrets {KEYS_PLACE}/{ApiKey(user, 'default', team).secret_name}"
        for user, team in (("bob", "students"), ("bob", "research"), ("dave", "research"))
    )
    assert story.before.keys() - story.after.keys() == {moved_from, gone}
    assert story.after.keys() - story.before.keys() == {moved_to}
    common = story.before.keys() & story.after.keys()
    assert {name for name in common if story.before[name] != story.after[name]} == {
        policies.format("authpolicies", "auth"),
        policies.format("ratelimitpolicies", "requests"),
        "/apis/kuadrant.io/v1alpha1/tokenratelimitpolicies maas-gateway/maas-tokens",
    }


def test_the_effects_are_there_at_once(story: Story) -> None:
    """Seen by requests in the first seconds after the run."""
    assert story.effects == {
        "alice": [200] * 6 + [429] * 2,
        "bob": [200] * 20 + [429] * 2,
        "dave": [401],
        "carol": [200],
        "victor": [403],
    }
    assert story.seconds < EFFECTIVE_WITHIN_SECONDS


def test_the_moved_user_keeps_the_key_and_is_never_refused(story: Story) -> None:
    """Throttled yes: twenty requests a second are more than any tier has."""
    assert set(story.asked) == {200, 429}
    # The new tier counts from nothing.
    assert story.asked[200] >= 20
    assert story.asked.total() >= 100
    assert story.keys_after == {name: value for name, value in story.keys.items() if name != "dave"}


def test_a_user_whose_team_is_dissolved_is_never_refused(
    site: Site, clients: Clients, intent: Object, playbooks: Playbooks
) -> None:
    visiting = copy.deepcopy(intent)
    next(user for user in visiting["users"] if user["name"] == "bob")["team"] = "visitors"
    site.apply(visiting)
    site.settled(visiting)
    key, wanted = delivered(site.home)["bob"], changed(intent)
    settings = {f"maas_{name}": wanted[name] for name in ("tiers", "teams", "users")}
    with clients.asking(key) as asked:
        run = playbooks.run("site", "--tags", "kuadrant", settings=settings)
    assert run.status == 0, run.said[-3000:]
    assert set(asked) == {200, 429}
    assert asked[200] >= 20
    site.apply(intent)


def test_a_user_who_moves_to_a_new_team_is_never_refused(
    site: Site, clients: Clients, intent: Object, playbooks: Playbooks
) -> None:
    site.settled(intent)
    key, wanted = delivered(site.home)["alice"], copy.deepcopy(intent)
    wanted["teams"].append({"name": "newcomers", "tier": "premium"})
    next(user for user in wanted["users"] if user["name"] == "alice")["team"] = "newcomers"
    settings = {f"maas_{name}": wanted[name] for name in ("teams", "users")}
    # Alice has used nothing of that tier, where bob may have.
    with clients.asking(key) as asked:
        run = playbooks.run("site", "--tags", "kuadrant", settings=settings)
    assert run.status == 0, run.said[-3000:]
    assert "alice: key default moves from students to newcomers" in run.said
    assert set(asked) == {200, 429}
    site.apply(intent)
