# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to an API server, and every failure said in one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.api import (
    Api,
    object_path,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import configuration
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ApiError
from tests.unit.plugins.server import Reply, Server, serving

NOTES = "/api/v1/namespaces/team/configmaps/notes"


def connect(url: str, headers: dict[str, str] | None = None, **options: Any) -> Api:
    return Api(configuration({"host": url, "api_key": "secret", **options}, {}), "tests", headers)


@pytest.fixture
def api(server: Server) -> Api:
    return connect(server.url)


def status(code: int, message: str, reason: str, **details: Any) -> dict[str, Any]:
    """A Status object as API servers send it."""
    return {
        "kind": "Status",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
        "details": details,
    }


class TestRequests:
    """What is sent for each verb."""

    def test_every_request_says_who_we_are_and_logs_in(self, server: Server) -> None:
        connect(server.url, {"Impersonate-User": "bob"}).request("GET", "/version")

        headers = server.requests[0].headers
        assert headers["authorization"] == "Bearer secret"
        assert headers["user-agent"] == "tests"
        assert headers["impersonate-user"] == "bob"

    def test_a_name_and_password_are_a_login_too(self, server: Server) -> None:
        login = {"host": server.url, "username": "bob", "password": "pass"}
        Api(configuration(login, {}), "tests").request("GET", "/version")

        assert server.requests[0].headers["authorization"] == "Basic Ym9iOnBhc3M="

    def test_apply_is_a_strict_server_side_apply_under_our_name(self, server: Server, api: Api) -> None:
        server.answers({"kind": "ConfigMap"})
        assert api.apply(NOTES, {"data": {"milk": "2"}}, "us", True, False) == {"kind": "ConfigMap"}

        (request,) = server.requests
        assert (request.method, request.path) == ("PATCH", NOTES)
        assert request.query == {"fieldManager": "us", "force": "true", "fieldValidation": "Strict"}
        assert request.headers["content-type"] == "application/apply-patch+yaml"
        assert request.json == {"data": {"milk": "2"}}

    def test_a_dry_run_is_one_for_every_verb_that_writes(self, server: Server, api: Api) -> None:
        api.apply(NOTES, {}, "us", False, True)
        api.merge(NOTES, {}, "us", dry_run=True)
        api.delete(NOTES, dry_run=True)

        applied, merged, deleted = server.requests
        assert applied.query["dryRun"] == merged.query["dryRun"] == "All"
        assert applied.query["force"] == "false"
        assert deleted.json["dryRun"] == ["All"]

    def test_merge_is_a_json_merge_patch(self, server: Server, api: Api) -> None:
        api.merge(NOTES, {"data": None}, "us")

        (request,) = server.requests
        assert (request.method, request.headers["content-type"]) == ("PATCH", "application/merge-patch+json")
        assert (request.query, request.json) == ({"fieldManager": "us"}, {"data": None})

    def test_create_posts_to_the_collection(self, server: Server, api: Api) -> None:
        api.create("/api/v1/namespaces/team/configmaps", {"a": 1}, "us")

        assert (server.requests[0].method, server.requests[0].json) == ("POST", {"a": 1})

    def test_delete_names_the_one_object_that_is_meant(self, server: Server, api: Api) -> None:
        api.delete(NOTES, uid="1234")

        assert server.requests[0].method == "DELETE"
        assert server.requests[0].json["preconditions"] == {"uid": "1234"}

    def test_what_is_gone_already_is_deleted(self, server: Server, api: Api) -> None:
        server.answers(status(404, "not found", "NotFound"), 404)

        api.delete(NOTES)

    def test_what_is_not_there_is_none(self, server: Server, api: Api) -> None:
        server.answers(status(404, "not found", "NotFound"), 404)

        assert api.get(NOTES) is None

    def test_a_list_can_be_narrowed_by_labels_and_to_metadata(self, server: Server, api: Api) -> None:
        server.answers({"items": [{"metadata": {"name": "a"}}]})
        found = api.list("/api/v1/configmaps", "a=b,c", metadata_only=True)

        assert found["items"] == [{"metadata": {"name": "a"}}]
        assert server.requests[0].query == {"labelSelector": "a=b,c"}
        assert "as=PartialObjectMetadataList" in server.requests[0].headers["accept"]

    @pytest.mark.parametrize("body", [{"items": None}, {}])
    def test_an_empty_list_is_one_however_the_server_says_it(self, server: Server, api: Api, body: Any) -> None:
        server.answers(body)

        assert api.list("/api/v1/configmaps")["items"] == []


class TestRefusals:
    """One sentence for each way in which a server says no; bodies as Kubernetes 1.35 sends them."""

    def refusal(self, server: Server, api: Api, code: int, body: Any) -> ApiError:
        server.answers(body, code)
        with pytest.raises(ApiError) as caught:
            api.request("PATCH", NOTES, body={})
        assert caught.value.status == code
        return caught.value

    def test_the_servers_own_words_are_kept(self, server: Server, api: Api) -> None:
        body = status(422, 'ConfigMap "a" is invalid: data[ä]: Invalid value', "Invalid")
        error = self.refusal(server, api, 422, body)

        assert str(error) == 'ConfigMap "a" is invalid: data[ä]: Invalid value'
        assert error.reason == "Invalid"

    def test_a_login_that_is_not_accepted_says_so(self, server: Server, api: Api) -> None:
        error = self.refusal(server, api, 401, status(401, "Unauthorized", "Unauthorized"))

        assert str(error) == (
            f"The cluster {server.url} does not accept the login: the token or certificate is wrong or has expired. "
            "Log in again, put the new one where it came from (maas_connection in the inventory, or K8S_AUTH_API_KEY "
            "or K8S_AUTH_KUBECONFIG in the environment), and run again."
        )

    def test_a_missing_right_is_named(self, server: Server, api: Api) -> None:
        words = 'configmaps is forbidden: User "bob" cannot list resource "configmaps" in the namespace "team"'
        error = self.refusal(server, api, 403, status(403, words, "Forbidden", kind="configmaps"))

        assert str(error) == f"The login may not do this: {words}. Ask for that right, or use another account."
        assert error.reason == "MissingRight"

    def test_a_namespace_that_is_going_away_is_no_matter_of_rights(self, server: Server, api: Api) -> None:
        words = (
            'configmaps "x" is forbidden: unable to create new content in namespace team because it is being terminated'
        )
        cause = {"reason": "NamespaceTerminating", "message": "namespace team is being terminated"}
        error = self.refusal(server, api, 403, status(403, words, "Forbidden", causes=[cause]))

        assert error.reason == "NamespaceTerminating"
        assert str(error).startswith(f"{words}; likely cure: The namespace is being deleted; ")

    @pytest.mark.parametrize(
        "words",
        [
            'pods "x" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=2, limited: pods=2',
            'admission webhook "check.example" denied the request: no owner',
        ],
    )
    def test_a_rule_of_the_cluster_is_no_matter_of_rights(self, server: Server, api: Api, words: str) -> None:
        error = self.refusal(server, api, 403, status(403, words, "Forbidden"))

        assert str(error).startswith(f"{words}; likely cure: ")
        assert error.reason == "Forbidden"

    @pytest.mark.parametrize("details", [None, {"causes": None}])
    def test_a_refusal_without_details_is_understood(self, server: Server, api: Api, details: Any) -> None:
        body = {**status(403, "no", "Forbidden"), "details": details}

        assert "may not do this: no" in str(self.refusal(server, api, 403, body))

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"upstream connect error", "upstream connect error"),
            (b'"just a text"', '"just a text"'),
            (b"[1]", "[1]"),
            (b"", "HTTP status 502"),
            (b"\xff\xfe", "\ufffd\ufffd"),
            (b"x" * 1000, "x" * 300),
        ],
    )
    def test_what_some_proxy_says_is_passed_on_in_short(self, server: Server, api: Api, body: bytes, said: str) -> None:
        assert str(self.refusal(server, api, 502, body)) == said

    @pytest.mark.parametrize("body", [b"<html>Log in</html>", b"", b"[]"])
    def test_an_answer_that_no_api_server_gives_is_refused(self, server: Server, api: Api, body: bytes) -> None:
        error = self.refusal(server, api, 200, body)

        assert str(error) == (
            f"What answers at {server.url} is not an API server: PATCH {NOTES} gave status 200 and no JSON object. "
            "Look at host (or at server in the kubeconfig), and at the proxy."
        )

    def test_a_redirect_is_not_followed_with_our_login(self, server: Server, api: Api) -> None:
        with serving() as elsewhere:
            server.answer = lambda _request: Reply(302, {}, {"Location": f"{elsewhere.url}/login"})
            with pytest.raises(ApiError, match="is not an API server: GET /version gave status 302"):
                api.request("GET", "/version")

            assert elsewhere.requests == []


class TestWatch:
    """Events as they come."""

    def event(self, name: str) -> bytes:
        return json.dumps({"type": "ADDED", "object": {"name": name}}).encode() + b"\n"

    def test_events_come_one_by_one_wherever_they_are_cut_to_pieces(self, server: Server, api: Api) -> None:
        first, second = self.event("a"), self.event("b")
        server.answer = lambda _request: Reply(pieces=(first + second[:10], second[10:]))
        found = [event["object"]["name"] for event in api.watch("/api/v1/configmaps", "7", "a=b", 30)]

        assert found == ["a", "b"]
        expected = {"watch": "true", "resourceVersion": "7", "timeoutSeconds": "30", "labelSelector": "a=b"}
        assert server.requests[0].query == expected

    def test_a_connection_that_breaks_ends_the_watch_after_what_came(self, server: Server, api: Api) -> None:
        server.answer = lambda _request: Reply(pieces=(self.event("a"), b'{"type": "ADD'), cut=True)

        assert [event["object"]["name"] for event in api.watch("/api/v1/configmaps", "7", "", 30)] == ["a"]

    def test_a_refusal_is_told(self, server: Server, api: Api) -> None:
        server.answers(status(410, "too old resource version", "Expired"), 410)

        with pytest.raises(ApiError, match="too old resource version"):
            list(api.watch("/api/v1/configmaps", "7", "", 30))


@pytest.mark.parametrize(
    ("namespace", "name", "path"),
    [
        ("team", "notes", "/api/v1/namespaces/team/configmaps/notes"),
        ("team", "", "/api/v1/namespaces/team/configmaps"),
        (None, "notes", "/api/v1/configmaps/notes"),
        (None, "", "/api/v1/configmaps"),
        ("team", "system:a/b", "/api/v1/namespaces/team/configmaps/system%3Aa%2Fb"),
    ],
)
def test_a_path_names_an_object_or_a_collection(namespace: str | None, name: str, path: str) -> None:
    assert object_path("/api/v1", "configmaps", namespace, name) == path
