#!/usr/bin/env bash
# Builds the Rust programs that speak for the published crates: wascap-interop, the lattice peer with its vectors, a real
# wascc-host, the client that prost makes of proto/ and the example of proto/examples. All of it is in one target directory, since they share most of their crates; the first build takes
# minutes, the next ones seconds. Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Of the crates' own demands; the newest of their dependencies want it. The client's want async-nats' own.
readonly OLDEST_CARGO=1.85 OLDEST_CARGO_OF_CLIENT=1.89

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
    cat <<'USAGE'
usage: tests/interop/build.sh PROGRAM...

  wascap      the program that tests/security/test_interop.c runs
  lattice     the peer and the vectors of tests/interop/lattice
  real-host   wascc-host 0.14 with an actor in it
  client      the client of tests/interop/clients
  example     that of proto/examples/rust

What is built is in $CARGO_TARGET_DIR/debug, without that in build/cargo/debug.

exit: 0 all built or were skipped; 1 one does not build; 64 a bad argument
USAGE
    exit 0
fi

CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-build/cargo}")
export CARGO_TARGET_DIR

# can_build OLDEST: says why nothing can be built here, or succeeds. OLDEST is the oldest cargo that will do.
can_build()
{
    local version
    command -v cargo >/dev/null || {
        printf 'cargo is not on PATH\n'
        return 1
    }
    version=$(cargo --version | sed -n -E 's/^cargo ([0-9.]+).*/\1/p')
    printf '%s\n' "$1" "$version" | sort -C -V || {
        printf 'cargo is %s, the crates want %s\n' "$version" "$1"
        return 1
    }
}

# copy FROM TO: what has not changed keeps its time, so that cargo has nothing to do.
copy()
{
    mkdir -p "$2"
    cp -pR "$1/." "$2/"
}

# build NAME DIRECTORY: one workspace, outside of the source tree, which cargo would leave files in.
build()
{
    local name=$1 directory=$2 log=$2/build.log
    if ! (cd "$directory" && timeout 600 cargo fetch) >"$log" 2>&1 </dev/null; then
        printf 'skip %s: cargo cannot fetch the crates: %s\n' "$name" "$(tail -n 1 "$log")"
    elif (cd "$directory" && cargo build --offline) >"$log" 2>&1 </dev/null; then
        printf 'ok %s builds\n' "$name"
    else
        grep -E -A 8 '^error' "$log" | head -n 40
        printf 'not ok %s builds (all of it: %s)\n' "$name" "$log"
        return 1
    fi
}

build_program()
{
    case "$1" in
    wascap)
        copy tests/interop/wascap build/interop/wascap
        build "interop: wascap" build/interop/wascap
        ;;
    lattice)
        copy tests/interop/lattice build/interop/lattice
        build "interop: the lattice peer" build/interop/lattice
        ;;
    real-host)
        copy tests/interop/lattice build/interop/lattice
        build "interop: wascc-host" build/interop/lattice/real-host
        ;;
    client)
        copy tests/interop/clients/rust build/interop/client
        copy proto build/interop/client/proto
        build "interop: the client of prost" build/interop/client
        ;;
    example)
        copy proto build/interop/proto
        build "interop: the example in Rust" build/interop/proto/examples/rust
        ;;
    *)
        printf "build: '%s' is no program: see tests/interop/build.sh --help\n" "$1" >&2
        exit 64
        ;;
    esac
}

status=0
for program; do
    oldest=$OLDEST_CARGO
    [[ "$program" != client && "$program" != example ]] || oldest=$OLDEST_CARGO_OF_CLIENT
    if why=$(can_build "$oldest"); then
        build_program "$program" || status=1
    else
        printf 'skip interop: %s: %s\n' "$program" "$why"
    fi
done
exit "$status"
