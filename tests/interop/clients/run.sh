#!/usr/bin/env bash
# Runs the clients that build.sh has built from proto/*.proto, each against a provider of its own binding, and the examples of
# proto/examples, all against one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

usage()
{
    cat <<'USAGE'
usage: tests/interop/clients/run.sh PROGRAM [LANGUAGE...]

The clients of javascript, python, go and rust call every operation of PROGRAM, a wascc-keyvalue: what cases.json has, and
what wants code. The examples of these languages, java and c show what proto/README.md says. tests/interop/clients/build.sh makes
them first. Prints a line `ok LANGUAGE: WHAT`, `not ok LANGUAGE: WHAT`
or `skip LANGUAGE: REASON` a check.

exit: 0 all that ran passed; 1 a check failed; 64 a bad argument
USAGE
}

readonly BASE=wasmbus.provider.wascc.keyvalue ACTOR=MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM
readonly LANGUAGES=(javascript python go rust java c)
# What an example prints, each a regular expression of a line. VISIT is how many have run.
readonly SHOWN=('Get: .*hello.*' 'Push: 409 .*Push: the key holds another kind.*' 'Batch: .*VISIT.*hello.*' 'Watch: .*put.*hello.*'
    'Watch: .*sync.*' 'Watch: .*put.*goodbye.*')

# Called by the trap.
# shellcheck disable=SC2317
clean_up()
{
    stop_providers || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    rm -rf "$work"
}

stop_providers()
{
    local pid status=0
    for pid in "${providers[@]}"; do
        stop_process "$pid" || status=$?
    done
    providers=()
    return "$status"
}

fail()
{
    printf 'not ok %s\n' "$1"
    failures=$((failures + 1))
}

# start_provider BINDING [OPTION...]
start_provider()
{
    local log=$work/$1.log
    "$program" serve --server "$server" --binding "$@" </dev/null >"$log" 2>&1 &
    providers+=($!)
    wait_for_line $! "$log" ' ready: ' 60 || {
        cat "$log"
        return 1
    }
}

# member NAME: of the JSON object that keygen prints.
member()
{
    sed -n -E "s/.*\"$1\": ?\"([^\"]*)\".*/\1/p"
}

# The claims of one actor, and whom the provider has to trust for them.
make_claims()
{
    (umask 077 && "$program" keygen account >"$work/account")
    (umask 077 && member seed <"$work/account" >"$work/seed")
    issuer=$(member public <"$work/account")
    claims=$("$program" token --issuer-seed "$work/seed" --subject "$ACTOR" --cap wascc:keyvalue --expires-in 3600)
    printf '%s\n' "$claims" >"$work/claims"
}

# write_checks BINDING: what the client of that binding reads: where to ask, as whom, and what.
write_checks()
{
    printf '{"server":"%s","callers":{' "$server"
    printf '"actor":{"subject":"%s","claims":"%s"},' "$BASE.$1.$ACTOR" "$claims"
    printf '"nobody":{"subject":"%s","claims":""},' "$BASE.$1.$ACTOR"
    printf '"stranger":{"subject":"%s","claims":""},' "$BASE.$1.system"
    printf '"host":{"subject":"%s","claims":""}},"checks":' "$BASE.open.system"
    cat tests/interop/clients/cases.json
    printf '}\n'
}

# Prints, a word a line, how that language's client is run.
client()
{
    case "$1" in
    javascript) printf '%s\n' node build/clients/javascript/client.mjs ;;
    python) printf '%s\n' env PYTHONPATH=build/clients/python/lib:build/clients/python/stubs python3 tests/interop/clients/python/client.py ;;
    go) printf '%s\n' build/clients/go/client ;;
    rust) printf '%s\n' "${CARGO_TARGET_DIR:-build/cargo}/debug/keyvalue-client" ;;
    esac
}

# example LANGUAGE: how its example is run, likewise.
example()
{
    case "$1" in
    javascript) printf '%s\n' node build/clients/javascript/example.mjs ;;
    python) printf '%s\n' env PYTHONPATH=build/clients/python/lib:build/clients/python/stubs python3 proto/examples/python/example.py ;;
    go) printf '%s\n' build/clients/go-example/example ;;
    rust) printf '%s\n' "${CARGO_TARGET_DIR:-build/cargo}/debug/keyvalue-example" ;;
    java) printf '%s\n' java -cp 'build/clients/java/classes:build/clients/java/lib/*' Example ;;
    c) printf '%s\n' build/clients/c/example ;;
    esac
}

# result_of LANGUAGE: what came of making its client: ready, a reason to skip it, or a failure.
result_of()
{
    local lines
    if [[ "$1" != rust ]]; then
        cat "build/clients/$1/result" 2>/dev/null || printf 'tests/interop/clients/build.sh has not made its client\n'
        return
    fi
    lines=$(tests/interop/build.sh client example) || true
    if grep -m 1 '^not ok' <<<"$lines" || grep -m 1 '^skip' <<<"$lines"; then
        return
    fi
    printf 'ready\n'
}

run_client()
{
    local language=$1 command status=0
    mapfile -t command < <(client "$language")
    start_provider "$language" --auth claims --trusted-issuer "$issuer" || {
        fail "$language: the provider does not serve"
        return
    }
    write_checks "$language" >"$work/checks.json"
    timeout 120 "${command[@]}" "$work/checks.json" </dev/null >"$work/client.log" 2>&1 || status=$?
    cat "$work/client.log"
    [[ "$status" -eq 0 ]] || cat "$work/$language.log"
    if grep -q '^not ok' "$work/client.log"; then
        failures=$((failures + 1))
    elif [[ "$status" -ne 0 ]]; then
        fail "$language: its client ended with $status"
    elif ! grep -q '^ok' "$work/client.log"; then
        fail "$language: its client checked nothing"
    fi
}

# is_shown FILE: whether the lines are SHOWN's, in that order; those that an example prints of its Sets are let pass.
is_shown()
{
    local line i=0
    while read -r line; do
        [[ "$line" != "Set: "* ]] || continue
        [[ "$i" -lt "${#SHOWN[@]}" && "$line" =~ ^${SHOWN[$i]//VISIT/$visits}$ ]] || return 1
        i=$((i + 1))
    done <"$1"
    [[ "$i" -eq "${#SHOWN[@]}" ]]
}

run_example()
{
    local command status=0
    mapfile -t command < <(example "$1")
    visits=$((visits + 1))
    NATS_URL=$server WASCC_KEYVALUE_ACTOR=$ACTOR WASCC_KEYVALUE_CLAIMS=$work/claims timeout 120 "${command[@]}" </dev/null \
        >"$work/example.log" 2>&1 || status=$?
    if [[ "$status" -eq 0 ]] && is_shown "$work/example.log"; then
        printf 'ok %s: the example\n' "$1"
    else
        cat "$work/example.log"
        fail "$1: the example (it ended with $status)"
    fi
}

# "Each under 40 lines": whoever copies one has to read it.
examples_are_short()
{
    local file lines
    while read -r file; do
        lines=$(wc -l <"$file")
        [[ "$lines" -lt 40 ]] || fail "examples: $file has $lines lines"
    done < <(find proto/examples -type f -not -path '*/target/*')
}

run_language()
{
    [[ -z "$(client "$1")" ]] || run_client "$1"
    run_example "$1"
}

if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
    usage
    exit 0
fi
[[ "$#" -ge 1 && -x "$1" ]] || {
    usage >&2
    exit 64
}
program=$1
shift
[[ "$#" -gt 0 ]] || set -- "${LANGUAGES[@]}"

command -v nats-server >/dev/null || {
    printf 'skip clients nats-server is not on PATH\n'
    exit 0
}
failures=0 visits=0 nats_pid="" nats_port="" providers=()
work=$(mktemp -d)
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

start_nats_server -1 "$work/nats-server.log"
readonly server=nats://127.0.0.1:$nats_port
make_claims
start_provider open --auth none
start_provider default --auth claims --trusted-issuer "$issuer"
examples_are_short
for language; do
    result=$(result_of "$language")
    case "$result" in
    ready) run_language "$language" ;;
    skip*) printf 'skip %s: %s\n' "$language" "${result#skip }" ;;
    *) fail "$language: $result" ;;
    esac
done
stop_providers || fail "clients: the providers end with 0"
[[ "$failures" -eq 0 ]]
