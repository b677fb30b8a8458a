#!/usr/bin/env bash
# tally() must count what programs say, and must not let one that ends badly pass for good.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tests/lib/report.sh
source ./report.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT
wrong=0

# expect NAME COUNTS: the tally of standard input.
expect()
{
    local counts
    cat >"$log"
    counts=$(tally "$log")
    if [[ "$counts" != "$2" ]]; then
        printf '%s: expected %s, got %s\n' "$1" "$2" "$counts"
        wrong=1
    fi
}

expect "Check tests are summed over suites" "12 3 0" <<'LOG'
1: 100%: Checks: 10, Failures: 0, Errors: 0
1/2 Test #1: codec/json .......   Passed    0.10 sec
2: 40%: Checks: 5, Failures: 1, Errors: 2
2/2 Test #2: store/list .......***Failed    0.10 sec
LOG
expect "one program may print several summaries" "7 0 0" <<'LOG'
1: 100%: Checks: 4, Failures: 0, Errors: 0
1: 100%: Checks: 3, Failures: 0, Errors: 0
1/1 Test #1: codec/json .......   Passed    0.10 sec
LOG
expect "lines of shell tests are counted" "2 1 1" <<'LOG'
ok the image builds
ok the image runs
not ok the image stops
skip the nats CLI is not here
LOG
expect "a crash after the summary is a failure" "3 1 0" <<'LOG'
12: 100%: Checks: 3, Failures: 0, Errors: 0
1/1 Test #12: store/set .......***Exception: SegFault  0.10 sec
LOG
expect "a program that never says anything counts by its status" "1 2 1" <<'LOG'
1/4 Test  #1: a .......   Passed    0.10 sec
2/4 Test  #2: b .......***Timeout 600.00 sec
3/4 Test  #3: c .......***Not Run   0.00 sec
4/4 Test  #4: d .......***Skipped   0.00 sec
LOG
expect "nothing is nothing" "0 0 0" </dev/null

exit "$wrong"
