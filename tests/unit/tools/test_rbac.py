# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the audit log to rights: what was asked for, what is granted, and what lacks or is spare."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.rbac import (
    Request,
    Right,
    main,
    missing,
    needless,
    read,
    refused_of,
    requests_of,
    rights_of,
    rules_for,
    user_of,
    without,
)

Object = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[3] / "examples" / "rbac"
ACCOUNTS = ["site", "verify", "keys"]
USER = user_of("maas-site", "accounts")


def event(verb: str, name: str = "", code: int = 200, user: str = USER, **more: Any) -> bytes:
    target = {"resource": "secrets", "namespace": "team", "name": name, **more.pop("target", {})}
    return json.dumps(
        {
            "user": {"username": user},
            "verb": verb,
            "requestURI": f"/{verb}",
            "objectRef": {key: value for key, value in target.items() if value},
            "responseStatus": {"code": code},
            **more,
        }
    ).encode()


def secrets(verb: str, name: str = "") -> Request:
    return Request("team", "", "secrets", verb, name)


def role(*rules: Object, name: str = "some", namespace: str = "team") -> list[Object]:
    """A role, bound to the account of these tests."""
    place = {"namespace": namespace} if namespace else {}
    kind = "Role" if namespace else "ClusterRole"
    return [
        {"kind": kind, "metadata": {"name": name, **place}, "rules": list(rules)},
        {
            "kind": f"{kind}Binding",
            "metadata": {"name": name, **place},
            "roleRef": {"kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "maas-site", "namespace": "accounts"}],
        },
    ]


def rule(*verbs: str, resources: tuple[str, ...] = ("secrets",), names: tuple[str, ...] = ()) -> Object:
    named = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [""], "resources": list(resources), **named, "verbs": list(verbs)}


class TestRequests:
    """What the authorizer was asked, as the audit log tells it."""

    def test_only_the_user_in_question_and_only_objects_count(self) -> None:
        version = json.dumps({"user": {"username": USER}, "verb": "get", "requestURI": "/version"})
        others = [event("get", "a", user="bob"), event("get", "b", impersonatedUser={"username": "bob"}), version]

        assert requests_of(USER, [event("get", "c"), event("get", "c"), *others]) == {secrets("get", "c"): 2}

    def test_what_is_made_by_an_apply_takes_the_right_to_create_it_by_name(self) -> None:
        found = requests_of(USER, [event("patch", "new", 201), event("patch", "old", 200)])

        assert set(found) == {secrets("patch", "new"), secrets("create", "new"), secrets("patch", "old")}

    def test_what_is_made_by_a_post_takes_a_right_without_a_name(self) -> None:
        assert set(requests_of(USER, [event("create", "new", 201)])) == {secrets("create")}

    def test_a_subresource_is_a_resource_of_its_own(self) -> None:
        (found,) = requests_of(USER, [event("patch", "a", target={"subresource": "status"})])

        assert found.resource == "secrets/status"

    def test_what_was_refused_is_told(self) -> None:
        forbid = {"authorization.k8s.io/decision": "forbid"}

        events = [event("get", annotations=forbid), event("list")]

        assert refused_of(USER, events) == ["get /get"]
        assert set(requests_of(USER, events)) == {secrets("list")}


class TestRights:
    """What manifests grant."""

    def test_each_verb_on_each_resource_is_a_right(self) -> None:
        found = rights_of("maas-site", role(rule("get", "list", resources=("secrets", "pods"))))

        assert Counter((right.resource, right.verb) for right in found) == Counter(
            [("pods", "get"), ("pods", "list"), ("secrets", "get"), ("secrets", "list")]
        )
        assert rights_of("maas-keys", role(rule("get"))) == []

    @pytest.mark.parametrize("wild", [rule("*"), rule("get", resources=("*",)), {**rule("get"), "apiGroups": ["*"]}])
    def test_a_wildcard_is_refused(self, wild: Object) -> None:
        with pytest.raises(ValueError, match="some grants everything of something"):
            rights_of("maas-site", role(wild))

    def test_a_binding_without_its_role_is_refused(self) -> None:
        with pytest.raises(ValueError, match="RoleBinding some names a role that is not there"):
            rights_of("maas-site", role()[1:])

    def test_a_name_narrows_and_a_namespace_does(self) -> None:
        (named,) = rights_of("maas-site", role(rule("get", names=("a",))))
        (everywhere,) = rights_of("maas-site", role(rule("get"), namespace=""))

        assert [named.allows(secrets("get", name)) for name in ("a", "b", "")] == [True, False, False]
        assert not named.allows(Request("other", "", "secrets", "get", "a"))
        assert everywhere.allows(secrets("get", "a"))

    def test_what_lacks_and_what_is_spare(self) -> None:
        rights = rights_of("maas-site", role(rule("get", "list")) + role(rule("get"), name="more", namespace=""))

        assert missing([secrets("get", "a"), secrets("delete", "a")], rights) == [secrets("delete", "a")]
        # Of two that allow the same, neither is needed.
        assert {str(right) for right in needless([secrets("get", "a"), secrets("list")], rights)} == {
            "more: get secrets",
            "some: get secrets in team",
        }

    def test_one_right_can_be_taken_away(self) -> None:
        manifests = role(rule("get", "list", resources=("secrets", "pods")), rule("get", names=("a",)))
        rights = rights_of("maas-site", manifests)
        for unwanted in rights:
            (changed,) = without(unwanted, manifests)

            assert rights_of("maas-site", [changed, manifests[1]]) == [right for right in rights if right != unwanted]


def test_rules_for_requests_allow_them_and_nothing_else() -> None:
    asked = [
        secrets("get", "a"),
        secrets("list"),
        Request("team", "", "pods", "list", ""),
        Request("team", "", "pods", "get", "x"),
        Request("maas-system", "", "configmaps", "get", "maas-kserve"),
        Request("", "apiextensions.k8s.io", "customresourcedefinitions", "delete", "widgets.example"),
    ]
    found = rules_for(asked)
    manifests = [part for place, rules in found.items() for part in role(*rules, namespace=place)]

    assert found["team"] == [rule("get", "list", resources=("pods", "secrets"))]
    assert found["maas-system"] == [rule("get", resources=("configmaps",), names=("maas-kserve",))]
    rights = rights_of("maas-site", manifests)
    assert (missing(asked, rights), needless(asked, rights)) == ([], [])


def test_the_tool_tells_what_lacks_and_what_is_spare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = {"kind": "ServiceAccount", "metadata": {"name": "maas-site", "namespace": "accounts"}}
    manifest, log = tmp_path / "site.yml", tmp_path / "audit.log"
    manifest.write_text(yaml.safe_dump({"kind": "List", "items": [account, *role(rule("get"))]}))
    log.write_bytes(b"\n".join([event("get", "a"), event("list")]))

    assert main(["maas-site", str(log), str(manifest)]) == 1
    assert "not granted: list secrets in team\n\n# team\n" in capsys.readouterr().out
    log.write_bytes(event("get", "a"))
    assert main(["maas-site", str(log), str(manifest)]) == 0


@pytest.mark.parametrize("name", ACCOUNTS)
def test_what_is_delivered_grants_no_wildcard_and_no_secrets_everywhere(name: str) -> None:
    rights = rights_of(f"maas-{name}", read([FOLDER / f"{name}.yml"]))

    assert rights
    assert [right for right in rights if right.resource == "secrets" and not right.namespace] == []
    assert [name for right in rights for name in right.names if not re.fullmatch("[a-z0-9.-]+[a-z0-9]", name)] == []


def test_the_accounts_may_do_less_and_less() -> None:
    numbers = [len(rights_of(f"maas-{name}", read([FOLDER / f"{name}.yml"]))) for name in ACCOUNTS]

    assert numbers == sorted(numbers, reverse=True)


def test_every_namespace_that_is_prepared_is_offered() -> None:
    objects = read([FOLDER / "namespaces.yml"])

    assert {obj["metadata"]["annotations"]["maas-billing.platform/offered"] for obj in objects} == {"true"}
    granted = {right.namespace for right in rights_of("maas-site", read([FOLDER / "site.yml"]))}
    assert granted - {""} == {obj["metadata"]["name"] for obj in objects}


def test_a_right_is_told_in_words() -> None:
    right = Right("some", "team", "apps", "deployments", "get", ("a", "b"))

    assert str(right) == "some: get deployments.apps in team (a, b)"


UPSTREAM = Path(os.environ.get("MAAS_UPSTREAM_CRDS") or FOLDER.parents[2] / "shared/upstream/crds")
BROUGHT = ("cert-manager", "gateway-api", "istio", "kserve", "kuadrant")


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason=f"there is no folder {UPSTREAM}; set MAAS_UPSTREAM_CRDS")
def test_every_definition_of_upstream_may_be_removed_by_name() -> None:
    folders = [folder for folder in UPSTREAM.iterdir() if folder.name.rpartition("-")[0] in BROUGHT]
    texts = [file.read_text(encoding="utf-8") for folder in folders for file in folder.glob("*.yaml")]
    # To parse them takes a minute; what stands that far to the left is metadata.
    names = {name for text in texts for name in re.findall(r"^  name: (\S+)$", text, re.MULTILINE)}
    rights = rights_of("maas-site", read([FOLDER / "site.yml", FOLDER / "upstream-charts.yml"]))
    granted = {
        name
        for right in rights
        if (right.resource, right.verb) == ("customresourcedefinitions", "delete")
        for name in right.names
    }

    assert len(names) > 40
    assert names - granted == set()
