# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How our modules end: with a result, or with one message; and never with a secret."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import pytest

from ansible_collections.maas_billing.platform.plugins.module_utils.errors import MaasError
from ansible_collections.maas_billing.platform.plugins.module_utils.module import finish, without_secrets


class Ended(Exception):
    """What ``exit_json`` or ``fail_json`` was given."""

    def __init__(self, failed: bool, result: dict[str, Any]) -> None:
        super().__init__(failed, result)
        self.failed = failed
        self.result = result
        self.handled = sys.exc_info()[0]


class Module:
    """Stands in for AnsibleModule, whose methods end the process."""

    def __init__(self, **params: Any) -> None:
        self.params = params

    def exit_json(self, **result: Any) -> NoReturn:
        raise Ended(False, result)

    def fail_json(self, **result: Any) -> NoReturn:
        raise Ended(True, result)


def ending(work: Any, **params: Any) -> Ended:
    with pytest.raises(Ended) as caught:
        finish(Module(**params), work)
    return caught.value


def test_the_result_of_the_work_is_that_of_the_module() -> None:
    ended = ending(lambda: {"changed": True})

    assert (ended.failed, ended.result["changed"]) == (False, True)


def test_what_we_can_explain_is_one_message_without_a_traceback() -> None:
    def work() -> dict[str, Any]:
        raise MaasError("The cluster is away.")

    ended = ending(work)
    assert (ended.failed, ended.result["msg"]) == (True, "The cluster is away.")
    assert "exception" not in ended.result
    # ansible-core before 2.19 takes it from there.
    assert ended.handled is None


@pytest.mark.parametrize(("module", "library"), [("kubernetes.client", "kubernetes"), ("jmespath", "jmespath")])
def test_a_missing_library_is_named_with_the_python_that_lacks_it(module: str, library: str) -> None:
    def work() -> dict[str, Any]:
        raise ImportError("No module", name=module)

    ended = ending(work)
    assert ended.failed
    assert ended.result["msg"].startswith(f"Failed to import the required Python library ({library}) on ")


def test_what_we_cannot_explain_is_not_hidden() -> None:
    def work() -> dict[str, Any]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(Module(), work)


@pytest.mark.parametrize("result", [lambda: {"changed": False}, lambda: (_ for _ in ()).throw(MaasError("no"))])
def test_the_arguments_that_ansible_may_show_hold_no_secret(result: Any) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "key"}, "data": {"a": "c2VjcmV0"}, "stringData": {"b": "secret"}}
    notes = {"kind": "ConfigMap", "data": {"milk": "2"}}
    shown = ending(result, objects=[secret, notes], name="set").result["invocation"]["module_args"]

    assert shown["objects"][0] == {**secret, "data": "(hidden)", "stringData": "(hidden)"}
    assert (shown["objects"][1], shown["name"]) == (notes, "set")


def test_hiding_secrets_changes_nothing_of_what_the_module_works_with() -> None:
    params = {"objects": [{"kind": "Secret", "data": {"a": "c2VjcmV0"}}]}
    without_secrets(params)

    assert params == {"objects": [{"kind": "Secret", "data": {"a": "c2VjcmV0"}}]}
