# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why pods do not run, told for what needs them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

# A container waits like this while all is well; only a pod of which nothing else is known is told by it.
_ON_THE_WAY = {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class Workloads:
    """Deployments and pods of some namespaces."""

    deployments: Sequence[Object] = ()
    pods: Sequence[Object] = ()

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Workloads:
        """Take them from objects of any kind."""
        found: dict[str, list[Object]] = defaultdict(list)
        for obj in objects:
            found[obj["kind"]].append(obj)
        return cls(found["Deployment"], found["Pod"])

    def made_for(self, owner: Object) -> list[Object]:
        """Return the Deployments that a controller made for an object."""
        uid = owner["metadata"].get("uid")
        return [item for item in self.deployments if uid and uid in _owners(item)]

    def pods_of(self, deployment: Object) -> list[Object]:
        """Return the pods that a Deployment selects."""
        wanted = (deployment.get("spec") or {}).get("selector", {}).get("matchLabels") or {}
        place = deployment["metadata"].get("namespace")
        return [
            pod
            for pod in self.pods
            if wanted
            and pod["metadata"].get("namespace") == place
            and _has(pod["metadata"].get("labels") or {}, wanted)
        ]

    def troubles_of(self, deployment: Object) -> list[str]:
        """Return a line for each way in which pods of a Deployment are not well."""
        by_text: dict[str, list[str]] = defaultdict(list)
        for pod in self.pods_of(deployment):
            for text in pod_troubles(pod):
                by_text[text].append(pod["metadata"]["name"])
        return [f"Pod {_first(names)}: {text}" for text, names in by_text.items()]


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())


def _owners(obj: Object) -> set[str]:
    return {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or []}


def _first(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def pod_troubles(pod: Object) -> list[str]:
    """Return what keeps a pod from being ready, in its own words; nothing for one that is ready, done or leaving."""
    status = pod.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or []}
    if pod["metadata"].get("deletionTimestamp") or status.get("phase") == "Succeeded":
        return []
    if status.get("phase") == "Failed":
        return [_sentence(status.get("reason", "Failed"), status.get("message", ""))]
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return [_sentence(scheduled.get("reason", "not scheduled"), scheduled.get("message", ""))]
    if conditions.get("Ready", {}).get("status") == "True":
        return []
    return list(_containers(status)) or [_silence(pod)]


def _containers(status: Object) -> Iterator[str]:
    for item in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        text = _container(item)
        if text:
            yield f"container {item['name']}: {text}"


def _container(item: Object) -> str:
    state = item.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    before = (item.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") not in _ON_THE_WAY:
        text = _sentence(waiting.get("reason", "waiting"), waiting.get("message", ""))
        return f"{text}; it {_end(before)}" if before else text
    if ended and ended.get("exitCode"):
        return _end(ended)
    if state.get("running") is not None and not item.get("ready"):
        return "it runs, but its readiness probe does not pass"
    return ""


def _end(ended: Object) -> str:
    return f"ended with exit code {ended.get('exitCode')} ({ended.get('reason', 'no reason given')})"


def _silence(pod: Object) -> str:
    node = (pod.get("spec") or {}).get("nodeName")
    return f"it is still being started on node {node}" if node else "the scheduler has not looked at it yet"


def _sentence(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else reason


def unread(kind: str, namespace: str, why: str = "") -> str:
    """Return the line that says where the cause may be hidden: in objects of a kind that could not be read.

    :param why: empty where the login has no right to it.
    """
    place = namespace or "all namespaces"
    return f"{kind}s in {place} could not be read: {why or 'the login may not list them'}"
