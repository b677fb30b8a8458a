#!/usr/bin/env bash
# The dashboard in deploy/grafana against a real provider that a real Prometheus scrapes: every query is understood and
# has data, every metric is there. Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/report.sh
source "$here/../lib/report.sh"
# shellcheck source=deploy/lib/local-servers.sh
source "$here/../../deploy/lib/local-servers.sh"

readonly BOARD=$here/../../deploy/grafana/wascc-keyvalue.json
# Debian's own, for which its python3-matplotlib is.
readonly PYTHON=/usr/bin/python3

if [[ "${1:-}" == -h || "${1:-}" == --help || "$#" -ne 1 ]]; then
    printf 'usage: tests/deploy/test_dashboard.sh PROGRAM\n\n'
    printf 'Needs nats-server, prometheus and python3; skips itself without. python3-matplotlib for the picture.\n'
    [[ "$#" -eq 1 ]] || exit 64
    exit 0
fi
[[ -x "$1" ]] || { printf 'test_dashboard: %s is not a program\n' "$1" >&2; exit 64; }
program=$(realpath "$1")

for tool in nats-server prometheus "$PYTHON"; do
    command -v "$tool" >/dev/null || {
        skip "dashboard: $tool is not on this machine"
        exit 0
    }
done

nats_pid="" provider_pid="" prometheus_pid="" traffic_pid=""
work=$(mktemp -d)

clean_up()
{
    local pid
    for pid in "$traffic_pid" "$provider_pid" "$prometheus_pid" "$nats_pid"; do
        [[ -z "$pid" ]] || stop_process "$pid" || true
    done
    rm -rf "$work"
}
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

# Without one of the servers there is nothing to test.
give_up()
{
    tail -n 20 "$2"
    not_ok "dashboard: $1"
    exit 1
}

# field FILE: the public key that keygen printed.
field()
{
    sed -n -E 's/.*"public":"([A-Z0-9]+)".*/\1/p' "$1"
}

start_provider()
{
    local log=$work/provider.log
    (
        umask 077
        "$program" keygen account >"$work/account"
        "$program" keygen module >"$work/actor"
        "$program" keygen host >"$work/host.json"
    )
    "$program" token --issuer-seed "$work/account" --subject "$(field "$work/actor")" --cap wascc:keyvalue >"$work/claims"
    : >"$log"
    "$program" serve --server "$server" --trusted-issuer "$(field "$work/account")" \
        --trusted-host "$(field "$work/host.json")" --max-memory 64mb \
        --metrics-listen 127.0.0.1:0 </dev/null >"$log" 2>&1 &
    provider_pid=$!
    wait_for_line "$provider_pid" "$log" ' ready: ' 60 || give_up "the provider gets ready" "$log"
    page=127.0.0.1:$(sed -n -E 's/.*metrics: listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$log")
}

start_prometheus()
{
    local log=$work/prometheus.log port
    cat >"$work/prometheus.yml" <<CONFIG
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
  - job_name: wascc-keyvalue
    static_configs:
      - targets: ["$page"]
CONFIG
    : >"$log"
    prometheus --config.file "$work/prometheus.yml" --storage.tsdb.path "$work/tsdb" --web.listen-address 127.0.0.1:0 \
        </dev/null >"$log" 2>&1 &
    prometheus_pid=$!
    wait_for_line "$prometheus_pid" "$log" 'ready to receive web requests' 60 || give_up "prometheus starts" "$log"
    port=$(sed -n -E 's/.*Listening on.*address=127\.0\.0\.1:([0-9]+).*/\1/p' "$log")
    prometheus=http://127.0.0.1:$port
}

call()
{
    "$program" call --server "$server" --claims "$work/claims" "$@" >/dev/null 2>&1 || true
}

# Goes on until it is stopped, so that there is always a rate to see.
make_traffic()
{
    trap 'exit 0' TERM
    while kill -0 "$provider_pid" 2>/dev/null; do
        call Set '{"key":"scalar","value":"1"}'
        call Set '{"key":"short-lived","value":"1","expires_s":1}'
        call Get '{"key":"scalar"}'
        call Add '{"key":"counter","value":1}'
        call Push '{"key":"list","value":"1"}'
        call SetAdd '{"key":"set","value":"1"}'
        call Push '{"key":"scalar","value":"1"}' # 409
    done
}

check_board()
{
    timeout 180 "$PYTHON" "$here/check_dashboard.py" --prometheus "$prometheus" --page "http://$page/metrics" "$@"
}

# The test must notice what it is for: a metric that is not there any more, and one that lost a label.
notices()
{
    local name=$1 change=$2
    sed -E "$change" "$BOARD" >"$work/changed.json"
    if cmp -s "$BOARD" "$work/changed.json"; then
        not_ok "dashboard: $name is noticed (the dashboard has nothing to change)"
    elif check_board --patience 0 "$work/changed.json" >"$work/changed.log" 2>&1; then
        not_ok "dashboard: $name is noticed"
    elif ! grep -q '^not ok' "$work/changed.log"; then
        cat "$work/changed.log"
        not_ok "dashboard: $name is noticed (the check itself failed)"
    else
        ok "dashboard: $name is noticed"
    fi
}

# The commands that the panels' descriptions give do what they say, where README's example left host.json.
runs_what_it_says()
{
    local line count=0
    "$PYTHON" - "$BOARD" >"$work/commands" <<'PROGRAM'
import json, re, sys
for panel in json.load(open(sys.argv[1]))["panels"]:
    for command in re.findall(r"`(wascc-keyvalue [^`]*)`", panel.get("description", "")):
        print(command)
PROGRAM
    ln -sf "$program" "$work/wascc-keyvalue"
    while read -r line; do
        if ! (cd "$work" && PATH=$work:$PATH NATS_URL=$server bash -c "$line") >"$work/command.log" 2>&1 </dev/null; then
            cat "$work/command.log"
            not_ok "dashboard: $line"
            return
        fi
        count=$((count + 1))
    done <"$work/commands"
    if [[ "$count" -ge 6 ]]; then
        ok "dashboard: the commands of the descriptions run"
    else
        not_ok "dashboard: the descriptions give $count commands"
    fi
}

draws()
{
    if ! "$PYTHON" -c 'import matplotlib' 2>/dev/null; then
        skip "dashboard: the picture: python3-matplotlib is not on this machine"
    elif timeout 120 "$here/../grafana/draw.py" --prometheus "$prometheus" --last 30s "$work/picture.png" >"$work/draw.log" 2>&1 &&
        [[ "$(head -c 4 "$work/picture.png" | tail -c 3)" == PNG ]]; then
        ok "dashboard: the picture is drawn"
    else
        cat "$work/draw.log"
        not_ok "dashboard: the picture is drawn"
    fi
}

export PYTHONDONTWRITEBYTECODE=1
start_nats_server -1 "$work/nats.log" || give_up "nats-server starts" "$work/nats.log"
server=nats://127.0.0.1:$nats_port
start_provider
start_prometheus
make_traffic &
traffic_pid=$!
status=0
check_board "$BOARD" || status=$?
if [[ "$status" -eq 0 ]]; then
    notices "a renamed metric" 's/wascc_keyvalue_expired_keys_total/wascc_keyvalue_expired_total/'
    notices "a renamed label" 's/sum by \(kind\)/sum by (sort)/'
    notices "a query that is none" 's/topk\(10,/topk(10/'
elif [[ "$status" -ne 1 ]]; then
    not_ok "dashboard: the check ended with $status"
fi
runs_what_it_says
draws
[[ "$status" -eq 0 && "$failed" -eq 0 ]]
