# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of ``maas_models`` may say."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import Problem
from .rules import BYTES, CPU, DURATION, MODEL_ID, dns_label
from .schema import Choice, Flag, Integer, Optionally, Record, obeys

# KServe labels pods `isvc.<name>-predictor`; a label value holds 63 characters.
LONGEST_MODEL_NAME = 63 - len("isvc.") - len("-predictor")


@dataclass(frozen=True)
class Resources:
    """CPU and memory that each replica asks for and may use (requests equal limits)."""

    cpu: str = field(default="100m", metadata=obeys(CPU))
    memory: str = field(default="128Mi", metadata=obeys(BYTES))


@dataclass(frozen=True)
class Simulator:
    """How the simulator behaves; each field is a flag of llm-d-inference-sim (section 13 of its facts)."""

    mode: str = field(default="random", metadata=obeys(Choice("random", "echo")))
    time_to_first_token: str = field(default="0s", metadata=obeys(DURATION))
    inter_token_latency: str = field(default="0s", metadata=obeys(DURATION))
    max_model_len: int = field(default=4096, metadata=obeys(Integer(1, 1_000_000)))


@dataclass(frozen=True)
class Model:
    """One model: its server, and the subdomain at which clients find it."""

    name: str = field(metadata=obeys(dns_label(LONGEST_MODEL_NAME)))
    server: str = field(metadata=obeys(Choice("simulator")))
    subdomain: str | None = field(default=None, metadata=obeys(Optionally(dns_label())))
    model_id: str | None = field(default=None, metadata=obeys(Optionally(MODEL_ID)))
    replicas: int = field(default=1, metadata=obeys(Integer(1, 100)))
    resources: Resources = field(default_factory=Resources, metadata=obeys(Record(Resources)))
    simulator: Simulator = field(default_factory=Simulator, metadata=obeys(Record(Simulator)))
    allow_unmetered_streams: bool = field(default=False, metadata=obeys(Flag()))

    def contradictions(self, path: str) -> list[Problem]:
        """Refuse a server whose streams would be free of charge, unless that is meant.

        The gateway counts a stream by the usage that the server reports in it. A simulator reports it only when the
        client asks for it, and cannot be told to do so always.
        """
        if self.server == "simulator" and not self.allow_unmetered_streams:
            given = f"false, but the server {self.server} reports the tokens of a stream only to clients that ask"
            return [Problem(f"{path}.allow_unmetered_streams", given, "true, if streams that nobody counts are meant")]
        return []

    @property
    def label(self) -> str:
        """The left-most part of the model's hostname."""
        return self.subdomain or self.name

    @property
    def id(self) -> str:
        """What clients put into the field ``model`` of a request."""
        return self.model_id or self.name
