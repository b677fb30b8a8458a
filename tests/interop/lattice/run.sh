#!/usr/bin/env bash
# Runs the lattice peer, which is built from the published crates, against the provider: `wascc-keyvalue serve` with
# --auth invocation, on a nats-server of their own. Then the same in a namespace and at a binding with a name.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

readonly SOURCE=tests/interop/lattice
usage()
{
    cat <<'USAGE'
usage: tests/interop/lattice/run.sh [--real-host] PROGRAM

Builds the lattice peer (tests/interop/build.sh) and runs it against PROGRAM, which is a wascc-keyvalue; the path is
seen from the top of the source tree. Skips itself where there is no cargo.

  --real-host   runs wascc-host 0.14 itself too, with an actor in it; the first build takes several minutes

exit: 0 all that ran passed; 1 a test failed; 64 a bad argument
USAGE
}

clean_up()
{
    [[ -z "$provider_pid" ]] || stop_process "$provider_pid" || true
    [[ -z "$peer_pid" ]] || stop_process "$peer_pid" || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    rm -rf "$work" || true
}

# What is not built after that was skipped, with its reason, or has failed.
build_peer()
{
    local status=0
    tests/interop/build.sh lattice ${real_host:+real-host} || status=1
    [[ "$status" -eq 0 ]] || exit 1
    [[ -x "$built/lattice-peer" ]] || exit 0
}

# The data files that the C suites read must be what the crates write today.
check_vectors()
{
    mkdir -p "$work/data"
    if "$built/lattice-vectors" "$work/data" && diff -r "$SOURCE/data" "$work/data" >"$work/diff"; then
        printf 'ok lattice: the vectors are those that the published crates write\n'
    else
        head -n 20 "$work/diff" | cut -c -300
        printf 'not ok lattice: the vectors are those that the published crates write (make them anew: %s %s)\n' \
            "$built/lattice-vectors" "$SOURCE/data"
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
    "$built/lattice-peer" --server "nats://127.0.0.1:$nats_port" --host-seed "$work/host.seed" \
        --issuer-seed "$work/account.seed" --data "$SOURCE/data" --watch-life --expect-rebinding "$@" \
        >"$work/peer.log" 2>&1 </dev/null &
    peer_pid=$!
    if ! wait_for_line "$peer_pid" "$work/peer.log" 'start the provider' 120; then
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
        LATTICE_RPC_TIMEOUT_MILLIS=8000 \
        "$built/lattice-real-host" "$work/account.seed" <"$work/go" >"$work/peer.log" 2>&1 &
    peer_pid=$!
    exec 9>"$work/go"
    wait_for_line "$peer_pid" "$work/peer.log" '^host ' 120 || true
    start_provider "$(sed -n -e 's/^host //p' "$work/peer.log")" 9>&-
    wait_for_line "$provider_pid" "$work/provider.log" ' ready: ' 120 || true
    # In a shell of its own, for a host that is gone already would end this one.
    (printf '\n' >&9) || true
    exec 9>&-
    wait_for_end "$peer_pid" 300 || status=$?
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
if [[ "$#" -ne 1 ]]; then
    usage >&2
    exit 64
fi
if [[ ! -x "$1" ]]; then
    printf "lattice: '%s' is no program: give the path of a wascc-keyvalue\n" "$1" >&2
    exit 64
fi

program=$1
built=$(realpath -m "${CARGO_TARGET_DIR:-build/cargo}")/debug
failures=0
nats_pid="" provider_pid="" peer_pid=""
work=$(mktemp -d)
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

build_peer
command -v nats-server >/dev/null || {
    printf 'skip lattice: nats-server is not on PATH\n'
    exit 0
}
check_vectors
(umask 077 && "$built/lattice-peer" keys "$work") >"$work/keys"
start_nats_server -1 "$work/nats-server.log"
run_peer
run_peer --namespace lattice --binding blue
[[ -z "$real_host" || ! -x "$built/lattice-real-host" ]] || run_real_host
[[ "$failures" -eq 0 ]]
