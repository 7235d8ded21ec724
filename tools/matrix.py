# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of ansible-core, Python and kubernetes.core are tried together, and what came of it; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

CHECKS = ("unit", "module", "molecule")
# Requirements of developers that no test of the collection needs: the tarball, style and types.
DEVELOPERS_ONLY = {
    "ansible", "ansible-lint", "galaxy-importer", "mypy", "ruff", "types-jmespath", "types-pyyaml", "yamllint",
}  # fmt: skip
# What a row has in a version of its own. resolvelib only comes along: ansible-core says which it can use.
FREE = {"ansible", "ansible-core", "resolvelib"}
# What kubernetes.core.helm (6.6 and later) says on each call, whoever reads that value or not; ours do not.
TOLD_TO_ALL = "The 'status.values' return value is deprecated"
# Nothing of ours imports it, and no release at its lower bound can be installed without being built.
NOT_IMPORTED = {"openshift"}


@dataclass(frozen=True)
class Bundle:
    """A release of the PyPI package `ansible`, and the kubernetes.core that it brings."""

    release: str
    kubernetes_core: str
    requires_ansible: str


@dataclass(frozen=True)
class Row:
    """What is tried together; ``oldest``: with the lower bound of all that the collection needs.

    ``python`` is empty where this machine has none that ansible-core supports.
    """

    core: str
    supported: tuple[str, ...]
    python: str
    bundle: Bundle
    checks: tuple[str, ...]
    oldest: bool

    @property
    def minor(self) -> str:
        """The name of the row: 2.16 for ansible-core 2.16.19."""
        return minor(self.core)

    @property
    def what(self) -> str:
        """All versions; results are those of a row only as long as these are the same."""
        versions = (
            f"ansible-core {self.core}, Python {self.python or '-'}, kubernetes.core {self.bundle.kubernetes_core}"
        )
        return f"{versions}, the oldest packages" if self.oldest else versions


@dataclass(frozen=True)
class Result:
    """What came of one check; ``fault`` is empty when all is well."""

    passed: int
    fault: str
    seconds: float

    @property
    def word(self) -> str:
        """What the table says."""
        return f"FAILED: {self.fault}" if self.fault else f"{self.passed} passed"


Results = Mapping[str, Result]


def minor(version: str) -> str:
    """Return the first two numbers of a version."""
    return ".".join(str(number) for number in Version(version).release[:2])


def newest_of_each_minor(required: str, offered: Iterable[str]) -> list[str]:
    """Return the newest release of each minor that ``required`` (as in `requires_ansible`) admits, oldest first."""
    newest: dict[str, str] = {}
    for version in sorted(offered, key=Version):
        if not Version(version).is_prerelease and Version(version) in SpecifierSet(required):
            newest[minor(version)] = version
    return list(newest.values())


def lower_bound(required: str) -> str:
    """Return the version that a requirement such as ``>=5.4.0`` begins with."""
    bounds = [item.version for item in SpecifierSet(required) if item.operator in (">=", "==")]
    if len(bounds) != 1:
        raise ValueError(f"{required!r} has no lower bound; one is needed, such as '>=5.4.0'.")
    return bounds[0]


def supported_pythons(metadata: str) -> tuple[str, ...]:
    """Return the Pythons that a package's metadata lists, oldest first. (`Requires-Python` has no upper end.)"""
    found = re.findall(r"^Classifier: Programming Language :: Python :: (3\.[0-9]+)\s*$", metadata, re.MULTILINE)
    return tuple(sorted(found, key=Version))


def rows(
    cores: Mapping[str, tuple[str, ...]], found: Iterable[str], oldest: Bundle, newer: Sequence[Bundle]
) -> list[Row]:
    """Return the rows: the first with the oldest kubernetes.core, all others with the newest that admits them.

    :param cores: releases of ansible-core, oldest first, each with the Pythons that it supports.
    :param found: the Pythons of this machine.
    :param newer: newest first.
    """
    pythons = {core: _newest(set(supported) & set(found)) for core, supported in cores.items()}
    runnable = [core for core, python in pythons.items() if python]
    return [
        Row(
            core,
            supported,
            pythons[core],
            oldest if not number else _admitting(core, newer),
            CHECKS if core in (runnable[:1] + runnable[-1:]) else CHECKS[:-1],
            oldest=not number,
        )
        for number, (core, supported) in enumerate(cores.items())
    ]


def _newest(versions: Iterable[str]) -> str:
    return max(versions, key=Version, default="")


def admits(bundle: Bundle, core: str) -> bool:
    """Whether a kubernetes.core says that it runs with a release of ansible-core."""
    return Version(core) in SpecifierSet(bundle.requires_ansible)


def _admitting(core: str, bundles: Sequence[Bundle]) -> Bundle:
    for bundle in bundles:
        if admits(bundle, core):
            return bundle
    raise ValueError(f"No kubernetes.core that is offered runs with ansible-core {core}.")


def requirements(text: str, core: str, checks: Sequence[str]) -> list[str]:
    """Return what a row needs, from the text of requirements-dev.in; Molecule only where it runs."""
    left_out = DEVELOPERS_ONLY | (set() if "molecule" in checks else {"molecule"})
    packages = [str(item) for item in _required(text) if item.name.lower() not in left_out]
    return [f"ansible-core=={core}", *packages]


def constraints(developers: str, users: str, oldest: bool) -> list[str]:
    """Return the versions that hold in a row: those of requirements-dev.txt, so that nothing else differs.

    :param users: the text of requirements.txt, whose lower bounds hold in the oldest row.
    """
    bounds = {item.name: lower_bound(str(item.specifier)) for item in _required(users) if item.name not in NOT_IMPORTED}
    held = {item.name: str(item.specifier) for item in _required(developers) if item.name not in FREE}
    held |= {name: f"=={bound}" for name, bound in bounds.items()} if oldest else {}
    return [f"{name}{version}" for name, version in held.items()]


def _required(text: str) -> list[Requirement]:
    """Return what a requirements file asks for itself."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def deprecations(said: str) -> list[str]:
    """Return what Ansible called deprecated in a run, each once, but for what nobody can avoid."""
    found = re.findall(r"\[DEPRECATION WARNING\]:? ?(.*)", said)
    return [line for line in dict.fromkeys(found) if not line.startswith(TOLD_TO_ALL)]


def table(listed: Iterable[Row], results: Mapping[str, Results]) -> str:
    """Return all rows as a table in Markdown."""
    lines = [
        "| ansible-core | Python | kubernetes.core | unit | module | molecule | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in listed:
        had = results.get(row.minor, {})
        words = [_word(row, check, had) for check in CHECKS]
        seconds = f"{sum(result.seconds for result in had.values()):.0f}" if had else "-"
        python = row.python or f"no Python {' or '.join(row.supported)} here"
        lines.append(f"| {' | '.join([row.core, python, row.bundle.kubernetes_core, *words, seconds])} |")
    return "\n".join(lines) + "\n"


def _word(row: Row, check: str, had: Results) -> str:
    if check not in row.checks:
        return "-"
    return had[check].word if check in had else "not run"


_SUPPORT = {"unit": "unit tests", "module": "module tests", "molecule": "the chain in the sandbox"}


def support(listed: Iterable[Row], results: Mapping[str, Results]) -> list[str]:
    """Return the rows of the README's support matrix, which say what ran and passed, and nothing better."""
    return [_support(row, results.get(row.minor, {})) for row in listed]


def _support(row: Row, had: Results) -> str:
    passed = [_SUPPORT[check] for check in row.checks if check in had and not had[check].fault]
    failed = [f"{_SUPPORT[check]} FAILED" for check in row.checks if check in had and had[check].fault]
    where = f"on Python {row.python}" if row.python else f"(Python {' or '.join(row.supported)})"
    bounds = " and the lower bounds of requirements.txt" if row.oldest else ""
    versions = f"{row.core} with kubernetes.core {row.bundle.kubernetes_core}{bounds} {where}"
    return f"| ansible-core {row.minor} | {versions} | {', '.join(passed + failed) or 'not run'} |"


def with_support(readme: str, lines: Sequence[str]) -> str:
    """Return the README with these rows in place of those that it has of ansible-core."""
    old = re.search(r"(^\| ansible-core [0-9].*\n)+", readme, re.MULTILINE)
    if not old:
        raise ValueError("README.md has no row that begins with `| ansible-core`.")
    return readme[: old.start()] + "".join(f"{line}\n" for line in lines) + readme[old.end() :]
