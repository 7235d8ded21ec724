# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions are tried together, what the tables say of it, and that the README tells the whole range."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tools import matrix
from tools.matrix import Bundle, Result, Row

CHECKOUT = Path(__file__).resolve().parents[3]
OLD = Bundle("11.10.0", "5.4.0", ">=2.15.0")
NEW = Bundle("14.5.0", "6.6.0", ">=2.16.0")
CORES = {"2.16.19": ("3.10", "3.12"), "2.17.14": ("3.12",), "2.18.3": ("3.11", "3.13"), "2.19.0": ("3.14",)}


def rows(found: Iterable[str] = ("3.9", "3.10", "3.12", "3.13"), newer: Iterable[Bundle] = (NEW,)) -> list[Row]:
    return matrix.rows(CORES, found, OLD, list(newer))


class TestRange:
    """From what is claimed and what is offered."""

    def test_each_minor_from_the_lower_bound_on_has_its_newest_release(self) -> None:
        offered = ["2.9.27", "2.15.13", "2.16.9", "2.16.10", "2.18.0rc1", "2.17.2", "2.17.1", "2.18.0b1"]

        assert matrix.newest_of_each_minor(">=2.16.0", offered) == ["2.16.10", "2.17.2"]

    def test_the_lower_bound_is_the_version_that_a_requirement_begins_with(self) -> None:
        assert matrix.lower_bound(">=5.4.0") == "5.4.0"
        assert matrix.lower_bound(">=5.4.0,<8") == "5.4.0"

    def test_a_requirement_without_a_lower_bound_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"'<8' has no lower bound"):
            matrix.lower_bound("<8")

    def test_pythons_are_those_that_the_package_lists(self) -> None:
        said = "".join(
            f"Classifier: Programming Language :: Python :: {name}\n" for name in ("3", "3.9", "3.10", "2.7")
        )

        assert matrix.supported_pythons(f"Requires-Python: >=3.9\n{said}\nPython :: 3.8 is not.") == ("3.9", "3.10")


class TestRows:
    """What is tried together."""

    def test_each_has_the_newest_python_here_that_it_supports(self) -> None:
        assert [(row.minor, row.python) for row in rows()] == [
            ("2.16", "3.12"), ("2.17", "3.12"), ("2.18", "3.13"), ("2.19", ""),
        ]  # fmt: skip

    def test_the_oldest_goes_with_the_oldest_and_all_others_with_the_newest(self) -> None:
        assert [row.bundle for row in rows()] == [OLD, NEW, NEW, NEW]

    def test_what_does_not_run_with_an_ansible_core_is_not_tried_with_it(self) -> None:
        picky = Bundle("15.0.0", "7.0.0", ">=2.18.0")

        assert [row.bundle for row in rows(newer=[picky, NEW])] == [OLD, NEW, picky, picky]
        with pytest.raises(ValueError, match=r"ansible-core 2\.17\.14"):
            rows(newer=[picky])

    def test_scenarios_run_with_the_oldest_and_the_newest_that_can_run(self) -> None:
        assert [row.minor for row in rows() if "molecule" in row.checks] == ["2.16", "2.18"]
        assert [row.minor for row in rows(found=["3.14"]) if "molecule" in row.checks] == ["2.19"]


class TestEnvironment:
    """What a row is made of."""

    WANTED = (
        "# A comment\nansible==12.3.0\n-r requirements.txt\nmolecule\ncel-expr-python==0.1.3\nopenai  # why\nruff\n"
    )
    HELD = (
        "aiohttp==3.14.5\n    # via -r requirements-dev.in\nansible==12.3.0\nansible-core==2.19.14\n"
        "kubernetes==37.0.2\nresolvelib==1.2.0\n"
    )
    USERS = "# Why\nkubernetes>=24.2.0\nopenshift>=0.13.1\n"

    def test_tests_get_what_they_need_and_no_tool_of_developers(self) -> None:
        assert matrix.requirements(self.WANTED, "2.16.19", ["unit", "molecule"]) == [
            "ansible-core==2.16.19", "molecule", "cel-expr-python==0.1.3", "openai",
        ]  # fmt: skip

    def test_molecule_is_there_only_where_it_runs(self) -> None:
        assert "molecule" not in matrix.requirements(self.WANTED, "2.17.14", ["unit", "module"])

    def test_all_that_is_not_tried_is_as_developers_have_it(self) -> None:
        assert matrix.constraints(self.HELD, self.USERS, oldest=False) == ["aiohttp==3.14.5", "kubernetes==37.0.2"]

    def test_the_oldest_row_has_what_users_may_have_at_least(self) -> None:
        assert matrix.constraints(self.HELD, self.USERS, oldest=True) == ["aiohttp==3.14.5", "kubernetes==24.2.0"]

    def test_every_name_that_is_left_out_is_asked_for_somewhere(self) -> None:
        asked = (CHECKOUT / "requirements-dev.in").read_text(encoding="utf-8").lower()

        assert [name for name in matrix.DEVELOPERS_ONLY if not re.search(rf"^{name}\b", asked, re.MULTILINE)] == []


class TestTables:
    """What is told."""

    RESULTS = {  # noqa: RUF012
        "2.16": {"unit": Result(12, "", 1.4), "module": Result(3, "2 failed", 2.2), "molecule": Result(1, "", 3)},
        "2.18": {"unit": Result(12, "", 8)},
    }

    def test_the_table_says_what_passed_failed_and_did_not_run(self) -> None:
        assert matrix.table(rows(), self.RESULTS).splitlines()[2:] == [
            "| 2.16.19 | 3.12 | 5.4.0 | 12 passed | FAILED: 2 failed | 1 passed | 7 |",
            "| 2.17.14 | 3.12 | 6.6.0 | not run | not run | - | - |",
            "| 2.18.3 | 3.13 | 6.6.0 | 12 passed | not run | not run | 8 |",
            "| 2.19.0 | no Python 3.14 here | 6.6.0 | not run | not run | - | - |",
        ]

    def test_the_readme_claims_nothing_that_did_not_pass(self) -> None:
        assert matrix.support(rows(), self.RESULTS) == [
            "| ansible-core 2.16 | 2.16.19 with kubernetes.core 5.4.0 and the lower bounds of requirements.txt "
            "on Python 3.12 | unit tests, the chain in the sandbox, module tests FAILED |",
            "| ansible-core 2.17 | 2.17.14 with kubernetes.core 6.6.0 on Python 3.12 | not run |",
            "| ansible-core 2.18 | 2.18.3 with kubernetes.core 6.6.0 on Python 3.13 | unit tests |",
            "| ansible-core 2.19 | 2.19.0 with kubernetes.core 6.6.0 (Python 3.14) | not run |",
        ]

    def test_rows_of_the_readme_are_replaced_where_they_stand(self) -> None:
        readme = "| ansible-core | b |\n| ansible-core 2.1 | x |\n| ansible-core 2.2 | y |\n| kind | z |\n"

        assert matrix.with_support(readme, ["| ansible-core 2.3 |"]) == (
            "| ansible-core | b |\n| ansible-core 2.3 |\n| kind | z |\n"
        )
        with pytest.raises(ValueError, match=r"README\.md has no row"):
            matrix.with_support("# Title\n", [])

    def test_what_ansible_calls_deprecated_is_found_once(self) -> None:
        line = "[DEPRECATION WARNING]: Bare variables are out. This feature will be removed in 2.99.\n"

        told = f"[DEPRECATION WARNING]: {matrix.TOLD_TO_ALL} and will be\n"

        assert matrix.deprecations(f"ok\n{line}  {line}[WARNING]: other\n{told}") == [
            "Bare variables are out. This feature will be removed in 2.99."
        ]
        assert matrix.deprecations("deprecation warnings: none") == []


class TestReadme:
    """The support matrix of this checkout."""

    ROWS = re.findall(
        r"^\| ansible-core (2\.[0-9]+) \| (\S+) with kubernetes\.core (\S+) .* \| (.*) \|$",
        (CHECKOUT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )

    def test_it_names_every_minor_from_the_one_that_we_claim_on(self) -> None:
        claimed = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
        minors = [int(name.partition(".")[2]) for name, *_rest in self.ROWS]
        first = matrix.minor(matrix.lower_bound(claimed))

        assert f"2.{minors[0]}" == first
        assert minors == list(range(minors[0], minors[0] + len(minors)))

    def test_it_has_the_oldest_kubernetes_core_that_we_accept_and_a_result_of_each_row(self) -> None:
        needed = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"][
            "kubernetes.core"
        ]

        assert self.ROWS[0][2] == matrix.lower_bound(needed)
        assert [name for name, *_rest, ran in self.ROWS if not ran or "FAILED" in ran] == []

    def test_the_environment_of_developers_is_told_as_it_is(self) -> None:
        held = (CHECKOUT / "requirements-dev.txt").read_text(encoding="utf-8")
        (core,) = re.findall(r"^ansible-core==(\S+)$", held, re.MULTILINE)
        (told,) = re.findall(
            r"^\| The environment of `make` \| ansible-core (\S+) ",
            (CHECKOUT / "README.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )

        assert told == core
        assert matrix.minor(core) in [name for name, *_rest in self.ROWS]
