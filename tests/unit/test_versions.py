# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing floats: what is installed, built or run has a version of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.intent.rules import IMAGE

ROOT = Path(__file__).resolve().parents[2]
VERSIONS: dict[str, dict[str, str]] = yaml.safe_load((ROOT / "roles/maas/defaults/main/versions.yml").read_text())[
    "maas_versions"
]
TEXTS = {".yml", ".yaml", ".py", ".sh", ".txt", ".in", ".j2", ".toml", ".cfg", ".mod", ".json", ".md", ".tpl"}
# Tests have to name what is refused.
EXCEPT = ("tests/", "LICENSE", "build/", "changelogs/", ".git/", ".venv/", ".ansible/")

FLOATING = {
    "an image or package": re.compile(r"[\w/]:(latest|main|master|stable|edge)\b(?![-.\w])"),
    "an address": re.compile(r"https?://\S*/(latest|main|master|HEAD)/"),
    "a Go module": re.compile(r"@(latest|main|master|upgrade)\b"),
    "a setting": re.compile(
        r"^\s*-?\s*\w*(version|tag|ref|revision|image_tag|chart_version|targetRevision)\w*:\s*"
        r"['\"]?(latest|main|master|HEAD|stable|\*)['\"]?\s*(#.*)?$"
    ),
}


def tracked() -> list[Path]:
    """Return the text files of the project, whether they are committed yet or not."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listing.stdout.splitlines() or [str(file.relative_to(ROOT)) for file in ROOT.rglob("*")]
    files = [ROOT / name for name in names if not name.startswith(EXCEPT)]
    return [file for file in files if file.is_file() and (file.suffix in TEXTS or file.name == "Makefile")]


def floating(text: str) -> list[str]:
    """Return what floats in a text, line by line."""
    return [
        f"line {number}: {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FLOATING.items()
        if pattern.search(line)
    ]


def test_nothing_in_the_project_floats() -> None:
    files = tracked()
    found = {str(file.relative_to(ROOT)): floating(file.read_text(errors="replace")) for file in files}

    assert len(files) > 50
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "image: registry.example/team/name:latest",
        "  version: latest",
        "chart_version: '*'",
        "  - ref: main  # for now",
        "go install sigs.k8s.io/kwok/cmd/kwok@latest",
        "uses: actions/checkout@main",
        "url: https://raw.example/team/name/main/install.yaml",
        "url: https://example/releases/latest/download/crds.yaml",
    ],
)
def test_what_floats_is_found(line: str) -> None:
    assert floating(line)


@pytest.mark.parametrize(
    "line",
    [
        "image: registry.example/team/name:v1.0",
        "image: registry.example/team/name:latest-1.2",
        "ansible.builtin.include_tasks: main.yml",
        "entry point: main",
        "version: 1.29.6",
        "revision: default",
        "https://example.org/docs/main.html",
        "if __name__ == '__main__':",
    ],
)
def test_what_stands_still_is_not(line: str) -> None:
    assert floating(line) == []


@pytest.mark.parametrize("name", VERSIONS)
def test_everything_that_is_installed_has_one_exact_version(name: str) -> None:
    assert re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+", VERSIONS[name]["version"])


@pytest.mark.parametrize("name", VERSIONS)
def test_everything_that_is_installed_comes_from_one_known_place(name: str) -> None:
    origin = {field for field in VERSIONS[name] if field != "version"}

    assert origin in ({"manifest"}, {"chart", "repository"}, {"image"})


@pytest.mark.parametrize("name", [name for name, item in VERSIONS.items() if "chart" not in item])
def test_addresses_and_images_hold_the_version_that_is_told(name: str) -> None:
    item = VERSIONS[name]
    address = item.get("manifest") or item["image"]

    assert item["version"] in address
    assert address.startswith("https://") if "manifest" in item else IMAGE.accepts(address)


def test_parts_of_one_product_have_one_version() -> None:
    assert VERSIONS["istio_base"]["version"] == VERSIONS["istiod"]["version"]
    assert VERSIONS["kserve_crd"]["version"] == VERSIONS["kserve"]["version"]


def test_development_requirements_are_pinned_exactly() -> None:
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.lstrip().startswith(("#", "--hash"))]

    assert packages
    assert [line for line in packages if not re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+( ?;.*)?( \\)?$", line)] == []


def test_the_collection_itself_has_an_exact_version() -> None:
    galaxy: dict[str, Any] = yaml.safe_load((ROOT / "galaxy.yml").read_text())

    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", galaxy["version"])
