# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated model as clients see it, with the official OpenAI client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest


@pytest.fixture(scope="module")
def client(endpoint: tuple[str, int], api_key: Callable[[str], str]) -> openai.OpenAI:
    address, port = endpoint
    return openai.OpenAI(
        base_url=f"http://{address}:{port}/v1",
        api_key=api_key("carol"),
        default_headers={"Host": f"simulator.maas.local:{port}"},
    )


def test_it_lists_its_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["simulator"]


def test_it_answers_nobody_without_a_key(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="somebody-else").models.list()
    assert refused.value.code == "invalid_api_key"


def test_it_answers_a_chat_and_counts_its_tokens(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="simulator", messages=[{"role": "user", "content": "Good day!"}])
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_it_streams_and_reports_usage_when_asked(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="simulator",
            messages=[{"role": "user", "content": "Good day!"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


def test_its_pods_run_with_the_least_rights(objects: Any) -> None:
    pods = objects("v1", "Pod", "maas-models")
    assert pods
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
