# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of keys: what stands in it, who may read it, and where it must not be."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils import sinks
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey
from ansible_collections.maas_billing.platform.plugins.module_utils.sinks import FileSink, SinkError

ALICE, BOB = ApiKey("alice", "laptop", "free"), ApiKey("bob", "default", "free")
VALUES = {BOB: "value-of-bob", ALICE: "value-of-alice"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keep(path: Path, values: dict[ApiKey, str]) -> str:
    """Do what the module does; return what it says."""
    sink = FileSink(str(path))
    sentence = sink.sentence(values)
    if sentence:
        sink.write(values)
    return sentence


def test_the_file_has_a_line_for_each_key_and_belongs_to_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        assert keep(path, VALUES) == f"the file {path} is made, with 2 keys"
    finally:
        os.umask(before)

    assert entries(path) == [
        {"user": "alice", "team": "free", "key": "laptop", "value": "value-of-alice"},
        {"user": "bob", "team": "free", "key": "default", "value": "value-of-bob"},
    ]
    assert path.stat().st_mode & 0o7777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_nothing_new_is_nothing_written(path: Path) -> None:
    keep(path, VALUES)
    before = path.stat()

    assert keep(path, VALUES) == ""
    assert path.stat() == before


def test_keys_come_and_go_and_with_the_last_one_the_file(path: Path) -> None:
    keep(path, VALUES)
    carol = ApiKey("carol", "default", "free")
    carols = {carol: "value-of-carol"}

    assert keep(path, {**carols, ALICE: VALUES[ALICE]}) == f"the file {path} gets 1 key and loses 1 key"
    assert [entry["user"] for entry in entries(path)] == ["alice", "carol"]
    assert keep(path, {}) == f"the file {path} is removed: there is no key left"
    assert not path.exists()
    assert keep(path, {}) == ""
    assert not path.exists()


def test_readers_see_the_old_file_or_the_new_one(path: Path) -> None:
    keep(path, {ALICE: VALUES[ALICE]})
    with path.open(encoding="utf-8") as open_before:
        keep(path, VALUES)
        assert len(open_before.readlines()) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o610])
def test_a_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    keep(path, VALUES)
    path.chmod(mode)
    with pytest.raises(SinkError, match=rf"has mode {mode:04o}, .*; allowed: 0600"):
        FileSink(str(path))


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_is_refused(path: Path, tmp_path: Path, dangling: bool) -> None:
    target = tmp_path / "elsewhere"
    if not dangling:
        keep(target, VALUES)
    path.symlink_to(target)
    with pytest.raises(SinkError, match="a link, which may lead anywhere"):
        FileSink(str(path))


@pytest.mark.parametrize(
    "content", ["my notes\n", '{"user": "alice"}\n', "[]\n", '["user", "team", "key", "value"]\n', b"\xff\n"]
)
def test_a_file_of_something_else_is_refused_and_left_alone(path: Path, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(SinkError, match="holds something else than API keys"):
        FileSink(str(path))
    assert path.read_bytes() == data


def test_an_empty_file_may_be_filled(path: Path) -> None:
    path.touch(mode=0o600)

    assert keep(path, VALUES) == f"the file {path} gets 2 keys and loses 0 keys"


def test_what_is_no_file_is_refused_without_waiting_for_it(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(SinkError, match="is not a file"):
        FileSink(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(SinkError, match="is not a file"):
        FileSink(str(path))


def test_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="make it first"):
        FileSink(str(tmp_path / "none" / "keys.jsonl"))
    with pytest.raises(SinkError, match="allowed: an absolute path"):
        FileSink("keys.jsonl")


def test_a_write_that_fails_leaves_the_old_file_and_tells_no_value(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path, {ALICE: VALUES[ALICE]})
    before = path.read_bytes()

    def fail(*_names: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sinks.os, "replace", fail)
    with pytest.raises(SinkError) as caught:
        keep(path, VALUES)
    assert str(caught.value) == f"The keys cannot be written to {path}: No space left on device."
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_keys_that_a_killed_run_was_about_to_write_go_with_the_next_write(path: Path, tmp_path: Path) -> None:
    (tmp_path / ".keys.jsonl.x1b2c3d4.new").write_text("value-of-alice", encoding="utf-8")
    (tmp_path / ".keys.jsonl.swp").write_text("of an editor", encoding="utf-8")
    keep(path, VALUES)

    assert sorted(file.name for file in tmp_path.iterdir()) == [".keys.jsonl.swp", "keys.jsonl"]


def test_a_git_work_tree_that_would_take_the_file_along_is_told(tmp_path: Path) -> None:
    top, path = tmp_path / "work", tmp_path / "work" / "sub" / "keys.jsonl"
    path.parent.mkdir(parents=True)
    assert FileSink(str(path)).warnings() == []
    subprocess.run(["git", "init", "--quiet", str(top)], check=True)

    (warning,) = FileSink(str(path)).warnings()
    assert f"in the git work tree {top}, which does not ignore it" in warning
    (top / ".gitignore").write_text("*.jsonl\n", encoding="utf-8")
    assert FileSink(str(path)).warnings() == []


def test_without_git_the_worse_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.jsonl\n", encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert len(FileSink(str(tmp_path / "keys.jsonl")).warnings()) == 1
