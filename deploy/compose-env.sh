#!/usr/bin/env bash
# Makes what compose.yaml and compose.jetstream.yaml want of you: deploy/.env, with passwords of its own making, and the NATS server's
# permissions for your actors. git knows neither; the first, with the passwords, is for you alone.
set -euo pipefail
# What is made beside a password is as open as that.
umask 077
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly folder

usage()
{
    cat <<'USAGE'
usage: deploy/compose-env.sh ACCOUNT HOST ACTOR...

Each is a public key (A..., N..., M...), or a file of `wascc-keyvalue keygen`, of which only the public key is read: the account
whose actors are let in, the host that may bind them and ask what operators ask, and the actors that it speaks for. Writes

  deploy/.env                PROVIDER_PASSWORD, HOST_PASSWORD, OPERATOR_PASSWORD, TRUSTED_ISSUER, TRUSTED_HOST, NATS_CONFIG
  deploy/files/server.conf   nats/server.conf with two lines for each actor

Passwords that are in deploy/.env already stay, so that it can be run again with one more actor.

exit: 0 written; 64 a bad argument
USAGE
}

fail()
{
    printf 'compose-env: %s\n' "$1" >&2
    exit 64
}

# public_key LETTER WHAT ARGUMENT: prints the key, which begins with the letter.
public_key()
{
    local key=$3
    if [[ -r "$3" ]]; then
        key=$(sed -n -E 's/.*"public": *"([A-Z0-9]+)".*/\1/p' "$3")
    fi
    [[ "$key" =~ ^$1[A-Z2-7]{55}$ ]] || fail "'$3' is neither the public key of $2 ($1...) nor a file that keygen has printed"
    printf '%s\n' "$key"
}

# The password of that name: the one that is there, or a new one. It begins with a letter, see nats/server.conf.
password()
{
    local old
    old=$(sed -n "s/^$1=//p" "$folder/.env" 2>/dev/null) || true
    [[ -n "$old" ]] || old=p$(head -c 16 /dev/urandom | od -A n -t x1 | tr -d ' \n')
    printf '%s=%s\n' "$1" "$old"
}

# nats/server.conf, in which the example's actor has two lines.
permissions()
{
    local example='MCYW[A-Z2-7]{52}' actor
    while IFS= read -r line; do
        if [[ "$line" =~ ^\ *\".*$example ]]; then
            for actor; do
                sed -E "s/$example/$actor/" <<<"$line"
            done
        else
            printf '%s\n' "$line"
        fi
    done <"$folder/nats/server.conf"
}

main()
{
    local issuer host actors=() actor
    if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
        usage
        exit 0
    fi
    [[ "$#" -ge 3 ]] || fail "it wants an account, a host and an actor at least: see --help"
    issuer=$(public_key A "an account" "$1")
    host=$(public_key N "a host" "$2")
    for actor in "${@:3}"; do
        actors+=("$(public_key M "an actor" "$actor")")
    done
    mkdir -p "$folder/files"
    permissions "${actors[@]}" >"$folder/files/server.conf"
    # The container's user reads it; there is no secret in it. So does the provider's, of the lists that may lie beside it.
    chmod 755 "$folder/files"
    chmod 644 "$folder/files/server.conf"
    {
        password PROVIDER_PASSWORD
        password HOST_PASSWORD
        password OPERATOR_PASSWORD
        printf '%s\n' "TRUSTED_ISSUER=$issuer" "TRUSTED_HOST=$host" NATS_CONFIG=./files/server.conf
    } >"$folder/.env.new"
    mv "$folder/.env.new" "$folder/.env"
    printf 'deploy/.env is made, and deploy/files/server.conf for %d actors\n' "${#actors[@]}"
}

main "$@"
