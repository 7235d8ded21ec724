# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what, as a table, and what a new inventory changes for whom, in words.

The AuthPolicy carries the statement that its inventory makes, as an annotation. So the next run can say what changes,
and anybody can read what holds, without decoding CEL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .intent.platform import Platform
from .intent.tiers import Allowance, Limit, Tier

STATEMENT_ANNOTATION = "maas-billing.platform/statement"
_SHOWN = 5
_TITLES = {
    "tier": "TIER",
    "teams": "TEAMS",
    "models": "MODELS",
    # Each route counts for itself, and each model has its own.
    "requests": "REQUESTS PER MODEL",
    "tokens": "TOKENS PER MODEL",
}
Statement = dict[str, Any]


def statement(platform: Platform) -> Statement:
    """Return what the inventory says about access.

    :return: ``tiers``: for each tier its ``models`` (None for all), ``requests`` and ``tokens`` in words, and
        ``overrides``: the same words for each model that has limits of its own. ``teams``: the tier of each team.
        ``models``: the names of all models.
    """
    return {
        "models": sorted(model.name for model in platform.models),
        "tiers": {tier.name: _tier(tier) for tier in platform.tiers},
        "teams": {team.name: team.tier for team in platform.teams},
    }


def _tier(tier: Tier) -> Statement:
    return {
        "models": None if tier.models is None else sorted(tier.models),
        **_words(Allowance(tier.requests, tier.tokens, tier.unlimited)),
        "overrides": {override.model: _words(tier.allowance(override.model)) for override in tier.overrides},
    }


def _words(allowance: Allowance) -> dict[str, str]:
    tokens = "unlimited" if allowance.unlimited else _limits(allowance.tokens)
    return {"requests": _limits(allowance.requests), "tokens": tokens}


def _limits(limits: Sequence[Limit]) -> str:
    return ", ".join(map(str, limits)) or "unlimited"


def written(said: Statement) -> str:
    """Return a statement as the value of its annotation."""
    return json.dumps(said, separators=(",", ":"), sort_keys=True)


def read(policy: Mapping[str, Any] | None) -> Statement:
    """Return the statement that a live AuthPolicy carries; an empty one when there is none that can be understood."""
    annotations = ((policy or {}).get("metadata") or {}).get("annotations") or {}
    try:
        said = json.loads(annotations.get(STATEMENT_ANNOTATION, "null"))
    except ValueError:
        said = None
    return said if _is_statement(said) else {"models": [], "tiers": {}, "teams": {}}


def _is_statement(said: Any) -> bool:
    """Say whether a value has the shape of a statement; anybody may have written the annotation."""
    if not isinstance(said, dict) or not all(isinstance(said.get(part), dict) for part in ("tiers", "teams")):
        return False
    if not isinstance(said.get("models"), list) or not _are_texts([*said["models"], *said["teams"].values()]):
        return False
    return all(map(_is_tier, said["tiers"].values()))


def _is_tier(said: Any) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("overrides"), dict):
        return False
    models = said.get("models")
    named = models is None or (isinstance(models, list) and _are_texts(models))
    return named and all(map(_are_limits, [said, *said["overrides"].values()]))


def _are_limits(said: Any) -> bool:
    return isinstance(said, dict) and _are_texts(said.get(what) for what in ("requests", "tokens"))


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def access_rows(said: Statement) -> list[dict[str, str]]:
    """Return one row for each tier, and for each model with limits of its own.

    :return: mappings with ``tier``, ``teams``, ``models``, ``requests`` and ``tokens``, all in words.
    """
    rows = []
    for name, tier in said["tiers"].items():
        teams = _some(team for team, its_tier in said["teams"].items() if its_tier == name) or "none"
        others = "all others" if tier["overrides"] else "all"
        if tier["models"] is not None:
            others = _some(model for model in tier["models"] if model not in tier["overrides"]) or "none"
        for models, limits in [(others, tier), *tier["overrides"].items()]:
            words = {"requests": limits["requests"], "tokens": limits["tokens"]}
            rows.append({"tier": name, "teams": teams, "models": models, **words})
    return rows


def changes_in_words(before: Statement, after: Statement) -> list[str]:
    """Return a line for each thing that is other than before, and for whom."""
    return [*_model_changes(before, after), *_team_changes(before, after), *_tier_changes(before, after)]


def _model_changes(before: Statement, after: Statement) -> Iterator[str]:
    for model in sorted({*before["models"]} ^ {*after["models"]}):
        if model in before["models"]:
            yield f"model {model}: gone"
        else:
            tiers = _some(name for name, tier in after["tiers"].items() if _includes(tier, model))
            yield f"model {model}: new ({f'tiers: {tiers}' if tiers else 'no tier includes it'})"


def _includes(tier: Statement, model: str) -> bool:
    return tier["models"] is None or model in tier["models"]


def _team_changes(before: Statement, after: Statement) -> Iterator[str]:
    old, new = before["teams"], after["teams"]
    for team in sorted({*old, *new}):
        if team not in old:
            yield f"team {team}: new, in tier {new[team]}"
        elif team not in new:
            yield f"team {team}: gone, its keys are refused"
        elif old[team] != new[team]:
            yield f"team {team}: from tier {old[team]} to {new[team]}; what it used before is forgotten"


def _tier_changes(before: Statement, after: Statement) -> Iterator[str]:
    for tier in sorted({*before["tiers"], *after["tiers"]}):
        old, new = before["tiers"].get(tier), after["tiers"].get(tier)
        whom = _some(team for team, its_tier in after["teams"].items() if its_tier == tier)
        concerned = f" (teams: {whom})" if whom else " (no team is in it)"
        if new is None:
            yield f"tier {tier}: gone"
        elif old is None:
            yield f"tier {tier}: new{concerned}, {_said(new)}"
            for model, limits in new["overrides"].items():
                yield f"tier {tier}{concerned}: for {model} {_said(limits)}"
        else:
            yield from (f"tier {tier}{concerned}: {line}" for line in _limit_changes(old, new))


def _limit_changes(old: Statement, new: Statement) -> Iterator[str]:
    """Yield what is other within one tier."""
    if old["models"] != new["models"]:
        yield f"its models from {_models(old)} to {_models(new)}"
    yield from _differences(old, new)
    for model in sorted({*old["overrides"], *new["overrides"]}):
        if not _includes(new, model):
            continue  # No limit is left to speak of.
        before, after = old["overrides"].get(model, old), new["overrides"].get(model, new)
        yield from (f"for {model} {line}" for line in _differences(before, after))


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for what in ("requests", "tokens"):
        if old[what] != new[what]:
            yield f"{what} from {old[what]} to {new[what]}"


def _said(limits: Mapping[str, str]) -> str:
    return f"requests {limits['requests']}, tokens {limits['tokens']}"


def _models(tier: Statement) -> str:
    return "all" if tier["models"] is None else _some(tier["models"]) or "none"


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return rows of access as lines with aligned columns, the first one with the titles."""
    lines = [_TITLES, *rows]
    widths = {column: max(len(line[column]) for line in lines) for column in _TITLES}
    return ["  ".join(f"{line[column]:<{widths[column]}}" for column in _TITLES).rstrip() for line in lines]
