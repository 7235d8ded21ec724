# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role says that it takes is what it has: argument specs, defaults and entry points agree."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.limiter import Limiter
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.models import Model
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.platform import Platform, read_platform
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.schema import (
    Choice,
    ListOf,
    Optionally,
    Record,
)
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.tenants import Team, User
from ansible_collections.maas_billing.platform.plugins.module_utils.intent.tiers import Tier

ROLES_FOLDER = Path(__file__).resolve().parents[2] / "roles"
ROLES = sorted(folder.name for folder in ROLES_FOLDER.iterdir() if (folder / "tasks").is_dir())
# The one role that others stand on: it shares settings and has entry points of other names.
SHARED = "maas"
INSTALLING = [role for role in ROLES if role != SHARED]
TYPES = {"str": str, "int": int, "bool": bool, "dict": dict, "list": list, "float": float}

Spec = dict[str, Any]


def load(file: Path) -> Spec:
    found: Spec = yaml.safe_load(file.read_text()) or {}
    return found


def defaults(role: str) -> Spec:
    """Return the defaults of a role, from one file or from a folder of them."""
    folder = ROLES_FOLDER / role / "defaults"
    files = sorted([*folder.glob("main.yml"), *folder.glob("main/*.yml")])
    found: Spec = {}
    for file in files:
        here = load(file)
        assert not set(here) & set(found), f"{file} repeats {set(here) & set(found)}"
        found.update(here)
    return found


def entry_points(role: str) -> Spec:
    found: Spec = load(ROLES_FOLDER / role / "meta/argument_specs.yml")["argument_specs"]
    return found


def options(role: str, *names: str) -> Spec:
    """Return the options of the named entry points together, or of all."""
    points = entry_points(role)
    return {name: option for point in names or points for name, option in points[point].get("options", {}).items()}


def test_there_are_roles() -> None:
    assert {SHARED, "gateway", "kserve", "kuadrant", "prerequisites", "simulator"} <= set(ROLES)


@pytest.mark.parametrize("role", INSTALLING)
@pytest.mark.parametrize("point", ["main", "verify", "remove"])
def test_every_entry_point_takes_exactly_the_defaults_of_its_role(role: str, point: str) -> None:
    told = {name: option.get("default") for name, option in options(role, point).items()}

    assert told == defaults(role)


def test_the_shared_role_takes_exactly_its_defaults_over_all_its_entry_points() -> None:
    told = {name: option.get("default") for name, option in options(SHARED).items()}

    assert told == defaults(SHARED)


def test_what_all_roles_share_is_told_by_the_main_entry_point() -> None:
    folder = ROLES_FOLDER / SHARED / "defaults/main"

    assert set(options(SHARED, "main")) == set(load(folder / "platform.yml")) | set(load(folder / "versions.yml"))


@pytest.mark.parametrize("role", ROLES)
def test_galaxy_is_told_what_the_specs_and_the_collection_say(role: str) -> None:
    told = load(ROLES_FOLDER / role / "meta/main.yml")["galaxy_info"]

    assert told["description"] == entry_points(role)["main"]["short_description"]
    assert load(ROLES_FOLDER.parent / "meta/runtime.yml")["requires_ansible"] == f">={told['min_ansible_version']}.0"
    assert [told["license"]] == load(ROLES_FOLDER.parent / "galaxy.yml")["license"]


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_has_a_file_and_says_what_it_does(role: str) -> None:
    for name, point in entry_points(role).items():
        assert (ROLES_FOLDER / role / "tasks" / f"{name}.yml").is_file()
        assert point["short_description"]


@pytest.mark.parametrize("role", INSTALLING)
def test_an_installing_role_can_be_verified_and_removed_and_no_more(role: str) -> None:
    # What of somebody else cannot be used is told before other roles begin; access is verified when the models are
    # there, after them; keys are made and withdrawn every day, by accounts that may do nothing else.
    further = ["keys", "preflight", "verify_access"] if role == "kuadrant" else []

    assert sorted(entry_points(role)) == sorted(["main", "verify", "remove", *further])


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_described_and_has_the_type_of_its_default(role: str) -> None:
    for name, option in options(role).items():
        default = option.get("default")
        computed = isinstance(default, str) and "{{" in default
        assert option["description"], name
        assert computed or default is None or type(default) is TYPES[option["type"]], name
        assert default is None or computed or default in option.get("choices", [default]), name
        assert not option.get("required"), f"{name} is required and has a default all the same"


@pytest.mark.parametrize("role", ROLES)
def test_every_setting_is_named_after_its_role(role: str) -> None:
    assert [name for name in defaults(role) if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", INSTALLING)
def test_shared_settings_are_read_in_the_defaults_alone(role: str) -> None:
    settings = set(load(ROLES_FOLDER / SHARED / "defaults/main/platform.yml"))
    files = [file for folder in ("tasks", "vars") for file in (ROLES_FOLDER / role / folder).glob("**/*.yml")]

    assert [(file.name, name) for file in files for name in settings if name in _read_by(file)] == []


def _read_by(file: Path) -> str:
    """Return a file without the words of its messages, which may tell a user what to change."""

    def expressions(message: re.Match[str]) -> str:
        return " ".join(re.findall(r"\{\{.*?\}\}", message[0], re.DOTALL))

    return re.sub(r"fail_msg: >-\n(?:\s+.*\n)+?(?=\s+quiet:)", expressions, file.read_text())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_uses_shared_settings_brings_them_along(role: str) -> None:
    needed = [item["role"] for item in load(ROLES_FOLDER / role / "meta/main.yml")["dependencies"]]

    assert needed == ([] if role == SHARED else ["maas_billing.platform.maas"])


class TestIntent:
    """The shared settings are the intent: the same names, defaults and choices in the role and in the code."""

    def test_every_field_of_the_platform_is_set_from_the_variable_of_its_name(self) -> None:
        platform = load(ROLES_FOLDER / SHARED / "vars/main.yml")["maas_platform"]

        assert platform == {field.name: f"{{{{ maas_{field.name} }}}}" for field in dataclasses.fields(Platform)}

    def test_defaults_and_choices_of_the_platform_are_those_of_the_code(self) -> None:
        taken = options(SHARED, "main")
        for field in dataclasses.fields(Platform):
            told = taken[f"maas_{field.name}"]
            assert told.get("choices", []) == choices(field), field.name
            if field.name not in ("domain", "limiter", "models", "simulator_image", "tiers", "versions"):
                assert told.get("default") == default(field), field.name

    def test_what_a_model_may_say_is_what_the_code_reads(self) -> None:
        assert_same(options(SHARED, "main")["maas_models"]["options"], Model)

    @pytest.mark.parametrize(("variable", "cls"), [("maas_tiers", Tier), ("maas_teams", Team), ("maas_users", User)])
    def test_what_says_who_may_do_what_is_what_the_code_reads(self, variable: str, cls: type[Any]) -> None:
        assert_same(options(SHARED, "main")[variable]["options"], cls)

    def test_the_tiers_that_are_given_are_such_as_the_code_reads(self) -> None:
        given = options(SHARED, "main")["maas_tiers"]["default"]
        tiers = read_platform({"domain": "maas.local", "tiers": given}).tiers

        assert [(tier.name, str(tier.requests[0]), str(tier.tokens[0])) for tier in tiers] == [
            ("free", "5 in 2m per user", "10000 in 1m per user"),
            ("premium", "20 in 2m per user", "50000 in 1m per user"),
            ("enterprise", "100 in 2m per user", "200000 in 1m per user"),
        ]

    def test_the_versions_that_are_given_are_such_as_the_code_reads(self) -> None:
        given = options(SHARED, "main")["maas_versions"]["default"]

        read = read_platform({"domain": "maas.local", "versions": given})

        assert read.kuadrant_version == Platform("maas.local").kuadrant_version

    def test_what_the_limiter_may_say_is_what_the_code_reads(self) -> None:
        assert_same(options(SHARED, "main")["maas_limiter"]["options"], Limiter)


def choices(field: dataclasses.Field[Any]) -> list[str]:
    rule = field.metadata["rule"]
    return list(rule.choices) if isinstance(rule, Choice) else []


def default(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a field as a role would say it."""
    return list(field.default) if isinstance(field.default, tuple) else field.default


def assert_same(told: Spec, cls: type[Any]) -> None:
    """The suboptions of a spec are the fields of a dataclass, all the way down."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    assert set(told) == set(fields)
    for name, field in fields.items():
        rule, option = field.metadata["rule"], told[name]
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        assert option["description"], name
        assert option.get("choices", []) == choices(field), name
        assert option.get("required", False) is needed, name
        inner = rule.rule if isinstance(rule, Optionally) else rule
        inner = inner.rule if isinstance(inner, ListOf) else inner
        if isinstance(inner, Record):
            assert_same(option["options"], inner.cls)
        elif not needed:
            assert option.get("default") == default(field), name
