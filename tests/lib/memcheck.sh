#!/usr/bin/env bash
# memcheck.sh LOGS SUITE: runs one Check suite under valgrind and leaves its output in LOGS/valgrind-<suite>.log, with a
# line `not ok` at the end where memcheck found something or the suite did not come to its own end.
set -euo pipefail

log=$1/valgrind-$(basename "$2").log
status=0
# Check's own processes are left out, or every test would be one more process to look at. Memcheck makes everything some
# thirty times slower, so the randomized tests are asked for a hundredth: WKV_TEST_SCALE is the per cent that they do of
# their work, 100 where it is not set.
CK_FORK=no WKV_TEST_SCALE=1 \
    valgrind -q --leak-check=full --error-exitcode=99 --fair-sched=yes "$2" >"$log" 2>&1 </dev/null || status=$?
if [[ "$status" -eq 99 ]] ||
    { [[ "$status" -ne 0 ]] && ! grep -q -E 'Failures: [1-9]|Errors: [1-9]' "$log"; }; then
    printf 'not ok %s under valgrind (ended with %d)\n' "$(basename "$2")" "$status" >>"$log"
fi
