# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks around objects that are not in force: at the pods that were made for them, and at those of their operator.

Only looks, and only after something failed: what the login may not read is left out of the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..components import Component, component_of
from ..errors import ApiError
from ..plan import Key
from ..readiness import is_silent, not_ready, said_by_pods
from ..workloads import Workloads
from .api import Api, Object, concurrently, object_path

_DEPLOYMENTS = ("/apis/apps/v1", "deployments", "apps/v1", "Deployment")
_PODS = ("/api/v1", "pods", "v1", "Pod")


def look_around(api: Api, late: Mapping[Key, Object]) -> dict[Key, list[str]]:
    """Return for each object lines that may say why it is not in force."""
    places = sorted({key.namespace for key in late if key.namespace})
    found = dict(zip(places, concurrently(lambda place: read_workloads(api, place), places)))
    components = {key: component_of(key.group_kind.partition(".")[2]) for key in late}
    needed = sorted({item.selector for item in components.values() if item})
    operators = dict(zip(needed, concurrently(lambda selector: _operator(api, selector), needed)))
    lines = {}
    for key, obj in late.items():
        component = components[key]
        beside = said_by_pods(obj, Workloads.of(found.get(key.namespace, ())))
        lines[key] = [*beside, *(_operator_lines(component, operators[component.selector], obj) if component else [])]
    return lines


def read_workloads(api: Api, namespace: str) -> list[Object]:
    """Return the Deployments and pods of a namespace, as far as they can be read."""
    return [item for kind in (_DEPLOYMENTS, _PODS) for item in _read(api, kind, namespace) or []]


def _operator(api: Api, selector: str) -> list[Object] | None:
    """Return Deployments and pods of all namespaces in which a component's controller is; None if that is unknown."""
    controllers = _read(api, _DEPLOYMENTS, "", selector)
    if controllers is None:
        return None
    places = sorted({item["metadata"]["namespace"] for item in controllers})
    return [item for part in concurrently(lambda place: read_workloads(api, place), places) for item in part]


def _operator_lines(component: Component, found: Iterable[Object] | None, obj: Object) -> list[str]:
    if found is None:
        return []
    objects = list(found)
    if not objects:
        return [f"its operator, {component.title}, is not there: no Deployment has the labels {component.selector}"]
    unwell = not_ready(objects)
    if unwell:
        return [f"its operator, {component.title}, does not run as it should. " + _indented(text) for text in unwell]
    place = objects[0]["metadata"]["namespace"]
    if is_silent(obj):
        return [f"the pods of its operator, {component.title}, run: kubectl logs -n {place} says what they do"]
    return []


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _read(api: Api, kind: tuple[str, str, str, str], namespace: str, selector: str = "") -> list[Object] | None:
    prefix, plural, api_version, name = kind
    try:
        items = api.list(object_path(prefix, plural, namespace or None), selector)["items"]
    except ApiError:
        return None
    return [{**item, "apiVersion": api_version, "kind": name} for item in items]
