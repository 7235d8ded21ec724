# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one door through which objects reach a cluster: apply a set, or remove it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..applyset import Parent, kinds_of, namespaces_of
from ..errors import ApiError, ManifestError
from ..ownership import predicted
from ..plan import PHASES, Action, Key, Step, key_of, leaving, phase, plan, prepare, same_content
from ..readiness import tells_no_generation
from ..render.objects import OPERATOR_LABEL
from .api import Api, Object, concurrently, together
from .contents import strangers_in
from .failures import MISSING_RIGHT
from .lock import StillHeld, locked
from .resources import Resources
from .store import Store, kinds_to_read, namespaces_to_read
from .waiting import until_gone, until_noticed, until_ready

_UNTRIED = "not tried: the login may not change it"


@dataclass(frozen=True)
class Change:
    """One object, what was done with it, and how it was before and is after."""

    step: Step
    after: Object | None

    @property
    def changed(self) -> bool:
        return self.step.writes and not same_content(self.step.live, self.after)


@dataclass
class Outcome:
    """What an apply or a removal did, or would do."""

    changes: list[Change] = field(default_factory=list)
    predicted: bool = False

    @property
    def changed(self) -> bool:
        return any(change.changed for change in self.changes)

    def objects(self) -> dict[Key, Object]:
        """The wanted objects that exist, as they are now."""
        return {
            change.step.key: change.after
            for change in self.changes
            if change.after is not None
            and change.step.wanted is not None
            and not (self.predicted and change.step.live is None)
        }


class Sets:
    """The sets of one cluster."""

    def __init__(self, api: Api, patience: float) -> None:
        """:param patience: seconds that any single wait may take."""
        self._api = api
        self._patience = patience
        self.resources = Resources(api)

    def apply(
        self, parent: Parent, objects: Iterable[Mapping[str, Any]], adopt: bool, prune: bool, check: bool
    ) -> Outcome:
        """Make the set hold exactly ``objects``; nothing is sent when that is so already.

        :param check: only predict, by dry runs of the server.
        :raises MaasError: when an object is foreign, or is refused by the server.
        """
        wanted = prepare(objects, parent.set_id)
        _refuse_home(parent, wanted)
        store = Store(self._api, self.resources, parent, self._patience)
        before, steps = self._plan(store, wanted, adopt, prune)
        if check:
            return Outcome(self._carry_out(store, _as_if_gone(steps), dry_run=True), predicted=True)
        if not any(step.writes for step in steps) and (before or not steps):
            return Outcome([Change(step, step.live) for step in steps])
        with locked(self._api, parent, self._patience, store.ensure_namespace) as still_held:
            # Only what is read under the lock can be trusted: another run may have been at work until now.
            before, steps = self._plan(store, wanted, adopt, prune)
            if self._wait_for_terminating(steps):
                before, steps = self._plan(store, wanted, adopt, prune)
            kinds = kinds_to_read(wanted, before)
            saved = store.save_parent(kinds, namespaces_to_read(wanted, before), before)
            changes = self._carry_out(store, steps, dry_run=False, before_each=still_held)
            remaining = [
                change.step.key
                for change in changes
                if change.after is not None and change.step.action is not Action.RELEASE
            ]
            self._save_remaining(store, remaining, saved)
        return Outcome(changes)

    def remove(
        self, parent: Parent, remove_shared: bool, check: bool, leftovers: Sequence[Mapping[str, Any]] = ()
    ) -> Outcome:
        """Remove the members of a set, in reverse order, and wait until they are gone.

        Shared members stay unless ``remove_shared``; what was adopted is released; a namespace in which others keep
        objects stays and says so.

        :param leftovers: references to objects that are no members and go with the set all the same.
        """
        store = Store(self._api, self.resources, parent, self._patience)
        steps = self._plan_removal(store, remove_shared, leftovers)
        if steps is None:
            return Outcome()
        if check:
            return Outcome(self._carry_out(store, steps, dry_run=True), predicted=True)
        if not any(step.writes for step in steps) and steps:
            return Outcome([Change(step, step.live) for step in steps])
        if store.read_parent() is None:
            return Outcome(self._carry_out(store, steps, dry_run=False))
        with locked(self._api, parent, self._patience) as still_held:
            steps = self._plan_removal(store, remove_shared, leftovers) or []
            changes = self._carry_out(store, steps, dry_run=False, before_each=still_held)
            remaining = [change.step.key for change in changes if change.step.action is Action.KEEP]
            if remaining:
                self._save_remaining(store, remaining, store.read_parent())
            else:
                changes += self._delete_parent(store)
        return Outcome(changes)

    def wait(self, outcome: Outcome) -> None:
        """Wait until every wanted object of the outcome is in force.

        :raises NotReadyError: with conditions and cures of those that are not.
        """
        objects = outcome.objects()
        doubted = {
            change.step.key: objects[change.step.key]
            for change in outcome.changes
            if change.step.live
            and change.changed
            and change.step.key in objects
            and tells_no_generation(change.step.key.group_kind)
        }
        objects.update(until_noticed(self._api, self.resources, doubted))
        ready = until_ready(self._api, self.resources, objects, self._patience)
        outcome.changes = [
            replace(change, after=ready.get(change.step.key, change.after)) for change in outcome.changes
        ]

    def _plan(
        self, store: Store, wanted: Mapping[Key, Object], adopt: bool, prune: bool
    ) -> tuple[Object | None, list[Step]]:
        def load() -> None:
            self.resources.load(obj["apiVersion"] for obj in wanted.values())

        before = together(store.read_parent, load)[0]
        self._check_places(wanted)
        live = store.members(kinds_to_read(wanted, before), namespaces_to_read(wanted, before))
        live.update(store.strangers(key for key in wanted if key not in live))
        steps = plan(wanted, live, store.parent.set_id, adopt, prune)
        return before, [self._spare(store, step) for step in steps]

    def _plan_removal(
        self, store: Store, remove_shared: bool, leftovers: Sequence[Mapping[str, Any]]
    ) -> list[Step] | None:
        """Return what happens to each leftover and each member, or None where there is nothing of either."""
        before = store.read_parent()
        left = store.strangers(key_of(reference) for reference in leftovers)
        if before is None and not left:
            return None
        members = store.members(kinds_of(before), namespaces_of(before))
        steps = [
            Step(key, Action.PRUNE, "an operator of the set left it behind", live=obj) for key, obj in left.items()
        ]
        return steps + [
            self._spare(store, leaving(key, obj, remove_shared)) for key, obj in members.items() if key not in left
        ]

    def _check_places(self, wanted: Mapping[Key, Object]) -> None:
        """Refuse objects in a namespace whose kind has none (they would look lost), and those that lack theirs."""
        lines = []
        for key, obj in wanted.items():
            resource = self.resources.find(obj["apiVersion"], obj["kind"])
            if resource is not None and resource.namespaced != bool(key.namespace):
                cure = "needs metadata.namespace" if resource.namespaced else "must not have metadata.namespace"
                lines.append(f"- {key} {cure}")
        if lines:
            raise ManifestError("These objects cannot be placed. Nothing was changed.\n" + "\n".join(lines))

    def _wait_for_terminating(self, steps: Sequence[Step]) -> bool:
        """Wait until wanted objects that are being deleted are gone; say whether there were any."""
        going = {step.key: step.live for step in steps if step.live and _is_going(step)}
        until_gone(self._api, self.resources, going, self._patience)
        return bool(going)

    def _carry_out(
        self, store: Store, steps: Sequence[Step], dry_run: bool, before_each: StillHeld = lambda: None
    ) -> list[Change]:
        """Write the steps phase by phase, removals after everything else and in reverse order."""
        changes = []
        for number in range(PHASES):
            before_each()
            part = [step for step in steps if step.wanted is not None and phase(step.key.group_kind) == number]
            done = self._write(store, part, dry_run)
            self._establish(done, dry_run)
            changes += done
        for number in reversed(range(PHASES)):
            before_each()
            part = [step for step in steps if step.wanted is None and phase(step.key.group_kind) == number]
            changes += self._write(store, part, dry_run)
            if not dry_run:
                gone = {step.key: step.live for step in part if step.action is Action.PRUNE and step.live}
                until_gone(self._api, self.resources, gone, self._patience)
        return changes

    def _write(self, store: Store, steps: Sequence[Step], dry_run: bool) -> list[Change]:
        """Write steps side by side; all are tried before the refusals are reported together."""

        def attempt(step: Step) -> tuple[Step, Object | None, ApiError | None]:
            try:
                return step, store.write(step, dry_run) if step.writes else step.live, None
            except ApiError as error:
                if error.status in (0, 401):
                    raise
                if dry_run and error.reason == MISSING_RIGHT:
                    # Whoever may only read learns what is otherwise all the same.
                    return replace(step, why=f"{step.why} ({_UNTRIED})"), predicted(step.wanted, step.live), None
                return step, None, error

        results = concurrently(attempt, steps)
        refused = [(step.key, error) for step, _after, error in results if error is not None]
        if refused:
            raise _refusals(refused)
        return [Change(step, after) for step, after, _error in results]

    def _establish(self, changes: Sequence[Change], dry_run: bool) -> None:
        """New kinds can be used only once the server has established them."""
        definitions = {
            change.step.key: change.after
            for change in changes
            if change.step.key.group_kind.startswith("CustomResourceDefinition.")
            and change.step.writes
            and change.after
        }
        if not definitions or dry_run:
            return
        until_ready(self._api, self.resources, definitions, self._patience)
        kinds: dict[str, set[str]] = defaultdict(set)
        for spec in (definition["spec"] for definition in definitions.values()):
            for version in spec["versions"]:
                if version["served"]:
                    kinds[f"{spec['group']}/{version['name']}"].add(spec["names"]["kind"])
        concurrently(lambda item: self.resources.expect(*item, self._patience), kinds.items())

    def _spare(self, store: Store, step: Step) -> Step:
        """Keep a namespace that others use as well."""
        if step.action is not Action.PRUNE or step.key.group_kind != "Namespace" or step.live is None:
            return step
        of_operator = OPERATOR_LABEL in (step.live["metadata"].get("labels") or {})
        strangers = strangers_in(self._api, step.key.name, store.parent.set_id, of_operator)
        if not strangers:
            return step
        more = f" and {len(strangers) - 5} more" if len(strangers) > 5 else ""
        why = f"it holds objects that are not of this set: {', '.join(strangers[:5])}{more}"
        return replace(step, action=Action.KEEP, why=why)

    def _save_remaining(self, store: Store, remaining: Sequence[Key], before: Object | None) -> None:
        namespaces = {key.namespace for key in remaining if key.namespace}
        store.save_parent({key.group_kind for key in remaining}, namespaces, before)

    def _delete_parent(self, store: Store) -> list[Change]:
        """Delete the parent, and with the last one its namespace; return what is said of that namespace if it stays."""
        namespace = store.delete_parent()
        if namespace is None:
            return []
        step = self._spare(store, Step(key_of(namespace), Action.PRUNE, "no set is left", live=namespace))
        if step.action is Action.KEEP:
            return [Change(step, namespace)]
        store.write(step, dry_run=False)
        until_gone(self._api, self.resources, {step.key: namespace}, self._patience)
        return []


def _refuse_home(parent: Parent, wanted: Mapping[Key, Object]) -> None:
    """A set cannot hold the namespace of its own parent: it could never be removed."""
    if Key("Namespace", "", parent.namespace) in wanted:
        raise ManifestError(
            f"The namespace {parent.namespace} holds the parent of the set {parent.name}, so it cannot be in that set. "
            "Choose another value for the option namespace."
        )


def _is_going(step: Step) -> bool:
    return step.wanted is not None and step.live is not None and bool(step.live["metadata"].get("deletionTimestamp"))


def _as_if_gone(steps: Sequence[Step]) -> list[Step]:
    """Return the steps as they will be when what is being deleted is gone."""
    return [replace(step, action=Action.CREATE, live=None) if _is_going(step) else step for step in steps]


def _refusals(refused: Sequence[tuple[Key, ApiError]]) -> ApiError:
    by_message: dict[str, list[str]] = defaultdict(list)
    for key, error in refused:
        by_message[str(error)].append(str(key))
    lines = []
    for message, keys in by_message.items():
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        lines.append(f"- {', '.join(keys[:3])}{more}: {message}")
    first = refused[0][1]
    return ApiError("The API server refused:\n" + "\n".join(lines), first.status, first.reason)
