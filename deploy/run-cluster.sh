#!/usr/bin/env bash
# From a fresh clone to data that outlives processes: three nats-servers with JetStream and three providers that share one log,
# all on loopback; counts while it kills a provider and a server, starts all anew, and looks whether the count is right.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Six ports: three for clients, three for the servers among themselves.
# shellcheck disable=SC2034 # The library's.
readonly SCRIPT=run-cluster LAST_PORT=65530
# shellcheck source=deploy/lib/local-run.sh
source deploy/lib/local-run.sh

readonly FIRST=30 UNDER_FAULTS=120 LAST=150

usage()
{
    cat <<'USAGE'
usage: deploy/run-cluster.sh [--once] [--port N] [--program FILE]

Installs what is missing (apt, as root or through sudo), builds into build/, starts three nats-servers with JetStream and three
`wascc-keyvalue serve --engine jetstream` on 127.0.0.1, counts through all of them, kills one provider and one server
while it counts on, starts everything anew, and checks the count. Then it stays up until Ctrl-C, and throws all data away.

  --once     stop after the check
  --port N   the servers' ports are N to N+5; without it from 4222 on where these are free, else any free ones
  --program FILE
             a wascc-keyvalue that is built already; nothing is installed or built then

exit: 0 stopped by Ctrl-C or SIGTERM, or with --once the count was right; 1 something failed; 64 a bad option
USAGE
}

# --- Servers -----------------------------------------------------------------------------------------------------------

choose_ports()
{
    if [[ -n "$port" ]]; then
        are_free "$port" || bad_usage "--port $port: the ports $port to $((port + 5)) are not all free"
        return
    fi
    port=$(free_ports 4222) && return
    printf '%s: no six free ports behind each other were found: give --port\n' "$SCRIPT" >&2
    exit 1
}

# url_of I: the clients' URL of server 1, 2 or 3.
url_of()
{
    printf 'nats://127.0.0.1:%d\n' $((port + $1 - 1))
}

# start_server I: server 1, 2 or 3, whose data stays where it was.
start_server()
{
    local i=$1 routes
    routes=nats://127.0.0.1:$((port + 3)),nats://127.0.0.1:$((port + 4)),nats://127.0.0.1:$((port + 5))
    start_nats_server $((port + i - 1)) "$run_dir/nats-$i.log" --name "n$i" --jetstream --store_dir "$run_dir/store-$i" \
        --cluster_name wascc-keyvalue --cluster "nats://127.0.0.1:$((port + i + 2))" --routes "$routes" ||
        fail_with "nats-server $i does not start" "$run_dir/nats-$i.log"
    nats_pids[i]=$nats_pid
}

# Each begins with a server of its own, and knows the others.
start_provider()
{
    local i=$1 others
    others=$(for j in 1 2 3; do [[ "$j" == "$i" ]] || printf ',%s' "$(url_of "$j")"; done)
    : >"$run_dir/provider-$i.log"
    setsid "$PROGRAM" serve --engine jetstream --auth claims --trusted-issuer "$issuer" --trusted-host "$host" \
        --server "$(url_of "$i")$others" </dev/null >"$run_dir/provider-$i.log" 2>&1 &
    provider_pids[i]=$!
}

await_provider()
{
    wait_for_line "${provider_pids[$1]}" "$run_dir/provider-$1.log" ' ready: ' 120 ||
        fail_with "provider $1 does not get ready" "$run_dir/provider-$1.log"
}

start_all()
{
    local i
    for i in 1 2 3; do start_server "$i"; done
    for i in 1 2 3; do start_provider "$i"; done
    for i in 1 2 3; do await_provider "$i"; done
    printf 'three nats-servers and three providers are up: %s, %s, %s\n' "$(url_of 1)" "$(url_of 2)" "$(url_of 3)"
}

# kill_process PID: without a farewell.
kill_process()
{
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

kill_provider()
{
    printf 'killing provider %d\n' "$1"
    kill_process "${provider_pids[$1]}"
    provider_pids[$1]=""
}

kill_server()
{
    printf 'killing nats-server %d\n' "$1"
    kill_process "${nats_pids[$1]}"
    nats_pids[$1]=""
}

# The providers go first, while they still have servers to send their last answers through.
stop_all()
{
    local i pid status=0
    for pid in "${provider_pids[@]}"; do
        [[ -n "$pid" ]] || continue
        stop_process "$pid" || {
            printf '%s: a provider ended with %d\n' "$SCRIPT" "$?" >&2
            status=1
        }
    done
    for pid in "${nats_pids[@]}"; do
        [[ -z "$pid" ]] || stop_process "$pid" || true
    done
    provider_pids=() nats_pids=()
    return "$status"
}

# --- Counting ----------------------------------------------------------------------------------------------------------

ask()
{
    "$PROGRAM" call --server "$1" --claims "$run_dir/actor.jwt" "${@:2}" 2>&1
}

# count_one N: adds one, through one server after the other, until an answer comes. Whoever is not answered does not know whether
# it was counted; under the same id it is counted once, however often it is sent.
count_one()
{
    local n=$1 try answer=""
    for ((try = n; try < n + 120; try++)); do
        if answer=$(ask "$(url_of $((try % 3 + 1)))" --timeout 3s --message-id "count-$n" Increment '{"key":"visits","delta":1}'); then
            [[ "$answer" == "{\"value\":$n}" ]] || {
                printf '  WRONG, it should be {"value":%d}: %s\n' "$n" "$answer"
                return 1
            }
            return 0
        fi
        # Nobody listens there, or nobody leads the log now: not at once again.
        read -r -t 0.3 <>"$run_dir/pause" || true
    done
    printf '  no answer for %d: %s\n' "$n" "$answer"
    return 1
}

# count FROM TO
count()
{
    local n
    for ((n = $1; n <= $2; n++)); do
        count_one "$n" || return 1
        ((n % 10 != 0)) || printf 'counted to %d\n' "$n"
    done
}

# What each provider says, asked at a server of its own.
check_count()
{
    local i answer
    for i in 1 2 3; do
        answer=$(ask "$(url_of "$i")" --timeout 10s Get '{"key":"visits"}') || true
        printf "\$ %s call --server %s --claims %s Get '{\"key\":\"visits\"}'\n%s\n" "$PROGRAM" "$(url_of "$i")" \
            "$run_dir/actor.jwt" "$answer"
        [[ "$answer" == "{\"value\":\"$1\",\"exists\":true}" ]] || fail_with "the count is wrong, it should be $1" \
            "$run_dir/provider-$i.log"
    done
}

# All three have joined the log and are of one opinion.
check_members()
{
    local answer
    answer=$("$PROGRAM" call --server "$(url_of 1)" --host-seed "$run_dir/host.json" --timeout 10s Members '{}' 2>&1) || true
    printf "\$ %s call --server %s --host-seed %s Members '{}'\n%s\n" "$PROGRAM" "$(url_of 1)" "$run_dir/host.json" "$answer"
    [[ "$(grep -o '"instance"' <<<"$answer" | wc -l)" -ge 3 ]] || fail_with "there should be three members" \
        "$run_dir/provider-1.log"
}

# The faults come at counts, not at times, so that each falls into the counting.
count_under_faults()
{
    local log=$run_dir/count.log counter
    count $((FIRST + 1)) "$UNDER_FAULTS" >"$log" 2>&1 &
    counter=$!
    await_count "$counter" 50
    kill_provider 2
    await_count "$counter" 80
    kill_server 3
    wait "$counter" || fail_with "not all was counted" "$log"
    printf 'counted on to %d meanwhile\n' "$UNDER_FAULTS"
}

await_count()
{
    wait_for_line "$1" "$run_dir/count.log" "counted to $2\$" 120 || fail_with "it does not count on" "$run_dir/count.log"
}

show()
{
    start_all
    count 1 "$FIRST" || fail_with "not all was counted" "$run_dir/provider-1.log"
    check_members
    count_under_faults
    stop_all || true
    printf 'stopped everything; starting it anew\n'
    start_all
    check_count "$UNDER_FAULTS"
    count $((UNDER_FAULTS + 1)) "$LAST" || fail_with "not all was counted" "$run_dir/provider-1.log"
    check_count "$LAST"
    printf 'the count is right: %d\n' "$LAST"
}

# --- Staying up --------------------------------------------------------------------------------------------------------

explain()
{
    cat <<EXPLAIN

Look at it, and do to it what you like (the processes: ${provider_pids[*]}; the servers: ${nats_pids[*]}):

  $PROGRAM top --server $(url_of 1)
  $PROGRAM call --server $(url_of 1) --host-seed $run_dir/host.json Members '{}'
  nats --server $(url_of 1) stream report

The logs, data, keys and claims are in $run_dir until it stops.
Press Ctrl-C to stop all.
EXPLAIN
}

stay_up()
{
    # From here on a Ctrl-C is the ordinary end.
    trap 'printf "\nstopping\n"; exit 0' INT TERM
    explain
    # It is there to be killed: one that ends is no reason to.
    wait "${provider_pids[@]}" "${nats_pids[@]}" || true
    fail_with "all of them have ended" "$run_dir/provider-1.log"
}

clean_up()
{
    local status=0
    trap '' INT TERM
    stop_all || status=1
    rm -rf "$run_dir"
    return "$status"
}

main()
{
    parse_options "$@"
    nats_pids=() provider_pids=()
    run_dir=$(mktemp -d)
    trap 'status=$?; clean_up || status=1; exit "$status"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkfifo "$run_dir/pause"
    build
    choose_ports
    make_keys
    show
    [[ -n "$once" ]] || stay_up
}

main "$@"
