# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access counts as verified by requests: a right gateway passes, and a wrong one fails at what is wrong with it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from ansible_collections.maas_billing.platform.plugins.module_utils.checks import Answer, Check
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.verification import (
    Boundary,
    Guests,
    Shared,
    Step,
    Untried,
    access_steps,
    carry_out,
)
from tests.unit.plugins.fake_gateway import Gateway
from tests.unit.plugins.strategies import intents

Object = dict[str, Any]

FREE: Object = {"name": "free", "requests": [{"limit": 5, "window": "2m"}], "tokens": [{"limit": 9999, "window": "1m"}]}
TRIAL: Object = {
    "name": "trial",
    "models": ["tiny"],
    "requests": [{"limit": 100, "window": "2m"}],
    "tokens": [{"limit": 100, "window": "1m"}],
}
INTENT: Object = {
    "domain": "maas.local",
    "models": [
        {"name": "tiny", "server": "simulator", "allow_unmetered_streams": True},
        {"name": "big", "server": "simulator", "subdomain": "large", "allow_unmetered_streams": True},
    ],
    "tiers": [FREE, TRIAL],
    "teams": [{"name": "students", "tier": "free"}, {"name": "guests", "tier": "trial"}],
}
REFUSED = {"without a key", "with a wrong key", "without a key, hostname in capital letters"}
OTHER_PATH = "a path that is not for clients"
UNKNOWN_TEAM = "with a key of an unknown team"
ADMITTED = {f"{model} with a key after {prefix}" for model in ("tiny", "big") for prefix in ("APIKEY", "Bearer")}
OUTSIDE = "tier trial on big, which it does not include"
REQUESTS, TOKENS = "tier free: 5 requests in 2m on tiny", "tier trial: 100 tokens in 1m on tiny"
EVERYTHING = {*REFUSED, OTHER_PATH, UNKNOWN_TEAM, *ADMITTED, OUTSIDE, REQUESTS, TOKENS}


def guests() -> Guests:
    numbers = itertools.count()
    return Guests("abc", lambda: f"key-{next(numbers)}")


def steps_for(intent: Object, most_requests: int = 30) -> tuple[list[Step], Guests]:
    invited = guests()
    return access_steps(read_platform(intent), invited, most_requests), invited


def verified(gateway: type[Gateway], intent: Object = INTENT) -> dict[str, Answer]:
    """Return the answer to each step by its name."""
    steps, invited = steps_for(intent)
    send = gateway(intent, invited)
    return {name_of(step): carry_out(step, send) for step in steps}


def name_of(step: Step) -> str:
    return step.check.name if isinstance(step, (Boundary, Shared)) else step.name


def untried(intent: Object, most_requests: int = 30) -> dict[str, str]:
    steps, _guests = steps_for(intent, most_requests)
    return {step.name: step.why for step in steps if isinstance(step, Untried)}


def one_tier(**tier: Any) -> Object:
    return {**INTENT, "tiers": [{"name": "free", **tier}], "teams": [{"name": "students", "tier": "free"}]}


class TestSteps:
    """What is tried, and with whose keys."""

    def test_all_of_access_is_tried(self) -> None:
        found = verified(Gateway)

        assert {name for name, answer in found.items() if not answer.said.startswith("not tried")} == EVERYTHING

    def test_every_guest_has_a_name_and_a_key_of_its_own(self) -> None:
        _steps, invited = steps_for(INTENT)

        assert len({guest.user for guest in invited.all}) == len({guest.value for guest in invited.all}) == 8
        assert all(guest.user.startswith("maas-verify-abc-") for guest in invited.all)
        assert {guest.team for guest in invited.all} == {"students", "guests", "maas-verify-no-team"}

    def test_a_key_is_not_shown_with_its_guest(self) -> None:
        _steps, invited = steps_for(INTENT)

        assert not any(guest.value in repr(guest) for guest in invited.all)

    def test_without_models_or_teams_there_is_nothing_to_see_but_why(self) -> None:
        assert steps_for({"domain": "maas.local"})[0] == []
        assert untried({**INTENT, "teams": []}) == {
            "tiny with a key": "no team has a tier that includes it",
            "big with a key": "no team has a tier that includes it",
            "tier free": "no team is in it",
            "tier trial": "no team is in it",
        }

    @pytest.mark.parametrize(
        ("tier", "name", "why"),
        [
            ({"unlimited": True}, "free: limit of requests on tiny", "it has none"),
            ({"unlimited": True}, "free: limit of tokens on tiny", "it has none"),
            (
                {"unlimited": True, "requests": [{"limit": 31, "window": "2m"}]},
                "free: 31 requests in 2m on tiny",
                "it may take 31 requests, more than 30",
            ),
            (
                {"tokens": [{"limit": 151, "window": "2m"}]},
                "free: 151 tokens in 2m on tiny",
                "it may take 31 requests, more than 30",
            ),
            (
                {"unlimited": True, "requests": [{"limit": 5, "window": "19s"}]},
                "free: 5 requests in 19s on tiny",
                "its window is shorter than 20 s",
            ),
            (
                {"unlimited": True, "requests": [{"limit": 5, "window": "2m", "per": "team"}]},
                "free: 5 requests in 2m on tiny",
                "5 in 2m per team counts for a whole team, whose own requests it would take",
            ),
            (
                {
                    "tokens": [{"limit": 100, "window": "1m"}],
                    "requests": [{"limit": 99, "window": "2m", "per": "team"}],
                },
                "free: 100 tokens in 1m on tiny",
                "99 in 2m per team counts for a whole team, whose own requests it would take",
            ),
            (
                {"tokens": [{"limit": 100, "window": "1m"}], "requests": [{"limit": 20, "window": "2m"}]},
                "free: 100 tokens in 1m on tiny",
                "20 in 2m per user of requests may end before it",
            ),
            (
                {"tokens": [{"limit": 500, "window": "1m"}], "requests": [{"limit": 5, "window": "2m"}]},
                "free: 5 requests in 2m on tiny",
                "500 in 1m per user of tokens may end before it",
            ),
        ],
    )
    def test_a_boundary_that_cannot_be_shown_without_harm_is_left_alone(
        self, tier: Object, name: str, why: str
    ) -> None:
        assert untried(one_tier(**tier))[f"tier {name}"] == why

    def test_a_boundary_is_tried_where_it_takes_just_as_many_requests_as_are_allowed(self) -> None:
        tier = one_tier(unlimited=True, requests=[{"limit": 30, "window": "20s"}])

        assert "tier free: 30 requests in 20s on tiny" not in untried(tier)
        assert "tier free: 30 requests in 20s on tiny" in untried(tier, 29)

    def test_the_smallest_of_several_limits_is_the_one_that_is_met_first(self) -> None:
        requests = [{"limit": 9, "window": "24h"}, {"limit": 3, "window": "1m"}]

        assert verified(Gateway, one_tier(unlimited=True, requests=requests))[
            "tier free: 3 requests in 1m on tiny"
        ].said.startswith("3 answered 200")

    def test_an_override_counts_for_its_model(self) -> None:
        override = {"model": "tiny", "requests": [{"limit": 2, "window": "1m"}]}
        tier = one_tier(unlimited=True, requests=[{"limit": 5, "window": "1m"}], overrides=[override])

        assert "tier free: 2 requests in 1m on tiny" in verified(Gateway, tier)

    def test_each_set_of_limits_is_tried_with_a_model_that_has_it(self) -> None:
        override = {"model": "tiny", "requests": [{"limit": 2, "window": "2m"}]}
        intent = one_tier(unlimited=True, requests=[{"limit": 5, "window": "2m"}], overrides=[override])
        found = verified(Gateway, intent)

        assert found["tier free: 5 requests in 2m on big"].said == "5 answered 200, then 2 answered 429"
        assert found["tier free: 2 requests in 2m on tiny"].said == "2 answered 200, then 2 answered 429"

    def test_a_tier_with_overrides_alone_has_no_common_limits_to_try(self) -> None:
        override = {"model": "big", "requests": [{"limit": 2, "window": "2m"}]}
        found = verified(Gateway, one_tier(unlimited=True, models=["big"], overrides=[override]))

        assert [name for name in found if name.startswith("tier free: ") and "requests" in name] == [
            "tier free: 2 requests in 2m on big"
        ]


class TestRightGateway:
    """It does what the inventory says, so nothing fails."""

    def test_a_team_that_has_used_up_what_it_has_together_is_no_fault(self) -> None:
        found = verified(Gateway, one_tier(unlimited=True, requests=[{"limit": 3, "window": "2m", "per": "team"}]))
        admitted = [found[name] for name in sorted(ADMITTED) if name in found]

        assert all(answer.ok for answer in found.values())
        # Each model counts for itself, and each of them is asked twice.
        assert [answer.status for answer in admitted] == [200] * 4

        found = verified(Gateway, one_tier(unlimited=True, requests=[{"limit": 1, "window": "2m", "per": "team"}]))
        bearer = found["tiny with a key after Bearer"]
        assert (bearer.ok, bearer.status) == (True, 429)
        assert bearer.said == (
            "not tried: answered 429, since the team has used up what its users have together (1 in 2m per team)"
        )

    def test_a_user_alone_is_not_told_that_others_used_it_up(self) -> None:
        class Throttles(Gateway):
            def within_limits(self, *_arguments: Any) -> bool:
                return False

        assert not verified(Throttles)["tiny with a key after Bearer"].ok

    def test_each_step_says_what_was_seen(self) -> None:
        found = verified(Gateway)

        assert [name for name, answer in found.items() if not answer.ok] == []
        assert found[REQUESTS].said == "5 answered 200, then 2 answered 429"
        assert found[TOKENS].said == "2 answered 200 (146 tokens), then 2 answered 429"

    @for_all(intents(), st.integers(5, 99))
    def test_whatever_the_inventory_says_and_whatever_a_question_costs(self, intent: Object, tokens: int) -> None:
        class Costly(Gateway):
            question_tokens = tokens

        found = verified(Costly, intent)

        assert {name: answer.said for name, answer in found.items() if not answer.ok} == {}


class AdmitsAll(Gateway):
    """The AuthPolicy is said to be in force, and is not."""

    def respond(self, check: Check) -> tuple[int, Object]:
        return 200, self.completion(10)


class IgnoresLimits(Gateway):
    def within_limits(self, *_arguments: Any) -> bool:
        return True


class OneMore(Gateway):
    def most(self, limit: int, what: str) -> int:
        return limit + (what == "requests")


class OneLess(Gateway):
    def most(self, limit: int, what: str) -> int:
        return limit - (what == "requests")


class CountsTokensTwice(Gateway):
    def cost_of_tokens(self, tokens: int) -> int:
        return 2 * tokens


class CountsNoTokens(Gateway):
    def cost_of_tokens(self, tokens: int) -> int:
        return 0


class CountsRequestsTwice(Gateway):
    def cost_of_a_request(self) -> int:
        return 2


class ForgetsAPrefix(Gateway):
    prefixes = ("Bearer",)


class ForgetsTheOtherPrefix(Gateway):
    prefixes = ("APIKEY",)


class LetsCapitalsPass(Gateway):
    """S1 of the measured facts."""

    def respond(self, check: Check) -> tuple[int, Object]:
        if check.host != check.host.lower():
            return 200, self.completion(10)
        return super().respond(check)


class LeadsEverywhere(Gateway):
    paths = (*Gateway.paths, "/metrics")

    def respond(self, check: Check) -> tuple[int, Object]:
        return (200, {}) if check.path == "/metrics" else super().respond(check)


class IsBroken(Gateway):
    """E27, E30 of the measured facts: what denies when the limiter or Authorino is down."""

    def respond(self, check: Check) -> tuple[int, Object]:
        return 500, {}


class LimiterIsDown(Gateway):
    def within_limits(self, *_arguments: Any) -> bool:
        raise ConnectionError

    def respond(self, check: Check) -> tuple[int, Object]:
        try:
            return super().respond(check)
        except ConnectionError:
            return 500, {}


class IsNotThere(Gateway):
    def __call__(self, check: Check) -> Answer:
        return Answer(check, 0, "no answer", False, 0.0)


class KnowsEveryTeam(Gateway):
    def tier(self, team: str) -> Object | None:
        return super().tier(team) or self.tiers["free"]


class ForgetsModelLists(Gateway):
    def admits(self, tier: Object, model: str) -> bool:
        return True


class AcceptsAnyKey(Gateway):
    def caller(self, check: Check) -> tuple[str, str] | None:
        return super().caller(check) or (("somebody", "students") if check.headers else None)


class HasNoKeys(Gateway):
    def caller(self, check: Check) -> tuple[str, str] | None:
        return None


class HasOneModel(Gateway):
    def respond(self, check: Check) -> tuple[int, Object]:
        return (404, {}) if check.host == "large.maas.local" else super().respond(check)


class ReportsNoUsage(Gateway):
    def completion(self, tokens: int) -> Object:
        return {"choices": super().completion(tokens)["choices"]}


class CountsUsersTogether(Gateway):
    def within_limits(self, tier: Object, model: str, user: str, team: str, tokens: int) -> bool:
        return super().within_limits(tier, model, team, team, tokens)


class ThrottlesAtRandom(Gateway):
    """The second request is refused though something is left, and the third is not."""

    def within_limits(self, tier: Object, model: str, user: str, team: str, tokens: int) -> bool:
        self.used["calls", user] += 1
        return self.used["calls", user] != 2 and super().within_limits(tier, model, user, team, tokens)


class TestWrongGateways:
    """Exactly those steps fail that show what is wrong."""

    @pytest.mark.parametrize(
        ("gateway", "failed"),
        [
            (AdmitsAll, {*REFUSED, OTHER_PATH, UNKNOWN_TEAM, OUTSIDE, REQUESTS, TOKENS}),
            (IgnoresLimits, {REQUESTS, TOKENS}),
            (OneMore, {REQUESTS}),
            (OneLess, {REQUESTS}),
            (CountsTokensTwice, {TOKENS}),
            (CountsNoTokens, {TOKENS}),
            (CountsRequestsTwice, {REQUESTS}),
            (ForgetsAPrefix, {name for name in ADMITTED if "APIKEY" in name}),
            (
                ForgetsTheOtherPrefix,
                EVERYTHING - REFUSED - {OTHER_PATH} - {name for name in ADMITTED if "APIKEY" in name},
            ),
            (LetsCapitalsPass, {"without a key, hostname in capital letters"}),
            (LeadsEverywhere, {OTHER_PATH}),
            (IsBroken, EVERYTHING),
            (LimiterIsDown, {*ADMITTED, REQUESTS, TOKENS}),
            (IsNotThere, EVERYTHING),
            (KnowsEveryTeam, {UNKNOWN_TEAM}),
            (ForgetsModelLists, {OUTSIDE}),
            (AcceptsAnyKey, {"with a wrong key"}),
            (HasNoKeys, EVERYTHING - REFUSED - {OTHER_PATH}),
            (HasOneModel, {name for name in ADMITTED if "big" in name} | {OUTSIDE}),
            (ReportsNoUsage, {*ADMITTED, TOKENS}),
            (CountsUsersTogether, {REQUESTS}),
            (ThrottlesAtRandom, {REQUESTS, TOKENS}),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_the_right_step_fails(self, gateway: type[Gateway], failed: set[str]) -> None:
        assert {name for name, answer in verified(gateway).items() if not answer.ok} == failed

    def test_a_limit_that_is_not_where_it_should_be_is_told_with_both_numbers(self) -> None:
        assert verified(OneMore)[REQUESTS].said == (
            "6 answered 200, then 1 answered 429 instead of a limit at 5: is the policy enforced, and does "
            "no other entry match too?"
        )

    def test_a_gateway_too_slow_for_the_window_is_not_accused(self) -> None:
        class Slow(OneMore):
            seconds = 30.0

        assert verified(Slow)[REQUESTS].said.endswith(
            " instead of a limit at 5: the requests took 210 s, longer than the limit's window"
        )

    def test_what_breaks_a_search_for_a_boundary_is_told_as_it_came(self) -> None:
        answer = verified(LimiterIsDown)[REQUESTS]

        assert (answer.status, answer.ok) == (500, False)
        assert "answered 500 instead of 200" in answer.said


class TestCarryOut:
    """One step."""

    def test_what_is_not_tried_sends_nothing_and_fails_nothing(self) -> None:
        answer = carry_out(Untried("it", "it has none"), IsNotThere(INTENT, guests()))

        assert (answer.check.name, answer.ok, answer.said) == ("it", True, "not tried: it has none")

    def test_the_answer_to_a_check_is_that_of_the_gateway(self) -> None:
        check = Check("it", "nowhere.maas.local", status=404)

        assert carry_out(check, Gateway(INTENT, guests())).ok
        assert not carry_out(replace(check, status=200), Gateway(INTENT, guests())).ok

    def test_a_boundary_takes_no_more_requests_than_it_needs(self) -> None:
        steps, invited = steps_for(INTENT)
        boundary = next(step for step in steps if isinstance(step, Boundary) and not step.tokens)
        for gateway, requests in ((Gateway, 7), (IgnoresLimits, 7), (OneLess, 6), (IsBroken, 1)):
            send = gateway(INTENT, invited)
            carry_out(boundary, send)
            assert len(send.seen) == requests
