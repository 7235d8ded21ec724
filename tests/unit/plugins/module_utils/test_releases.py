# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of Helm releases, in words."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.releases import release_failures

WRAPPED = "Failure when executing Helm command. Exited 1.\nstdout: \nstderr: Error: "


def attempt(words: str, name: str = "istiod", failed: bool = True) -> dict[str, Any]:
    """What the helm module returns for one release."""
    return {"failed": failed, "msg": words, "__maas_release": {"name": name}}


@pytest.mark.parametrize("words", ["context deadline exceeded", "timed out waiting for the condition"])
def test_time_that_is_up_is_told_with_what_does_not_run(words: str) -> None:
    status = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 0}
    metadata = {"name": "istiod", "namespace": "mesh"}
    held = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1}}
    lines = release_failures([attempt(f"{WRAPPED}UPGRADE FAILED: {words}\n")], [{**held, "status": status}], "mesh", 60)

    assert lines[:3] == [
        "Helm release istiod in the namespace mesh: not all of it is ready after 60 s.",
        "Deployment mesh/istiod:",
        "  1 pods wanted: 1 there, 1 of the present version, 0 available",
    ]
    assert lines[-1].endswith("What only needs longer gets it by maas_wait_timeout.")
    assert words not in "\n".join(lines)


def test_a_refusal_is_told_in_helms_words_with_a_cure() -> None:
    said = 'UPGRADE FAILED: cannot patch "istiod" with kind Deployment: failed calling webhook "a.b"'
    lines = release_failures([attempt(f"{WRAPPED}{said}\n\n")], [{"kind": "Pod", "metadata": {}}], "mesh", 60)

    assert lines[0] == f"Helm release istiod in the namespace mesh: {said}"
    assert lines[1].startswith("  likely cure: Nothing of this kind can be written")
    assert len(lines) == 2


@pytest.mark.parametrize(
    "said",
    [
        'Kubernetes cluster unreachable: Get "https://127.0.0.1:6443/version": dial tcp: connect: refused',
        'UPGRADE FAILED: query: failed: Get "https://k.example/prefix/api/v1/secrets?labelSelector=name%3Da": EOF',
        'UPGRADE FAILED: Patch "https://k.example/apis/apps/v1/namespaces/mesh/deployments/a": http2: connection lost',
        'INSTALLATION FAILED: openapi: Get "https://127.0.0.1:6443/openapi/v2?timeout=32s": connection reset by peer',
    ],
)
def test_a_request_of_helm_without_an_answer_has_a_cure_too(said: str) -> None:
    lines = release_failures([attempt(f"{WRAPPED}{said}\n")], [], "mesh", 60)

    assert lines == [
        f"Helm release istiod in the namespace mesh: {said}",
        "  likely cure: The API server was away for a moment, and answers again: run again.",
    ]


@pytest.mark.parametrize(
    "said",
    [
        'looks like "https://charts.example/api/helm" is not a valid chart repository: Get "https://charts.example/api/helm/'
        'index.yaml": dial tcp: connection refused',
        'failed to do request: Head "https://ghcr.io/v2/kserve/charts/kserve/manifests/v0.20.0": EOF',
    ],
)
def test_a_chart_repository_that_does_not_answer_is_not_taken_for_the_api_server(said: str) -> None:
    assert len(release_failures([attempt(f"{WRAPPED}{said}\n")], [], "mesh", 60)) == 1


def test_what_did_not_fail_is_left_out() -> None:
    attempts = [attempt("well", "base", failed=False), {"skipped": True}, {"failed": True, "msg": "chart not found"}]

    assert release_failures(attempts, [], "mesh", 60) == ["chart not found"]


def test_what_the_login_may_not_list_is_told_of_what_is_late() -> None:
    late = [attempt("context deadline exceeded")]

    assert release_failures(late, [], "mesh", 60, ["Pod"])[1] == (
        "Pods in mesh could not be read: the login may not list them"
    )
    assert len(release_failures([attempt("chart not found")], [], "mesh", 60, ["Pod"])) == 1
