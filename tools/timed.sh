#!/usr/bin/env bash
# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# timed.sh VERB...: runs `make VERB` one after the other until one fails; the last line says what ran and for how long.
set -uo pipefail

report=""
for verb in "$@"; do
  printf '\n=== make %s\n' "$verb"
  start=$SECONDS
  "$MAKE" "$verb"
  result=$?
  report+="${report:+, }$verb $((SECONDS - start)) s"
  if [ "$result" -ne 0 ]; then
    printf '\nFAILED in %s (%s; all %d s)\n' "$verb" "$report" "$SECONDS" >&2
    exit "$result"
  fi
done
printf '\nAll passed: %s; all %d s\n' "$report" "$SECONDS"
