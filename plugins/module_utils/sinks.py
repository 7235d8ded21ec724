# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file on the machine that runs the module, from which the operator takes the API keys."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Mapping

from .errors import MaasError
from .render.keys import ApiKey

_FIELDS = {"user", "team", "key", "value"}
_GIT_SECONDS = 10


class SinkError(MaasError):
    """Keys cannot be handed over where they were asked to be."""


def lines(values: Mapping[ApiKey, str]) -> list[str]:
    """Return the file's lines, sorted: one JSON object with user, team, key and value for each key."""
    return [
        json.dumps({"user": key.user, "team": key.team, "key": key.name, "value": values[key]}, ensure_ascii=False)
        for key in sorted(values)
    ]


class FileSink:
    """One file that holds exactly the keys that there are. It is checked before any key is made."""

    def __init__(self, path: str, variable: str = "sink_path") -> None:
        """Look at what is there.

        :param variable: what messages call the path.
        :raises SinkError: when the file, or what stands in its place, is no safe place for keys.
        """
        self.path = path
        self._variable = variable
        self._check_place()
        self._there = self._read()

    def sentence(self, values: Mapping[ApiKey, str]) -> str:
        """Say what a write would change; empty when the file is as it is to be."""
        wanted, there = set(lines(values)), set(self._there or [])
        if self._there is None and wanted:
            return f"the file {self.path} is made, with {_keys(len(wanted))}"
        if self._there is not None and not wanted:
            return f"the file {self.path} is removed: there is no key left"
        if (self._there or []) == lines(values):
            return ""
        return f"the file {self.path} gets {_keys(len(wanted - there))} and loses {_keys(len(there - wanted))}"

    def write(self, values: Mapping[ApiKey, str]) -> None:
        """Make the file hold exactly these keys, readable for its owner alone; readers see the old one or the new."""
        try:
            if values:
                _replace(self.path, "".join(f"{line}\n" for line in lines(values)))
            elif self._there is not None:
                os.unlink(self.path)
        except OSError as error:
            raise SinkError(f"The keys cannot be written to {self.path}: {error.strerror}.") from error

    def warnings(self) -> list[str]:
        """Say when git might take the file along."""
        top = _work_tree(os.path.realpath(os.path.dirname(self.path)))
        if not top or _git_ignores(self.path):
            return []
        return [
            f"{self.path} holds API keys and lies in the git work tree {top}, which does not ignore it. Add it to "
            f".gitignore, or choose another {self._variable}."
        ]

    def _check_place(self) -> None:
        if not os.path.isabs(self.path):
            raise SinkError(f"{self._variable}: {self.path} was given; allowed: an absolute path.")
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
            raise SinkError(f"{self._variable}: {folder} is no folder that can be written to; make it first.")

    def _read(self) -> list[str] | None:
        """Return the lines of the file as it is, or None where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = "a link, which may lead anywhere" if os.path.islink(self.path) else error.strerror
            raise SinkError(f"{self._variable}: {self.path} is not a file that can be used: {what}.") from error
        try:
            self._check_mode(os.fstat(descriptor))
            with open(descriptor, "rb", closefd=False) as file:
                found = file.read().decode(errors="replace").splitlines()
        finally:
            os.close(descriptor)
        if not all(_is_ours(line) for line in found):
            raise SinkError(f"{self._variable}: {self.path} holds something else than API keys; choose another path.")
        return found

    def _check_mode(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise SinkError(f"{self._variable}: {self.path} is not a file.")
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            raise SinkError(
                f"{self._variable}: {self.path} has mode {mode:04o}, so others may have read the keys in it; "
                "allowed: 0600. Delete it, or take the rights away with chmod 600."
            )


def _replace(path: str, text: str) -> None:
    folder, prefix, suffix = os.path.dirname(path), f".{os.path.basename(path)}.", ".new"
    # A run that was killed before it handed over its keys has left them there, and the next one has them to write.
    for left in os.listdir(folder):
        if left.startswith(prefix) and left.endswith(suffix):
            os.unlink(os.path.join(folder, left))
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:  # mkstemp makes it with mode 0600
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _is_ours(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and set(entry) == _FIELDS


def _work_tree(folder: str) -> str:
    """Return the top of the git work tree that the folder lies in, or an empty string."""
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return ""
        folder = parent
    return folder


def _git_ignores(path: str) -> bool:
    """Ask git; what it cannot tell is taken for no."""
    folder, name = os.path.split(path)
    try:
        done = subprocess.run(
            ["git", "-C", folder, "check-ignore", "--quiet", "--", name],
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"
