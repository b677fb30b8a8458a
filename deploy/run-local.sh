#!/usr/bin/env bash
# From a fresh clone to a provider that answers: installs what is missing, builds, starts a nats-server and the provider
# on loopback, shows some operations, and stays up.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC2034 # The library's.
readonly SCRIPT=run-local LAST_PORT=65535
# shellcheck source=deploy/lib/local-run.sh
source deploy/lib/local-run.sh

usage()
{
    cat <<'USAGE'
usage: deploy/run-local.sh [--once] [--port N] [--program FILE]

Installs what is missing (apt, as root or through sudo), builds into build/, starts a nats-server and
`wascc-keyvalue serve` on 127.0.0.1, makes an account, an actor and its claims, shows a few operations with and without them,
and stays up until Ctrl-C.

  --once     stop after showing
  --port N   the nats-server's port; without it 4222 where that is free, else any free one
  --program FILE
             a wascc-keyvalue that is built already; nothing is installed or built then

exit: 0 stopped by Ctrl-C or SIGTERM, or with --once all answers were right; 1 something failed; 64 a bad option
USAGE
}

start_server()
{
    if [[ -n "$port" ]]; then
        start_nats_server "$port" "$run_dir/nats-server.log" ||
            fail_with "nats-server does not start on port $port" "$run_dir/nats-server.log"
    else
        # A server that is on 4222 already is somebody else's, and may hold what we must not touch.
        start_nats_server 4222 "$run_dir/nats-server.log" ||
            start_nats_server -1 "$run_dir/nats-server.log" ||
            fail_with "nats-server does not start" "$run_dir/nats-server.log"
    fi
    server_url=nats://127.0.0.1:$nats_port
    printf 'nats-server is up: %s\n' "$server_url"
}

start_provider()
{
    local log=$run_dir/wascc-keyvalue.log
    : >"$log"
    setsid "$PROGRAM" serve --auth claims --trusted-issuer "$issuer" --trusted-host "$host" --server "$server_url" \
        --metrics-listen 127.0.0.1:0 </dev/null >"$log" 2>&1 &
    provider_pid=$!
    wait_for_line "$provider_pid" "$log" ' ready: ' 30 || fail_with "the provider does not get ready" "$log"
    "$PROGRAM" health --server "$server_url" >/dev/null || fail_with "the provider is not healthy" "$log"
    metrics_url=http://$(sed -n -e 's/.*metrics: listening on //p' "$log")/metrics
    printf 'the provider is up: %s serve --auth claims --trusted-issuer %s --trusted-host %s --server %s\n\n' "$PROGRAM" \
        "$issuer" "$host" "$server_url"
}

# Two answers are the same where they differ in blanks and in the order of a set's members only.
normal_form()
{
    if [[ "$1" == SetUnion ]]; then
        grep -o -E '"[^"]*"' <<<"$2" | sort | tr '\n' ' '
    else
        tr -d ' \n' <<<"$2"
    fi
}

# show OPERATION REQUEST ANSWER: asks, prints both, and compares with what the answer must be.
show()
{
    local operation=$1 request=$2 expected=$3 answer
    printf "\$ %s call --server %s --claims %s %s '%s'\n" "$PROGRAM" "$server_url" "$run_dir/actor.jwt" "$operation" \
        "$request"
    answer=$("$PROGRAM" call --server "$server_url" --claims "$run_dir/actor.jwt" "$operation" "$request" 2>&1) || true
    printf '%s\n' "$answer"
    if [[ "$(normal_form "$operation" "$answer")" != "$(normal_form "$operation" "$expected")" ]]; then
        printf '  WRONG, it should be: %s\n' "$expected"
        wrong=$((wrong + 1))
    fi
}

# show_system OPERATION REQUEST PATTERN: asks as an operator, who has the host's seed.
show_system()
{
    local operation=$1 request=$2 pattern=$3 answer
    printf "\$ %s call --server %s --host-seed %s %s '%s'\n" "$PROGRAM" "$server_url" "$run_dir/host.json" \
        "$operation" "$request"
    answer=$("$PROGRAM" call --server "$server_url" --host-seed "$run_dir/host.json" "$operation" \
        "$request" 2>&1) || true
    printf '%s\n' "$answer"
    if ! grep -q -E "$pattern" <<<"$answer"; then
        printf '  WRONG, it should match: %s\n' "$pattern"
        wrong=$((wrong + 1))
    fi
}

# Without claims nobody gets in.
show_refusal()
{
    local answer
    printf "\$ %s call --server %s Get '{\"key\":\"greeting\"}'\n" "$PROGRAM" "$server_url"
    answer=$("$PROGRAM" call --server "$server_url" Get '{"key":"greeting"}' 2>&1) || true
    printf '%s\n' "$answer"
    if [[ "$answer" != *"401: Get: no claims"* ]]; then
        printf '  WRONG, it should be a 401\n'
        wrong=$((wrong + 1))
    fi
}

show_operations()
{
    wrong=0
    show Set '{"key":"greeting","value":"hello"}' '{"value":"hello"}'
    show Get '{"key":"greeting"}' '{"value":"hello","exists":true}'
    show Add '{"key":"visits","value":5}' '{"value":5}'
    show Push '{"key":"queue","value":"first"}' '{"new_count":1}'
    show Push '{"key":"queue","value":"second"}' '{"new_count":2}'
    show Range '{"key":"queue","start":0,"stop":-1}' '{"values":["first","second"]}'
    show SetAdd '{"key":"colours","value":"red"}' '{"new_count":1}'
    show SetAdd '{"key":"shades","value":"blue"}' '{"new_count":1}'
    show SetUnion '{"keys":["colours","shades"]}' '{"values":["red","blue"],"cursor":""}'
    show_refusal
    show_system Keys '{"prefix":"q"}' '^\{"keys":\["queue"\],"cursor":""\}$'
    show_system Inspect '{"key":"queue"}' '"kind":"list","length":2,"bytes":[0-9]+,"expires_in_s":0'
    show_system Slowlog '{"limit":1}' '"operation":"[A-Za-z]+","actor":"[A-Za-z0-9]+","duration_us":[0-9]+'
    [[ "$wrong" -eq 0 ]] || fail_with "$wrong answers were wrong" "$run_dir/wascc-keyvalue.log"
}

explain()
{
    cat <<EXPLAIN

Call it yourself, with the command above or with the nats CLI:

  nats --server $server_url req -H "Wascc-Claims:\$(cat $run_dir/actor.jwt)" \\
      wasmbus.provider.wascc.keyvalue.default.$actor.Get '{"key":"greeting"}'

Look at it: what it does, now and as a NATS service, what it holds, and as Prometheus sees it:

  $PROGRAM top --server $server_url
  nats --server $server_url micro info wascc-keyvalue
  $PROGRAM call --server $server_url --host-seed $run_dir/host.json Slowlog '{}'
  curl $metrics_url

The logs, keys and claims are in $run_dir until it stops.
Press Ctrl-C to stop both.
EXPLAIN
}

# The provider goes first, while it still has a server to send its last answers through.
stop_all()
{
    local status=0
    trap '' INT TERM
    if [[ -n "$provider_pid" ]]; then
        stop_process "$provider_pid" || status=$?
        [[ "$status" -eq 0 ]] || printf 'run-local: the provider ended with %d\n' "$status" >&2
    fi
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    rm -rf "$run_dir"
    return "$status"
}

stay_up()
{
    # From here on a Ctrl-C is the ordinary end.
    trap 'printf "\nstopping\n"; exit 0' INT TERM
    explain
    wait -n "$provider_pid" "$nats_pid" || true
    tail -n 20 "$run_dir/nats-server.log" >&2
    fail_with "one of the two has ended by itself" "$run_dir/wascc-keyvalue.log"
}

main()
{
    parse_options "$@"
    nats_pid="" provider_pid=""
    run_dir=$(mktemp -d)
    trap 'status=$?; stop_all || status=1; exit "$status"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    build
    start_server
    make_keys
    start_provider
    show_operations
    [[ -n "$once" ]] || stay_up
}

main "$@"
