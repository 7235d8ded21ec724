# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rights that are taken away, one at a time, and what is said then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tests.module.running import Answer
from tests.privileges.accounts import Account
from tests.privileges.work import Part, Work
from tools.rbac import Right, needless


def named(right: Right, account: Account) -> str:
    """How the API server says that a right is missing."""
    place = f'in the namespace "{right.namespace}"' if right.namespace else "at the cluster scope"
    asked = f'cannot {right.verb} resource "{right.resource}" in API group "{right.group}" {place}'
    return f'User "{account.user}" {asked}'


def by_chance(right: Right) -> bool:
    """Whether a right is needed only where something takes its time, or another run is at work."""
    return right.verb == "watch" or (right.resource == "leases" and right.verb in ("get", "patch"))


def lacks(work: Work, right: Right, answers: Callable[[], Iterable[Answer]]) -> None:
    """Take a right away; one of the answers then has to name it, and what to do about it."""
    with work.account.lacking(right):
        said = [str(answer["msg"]) for answer in answers() if answer.get("failed")]
    assert any(named(right, work.account) in text and "Ask for that right" in text for text in said), (str(right), said)


def until_failed(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yield answers up to the first failure."""
    for answer in answers:
        yield answer
        if answer.get("failed"):
            return


def needed(account: Account, parts: Mapping[str, Part]) -> dict[Right, list[str]]:
    """Do each part with all rights, and return by right the parts that cannot do without it."""
    found: dict[Right, list[str]] = {}
    for name, part in parts.items():
        with account.from_now_on() as later:
            failed = [answer["msg"] for answer in part() if answer.get("failed")]
            asked = later.asked()
        assert asked, f"{name} asked for nothing: {failed}"
        spare = set(needless(asked, account.rights()))
        for right in account.rights():
            if right not in spare:
                found.setdefault(right, []).append(name)
    return found


def refused_without(account: Account, right: Right, part: Part) -> bool:
    """Do a part without a right, up to where it fails, and say whether it was refused by the name of that right."""
    with account.lacking(right), account.from_now_on() as later:
        list(until_failed(part()))
        refusals = later.told()
    place = "" if not right.namespace else f' in the namespace "{right.namespace}"'
    text = f'cannot {right.verb} resource "{right.resource}" in API group "{right.group}"{place}'
    return any(text in refusal for refusal in refusals)
