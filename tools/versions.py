# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the collection's tests with each minor of ansible-core that it claims, each in an environment of its own.

    python -m tools.versions [--only 2.16] [--checks unit,module]    run; the table goes to build/versions.md too
    python -m tools.versions --list-json                             the rows, for the matrix of a workflow
    python -m tools.versions --readme                                write what ran into the README's support matrix

The range comes from meta/runtime.yml, galaxy.yml and what the package registry offers. But for what is tried, a row has
the versions of requirements-dev.txt, the oldest row the lower bounds of requirements.txt. It has kubernetes.core, which
we depend on, and ansible.posix, by whose callback the scenarios' tests read what a playbook did; no other collection.

Left out are the tests of the sandbox and of the tools, which developers run with the one environment of `make`, and
tests/property, which compares pure code with the sandbox's gateway for minutes and knows nothing of Ansible.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from tools import matrix, registry
from tools.matrix import CHECKS, Result, Row
from tools.tarball import CHECKOUT, PackagingError, run

WORK = CHECKOUT / "build" / "versions"
WHEELS = WORK / "wheels"
TABLE = CHECKOUT / "build" / "versions.md"
README = CHECKOUT / "README.md"
COLLECTIONS = ("kubernetes.core", "ansible.posix")
# The first `ansible` whose kubernetes.core could be of use; it only shortens the search.
OLDEST_ANSIBLE = "9"
NOT_OF_THE_COLLECTION = ("tests/unit/sandbox", "tests/unit/tools")


def cores() -> dict[str, tuple[str, ...]]:
    """Return the releases of ansible-core to try, oldest first, each with the Pythons that it supports."""
    required = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    releases = matrix.newest_of_each_minor(required, registry.offered("ansible-core"))
    wheels = {release: registry.fetch("ansible-core", release, WHEELS) for release in releases}
    return {release: matrix.supported_pythons(registry.metadata(wheel)) for release, wheel in wheels.items()}


def bundles(eldest: str) -> tuple[matrix.Bundle, list[matrix.Bundle]]:
    """Return the oldest kubernetes.core that we accept, and newer ones, newest first, until one runs with ``eldest``.

    :param eldest: the oldest ansible-core that is to run with a newer one.
    """
    required = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]["kubernetes.core"]
    bound = Version(matrix.lower_bound(required))
    releases = [item for item in registry.offered("ansible") if Version(item) >= Version(OLDEST_ANSIBLE)]
    releases = sorted((item for item in releases if not Version(item).is_prerelease), key=Version)
    oldest = registry.first(releases, lambda release: Version(_bundle(release).kubernetes_core) >= bound)
    newer = []
    for release in reversed({Version(item).major: item for item in releases}.values()):
        newer.append(_bundle(release))
        if matrix.admits(newer[-1], eldest):
            break
    return _bundle(oldest), newer


def _bundle(release: str) -> matrix.Bundle:
    return registry.bundle(registry.fetch("ansible", release, WHEELS))


def prepare(row: Row, program: str) -> Path:
    """Make the environment of a row, unless it is there as it has to be; return its folder."""
    folder = WORK / row.minor / "venv"
    users, developers, pinned = (
        (CHECKOUT / f"requirements{name}").read_text(encoding="utf-8") for name in (".txt", "-dev.in", "-dev.txt")
    )
    wanted = matrix.requirements(developers, row.core, row.checks)
    held = matrix.constraints(pinned, users, row.oldest)
    note = json.dumps([program, row.what, wanted, held])
    ready = folder.parent / "ready"
    if ready.is_file() and ready.read_text(encoding="utf-8") == note:
        return folder
    ready.unlink(missing_ok=True)
    run(program, "-m", "venv", "--clear", "--without-pip", str(folder))
    (folder.parent / "constraints.txt").write_text("\n".join([*held, ""]), encoding="utf-8")
    run(
        sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet", "--no-compile",
        "--only-binary=:all:", "--constraint", str(folder.parent / "constraints.txt"),
        "--requirement", "requirements.txt", *wanted,
    )  # fmt: skip
    wheel = registry.fetch("ansible", row.bundle.release, WHEELS)
    registry.unpack(wheel, COLLECTIONS, folder / "lib" / f"python{row.python}" / "site-packages")
    ready.write_text(note, encoding="utf-8")
    return folder


def sandbox(venv: Path) -> str:
    """Return the name of a row's sandbox, which is that of no other row."""
    return f"maas-versions-{venv.parent.name.replace('.', '-')}"


def command(check: str, venv: Path, report: Path) -> list[str]:
    """Return the command of a check."""
    pytest = ["python", "-m", "pytest", "-q", f"--junit-xml={report}"]
    return {
        "unit": [*pytest, "tests/unit", *(f"--ignore={folder}" for folder in NOT_OF_THE_COLLECTION)],
        "module": ["tools/with_sandbox.sh", sandbox(venv), *pytest, "tests/module"],
        "molecule": ["molecule", "test", "--scenario-name", "default"],
    }[check]


def environment(venv: Path) -> dict[str, str]:
    """Return the environment of a row's commands."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    return {
        **kept,
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(venv),
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / "build/collections"),
        "MAAS_SANDBOX": sandbox(venv),
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(venv.parent / "molecule"),
    }


def run_check(check: str, venv: Path) -> Result:
    """Run a check in the environment of a row; all that it says is kept beside the environment."""
    begin = time.monotonic()
    log, report = venv.parent / f"{check}.log", venv.parent / f"{check}.xml"
    report.unlink(missing_ok=True)
    with log.open("wb") as sink:
        status = subprocess.run(
            command(check, venv, report), cwd=CHECKOUT, env=environment(venv), stdout=sink, stderr=subprocess.STDOUT
        ).returncode
    said = log.read_text(encoding="utf-8", errors="replace")
    passed, failed = counted(report) if report.is_file() else (int(not status), int(bool(status)))
    fault = f"{failed} failed" if failed else f"ended with {status}" if status else ""
    if found := matrix.deprecations(said):
        fault = f"{fault}; deprecated: {'; '.join(found)}".lstrip("; ")
    if fault:
        print(f"{said}\n^^^ {log}", flush=True)
    return Result(passed, fault, time.monotonic() - begin)


def counted(report: Path) -> tuple[int, int]:
    """Return how many tests of a JUnit report passed, and how many failed."""
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    total, failed, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    return total - failed - skipped, failed


def run_row(row: Row, program: str, checks: Sequence[str]) -> None:
    """Run checks of a row, and keep what came of them; what went wrong does not stop the next."""
    for check in (check for check in row.checks if check in checks):
        print(f"--- {row.minor}: {check} ({row.what})", flush=True)
        begin = time.monotonic()
        try:
            result = run_check(check, prepare(row, program))
        except PackagingError as error:
            print(error, flush=True)
            result = Result(0, "no environment", time.monotonic() - begin)
        keep(row, {**kept(row), check: result})
        print(f"--- {row.minor}: {check}: {result.word}, {result.seconds:.0f} s", flush=True)


def kept(row: Row) -> dict[str, Result]:
    """Return what is known of a row with exactly its versions."""
    file = WORK / row.minor / "results.json"
    known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {check: Result(**result) for check, result in known.get(row.what, {}).items()}


def keep(row: Row, results: matrix.Results) -> None:
    """Write down what is known of a row."""
    file = WORK / row.minor / "results.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {row.what: {check: asdict(result) for check, result in results.items()}}
    file.write_text(json.dumps(known, indent=1), encoding="utf-8")


def chosen(listed: list[Row], only: str) -> list[Row]:
    """Return the rows that were asked for: all, or one."""
    if only and only not in (row.minor for row in listed):
        raise PackagingError(f"ONLY={only} is no row; there are: {', '.join(row.minor for row in listed)}.")
    return [row for row in listed if only in ("", row.minor)]


def try_all(listed: list[Row], programs: dict[str, str], only: str, checks: Sequence[str]) -> int:
    """Run rows, print and write the table; return the exit status."""
    asked = chosen(listed, only)
    for row in asked:
        if row.python:
            run_row(row, programs[row.python], checks)
    results = {row.minor: kept(row) for row in listed}
    text = matrix.table(listed, results)
    TABLE.write_text(text, encoding="utf-8")
    print(f"\n{text}", flush=True)
    for row in (row for row in asked if not row.python):
        print(f"NOT RUN: ansible-core {row.core}: no Python {' or '.join(row.supported)} here", flush=True)
    ran = [results[row.minor][check] for row in asked for check in checks if check in results[row.minor]]
    return int(any(result.fault for result in ran))


def main() -> int:
    """Compute the matrix, and do with it what was asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--only", default="", help="one row, such as 2.16")
    parser.add_argument("--checks", default=",".join(CHECKS), help="some of %(default)s")
    parser.add_argument("--list-json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--readme", action="store_true", help="write what ran into README.md")
    given = parser.parse_args()
    try:
        offered = cores()
        if given.list_json:
            print(json.dumps([{"core": matrix.minor(core), "python": known[-1]} for core, known in offered.items()]))
            return 0
        wanted = sorted({version for known in offered.values() for version in known}, key=Version)
        programs = registry.pythons(wanted)
        lacking = [version for version in wanted if version not in programs]
        print(f"Pythons here: {', '.join(programs)}; not found: {', '.join(lacking) or 'none'}", flush=True)
        listed = matrix.rows(offered, programs, *bundles([*offered][:2][-1]))
        if given.readme:
            lines = matrix.support(listed, {row.minor: kept(row) for row in listed})
            README.write_text(matrix.with_support(README.read_text(encoding="utf-8"), lines), encoding="utf-8")
            return 0
        return try_all(listed, programs, given.only, given.checks.split(","))
    except (PackagingError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
