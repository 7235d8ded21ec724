# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sandbox``."""

from __future__ import annotations

import sys

try:
    from sandbox.cli import main
except ModuleNotFoundError as error:
    if (error.name or "").startswith("sandbox"):
        raise
    sys.exit(
        f"error: The Python package {error.name!r} is missing here.\n"
        "Use the environment that make prepares: .venv/bin/python -m sandbox, or `make cluster-up`."
    )

if __name__ == "__main__":
    sys.exit(main())
