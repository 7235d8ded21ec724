# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks around objects that are not in force: at the pods that were made for them, and at those of their operator.

Only looks, and only after something failed: what cannot be read is no failure of its own, but a line of the message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..components import Component, component_of
from ..errors import ApiError
from ..plan import Key
from ..readiness import is_silent, not_ready, said_by_pods
from ..workloads import Workloads, unread
from .api import Api, Object, concurrently, object_path

_DEPLOYMENTS = ("/apis/apps/v1", "deployments", "apps/v1", "Deployment")
_PODS = ("/api/v1", "pods", "v1", "Pod")


@dataclass(frozen=True)
class Around:
    """Deployments and pods, and a line for each kind of them that could not be read."""

    objects: Sequence[Object] = ()
    unread: Sequence[str] = ()


def look_around(api: Api, late: Mapping[Key, Object]) -> dict[Key, list[str]]:
    """Return for each object lines that may say why it is not in force."""
    places = sorted({key.namespace for key in late if key.namespace})
    found = dict(zip(places, concurrently(lambda place: _workloads(api, place), places)))
    components = {key: component_of(key.group_kind.partition(".")[2]) for key in late}
    needed = sorted({item.selector for item in components.values() if item})
    operators = dict(zip(needed, concurrently(lambda selector: _operator(api, selector), needed)))
    lines = {}
    for key, obj in late.items():
        component, around = components[key], found.get(key.namespace, Around())
        said = [*said_by_pods(obj, Workloads.of(around.objects)), *around.unread]
        said += _operator_lines(component, operators[component.selector], obj) if component else []
        lines[key] = list(dict.fromkeys(said))  # The operator may be in the same namespace.
    return lines


def _workloads(api: Api, namespace: str) -> Around:
    """Return the Deployments and pods of a namespace."""
    return _together([_read(api, kind, namespace) for kind in (_DEPLOYMENTS, _PODS)])


def _operator(api: Api, selector: str) -> Around:
    """Return Deployments and pods of all namespaces in which a component's controller is."""
    controllers = _read(api, _DEPLOYMENTS, "", selector)
    places = sorted({item["metadata"]["namespace"] for item in controllers.objects})
    beside = _together(concurrently(lambda place: _workloads(api, place), places))
    return Around(beside.objects, [*controllers.unread, *beside.unread])


def _together(parts: Sequence[Around]) -> Around:
    return Around([item for part in parts for item in part.objects], [line for part in parts for line in part.unread])


def _operator_lines(component: Component, found: Around, obj: Object) -> list[str]:
    if not found.objects and not found.unread:
        return [f"its operator, {component.title}, is not there: no Deployment has the labels {component.selector}"]
    unwell = not_ready(found.objects)
    if unwell:
        lines = [f"its operator, {component.title}, does not run as it should. " + _indented(text) for text in unwell]
    elif found.objects and is_silent(obj):
        place = found.objects[0]["metadata"]["namespace"]
        lines = [f"the pods of its operator, {component.title}, run: kubectl logs -n {place} says what they do"]
    else:
        lines = []
    return [*lines, *found.unread]


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _read(api: Api, kind: tuple[str, str, str, str], namespace: str, selector: str = "") -> Around:
    prefix, plural, api_version, name = kind
    try:
        items = api.list(object_path(prefix, plural, namespace or None), selector)["items"]
    except ApiError as error:
        return Around((), [unread(name, namespace, "" if error.status == 403 else str(error))])
    return Around([{**item, "apiVersion": api_version, "kind": name} for item in items])
