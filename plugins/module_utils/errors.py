# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions of the collection: one tree, each message complete enough to act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# More would not be read, and a message of megabytes stops terminals.
_MOST_SHOWN = 100


class MaasError(Exception):
    """Anything that went wrong in a way we can explain; the text is meant for the person who runs the playbook."""


@dataclass(frozen=True)
class Problem:
    """One field of the inventory that cannot be used.

    ``path`` names the variable to change, for instance ``maas_models[0].name``.
    """

    path: str
    given: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.path}: {self.given}; allowed: {self.allowed}"


class IntentError(MaasError):
    """The inventory asks for something that cannot be built; carries every problem at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 value" if len(self.problems) == 1 else f"{len(self.problems)} values"
        lines = "".join(f"\n- {problem}" for problem in self.problems[:_MOST_SHOWN])
        if len(self.problems) > _MOST_SHOWN:
            lines += f"\n- and {len(self.problems) - _MOST_SHOWN} more"
        super().__init__(f"The inventory has {count} that cannot be used. Nothing was changed.{lines}")


class ManifestError(MaasError):
    """A manifest or object that was handed in is not a usable Kubernetes object."""


class CredentialsError(MaasError):
    """No usable way to log in to a cluster was given."""


class ApiError(MaasError):
    """The API server refused or could not answer a request.

    ``status`` is the HTTP status (0 when there was no answer), ``reason`` the machine-readable reason of the
    Kubernetes ``Status`` object.
    """

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class ForeignObjectError(MaasError):
    """An object that the set wants exists already and belongs to somebody else."""


class OpenModelsError(MaasError):
    """What is to be removed is all that keeps everybody from models that are still there."""


class SetBusyError(MaasError):
    """Another run is changing the same set right now."""


class NotReadyError(MaasError):
    """Objects did not become ready, or did not go away, in the time that was given."""


class ProbeError(MaasError):
    """The gateway did not answer as it should."""
