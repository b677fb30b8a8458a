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

Sixteen callers on eight keys, whose history the checker porcupine judges, against PROGRAM, a wascc-keyvalue, while things
are broken: with the engine in memory, with a JetStream server and two instances, and with three of each; and with local
reads, which must not pass. Prints a line `ok NAME`, `not ok NAME: WHAT` or `skip NAME: REASON` a check. One run with other
options: build/linearizability/test --help.

The servers are nats-server and, where .ci/run has brought it, nats-server-current.

  --nightly   300 faults a run

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

# faults SERVER: prints the options for what a cluster of these servers is to bear. Before 2.12 one ends with replicas that are
# unlike, now and then, once its leader was paused or cut off ("last sequence mismatch", "Resetting stream cluster state");
# then no instance can be right, and each says so and ends (70).
faults()
{
    local version
    version=$("$1" --version | sed -n -E 's/.*v([0-9.]+).*/\1/p')
    if [[ "$(printf '2.12\n%s\n' "$version" | sort -V | head -n 1)" != 2.12 ]]; then
        printf '%s\n' --only '^end server|instance|links|callers'
    fi
}

nightly=""
case "${1:-}" in
-h | --help)
    usage
    exit 0
    ;;
--nightly)
    nightly=300
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
judge --duration "${nightly:+1}5s"
judge --faults "${nightly:-5}"
for server in nats-server nats-server-current; do
    if ! command -v "$server" >/dev/null; then
        printf 'skip linearizability: %s is not on PATH\n' "$server"
        continue
    fi
    judge --engine jetstream --nats-server "$server" --servers 1 --instances 2 --faults "${nightly:-8}"
    mapfile -t only < <(faults "$server")
    judge --engine jetstream --nats-server "$server" --servers 3 --instances 3 --faults "${nightly:-16}" "${only[@]}"
done
# What one instance has is behind what another has answered, where their connections are unlike.
judge --engine jetstream --servers 1 --instances 2 --reads local --faults 4 --pause 3ms --only '^delay links' \
    --violation
[[ "$failures" -eq 0 ]]
