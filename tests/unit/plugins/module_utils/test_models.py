# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One entry of ``maas_models``."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import Problem
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.models import (
    LONGEST_MODEL_NAME,
    Model,
    Resources,
    Simulator,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import read


def read_model(**values: Any) -> tuple[Model | None, list[str]]:
    problems: list[Problem] = []
    model = read(
        Model,
        {"name": "tiny", "server": "simulator", "allow_unmetered_streams": True, **values},
        "maas_models[0]",
        problems,
    )
    return model, [str(problem) for problem in problems]


def test_a_name_and_a_server_make_a_model() -> None:
    model, problems = read_model()

    assert problems == []
    assert model == Model("tiny", "simulator", None, None, 1, Resources("100m", "128Mi"), Simulator(), True)


def test_a_model_is_found_under_its_name_unless_it_has_a_subdomain() -> None:
    assert Model("tiny", "simulator").label == "tiny"
    assert Model("tiny", "simulator", subdomain="small").label == "small"


def test_clients_call_a_model_by_its_name_unless_it_has_an_id() -> None:
    assert Model("tiny", "simulator").id == "tiny"
    assert Model("tiny", "simulator", model_id="Qwen/Qwen3-0.6B").id == "Qwen/Qwen3-0.6B"


def test_the_longest_name_still_fits_into_the_label_that_kserve_gives_to_pods() -> None:
    name = "x" * LONGEST_MODEL_NAME

    assert read_model(name=name)[1] == []
    assert len(f"isvc.{name}-predictor") == 63
    assert read_model(name=name + "x")[0] is None


def test_quantities_without_quotes_are_refused_with_advice() -> None:
    _model, problems = read_model(resources={"cpu": 1})

    assert problems == [
        "maas_models[0].resources.cpu: 1 (a number) was given; allowed: a Kubernetes quantity in quotes "
        'from "1m" to "1000", such as "500m" or "2", at most 20 characters'
    ]


def test_mistakes_below_a_model_have_their_whole_path() -> None:
    _model, problems = read_model(simulator={"mode": "loud", "max_model_len": 0}, server="vllm", replicas=0)

    assert [problem.partition(":")[0] for problem in problems] == [
        "maas_models[0].server",
        "maas_models[0].replicas",
        "maas_models[0].simulator.mode",
        "maas_models[0].simulator.max_model_len",
    ]


@pytest.mark.parametrize("said", [{"allow_unmetered_streams": False}, {}])
def test_a_server_whose_streams_nobody_counts_is_refused_unless_that_is_meant(said: dict[str, bool]) -> None:
    problems: list[Problem] = []

    # E22 of the measured facts: a stream without usage is free.
    assert read(Model, {"name": "tiny", "server": "simulator", **said}, "maas_models[0]", problems) is None
    assert [str(problem) for problem in problems] == [
        "maas_models[0].allow_unmetered_streams: false, but the server simulator reports the tokens of a stream only "
        "to clients that ask; allowed: true, if streams that nobody counts are meant"
    ]
