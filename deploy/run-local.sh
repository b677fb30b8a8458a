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
  --port N   the nats-server's port; without it 4222 where that is free, else any free one, which it says
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
            { is_taken 4222 && start_nats_server -1 "$run_dir/nats-server.log"; } ||
            fail_with "nats-server does not start" "$run_dir/nats-server.log"
        [[ "$nats_port" == 4222 ]] || explain_port
    fi
    server_url=nats://127.0.0.1:$nats_port
    printf 'nats-server is up: %s\n' "$server_url"
}

# Debian's package of nats-server has a service, which is started at each boot.
explain_port()
{
    printf "port 4222 is taken, so that this nats-server is on port %s: " "$nats_port"
    if systemctl -q is-active nats-server.service 2>/dev/null; then
        printf 'the service nats-server of this machine has 4222 (sudo systemctl disable --now nats-server frees it)\n'
    else
        printf 'another program listens there (sudo ss -ltnp sport = :4222 shows which)\n'
    fi
}

# What makes commands short, here and, by the file that it is in, in the reader's own terminal. A folder whose name has blanks is
# somebody's, too.
make_environment()
{
    local variables=("NATS_URL=$server_url" "WASCC_KEYVALUE_CLAIMS=$run_dir/actor.jwt") folder
    folder=$(cd "$(dirname "$PROGRAM")" && pwd)
    export "${variables[@]}" PATH="$folder:$PATH"
    {
        printf 'export'
        printf ' %q' "${variables[@]}"
        printf ' PATH=%q:%s\n' "$folder" "\$PATH"
    } >"$run_dir/env"
    printf 'for short, as in a terminal of yours after ". %s":\n  ' "$run_dir/env"
    cat "$run_dir/env"
    printf '\n'
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
    printf 'the provider is up: %s serve --auth claims --trusted-issuer %s --trusted-host %s --server %s\n' "$PROGRAM" \
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
    printf "\$ wascc-keyvalue call %s '%s'\n" "$operation" "$request"
    answer=$("$PROGRAM" call "$operation" "$request" 2>&1) || true
    printf '%s\n' "$answer"
    let_in=$((let_in + 1))
    if [[ "$(normal_form "$operation" "$answer")" != "$(normal_form "$operation" "$expected")" ]]; then
        printf '  WRONG, it should be: %s\n' "$expected"
        wrong=$((wrong + 1))
    fi
}

# show_system OPERATION REQUEST PATTERN: asks as an operator, who has the host's seed.
show_system()
{
    local operation=$1 request=$2 pattern=$3 answer
    printf "\$ wascc-keyvalue call --host-seed %s %s '%s'\n" "$run_dir/host.json" "$operation" "$request"
    answer=$("$PROGRAM" call --host-seed "$run_dir/host.json" "$operation" "$request" 2>&1) || true
    printf '%s\n' "$answer"
    asked=$((asked + 1))
    if ! grep -q -E "$pattern" <<<"$answer"; then
        printf '  WRONG, it should match: %s\n' "$pattern"
        wrong=$((wrong + 1))
    fi
}

# Without claims nobody gets in.
show_refusal()
{
    local answer
    printf "\$ env -u WASCC_KEYVALUE_CLAIMS wascc-keyvalue call Get '{\"key\":\"greeting\"}'\n"
    answer=$(env -u WASCC_KEYVALUE_CLAIMS "$PROGRAM" call Get '{"key":"greeting"}' 2>&1) || true
    printf '%s\n' "$answer"
    refused=$((refused + 1))
    if [[ "$answer" != *"401: Get: no claims"* ]]; then
        printf '  WRONG, it should be a 401\n'
        wrong=$((wrong + 1))
    fi
}

show_operations()
{
    wrong=0 let_in=0 refused=0 asked=0
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

# What has been found to be so; what was not has ended it before.
summarise()
{
    printf '\nchecked: %d calls with claims, %d without, which was refused, and %d of an operator: all answers are right\n' \
        "$let_in" "$refused" "$asked"
}

explain()
{
    cat <<EXPLAIN

Call it yourself, in another terminal:

  . $run_dir/env
  wascc-keyvalue call Get '{"key":"greeting"}'

or with the nats CLI:

  nats req -H "Wascc-Claims:\$(cat $run_dir/actor.jwt)" \\
      wasmbus.provider.wascc.keyvalue.default.$actor.Get '{"key":"greeting"}'

Look at it: what it does, now and as a NATS service, what it holds, and as Prometheus sees it:

  wascc-keyvalue top
  nats micro info wascc-keyvalue
  wascc-keyvalue call --host-seed $run_dir/host.json Slowlog '{}'
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
    make_environment
    show_operations
    [[ -z "$once" ]] || summarise
    [[ -n "$once" ]] || stay_up
}

main "$@"
