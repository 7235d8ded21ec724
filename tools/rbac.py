# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which rights an account was seen to need, by the audit log of the API server, beside those that manifests grant it.

    python -m tools.rbac ACCOUNT AUDIT_LOG MANIFEST...

ACCOUNT is the name of a ServiceAccount. Told are rights that were asked for and are not granted, those that are granted
and were not asked for, and the rules that would grant exactly what was asked for.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

# Objects beside which there are those of others, or of other accounts, and whose names do not depend on the inventory.
_NAMED_PLACES = ("", "maas-system")


@dataclass(frozen=True, order=True)
class Request:
    """What the authorizer was asked: a verb on objects of a kind, in a namespace or in all, perhaps on one by name."""

    namespace: str
    group: str
    resource: str
    verb: str
    name: str

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}{named}{place}"


@dataclass(frozen=True, order=True)
class Right:
    """The smallest part of a role: one verb on one resource, everywhere or in a namespace, on all objects or some."""

    role: str
    namespace: str
    group: str
    resource: str
    verb: str
    names: tuple[str, ...] = ()

    def allows(self, request: Request) -> bool:
        """Say whether this alone is enough for a request."""
        return (
            (self.group, self.resource, self.verb) == (request.group, request.resource, request.verb)
            and self.namespace in ("", request.namespace)
            and (not self.names or request.name in self.names)
        )

    def __str__(self) -> str:
        named = f" ({', '.join(self.names)})" if self.names else ""
        return f"{self.role}: {Request(self.namespace, self.group, self.resource, self.verb, '')}{named}"


def user_of(account: str, namespace: str) -> str:
    """Return the user name that a ServiceAccount has for the API server."""
    return f"system:serviceaccount:{namespace}:{account}"


def requests_of(user: str, lines: Iterable[str | bytes]) -> dict[Request, int]:
    """Return what a user asked for and was not refused, and how often, by the lines of an audit log.

    An apply that makes its object takes the right to create it as well, by name; a POST takes it without a name, though
    the log tells the name that the object got.
    """
    found: dict[Request, int] = defaultdict(int)
    for line in lines:
        event = json.loads(line)
        target = event.get("objectRef")
        if event["user"]["username"] != user or "impersonatedUser" in event or not target or _was_refused(event):
            continue
        resource = "/".join(filter(None, (target["resource"], target.get("subresource"))))
        place = (target.get("namespace", ""), target.get("apiGroup", ""), resource)
        verb, name = event["verb"], target.get("name", "")
        found[Request(*place, verb, "" if verb in ("create", "deletecollection") else name)] += 1
        if verb == "patch" and (event.get("responseStatus") or {}).get("code") == 201:
            found[Request(*place, "create", name)] += 1
    return dict(found)


def refused_of(user: str, lines: Iterable[str | bytes]) -> list[str]:
    """Return the requests of a user that the authorizer refused."""
    events = (json.loads(line) for line in lines)
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in events
        if event["user"]["username"] == user and _was_refused(event)
    ]


def _was_refused(event: Object) -> bool:
    return bool((event.get("annotations") or {}).get("authorization.k8s.io/decision") == "forbid")


def rights_of(account: str, manifests: Iterable[Object]) -> list[Right]:
    """Return every right that manifests grant a ServiceAccount.

    :raises ValueError: for a wildcard, and for a binding whose role is not among the manifests.
    """
    objects = list(manifests)
    roles = {_key(obj): obj for obj in objects if obj["kind"] in ("Role", "ClusterRole")}
    found = []
    for binding in objects:
        if not any(subject["name"] == account for subject in binding.get("subjects") or []):
            continue
        place = binding["metadata"].get("namespace", "")
        reference = binding["roleRef"]
        role = roles.get((reference["kind"], place if reference["kind"] == "Role" else "", reference["name"]))
        if role is None:
            raise ValueError(f"{binding['kind']} {binding['metadata']['name']} names a role that is not there")
        found += [right for rule in role["rules"] for right in _rights(reference["name"], place, rule)]
    return sorted(found)


def _key(obj: Object) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _rights(role: str, place: str, rule: Mapping[str, Any]) -> Iterator[Right]:
    for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
        if "*" in group + resource + verb:
            raise ValueError(f"{role} grants everything of something: {dict(rule)}")
        yield Right(role, place, group, resource, verb, tuple(rule.get("resourceNames") or ()))


def missing(requests: Iterable[Request], rights: Sequence[Right]) -> list[Request]:
    """Return the requests that none of the rights allows."""
    return sorted(request for request in requests if not any(right.allows(request) for right in rights))


def needless(requests: Iterable[Request], rights: Sequence[Right]) -> list[Right]:
    """Return the rights without which every request would be allowed all the same."""
    asked = list(requests)
    needed = set()
    for request in asked:
        enough = [right for right in rights if right.allows(request)]
        if len(enough) == 1:
            needed.add(enough[0])
    return [right for right in rights if right not in needed]


def without(unwanted: Right, manifests: Iterable[Object]) -> list[Object]:
    """Return the roles of manifests with one right less: those that change, as they have to be."""
    return [
        {**obj, "rules": [part for rule in obj["rules"] for part in _reduced(rule, unwanted)]}
        for obj in manifests
        if obj["kind"] in ("Role", "ClusterRole")
        and obj["metadata"]["name"] == unwanted.role
        and obj["metadata"].get("namespace", "") in ("", unwanted.namespace)
    ]


def _reduced(rule: Object, unwanted: Right) -> Iterator[Object]:
    """Yield a rule as rules of one resource each, without the one right."""
    names = {"resourceNames": rule["resourceNames"]} if rule.get("resourceNames") else {}
    for group, resource in product(rule["apiGroups"], rule["resources"]):
        mine = (group, resource, tuple(rule.get("resourceNames") or ())) == (
            unwanted.group,
            unwanted.resource,
            unwanted.names,
        )
        verbs = [verb for verb in rule["verbs"] if not (mine and verb == unwanted.verb)]
        if verbs:
            yield {"apiGroups": [group], "resources": [resource], **names, "verbs": verbs}


def rules_for(requests: Iterable[Request]) -> dict[str, list[Object]]:
    """Return the rules that allow exactly these requests, by namespace ("" for what is asked for everywhere).

    Names narrow where the objects of others are beside those that are meant.
    """
    verbs: dict[tuple[str, str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for (place, group, resource), asked in _by_resource(requests).items():
        for names, its_verbs in _by_names(asked, place in _NAMED_PLACES).items():
            verbs[(place, group, resource, names)] |= its_verbs
    alike: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for (place, group, resource, names), some in sorted(verbs.items()):
        alike[(place, group, names, tuple(sorted(some)))].append(resource)
    found: dict[str, list[Object]] = defaultdict(list)
    for (place, group, names, same), resources in sorted(alike.items()):
        named = {"resourceNames": list(names)} if names else {}
        found[place].append({"apiGroups": [group], "resources": resources, **named, "verbs": list(same)})
    return dict(found)


def _by_resource(requests: Iterable[Request]) -> dict[tuple[str, str, str], dict[str, set[str]]]:
    """Return for each resource in each place the names that were asked for by each verb."""
    found: dict[tuple[str, str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for request in requests:
        found[(request.namespace, request.group, request.resource)][request.verb].add(request.name)
    return found


def _by_names(asked: Mapping[str, set[str]], narrow: bool) -> dict[tuple[str, ...], set[str]]:
    """Return the verbs by the names on which they are needed; no names stand for all."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for verb, names in asked.items():
        found[tuple(sorted(names)) if narrow and "" not in names else ()].add(verb)
    return found


def read(files: Iterable[Path]) -> list[Object]:
    """Return the objects of manifests, each of which is a List."""
    return [obj for file in files for obj in yaml.safe_load(file.read_text(encoding="utf-8"))["items"]]


def main(arguments: Sequence[str]) -> int:
    """Compare, and return 1 where manifests grant something else than was asked for."""
    account, log, *files = arguments
    objects = read(map(Path, files))
    accounts = {
        obj["metadata"]["name"]: obj["metadata"]["namespace"] for obj in objects if obj["kind"] == "ServiceAccount"
    }
    user = user_of(account, accounts[account])
    requests = requests_of(user, Path(log).read_bytes().splitlines())
    rights = rights_of(account, objects)
    lacking, spare = missing(requests, rights), needless(requests, rights)
    for text in [*(f"not granted: {request}" for request in lacking), *(f"not needed: {right}" for right in spare)]:
        print(text)
    for place, rules in rules_for(requests).items():
        print(f"\n# {place or 'everywhere'}")
        print(yaml.safe_dump(rules, sort_keys=False, default_flow_style=None, width=120), end="")
    return 1 if lacking or spare else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
