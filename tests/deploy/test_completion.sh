#!/usr/bin/env bash
# Drives the bash completion as readline does: through COMP_WORDS and COMPREPLY.
# Prints a line `ok NAME` or `not ok NAME` a test.
set -euo pipefail

if [[ "$#" -ne 2 ]]; then
    printf 'usage: tests/deploy/test_completion.sh PROGRAM COMPLETION\n'
    exit 64
fi
PROGRAM=$(realpath "$1")
readonly PROGRAM COMPLETION=$2

failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck source=deploy/completion/wascc-keyvalue.bash
source "$COMPLETION"
# `complete -p` prints: complete -F FUNCTION wascc-keyvalue
completer=$(complete -p wascc-keyvalue | sed -n -E 's/.* -F ([^ ]+) .*/\1/p')

# complete_words WORD...: prints what is offered for the last word, sorted, in one line. readline calls without -e and -u.
complete_words()
{
    COMP_WORDS=("$completed" "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    set +eu
    "$completer" "$completed" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>"$work/stderr"
    set -eu
    printf '%s\n' "${COMPREPLY[@]}" | sort -u | paste -s -d ' '
}

# expect NAME OFFERED WORD...
expect()
{
    local name=$1 expected=$2 offered
    shift 2
    offered=$(complete_words "$@")
    if [[ "$offered" == "$expected" && ! -s "$work/stderr" ]]; then
        printf 'ok completion: %s\n' "$name"
    else
        cat "$work/stderr"
        printf 'offered:  %s\nexpected: %s\nnot ok completion: %s\n' "$offered" "$expected" "$name"
        failures=$((failures + 1))
    fi
}

# sorted WORD...: as complete_words prints them.
sorted()
{
    printf '%s\n' "$@" | sort -u | paste -s -d ' '
}

test_cases()
{
    local name files=$work/files
    # The words stand behind each other on purpose.
    # shellcheck disable=SC2046
    expect "the commands" "$(sorted --help --version $("$PROGRAM" --help | sed -n -E 's/^  ([a-z]+) .*/\1/p'))" ""
    expect "a command" serve ser
    # shellcheck disable=SC2046
    for name in $("$PROGRAM" --help | sed -n -E 's/^  ([a-z]+) .*/\1/p'); do
        expect "every option of $name" \
            "$(sorted $("$PROGRAM" "$name" --help | sed -n -E 's/^  (--[a-z-]+).*/\1/p'))" "$name" --
    done
    expect "an option behind others" --auth serve --require-binding --creds file --au
    expect "no option of another command" "" call --max
    expect "the modes of --auth" "binding claims invocation none" serve --auth ""
    expect "a mode behind a =" claims serve --auth = cl
    expect "the modes right behind a =" "binding claims invocation none" serve --auth =
    expect "an option behind one with a =" --log-format serve --auth = claims --log-f
    expect "the levels of --log-level" "debug error info warn" serve --log-level ""
    expect "the formats of --log-format" json serve --log-format j
    expect "any of --trusted-host" any serve --trusted-host ""
    expect "nothing for a password" "" serve --password ""
    expect "nothing of serve's that is no option" "" serve ""
    expect "the kinds of keys" "account host module" keygen ""
    expect "the operations" "Set SetAdd SetContains SetIntersection SetQuery SetRemove SetUnion" call Set
    expect "the operations behind options" "Get GetCapabilityDescriptor" call --timeout 1s --actor system G
    expect "nothing for an operation's JSON" "" call Get ""
    expect "options behind the operation" "--claims" call Get --cla
    expect "a value behind the operation" "json" serve x --log-format j
    expect "no options behind --" "" call -- Get --cla
    mkdir "$files"
    : >"$files/actor.jwt"
    : >"$files/another.jwt"
    expect "files for --claims" "$files/actor.jwt" call --claims "$files/ac"
    expect "files for --trusted-issuer-file" "$(sorted "$files"/*)" serve --trusted-issuer-file "$files/"
    expect "files behind a =" "$files/another.jwt" serve --tlsca = "$files/an"
    expect "files for --dev" "$files/another.jwt" serve --dev "$files/an"
    expect "an option behind --dev alone" --auth serve --dev --au
    expect "an option behind one that is behind --dev" --log-format serve --dev --auth none --log-f
    expect "a mode behind --dev" claims serve --dev dir --auth cl
    expect "nothing for a command that is none" "" nonsense --
}

# A program that tells how often it is asked.
test_cache()
{
    cat >"$work/counted" <<PROGRAM
#!/bin/sh
echo asked >>"$work/count"
exec "$PROGRAM" "\$@"
PROGRAM
    chmod +x "$work/counted"
    completed=$work/counted
    # Without a subshell, as the cache is the shell's.
    complete_words serve --au >"$work/first"
    complete_words serve --au >"$work/second"
    if [[ "$(<"$work/first")" == --auth && "$(<"$work/second")" == --auth && "$(wc -l <"$work/count")" -eq 1 ]]; then
        printf 'ok completion: the program is asked once\n'
    else
        printf 'not ok completion: the program is asked once\n'
        failures=$((failures + 1))
    fi
}

main()
{
    completed=$PROGRAM
    test_cases
    # What is set in the shell must not come between.
    WASCC_KEYVALUE_SHARDS=nonsense expect "options whatever the environment holds" --auth serve --au
    completed=$work/not-there
    expect "nothing and no error without the program" "--help --version" ""
    test_cache
    [[ "$failures" -eq 0 ]]
}

main
