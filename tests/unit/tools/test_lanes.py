# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verbs of the Makefile side by side; a script stands in for make."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tools.lanes import main

MAKE = """#!/bin/sh
echo "this is $1"
case $1 in
  wrong) while [ ! -e {folder}/at-work ]; do sleep 0.02; done; exit 3 ;;
  long) trap 'touch {folder}/cleaned; exit 1' TERM; touch {folder}/at-work; sleep 60 & wait ;;
  meet*)
    touch {folder}/$1
    for i in $(seq 100); do [ -e {folder}/meet-1 ] && [ -e {folder}/meet-2 ] && exit 0; sleep 0.05; done
    exit 1 ;;
esac
touch {folder}/$1
"""


@pytest.fixture
def make(tmp_path: Path) -> str:
    script = tmp_path / "make"
    script.write_text(MAKE.replace("{folder}", str(tmp_path)), encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def test_lanes_run_side_by_side(make: str) -> None:
    assert main(["meet-1", "meet-2"], make) == 0


def test_each_verb_shows_all_it_said_and_the_last_line_its_time(make: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["lint unit", "molecule"], make) == 0
    said = capfd.readouterr().out
    for verb in ("lint", "unit", "molecule"):
        assert f"=== make {verb}: passed after 0 s\nthis is {verb}\n" in said
    assert said.splitlines()[-1].startswith("All passed: ")
    assert all(f"{verb} 0 s" in said.splitlines()[-1] for verb in ("lint", "unit", "molecule"))


def test_one_that_fails_ends_the_others_and_what_comes_after_it(
    make: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    begin = time.monotonic()
    assert main(["long after", "wrong later"], make) == 3
    assert time.monotonic() - begin < 30
    said = capfd.readouterr()
    assert "=== make wrong: FAILED" in said.out
    assert said.err.startswith("\nFAILED in wrong (")
    assert (tmp_path / "cleaned").exists()
    assert not (tmp_path / "after").exists()
    assert not (tmp_path / "later").exists()
