# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens around `ansible-test sanity`: settings of pip, checks that did not run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import sanity


def test_pip_settings_say_how_to_reach_the_index_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://file.example/simple\ncert = /file.pem\nno-color = true\n", encoding="utf-8"
    )
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower() == "https_proxy"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment.example/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    settings = sanity.pip_settings()
    assert settings["index-url"] == "https://environment.example/simple"
    assert settings["cert"] == "/file.pem"
    assert settings["proxy"] == "http://proxy.example:3128"
    assert "no-color" not in settings


def test_the_home_of_ansible_test_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    home = sanity.home()
    assert home == tmp_path / "maas-sanity"
    assert (home / ".config" / "pip" / "pip.conf").stat().st_mode & 0o077 == 0
    compile((home / ".ansible/test/cache/get_pip_24_2.py").read_text(encoding="utf-8"), "get_pip", "exec")


@pytest.mark.parametrize(
    ("says", "status", "message"),
    [
        ("Running sanity test", 1, "found the faults"),
        ("WARNING: All targets skipped.", 0, "All targets skipped"),
        ('Skipping sanity test "import" on Python 3.11', 0, 'test "import"'),
    ],
)
def test_what_was_not_checked_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, status: int, message: str
) -> None:
    stub = tmp_path / "ansible-test"
    stub.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n", encoding="utf-8")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(sanity.PackagingError, match=message):
        sanity.sanity(tmp_path, [])
