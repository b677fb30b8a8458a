#!/usr/bin/env bash
# memcheck.sh LOGS ROOM/UNIT PROGRAM UNIT: runs one Check suite under valgrind and leaves its output in
# LOGS/valgrind-ROOM-UNIT.log, with a line `not ok` at the end where memcheck found something or the suite did not come
# to its own end.
set -euo pipefail

name=$2 log=$1/valgrind-${2//\//-}.log
shift 2
status=0
# Check's own processes are left out, or every test would be one more process to look at.
CK_FORK=no valgrind -q --leak-check=full --error-exitcode=99 --fair-sched=yes "$@" >"$log" 2>&1 </dev/null || status=$?
if [[ "$status" -eq 99 ]] ||
    { [[ "$status" -ne 0 ]] && ! grep -q -E '^not ok|Failures: [1-9]|Errors: [1-9]' "$log"; }; then
    printf 'not ok %s under valgrind (ended with %d)\n' "$name" "$status" >>"$log"
fi
