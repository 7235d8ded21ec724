# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From connection options, environment and kubeconfig to one way to a cluster; and a clear word when there is none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

from ansible_collections.maas_billing.platform.plugins.module_utils.cluster.connection import (
    configuration,
    impersonation,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.errors import CredentialsError

CURE = "Set kubeconfig (and context), or host with api_key, for this inventory host"
TWO_CLUSTERS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "blue",
    "clusters": [
        {"name": name, "cluster": {"server": f"https://{name}.example:6443", "insecure-skip-tls-verify": True}}
        for name in ("blue", "red")
    ],
    "users": [{"name": "me", "user": {"token": "from-file"}}],
    "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("blue", "red")],
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(TWO_CLUSTERS))
    return str(file)


def token(config: Any) -> str:
    found: str = config.auth_settings()["BearerToken"]["value"]
    return found


def test_a_host_and_a_token_are_enough() -> None:
    config = configuration({"host": "https://cluster.example:6443/", "api_key": "abc"}, {})

    assert config.host == "https://cluster.example:6443"
    assert token(config) == "Bearer abc"
    assert config.verify_ssl is True


def test_a_kubeconfig_is_read_in_its_current_context(kubeconfig: str) -> None:
    config = configuration({"kubeconfig": kubeconfig}, {})

    assert config.host == "https://blue.example:6443"
    assert token(config) == "Bearer from-file"
    assert config.verify_ssl is False


def test_another_context_can_be_named(kubeconfig: str) -> None:
    assert configuration({"kubeconfig": kubeconfig, "context": "red"}, {}).host == "https://red.example:6443"


def test_a_kubeconfig_can_be_given_as_it_is() -> None:
    given = copy.deepcopy(TWO_CLUSTERS)

    assert configuration({"kubeconfig": given, "context": "red"}, {}).host == "https://red.example:6443"
    assert given == TWO_CLUSTERS


def test_a_path_below_the_home_folder_is_found(kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(kubeconfig).parent))

    assert configuration({"kubeconfig": "~/config"}, {}).host == "https://blue.example:6443"


def test_the_environment_says_what_the_options_do_not(kubeconfig: str) -> None:
    environ = {"K8S_AUTH_KUBECONFIG": kubeconfig, "K8S_AUTH_CONTEXT": "red"}

    assert configuration({}, environ).host == "https://red.example:6443"
    assert configuration({"context": "blue"}, environ).host == "https://blue.example:6443"


def test_the_kubeconfig_of_kubectl_comes_last(kubeconfig: str, tmp_path: Path) -> None:
    environ = {"KUBECONFIG": f"{tmp_path / 'not-there'}:{kubeconfig}"}

    assert configuration({}, environ).host == "https://blue.example:6443"
    host = {"K8S_AUTH_HOST": "https://other.example", "K8S_AUTH_API_KEY": "abc"}
    assert configuration({}, {**environ, **host}).host == "https://other.example"


def test_a_token_that_is_given_wins_over_that_of_the_file(kubeconfig: str) -> None:
    assert token(configuration({"kubeconfig": kubeconfig, "api_key": "given"}, {})) == "Bearer given"


def test_tls_options_that_are_given_win_over_those_of_the_file(kubeconfig: str, tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("ca_cert", "client_cert", "client_key")}
    for file in files.values():
        Path(file).write_text("pem")
    config = configuration({"kubeconfig": kubeconfig, "validate_certs": True, **files}, {})

    assert config.verify_ssl is True
    assert (config.ssl_ca_cert, config.cert_file, config.key_file) == tuple(files.values())


@pytest.mark.parametrize(
    ("text", "verify"), [("false", False), ("No", False), ("0", False), ("true", True), ("", True)]
)
def test_the_environment_can_turn_off_the_check_of_certificates(text: str, verify: bool) -> None:
    config = configuration({"host": "https://a.example", "api_key": "abc"}, {"K8S_AUTH_VERIFY_SSL": text})

    assert config.verify_ssl is verify


def test_a_proxy_can_be_named_with_its_exceptions_and_its_login() -> None:
    options = {
        "host": "https://a.example",
        "api_key": "abc",
        "proxy": "http://proxy.example:3128",
        "no_proxy": "b.example",
    }
    config = configuration({**options, "proxy_headers": {"proxy_basic_auth": "me:pass", "user_agent": None}}, {})

    assert (config.proxy, config.no_proxy) == ("http://proxy.example:3128", "b.example")
    assert config.proxy_headers == {"proxy-authorization": "Basic bWU6cGFzcw=="}


def refusal(options: dict[str, Any], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(CredentialsError) as caught:
        configuration(options, environ or {})
    return str(caught.value)


def test_no_cluster_at_all_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert refusal({}).startswith(f"No cluster was named. {CURE}")


def test_the_account_of_a_pod_is_never_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    assert refusal({}).startswith("No cluster was named.")


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = str(tmp_path / "nowhere")

    assert refusal({"kubeconfig": file}).startswith(f"The kubeconfig {file} does not exist. {CURE}")


@pytest.mark.parametrize("text", ["clusters: [", "- a list", "just a text", "{}", "clusters: 7\ncontexts: 8", "\0"])
def test_a_file_that_is_no_kubeconfig_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    said = refusal({"kubeconfig": str(file)})

    assert said.startswith(f"The kubeconfig {file} cannot be used: ")
    assert CURE in said
    assert "\n" not in said


def test_a_context_that_the_file_does_not_have_is_named(kubeconfig: str) -> None:
    said = refusal({"kubeconfig": kubeconfig, "context": "green"})

    assert said.startswith(f"The kubeconfig {kubeconfig} cannot be used: ")
    assert "green" in said


def test_a_kubeconfig_given_as_it_is_and_broken_is_said_to_be_one() -> None:
    assert refusal({"kubeconfig": {"clusters": []}}).startswith("The kubeconfig given as a mapping cannot be used: ")


BOTH = {"K8S_AUTH_HOST": "https://a.example", "K8S_AUTH_API_KEY": "abc"}


@pytest.mark.parametrize(
    ("options", "environ", "named"),
    [
        ({"kubeconfig": "k", "host": "https://a.example"}, {}, "by host and by kubeconfig"),
        ({"kubeconfig": "k"}, BOTH, "by K8S_AUTH_HOST and by kubeconfig"),
        ({"context": "red"}, BOTH, "by K8S_AUTH_HOST and by context"),
        ({}, {**BOTH, "K8S_AUTH_KUBECONFIG": "k"}, "by K8S_AUTH_HOST and by K8S_AUTH_KUBECONFIG"),
        ({"host": "https://a.example"}, {"K8S_AUTH_CONTEXT": "red"}, "by host and by K8S_AUTH_CONTEXT"),
    ],
)
def test_two_clusters_are_one_too_many(options: dict[str, str], environ: dict[str, str], named: str) -> None:
    with pytest.raises(CredentialsError, match=f"Two clusters are named: {named}. Give one of them."):
        configuration(options, environ)


@pytest.mark.parametrize(
    ("options", "environ", "stray"),
    [
        ({"kubeconfig": "k"}, {"K8S_AUTH_API_KEY": "secret"}, "K8S_AUTH_API_KEY"),
        ({"kubeconfig": "k"}, {"K8S_AUTH_CONTEXT": "red"}, "K8S_AUTH_CONTEXT"),
        ({"context": "red"}, {"K8S_AUTH_KUBECONFIG": "k", "K8S_AUTH_API_KEY": "secret"}, "K8S_AUTH_API_KEY"),
        (
            {"host": "https://a.example"},
            {"K8S_AUTH_USERNAME": "me", "K8S_AUTH_PASSWORD": "secret"},
            "K8S_AUTH_PASSWORD, K8S_AUTH_USERNAME",
        ),
        ({"host": "https://a.example"}, {"K8S_AUTH_CERT_FILE": "c"}, "K8S_AUTH_CERT_FILE"),
    ],
)
def test_a_login_of_the_environment_is_not_sent_to_a_cluster_of_the_options(
    options: dict[str, str], environ: dict[str, str], stray: str
) -> None:
    with pytest.raises(CredentialsError, match=f", and {stray} in the environment would be used for it too") as told:
        configuration(options, environ)
    assert "secret" not in str(told.value)


def test_the_contexts_of_all_clusters_may_be_in_one_file_of_the_environment(kubeconfig: str) -> None:
    config = configuration({"context": "red"}, {"K8S_AUTH_KUBECONFIG": kubeconfig})

    assert config.host == "https://red.example:6443"


@pytest.mark.parametrize("half", [{}, {"username": "me"}, {"client_cert": __file__}])
def test_a_host_without_a_login_is_refused(half: dict[str, str]) -> None:
    said = refusal({"host": "https://cluster.example", **half})

    assert said.startswith(f"The cluster https://cluster.example is named, but no way to log in. {CURE}")


def test_a_host_without_a_scheme_is_refused_since_the_login_could_go_in_the_clear() -> None:
    assert refusal({"host": "cluster.example:6443", "api_key": "abc"}) == (
        "host: 'cluster.example:6443' has no scheme; write it as https://<name>:<port>."
    )


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_named_with_its_option(option: str) -> None:
    said = refusal({"host": "https://cluster.example", "api_key": "abc", option: "/nowhere/pem"})

    assert said.startswith(f"{option}: the file /nowhere/pem does not exist.")


class TestImpersonation:
    """Being somebody else, where the login may."""

    @pytest.mark.parametrize(
        ("options", "environ", "headers"),
        [
            ({}, {}, {}),
            ({"impersonate_user": "bob"}, {}, {"Impersonate-User": "bob"}),
            (
                {"impersonate_user": "bob", "impersonate_groups": ["devs"]},
                {},
                {"Impersonate-User": "bob", "Impersonate-Group": "devs"},
            ),
            ({}, {"K8S_AUTH_IMPERSONATE_USER": "bob"}, {"Impersonate-User": "bob"}),
            ({"impersonate_user": "eve"}, {"K8S_AUTH_IMPERSONATE_USER": "bob"}, {"Impersonate-User": "eve"}),
            ({}, {"K8S_AUTH_IMPERSONATE_GROUPS": "devs,"}, {"Impersonate-Group": "devs"}),
        ],
    )
    def test_headers_follow_from_options_and_environment(
        self, options: dict[str, Any], environ: dict[str, str], headers: dict[str, str]
    ) -> None:
        assert impersonation(options, environ) == headers

    def test_more_than_one_group_is_refused(self) -> None:
        with pytest.raises(CredentialsError, match=r"^impersonate_groups: one group can be given; 2 were given\.$"):
            impersonation({"impersonate_groups": ["a", "b"]}, {})


def test_every_option_of_kubernetes_core_that_names_a_cluster_is_heeded() -> None:
    heeded = set(_heeded_options())

    assert set(AUTH_ARG_SPEC) - heeded == {"persist_config"}


def _heeded_options() -> list[str]:
    """Ask for every option there is, and note what was asked."""

    class Asked(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            names.append(key)
            return super().get(key, default)

    names: list[str] = []
    options = Asked(host="https://a.example", api_key="abc")
    configuration(options, {})
    impersonation(options, {})
    return names
