#!/usr/bin/env bash
# Finds a running provider with the JavaScript client of the NATS service protocol (@nats-io/services).
# usage: tests/interop/services/run.sh PROGRAM
# Prints `ok NAME`, `not ok NAME` or `skip NAME reason` for each test. Exit: 0 all passed or were skipped; 1 one failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source=deploy/lib/local-servers.sh
source "$here/../../../deploy/lib/local-servers.sh"

[[ "$#" -eq 1 ]] || {
    printf 'usage: tests/interop/services/run.sh PROGRAM\n' >&2
    exit 64
}
program=$(readlink -f "$1")
readonly program

folder=$(mktemp -d)
readonly folder
nats_pid="" nats_port="" provider_pid=""

# Called by the trap.
# shellcheck disable=SC2317
clean_up()
{
    [[ -z "$provider_pid" ]] || stop_process "$provider_pid" || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    rm -rf "$folder"
}
trap clean_up EXIT

# skip REASON: nothing here can be tested on this machine.
skip()
{
    printf 'skip services %s\n' "$1"
    exit 0
}

for needed in node npm nats-server; do
    command -v "$needed" >/dev/null || skip "$needed is not on this machine"
done
[[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]] || skip "node is older than 18: $(node --version)"

cp "$here/package.json" "$here/discover.mjs" "$folder"
if ! timeout 300 npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --no-package-lock \
    --loglevel=error >"$folder/npm.log" 2>&1 </dev/null; then
    cat "$folder/npm.log" >&2
    skip "npm cannot fetch the packages"
fi

start_nats_server -1 "$folder/nats-server.log" || {
    cat "$folder/nats-server.log"
    printf 'not ok services: nats-server does not start\n'
    exit 1
}
"$program" serve --auth none --server "nats://127.0.0.1:$nats_port" </dev/null >"$folder/provider.log" 2>&1 &
provider_pid=$!
wait_for_line "$provider_pid" "$folder/provider.log" ' ready: ' 60 || {
    cat "$folder/provider.log"
    printf 'not ok services: the provider does not serve\n'
    exit 1
}

status=0
(cd "$folder" && timeout 120 node discover.mjs "nats://127.0.0.1:$nats_port" </dev/null) || status=$?
[[ "$status" -eq 0 || "$status" -eq 1 ]] || printf 'not ok services: node ended with %d\n' "$status"
[[ "$status" -eq 0 ]] || cat "$folder/provider.log"
exit "$((status != 0))"
