#!/usr/bin/env bash
# What is in deploy/ to run the provider with: compose, Kubernetes, systemd, the man page and the completion. Each is checked by a
# tool that knows its format, and against the program itself: what `--help` prints must be in all of them, and nothing else.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a test; what lies behind them is shown on failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

if [[ "$#" -ne 1 || "$1" == -h || "$1" == --help ]]; then
    printf 'usage: tests/deploy/test_deploy.sh PROGRAM\n\nPROGRAM is the wascc-keyvalue of a build tree.\n'
    exit 0
fi
PROGRAM=$(realpath "$1")
readonly PROGRAM BUILD=${PROGRAM%/*}

# Above this, systemd-analyze's measure of what the unit leaves open, in tenths, is too much.
readonly MOST_EXPOSURE=15

failures=0
nats_pid="" provider_pid="" listener_pid="" members=()
work=$(mktemp -d)
log=$work/log

clean_up()
{
    stop_composed_cluster
    [[ -z "$provider_pid" ]] || stop_process "$provider_pid" || true
    [[ -z "$listener_pid" ]] || stop_process "$listener_pid" || true
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    rm -rf "$work"
}
trap 'status=$?; clean_up >/dev/null 2>&1; exit "$status"' EXIT
trap 'exit 130' INT TERM

# check NAME COMMAND...
check()
{
    local name=$1
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'ok %s\n' "$name"
    else
        tail -n 60 "$log"
        printf 'not ok %s\n' "$name"
        failures=$((failures + 1))
        return 1
    fi
}

# has NAME TOOL...: whether the tools are there; if not, says that the tests of that name are skipped.
has()
{
    local name=$1 tool
    shift
    for tool; do
        command -v "$tool" >/dev/null || {
            printf 'skip %s: %s is not on this machine\n' "$name" "$tool"
            return 1
        }
    done
}

# Prints a Python that has the modules; Debian's own may not be the first one in PATH.
python_with()
{
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" 2>/dev/null; then
            printf '%s\n' "$python"
            return
        fi
    done
    return 1
}

# --- What the program says of itself -----------------------------------------------------------------------------------

# Prints the names of the commands.
commands()
{
    "$PROGRAM" --help | sed -n -E 's/^  ([a-z]+) .*/\1/p'
}

# Prints the options of a command, such as --auth.
options()
{
    "$PROGRAM" "$1" --help | sed -n -E 's/^  (--[a-z-]+).*/\1/p'
}

# Prints the variables of a command's options, each option's own.
variables()
{
    "$PROGRAM" "$1" --help | sed -n -E 's/^ +\[(WASCC_KEYVALUE_[A-Z_]+).*/\1/p'
}

# Prints, for each option of a command, its variable, its default and its sentence as they stand in a file of variables,
# with tabs between. The help has the sentence in lines of its own, the default behind it and then the variables.
sentences()
{
    "$PROGRAM" "$1" --help | awk '
    /^  --/ { text = ""; values = $2 ~ /^[a-z|]+$/ ? $2 : "" }
    /^      \[/ {
        gsub(/[][]/, "", $1)
        initial = ""
        if (match(text, / \(default: .*\)$/)) {
            initial = substr(text, RSTART + 11, RLENGTH - 12)
            text = substr(text, 1, RSTART - 1)
        }
        gsub(/\|/, ", ", values)
        print $1 "\t" initial "\t" text (values == "" ? "" : ": " values) "."
    }
    /^      / { sub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }'
}

# Prints the same of a file of variables: the first paragraph of the comment above each of them.
sentences_in()
{
    awk -F = '
    /^#?WASCC_KEYVALUE_[A-Z_]+=/ { print (/^#/ ? substr($1, 2) : $1) "\t" (/^#/ ? $2 : "given") "\t" text }
    !/^# / && !/^#$/ { text = ""; more = 0 }
    /^#$/ { more = text != "" }
    /^# / && !more { text = text (text == "" ? "" : " ") substr($0, 3) }' "$@"
}

# has_the_sentences FILE...: each variable has its option's own sentence above it, and one that is not given shows the
# default where that is a value.
has_the_sentences()
{
    diff <(sentences serve | cut -f 1,3 | sort) <(sentences_in "$@" | cut -f 1,3 | sort) || return 1
    sentences serve | awk -F '\t' '
    NR == FNR { if ($2 !~ / / && $2 !~ /^(|none|off)$/) initial[$1] = $2; next }
    $2 != "given" && ($1 in initial) && $2 != initial[$1] { print $1 " is " initial[$1] " and not " $2; bad = 1 }
    END { exit bad }' - <(sentences_in "$@")
}

# Prints the variables that a file of them names, given or not.
variables_in()
{
    sed -n -E 's/^#?(WASCC_KEYVALUE_[A-Z_]+)=.*/\1/p' "$@"
}

# Prints such a file with everything in it given.
all_given()
{
    sed -E 's/^#(WASCC_KEYVALUE_[A-Z_]+=)/\1/' "$1"
}

# names_all_options FILE...: each option of serve is in the files, once; and nothing that is none.
names_all_options()
{
    diff <(variables serve | sort) <(variables_in "$@" | sort)
}

# The program takes every value that the files show as an example or default, a password or its file at a time: all that it
# refuses is an argument that serve does not take, which it looks at when it has read them. A file of options is not there.
takes_the_values()
{
    local assignments said without
    for without in PASSWORD PASSWORD_FILE; do
        mapfile -t assignments < <(for file; do all_given "$file"; done |
            grep '^WASCC_KEYVALUE_' | grep -v -E "^WASCC_KEYVALUE_(CONFIG|$without)=")
        said=$(env -i "${assignments[@]}" "$PROGRAM" serve argument 2>&1) || true
        printf '%s\n' "$said"
        [[ "$said" == "wascc-keyvalue: serve takes options only; see --help" ]] || return 1
    done
}

test_options()
{
    local name files
    # The names of files stand behind each other on purpose.
    # shellcheck disable=SC2086
    while read -r name files; do
        check "deploy: each option of serve can be given to $name" names_all_options $files || true
        check "deploy: $name has the sentence and default of each option" has_the_sentences $files || true
        check "deploy: serve takes the values that are shown for $name" takes_the_values $files || true
    done <<'FILES'
compose deploy/compose.env
Kubernetes deploy/kubernetes/wascc-keyvalue.env deploy/kubernetes/secret.env
systemd deploy/systemd/wascc-keyvalue.env
FILES
}

# --- What was built ----------------------------------------------------------------------------------------------------

says_its_revision()
{
    local revision
    revision=$(git describe --tags --always) || return 1
    "$PROGRAM" --version | tee "$work/version"
    grep -F " ($revision" "$work/version"
}

# Each file that names the version of the release names CMakeLists.txt's.
version_is_one()
{
    local version wrong
    version=$(sed -n -E 's/^project\(wascc-keyvalue VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt)
    [[ "$("$PROGRAM" --version)" == "wascc-keyvalue $version"* ]] && grep -x "ARG VERSION=$version" Dockerfile || return 1
    [[ "$(grep -r -h -E 'kubernetes.io/version: |newTag: ' deploy/kubernetes* | grep -c -F "$version")" -ge 8 ]] || return 1
    wrong=$(grep -r -E 'kubernetes.io/version: |newTag: ' deploy/kubernetes* | grep -v -E ": \"?$version\"?\$") || true
    printf '%s\n' "$wrong"
    [[ -z "$wrong" ]]
}

test_revision()
{
    check "deploy: the version is the same everywhere" version_is_one || true
    has "what was built" git || return 0
    check "deploy: the revision is found in a clone, in an archive and where it is given" tests/deploy/test_revision.sh || true
    git rev-parse HEAD >/dev/null 2>&1 || return 0
    check "deploy: --version has what git says of the source" says_its_revision || true
}

# --- compose -----------------------------------------------------------------------------------------------------------

readonly COMPOSE_VARIABLES=(PROVIDER_PASSWORD=p-secret HOST_PASSWORD=h-secret OPERATOR_PASSWORD=o-secret TRUSTED_ISSUER=A-issuer)

# Of the two that are there, the one that is looked at.
composition=compose.yaml

# compose FOLDER [NAME=VALUE...]: prints what compose makes of the folder's composition. No engine is needed for that.
compose()
{
    local folder=$1
    shift
    env -i PATH="$PATH" HOME="$work" "$@" "${COMPOSE[@]}" -f "$folder/$composition" config
}

compose_refuses_without_variables()
{
    local assignment others
    for assignment in "${COMPOSE_VARIABLES[@]}"; do
        mapfile -t others < <(printf '%s\n' "${COMPOSE_VARIABLES[@]}" | grep -v "^${assignment%%=*}=")
        if compose deploy "${others[@]}" >"$work/refusal" 2>&1; then
            printf '%s is not asked for\n' "${assignment%%=*}"
            return 1
        fi
        # The text that stands behind its :?.
        grep -F "$(sed -n -E "s/.*\\$\\{${assignment%%=*}:\\?([^}]+)\\}.*/\\1/p" "deploy/$composition" | head -n 1)" \
            "$work/refusal" || return 1
    done
}

# provider_environment FILE [SERVICE]: prints a service's environment out of what compose has printed, a NAME=VALUE a line.
provider_environment()
{
    awk -v service="${2:-provider}:" '
    /^  [a-z0-9-]+:$/ { provider = $1 == service }
    /^    [a-z_]+:/ { inside = provider && $1 == "environment:" }
    inside && /^      [A-Z]/ {
        sub(/^ +/, "")
        name = substr($0, 1, index($0, ":") - 1)
        value = substr($0, index($0, ":") + 2)
        gsub(/^["\047]|["\047]$/, "", value)
        print name "=" value
    }' "$1"
}

every_option_reaches_compose()
{
    cp -r deploy "$work/compose"
    all_given deploy/compose.env >"$work/compose/compose.env"
    compose "$work/compose" "${COMPOSE_VARIABLES[@]}" >"$work/compose.yaml" || return 1
    diff <(variables serve | sort) <(provider_environment "$work/compose.yaml" | sed 's/=.*//' | sort)
}

# Docker's own rules let what is published past most firewalls.
compose_publishes_on_loopback_only()
{
    awk '
    /^ +ports:$/ { inside = 1; next }
    / ports: \[.*\]$/ { count++; if ($2 !~ /^\["127\.0\.0\.1:([0-9]+|\$\{[A-Z]+_PORT:-[0-9]+\}):[0-9]+"\]$/) { print; bad = 1 }; next }
    inside && /^ +- / { count++; if ($2 !~ /^127\.0\.0\.1:([0-9]+|\$\{[A-Z]+_PORT:-[0-9]+\}):[0-9]+$/) { print; bad = 1 }; next }
    { inside = 0 }
    END { exit bad || count == 0 }' "deploy/$composition"
}

compose_hides_nothing_in_files()
{
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        [[ "$line" =~ (PASSWORD|SEED|SECRET|TOKEN):\ \$\{[A-Z_]+:\?[^}]+\}$ ]] || return 1
    done < <(grep -E '^ +[A-Z_]*(PASSWORD|SEED|SECRET|TOKEN)[A-Z_]*:' "deploy/$composition")
    ! grep -E '^WASCC_KEYVALUE_(PASSWORD|NKEY|CREDS)=' deploy/compose.env
}

# The provider as compose starts it, for a nats-server as compose starts it, each without its container.
start_as_composed()
{
    local environment port
    compose deploy "${COMPOSE_VARIABLES[@]}" TRUSTED_ISSUER="$issuer" TRUSTED_HOST="$(public_key "$work/host.json")" >"$work/composed.yaml" || return 1
    mapfile -t environment < <(provider_environment "$work/composed.yaml")
    port=$nats_port
    composed=(env -i "${environment[@]}" "WASCC_KEYVALUE_SERVER=nats://127.0.0.1:$port"
        WASCC_KEYVALUE_METRICS_LISTEN=127.0.0.1:0)
    start_provider "${composed[@]}"
}

# The health check is the Dockerfile's.
composed_is_healthy()
{
    local arguments
    mapfile -t arguments < <(sed -n -E 's/^HEALTHCHECK .* CMD (\[.*\])$/\1/p' Dockerfile | grep -o '"[^"]*"' | tr -d '"')
    [[ "${arguments[0]}" == wascc-keyvalue ]] || return 1
    "${composed[@]}" "$PROGRAM" "${arguments[@]:1}"
}

# As the NATS user whose permissions and inbox prefix are those of nats/server.conf, with the signature of TRUSTED_HOST.
composed_answers_operators()
{
    local operator=(env -i NATS_USER=operator NATS_PASSWORD=o-secret NATS_INBOX_PREFIX=_INBOX.operator
        "NATS_URL=nats://127.0.0.1:$nats_port" "$PROGRAM") operation
    "${operator[@]}" health || return 1
    "${operator[@]}" top --count 2 --interval 100ms | grep ' state=serving ' || return 1
    for operation in Slowlog Keys Bindings LogLevel Members; do
        "${operator[@]}" call --host-seed "$work/host.json" "$operation" '{}' || return 1
    done
    "${operator[@]}" call --host-seed "$work/host.json" Inspect '{"key":"a"}'
}

# http PATH: prints the first line of the answer at the provider's own port.
http()
{
    local port line
    port=$(sed -n -E 's/.*metrics: listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$work/provider.log")
    [[ -n "$port" ]] || return 1
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
    IFS= read -r line <&3
    exec 3>&-
    printf '%s\n' "$line"
}

# What Prometheus and the probes of Kubernetes ask for.
metrics_are_where_they_are_looked_for()
{
    local path
    for path in /metrics /livez /readyz; do
        http "$path" | grep -E '^HTTP/1\.1 200 ' || return 1
    done
}

# --- compose-env.sh -----------------------------------------------------------------------------------------------------

# A copy of deploy/, in which it writes.
make_walk()
{
    local i
    mkdir "$work/walk"
    cp -r deploy "$work/walk/"
    rm -rf "$work/walk/deploy/.env" "$work/walk/deploy/files"
    for i in 1 2 3; do
        (umask 077 && "$PROGRAM" keygen module >"$work/walk/actor$i.json")
    done
    "$work/walk/deploy/compose-env.sh" "$work/account.json" "$(public_key "$work/host.json")" "$work/walk/actor1.json"
}

# The passwords that are there stay; who reads over a shoulder, or a repository, gets none.
walk_takes_another_actor()
{
    local before file walk=$work/walk/deploy
    before=$(grep PASSWORD "$walk/.env")
    "$walk/compose-env.sh" "$work/account.json" "$work/host.json" "$work/walk/actor1.json" "$work/walk/actor2.json" || return 1
    [[ "$(grep PASSWORD "$walk/.env")" == "$before" && "$(stat -c %a "$walk/.env")" == 600 ]] || return 1
    [[ "$(grep -c -E '^[A-Z]+_PASSWORD=p[0-9a-f]{32}$' "$walk/.env")" -eq 3 ]] || return 1
    ! grep -F -f <(cut -d = -f 2 <<<"$before") "$walk/files/server.conf" && ! git diff --no-index --quiet deploy "$walk" || return 1
    diff <(git diff --no-index --name-only deploy "$walk" | sed 's,.*/deploy/,,' | sort) <(printf '%s\n' .env files/server.conf | sort)
    ! git rev-parse HEAD >/dev/null 2>&1 || for file in deploy/.env deploy/files/server.conf account.json actor.jwt prometheus.yml; do
        git check-ignore "$file" || return 1
    done
}

# The server has the permissions of both actors, and of no third.
walk_lets_both_in()
{
    local assignments i said
    mapfile -t assignments <"$work/walk/deploy/.env"
    # As long as this function lasts.
    local -x "${assignments[@]}"
    start_nats_server -1 "$work/nats-server.log" -c "$work/walk/deploy/files/server.conf" || return 1
    start_provider env -i "WASCC_KEYVALUE_SERVER=nats://127.0.0.1:$nats_port" NATS_USER=provider WASCC_KEYVALUE_AUTH=none \
        "NATS_PASSWORD=$(sed -n 's/^PROVIDER_PASSWORD=//p' "$work/walk/deploy/.env")" || return 1
    for i in 1 2 3; do
        said=$(env -i NATS_USER=host "NATS_PASSWORD=$(sed -n 's/^HOST_PASSWORD=//p' "$work/walk/deploy/.env")" NATS_INBOX_PREFIX=_INBOX.host \
            "NATS_URL=nats://127.0.0.1:$nats_port" "$PROGRAM" call --actor "$(public_key "$work/walk/actor$i.json")" --timeout 2s \
            Add '{"key":"a","value":1}' 2>&1) || true
        printf '%s\n' "$said"
        if [[ "$i" -eq 3 ]]; then
            [[ "$said" == *"Permissions Violation"* ]] || return 1
        else
            [[ "$said" == "{\"value\":$i}" || "$said" == '{"value":1}' ]] || return 1
        fi
    done
}

walk_is_composed()
{
    local folder=$work/walk/deploy file
    for file in compose.yaml compose.jetstream.yaml; do
        (cd "$folder" && env -i PATH="$PATH" HOME="$work" "${COMPOSE[@]}" -f "$file" config) >"$work/walk/composed" || return 1
        grep -F "files/server.conf" "$work/walk/composed" || return 1
        # A service that is away after a reboot serves nobody.
        [[ "$(grep -c -E '^    restart: ' "$work/walk/composed")" -eq "$(grep -c -x '    restart: unless-stopped' "$work/walk/composed")" ]] &&
            [[ "$(grep -c -x '    restart: unless-stopped' "$work/walk/composed")" -eq \
                "$(sed -n '/^services:/,/^[a-z-]*:$/p' "$work/walk/composed" | grep -c -E '^    image: ')" ]] || return 1
    done
}

walk_refuses()
{
    local status=0
    "$work/walk/deploy/compose-env.sh" "$@" >"$work/said" 2>&1 || status=$?
    cat "$work/said"
    [[ "$status" -eq 64 ]]
}

test_walk()
{
    check "compose-env.sh makes deploy/.env" make_walk || return 0
    check "compose-env.sh takes another actor, and shows no secret" walk_takes_another_actor || true
    check "compose-env.sh refuses a key of another kind" walk_refuses "$work/account.json" "$work/account.json" "$work/walk/actor1.json" || true
    check "compose-env.sh wants an actor" walk_refuses "$work/account.json" "$work/host.json" || true
    if [[ -n "${COMPOSE[*]:-}" ]]; then
        check "compose-env.sh: compose reads what it has made, and restarts everything after a reboot" walk_is_composed || true
    fi
    has "compose-env.sh's permissions" nats-server || return 0
    check "compose-env.sh: both actors are let in, and no other" walk_lets_both_in || true
}

# --- Compose with the engine jetstream ---------------------------------------------------------------------------------

# What three of something must have in common, and what each has of its own.
composed_cluster_fits_together()
{
    local i
    for i in 1 2 3; do
        provider_environment "$work/cluster.yaml" "nats-$i" >"$work/nats-$i.env"
        provider_environment "$work/cluster.yaml" "provider-$i" >"$work/provider-$i.env"
        grep -x "SERVER_NAME=nats-$i" "$work/nats-$i.env" && grep -x WASCC_KEYVALUE_ENGINE=jetstream "$work/provider-$i.env" &&
            grep -E "^WASCC_KEYVALUE_SERVER=nats://nats-$i:4222,nats://nats-.:4222,nats://nats-.:4222$" "$work/provider-$i.env" &&
            grep -F "nats-$i:/data" "deploy/$composition" && grep -x -E "ROUTE_$i=nats://route:.+@nats-$i:6222" "$work/nats-1.env" &&
            grep -F "\"provider-$i:9464\"" deploy/prometheus.jetstream.yml || return 1
        diff <(grep -v _SERVER= "$work/provider-1.env") <(grep -v _SERVER= "$work/provider-$i.env") || return 1
    done
    [[ "$(cut -d , -f 2 "$work"/provider-?.env | grep -c 'nats://')" -eq 3 ]] && grep -F 'store_dir: "/data"' deploy/nats/jetstream.conf
}

# Server I as composed, without its container: what is other are the places, and what a server before 2.10 does not know.
start_composed_member()
{
    local i=$1 assignments folder=$work/member-$1
    mkdir -p "$folder"
    cp deploy/nats/server.conf "$folder"
    sed -E -e "s,\"/data\",\"$folder/data\"," -e "s,0\.0\.0\.0:6222,127.0.0.1:$((cluster_port + i + 2))," \
        deploy/nats/jetstream.conf >"$folder/jetstream.conf"
    [[ "$(nats-server --version)" != *v2.9.* ]] || sed -i '/^  sync_interval: always$/d' "$folder/jetstream.conf"
    mapfile -t assignments < <(sed -E -e "s,nats-1:6222,127.0.0.1:$((cluster_port + 3)),; s,nats-2:6222,127.0.0.1:$((cluster_port + 4)),; \
        s,nats-3:6222,127.0.0.1:$((cluster_port + 5))," "$work/nats-$i.env")
    (
        export "${assignments[@]}"
        start_nats_server $((cluster_port + i - 1)) "$folder/log" -c "$folder/jetstream.conf" && printf '%s\n' "$nats_pid" >"$folder/pid"
    ) || {
        cat "$folder/log"
        return 1
    }
}

start_composed_cluster()
{
    local i
    cluster_port=$(free_ports 24222) || return 1
    for i in 1 2 3; do
        start_composed_member "$i" || return 1
    done
}

composed_cluster_serves()
{
    local i environment url
    for i in 1 2 3; do
        mapfile -t environment <"$work/provider-$i.env"
        : >"$work/member-$i/provider.log"
        env -i "${environment[@]}" "WASCC_KEYVALUE_SERVER=nats://127.0.0.1:$((cluster_port + i - 1))" \
            WASCC_KEYVALUE_METRICS_LISTEN=127.0.0.1:0 "$PROGRAM" serve >"$work/member-$i/provider.log" 2>&1 </dev/null &
        members+=("$!")
    done
    for i in 1 2 3; do
        wait_for_line "${members[i - 1]}" "$work/member-$i/provider.log" ' ready: ' 120 || {
            cat "$work/member-$i/provider.log"
            return 1
        }
    done
    for i in 1 2 3; do
        url=nats://127.0.0.1:$((cluster_port + i - 1))
        env -i NATS_USER=operator NATS_PASSWORD=o-secret NATS_INBOX_PREFIX=_INBOX.operator "NATS_URL=$url" \
            "$PROGRAM" call --host-seed "$work/host.json" --timeout 10s Members '{}' >"$work/said" 2>&1 || true
        cat "$work/said"
        [[ "$(grep -o '"instance"' "$work/said" | wc -l)" -eq 3 ]] || return 1
    done
    ! grep -i violation "$work"/member-?/log
}

# A server without the routes' password would be one of them, with all data and nobody's permissions.
composed_cluster_refuses_a_stranger()
{
    local folder=$work/stranger
    mkdir -p "$folder"
    nats-server -a 127.0.0.1 -p -1 -js -sd "$folder" --name stranger --cluster_name wascc-keyvalue --cluster nats://127.0.0.1:-1 \
        --routes "nats://127.0.0.1:$((cluster_port + 3))" >"$folder/log" 2>&1 </dev/null &
    members+=("$!")
    wait_for_line "$!" "$folder/log" "Authorization Violation" 30 || {
        cat "$folder/log"
        return 1
    }
}

stop_composed_cluster()
{
    local pid
    for pid in "${members[@]}"; do
        stop_process "$pid" || true
    done
    members=()
    for pid in "$work"/member-?/pid; do
        [[ -e "$pid" ]] || continue
        kill -TERM "$(<"$pid")" 2>/dev/null || true
        timeout 30 tail -f -s 0.1 --pid="$(<"$pid")" /dev/null || kill -KILL "$(<"$pid")" || true
        rm "$pid"
    done
}

test_composed_cluster()
{
    local composition=compose.jetstream.yaml
    check "compose with jetstream: the file conforms" compose deploy "${COMPOSE_VARIABLES[@]}" || return 0
    check "compose with jetstream: what it must be told is asked for" compose_refuses_without_variables || true
    check "compose with jetstream: ports are published on loopback only" compose_publishes_on_loopback_only || true
    check "compose with jetstream: no secret is in a file" compose_hides_nothing_in_files || true
    compose deploy "${COMPOSE_VARIABLES[@]}" TRUSTED_ISSUER="$issuer" TRUSTED_HOST="$(public_key "$work/host.json")" >"$work/cluster.yaml"
    check "compose with jetstream: three servers and three providers fit together" composed_cluster_fits_together || return 0
    has "compose with jetstream: running" nats-server || return 0
    if check "compose with jetstream: three servers start" start_composed_cluster; then
        check "compose with jetstream: three providers serve, with the permissions of nats/server.conf" composed_cluster_serves || true
        check "compose with jetstream: a server without the password is none of them" composed_cluster_refuses_a_stranger || true
    fi
    stop_composed_cluster >/dev/null 2>&1
}

test_compose()
{
    local program
    # Without docker's own program its plugin can still be run by itself.
    program=$(command -v docker-compose || command -v /usr/libexec/docker/cli-plugins/docker-compose) || {
        printf 'skip compose: docker-compose is not on this machine\n'
        return
    }
    COMPOSE=("$program")
    test_composed_cluster
    check "compose: the file conforms" compose deploy "${COMPOSE_VARIABLES[@]}" || return 0
    check "compose: what it must be told is asked for" compose_refuses_without_variables || true
    check "compose: every option of serve reaches the provider" every_option_reaches_compose || true
    check "compose: ports are published on loopback only" compose_publishes_on_loopback_only || true
    check "compose: no secret is in a file" compose_hides_nothing_in_files || true
    has "compose: running" nats-server || return 0
    check "compose: its nats-server starts" start_composed_server || return 0
    check "compose: the provider gets ready with it" start_as_composed || return 0
    check "compose: the image's health check succeeds" composed_is_healthy || true
    check "compose: an operator's questions are answered" composed_answers_operators || true
    if options serve | grep -x -e --metrics-listen >/dev/null; then
        check "compose: metrics and probes answer" metrics_are_where_they_are_looked_for || true
    else
        printf 'skip compose: serve has no --metrics-listen\n'
    fi
    check "compose: SIGTERM ends the provider with 0" stop_provider || true
    stop_server
}

# Every metric of the rules is a row of the table of figures.
alerts_are_of_the_page()
{
    local name found=0
    while read -r name; do
        grep -q -F "PREFIX \"$name\"" src/report/figures.c || { printf '%s\n' "$name"; return 1; }
        found=$((found + 1))
    done < <(grep -o -E 'wascc_keyvalue_[a-z0-9_]+' deploy/alerts.yml | sed 's/^wascc_keyvalue_//; s/_bucket$//' | sort -u)
    [[ "$found" -ge 25 ]]
}

# Every row of the page's table of what to alert on has a rule.
alerts_cover_the_page()
{
    local name found=0
    while read -r name; do
        found=$((found + 1))
        grep -q -E "(^|[^a-z_])$name([^a-z]|_bucket)" deploy/alerts.yml || { printf '%s has no rule\n' "$name"; return 1; }
    done < <(sed -n -E 's/^\| `([a-z_]+)[^|]*\| [^|]+ \| [^|]+ \|$/\1/p' deploy/docs/observing.md | grep -E '^(wascc_keyvalue|process)_')
    [[ "$found" -ge 20 ]]
}

test_prometheus()
{
    has "prometheus.yml" promtool || return 0
    check "prometheus.yml: the file conforms" promtool check config deploy/prometheus.yml || true
    check "alerts.yml: each alert fires, and none where all is well" promtool test rules tests/deploy/alerts_test.yml || true
    check "alerts.yml: its metrics are on the page" alerts_are_of_the_page || true
    check "alerts.yml: each row of observing.md has a rule" alerts_cover_the_page || true
    check "prometheus.jetstream.yml: the file conforms" promtool check config deploy/prometheus.jetstream.yml || true
}

# --- Kubernetes --------------------------------------------------------------------------------------------------------

# render FOLDER: prints what kustomize makes of the folder. Debian 12's kubectl knows one file of variables, under an older name.
render()
{
    if ! kubectl kustomize "$1" >"$work/rendered" 2>"$work/render.err"; then
        grep -q 'unknown field "envs"' "$work/render.err" || {
            cat "$work/render.err" >&2
            return 1
        }
        rm -rf "$work/older"
        cp -r "$1" "$work/older"
        sed -i -E 's/^    envs: \[(.*)\]$/    env: \1/' "$work/older/kustomization.yaml"
        kubectl kustomize "$work/older" >"$work/rendered" || return 1
    fi
    cat "$work/rendered"
}

every_option_reaches_kubernetes()
{
    local file
    cp -r deploy/kubernetes "$work/kubernetes"
    for file in wascc-keyvalue.env secret.env; do
        all_given "deploy/kubernetes/$file" >"$work/kubernetes/$file"
    done
    render "$work/kubernetes" >"$work/all.yaml" || return 1
    diff <(variables serve | sort) <(sed -n -E 's/^  (WASCC_KEYVALUE_[A-Z_]+): .*/\1/p' "$work/all.yaml" | sort)
}

# The merge that kustomization.yaml's comment shows.
an_overlay_merges()
{
    mkdir -p "$work/overlay/base"
    cp -r deploy/kubernetes/* "$work/overlay/base"
    sed -n -E 's/^#   (.*)/\1/p' deploy/kubernetes/kustomization.yaml |
        sed -E 's,^( *- )https://.*/deploy/kubernetes,\1base,' >"$work/overlay/kustomization.yaml"
    printf 'WASCC_KEYVALUE_PASSWORD=p-secret\n' >"$work/overlay/secret.env"
    kubectl kustomize "$work/overlay" >"$work/overlay.yaml" || return 1
    grep -E '^  WASCC_KEYVALUE_TRUSTED_ISSUER: A' "$work/overlay.yaml" &&
        grep -E '^  WASCC_KEYVALUE_SERVER: ' "$work/overlay.yaml" &&
        grep -E "^  WASCC_KEYVALUE_PASSWORD: $(printf p-secret | base64)\$" "$work/overlay.yaml" &&
        grep -E '^  namespace: lattice$' "$work/overlay.yaml" &&
        grep -E 'image: registry.example/wascc-keyvalue:' "$work/overlay.yaml" && podmonitor_selects "$work/overlay.yaml"
}

# The kind is none of Kubernetes' own, whose client knows nothing of it: so it is held against the pod.
podmonitor_selects()
{
    local python
    python=$(python_with yaml) || return 0
    "$python" - "$1" <<'PYTHON'
import sys, yaml
documents = {document["kind"]: document for document in yaml.safe_load_all(open(sys.argv[1], encoding="utf-8"))}
monitor, template = documents["PodMonitor"], documents["Deployment"]["spec"]["template"]
assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
assert monitor["metadata"]["namespace"] == documents["Deployment"]["metadata"]["namespace"]
assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
assert template["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "wascc-keyvalue"
ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
assert [endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]] == ports
assert monitor["spec"]["podMetricsEndpoints"][0]["path"] == template["metadata"]["annotations"]["prometheus.io/path"]
PYTHON
}

test_kubernetes()
{
    local python=""
    has "kubernetes" kubectl || return 0
    check "kubernetes: kustomize renders it" render deploy/kubernetes || return 0
    cp "$work/rendered" "$work/kubernetes.yaml"
    if python=$(python_with kubernetes,yaml); then
        check "kubernetes: what is rendered conforms and fits together" \
            "$python" tests/deploy/check_kubernetes.py "$work/kubernetes.yaml" || true
    else
        printf 'skip kubernetes: conformance: python3-kubernetes is not on this machine\n'
    fi
    check "kubernetes: every option of serve reaches the provider" every_option_reaches_kubernetes || true
    if [[ -e "$work/older" ]]; then
        printf 'skip kubernetes: an overlay: this kubectl is too old for it\n'
    else
        check "kubernetes: the overlay of its comment renders" an_overlay_merges || true
        check "kubernetes with jetstream: kustomize renders it" render deploy/kubernetes-jetstream || return 0
        cp "$work/rendered" "$work/kubernetes-jetstream.yaml"
        [[ -z "$python" ]] || check "kubernetes with jetstream: what is rendered conforms and fits together" \
            "$python" tests/deploy/check_kubernetes.py "$work/kubernetes-jetstream.yaml" || true
    fi
}

# --- Installed: systemd, man page, completion -----------------------------------------------------------------------------

install_all()
{
    cmake --install "$BUILD" --prefix "$installed"
    [[ -x "$installed/bin/wascc-keyvalue" && -f "$unit" && -f "$installed/share/man/man1/wascc-keyvalue.1" &&
        -f "$installed/share/bash-completion/completions/wascc-keyvalue" &&
        -f "$installed/share/zsh/site-functions/_wascc-keyvalue" &&
        -f "$installed/share/zsh/vendor-completions/_wascc-keyvalue" &&
        -f "$installed/share/fish/vendor_completions.d/wascc-keyvalue.fish" &&
        -f "$installed/share/doc/wascc-keyvalue/wascc-keyvalue.env" &&
        -f "$installed/share/wascc-keyvalue/proto/examples/go/client.go" ]] &&
        cmp proto/keyvalue.proto "$installed/share/wascc-keyvalue/proto/keyvalue.proto"
}

unit_names_the_installed_program()
{
    grep -x -F "ExecStart=$installed/bin/wascc-keyvalue serve" "$unit"
}

# The program tells systemd when it is ready.
unit_waits_for_the_program()
{
    grep -x Type=notify "$unit"
}

unit_verifies()
{
    local status=0
    SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$unit" >"$work/verify" 2>&1 || status=$?
    cat "$work/verify"
    # What is said of the machine's other units is not ours.
    [[ "$status" -eq 0 ]] && ! grep wascc-keyvalue "$work/verify"
}

# With the drop-in beside it, as systemctl would find it.
unit_verifies_with_its_drop_in()
{
    mkdir -p "$work/units/wascc-keyvalue.service.d"
    cp "$unit" "$work/units"
    cp "$installed/share/doc/wascc-keyvalue/jetstream.conf" "$work/units/wascc-keyvalue.service.d"
    unit=$work/units/wascc-keyvalue.service unit_verifies
}

# What it gives to the engine: 70 is an end, as 64 and 69 are.
drop_in_ends_at_70()
{
    grep -x RestartPreventExitStatus=70 deploy/systemd/jetstream.conf &&
        grep -x Environment=WASCC_KEYVALUE_ENGINE=jetstream deploy/systemd/jetstream.conf
}

unit_is_closed()
{
    systemd-analyze security --offline=yes --no-pager --threshold="$MOST_EXPOSURE" "$unit"
}

# In seconds, as they stand in the unit.
unit_stops_after_the_drain()
{
    local stop drain
    stop=$(sed -n -E 's/^TimeoutStopSec=([0-9]+)s$/\1/p' "$unit")
    drain=$("$PROGRAM" serve --help | grep -A 2 -e --drain-timeout | sed -n -E 's/.*default: ([0-9]+)s.*/\1/p')
    printf 'stop %s, drain %s\n' "$stop" "$drain"
    ((stop > drain))
}

# The sequence of messages that systemd gets over a run: ready, reloading and ready again, stopping.
unit_s_program_notifies()
{
    local python messages=$work/messages socket=$work/notify
    python=$(python_with socket) || return 1
    : >"$messages"
    "$python" -u -c 'import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
print("listening")
count = 0
while True:
    for line in manager.recv(4096).decode().splitlines():
        if line in ("READY=1", "RELOADING=1", "STOPPING=1"):
            count += 1
            print(count, line)' "$socket" >"$messages" &
    listener_pid=$!
    wait_for_line "$listener_pid" "$messages" '^listening$' 30 || return 1
    start_provider env -i "NOTIFY_SOCKET=$socket" "${systemd_environment[@]}" WASCC_KEYVALUE_AUTH=claims \
        "WASCC_KEYVALUE_TRUSTED_ISSUER=$issuer" "WASCC_KEYVALUE_SERVER=nats://127.0.0.1:$nats_port" || return 1
    wait_for_line "$listener_pid" "$messages" '^1 READY=1$' 30 || return 1
    kill -HUP "$provider_pid"
    wait_for_line "$listener_pid" "$messages" '^3 ' 30 || return 1
    stop_provider || return 1
    wait_for_line "$listener_pid" "$messages" '^4 ' 30 || return 1
    cat "$messages"
    [[ "$(paste -s -d ' ' "$messages")" == "listening 1 READY=1 2 RELOADING=1 3 READY=1 4 STOPPING=1" ]]
}

# filter_group GROUP: prints the system calls of one of systemd's groups, those of the groups within it included.
filter_group()
{
    local line
    while read -r line; do
        case "$line" in
        "$1" | '#'* | '') ;;
        @*) filter_group "$line" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done < <(systemd-analyze syscall-filter "$1")
}

# Prints the system calls that the unit permits. With ~, a line takes away what others gave.
permitted_calls()
{
    local line group
    while read -r line; do
        for group in ${line#\~}; do
            filter_group "$group" | sed "s/^/${line:0:1} /"
        done
    done < <(sed -n -E 's/^SystemCallFilter=//p' "$unit") | awk '
        $1 == "~" { taken[$2] } $1 != "~" { given[$2] }
        END { for (call in given) if (!(call in taken)) print call }' | sort
}

# The provider's own calls over a run with a request, a reload and a drain: what comes before it is executed is not its own.
unit_permits_what_the_program_calls()
{
    local used=$work/used
    start_provider strace -f -qq -o "$work/trace" -- env -i WASCC_KEYVALUE_AUTH=none \
        "WASCC_KEYVALUE_SERVER=nats://localhost:$nats_port" WASCC_KEYVALUE_METRICS_LISTEN=127.0.0.1:0 || return 1
    "$PROGRAM" call --server "nats://127.0.0.1:$nats_port" Set '{"key":"a","value":"1","expires_s":60}' || return 1
    # strace keeps signals to itself; its child is the provider.
    kill -HUP "$(tr -d ' ' <"/proc/$provider_pid/task/$provider_pid/children")"
    kill -TERM "$(tr -d ' ' <"/proc/$provider_pid/task/$provider_pid/children")"
    stop_provider || return 1
    awk -v program="$PROGRAM" 'index($0, "execve(\"" program "\"") { found = 1 } found' "$work/trace" |
        sed -n -E 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' | sort -u >"$used"
    grep -q -x signalfd4 "$used" || {
        printf 'the trace is not that of the provider\n'
        return 1
    }
    [[ -z "$(comm -23 "$used" <(permitted_calls) | tee /dev/stderr)" ]]
}

test_systemd()
{
    check "systemd: the unit names the program that was installed" unit_names_the_installed_program || true
    check "systemd: the drop-in for jetstream ends at 70" drop_in_ends_at_70 || true
    check "systemd: the unit waits until it is ready" unit_waits_for_the_program || true
    check "systemd: the unit gives time for the drain" unit_stops_after_the_drain || true
    if has "systemd: the unit" systemd-analyze; then
        check "systemd: the unit verifies" unit_verifies || true
        check "systemd: the unit verifies with the drop-in for jetstream" unit_verifies_with_its_drop_in || true
        if systemd-analyze --help | grep -e --threshold >/dev/null; then
            check "systemd: the unit leaves little open" unit_is_closed || true
        else
            printf 'skip systemd: this systemd-analyze cannot look at a file\n'
        fi
    fi
    if has "systemd: system calls" systemd-analyze strace nats-server; then
        if strace -o "$work/trace" true 2>/dev/null; then
            start_nats_server -1 "$work/nats-server.log"
            check "systemd: the unit permits what the program calls" unit_permits_what_the_program_calls || true
            stop_server
        else
            printf 'skip systemd: system calls: nothing may be traced here\n'
        fi
    fi
    if has "systemd: notifications" nats-server python3; then
        mapfile -t systemd_environment < <(grep '^WASCC_KEYVALUE_' deploy/systemd/wascc-keyvalue.env || true)
        start_nats_server -1 "$work/nats-server.log"
        check "systemd: it is told of start, reload and stop" unit_s_program_notifies || true
        stop_server
    fi
}

readonly PAGE=$BUILD/wascc-keyvalue.1

# item COMMAND OPTION: prints what the page has of an option, in the command's own section or that of the connection.
item()
{
    awk -v command="$1" -v option="${2#-}" '
    /^\.S[sh] / { inside = $0 == ".Ss " command || $0 == ".Ss Options of the connection"; found = 0 }
    /^\.(It|El)/ { found = inside && $2 == "Fl" && $3 == option }
    found' "$PAGE"
}

# Each option of each command, with its variables and its default.
page_has_every_option()
{
    local name option help text word
    for name in $(commands); do
        grep -q -x -F ".Ss $name" "$PAGE" || {
            printf 'the page has no section on %s\n' "$name"
            return 1
        }
        for option in $(options "$name"); do
            [[ "$option" != --help ]] || continue
            text=$(item "$name" "$option")
            # This option's lines of the help, up to the next one.
            help=$("$PROGRAM" "$name" --help | awk -v option="$option" '
                /^  --/ { found = $1 == option } found && /^      \[/ { print text; print } found { text = text " " $0 }')
            printf '%s %s\n%s\n' "$name" "$option" "$text"
            # Its variables, and a default that is a value; one that is words is said in other words.
            while read -r word; do
                [[ "$word" != *' '* ]] || continue
                grep -q -w -F -e "$word" <<<"$text" || {
                    printf 'its %s is not in the page\n' "$word"
                    return 1
                }
            done < <(sed -n -E 's/.*\(default: (.*)\)$/\1/p' <<<"$help"
                sed -n -E 's/^ +\[(.*)\]$/\1/p' <<<"$help" | tr ' ' '\n')
            [[ -n "$text" ]] || return 1
        done
    done
}

page_has_no_other_option()
{
    local known
    known=$(for name in $(commands); do options "$name"; done | sort -u)
    diff <(printf '%s\n' "$known" | grep -v -x -e --help) \
        <(sed -n -E 's/^\.It Fl -([a-z-]+).*/--\1/p' "$PAGE" | sort -u)
}

page_has_every_status()
{
    diff <(printf '%s\n' 0 1 64 69 70) <(sed -n -E '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It ([0-9]+)$/\1/p' "$PAGE")
}

page_has_every_operation()
{
    local operation
    for operation in $("$PROGRAM" call --help | sed -n -E 's/^  ([A-Z][A-Za-z]+) .*/\1/p'); do
        grep -x -F ".It Li $operation" "$PAGE" || {
            printf 'the page has no %s\n' "$operation"
            return 1
        }
    done
}

# What the template asks for that is not there must not be left out in silence.
page_refuses_what_it_does_not_know()
{
    local template
    for template in '@nonsense' '@options nonsense\n@end' '@options serve\n@about --nonsense\nText.\n@end' '@options serve'; do
        ! printf '%b\n' "$template" | "$BUILD/wascc-keyvalue-page" || return 1
    done
}

# mandoc's linter says more than it counts, so that nothing at all must be said, but that the footer names a program where a
# page of NetBSD's names nothing.
page_is_clean()
{
    ! mandoc -T lint "$PAGE" 2>&1 | grep -v 'STYLE: operating system explicitly specified'
}

# What the footer is made of.
page_has_its_date_and_version()
{
    grep -E '^\.Dd [A-Z][a-z]+ [0-9]+, 20[0-9]{2}$' "$PAGE" &&
        grep -x "\.Os wascc-keyvalue $("$PROGRAM" --version | cut -d ' ' -f 2)" "$PAGE"
}

test_man()
{
    check "man: the footer has the date, the program and its version" page_has_its_date_and_version || true
    check "man: every command and option is in the page" page_has_every_option || true
    check "man: no other option is in the page" page_has_no_other_option || true
    check "man: every exit status is in the page" page_has_every_status || true
    check "man: every operation is in the page" page_has_every_operation || true
    check "man: what the template asks for is there" page_refuses_what_it_does_not_know || true
    if has "man: the page conforms" mandoc; then
        check "man: the page conforms" page_is_clean || true
    fi
}

test_completion()
{
    local cases=$work/completion.log
    tests/deploy/test_completion.sh "$PROGRAM" "$installed/share/bash-completion/completions/wascc-keyvalue" >"$cases" 2>&1 ||
        failures=$((failures + 1))
    tests/deploy/test_completion_shells.sh "$PROGRAM" "$installed/share/zsh/site-functions/_wascc-keyvalue" \
        "$installed/share/fish/vendor_completions.d/wascc-keyvalue.fish" >>"$cases" 2>&1 || failures=$((failures + 1))
    cat "$cases"
}

# --- The local cluster -------------------------------------------------------------------------------------------------

# On ports of its own, beside whatever runs on this machine.
local_cluster_counts()
{
    deploy/run-cluster.sh --once --program "$PROGRAM" >"$work/cluster" 2>&1 || {
        cat "$work/cluster"
        return 1
    }
    cat "$work/cluster"
    grep -x 'killing provider 2' "$work/cluster" && grep -x 'killing nats-server 3' "$work/cluster" &&
        [[ "$(grep -c -x '{"value":"120","exists":true}' "$work/cluster")" -eq 3 ]] &&
        [[ "$(grep -c -x '{"value":"150","exists":true}' "$work/cluster")" -eq 3 ]] &&
        grep -x 'the count is right: 150' "$work/cluster"
}

# refuses ARGUMENT...: with 64 and one line, before it starts anything.
refuses()
{
    local status=0
    deploy/run-cluster.sh "$@" >"$work/refusal" 2>&1 || status=$?
    cat "$work/refusal"
    [[ "$status" -eq 64 && "$(wc -l <"$work/refusal")" -eq 1 ]]
}

test_cluster()
{
    check "run-cluster.sh refuses what it does not know" refuses --twice || true
    check "run-cluster.sh refuses a port that leaves no room" refuses --port 65531 || true
    check "run-cluster.sh refuses a program that is none" refuses --program "$work" || true
    has "run-cluster.sh" nats-server || return 0
    check "run-cluster.sh counts through a provider killed, a server killed, and a new start" local_cluster_counts || true
}

# --- Backup and restore ------------------------------------------------------------------------------------------------

# start_kept_server NAME: one with a disk of that name, and with the user that nats/server.conf shows commented out.
start_kept_server()
{
    local variable
    for variable in "${COMPOSE_VARIABLES[@]}" KEEPER_PASSWORD=k-secret; do
        local -x "${variable?}"
    done
    sed '/^    # {$/,/^    # }$/s/^    # /    /' deploy/nats/server.conf >"$work/keeper.conf"
    start_nats_server -1 "$work/nats-server.log" -c "$work/keeper.conf" --jetstream --store_dir "$work/$1" && return
    cat "$work/nats-server.log"
    return 1
}

start_kept_provider()
{
    start_provider env -i NATS_USER=provider NATS_PASSWORD=p-secret WASCC_KEYVALUE_AUTH=none WASCC_KEYVALUE_ENGINE=jetstream \
        WASCC_KEYVALUE_SNAPSHOT_EVERY=1s "WASCC_KEYVALUE_SERVER=nats://127.0.0.1:$nats_port"
}

# as_host OPERATION REQUEST
as_host()
{
    env -i NATS_USER=host NATS_PASSWORD=h-secret NATS_INBOX_PREFIX=_INBOX.host "NATS_URL=nats://127.0.0.1:$nats_port" \
        "$PROGRAM" call "$@"
}

# as_keeper VERB: the page's own commands with that verb, in the folder where the backup is.
as_keeper()
{
    local commands
    commands=$(grep -E "^nats .* stream $1 " deploy/docs/durability.md)
    [[ "$(wc -l <<<"$commands")" -eq 2 ]] || return 1
    (cd "$work" && NATS_URL=nats://127.0.0.1:$nats_port NATS_USER=keeper NATS_PASSWORD=k-secret bash -e <<<"$commands")
}

backup_holds_what_was_written()
{
    start_kept_server before && start_kept_provider || return 1
    as_host Set '{"key":"a","value":"in the snapshot"}' || return 1
    wait_for_line "$provider_pid" "$work/provider.log" 'is whole' 30 || return 1
    as_host Set '{"key":"b","value":"behind it"}' && as_keeper backup && as_host Set '{"key":"a","value":"later"}' || return 1
    stop_provider && stop_server && start_kept_server after && as_keeper restore && start_kept_provider || return 1
    [[ "$(as_host Get '{"key":"a"}')" == '{"value":"in the snapshot","exists":true}' ]] &&
        [[ "$(as_host Get '{"key":"b"}')" == '{"value":"behind it","exists":true}' ]] &&
        as_host Set '{"key":"a","value":"again"}' && stop_provider && ! grep -i violation "$work/nats-server.log"
}

test_backup()
{
    has "backup and restore" nats nats-server || return 0
    check "a backup, as durability.md takes it, is restored on another server" backup_holds_what_was_written || true
}

# --- Running -----------------------------------------------------------------------------------------------------------

# start_provider COMMAND...: starts serve by the command, which is env with its assignments.
start_provider()
{
    # One that a test before this left behind would hold the binding.
    [[ -z "$provider_pid" ]] || stop_provider || true
    : >"$work/provider.log"
    "$@" "$PROGRAM" serve </dev/null >"$work/provider.log" 2>&1 &
    provider_pid=$!
    wait_for_line "$provider_pid" "$work/provider.log" ' ready: ' 30 || {
        cat "$work/provider.log"
        return 1
    }
}

stop_provider()
{
    local status=0
    stop_process "$provider_pid" || status=$?
    provider_pid=""
    cat "$work/provider.log"
    return "$status"
}

start_composed_server()
{
    local variable
    # Exported as long as this function lasts.
    for variable in "${COMPOSE_VARIABLES[@]}"; do
        local -x "${variable?}"
    done
    start_nats_server -1 "$work/nats-server.log" -c deploy/nats/server.conf && return
    cat "$work/nats-server.log"
    return 1
}

# public_key FILE: prints the public key of what keygen has printed.
public_key()
{
    sed -n -E 's/.*"public":"([A-Z0-9]+)".*/\1/p' "$1"
}

stop_server()
{
    stop_process "$nats_pid" || true
    nats_pid=""
}

main()
{
    local part installed=$work/installed issuer
    local unit=$installed/lib/systemd/system/wascc-keyvalue.service
    (umask 077 && "$PROGRAM" keygen account >"$work/account.json" && "$PROGRAM" keygen host >"$work/host.json")
    issuer=$(public_key "$work/account.json")
    check "deploy: the program is hardened" tests/deploy/test_hardening.sh "$PROGRAM" || true
    check "deploy: everything is installed" install_all || exit 1
    for part in revision options compose walk prometheus kubernetes systemd man completion backup cluster; do
        "test_$part"
        [[ -z "$provider_pid" ]] || stop_provider >/dev/null || true
        [[ -z "$nats_pid" ]] || stop_server
    done
    [[ "$failures" -eq 0 ]]
}

main
