# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the documentation as HTML: python -m tools.docs, then open build/docs/html/index.html.

The guides are the Markdown files of ``docs``, as a site that hosts code shows them too. The reference is made by
antsibull-docs from the specs of roles, modules and filters. Nothing is fetched, and a warning is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "maas_billing.platform"
BUILD = CHECKOUT / "build" / "docs"
# What antsibull-docs reads of a collection.
_DOCUMENTED = ("galaxy.yml", "meta", "plugins", "roles")
# Pages besides those of `docs`, and what the site calls them.
_FIRST_PAGE = "index.md"
# Those that come first, in this order; all others follow.
_GUIDES = ["quickstart", "concepts", "your-cluster", "tiers-and-keys"]
_KINDS = ("role", "module", "filter")
_MORE_PAGES = {"CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_OUTSIDE = re.compile(r"[a-z]+:")
_VARIABLE = re.compile(r"\{\{ (maas_\w+) \}\}")
# How to install what is read already, and a table of contents that the theme has at the side.
_NOTE = re.compile(r"^\.\. Collection note\n.*?^\.\. contents::\n(?: +[^\n]*\n)*", re.MULTILINE | re.DOTALL)
_ENTRY_POINT = re.compile(r"^(?=\.\. _[\w.]+__entrypoint-\w+:$)", re.MULTILINE)
_TITLE = re.compile(rf"^{re.escape(NAME)}\.(\w+) (\w+) -- (.*)$", re.MULTILINE)
# Pages that antsibull-docs makes for sites of many collections.
_OVERVIEWS = ("index.rst", "environment_variables.rst")
_LINT = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "dependent",
         "--disallow-unknown-collection-refs"]  # fmt: skip
_WRITE = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error",
          "--no-add-antsibull-docs-version"]  # fmt: skip

Spec = dict[str, Any]


class Title(NamedTuple):
    """A page of the reference: the name and kind (role, module or filter) of what it describes, and that in words."""

    name: str
    kind: str
    said: str

    @property
    def page(self) -> str:
        """The page, without suffix."""
        return f"reference/{self.name}_{self.kind}"


class DocsError(Exception):
    """The documentation cannot be built; the text says why."""


def pages() -> dict[str, str]:
    """Return the pages written by hand: the page of the site by the file of the checkout."""
    guides = {f"docs/{file.name}": file.name for file in sorted((CHECKOUT / "docs").glob("*.md"))}
    return {**guides, "docs/README.md": _FIRST_PAGE, **_MORE_PAGES}


def for_site(text: str, file: str) -> str:
    """Return a page with its links as the site needs them: files that are no pages of it are named, not linked.

    :param file: path in the checkout, to which links are relative.
    :raises DocsError: for a link that leads nowhere.
    """

    def link(found: re.Match[str]) -> str:
        title, target, anchor = found.group(1), found.group(2), found.group(3) or ""
        if not target or _OUTSIDE.match(target):
            return found.group(0)
        path = os.path.normpath(os.path.join(os.path.dirname(file), target))
        page = site_page(path, file)
        # The first page stands for the README, which has other headings.
        anchor = "" if path == "README.md" else anchor
        return f"[{title}](/{page}{anchor})" if page else title

    return _LINK.sub(link, text)


def site_page(path: str, linked_from: str) -> str:
    """Return the page that the site has for a file of the checkout; empty where it has none."""
    if not (CHECKOUT / path).exists():
        raise DocsError(f"{linked_from} links to {path}, which is not there.")
    role = re.fullmatch(r"roles/(\w+)(/README\.md)?", path)
    if role:
        return f"reference/{role.group(1)}_role.rst"
    return {**pages(), "README.md": _FIRST_PAGE}.get(path, "")


def documented(specs: Spec) -> Spec:
    """Return the argument specs of a role in the form that antsibull-docs takes.

    It wants a description of every entry point, and a value of the option's type as default; where ours is the value of
    another variable, the description says so. What several entry points take is told once, with the main one.
    """
    entries = specs["argument_specs"]
    common = entries["main"].get("options", {})
    found: Spec = {}
    for name, entry in entries.items():
        given = entry.get("options", {})
        own = {key: option for key, option in given.items() if name == "main" or common.get(key) != option}
        lines = [f"{entry['short_description']}."] + (["Takes the variables of C(main)."] if given != own else [])
        told = {key: _told(option) for key, option in own.items()}
        found[name] = {**entry, "description": entry.get("description", lines), "options": told}
    return {"argument_specs": found}


def _told(option: Spec) -> Spec:
    below = {name: _told(each) for name, each in option["options"].items()} if "options" in option else None
    told = {**option, **({"options": below} if below else {})}
    variable = _VARIABLE.fullmatch(str(option.get("default", "")))
    if not variable:
        return told
    del told["default"]
    given = option["description"]
    lines = [given] if isinstance(given, str) else given
    return {**told, "description": [*lines, f"The value of C({variable.group(1)}) if not given."]}


def tidied(page: str) -> str:
    """Return a page of antsibull-docs as this site needs it: nothing twice, and the main entry point first."""
    begin, *entries = _ENTRY_POINT.split(_NOTE.sub("", page))
    last = entries.pop() if entries else ""
    last, separator, end = last.partition(".. Extra links")
    ordered = sorted([*entries, last], key=lambda text: "__entrypoint-main:" not in text)
    return begin + "".join(ordered) + separator + end


def overview(titles: list[Title]) -> str:
    """Return the page that lists the reference."""
    text = "# Roles, modules and filters\n"
    for kind in _KINDS:
        rows = [f"| [{each.name}](/{each.page}.rst) | {each.said} |" for each in titles if each.kind == kind]
        text += "\n".join([f"\n## {kind.capitalize()}s\n", "| Name | What it does |", "|---|---|", *rows, ""])
    return text


def contents(guides: list[str], titles: list[Title]) -> str:
    """Return what the first page says to Sphinx about all others; nobody sees it there, it is shown at the side."""
    parts = {"Guides": guides, "Reference": ["reference"]}
    for kind in _KINDS:
        parts[f"{kind.capitalize()}s"] = [f"{each.name} </{each.page}>" for each in titles if each.kind == kind]
    parts["Project"] = [page.removesuffix(".md") for page in _MORE_PAGES.values()]
    return "".join(
        "\n".join(["", "```{toctree}", ":hidden:", f":caption: {name}", "", *entries, "```", ""])
        for name, entries in parts.items()
    )


def _copy_collection(collections: Path) -> Path:
    """Copy what is documented of the collection, and return where it is."""
    copy = collections / "ansible_collections" / NAME.replace(".", "/")
    copy.mkdir(parents=True)
    for name in _DOCUMENTED:
        source = CHECKOUT / name
        take = shutil.copytree if source.is_dir() else shutil.copy2
        take(source, copy / name)
    for file in copy.glob("roles/*/meta/argument_specs.yml"):
        specs = documented(yaml.safe_load(file.read_text(encoding="utf-8")))
        file.write_text(yaml.safe_dump(specs, sort_keys=False, width=1000), encoding="utf-8")
    return copy


def _write_pages(source: Path, titles: list[Title]) -> None:
    for file, page in pages().items():
        text = for_site((CHECKOUT / file).read_text(encoding="utf-8"), file)
        (source / page).write_text(text, encoding="utf-8")
    # It is no page of the site, but its links have to lead somewhere too.
    for_site((CHECKOUT / "README.md").read_text(encoding="utf-8"), "README.md")
    (source / "reference.md").write_text(overview(titles), encoding="utf-8")
    others = {Path(page).stem for file, page in pages().items() if file.startswith("docs/")} - {*_GUIDES, "index"}
    with (source / _FIRST_PAGE).open("a", encoding="utf-8") as first:
        first.write(contents([*_GUIDES, *sorted(others)], titles))


def _tidy(reference: Path) -> list[Title]:
    """Make the pages of antsibull-docs those of this site, and return their titles."""
    for name in _OVERVIEWS:
        (reference / name).unlink()
    titles = []
    for page in sorted(reference.glob("*.rst")):
        text = page.read_text(encoding="utf-8")
        titles += [Title(*words) for words in _TITLE.findall(text)]
        page.write_text(tidied(text), encoding="utf-8")
    return titles


def _run(command: list[str], **environment: str) -> None:
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [str(program), *command[1:]], env={**os.environ, **environment}, text=True, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode or "ERROR" in said:
        raise DocsError(f"`{' '.join(command)}` is not content:\n{said}")


def build() -> Path:
    """Build everything anew and return the first page.

    :raises DocsError: when a link leads nowhere, or a tool has something to say.
    """
    shutil.rmtree(BUILD, ignore_errors=True)
    source, html, collections = BUILD / "source", BUILD / "html", BUILD / "collections"
    (source / "reference").mkdir(parents=True)
    collection = _copy_collection(collections)
    found = {"ANSIBLE_COLLECTIONS_PATH": str(collections)}
    _run([*_LINT, str(collection)], **found)
    _run([*_WRITE, "--dest-dir", str(source / "reference"), NAME], **found)
    _write_pages(source, _tidy(source / "reference"))
    _run(["sphinx-build", "-q", "-W", "--keep-going", "-c", str(CHECKOUT / "tools/docsite"), str(source), str(html)])
    return html / "index.html"


def main() -> int:
    """Build the documentation; 1 and what is wrong where it cannot be built."""
    try:
        print(f"The documentation is in {build()}")
    except DocsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
