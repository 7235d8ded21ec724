# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity` on the collection as users get it: built, and installed from the tarball.

`ansible-test` wants a real `ansible_collections/<namespace>/<name>` folder, which must not lie in a git checkout that
ignores it: then it would check nothing and call that a success. It makes a virtual environment for each of its checks;
they are kept in a cache of the user, so that only the first run downloads them.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.tarball import PackagingError, build, run

# The settings of pip that say how to reach a package index.
REACH = {
    "cert", "client-cert", "default-timeout", "extra-index-url", "find-links", "index-url", "no-index", "proxy",
    "timeout", "trusted-host",
}  # fmt: skip

PIP = "24.2"  # what ansible-core 2.19 asks for

# ansible-test fetches this script from a host of its own when it is not in its cache. Python brings a pip along, which
# then installs the version that is asked for from the package index, like everything else.
GET_PIP = '''\
"""Installs pip into an empty virtual environment; stands in for get-pip.py, with its options."""

import os
import subprocess
import sys

# A process of its own: ensurepip would leave the rest of this one without the settings of pip.
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
os.execv(sys.executable, [sys.executable, "-m", "pip", "install", "--quiet", *wanted])
'''


def install(tarball: Path) -> Path:
    """Install the tarball beside itself, with the kubernetes.core of this Python environment; return the tree."""
    path = tarball.parent
    run(
        "ansible-galaxy", "collection", "install", str(tarball), "--no-deps", "--offline", "-p", str(path),
        ANSIBLE_COLLECTIONS_PATH=str(path),
    )  # fmt: skip
    dependency = path / "ansible_collections" / "kubernetes" / "core"
    dependency.parent.mkdir()
    dependency.symlink_to(installed_collection("kubernetes", "core"), target_is_directory=True)
    return path / "ansible_collections" / "maas_billing" / "platform"


def installed_collection(namespace: str, name: str) -> Path:
    """Where the PyPI package `ansible` keeps a collection."""
    spec = importlib.util.find_spec(f"ansible_collections.{namespace}")
    for folder in spec.submodule_search_locations or () if spec else ():
        if (Path(folder) / name / "MANIFEST.json").is_file():
            return Path(folder) / name
    raise PackagingError(f"{namespace}.{name} is not in this Python environment. Run this by `make sanity`.")


def pip_settings() -> dict[str, str]:
    """How pip reaches a package index here, from its files and from the environment (which wins)."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], text=True, stdout=subprocess.PIPE, check=True
    ).stdout
    settings: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in ("global", "install", ":env:") and key in REACH:
            settings[key] = str(ast.literal_eval(value))
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    return {"proxy": proxy, **settings} if proxy else settings


def home() -> Path:
    """A home folder for ansible-test: its environments, a way to get pip, and this user's settings of pip.

    ansible-test hands hardly more than HOME on to the commands it starts, so the settings have to be in a file there.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (given if given.is_absolute() else Path.home() / ".cache") / "maas-sanity"
    write(folder / ".ansible" / "test" / "cache" / f"get_pip_{PIP.replace('.', '_')}.py", GET_PIP)
    settings = pip_settings() | {"quiet": "1"}
    lines = [f"{key} = {value.replace(os.linesep, ' ')}" for key, value in settings.items()]
    write(folder / ".config" / "pip" / "pip.conf", "\n".join(["[global]", *lines, ""]))
    return folder


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read: an address of a package index may hold a password."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def sanity(tree: Path, arguments: list[str]) -> None:
    """Run ansible-test in an installed collection; a check that could not run is a failure too."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["ansible-test", "sanity", "--python", version, "--color", "no", "--truncate", "0", *arguments]
    environment = os.environ | {"HOME": str(home())}
    skipped = []
    with subprocess.Popen(
        command, cwd=tree, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if "Skipping sanity test" in line or "All targets skipped" in line:
                skipped.append(line.strip())
    if process.returncode:
        raise PackagingError("ansible-test sanity found the faults above.")
    if skipped:
        raise PackagingError("Not everything was checked:\n" + "\n".join(skipped))


def main() -> int:
    """Build, install, check; the arguments go to `ansible-test sanity` (for instance `--test validate-modules`)."""
    try:
        with tempfile.TemporaryDirectory(prefix="maas-sanity-") as folder:
            sanity(install(build(Path(folder))), sys.argv[1:])
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
