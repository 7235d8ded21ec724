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


def test_what_did_not_fail_is_left_out() -> None:
    attempts = [attempt("well", "base", failed=False), {"skipped": True}, {"failed": True, "msg": "chart not found"}]

    assert release_failures(attempts, [], "mesh", 60) == ["chart not found"]
