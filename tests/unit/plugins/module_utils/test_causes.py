# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster says, and what usually helps."""

from __future__ import annotations

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.causes import likely_cure


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (
            'Internal error occurred: failed calling webhook "a.b": failed to call webhook: Post "https://x.y.svc:443/"',
            "until that webhook answers",
        ),
        ('admission webhook "a.b" denied the request: no owner', "validatingwebhookconfigurations"),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no owner", "validatingadmissionpolicies"),
        ('pods "x" is forbidden: exceeded quota: tight, requested: pods=1', "Raise that ResourceQuota"),
        ('pods "x" is forbidden: failed quota: tight: must specify cpu for: it', "have a LimitRange"),
        (
            'pods "x" is bad: maximum memory usage per Container is 1Mi, but limit is 2Mi',
            "Change that LimitRange",
        ),
        ('Invalid value: "32Mi": must be less than or equal to memory limit of 1Mi', "Change the LimitRange"),
        ("cpu max limit to request ratio per Container is 2", "Change that LimitRange"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile', "pod-security"),
        ("create not allowed while custom resource definition is terminating", "kubectl describe crd"),
        ("unable to create new content in namespace x because it is being terminated", "kubectl describe namespace"),
        ('ImagePullBackOff: Back-off pulling image "x"', "maas_simulator_image"),
        ("Programmed=False AddressNotAssigned: address pending", "maas_gateway_service_type"),
        ("Unschedulable: 0/2 nodes are available", "uncordon"),
        ('CreateContainerConfigError: secret "x" not found', "Secret or ConfigMap"),
        ("CrashLoopBackOff: back-off 10s; it ended with exit code 137 (OOMKilled)", "more memory"),
        ("CrashLoopBackOff: back-off 10s; it ended with exit code 1 (Error)", "kubectl logs --previous"),
        ("it runs, but its readiness probe does not pass", "kubectl logs"),
    ],
)
def test_what_is_known_has_a_cure(said: str, cure: str) -> None:
    assert cure in likely_cure(said)


@pytest.mark.parametrize("said", ["", "no", 'configmaps is forbidden: User "bob" cannot list resource "configmaps"'])
def test_what_is_not_known_has_none(said: str) -> None:
    assert likely_cure(said) == ""


def test_what_refuses_counts_more_than_what_it_quotes() -> None:
    quoted = 'failed calling webhook "a": denied the request: exceeded quota: x'

    assert "webhook answers" in likely_cure(quoted)
