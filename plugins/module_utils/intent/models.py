# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of ``maas_models`` may say."""

from __future__ import annotations

from dataclasses import dataclass

from .rules import DURATION, MODEL_ID, QUANTITY, dns_label
from .schema import Choice, Integer, Optionally, Record, given

# KServe labels pods `isvc.<name>-predictor`; a label value holds 63 characters.
LONGEST_MODEL_NAME = 63 - len("isvc.") - len("-predictor")


@dataclass(frozen=True)
class Resources:
    """CPU and memory that each replica asks for and may use (requests equal limits)."""

    cpu: str = given(QUANTITY, "100m")
    memory: str = given(QUANTITY, "128Mi")


@dataclass(frozen=True)
class Simulator:
    """How the simulator behaves; each field is a flag of llm-d-inference-sim (section 13 of its facts)."""

    mode: str = given(Choice("random", "echo"), "random")
    time_to_first_token: str = given(DURATION, "0s")
    inter_token_latency: str = given(DURATION, "0s")
    max_model_len: int = given(Integer(1, 1_000_000), 4096)


@dataclass(frozen=True)
class Model:
    """One model: its server, and the subdomain at which clients find it."""

    name: str = given(dns_label(LONGEST_MODEL_NAME))
    server: str = given(Choice("simulator"))
    subdomain: str | None = given(Optionally(dns_label()), None)
    model_id: str | None = given(Optionally(MODEL_ID), None)
    replicas: int = given(Integer(1, 100), 1)
    resources: Resources = given(Record(Resources), default_factory=Resources)
    simulator: Simulator = given(Record(Simulator), default_factory=Simulator)

    @property
    def label(self) -> str:
        """The left-most part of the model's hostname."""
        return self.subdomain or self.name

    @property
    def id(self) -> str:
        """What clients put into the field ``model`` of a request."""
        return self.model_id or self.name
