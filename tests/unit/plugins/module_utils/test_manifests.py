# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading manifests from files and from the web."""

from __future__ import annotations

import http.client
import urllib.error
from pathlib import Path

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import ManifestError
from ansible_collections.maas_billing.platform.plugins.module_utils.manifests import read_manifests

TWO = """
# The first.
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
---
apiVersion: v1
kind: Namespace
metadata: {name: b}
"""
LIST = """
kind: List
items:
  - {kind: Namespace, metadata: {name: c}}
  - {kind: Namespace, metadata: {name: d}}
"""


def nothing(_url: str) -> bytes:
    raise AssertionError("nothing was to be fetched")


def names(sources: list[str]) -> list[str]:
    return [obj["metadata"]["name"] for obj in read_manifests(sources, nothing)]


@pytest.fixture
def two(tmp_path: Path) -> str:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)
    return str(file)


def test_objects_come_in_the_order_of_files_and_documents(tmp_path: Path, two: str) -> None:
    listed = tmp_path / "list.yaml"
    listed.write_text(LIST)

    assert names([str(listed), two]) == ["c", "d", "a", "b"]


def test_a_path_below_the_home_folder_is_found(two: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(two).parent))

    assert names(["~/two.yaml"]) == ["a", "b"]


def test_an_address_is_fetched() -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return TWO.encode()

    assert len(read_manifests(["https://example.org/two.yaml"], fetch)) == 2
    assert fetched == ["https://example.org/two.yaml"]


@pytest.mark.parametrize("text", ["", "# nothing", "---\n---", "kind: List\nitems:", "kind: List"])
def test_a_file_with_nothing_in_it_holds_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text(text)

    assert names([str(file)]) == []


@pytest.mark.parametrize("text", ["just a text", "- a\n- b", "kind: List\nitems: {a: b, c: 7}\n---\n7"])
def test_a_file_that_holds_no_objects_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)

    with pytest.raises(ManifestError, match=r"wrong\.yaml does not hold Kubernetes objects\.$"):
        names([str(file)])


@pytest.mark.parametrize("content", [b"a: [", b"a: b: c", b"\x00", b"\xff\xfe\xfd", b"!!python/object:os.system {}"])
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.yaml"
    file.write_bytes(content)

    with pytest.raises(ManifestError, match=r"^The manifest .*broken\.yaml cannot be read: "):
        names([str(file)])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"nowhere\.yaml cannot be read: .*No such file"):
        names([str(tmp_path / "nowhere.yaml")])


@pytest.mark.parametrize(
    "failure",
    [
        urllib.error.URLError("no route to host"),
        TimeoutError("timed out"),
        http.client.IncompleteRead(b""),
        ValueError("unknown url type"),
    ],
)
def test_an_address_that_cannot_be_read_is_named(failure: Exception) -> None:
    def fetch(_url: str) -> bytes:
        raise failure

    with pytest.raises(ManifestError, match=r"^The manifest https://example\.org/a\.yaml cannot be read: "):
        read_manifests(["https://example.org/a.yaml"], fetch)
