#!/usr/bin/env bash
# Runs the lattice peer, which is built from the published crates, against the provider: `wascc-keyvalue serve` with
# --auth invocation, on a nats-server of their own. Then the same in a namespace and at a binding with a name.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

readonly SOURCE=tests/interop/lattice
# Of the crates' own demands; the newest of their dependencies want it.
readonly OLDEST_CARGO=1.85

usage()
{
    cat <<'USAGE'
usage: tests/interop/lattice/run.sh [--real-host] PROGRAM [BUILD_DIR]

Builds the lattice peer and runs it against PROGRAM, which is a wascc-keyvalue. Skips itself where there is no cargo.
Both paths are seen from the top of the source tree.

  --real-host   runs wascc-host 0.14 itself too, with an actor in it; the first build takes several minutes
  BUILD_DIR     what cargo builds stays there; without it in build/interop-lattice

exit: 0 all that ran passed; 1 a test failed; 64 a bad argument
USAGE
}

skip_all()
{
    printf 'skip lattice: %s\n' "$1"
    exit 0
}

clean_up()
{
    [[ -z "$provider_pid" ]] || stop_process "$provider_pid" || true
    [[ -z "$peer_pid" ]] || stop_process "$peer_pid" || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    rm -rf "$work" || true
}

# cargo is asked outside the source tree, which it would leave files in.
build_peer()
{
    local version
    command -v cargo >/dev/null || skip_all "cargo is not on PATH"
    command -v nats-server >/dev/null || skip_all "nats-server is not on PATH"
    version=$(cargo --version | sed -n -E 's/^cargo ([0-9.]+).*/\1/p')
    printf '%s\n' "$OLDEST_CARGO" "$version" | sort -C -V || skip_all "cargo is $version, the crates want $OLDEST_CARGO"
    mkdir -p "$build_dir"
    cp -R "$SOURCE/Cargo.toml" "$SOURCE/host" "$SOURCE/vectors" "$SOURCE/peer" "$SOURCE/real-host" "$build_dir/"
    build "$build_dir" "the published crates build"
    [[ -z "$real_host" ]] || build "$build_dir/real-host" "wascc-host builds"
}

# build DIRECTORY NAME: one workspace. What is built is in the same place for all.
build()
{
    local log=$1/build.log target
    target=$(realpath "$build_dir")/target
    (cd "$1" && cargo fetch) >"$log" 2>&1 </dev/null || skip_all "cargo cannot fetch the crates: $(tail -n 1 "$log")"
    if (cd "$1" && CARGO_TARGET_DIR=$target cargo build --offline) >"$log" 2>&1 </dev/null; then
        printf 'ok lattice: %s\n' "$2"
    else
        grep -E -A 8 '^error' "$log" | head -n 40
        printf 'not ok lattice: %s (all of it: %s)\n' "$2" "$log"
        exit 1
    fi
}

# The data files that the C suites read must be what the crates write today.
check_vectors()
{
    mkdir -p "$work/data"
    if "$build_dir/target/debug/lattice-vectors" "$work/data" && diff -r "$SOURCE/data" "$work/data" >"$work/diff"; then
        printf 'ok lattice: the vectors are those that the published crates write\n'
    else
        head -n 20 "$work/diff" | cut -c -300
        printf 'not ok lattice: the vectors are those that the published crates write (make them anew: %s %s)\n' \
            "$build_dir/target/debug/lattice-vectors" "$SOURCE/data"
        failures=$((failures + 1))
    fi
}

fail_run()
{
    tail -n 40 "$work/provider.log"
    printf 'not ok lattice: %s\n' "$1"
    failures=$((failures + 1))
}

# key WORD: the public key of that word among those that the peer made.
key()
{
    sed -n -e "s/^$1 //p" "$work/keys"
}

# start_provider HOST [OPTION...]: with that host trusted.
start_provider()
{
    local host=$1
    shift
    "$program" serve --server "nats://127.0.0.1:$nats_port" --auth invocation --trusted-host "$host" \
        --trusted-issuer "$(key account)" "$@" >"$work/provider.log" 2>&1 </dev/null &
    provider_pid=$!
}

# run_peer [OPTION...]: the options of provider and peer that name the lattice; --lattice-namespace is the provider's
# name for the peer's --namespace.
run_peer()
{
    local status=0 provider_options=("${@/#--namespace/--lattice-namespace}")
    : >"$work/provider.log"
    "$build_dir/target/debug/lattice-peer" --server "nats://127.0.0.1:$nats_port" --host-seed "$work/host.seed" \
        --issuer-seed "$work/account.seed" --data "$SOURCE/data" --watch-life --expect-rebinding "$@" \
        >"$work/peer.log" 2>&1 </dev/null &
    peer_pid=$!
    if ! wait_for_line "$peer_pid" "$work/peer.log" 'start the provider' 30; then
        cat "$work/peer.log"
        fail_run "the peer does not start"
        stop_process "$peer_pid" || true
        peer_pid=""
        return
    fi
    start_provider "$(key host)" "${provider_options[@]}"
    wait_for_line "$peer_pid" "$work/peer.log" 'stop the provider' 300 || true
    stop_process "$provider_pid" || fail_run "the provider ends with 0"
    provider_pid=""
    wait_for_end "$peer_pid" 60 || status=$?
    peer_pid=""
    grep -E '^(ok|not ok) ' "$work/peer.log" || true
    if [[ "$status" -ne 0 ]]; then
        grep -v -E '^(ok|not ok) ' "$work/peer.log" || true
        fail_run "the peer is content"
    fi
}

# A host makes its key when it starts, so that it is there before the provider that has to trust it.
run_real_host()
{
    local status=0
    mkfifo "$work/go"
    # That host is not optimized and takes long itself; the peer is what holds the provider to the usual 600 ms.
    env -u LATTICE_NAMESPACE -u LATTICE_CREDS_FILE "LATTICE_HOST=127.0.0.1:$nats_port" \
        LATTICE_RPC_TIMEOUT_MILLIS=3000 \
        "$build_dir/target/debug/lattice-real-host" "$work/account.seed" <"$work/go" >"$work/peer.log" 2>&1 &
    peer_pid=$!
    exec 9>"$work/go"
    wait_for_line "$peer_pid" "$work/peer.log" '^host ' 30 || true
    start_provider "$(sed -n -e 's/^host //p' "$work/peer.log")" 9>&-
    wait_for_line "$provider_pid" "$work/provider.log" ' ready: ' 30 || true
    # In a shell of its own, for a host that is gone already would end this one.
    (printf '\n' >&9) || true
    exec 9>&-
    wait_for_end "$peer_pid" 120 || status=$?
    peer_pid=""
    grep -E '^(ok|not ok) ' "$work/peer.log" || true
    if [[ "$status" -ne 0 ]]; then
        grep -v -E '^(ok|not ok) ' "$work/peer.log" || true
        fail_run "the real host is content"
    fi
    stop_process "$provider_pid" || fail_run "the provider ends with 0"
    provider_pid=""
}

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
    usage
    exit 0
fi
real_host=""
if [[ "${1:-}" == --real-host ]]; then
    real_host=yes
    shift
fi
if [[ "$#" -lt 1 || "$#" -gt 2 ]]; then
    usage >&2
    exit 64
fi
if [[ ! -x "$1" ]]; then
    printf "lattice: '%s' is no program: give the path of a wascc-keyvalue\n" "$1" >&2
    exit 64
fi

program=$1
build_dir=${2:-build/interop-lattice}
failures=0
nats_pid="" provider_pid="" peer_pid=""
work=$(mktemp -d)
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

build_peer
check_vectors
(umask 077 && "$build_dir/target/debug/lattice-peer" keys "$work") >"$work/keys"
start_nats_server -1 "$work/nats-server.log"
run_peer
run_peer --namespace lattice --binding blue
[[ -z "$real_host" ]] || run_real_host
[[ "$failures" -eq 0 ]]
