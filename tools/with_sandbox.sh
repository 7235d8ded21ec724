#!/usr/bin/env bash
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# with_sandbox.sh NAME COMMAND...: runs a command while a new sandbox NAME is up, and takes it down whatever happens.
# MAAS_SANDBOX tells the command the name.
set -euo pipefail
export MAAS_SANDBOX=$1
shift

# What a killed run left goes first: nothing in it may be counted on.
python -m sandbox down --name "$MAAS_SANDBOX"
trap 'python -m sandbox down --name "$MAAS_SANDBOX"' EXIT
python -m sandbox up --name "$MAAS_SANDBOX"
"$@"
