# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the values of keys go when they are asked for, and that they get out nowhere else."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.maas_billing.platform.plugins.module_utils.applyset import PART_OF_LABEL, Parent
from ansible_collections.maas_billing.platform.plugins.module_utils.render.identity import KEY_LABEL
from ansible_collections.maas_billing.platform.plugins.module_utils.render.keys import ApiKey
from ansible_collections.maas_billing.platform.plugins.modules import api_keys, api_keys_info
from tests.module.cluster import Cluster, content
from tests.module.conftest import Space
from tests.module.keys import ALICE, BOB, MOVED, Keys, Users, assert_hidden

Object = dict[str, Any]


@pytest.fixture
def keys(space: Space) -> Keys:
    return Keys(space)


# -- Sinks -------------------------------------------------------------------------------------------------------------


def test_the_file_holds_what_the_cluster_holds(keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    sink = {"sink": "file", "sink_path": str(path)}
    assert keys.make([ALICE, BOB], check=True, **sink)["effects"][-1] == f"the file {path} is made, with 2 keys"
    assert not path.exists()
    answers = [keys.make([ALICE, BOB], diff=True, **sink)]
    assert _delivered(path) == keys.values()
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.stat().st_mtime_ns
    assert keys.make([ALICE, BOB], **sink)["changed"] is False
    assert path.stat().st_mtime_ns == written

    answers += [keys.make([MOVED], check=check, diff=True, **sink) for check in (True, False)]
    assert answers[1]["effects"] == answers[2]["effects"]
    assert answers[2]["effects"][-1] == f"the file {path} gets 1 key and loses 2 keys"
    assert _delivered(path) == keys.values()
    assert_hidden(answers, keys.values().values())
    keys.remove(check=True, **sink)
    assert path.exists()
    keys.remove(**sink)
    assert not path.exists()


def test_a_lost_file_is_made_again_with_the_same_values(keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    keys.make([ALICE])
    answer = keys.make([ALICE], sink="file", sink_path=str(path))
    assert answer["effects"] == [f"the file {path} is made, with 1 key"]
    assert answer["changed"] is True
    assert _delivered(path) == keys.values()


def test_a_file_that_cannot_be_used_is_said_before_a_key_is_made(keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.touch(mode=0o644)
    path.chmod(0o644)
    assert "has mode 0644" in keys.refused([ALICE], sink="file", sink_path=str(path))
    assert keys.values() == {}


def test_a_file_in_a_git_work_tree_is_warned_of(keys: Keys, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    answer = keys.make([ALICE], sink="file", sink_path=str(tmp_path / "keys.jsonl"))
    assert "which does not ignore it" in str(answer["warnings"])


def test_each_user_gets_a_secret_with_its_own_keys(keys: Keys, cluster: Cluster) -> None:
    sink = {"sink": "secret", "sink_namespace": keys.space.sets}
    both = {**ALICE, "keys": ["laptop", "phone"]}
    keys.make([both, BOB], **sink)
    values = keys.values()
    assert _handed_over(keys) == {
        "alice": {name: values[ApiKey("alice", name, "free-team").secret_name] for name in ("laptop", "phone")},
        "bob": {"default": values[ApiKey("bob", "default", "free-team").secret_name]},
    }
    assert keys.make([both, BOB], **sink)["changed"] is False
    answer = keys.make([MOVED], **sink)
    assert _handed_over(keys) == {"alice": {"laptop": keys.values()[keys.like(MOVED)["metadata"]["name"]]}}
    assert_hidden(answer, values.values())
    assert keys.make([MOVED])["changed"] is True
    assert _handed_over(keys) == {}


def test_removal_takes_what_was_handed_over_along(keys: Keys) -> None:
    keys.make([ALICE], sink="secret", sink_namespace=keys.space.sets)
    assert keys.remove(check=True)["changed"] is True
    assert len(_handed_over(keys)) == 1
    assert keys.remove()["changed"] is True
    assert (_handed_over(keys), keys.values()) == ({}, {})
    assert keys.remove()["changed"] is False


def test_a_namespace_that_is_not_there_is_said_before_a_key_is_made(keys: Keys) -> None:
    missing = keys.space.name("none")
    message = keys.refused([ALICE], sink="secret", sink_namespace=missing)
    assert message == f"sink_namespace: there is no namespace {missing}. Nothing was changed. Make it first."
    assert keys.values() == {}
    assert keys.make([ALICE], check=True, sink="secret", sink_namespace=missing)["changed"] is True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sink": "file"}, "sink is file but all of the following are missing: sink_path"),
        ({"sink": "secret"}, "sink is secret but all of the following are missing: sink_namespace"),
        ({"sink": "file", "sink_path": "keys.jsonl"}, "allowed: an absolute path."),
        ({"intent": {"domain": "maas.local", "users": [{"name": "a b", "team": "x"}]}}, "maas_users[0].name: "),
    ],
)
def test_wrong_input_is_refused_in_words(keys: Keys, given: Object, said: str) -> None:
    assert said in keys.refused([ALICE], **given)
    assert keys.values() == {}


def test_without_an_intent_nothing_is_done(keys: Keys) -> None:
    answer = keys.space.modules.run("api_keys", {"namespace": keys.space.sets})
    assert answer["msg"] == "state is present but all of the following are missing: intent"


def _delivered(path: Path) -> dict[str, str]:
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {ApiKey(entry["user"], entry["key"], entry["team"]).secret_name: entry["value"] for entry in entries}


def _handed_over(keys: Keys) -> dict[str, dict[str, str]]:
    set_id = Parent("api-keys-sink", keys.space.sets).set_id
    found = keys.space.cluster.list("v1", "Secret", keys.space.sets, f"{PART_OF_LABEL}={set_id}")
    return {
        obj["metadata"]["annotations"]["maas-billing.platform/user"]: {
            name: base64.b64decode(text).decode() for name, text in obj["data"].items()
        }
        for obj in found
    }


# -- Canary ------------------------------------------------------------------------------------------------------------


def test_no_value_is_in_anything_that_ansible_says_or_logs(keys: Keys, tmp_path: Path) -> None:
    """``-vvv --diff`` and no ``no_log``, results shown, facts and logs kept; and what is listed, moved and removed."""
    path = tmp_path / "sink" / "keys.jsonl"
    path.parent.mkdir()
    seen: set[str] = set()
    for users, options in (([ALICE, BOB], ["--check"]), ([ALICE, BOB], []), ([MOVED, BOB], []), ([MOVED], [])):
        said = _play(keys, tmp_path, _tasks(keys, users, path), *options)
        seen |= set(keys.values().values())
        assert "module_args" in said
        assert_hidden(said, seen)
    assert len(seen) == 2
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and file != path]
    names = [file.name for file in kept]
    assert "ansible.log" in names
    assert any(name.endswith("localhost") for name in names), "facts were kept"
    assert any(name.startswith("AnsiballZ_api_keys") for name in names), "what was sent to the host was kept"
    for file in kept:
        assert_hidden(file.read_text(encoding="utf-8", errors="replace"), seen)


def test_the_examples_run_as_they_stand(keys: Keys, tmp_path: Path) -> None:
    examples = [task for module in (api_keys, api_keys_info) for task in yaml.safe_load(module.EXAMPLES)]
    place = {"api_version": "v1", "kind": "Namespace", "name": "kuadrant-system"}
    before = {"name": "Bring a place for keys", "kubernetes.core.k8s": place}
    after = {"name": "Take it away", "kubernetes.core.k8s": {**place, "state": "absent", "wait": True}}
    assert "failed=0" in _play(keys, tmp_path, [before, *examples])
    assert keys.space.cluster.list("v1", "Secret", "kuadrant-system", f"{KEY_LABEL}=true") == []
    _play(keys, tmp_path, [after])


def _tasks(keys: Keys, users: Users, path: Path) -> list[Object]:
    """Make keys, list them, and keep and show all that is known of them."""
    task = keys.arguments(users, sink="file", sink_path=str(path))
    listing = {"kuadrant_namespace": keys.place, "namespace": keys.space.sets}
    return [
        {"name": "Make", "maas_billing.platform.api_keys": task, "register": "made"},
        {"name": "List", "maas_billing.platform.api_keys_info": listing, "register": "found"},
        {"name": "Keep", "ansible.builtin.set_fact": {"kept": "{{ [made, found] }}", "cacheable": True}},
        {"name": "Show", "ansible.builtin.debug": {"var": "kept"}},
    ]


def _play(keys: Keys, folder: Path, tasks: list[Object], *options: str) -> str:
    """Run tasks in a play that shows and keeps all it knows, and return what it said."""
    kept = {
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
        "ANSIBLE_KEEP_REMOTE_FILES": "true",
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
    }
    done = keys.space.modules.play(folder, tasks, "-vvv", "--diff", *options, **kept)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_no_process_and_no_request_shows_a_value_in_its_name(keys: Keys, cluster: Cluster) -> None:
    users = [{"name": f"user-{number}", "team": "research"} for number in range(100)]
    shown = []
    with cluster.counted() as requests:
        run = keys.start(users, sink="secret", sink_namespace=keys.space.sets)
        while run.is_alive():
            shown += _command_lines()
            time.sleep(0.05)
        answer = run.answer()
    values = keys.values().values()
    assert len(values) == 100
    assert_hidden([answer, shown, [request.uri for request in requests]], values)


def _command_lines() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended
            found.append(file.read_bytes().decode(errors="replace"))
    return found


def test_nothing_differs_after_a_second_run(keys: Keys) -> None:
    keys.make([ALICE, BOB])
    before = [content(obj) for obj in keys.secrets()]
    keys.make([ALICE, BOB])
    assert [content(obj) for obj in keys.secrets()] == before
