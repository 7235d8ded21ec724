# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong is said once, in words that tell what to do; never with a traceback."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.module.cluster import Cluster
from tests.module.conftest import Space
from tests.module.middleman import CUT, FORWARD, Middleman
from tests.module.objects import config_map, definition, route, secret, widget

Object = dict[str, Any]

REACH_CURE = (
    "Set kubeconfig (and context), or host with api_key, for this inventory host: as module_defaults of "
    "group/maas_billing.platform.maas, as maas_connection in the inventory, or in the environment as K8S_AUTH_*."
)
UNREACHED = (
    "See whether it runs, and whether maas_connection (or K8S_AUTH_*, or server in the kubeconfig) names the right "
    "one; then run again."
)
LOGIN_MESSAGE = (
    "The cluster {} does not accept the login: the token or certificate is wrong or has expired. Log in again, put the "
    "new one where it came from (maas_connection in the inventory, or K8S_AUTH_API_KEY or K8S_AUTH_KUBECONFIG in the "
    "environment), and run again."
)


# -- No way to the server ----------------------------------------------------------------------------------------------


def test_an_unreachable_server_is_named_with_the_reason(space: Space) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"https://127.0.0.1:{free.getsockname()[1]}"
    begin = time.monotonic()
    message = space.refused([config_map(space.home, "mine")], host=host, api_key="x")
    assert message == f"The API server {host} cannot be reached: [Errno 111] Connection refused. {UNREACHED}"
    assert 15 < time.monotonic() - begin < 30, "a server that is being started again is waited for, and not for long"


def test_a_host_that_cannot_be_resolved_is_named(space: Space) -> None:
    message = space.refused([], host="https://no-such-host.invalid", api_key="x")
    assert message.startswith("The API server https://no-such-host.invalid cannot be reached: ")
    assert len(message.splitlines()) == 1


def test_a_certificate_of_an_unknown_authority_is_refused(space: Space, cluster: Cluster) -> None:
    message = space.refused([], host=cluster.server, api_key="x")
    assert message.startswith(f"The API server {cluster.server} cannot be reached: ")
    assert "certificate verify failed" in message


def test_no_cluster_at_all(space: Space) -> None:
    message = space.refused([], kubeconfig=None)
    assert message == f"No cluster was named. {REACH_CURE}"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "does not exist."),
        ("clusters: [", "cannot be used: "),
        ("just a text", "cannot be used: "),
        ("apiVersion: v1\nkind: Config\n", "cannot be used: "),
    ],
    ids=["missing", "no YAML", "no mapping", "empty"],
)
def test_an_unusable_kubeconfig_is_named(space: Space, tmp_path: Path, content: str | None, what: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    message = space.refused([], kubeconfig=str(path))
    assert message.startswith(f"The kubeconfig {path} {what}")
    assert message.endswith(REACH_CURE)


def test_a_context_that_the_kubeconfig_lacks_is_named(space: Space, cluster: Cluster) -> None:
    message = space.refused([], context="nowhere", kubeconfig=str(cluster.kubeconfig))
    assert "nowhere" in message
    assert message.endswith(REACH_CURE)


def test_what_is_no_api_server_is_said(space: Space) -> None:
    with _web_page() as host:
        message = space.refused([], host=host, api_key="x")
    assert message.startswith(f"What answers at {host} is not an API server: ")


def test_a_connection_that_breaks_in_the_middle_is_said_and_the_next_run_completes(
    space: Space, cluster: Cluster, middleman: Middleman
) -> None:
    wanted = [config_map(space.home, f"item-{number}") for number in range(40)]
    middleman.disturb = lambda method, path: CUT if "item-20" in path and method == "PATCH" else FORWARD
    message = space.refused(wanted, **middleman.login)
    assert message.startswith(f"The API server {middleman.login['host']} cannot be reached: ")
    assert len(message.splitlines()) == 1
    assert space.apply(wanted)["changed"] is True
    assert space.apply(wanted)["changed"] is False


def test_a_watch_that_breaks_is_taken_up_again(space: Space, cluster: Cluster, middleman: Middleman) -> None:
    small = widget(space.group, space.home, "small")
    space.apply([definition(space.group), small])
    held = {"metadata": {"finalizers": ["tests.example/held"]}}
    cluster.edit(small, held)
    run = space.start([definition(space.group)], **middleman.login)
    cluster.wait_for(lambda: any("watch=true" in path for _method, path in middleman.seen), "the module watches")
    middleman.cut_streams()
    cluster.edit(small, {"metadata": {"finalizers": None}})
    assert run.answer()["changes"][0]["action"] == "removed"


def test_a_kind_that_the_server_names_late_is_waited_for(space: Space, middleman: Middleman) -> None:
    """A new kind is served some time before it is named among the kinds of its group."""
    asked = []

    def late(method: str, path: str) -> int:
        if path == f"/apis/{space.group}/v1":
            asked.append(path)
            return 404 if len(asked) < 6 else FORWARD
        return FORWARD

    middleman.disturb = late
    objects = [definition(space.group), widget(space.group, space.home, "small")]
    assert len(space.apply(objects, **middleman.login)["changes"]) == 2
    assert len(asked) >= 6


def test_a_server_that_asks_for_patience_gets_it(space: Space, cluster: Cluster, middleman: Middleman) -> None:
    refused = []

    def busy_once(method: str, path: str) -> int:
        if method == "PATCH" and "mine" in path and not refused:
            refused.append(path)
            return 429
        return FORWARD

    middleman.disturb = busy_once
    assert space.apply([config_map(space.home, "mine")], **middleman.login)["changed"] is True
    assert refused


def test_patience_has_an_end(space: Space, middleman: Middleman) -> None:
    middleman.disturb = lambda method, path: 429
    middleman.retry_after = 0
    assert space.refused([config_map(space.home, "mine")], **middleman.login) == "refused with 429 by the test"
    assert len(middleman.seen) <= 20


# -- No right ----------------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_said(space: Space, cluster: Cluster) -> None:
    login = {"host": cluster.server, "api_key": "abc.def.ghi", "validate_certs": False}
    assert space.refused([config_map(space.home, "mine")], **login) == LOGIN_MESSAGE.format(cluster.server)


def test_an_expired_token_is_said(space: Space, cluster: Cluster) -> None:
    """A token that was bound to a Secret which is gone is refused like one whose time is over."""
    bound = cluster.create(secret(space.home, "bound"))
    reference = {"kind": "Secret", "apiVersion": "v1", "name": "bound", "uid": bound["metadata"]["uid"]}
    token = _token(space, cluster, reference)
    cluster.delete(bound)
    login = {"host": cluster.server, "api_key": token, "validate_certs": False}
    assert space.refused([config_map(space.home, "mine")], **login) == LOGIN_MESSAGE.format(cluster.server)


def test_a_missing_right_is_named(space: Space, cluster: Cluster, tmp_path: Path) -> None:
    login = {"kubeconfig": str(_kubeconfig(tmp_path, cluster, _token(space, cluster)))}
    user = f"system:serviceaccount:{space.home}:worker"
    assert space.refused([config_map(space.home, "mine")], **login) == (
        f'The login may not do this: configmaps "maas-tested" is forbidden: User "{user}" cannot get resource '
        f'"configmaps" in API group "" in the namespace "{space.sets}". Ask for that right, or use another account.'
    )
    _allow(space, cluster, ["get", "list"])
    message = space.refused([config_map(space.home, "mine")], **login)
    assert message.startswith('The login may not do this: leases.coordination.k8s.io is forbidden: User "')
    assert 'cannot create resource "leases"' in message
    assert len(message.splitlines()) == 1
    assert cluster.read(config_map(space.home, "mine")) is None


def test_a_right_that_lacks_for_some_objects_only_is_named_with_them(
    space: Space, cluster: Cluster, tmp_path: Path
) -> None:
    login = {"kubeconfig": str(_kubeconfig(tmp_path, cluster, _token(space, cluster)))}
    _allow(space, cluster, ["get", "list"])
    _allow(space, cluster, ["*"], ["leases", "configmaps"])
    message = space.refused([config_map(space.home, "mine"), secret(space.home, "key", value="x")], **login)
    assert message.startswith(
        f"The API server refused:\n- Secret {space.home}/key: The login may not do this: secrets "
    )
    assert len(message.splitlines()) == 2
    assert cluster.read(config_map(space.home, "mine")) is not None


def test_in_check_mode_whoever_may_only_read_learns_what_would_change(
    space: Space, cluster: Cluster, tmp_path: Path
) -> None:
    login = {"kubeconfig": str(_kubeconfig(tmp_path, cluster, _token(space, cluster)))}
    space.apply([config_map(space.home, "mine", milk="1"), config_map(space.home, "old")])
    _allow(space, cluster, ["get", "list"])
    answer = space.apply([config_map(space.home, "mine", milk="2"), config_map(space.home, "new")], check=True, **login)
    untried = " (not tried: the login may not change it)"
    assert [(item["object"], item["action"], item["why"]) for item in answer["changes"]] == [
        (f"ConfigMap {space.home}/mine", "changed", f"the inventory changed{untried}"),
        (f"ConfigMap {space.home}/new", "created", f"it does not exist{untried}"),
        (f"ConfigMap {space.home}/old", "removed", f"it is no longer in the set{untried}"),
    ]


# -- No such object ----------------------------------------------------------------------------------------------------


def test_an_unknown_kind_is_named(space: Space) -> None:
    message = space.refused([widget("nowhere.example", space.home, "small")])
    assert message == (
        f"The API server refused:\n- Widget {space.home}/small: The cluster does not know the kind Widget of "
        "nowhere.example/v1: install what brings it first."
    )


@pytest.mark.usefixtures("gateway_api")
@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_a_field_that_the_kind_does_not_have_is_named(space: Space, check: bool) -> None:
    wrong = route(space.home, "model")
    wrong["spec"]["hostnamez"] = ["x"]
    message = space.refused([wrong], check=check)
    assert message.startswith(f"The API server refused:\n- HTTPRoute {space.home}/model: ")
    assert ".spec.hostnamez: field not declared in schema" in message
    assert len(message.splitlines()) == 2


@pytest.mark.usefixtures("gateway_api")
def test_equal_refusals_are_said_once(space: Space) -> None:
    wrong = [route(space.home, f"model-{number}") for number in range(5)]
    for obj in wrong:
        obj["metadata"]["namespace"] = space.name("nowhere")
    message = space.refused(wrong)
    places = ", ".join(f"HTTPRoute {space.name('nowhere')}/model-{number}" for number in range(3))
    assert message == f'The API server refused:\n- {places} and 2 more: namespaces "{space.name("nowhere")}" not found'


def test_a_value_that_the_server_refuses_is_named(space: Space) -> None:
    message = space.refused([config_map(space.home, "UPPER")])
    assert message.startswith(f"The API server refused:\n- ConfigMap {space.home}/UPPER: ")
    assert "lowercase RFC 1123 subdomain" in message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "ConfigMap"}, "objects[0] is not a Kubernetes object: apiVersion, kind and metadata.name are needed"),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lost"}},
            "ConfigMap lost needs metadata.namespace",
        ),
        (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "namespace": "b"}},
            "Namespace b/a must not have metadata.namespace",
        ),
    ],
    ids=["nameless", "without namespace", "with namespace"],
)
@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_what_is_no_object_is_said_before_anything_is_done(
    space: Space, cluster: Cluster, wrong: Object, said: str, check: bool
) -> None:
    assert said in space.refused([wrong], check=check)
    assert space.parent() is None


def test_an_object_that_is_given_twice_is_named(space: Space) -> None:
    message = space.refused([config_map(space.home, "mine"), config_map(space.home, "mine", a="b")])
    assert message == f"ConfigMap {space.home}/mine is given twice; give each object once."


def test_a_manifest_that_cannot_be_read_is_named(space: Space) -> None:
    message = space.refused([], manifests=["no-such-file.yaml"])
    assert message == (
        "The manifest no-such-file.yaml cannot be read: [Errno 2] No such file or directory: 'no-such-file.yaml'."
    )


def test_everything_wrong_in_the_intent_is_said_at_once_and_nothing_is_asked(space: Space, cluster: Cluster) -> None:
    with cluster.counted() as requests:
        message = space.refused([], render=["gateway"], intent={"domian": "maas.local", "gateway_http_port": "80"})
    assert message.startswith("The inventory has 3 values that cannot be used. Nothing was changed.\n")
    assert "maas_domian" in message
    assert "did you mean domain?" in message
    assert requests == []


def _token(space: Space, cluster: Cluster, bound_to: Object | None = None) -> str:
    """Return a token of a ServiceAccount that may do nothing."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "worker", "namespace": space.home}}
    cluster.create(account)
    spec = {"boundObjectRef": bound_to} if bound_to else {}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = f"/api/v1/namespaces/{space.home}/serviceaccounts/worker/token"
    return str(cluster.request("POST", path, body)["status"]["token"])


def _allow(space: Space, cluster: Cluster, verbs: list[str], resources: list[str] | None = None) -> None:
    """Give the ServiceAccount a right in the whole cluster."""
    name = space.name("-".join(resources or ["everything"]))
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["*"], "resources": resources or ["*"], "verbs": verbs}
    subject = {"kind": "ServiceAccount", "name": "worker", "namespace": space.home}
    common = {"apiVersion": f"{rbac}/v1", "metadata": {"name": name}}
    cluster.create({**common, "kind": "ClusterRole", "rules": [rule]})
    reference = {"apiGroup": rbac, "kind": "ClusterRole", "name": name}
    cluster.create({**common, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]})


def _kubeconfig(folder: Path, cluster: Cluster, token: str) -> Path:
    config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


class _web_page:  # noqa: N801  # reads like a function
    """A web server that knows nothing of Kubernetes."""

    def __enter__(self) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>Welcome</html>")

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
