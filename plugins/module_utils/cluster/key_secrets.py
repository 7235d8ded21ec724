# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets of API keys as they are on a cluster, and the one way in which they become as they are to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ..applyset import PART_OF_LABEL, Parent, namespaces_of
from ..errors import ApiError, SetBusyError
from ..keys import GUESTS, VERIFICATION, Decision, decide, is_copy, refuse_foreign, unseen
from ..render.identity import KEY_LABEL
from ..render.keys import ApiKey, key_secret
from .api import Api, Object, concurrently, object_path, together
from .lock import locked
from .sets import Outcome, Sets

# How often a run begins anew because others made the same keys meanwhile.
_ATTEMPTS = 3

Generate = Callable[[], str]
# Is told of new values before any of them is sent.
Announce = Callable[[Decision], None]
Choose = Callable[[Sequence[ApiKey], Sequence[Object]], Sequence[ApiKey]]


class KeySecrets:
    """The set of all keys of one platform."""

    def __init__(self, api: Api, sets: Sets, parent: Parent) -> None:
        self._api = api
        self._sets = sets
        self._parent = parent

    def keep(
        self,
        wanted: Sequence[ApiKey],
        namespace: str,
        generate: Generate,
        announce: Announce,
        check: bool,
        choose: Choose,
    ) -> tuple[Decision, Outcome]:
        """Make the set hold exactly the wanted keys, those that are there with the values they have.

        A new Secret is written before an old one goes, so a key that moves works all the time. Values are read before
        the set is locked; when another run makes the same keys meanwhile, the server refuses ours, since a key's Secret
        is immutable, and we begin anew with what is there then.

        :param choose: returns the keys to have by now, of those wanted and by the Secrets of the set as they are.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            decision = self._decide(wanted, namespace, generate, choose)
            announce(decision)
            try:
                return decision, self._make(decision, namespace, check)
            except ApiError as error:
                if error.status != 422 or not decision.generated or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def remove(self, check: bool) -> Outcome:
        """Remove all keys."""
        if not check:
            self._prepare(unseen([obj for obj in _members(self._api, self._parent) if not is_copy(obj)]))
        return self._sets.remove(self._parent, remove_shared=False, check=check)

    def _decide(self, wanted: Sequence[ApiKey], namespace: str, generate: Generate, choose: Choose) -> Decision:
        # What an interrupted verification left behind goes with the next; nobody knows its values.
        ours = f"{self._parent.set_id}, {GUESTS.set_id}"
        foreign, members = together(
            lambda: _list(self._api, f"{KEY_LABEL}=true,{PART_OF_LABEL} notin ({ours})", namespace, True),
            lambda: _members(self._api, self._parent, namespace),
        )
        refuse_foreign([*foreign, *(obj for obj in members if is_copy(obj))])
        return decide(choose(wanted, members), members, namespace, generate)

    def _make(self, decision: Decision, namespace: str, check: bool) -> Outcome:
        if not check:
            self._prepare(decision.before)
        objects = [key_secret(key, value, namespace) for key, value in decision.values.items()]
        return self._sets.apply(self._parent, objects, adopt=False, prune=True, check=check)

    def _prepare(self, objects: Sequence[Object]) -> None:
        """Write Secrets that have to be otherwise for a moment, and touch no other."""
        if objects:
            self._sets.apply(self._parent, objects, adopt=False, prune=False, check=False)


def seen(api: Api, parent: Parent, namespace: str) -> list[Object]:
    """Return every Secret that the gateway takes for a key, and the members of the set that it does not."""
    selected, others = together(
        lambda: _list(api, f"{KEY_LABEL}=true", namespace),
        lambda: _members(api, parent, namespace, f",{KEY_LABEL}!=true"),
    )
    return [*selected, *others]


def forget_guests(api: Api, sets: Sets) -> int:
    """Remove the keys that an interrupted verification left, and return how many; those of one at work stay."""
    left = len(_members(api, GUESTS, metadata=True))
    if left:
        try:
            with locked(api, VERIFICATION, 0):
                sets.remove(GUESTS, remove_shared=False, check=False)
        except SetBusyError:
            return 0
    return left


def _members(api: Api, parent: Parent, namespace: str = "", further: str = "", metadata: bool = False) -> list[Object]:
    """Return the members of a set, in the namespaces that its parent remembers and in the one that is given."""
    record = api.get(object_path("/api/v1", "configmaps", parent.namespace, parent.object_name))
    places = sorted({*namespaces_of(record), *([namespace] if namespace else [])})
    selector = f"{PART_OF_LABEL}={parent.set_id}{further}"
    found = concurrently(lambda place: _list(api, selector, place, metadata), places)
    return [obj for part in found for obj in part]


def _list(api: Api, selector: str, namespace: str, metadata: bool = False) -> list[Object]:
    items: list[Object] = api.list(object_path("/api/v1", "secrets", namespace), selector, metadata)["items"]
    return items
