# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader of a guide does: commands to type, with what they should print, and files to write. Pure."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"^# ([\w./-]+\.ya?ml)$")
_KEY = re.compile(r"^(\w+):")


@dataclass(frozen=True)
class Command:
    """One command as printed, and the lines of its output that the guide shows."""

    where: str
    heading: str
    text: str
    shows: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Edit:
    """A file to write, or lists of it to make longer."""

    where: str
    heading: str
    file: str
    text: str


Step = Command | Edit


def steps(text: str, name: str) -> list[Step]:
    """Return what a guide tells its reader to do, in the printed order.

    Code blocks of the languages shell and console hold commands. One of yaml is a file where its first line names it.
    """
    found: list[Step] = []
    for language, number, heading, lines in _blocks(text):
        where = f"{name}:{number}"
        if language == "shell":
            found += [Command(where, heading, command) for command in split(lines)]
        elif language == "console":
            found += _of_console(lines, where, heading)
        elif language == "yaml" and (file := _FILE.match(lines[0])):
            found.append(Edit(where, heading, file.group(1), "\n".join(lines[1:]) + "\n"))
    return found


def _blocks(text: str) -> Iterator[tuple[str, int, str, list[str]]]:
    """Yield language, line number, last heading of the second level, and lines of each code block."""
    heading, language, block, begin = "", None, [], 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if language is None and fence:
            language, block, begin = fence.group(1), [], number + 1
        elif fence:
            yield str(language), begin, heading, block
            language = None
        elif language is not None:
            block.append(line)
        elif line.startswith("## "):
            heading = line[3:]


def split(lines: Iterable[str]) -> list[str]:
    """Return the commands that lines of shell hold; one may take several lines."""
    commands: list[str] = []
    unfinished = ""
    for line in lines:
        unfinished += f"{line}\n"
        if line.strip() and _is_complete(unfinished):
            commands.append(unfinished.rstrip("\n"))
            unfinished = ""
    return commands + ([unfinished.rstrip("\n")] if unfinished.strip() else [])


def _is_complete(text: str) -> bool:
    if text.endswith("\\\n"):
        return False
    return subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False).returncode == 0


def _of_console(lines: list[str], where: str, heading: str) -> list[Step]:
    """Return the commands of a console, each from its ``$`` on, with what follows it as output."""
    found: list[Step] = []
    for line in lines:
        last = found[-1] if found else None
        if line.startswith("$ "):
            found.append(Command(where, heading, line[2:]))
        elif isinstance(last, Command) and not last.shows and not _is_complete(f"{last.text}\n"):
            found[-1] = Command(where, heading, f"{last.text}\n{line}")
        elif isinstance(last, Command):
            last.shows.append(line)
    return found


def is_shown(shows: Iterable[str], printed: str) -> bool:
    """Say whether a guide shows what was printed, where it shows anything.

    Blanks, quotes and empty lines do not count. ``...`` stands for any words, and on a line of its own for any lines.
    """
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else f"{_pattern(line)}\n" for line in shows)
    lines = "".join(f"{plain}\n" for line in printed.splitlines() if (plain := _plain(line)))
    return not pattern or re.fullmatch(pattern, lines) is not None


def _pattern(line: str) -> str:
    return ".*".join(re.escape(_plain(part)) for part in line.split("..."))


def _plain(line: str) -> str:
    return " ".join(line.replace('"', "").split())


def edited(before: str, addition: str) -> str:
    """Return a YAML file with the entries of an addition at the end of its lists of the same names.

    Comments that stand for what is there are left out; a list that is not there comes last.
    """
    text = before
    for name, entries in _lists(addition):
        found = re.search(rf"^{name}:.*\n(?:[ #].*\n)*", text, re.MULTILINE)
        at = found.end() if found else len(text)
        text = text[:at] + ("" if found else f"{name}:\n") + entries + text[at:]
    return text


def _lists(addition: str) -> Iterator[tuple[str, str]]:
    name, entries = "", ""
    for line in addition.splitlines():
        if _KEY.match(line):
            if name:
                yield name, entries
            name, entries = line.split(":")[0], ""
        elif line.strip() and "# ..." not in line:
            entries += f"{line}\n"
    if name:
        yield name, entries
