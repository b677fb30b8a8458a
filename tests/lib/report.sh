# shellcheck shell=bash
# How tests/run.sh counts. Every individual test is one of
#   a Check test, counted by its suite's line `100%: Checks: 12, Failures: 0, Errors: 0`;
#   a line `ok NAME`, `not ok NAME` or `skip NAME reason` of a test written in shell;
#   a ctest program that says neither: one test, by its exit status.

passed=0 failed=0 skipped=0

ok()
{
    printf 'ok %s\n' "$*"
    passed=$((passed + 1))
}

not_ok()
{
    printf 'not ok %s\n' "$*"
    failed=$((failed + 1))
}

skip()
{
    printf 'skip %s\n' "$*"
    skipped=$((skipped + 1))
}

# count PASSED FAILED SKIPPED: adds them to the totals.
count()
{
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Prints `PASSED FAILED SKIPPED` of a log written by `ctest -V` or by one test program alone. A program that ended
# badly without a failed test to show for it (a crash, a time limit, a sanitizer's verdict at its end) is one failure.
tally()
{
    awk '
    # ctest puts the number of the test in front of each line that it prints. Without ctest all is test 0.
    { test = 0; line = $0 }
    match($0, /^ *[0-9]+: /) {
        test = substr($0, 1, RLENGTH - 2) + 0
        line = substr($0, RLENGTH + 1)
    }
    line ~ /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
        split(line, n, /[^0-9]+/)
        bad[test] += n[3] + n[4]
        good[test] += n[2] - n[3] - n[4]
        next
    }
    line ~ /^ok / { good[test]++ }
    line ~ /^not ok / { bad[test]++ }
    line ~ /^(skip|SKIP) / { left_out[test]++ }
    match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
        ended = $0
        sub(/^.*Test +#/, "", ended)
        test = ended + 0
        if ($0 ~ / Passed +[0-9.]+ sec/) {
            if (good[test] + bad[test] + left_out[test] == 0)
                good[test] = 1
        } else if ($0 ~ /\*\*\*Skipped/) {
            if (left_out[test] == 0)
                left_out[test] = 1
        } else if (bad[test] == 0) {
            bad[test] = 1
        }
    }
    END {
        for (test in good) passed += good[test]
        for (test in bad) failed += bad[test]
        for (test in left_out) skipped += left_out[test]
        printf "%d %d %d\n", passed, failed, skipped
    }' "$1"
}

# Prints what a `ctest -V` log holds of the programs that failed, a program's last 60 lines at most, and every line that
# says why something was skipped.
explain_ctest()
{
    awk '
    match($0, /^ *[0-9]+: /) {
        test = substr($0, 1, RLENGTH - 2) + 0
        text[test, ++lines[test]] = substr($0, RLENGTH + 1)
        if (substr($0, RLENGTH + 1) ~ /^(skip|SKIP) /) print substr($0, RLENGTH + 1)
        next
    }
    /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / && !/ Passed +[0-9.]+ sec/ && !/\*\*\*Skipped/ {
        print
        number = $0
        sub(/^.*Test +#/, "", number)
        number += 0
        for (i = lines[number] > 60 ? lines[number] - 59 : 1; i <= lines[number]; i++)
            print "    " text[number, i]
    }' "$1"
}

# Prints the last line of a run. Fails when a test failed, or when there was none: a run that tested nothing is no
# success.
summary()
{
    printf '%d passed, %d failed' "$passed" "$failed"
    [[ "$skipped" -eq 0 ]] || printf ', %d skipped' "$skipped"
    printf '\n'
    [[ "$failed" -eq 0 && "$passed" -gt 0 ]]
}
