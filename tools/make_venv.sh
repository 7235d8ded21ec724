#!/usr/bin/env bash
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# make_venv.sh FOLDER REQUIREMENTS: a virtual environment with exactly the packages of REQUIREMENTS.
# It takes the first usable Python of a list, or the one that PYTHON names.
set -euo pipefail
folder=$1 requirements=$2

# A name on the PATH proves nothing (a version manager's stand-in may refuse to start), so each is asked.
usable=""
without_venv=""
for python in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
  "$python" -c 'import ensurepip, venv' 2>/dev/null && usable=$python && break
  without_venv=${without_venv:-$python}
done

if [ -z "$usable" ] && [ -n "$without_venv" ]; then
  echo "$without_venv cannot make virtual environments (its modules venv and ensurepip are not both there)." >&2
  echo "Install them, on Debian: apt-get install $(basename "$without_venv")-venv" >&2
  exit 1
elif [ -z "$usable" ]; then
  echo "No Python 3.11 or newer was found (tried: ${PYTHON:-python3.11 python3.12 python3.13 python3})." >&2
  echo "Install one, on Debian: apt-get install python3.11-venv. Or name one: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi

echo "Making $folder with $("$usable" --version) and the packages of $requirements (about half a minute)"
"$usable" -m venv --clear "$folder"
# The file names every package with its version, so there is nothing to resolve. Most of `ansible` is never imported, so
# compiling it all would be a waste.
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r "$requirements"
"$folder/bin/python" -m pip check --disable-pip-version-check >/dev/null
