# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows are prepared from wheels, run one after the other whatever becomes of each, and their results kept."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from tools import registry, versions
from tools.matrix import Bundle, Result, Row
from tools.tarball import PackagingError

ROWS = [
    Row("2.16.19", ("3.12",), "3.12", Bundle("11.10.0", "5.4.0", ">=2.15"), ("unit", "module", "molecule"), True),
    Row("2.17.14", ("3.14",), "", Bundle("14.5.0", "6.6.0", ">=2.16"), ("unit", "module"), False),
    Row("2.18.19", ("3.13",), "3.13", Bundle("14.5.0", "6.6.0", ">=2.16"), ("unit", "module", "molecule"), False),
]
PROGRAMS = {"3.12": "python3.12", "3.13": "python3.13"}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for results, and no environment for real."""
    monkeypatch.setattr(versions, "WORK", tmp_path / "versions")
    monkeypatch.setattr(versions, "TABLE", tmp_path / "versions.md")
    monkeypatch.setattr(versions, "prepare", lambda row, _program: tmp_path / row.minor)
    return tmp_path


class Ran:
    """Stands in for running a check."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.seen: list[tuple[str, str]] = []

    def __call__(self, check: str, venv: Path) -> Result:
        self.seen.append((venv.name, check))
        return Result(5, self.fault if venv.name == "2.16" else "", 1.0)


def test_all_rows_with_a_python_run_and_the_others_are_told_loudly(
    monkeypatch: pytest.MonkeyPatch, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran()
    monkeypatch.setattr(versions, "run_check", ran)

    assert versions.try_all(ROWS, PROGRAMS, "", ("unit", "molecule")) == 0
    assert ran.seen == [("2.16", "unit"), ("2.16", "molecule"), ("2.18", "unit"), ("2.18", "molecule")]
    assert "NOT RUN: ansible-core 2.17.14: no Python 3.14 here" in capsys.readouterr().out
    assert "| 2.16.19 | 3.12 | 5.4.0 | 5 passed | not run | 5 passed | 2 |" in (work / "versions.md").read_text()


def test_a_row_that_fails_does_not_keep_the_next_from_running_but_fails_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran("2 failed")
    monkeypatch.setattr(versions, "run_check", ran)

    assert versions.try_all(ROWS, PROGRAMS, "", ("unit",)) == 1
    assert ran.seen == [("2.16", "unit"), ("2.18", "unit")]


def test_an_environment_that_cannot_be_made_is_a_failure_of_its_row_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(row: Row, _program: str) -> Path:
        if row.minor == "2.16":
            raise PackagingError("no such package")
        return Path(row.minor)

    monkeypatch.setattr(versions, "prepare", prepare)
    monkeypatch.setattr(versions, "run_check", Ran())

    assert versions.try_all(ROWS, PROGRAMS, "", ("unit",)) == 1
    assert versions.kept(ROWS[0])["unit"].fault == "no environment"
    assert versions.kept(ROWS[2])["unit"].passed == 5


def test_one_row_can_be_chosen_and_keeps_what_others_had(monkeypatch: pytest.MonkeyPatch, work: Path) -> None:
    versions.keep(ROWS[0], {"unit": Result(7, "", 3.0)})
    ran = Ran()
    monkeypatch.setattr(versions, "run_check", ran)

    assert versions.try_all(ROWS, PROGRAMS, "2.18", ("unit",)) == 0
    assert ran.seen == [("2.18", "unit")]
    assert "| 7 passed | not run | not run | 3 |" in (work / "versions.md").read_text()


def test_a_row_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(PackagingError, match=r"ONLY=2\.9 is no row; there are: 2\.16, 2\.17, 2\.18\."):
        versions.chosen(ROWS, "2.9")


def test_a_result_is_that_of_exactly_its_versions() -> None:
    versions.keep(ROWS[0], {"unit": Result(7, "", 3.0)})
    newer = Row("2.16.20", ("3.12",), "3.12", ROWS[0].bundle, ("unit",), True)

    assert versions.kept(ROWS[0]) == {"unit": Result(7, "", 3.0)}
    assert versions.kept(newer) == {}


def test_a_report_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    report.write_text('<testsuites><testsuite tests="10" failures="1" errors="2" skipped="3"/></testsuites>')

    assert versions.counted(report) == (4, 3)


def test_the_rows_commands_find_its_programs_and_nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_CONFIG", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = versions.environment(Path("/row/venv"))

    assert found["PATH"].startswith("/row/venv/bin:")
    assert not {"ANSIBLE_CONFIG", "PYTHONPATH"} & set(found)


def test_every_folder_that_is_left_out_is_there() -> None:
    assert [name for name in versions.NOT_OF_THE_COLLECTION if not (versions.CHECKOUT / name).is_dir()] == []


@for_all(st.lists(st.integers(), min_size=1, unique=True), st.data())
def test_the_first_that_is_late_enough_is_found(items: list[int], data: st.DataObject) -> None:
    ordered = sorted(items)
    wanted = data.draw(st.sampled_from(ordered))

    assert registry.first(ordered, lambda item: item >= wanted) == wanted


def test_none_that_is_late_enough_is_an_error() -> None:
    with pytest.raises(PackagingError, match="none that is late enough"):
        registry.first([1, 2], lambda item: item > 2)


def test_a_wheel_tells_which_kubernetes_core_it_brings_and_gives_only_what_is_wanted(tmp_path: Path) -> None:
    wheel = tmp_path / "ansible-11.10.0-py3-none-any.whl"
    place = "ansible_collections/kubernetes"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{place}/core/MANIFEST.json", json.dumps({"collection_info": {"version": "5.4.0"}}))
        archive.writestr(f"{place}/core/meta/runtime.yml", "requires_ansible: '>=2.15.0'\n")
        archive.writestr(f"{place}/core_more/README.md", "not this")
        archive.writestr("ansible-11.10.0.dist-info/METADATA", "Name: ansible\n")
    registry.unpack(wheel, ["kubernetes.core"], tmp_path / "to")

    assert registry.bundle(wheel) == Bundle("11.10.0", "5.4.0", ">=2.15.0")
    assert registry.metadata(wheel) == "Name: ansible\n"
    assert sorted(path.name for path in (tmp_path / "to" / place).iterdir()) == ["core"]


def test_a_python_that_refuses_to_start_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, script in (("3.77", "echo 3.77"), ("3.78", "exit 127"), ("3.79", "echo 3.11")):
        program = tmp_path / f"python{version}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    assert registry.pythons(["3.77", "3.78", "3.79"]) == {"3.77": str(tmp_path / "python3.77")}
