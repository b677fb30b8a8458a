#!/usr/bin/env bash
# Is each line of deploy/nats/server.conf's permissions needed? Each is taken away in turn, and a provider of each engine, a host and an
# operator do what they do: something must fail then, or the server must refuse something. With all lines nothing may.
# Some minutes, so this is for whoever changes that file. Prints a line `ok`, `rare` or `unneeded` a permission, and fails where one is
# unneeded or not all goes well with all of them.
# Functions are called through others here:
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

if [[ "$#" -ne 1 || "$1" == -h || "$1" == --help ]]; then
    printf 'usage: tests/deploy/permission_lines.sh PROGRAM\n\nPROGRAM is the wascc-keyvalue of a build tree. Needs the nats CLI.\n'
    exit 0
fi
PROGRAM=$(realpath "$1")
readonly PROGRAM CONFIG=deploy/nats/server.conf BINDING=wasmbus.provider.wascc.keyvalue.default
# Asked for only when a stream is resized, when the log is looked into after trouble or has two snapshots to its name, when a consumer
# is begun anew, and under a load that makes the server control its flow. None of that happens here.
readonly RARE='STREAM\.UPDATE\.WKV-SNAP|STREAM\.(MSG\.GET|PURGE)\.WKV-LOG|CONSUMER\.DELETE|[$]JS\.FC'
readonly ACTOR=MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM
export PROVIDER_PASSWORD=p-secret HOST_PASSWORD=h-secret OPERATOR_PASSWORD=o-secret

nats_pid="" provider_pid="" status=0
work=$(mktemp -d)
stop_all()
{
    [[ -z "$provider_pid" ]] || stop_process "$provider_pid" || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    provider_pid="" nats_pid=""
}
trap 'status=$?; stop_all >/dev/null 2>&1; rm -rf "$work"; exit "$status"' EXIT
trap 'exit 130' INT TERM

# as USER COMMAND...
as()
{
    local user=$1
    shift
    env -i PATH="$PATH" HOME="$work" "NATS_URL=nats://127.0.0.1:$nats_port" "NATS_USER=$user" "NATS_PASSWORD=${user:0:1}-secret" \
        "NATS_INBOX_PREFIX=_INBOX.$user" "$@"
}

serve()
{
    : >"$work/provider.log"
    env -i NATS_USER=provider NATS_PASSWORD=p-secret "NATS_URL=nats://127.0.0.1:$nats_port" "$PROGRAM" serve --auth none "$@" \
        </dev/null >"$work/provider.log" 2>&1 &
    provider_pid=$!
    wait_for_line "$provider_pid" "$work/provider.log" ' ready: ' 15
}

end_provider()
{
    local ended=0
    stop_process "$provider_pid" || ended=$?
    provider_pid=""
    return "$ended"
}

host_is_served()
{
    local prefix=(nats --inbox-prefix _INBOX.host --timeout 3s) subject
    as host "$PROGRAM" call --actor "$ACTOR" Add '{"key":"a","value":1}' && as host "$PROGRAM" call --actor system HealthRequest '{}' || return 1
    for subject in "$BINDING" "$BINDING.$ACTOR" wasmbus.events; do
        as host "${prefix[@]}" pub "$subject" x || return 1
    done
    as host "${prefix[@]}" req wasmbus.inventory.capabilities ''
}

operator_sees()
{
    local operation prefix=(nats --inbox-prefix _INBOX.operator --timeout 3s)
    as operator "$PROGRAM" health && as operator "${prefix[@]}" micro list && as operator "${prefix[@]}" req wasmbus.inventory.capabilities '' ||
        return 1
    for operation in HealthRequest Keys Bindings Slowlog LogLevel Members Digest; do
        as operator "$PROGRAM" call --actor system "$operation" '{}' || [[ "$operation" == Digest ]] || return 1
    done
    as operator "$PROGRAM" call --actor system Inspect '{"key":"a"}'
}

# What is refused without anybody's noticing is in the server's log.
all_goes_well()
{
    local events
    as operator timeout 20 nats --inbox-prefix _INBOX.operator sub --count 1 wasmbus.events >"$work/events" 2>&1 &
    events=$!
    serve && host_is_served && operator_sees && end_provider && wait "$events" || return 1
    # One that has a snapshot to begin with, and whose log has been purged.
    serve --engine jetstream --replicas 1 --snapshot-every 1s && host_is_served && operator_sees &&
        wait_for_line "$provider_pid" "$work/provider.log" 'is whole' 20 && end_provider || return 1
    serve --engine jetstream --replicas 1 --snapshot-every 1s && host_is_served &&
        wait_for_line "$provider_pid" "$work/provider.log" 'is whole' 20 && end_provider
}

# try FILE: whether all goes well with that configuration, and nothing is refused.
try()
{
    local went=0
    rm -rf "$work/js"
    start_nats_server -1 "$work/nats-server.log" -c "$1" --jetstream --store_dir "$work/js" || return 2
    all_goes_well >"$work/said" 2>&1 || went=1
    stop_all >/dev/null 2>&1
    [[ "$went" -eq 0 ]] && ! grep -q -i violation "$work/nats-server.log"
}

main()
{
    local line unneeded=0 text
    try "$CONFIG" || {
        tail -n 20 "$work/said"
        grep -i violation "$work/nats-server.log" || true
        printf 'not ok with all permissions\n'
        exit 1
    }
    printf 'ok with all permissions\n'
    while read -r line; do
        text=$(sed -n "${line}p" "$CONFIG" | tr -d ' ')
        sed "${line}d" "$CONFIG" >"$work/less.conf"
        if [[ "$text" =~ $RARE ]]; then
            printf 'rare: line %d %s\n' "$line" "$text"
        elif try "$work/less.conf"; then
            printf 'unneeded: line %d %s\n' "$line" "$text"
            unneeded=$((unneeded + 1))
        else
            printf 'ok without line %d %s: %s\n' "$line" "$text" \
                "$( (grep -i -h violation "$work/nats-server.log" || tail -n 1 "$work/said") | head -n 1 | cut -c 1-120)"
        fi
    done < <(grep -n -E '^      "[^"]+"$' "$CONFIG" | cut -d : -f 1)
    [[ "$unneeded" -eq 0 ]]
}

main
