# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module and filter is documented wholly: what it takes, what it returns, and examples that are true."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = "ansible_collections.maas_billing.platform.plugins"
NAME = "maas_billing.platform"
MODULES = sorted(file.stem for file in (ROOT / "plugins/modules").glob("[!_]*.py"))
FILTERS = sorted(
    name
    for file in (ROOT / "plugins/filter").glob("[!_]*.py")
    for name in importlib.import_module(f"{PLUGINS}.filter.{file.stem}").FilterModule().filters()
)
WORK = ROOT / "build/tests"
EXPECTED = re.compile(r"^ *# => (.*)$", re.MULTILINE)

Doc = dict[str, Any]


def run(program: str, *arguments: str) -> str:
    """Run a program of Ansible that finds this checkout, and return what it says."""
    WORK.mkdir(parents=True, exist_ok=True)
    settings = WORK / "ansible.cfg"
    settings.touch()
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"),
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def documented(kind: str) -> dict[str, Doc]:
    """Return what ansible-doc finds out about our plugins of a kind, by their short names."""
    names = [f"{NAME}.{name}" for name in {"module": MODULES, "filter": FILTERS}[kind]]
    found: dict[str, Doc] = json.loads(run("ansible-doc", "--type", kind, "--json", *names))
    return {name.rpartition(".")[2]: found[name] for name in names}


def own_options(name: str) -> Doc:
    options: Doc = importlib.import_module(f"{PLUGINS}.modules.{name}").OPTIONS
    return options


class TestModules:
    """What each module says of itself."""

    @pytest.mark.parametrize("name", MODULES)
    def test_options_are_those_that_the_module_takes(self, name: str) -> None:
        options = documented("module")[name]["doc"]["options"]

        assert set(options) == set(own_options(name)) | set(AUTH_ARG_SPEC)
        assert list(differences(options, own_options(name))) == []

    @pytest.mark.parametrize("name", MODULES)
    def test_every_option_is_described(self, name: str) -> None:
        options = documented("module")[name]["doc"]["options"]

        assert [option for option in own_options(name) if not options[option].get("description")] == []

    @pytest.mark.parametrize("name", MODULES)
    def test_it_says_how_it_behaves_in_check_mode_and_diff_mode_and_when_run_again(self, name: str) -> None:
        attributes = documented("module")[name]["doc"]["attributes"]

        assert set(attributes) == {"check_mode", "diff_mode", "idempotent", "action_group"}
        assert all(
            item["support"] in ("full", "partial", "none") and item["description"] for item in attributes.values()
        )
        assert attributes["check_mode"]["support"] == "full"

    @pytest.mark.parametrize("name", MODULES)
    def test_examples_are_named_tasks_with_options_that_the_module_accepts(self, name: str) -> None:
        tasks = yaml.safe_load(documented("module")[name]["examples"])
        validator = ArgumentSpecValidator({**AUTH_ARG_SPEC, **own_options(name)})
        shown = [task[f"{NAME}.{name}"] for task in tasks if f"{NAME}.{name}" in task]

        assert shown
        assert all(task["name"][0].isupper() for task in tasks)
        assert [message for options in shown for message in validator.validate(options).error_messages] == []

    @pytest.mark.parametrize("name", MODULES)
    def test_everything_it_returns_is_described_with_a_sample(self, name: str) -> None:
        values = documented("module")[name]["return"]

        assert values
        assert list(undescribed(values)) == []
        assert [value for value in values if not values[value].get("returned")] == []

    def test_all_share_the_action_group_that_carries_the_connection(self) -> None:
        groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["maas"]
        names = [item for item in groups if isinstance(item, str)]

        assert sorted(names) == MODULES


class TestFilters:
    """What each filter says of itself, and whether it is true."""

    @pytest.mark.parametrize("name", FILTERS)
    def test_it_says_what_it_takes_and_gives(self, name: str) -> None:
        found = documented("filter")[name]

        assert found["doc"]["short_description"]
        assert "_input" in found["doc"]["options"]
        assert all(option["description"] and option["type"] for option in found["doc"]["options"].values())
        assert list(undescribed(found["return"])) == []

    @pytest.mark.parametrize("name", FILTERS)
    def test_its_examples_give_what_they_say(self, name: str) -> None:
        said = EXPECTED.findall(documented("filter")[name]["examples"])

        assert said
        assert [str(result) for result in example_results()[name]] == said

    def test_there_is_no_documentation_of_filters_that_are_not_there(self) -> None:
        assert sorted(file.stem for file in (ROOT / "plugins/filter").glob("*.yml")) == FILTERS


@cache
def example_results() -> dict[str, list[Any]]:
    """Run the examples of all filters in one playbook and return their results."""
    messages = {
        name: [task["ansible.builtin.debug"]["msg"] for task in yaml.safe_load(found["examples"])]
        for name, found in documented("filter").items()
    }
    results, playbook = WORK / "filter-results.json", WORK / "filter-examples.yml"
    keep = {"content": "{{ found | to_json }}", "dest": str(results), "mode": "0600"}
    task = {"name": "Keep the results", "ansible.builtin.copy": keep, "vars": {"found": messages}}
    play = {"name": "Examples", "hosts": "localhost", "gather_facts": False, "tasks": [task]}
    playbook.write_text(yaml.safe_dump([play]))
    results.unlink(missing_ok=True)
    run("ansible-playbook", "--connection", "local", str(playbook))
    found: dict[str, list[Any]] = json.loads(results.read_text())
    return found


def differences(options: Doc, spec: Doc, path: str = "") -> Iterator[str]:
    """Yield where documented options are not what the argument spec says."""
    for name, given in spec.items():
        told, here = options.get(name, {}), f"{path}{name}"
        for field, absent in (
            ("type", "str"),
            ("default", None),
            ("required", False),
            ("choices", None),
            ("elements", None),
        ):
            if told.get(field, absent) != given.get(field, absent):
                yield f"{here}.{field}: documented {told.get(field)!r}, taken {given.get(field)!r}"
        if set(told.get("suboptions", {})) != set(given.get("options", {})):
            yield f"{here}: other suboptions"
        yield from differences(told.get("suboptions", {}), given.get("options", {}), f"{here}.")


def undescribed(values: Doc, path: str = "") -> Iterator[str]:
    """Yield the paths of return values without description or type, and of those without a sample in them or above."""
    for name, value in values.items():
        here = f"{path}{name}"
        if not value.get("description") or not value.get("type"):
            yield here
        if value.get("contains"):
            yield from undescribed(value["contains"], f"{here}.")
        elif "sample" not in value:
            yield f"{here}: no sample"
