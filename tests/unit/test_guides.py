# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guides: what they quote is what the code says, and what a reader is told to do is read as it is meant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.walk.reading import Command, Edit, edited, is_shown, steps

ROOT = Path(__file__).resolve().parents[2]
TROUBLESHOOTING = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
# Stands for what is put into a message when it is printed.
_VALUE = "\0"


def python_texts(tree: ast.AST) -> Iterator[str]:
    """Yield every text in Python code, with values in it marked; texts that are added are one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield "".join(_text(side) for side in _added(node))
        elif isinstance(node, (ast.JoinedStr, ast.Constant)):
            yield _text(node)


def _added(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _added(node.left)
        yield from _added(node.right)
    else:
        yield node


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else _VALUE


def yaml_texts(value: Any) -> Iterator[str]:
    """Yield every text in YAML, with the expressions of templates marked and their own texts too."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from yaml_texts(item)
    elif isinstance(value, str):
        plain = " ".join(value.split())
        yield re.sub(r"\{\{.*?\}\}", _VALUE, plain)
        yield from re.findall(r"'([^']*)'", plain)
        # Messages that a template begins.
        yield from re.findall(r"\['([^']*)'\]", plain)


@cache
def messages() -> list[str]:
    """Return all texts that modules, filters, roles and playbooks hold."""
    found: list[str] = []
    for file in sorted((ROOT / "plugins").rglob("*.py")):
        found += python_texts(ast.parse(file.read_text(encoding="utf-8")))
    for folder in ("roles", "playbooks"):
        for file in sorted((ROOT / folder).rglob("*.yml")):
            found += yaml_texts(yaml.safe_load(file.read_text(encoding="utf-8")))
    return found


def is_said(quote: str) -> bool:
    """Say whether some text of the code holds a quote, in which … stands for values."""
    parts = [re.escape(part.strip()) for part in quote.split("…") if part.strip()]
    pattern = re.compile(".*?".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in messages())


def quotes() -> list[str]:
    """Return what the guide on troubleshooting says that is printed: its blocks, and the first column of its tables."""
    blocks = re.findall(r"^```text\n(.*?)^```$", TROUBLESHOOTING, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"^\| `([^`]+)` \|", TROUBLESHOOTING, re.MULTILINE)


def parts_of(quote: str) -> list[str]:
    """Return the texts that a quote is put together from when it is printed."""
    action = re.fullmatch(r"would be (\w+): (.+)", quote)
    status = re.fullmatch(r"answered (\d+) instead of (\d+)", quote)
    if action:
        return ["would be …: …", action.group(1), action.group(2)]
    return ["answered … instead of …"] if status else [quote]


@pytest.mark.parametrize("quote", quotes())
def test_a_message_that_is_explained_is_in_the_code(quote: str) -> None:
    assert [part for part in parts_of(quote) if not is_said(part)] == []


def test_a_message_that_nobody_says_is_noticed() -> None:
    assert is_said("No cluster was named.")
    assert not is_said("No cluster was ever named.")
    assert not is_said("The kubeconfig … was eaten")


def test_every_guide_is_listed_with_the_guides() -> None:
    listed = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert [file.name for file in (ROOT / "docs").glob("*.md") if f"({file.name})" not in listed] == ["README.md"]


GUIDE = """\
## First

```shell
one   # a comment
two \\
  more
for n in 1 2; do
  echo $n
done
```

```yaml
# some/file.yml
things:
  # ... those that are there
  - c
```

## Second

```console
$ show \\
    this
This is it
and ...
$ quiet
```

```yaml
an: example
```
"""


def test_a_reader_types_commands_and_writes_files() -> None:
    assert steps(GUIDE, "guide.md") == [
        Command("guide.md:4", "First", "one   # a comment"),
        Command("guide.md:4", "First", "two \\\n  more"),
        Command("guide.md:4", "First", "for n in 1 2; do\n  echo $n\ndone"),
        Edit("guide.md:13", "First", "some/file.yml", "things:\n  # ... those that are there\n  - c\n"),
        Command("guide.md:22", "Second", "show \\\n    this", ["This is it", "and ..."]),
        Command("guide.md:22", "Second", "quiet"),
    ]


def test_what_is_added_to_a_file_comes_last_in_its_list() -> None:
    before = "things:\n  # Few.\n  - a\n  - b\n\nothers:\n  - x\n"
    after = edited(before, "things:\n  # ... those that are there\n  - c\n\nnew:\n  - y\n")
    assert after == "things:\n  # Few.\n  - a\n  - b\n  - c\n\nothers:\n  - x\nnew:\n  - y\n"


@pytest.mark.parametrize(
    ("shows", "printed", "same"),
    [
        ([], "anything\n", True),
        (["a  b"], '  "a b"\n\n', True),
        (["a"], "a\nb\n", False),
        (["a", "..."], "a\nb\nc\n", True),
        (["...", "c"], "a\nb\nc\n", True),
        (["...", "b"], "a\nb\nc\n", False),
        (["ok=... changed=0"], "ok=12   changed=0\n", True),
        (["ok=... changed=0"], "ok=12   changed=1\n", False),
    ],
)
def test_what_a_guide_shows_is_compared_with_what_was_printed(shows: list[str], printed: str, same: bool) -> None:
    assert is_shown(shows, printed) is same
