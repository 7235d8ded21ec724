# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person gets to see of an outcome."""

from __future__ import annotations

from typing import Any

from .cluster.sets import Change, Outcome
from .plan import Action, Step, visible
from .readiness import explain, is_ready


def result(outcome: Outcome, with_diff: bool) -> dict[str, Any]:
    """Return an outcome as modules return it."""
    answer = {"changed": outcome.changed, **summary(outcome)}
    return {**answer, "diff": diffs(outcome)} if with_diff else answer


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return changes, kept members, objects not in force and the number of unchanged ones, as modules return them."""
    changed = [change.step for change in outcome.changes if change.changed]
    kept = [change.step for change in outcome.changes if change.step.action is Action.KEEP]
    return {
        "changes": [_line(step) for step in changed],
        "kept": [_line(step) for step in kept],
        "not_ready": [
            {"object": str(key), "said": explain(obj).strip()}
            for key, obj in outcome.objects().items()
            if not is_ready(obj)
        ],
        "unchanged": len(outcome.changes) - len(changed) - len(kept),
    }


def diffs(outcome: Outcome) -> list[dict[str, Any]]:
    """Return one entry of Ansible's diff for each object that changes."""
    return [_diff(change) for change in outcome.changes if change.changed]


def _line(step: Step) -> dict[str, str]:
    return {"object": str(step.key), "action": step.action.value, "why": step.why}


def _diff(change: Change) -> dict[str, Any]:
    header = f"{change.step.key} ({change.step.action.value}: {change.step.why})"
    before, after = change.step.live, change.after
    secret_changed = before is not None and after is not None and before.get("data") != after.get("data")
    return {
        "before_header": header,
        "after_header": header,
        "before": "" if before is None else visible(before),
        "after": "" if after is None else visible(after, "(hidden, changed)" if secret_changed else "(hidden)"),
    }
