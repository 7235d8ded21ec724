# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which guides are walked in which order and terminal, and which of their commands cannot run in a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.walk.reading import Command, Step, steps

CHECKOUT = Path(__file__).resolve().parents[2]
# In the terminal of the sandbox: a reader looks into the other guides while the platform of the quickstart is there.
_BEGIN, _CLUSTER, _END = (
    ("README.md", "docs/quickstart.md"),
    ("docs/your-cluster.md", "docs/least-privilege.md"),
    "CONTRIBUTING.md",
)
_REMOVAL = "Take it away"

_IN_CI = "a job of its own in the workflow ci; the walk is another"
_KIND = "needs a container engine and images; the workflow kind runs the scenarios there"
_README = "README.md has it too"
_ITSELF = "it runs the walk itself"
_LONGER = "it runs the walk too; what it has more runs in the workflows longer and versions"
NOT_HERE = {
    "make test   # the checks of every change": _ITSELF,
    "make unit                       # pure code, one to two minutes": _IN_CI,
    "make lint                       # style and types": _IN_CI,
    "make docs                       # the guides and the reference as HTML": _IN_CI,
    "make demo                       # the whole platform in a sandbox, to look at and to break": _README,
    "make test                       # the checks that CI runs on every change": _ITSELF,
    "make test-all                   # privileges, failures, kills, versions and benchmark too": _LONGER,
    "kind create cluster --name maas --config examples/kind-cluster.yml": _KIND,
    "ansible-playbook maas_billing.platform.site -i inventories/kind": _KIND,
    "ansible-playbook maas_billing.platform.verify -i inventories/kind": _KIND,
    "ansible-galaxy collection install -r requirements.yml": "needs galaxy.ansible.com; its collection is put there",
    "python -m tools.rbac maas-site audit.log examples/rbac/site.yml": "tests/privileges compares them",
    "podman build --tag maas-ee build/ee": "needs a container engine and images",
}


@dataclass(frozen=True)
class Stop:
    """One step of the walk, in one terminal."""

    terminal: str
    step: Step

    @property
    def name(self) -> str:
        """The place and the first words, as the name of a test."""
        words = self.step.text if isinstance(self.step, Command) else self.step.file
        return f"{self.step.where} {words.splitlines()[0][:60]}"


def guides() -> list[str]:
    """Return every file with commands for readers."""
    return ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{file.name}" for file in (CHECKOUT / "docs").glob("*.md"))]


def walk() -> list[Stop]:
    """Return all steps of all guides in the order of the walk."""
    read = {name: steps((CHECKOUT / name).read_text(encoding="utf-8"), name) for name in guides()}
    begin = [step for name in _BEGIN for step in read.pop(name)]
    cluster, end = [step for name in _CLUSTER for step in read.pop(name)], read.pop(_END)
    before = [step for step in begin if step.heading != _REMOVAL]
    removal = [step for step in begin if step.heading == _REMOVAL]
    others = [step for found in read.values() for step in found]
    return [
        *(Stop("sandbox", step) for step in [*before, *others, *removal]),
        *(Stop("cluster", step) for step in cluster),
        *(Stop("contributor", step) for step in end),
    ]


def cannot_run(step: Step) -> bool:
    """Say whether a step is a command that cannot run in a test."""
    return isinstance(step, Command) and step.text in NOT_HERE
