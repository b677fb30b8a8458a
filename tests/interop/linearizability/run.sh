#!/usr/bin/env bash
# Builds the linearizability test, tries its checker with wrong histories, and has it judge a program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# Debian keeps nats-server where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin

usage()
{
    cat <<'USAGE'
usage: tests/interop/linearizability/run.sh [--nightly] PROGRAM

Sixteen callers on eight keys, whose history the checker porcupine judges, against PROGRAM, a wascc-keyvalue. Prints a line
`ok NAME`, `not ok NAME: WHAT` or `skip NAME: REASON` a check. One run with other options: build/linearizability/test --help.

  --nightly   more calls

exit: 0 all that ran passed; 1 a check failed; 64 a bad argument
USAGE
}

readonly SOURCE=tests/interop/linearizability BUILT=build/linearizability
# A registry that does not answer holds nothing up for longer: seconds.
readonly PATIENCE=180
# No other toolchain than the one that is here.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly

skip()
{
    printf 'skip linearizability: %s\n' "$1"
    exit 0
}

# Its modules are those of go.sum, from wherever Go gets modules.
build()
{
    command -v go >/dev/null || skip "go is not on this machine"
    command -v nats-server >/dev/null || skip "nats-server is not on PATH"
    mkdir -p "$BUILT"
    (cd "$SOURCE" && timeout -k 5 "$PATIENCE" go mod download) >"$BUILT/log" 2>&1 </dev/null ||
        skip "go cannot get its modules: $(tail -n 1 "$BUILT/log" | cut -c -200)"
    (cd "$SOURCE" && GOPROXY=off go build -o "$OLDPWD/$BUILT/test" .)
}

# checks: the tests of the checker itself.
checks()
{
    if (cd "$SOURCE" && GOPROXY=off go test -count 1 .) >"$BUILT/log" 2>&1; then
        printf 'ok linearizable: wrong histories are told from right ones\n'
    else
        cat "$BUILT/log"
        printf 'not ok linearizable: wrong histories are told from right ones\n'
        failures=$((failures + 1))
    fi
}

# judge [OPTION...]: one run.
judge()
{
    "$BUILT/test" --program "$program" "$@" || failures=$((failures + 1))
}

nightly=""
case "${1:-}" in
-h | --help)
    usage
    exit 0
    ;;
--nightly)
    nightly=yes
    shift
    ;;
esac
[[ "$#" -eq 1 && -x "$1" ]] || {
    usage >&2
    exit 64
}
program=$1 failures=0

build
checks
judge --duration "${nightly:+1}10s"
judge --faults "${nightly:+10}8"
[[ "$failures" -eq 0 ]]
