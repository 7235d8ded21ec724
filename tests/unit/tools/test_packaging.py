# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that describe the collection agree with each other and with what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[3]


def load(name: str) -> Any:
    """Read a YAML file of the checkout."""
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def requirements(name: str) -> list[str]:
    """The lines of a requirements file that ask for a package."""
    lines = (line.partition("#")[0].strip() for line in (CHECKOUT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def test_every_module_takes_the_connection_of_the_action_group() -> None:
    group = load("meta/runtime.yml")["action_groups"]["maas"]
    modules = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
    assert {entry for entry in group if isinstance(entry, str)} == modules
    assert {"metadata": {"extend_group": ["kubernetes.core.k8s"]}} in group


def test_the_collection_needs_the_same_kubernetes_core_everywhere() -> None:
    wanted = {entry["name"]: entry["version"] for entry in load("requirements.yml")["collections"]}
    assert wanted == load("galaxy.yml")["dependencies"]


def test_users_get_lower_bounds() -> None:
    lines = requirements("requirements.txt")
    assert [line.partition(">=")[0] for line in lines] == ["kubernetes", "openshift", "jmespath"]
    assert all(re.fullmatch(r"[a-z]+>=[0-9.]+", line) for line in lines)


def test_an_execution_environment_gets_what_users_get() -> None:
    assert load("meta/execution-environment.yml")["dependencies"] == {"python": "requirements.txt"}


def verbs_of(target: str) -> list[str]:
    """The verbs that a target of the Makefile runs in lanes."""
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    (lanes,) = re.findall(rf"^{target}:.*\n(?:\t.*\n)*?\t.*tools\.lanes (.*)", makefile, re.MULTILINE)
    return re.findall(r"[a-z]+", lanes)


def test_every_check_runs_in_the_workflow_of_each_change_and_in_make_test() -> None:
    verbs = load(".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]["verb"]

    assert sorted(verbs) == sorted(verbs_of("test"))


def test_what_takes_longer_has_a_verb_too_and_runs_once() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    longer = verbs_of("test-all")

    assert {"versions", "benchmark"} <= set(longer) <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert not set(longer) & set(verbs_of("test"))
    assert len(longer) == len(set(longer))


def test_what_takes_longer_runs_by_schedule() -> None:
    workflows = {name: load(f".github/workflows/{name}.yml") for name in ("longer", "versions")}
    verbs = workflows["longer"]["jobs"]["check"]["strategy"]["matrix"]["verb"]

    assert sorted([*verbs, "versions"]) == sorted(verbs_of("test-all"))
    assert all({"schedule", "workflow_dispatch"} <= set(workflow["on"]) for workflow in workflows.values())


def test_only_the_step_that_publishes_sees_the_key_of_galaxy() -> None:
    workflow = load(".github/workflows/release.yml")
    steps = workflow["jobs"]["publish"]["steps"]
    seen = [step["name"] for step in steps if "secrets." in str(step)]
    (asking,) = (step for step in steps if step.get("id") == "key")

    assert str(workflow).count("secrets.") == 2
    assert seen == [asking["name"], "Publish it to Galaxy"]
    # It learns whether there is a key, and not which.
    assert asking["env"] == {"GIVEN": "${{ secrets.GALAXY_API_KEY != '' }}"}
    assert workflow["jobs"]["publish"]["permissions"] == {}


def test_what_may_write_or_sees_the_key_runs_no_code_that_can_move() -> None:
    jobs = load(".github/workflows/release.yml")["jobs"]
    used = {name: [step["uses"] for step in jobs[name]["steps"] if "uses" in step] for name in ("keep", "publish")}

    assert load(".github/workflows/release.yml")["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs.items() if "write" in str(job.get("permissions"))] == ["keep"]
    for uses in used.values():
        assert [action for action in uses if not re.fullmatch(r"actions/download-artifact@[0-9a-f]{40}", action)] == []
    assert "make " not in str([jobs["keep"], jobs["publish"]])


def test_the_workflow_of_versions_runs_the_rows_that_are_computed() -> None:
    jobs = load(".github/workflows/versions.yml")["jobs"]
    (step,) = (step for step in jobs["list"]["steps"] if step.get("id") == "rows")
    last = jobs["versions"]["steps"][-1]["run"]
    (needed,) = re.findall(r"fromJSON\(needs\.list\.outputs\.(\w+)\)", jobs["versions"]["strategy"]["matrix"]["row"])

    assert "tools.versions --list-json" in step["run"]
    assert f'"{needed}=' in step["run"]
    assert jobs["list"]["outputs"] == {needed: f"${{{{ steps.rows.outputs.{needed} }}}}"}
    assert last == 'make versions ONLY="${{ matrix.row.core }}"'


def test_what_is_checked_before_a_commit_is_checked_by_lint() -> None:
    (local,) = load(".pre-commit-config.yaml")["repos"]
    (recipe,) = re.findall(
        r"^lint:.*\n((?:\t.*\n)+)", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )

    for hook in local["hooks"]:
        assert hook["entry"].replace(".venv/bin/", "") in recipe.replace("@", "")


def test_developers_get_exact_versions_and_nothing_else() -> None:
    lines = requirements("requirements-dev.txt")
    assert len(lines) > 50
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
