#!/usr/bin/env bash
# Makes dashboard.png: a nats-server, two providers and a Prometheus on loopback, some minutes of load in which the
# nats-server and one of the providers are started anew, and the dashboard drawn from what Prometheus has then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

usage()
{
    cat <<'USAGE'
usage: tests/grafana/picture.sh PROGRAM [PNG]

PROGRAM is a built wascc-keyvalue; PNG is deploy/grafana/dashboard.png unless given. It takes four minutes and a half.
Needs nats-server, prometheus and python3-matplotlib.
USAGE
}

readonly SECONDS_OF_LOAD=270

fail()
{
    printf 'picture: %s\n' "$1" >&2
    [[ -z "${2:-}" ]] || tail -n 20 "$2" >&2
    exit 1
}

# The providers go before the server that they are connected to.
stop_all()
{
    local name
    for name in load orders jobs prometheus nats; do
        [[ -z "${pids[$name]}" ]] || stop_process "${pids[$name]}" || true
    done
    rm -rf "$run_dir"
}

# field NAME FILE: what keygen printed under that name.
field()
{
    sed -n -E "s/.*\"$1\":\"([A-Z0-9]+)\".*/\1/p" "$2"
}

# An account, a host, and an actor with claims for each sort of load.
make_keys()
{
    local name
    (
        umask 077
        "$program" keygen account >"$run_dir/account"
        "$program" keygen host >"$run_dir/host"
        for name in shop sessions queue tags; do
            "$program" keygen module >"$run_dir/$name"
        done
    )
    for name in shop sessions queue tags; do
        "$program" token --issuer-seed "$run_dir/account" --subject "$(field public "$run_dir/$name")" --cap wascc:keyvalue \
            --expires-in 3600 >"$run_dir/$name.jwt"
    done
}

# start_provider BINDING METRICS-PORT BUDGET: sets provider_pid and metrics_port.
start_provider()
{
    local log=$run_dir/$1.log
    : >"$log"
    "$program" serve --server "nats://127.0.0.1:$nats_port" --binding "$1" \
        --trusted-issuer "$(field public "$run_dir/account")" --trusted-host "$(field public "$run_dir/host")" \
        --max-memory "$3" --max-value-size 64kb --metrics-listen "127.0.0.1:$2" </dev/null >"$log" 2>&1 &
    provider_pid=$!
    wait_for_line "$provider_pid" "$log" ' ready: ' 30 || fail "the provider does not get ready" "$log"
    metrics_port=$(sed -n -E 's/.*metrics: listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$log")
}

# bind BINDING ACTOR: gives it a keyspace of its name.
bind()
{
    "$program" call --server "nats://127.0.0.1:$nats_port" --binding "$1" --actor system --host-seed "$run_dir/host" \
        BindActor "{\"module\":\"$(field public "$run_dir/$2")\",\"values\":{\"KEYSPACE\":\"$2\"}}" >/dev/null
}

# start_prometheus ORDERS-PORT JOBS-PORT: sets prometheus_port.
start_prometheus()
{
    local log=$run_dir/prometheus.log
    cat >"$run_dir/prometheus.yml" <<CONFIG
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: wascc-keyvalue
    static_configs:
      - {targets: ["127.0.0.1:$1"], labels: {instance: "orders"}}
      - {targets: ["127.0.0.1:$2"], labels: {instance: "jobs"}}
CONFIG
    : >"$log"
    prometheus --config.file "$run_dir/prometheus.yml" --storage.tsdb.path "$run_dir/tsdb" --web.listen-address 127.0.0.1:0 \
        </dev/null >"$log" 2>&1 &
    pids[prometheus]=$!
    wait_for_line "${pids[prometheus]}" "$log" 'ready to receive web requests' 60 || fail "prometheus does not start" "$log"
    prometheus_port=$(sed -n -E 's/.*Listening on.* address=127\.0\.0\.1:([0-9]+).*/\1/p' "$log")
}

# item NAME BINDING: an actor, as load.py wants it named.
item()
{
    printf '%s:%s:%s:%s' "$1" "$2" "$(field public "$run_dir/$1")" "$run_dir/$1.jwt"
}

# load_is_at SECOND
load_is_at()
{
    wait_for_line "${pids[load]}" "$run_dir/load.log" "^at $1 s" "$SECONDS_OF_LOAD" ||
        fail "the load ended early" "$run_dir/load.log"
}

main()
{
    local orders_port
    [[ "${1:-}" != -h && "${1:-}" != --help ]] || { usage; exit 0; }
    [[ "$#" -ge 1 && -x "$1" ]] || { usage >&2; exit 64; }
    program=$1
    output=${2:-deploy/grafana/dashboard.png}
    declare -gA pids=([load]="" [prometheus]="" [orders]="" [jobs]="" [nats]="")
    run_dir=$(mktemp -d)
    trap stop_all EXIT
    trap 'exit 130' INT TERM
    make_keys
    start_nats_server -1 "$run_dir/nats.log" || fail "nats-server does not start" "$run_dir/nats.log"
    pids[nats]=$nats_pid
    start_provider orders 0 224mb
    pids[orders]=$provider_pid orders_port=$metrics_port
    start_provider jobs 0 16mb
    pids[jobs]=$provider_pid
    bind orders shop
    bind orders sessions
    bind jobs queue
    bind jobs tags
    start_prometheus "$orders_port" "$metrics_port"
    : >"$run_dir/load.log"
    tests/grafana/load.py --server "nats://127.0.0.1:$nats_port" --seconds "$SECONDS_OF_LOAD" "$(item shop orders)" \
        "$(item sessions orders)" "$(item queue jobs)" "$(item tags jobs)" >"$run_dir/load.log" 2>&1 &
    pids[load]=$!

    load_is_at 90
    printf 'the nats-server is away for five seconds\n'
    kill -0 "$nats_pid" || fail "the nats-server has ended by itself" "$run_dir/nats.log"
    stop_process "$nats_pid" || true
    pids[nats]=""
    load_is_at 95
    start_nats_server "$nats_port" "$run_dir/nats.log" || fail "nats-server does not start again" "$run_dir/nats.log"
    pids[nats]=$nats_pid
    load_is_at 190
    printf 'the provider of the jobs is started anew\n'
    stop_process "${pids[jobs]}" || fail "the provider did not end well" "$run_dir/jobs.log"
    start_provider jobs "$metrics_port" 16mb
    pids[jobs]=$provider_pid
    bind jobs queue
    bind jobs tags
    load_is_at $((SECONDS_OF_LOAD - 5))
    tests/grafana/draw.py --prometheus "http://127.0.0.1:$prometheus_port" --last "$((SECONDS_OF_LOAD - 20))s" --step 5 \
        "$output"
    printf 'drawn: %s\n' "$output"
}

main "$@"
