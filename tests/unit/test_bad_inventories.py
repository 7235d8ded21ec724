# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventories with a mistake: refused before any change, told by its variable, its value and what is allowed.

The cases are in ``bad_inventories``. They go through what a playbook goes through, and some through a playbook.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import IntentError
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.settings import ROLES, SETTINGS
from ansible_collections.maas_billing.platform.plugins.modules.platform_info import check

Variables = dict[str, Any]

BEGINNINGS = tuple(f"- {role}_" for role in ("maas", *ROLES))
ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/maas"


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


SPECS: Variables = load(ROLE / "meta/argument_specs.yml")["argument_specs"]
PLATFORM: Variables = load(ROLE / "vars/main.yml")["maas_platform"]
CHECKED: list[str] = load(ROLE / "vars/main.yml")["__maas_settings"]
DEFAULTS: Variables = {
    name: value for file in (ROLE / "defaults/main").glob("*.yml") for name, value in load(file).items()
}
RIGHT: Variables = {
    **DEFAULTS,
    "maas_simulator_image": DEFAULTS["maas_versions"]["simulator"]["image"],
    "maas_patience": DEFAULTS["maas_wait_timeout"],
    "maas_models": [{"name": "tiny", "server": "simulator", "allow_unmetered_streams": True}],
    "maas_tiers": [{"name": "free", "tokens": [{"limit": 10_000, "window": "1m"}]}],
    "maas_teams": [{"name": "students", "tier": "free"}],
    "maas_users": [{"name": "ann", "team": "students"}],
}
OF_ROLES: Variables = {
    name: value for role in ROLES for name, value in load(ROOT / f"roles/{role}/defaults/main.yml").items()
}
LISTED: list[Variables] = [
    case for file in sorted(Path(__file__).parent.glob("bad_inventories/*.yaml")) for case in load(file)
]
CASES = {case["name"]: case for case in LISTED}


def spec_errors(point: str, variables: Variables) -> list[str]:
    """Return what Ansible says to the variables of an entry point before any of its tasks."""
    spec = SPECS[point]["options"]
    given = {name: value for name, value in variables.items() if name in spec}
    messages: list[str] = ArgumentSpecValidator(spec).validate(given).error_messages
    return messages


def refusal(variables: Variables) -> list[str]:
    """Return the lines by which the first task of a playbook refuses the variables of a host; none if it does not."""
    errors = spec_errors("survey", variables)
    if errors:
        return errors
    intent = {name: variables[f"maas_{name}"] for name in PLATFORM}
    of_roles = {name: inherited(value, variables) for name, value in OF_ROLES.items()}
    given = {name: value for name, value in {**of_roles, **variables}.items() if name in CHECKED}
    params = {"intent": intent, "variables": list(variables), "settings": given, "purpose": "install"}
    try:
        # A module gets its arguments as JSON.
        check(json.loads(json.dumps(params, default=str)))
    except IntentError as error:
        first, *lines = str(error).splitlines()
        assert first.endswith("cannot be used. Nothing was changed.")
        assert all(line.startswith(BEGINNINGS) and "; allowed: " in line for line in lines)
        return [line.removeprefix("- ") for line in lines]
    return []


def inherited(value: Any, variables: Variables) -> Any:
    """Return a default of a role as Ansible resolves it where it is a shared setting."""
    found = re.fullmatch(r"\{\{ (maas_[a-z_]+) \}\}", str(value))
    return variables.get(found.group(1)) if found else value


def test_every_variable_of_a_role_is_checked_before_the_first_role_begins() -> None:
    computed = {"prerequisites_gateway_api_manifest", *(name for name in OF_ROLES if name.endswith("_platform"))}
    own = OF_ROLES.keys() - computed

    assert own == set(SETTINGS)
    assert set(CHECKED) - own == {name for name in CHECKED if name in DEFAULTS}


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    assert len(LISTED) == len(CASES) >= 60


def test_an_inventory_without_a_mistake_is_not_refused() -> None:
    assert refusal(RIGHT) == []
    assert spec_errors("main", RIGHT) == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_by_its_variable_its_value_and_what_is_allowed(case: Variables) -> None:
    lines = refusal({**RIGHT, **case["given"]})

    assert len(lines) == case.get("lines", 1), lines
    assert [line for line in lines if all(text in line for text in case["told"])], lines
    assert len(str(lines)) < 5_000


def test_a_version_without_quotes_is_told_before_it_becomes_another() -> None:
    versions = {**DEFAULTS["maas_versions"], "istiod": {**DEFAULTS["maas_versions"]["istiod"], "version": 1.30}}

    (line,) = refusal({**RIGHT, "maas_versions": versions})
    assert line.startswith("maas_versions.istiod.version: 1.3 (a fraction) was given; allowed: a whole version")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_role_by_itself_ends_neither_in_an_exception(case: Variables) -> None:
    """Its dependency checks all settings by the argument specs, with which Ansible may be content."""
    errors = spec_errors("main", {**RIGHT, **case["given"]})

    assert all(isinstance(error, str) for error in errors)


# What is given, and what stands in the message; a template stands there because of `!unsafe`.
WRONG: dict[str, tuple[Variables, str]] = {
    "domain": ({"maas_domain": "10.0.0.1"}, "- maas_domain: '10.0.0.1' was given; allowed: a lower-case DNS name"),
    "models": ({"maas_models": None}, "- maas_models: None (nothing) was given; allowed: a list of at most 1000"),
    "setting": ({"maas_domian": "x"}, "- maas_domian: there is no such setting (did you mean maas_domain?)"),
    "limit": (
        {"maas_tiers": [{"name": "free", "tokens": [{"limit": "5", "window": "1m"}]}]},
        "- maas_tiers[0].tokens[0].limit: '5' was given; allowed: a whole number from 1 to 1000000000000, without",
    ),
    "template": (
        {"maas_models": [{"name": {"__ansible_unsafe": "{{ x }}"}, "server": "simulator"}]},
        "- maas_models[0].name: '{{ x }}' was given; allowed: lower-case letters",
    ),
    "versions": ({"maas_versions": {}}, "- maas_versions.kuadrant_operator: is missing; allowed: a mapping with"),
    "patience": (
        {"maas_wait_timeout": -1},
        "- maas_wait_timeout: -1 (a number) was given; allowed: a whole number from 1 to 86400",
    ),
    "role": ({"kserve_namespace": "Bad_Name"}, "- kserve_namespace: 'Bad_Name' was given; allowed: lower-case"),
    "misspelt": ({"kuadrant_adpot": True}, "- kuadrant_adpot: there is no such setting (did you mean kuadrant_adopt?)"),
    "waiting": ({"maas_wait_timeout": "soon"}, "argument 'maas_wait_timeout' is of type"),
    "sink": ({"maas_keys_sink": "vault"}, "value of maas_keys_sink must be one of: none, file, secret, got: vault"),
    "option": ({"maas_connection": {"host": "h", "tokne": "x"}}, "maas_connection.tokne. Supported parameters"),
    "connection": ({"maas_connection": "t0ken"}, "maas_connection: text was given; allowed: a mapping such as"),
}


class TestPlaybooks:
    """Several clusters, each with another mistake, in one run of each playbook."""

    @pytest.mark.parametrize(
        ("playbook", "hosts"),
        [("site", list(WRONG)), ("verify", ["limit", "sink", "role"]), ("remove", ["limit", "sink", "role"])],
    )
    def test_they_end_with_the_message_before_they_talk_to_the_cluster(
        self, playbook: str, hosts: list[str], tmp_path: Path
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            done = run(playbook, tmp_path, port, {name: WRONG[name][0] for name in hosts})
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.accept()
        said = done.stdout + done.stderr
        assert done.returncode == 2, said
        failures = fatal(done.stdout)
        assert set(failures) == set(hosts), said
        for name in hosts:
            assert WRONG[name][1] in failures[name], failures[name]
        assert "Traceback" not in said
        assert "t0ken" not in said
        assert len(re.findall(r" changed=0 .* failed=1 ", done.stdout)) == len(hosts)

    def test_without_a_mistake_they_would_have_talked_to_it(self, tmp_path: Path, closed_port: int) -> None:
        failures = fatal(run("site", tmp_path, closed_port, {"right": {}}).stdout)

        assert f"The API server https://127.0.0.1:{closed_port} cannot be reached" in failures["right"]


def run(playbook: str, folder: Path, port: int, hosts: dict[str, Variables]) -> subprocess.CompletedProcess[str]:
    """Run a playbook for hosts with these variables, whose clusters are all at a port of this machine."""
    kubeconfig = {
        "contexts": [{"name": name, "context": {"cluster": "it", "user": "it"}} for name in hosts],
        "clusters": [{"name": "it", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "it", "user": {"token": "none"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig), encoding="utf-8")
    shared = {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "maas_connection": {"kubeconfig": str(folder / "kubeconfig"), "context": "{{ inventory_hostname }}"},
    }
    inventory = {"maas_clusters": {"hosts": hosts, "vars": shared}}
    text = re.sub(r'\{"__ansible_unsafe": ("[^"]*")\}', r"!unsafe \1", json.dumps(inventory))
    (folder / "hosts.yml").write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "K8S_AUTH_"))}
    ours = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"), "ANSIBLE_NOCOLOR": "true"}
    program = Path(sys.executable).with_name("ansible-playbook")
    return subprocess.run(
        [program, f"maas_billing.platform.{playbook}", "-i", folder / "hosts.yml", "--forks", "4"],
        env={**environment, **ours, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def fatal(output: str) -> dict[str, str]:
    """Return the one message with which each host failed."""
    found = re.findall(r"^fatal: \[(\w+)\]: FAILED! => (\{.*\})$", output, re.MULTILINE)
    failures = {host: json.loads(answer)["msg"] for host, answer in found}
    assert len(failures) == len(found)
    return failures
