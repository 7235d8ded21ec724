# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces a cluster is made of, without a cluster: index and ports, certificates, kwokctl's settings, locks."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from sandbox import cluster, kwokctl, locks, parts, processes, state
from sandbox.errors import SandboxError
from sandbox.identity import Authority, Identity, write_kubeconfig
from sandbox.paths import Home, cache_root, homes, state_root
from sandbox.state import State


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A sandbox that has nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Home.of("test")


def _silent(_text: str) -> None:
    """Nobody listens."""


# -- Names and folders


@pytest.mark.parametrize("name", ["a", "default", "a-1", "9", "x" * 32])
def test_good_names(name: str) -> None:
    assert Home.of(name).root == state_root() / name


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "../a", "a/b", "x" * 33, "a\n", "ä"])
def test_bad_names(name: str) -> None:
    with pytest.raises(SandboxError, match="lower-case letters, digits and hyphens"):
        Home.of(name)


def test_a_folder_that_kwokctl_cannot_work_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a#b"))
    with pytest.raises(SandboxError, match="Set XDG_STATE_HOME to another folder"):
        Home.of("a")


@pytest.mark.parametrize("value", ["", "relative"])
def test_xdg_variables_that_do_not_count(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert state_root() == Path("/home/somebody/.local/state/maas-sandbox")
    assert cache_root() == Path("/home/somebody/.cache/maas-sandbox")


def test_homes_are_the_folders_that_can_be_sandboxes(home: Home) -> None:
    assert homes() == []
    for name in ("b", "a", "No"):
        (state_root() / name).mkdir(parents=True)
    (state_root() / "file").touch()
    assert [each.name for each in homes()] == ["a", "b"]


# -- Index and ports


@contextlib.contextmanager
def _listener(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield


def test_no_two_indexes_share_a_port_and_none_is_ephemeral() -> None:
    ports = [port for index in range(1, 255) for port in state.ports_of(index).values()]
    assert len(set(ports)) == len(ports) == 254 * 6
    assert 1024 < min(ports) < max(ports) < 32768


def test_the_lowest_free_index_passes_over_what_is_taken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_FIRST_PORT", 27000)  # where no sandbox of this machine listens
    assert state.lowest_free_index() == 1
    for index, name in ((1, "one"), (3, "three")):
        (state_root() / name).mkdir(parents=True)
        State(index).save(Home.of(name).state)
    with _listener(state.ports_of(2)["etcd-peer"]):
        assert state.lowest_free_index() == 4
    assert state.lowest_free_index() == 2


def test_no_free_index_is_an_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "busy", lambda ports: ports)
    with pytest.raises(SandboxError, match="No free ports for one more sandbox"):
        state.lowest_free_index()


def test_state_survives_writing_and_reading(tmp_path: Path) -> None:
    State(7, complete=True).save(tmp_path / "state.json")
    assert state.load(tmp_path / "state.json") == State(7, complete=True)
    assert os.listdir(tmp_path) == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"index": 1, "unknown": 2}', "{}"])
def test_a_state_that_cannot_be_used_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert state.load(tmp_path / "state.json") is None
    assert state.load(tmp_path / "nothing") is None


# -- Certificates and kubeconfigs


def test_the_control_planes_certificate_passes_strict_rules(tmp_path: Path) -> None:
    Authority().write_for_kwokctl(tmp_path / "pki")
    authority, leaf = (
        x509.load_pem_x509_certificate((tmp_path / "pki" / name).read_bytes()) for name in ("ca.crt", "admin.crt")
    )
    rules = verification.PolicyBuilder().store(verification.Store([authority]))
    rules.build_server_verifier(x509.DNSName("localhost")).verify(leaf, [])
    assert "127.0.0.1" in {str(ip) for ip in _names(leaf).get_values_for_type(x509.IPAddress)}
    rules.build_client_verifier().verify(leaf, [])
    for name in ("ca.key", "admin.key"):
        assert (tmp_path / "pki" / name).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "pki" / name).read_bytes().startswith(b"-----BEGIN EC PRIVATE KEY-----")


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_a_kubeconfig_logs_its_user_in_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path, authority = tmp_path / "folder" / "kubeconfig", Authority()
    for _again in range(2):
        write_kubeconfig(path, "https://127.0.0.1:1", "sandbox-x", authority, Identity("somebody", ("a:group",)))
    assert path.stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["current-context"] == config["contexts"][0]["name"] == config["clusters"][0]["name"] == "sandbox-x"
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    user = config["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "somebody"
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "a:group"
    certificate.verify_directly_issued_by(authority.own.certificate)
    key = load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
    assert key.public_key() == certificate.public_key()


# -- kwokctl's settings


def test_kwokctl_is_given_every_port_and_program_and_only_the_loopback(home: Home) -> None:
    options = kwokctl.settings(home, State(3))["options"]
    assert isinstance(options, dict)
    assert {name: value for name, value in options.items() if name.endswith("Port") and value is not True} == {
        "kubeApiserverPort": 21030,
        "etcdPort": 21031,
        "etcdPeerPort": 21032,
        "kubeControllerManagerPort": 21033,
        "kubeSchedulerPort": 21034,
        "kwokControllerPort": 21035,
    }
    assert options["bindAddress"] == "127.0.0.1"
    assert options["kubeAuthorization"] is options["securePort"] is True
    assert {value for name, value in options.items() if name.endswith("Binary")} == {
        str(home.bin / name)
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl")
    }
    policy = yaml.safe_load(Path(str(options["kubeAuditPolicy"])).read_text())
    assert policy["rules"] == [{"level": "Metadata"}]
    assert policy["omitStages"] == ["RequestReceived", "ResponseStarted"]


# -- Removing


def test_down_stops_and_removes_everything(home: Home) -> None:
    for folder in (home.logs, home.cluster):
        folder.mkdir(parents=True)
    (home.cluster / "logs").symlink_to(home.logs)
    State(1, complete=True).save(home.state)
    processes.start(["/bin/sleep", "60"], home.root, home.log("sleep"), os.environ)
    assert cluster.down(home, _silent) is True
    assert processes.running(home.root) == []
    assert not home.root.exists()
    assert cluster.down(home, _silent) is False


def test_a_removal_that_is_interrupted_leaves_no_complete_state(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.logs.mkdir(parents=True)
    State(1, complete=True).save(home.state)

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(processes, "stop_all", die)
        with pytest.raises(KeyboardInterrupt):
            cluster.down(home, _silent)
    assert state.load(home.state) is None
    assert cluster.down(home, _silent) is True


# -- How a part died


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", ["(it wrote nothing)", "Start it again: python -m sandbox up --name test"]),
        ("one\ntwo\n", ["  one\n  two\n", "Start it again"]),
        ("one\npanic: x\n\ngoroutine 1 [running]:\nmain.main()\n", ["  one\n  panic: x\nStart it again"]),
        ("no space left on device\n" + "later\n" * 7, ["  later\n", "is full. Make room, then"]),
        ("no space left on device\n" + "later\n" * 8, [" later\nStart it again"]),
        ("x" * 1000, [f"  {'x' * 240}\n"]),
        ("listen tcp 127.0.0.1:1: bind: address already in use\n", ["Another program has its port", "then up again"]),
    ],
)
def test_an_obituary_has_the_last_words_and_a_cure(home: Home, log: str, expected: list[str]) -> None:
    home.logs.mkdir(parents=True)
    home.log("etcd").write_text(log)
    text = parts.obituary(home, "etcd")
    assert text.startswith(f"etcd has ended. The end of its log ({home.log('etcd')}):")
    for words in expected:
        assert words in text


# -- Locks


def test_a_folders_lock_keeps_others_out_until_it_is_free(tmp_path: Path) -> None:
    said: list[str] = []
    order: list[str] = []

    def other() -> None:
        with locks.folder(tmp_path / "folder", "the thing", said.append, 5):
            order.append("second")

    with locks.folder(tmp_path / "folder", "the thing", said.append, 5):
        waiting = threading.Thread(target=other)
        waiting.start()
        time.sleep(0.3)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    assert said == ["another command works on the thing; waiting for it (0 s)"]


def test_a_lock_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with (
        locks.folder(tmp_path, "the thing", _silent, 5),
        pytest.raises(SandboxError, match="still works on the thing"),
        locks.folder(tmp_path, "the thing", _silent, 0.2),
    ):
        pass


def test_the_lock_of_a_removed_folder_guards_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, real, calls = tmp_path / "folder", fcntl.flock, []

    def flock(handle: int, operation: int) -> None:
        calls.append(handle)
        if len(calls) == 1:  # somebody removes the folder and makes it anew, between our opening and our locking
            folder.rmdir()
            folder.mkdir()
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.folder(folder, "the thing", _silent, 5):
        assert len(calls) == 2
        with pytest.raises(SandboxError), locks.folder(folder, "the thing", _silent, 0.1):
            pass


def test_a_killed_holder_holds_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from sandbox import locks\n"
        "with locks.folder(Path(sys.argv[1]), 'x', print, 5): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SandboxError), locks.folder(tmp_path, "x", _silent, 0.1):
            pass
        holder.kill()
    with locks.folder(tmp_path, "x", _silent, 1):
        pass


def test_ports_are_chosen_by_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PORTS_NAME", f"\0test-{os.getpid()}")
    done: list[str] = []

    def other() -> None:
        with locks.ports(_silent):
            done.append("second")

    with locks.ports(_silent):
        waiting = threading.Thread(target=other)
        waiting.start()
        time.sleep(0.3)
        done.append("first")
    waiting.join()
    assert done == ["first", "second"]


def test_programs_are_linked_anew_when_they_moved(home: Home, tmp_path: Path) -> None:
    home.root.mkdir(parents=True)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helm").write_text(json.dumps(folder))
        cluster.link(home, {"helm": tmp_path / folder / "helm"})
        assert (home.bin / "helm").read_text() == json.dumps(folder)
    assert os.listdir(home.bin) == ["helm"]
