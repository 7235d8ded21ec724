# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What our modules share: connection options, a way in, and one way to end with a clear message."""

from __future__ import annotations

import os
import traceback
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

from .cluster.api import Api
from .cluster.connection import configuration, impersonation
from .errors import MaasError

USER_AGENT = "maas_billing.platform"


def build(options: dict[str, Any], **constraints: Any) -> AnsibleModule:
    """Return the module with its own options beside those that reach a cluster."""
    module = AnsibleModule(argument_spec={**AUTH_ARG_SPEC, **options}, supports_check_mode=True, **constraints)
    if isinstance(module.params["kubeconfig"], str):
        # The option is secret because a mapping may be given; a path is not, and messages have to name it.
        module.no_log_values.discard(module.params["kubeconfig"])
    return module


def connect(module: AnsibleModule) -> Api:
    """Return the API server that the module's options name."""
    config = configuration(module.params, os.environ)
    return Api(config, USER_AGENT, impersonation(module.params, os.environ))


def finish(module: AnsibleModule, work: Callable[[], dict[str, Any]]) -> None:
    """Do the work and end the module with its result, or with one message that says what to do."""
    invocation = {"module_args": without_secrets(module.params)}
    result: dict[str, Any] = {}
    failure: dict[str, Any] = {}
    try:
        result = work()
    except MaasError as error:
        failure = {"msg": str(error)}
    except ImportError as error:
        library = (error.name or "kubernetes").partition(".")[0]
        failure = {"msg": missing_required_lib(library), "exception": traceback.format_exc()}
    # Not while the error is handled: with -vvv, ansible-core before 2.19 would add a traceback to the clear message.
    if failure:
        module.fail_json(**failure, invocation=invocation)
    module.exit_json(**result, invocation=invocation)


def without_secrets(params: dict[str, Any]) -> dict[str, Any]:
    """Return the module's arguments as Ansible may show them (``-vvv``): with Secrets, but not what is in them."""
    return {**params, "objects": [_hidden(obj) for obj in params["objects"]]} if params.get("objects") else params


def _hidden(obj: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {field: "(hidden)" for field in ("data", "stringData") if field in obj}
    return {**obj, **values} if obj.get("kind") == "Secret" else obj
