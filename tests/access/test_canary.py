# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No key is in anything that the playbooks say or leave behind. The end of all tests: the platform is removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sandbox.paths import Home
from tests.access.breaks import key_by_hand
from tests.access.deployment import Object, Site
from tests.access.playbooks import Playbooks
from tests.access.watching import Keys, Processes, given_away
from tests.sandboxes import delivered

FOREIGN = "f" * 48


Ran = tuple[Playbooks, set[str], set[str]]


@pytest.fixture(scope="module")
def everything_ran(site: Site, intent: Object, playbooks: Playbooks, values: Keys) -> Ran:
    """After `site`, check and diff by the tests before: `verify` as it says most, when it fails, and `remove`."""
    site.settled(intent)
    users = set(delivered(site.home).values())
    with key_by_hand(site, "mallory", "research", FOREIGN):
        verified = playbooks.run("verify", settings={"maas_junit_file": str(playbooks.junit)})
    assert verified.status == 2, verified.said[-3000:]
    assert "Not as the inventory says: comparison with the inventory" in verified.said
    assert _failures(playbooks) == ["comparison with the inventory"]
    removed = playbooks.run("remove", "--diff")
    assert removed.status == 0, removed.said[-3000:]
    return playbooks, users, {value for value in values.values if set(value) != {value[0]}}


def _failures(playbooks: Playbooks) -> list[str]:
    suites = ElementTree.parse(playbooks.junit).getroot()
    return [str(case.get("name")) for case in suites.iter("testcase") if case.find("failure") is not None]


def test_the_keys_looked_for_are_those_that_there_were(everything_ran: Ran) -> None:
    """Those of all users, and of the guests of every verification, are among them."""
    _playbooks, users, known = everything_ran
    assert len(users) == 4
    assert users < known
    assert len(known) > 20
    assert all(len(value) == 48 for value in known)


def test_what_is_given_away_is_found(everything_ran: Ran, tmp_path: Path) -> None:
    """Half a key in a file, and one on a command line."""
    _playbooks, users, known = everything_ran
    value = min(users)
    assert given_away(known, f"before {value[:24]}".encode())
    seen = Processes()
    with seen.watched():
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)", value], check=True)
    assert any(given_away(known, text) for text in seen.seen)


def test_no_key_is_in_what_was_written(everything_ran: Ran) -> None:
    """Output of -vvv, Ansible's log, its cache of facts, JUnit."""
    playbooks, _users, known = everything_ran
    written = {path.relative_to(playbooks.folder).as_posix(): path.read_bytes() for path in playbooks.files()}
    assert {"ansible.log", "verify.xml"} <= set(written)
    assert {name[3:] for name in written if name.endswith(".out")} == {"site.out", "verify.out", "remove.out"}
    # What was known of the host: the results of all tasks are there, those on keys among them.
    (cache,) = (name for name in written if name.startswith("facts/"))
    assert b"__kuadrant_keys_result" in written[cache]
    assert [name for name, text in written.items() if given_away(known, text)] == []


def test_no_key_is_in_what_modules_answered(everything_ran: Ran, module_home: Path) -> None:
    _playbooks, _users, known = everything_ran
    answers = [path for path in module_home.rglob("stdout") if path.is_file()]
    assert answers
    assert [path for path in answers if given_away(known, path.read_bytes())] == []


def test_no_key_is_in_the_logs_of_the_sandbox(everything_ran: Ran, home: Home) -> None:
    """Of the API server with its audit, the controllers, the gateway and the models."""
    _playbooks, _users, known = everything_ran
    logs = [path for path in home.logs.rglob("*") if path.is_file()]
    assert {"audit.log", "gateway.log", "kube-apiserver.log"} <= {path.name for path in logs}
    assert [path.name for path in logs if given_away(known, path.read_bytes())] == []


def test_no_key_is_in_a_list_of_processes(everything_ran: Ran) -> None:
    """Neither on a command line nor in an environment, while playbooks ran."""
    playbooks, _users, known = everything_ran
    assert playbooks.processes.ran("ansible-playbook", "maas_billing.platform.verify")
    assert playbooks.processes.ran("AnsiballZ_api_keys")
    giving_away = [text for text in playbooks.processes.seen if given_away(known, text)]
    assert [text.partition(b"\0")[0] for text in giving_away] == []


@pytest.mark.usefixtures("everything_ran")
def test_nothing_is_left_of_the_keys(site: Site) -> None:
    assert not site.keys_file.exists()
    names = [item["metadata"]["name"] for item in site.read("/api/v1/secrets")["items"]]
    assert [name for name in names if name.startswith(("maas-key", "by-hand"))] == []
