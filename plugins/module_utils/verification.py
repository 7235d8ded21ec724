# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be seen before access counts as verified: admitted, refused and throttled by real requests.

The requests are sent with keys of guests: users that are in no inventory, in teams that are. Each guest has counts of
its own, so verifying takes nothing from users (of what a team has together it takes a few requests), and its keys are
gone afterwards. Pure: who sends the requests, and how keys are made, is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Union

from .checks import Answer, Check, chat
from .intent.models import Model
from .intent.platform import Platform
from .intent.tiers import Allowance, Limit, Tier

Send = Callable[[Check], Answer]
UNTRIED = "not tried"
NO_TEAM = "maas-verify-no-team"
# A boundary is looked for only where its window cannot end meanwhile.
_SHORTEST_WINDOW = 20
_BEYOND = 2
_TOKENS_AT_ONCE = 64
# No answer to a question costs less, so that many requests reach a limit of tokens for sure.
_FEWEST_TOKENS = 5
# None costs more when the answer is one token long, whatever a server puts around the question.
_MOST_TOKENS = 100


@dataclass(frozen=True)
class Guest:
    """A caller that exists only while access is verified."""

    user: str
    team: str
    value: str = field(repr=False)


@dataclass
class Guests:
    """The guests of one verification; ``run`` makes their names unlike those of any other, ``generate`` their keys."""

    run: str
    generate: Callable[[], str]
    all: list[Guest] = field(default_factory=list)

    def invite(self, team: str) -> Guest:
        """Return a guest in ``team`` who has used nothing yet."""
        guest = Guest(f"maas-verify-{self.run}-{len(self.all)}", team, self.generate())
        self.all.append(guest)
        return guest


@dataclass(frozen=True)
class Boundary:
    """Requests of one guest until its limit of requests, or of tokens, is reached, and a little beyond.

    The limit holds for ``window`` seconds from the first of them.
    """

    name: str
    check: Check
    limit: int
    window: int
    tokens: bool
    most: int


@dataclass(frozen=True)
class Shared:
    """A check that is not tried when the guest's team has used up what its users have together."""

    check: Check
    limit: Limit


@dataclass(frozen=True)
class Untried:
    """What cannot be shown without doing harm, and why."""

    name: str
    why: str


Step = Union[Check, Shared, Boundary, Untried]


def access_steps(platform: Platform, guests: Guests, most_requests: int) -> list[Step]:
    """Return what to try, in order; keys of the guests must be in force before the first is carried out.

    :param most_requests: boundaries that need more requests are not tried.
    """
    steps: list[Step] = []
    teams = {team.tier: team.name for team in reversed(platform.teams)}
    for model in platform.models[:1]:
        steps += _refused(platform, model, guests)
    steps += _admitted(platform, teams, guests)
    for tier in platform.tiers:
        if tier.name not in teams:
            steps.append(Untried(f"tier {tier.name}", "no team is in it"))
            continue
        steps += _outside(platform, tier, teams[tier.name], guests)
        for model in _with_limits_of_its_own(platform, tier):
            steps += _boundaries(platform, tier, model, guests, teams[tier.name], most_requests)
    return steps


def _with_limits_of_its_own(platform: Platform, tier: Tier) -> list[Model]:
    """Return each model with an override, after one of those that have the limits of the tier."""
    admitted = [model for model in platform.models if tier.admits(model.name)]
    special = {override.model for override in tier.overrides}
    common = [model for model in admitted if model.name not in special][:1]
    return common + [model for model in admitted if model.name in special]


def _refused(platform: Platform, model: Model, guests: Guests) -> Iterator[Step]:
    host = platform.hostname(model)
    yield chat("without a key", host, model, None, 401)
    yield chat("with a wrong key", host, model, f"Bearer {guests.generate()}", 401)
    yield chat("without a key, hostname in capital letters", host.upper(), model, None, 401)
    nobody = guests.invite(NO_TEAM)
    yield chat("with a key of an unknown team", host, model, f"Bearer {nobody.value}", 403)
    # Every server of models has it, and no client may see it: it tells of all users.
    yield Check("a path that is not for clients", host, "/metrics", status=404)


def _admitted(platform: Platform, teams: dict[str, str], guests: Guests) -> Iterator[Step]:
    """Yield each model with both prefixes, as a guest of the first tier that may use it."""
    for model in platform.models:
        tier = next((tier for tier in platform.tiers if tier.name in teams and tier.admits(model.name)), None)
        if tier is None:
            yield Untried(f"{model.name} with a key", "no team has a tier that includes it")
            continue
        for prefix in ("APIKEY", "Bearer"):
            guest = guests.invite(teams[tier.name])
            name = f"{model.name} with a key after {prefix}"
            check = chat(name, platform.hostname(model), model, f"{prefix} {guest.value}")
            limit = _of_team(tier.allowance(model.name))
            yield Shared(check, limit) if limit else check


def _outside(platform: Platform, tier: Tier, team: str, guests: Guests) -> Iterator[Step]:
    model = next((model for model in platform.models if not tier.admits(model.name)), None)
    if model:
        authorization = f"Bearer {guests.invite(team).value}"
        name = f"tier {tier.name} on {model.name}, which it does not include"
        yield chat(name, platform.hostname(model), model, authorization, 403)


def _boundaries(
    platform: Platform, tier: Tier, model: Model, guests: Guests, team: str, most_requests: int
) -> Iterator[Step]:
    allowance = tier.allowance(model.name)
    for what, limits in (("requests", allowance.requests), ("tokens", allowance.tokens)):
        limit = _first_bound(limits)
        if limit is None:
            yield Untried(f"tier {tier.name}: limit of {what} on {model.name}", "it has none")
            continue
        name = f"tier {tier.name}: {limit.limit} {what} in {limit.window} on {model.name}"
        of_tokens = limits is allowance.tokens
        needed = -(-limit.limit // _FEWEST_TOKENS) if of_tokens else limit.limit
        why = _not_to_be_tried(limit, needed, most_requests) or _ends_before(allowance, of_tokens, needed)
        if why:
            yield Untried(name, why)
            continue
        authorization = f"Bearer {guests.invite(team).value}"
        tokens = _TOKENS_AT_ONCE if of_tokens else 1
        check = chat(name, platform.hostname(model), model, authorization, tokens=tokens)
        yield Boundary(name, check, limit.limit, limit.seconds, of_tokens, needed + _BEYOND)


def _first_bound(limits: Sequence[Limit]) -> Limit | None:
    """Return the limit that is reached first when requests come as fast as they can."""
    return min(limits, key=lambda limit: limit.limit, default=None)


def _not_to_be_tried(limit: Limit, needed: int, most_requests: int) -> str:
    """Return why a boundary that takes ``needed`` requests is left alone; empty when it is not."""
    if limit.seconds < _SHORTEST_WINDOW:
        return f"its window is shorter than {_SHORTEST_WINDOW} s"
    if needed > most_requests:
        return f"it may take {needed} requests, more than {most_requests}"
    return ""


def _ends_before(allowance: Allowance, of_tokens: bool, needed: int) -> str:
    """Return which other limit ``needed`` requests may reach, or would use up for others; empty for none."""
    of_team = _of_team(allowance)
    if of_team:
        return f"{of_team} counts for a whole team, whose own requests it would take"
    other = _first_bound(allowance.requests if of_tokens else allowance.tokens)
    if other and other.limit <= (needed if of_tokens else needed * _MOST_TOKENS):
        return f"{other} of {'requests' if of_tokens else 'tokens'} may end before it"
    return ""


def _of_team(allowance: Allowance) -> Limit | None:
    """Return a limit that counts for a whole team, where there is one."""
    return next((limit for limit in (*allowance.requests, *allowance.tokens) if limit.per == "team"), None)


def carry_out(step: Step, send: Send) -> Answer:
    """Try one step by ``send`` and judge what came back."""
    if isinstance(step, Untried):
        return Answer(Check(step.name, ""), 0, f"{UNTRIED}: {step.why}", True, 0.0)
    if isinstance(step, Check):
        return send(step)
    if isinstance(step, Shared):
        answer = send(step.check)
        if answer.status != 429:
            return answer
        said = f"{UNTRIED}: answered 429, since the team has used up what its users have together ({step.limit})"
        return replace(answer, ok=True, said=said)
    return _find_boundary(step, send)


def _find_boundary(step: Boundary, send: Send) -> Answer:
    """Send requests until two are throttled or all are used up, and compare with where the limit is."""
    answers: list[Answer] = []
    while len(answers) < step.most and sum(answer.status == 429 for answer in answers) < _BEYOND:
        answers.append(send(step.check))
        if answers[-1].status not in (200, 429):
            return replace(answers[-1], ok=False)
    statuses = [answer.status for answer in answers]
    admitted = [answer for answer in answers if answer.status == 200]
    seconds = sum(answer.seconds for answer in answers)
    used = [_tokens(answer) if step.tokens else 1 for answer in admitted]
    spent = f" ({sum(used)} tokens)" if step.tokens else ""
    said = f"{len(admitted)} answered 200{spent}, then {len(answers) - len(admitted)} answered 429"
    ok = statuses[-1] == 429 and statuses == sorted(statuses) and _as_limited(used, step.limit)
    if not ok:
        why = "is the policy enforced, and does no other entry match too?"
        if seconds > step.window:
            why = f"the requests took {seconds:.0f} s, longer than the limit's window"
        said += f" instead of a limit at {step.limit}: {why}"
    return Answer(step.check, answers[-1].status, said, ok, seconds)


def _as_limited(used: Sequence[int], limit: int) -> bool:
    """Say whether exactly those were admitted that the limit admits: while anything of it is left."""
    return bool(used) and sum(used) >= limit > sum(used[:-1])


def _tokens(answer: Answer) -> int:
    body = answer.body if isinstance(answer.body, dict) else {}
    return int((body.get("usage") or {}).get("total_tokens") or 0)
