# shellcheck shell=bash
# What run-local.sh and run-cluster.sh share: their options, building, keys, and how they fail. The script that sources it
# sets SCRIPT, its name in messages, and defines usage. run_dir is where its files are, PROGRAM what it runs.

# What is set here the scripts read, and the other way round.
# shellcheck disable=SC2034,SC2154

# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

PROGRAM=build/wascc-keyvalue

bad_usage()
{
    printf '%s: %s\n' "$SCRIPT" "$1" >&2
    exit 64
}

# Sets once, port and built, each empty where it is not given; LAST_PORT is the highest that --port may be.
parse_options()
{
    once="" port="" built=""
    while [[ "$#" -gt 0 ]]; do
        case "$1" in
        --once) once=yes ;;
        --port)
            if ! [[ "${2:-}" =~ ^[0-9]{1,5}$ ]] || ((10#$2 < 1 || 10#$2 > LAST_PORT)); then
                bad_usage "--port wants a number from 1 to $LAST_PORT"
            fi
            port=$((10#$2))
            shift
            ;;
        --program)
            # The script has gone to the repository's directory.
            PROGRAM=${2:-}
            [[ "$PROGRAM" == /* ]] || PROGRAM=$OLDPWD/$PROGRAM
            [[ -f "$PROGRAM" && -x "$PROGRAM" ]] || bad_usage "--program wants the path of a wascc-keyvalue that is built already"
            built=yes
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) bad_usage "'$1' is no option: there are --once, --port, --program and --help" ;;
        esac
        shift
    done
}

# Installs and builds, unless --program says that it is done.
build()
{
    [[ -z "$built" ]] || return 0
    deploy/install-packages.sh build run
    printf 'building %s\n' "$PROGRAM"
    {
        cmake -S . -B "${PROGRAM%/*}" &&
            cmake --build "${PROGRAM%/*}" --target wascc-keyvalue --parallel "$(nproc)"
    } >"$run_dir/build.log" 2>&1 || fail_with "the build failed" "$run_dir/build.log"
}

# Shows the end of a log, says what failed, and ends.
fail_with()
{
    tail -n 40 "$2" >&2
    printf '%s: %s\n' "$SCRIPT" "$1" >&2
    exit 1
}

# field NAME FILE: what keygen printed under that name.
field()
{
    sed -n -E "s/.*\"$1\":\"([A-Z0-9]+)\".*/\1/p" "$2"
}

# An account that is trusted, an actor, and the claims that the account signs for it; and a host, which may speak as `system`.
make_keys()
{
    (
        umask 077
        "$PROGRAM" keygen account >"$run_dir/account.json"
        "$PROGRAM" keygen module >"$run_dir/actor.json"
        "$PROGRAM" keygen host >"$run_dir/host.json"
    )
    issuer=$(field public "$run_dir/account.json")
    actor=$(field public "$run_dir/actor.json")
    host=$(field public "$run_dir/host.json")
    "$PROGRAM" token --issuer-seed "$run_dir/account.json" --subject "$actor" --cap wascc:keyvalue \
        --expires-in 86400 >"$run_dir/actor.jwt"
    printf 'made an account, a host, an actor and its claims (good for a day) in %s\n' "$run_dir"
}
