# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure code stays pure, heavy libraries are loaded late, and the oldest Python is remembered."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PACKAGE = "ansible_collections.maas_billing.platform.plugins"
SOURCES = sorted(PLUGINS.rglob("*.py"))
# The edges; everything else beside them is pure.
EDGES = {"births", "cluster", "manifests", "module", "places", "probe", "removal", "report", "sinks", "survey"}
PURE = [file for file in SOURCES if file.match("module_utils/*.py") or file.match("module_utils/*/*.py")]
PURE = [file for file in PURE if not {file.stem, file.parent.name} & EDGES]
# No I/O, no clock, no network, no cluster, no Ansible.
IMPURE = {"ansible", "kubernetes", "urllib3", "requests", "socket", "time", "os", "subprocess", "pathlib", "threading"}
HEAVY = {"kubernetes", "urllib3", "jmespath", "yaml"}


def place(file: Path) -> str:
    return str(file.relative_to(PLUGINS))


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the first part of the name of every module that is imported by its whole name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("file", PURE, ids=place)
def test_pure_code_has_no_way_to_the_outside(file: Path) -> None:
    assert set(imports(ast.parse(file.read_text()))) & IMPURE == set()


@pytest.mark.parametrize("file", PURE, ids=place)
def test_pure_code_builds_on_nothing_that_is_not(file: Path) -> None:
    relative = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom) and node.level
    ]
    needed = {str(node.module).rpartition(".")[2] for node in relative}

    assert needed <= {pure.stem for pure in PURE}


def test_reading_an_inventory_and_planning_loads_no_heavy_library() -> None:
    modules = ", ".join(
        f"{PACKAGE}.module_utils.{name}" for name in ("plan", "render.catalogue", "cluster.sets", "probe")
    )
    code = f"import sys, {modules}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    root = PLUGINS.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root / "build/collections", capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


@pytest.mark.parametrize("file", SOURCES, ids=place)
def test_the_grammar_is_that_of_python_3_9(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 9))
    matches = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Match)]

    assert matches == []
    assert [call.lineno for call in ast.walk(tree) if isinstance(call, ast.Call) and _is_newer_than_3_9(call)] == []


def _is_newer_than_3_9(call: ast.Call) -> bool:
    keywords = {keyword.arg for keyword in call.keywords}
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    return (called == "zip" and "strict" in keywords) or (
        called == "dataclass" and bool(keywords & {"slots", "kw_only"})
    )


@pytest.mark.parametrize("file", SOURCES, ids=place)
def test_types_are_joined_by_a_bar_only_in_annotations(file: Path) -> None:
    tree = ast.parse(file.read_text())
    outside = [line for node in tree.body if isinstance(node, ast.Assign) for line in _bars(node.value)]

    assert outside == []
    assert not file.read_text().strip() or "from __future__ import annotations" in file.read_text() or not tree.body


def _bars(value: ast.expr) -> list[int]:
    """Return the lines of alternatives that Python 3.9 would have to compute: ``str | None``."""
    found = [node for node in ast.walk(value) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)]
    return [node.lineno for node in found if isinstance(node.right, ast.Constant) and node.right.value is None]
