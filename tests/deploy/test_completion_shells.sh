#!/usr/bin/env bash
# Drives the completions of zsh and fish, each in its own shell, with the same cases. A shell that is not here is passed by.
# Prints a line `ok NAME`, `not ok NAME` or `skip NAME` a test.
set -euo pipefail

if [[ "$#" -ne 3 ]]; then
    printf 'usage: tests/deploy/test_completion_shells.sh PROGRAM ZSH-COMPLETION FISH-COMPLETION\n'
    exit 64
fi
PROGRAM=$(realpath "$1")
ZSH=$(realpath "$2")
FISH=$(realpath "$3")
readonly PROGRAM ZSH FISH

failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/files"
: >"$work/files/actor.jwt"
: >"$work/files/another.jwt"

# What zsh does around a completion, as far as ours asks for it: it sets words and CURRENT, and what is added is what begins with
# the word, or with what stands behind its '='.
cat >"$work/drive.zsh" <<'ZSH'
offered=()
compadd() { [[ "$1" == -a ]] && offered+=("${(@P)2}") || offered+=("$@") }
compset() { typed=${typed#*=} }
_files() { offered+=(${~typed}*(N)) }
completion=$1
shift
words=("$@")
CURRENT=$#
typed=${words[CURRENT]}
source "$completion"
print -l -- ${(M)offered:#${(b)typed}*}
ZSH

# zsh_words WORD...: what is offered for the last word.
zsh_words()
{
    zsh -f "$work/drive.zsh" "$ZSH" "$PROGRAM" "$@"
}

# Likewise; fish says what it takes for a completion with a tab and a description behind it, and a value with its option.
fish_words()
{
    local line
    # fish finds a completion by the command's name.
    line=$(printf '%s ' wascc-keyvalue "$@")
    # shellcheck disable=SC2016 # fish's
    (cd "$work" && HOME=$work PATH="$(dirname "$PROGRAM"):$PATH" fish --no-config -c 'source $argv[1]; complete --do-complete $argv[2]' \
        "$FISH" "${line% }" | cut -f 1 | sed -E 's/^--[a-z-]+=//')
}

# expect SHELL NAME OFFERED WORD...
expect()
{
    local shell=$1 name=$2 expected=$3 offered
    shift 3
    offered=$("${shell}_words" "$@" 2>"$work/stderr" | { grep -v '^$' || true; } | sort -u | paste -s -d ' ')
    if [[ "$offered" == "$expected" && ! -s "$work/stderr" ]]; then
        printf 'ok completion in %s: %s\n' "$shell" "$name"
    else
        cat "$work/stderr"
        printf 'offered:  %s\nexpected: %s\nnot ok completion in %s: %s\n' "$offered" "$expected" "$shell" "$name"
        failures=$((failures + 1))
    fi
}

# sorted LINES: in one line.
sorted()
{
    sort -u | paste -s -d ' '
}

test_shell()
{
    local name commands
    commands=$("$PROGRAM" --help | sed -n -E 's/^  ([a-z]+) .*/\1/p')
    # In fish a word without a dash is completed without those that have one.
    expect "$1" "a command" serve ser
    for name in $commands; do
        expect "$1" "the command $name" "$(grep "^$name" <<<"$commands" | sorted)" "$name"
        expect "$1" "every option of $name" \
            "$("$PROGRAM" "$name" --help | sed -n -E 's/^  (--[a-z-]+).*/\1/p' | sorted)" "$name" --
    done
    expect "$1" "no option of another command" "" call --max
    expect "$1" "a mode of --auth" claims serve --auth cl
    expect "$1" "a mode behind a =" claims serve --auth=cl
    expect "$1" "an option behind one with a =" --log-format serve --auth=claims --log-f
    expect "$1" "nothing for a password" "" serve --password x
    expect "$1" "a kind of keys" host keygen ho
    expect "$1" "the operations" "Set SetAdd SetContains SetIntersection SetQuery SetRemove SetUnion" call Set
    expect "$1" "an operation behind options" "Get GetCapabilityDescriptor" call --timeout 1s --actor system G
    expect "$1" "nothing for an operation's JSON" "" call Get x
    expect "$1" "options behind the operation" --claims call Get --cla
    expect "$1" "no options behind --" "" call -- Get --cla
    expect "$1" "a file for --claims" "$work/files/actor.jwt" call --claims "$work/files/ac"
    expect "$1" "a file to inspect" "$work/files/another.jwt" inspect "$work/files/an"
    expect "$1" "a value that --dev may be without" --auth serve --dev --auth
    expect "$1" "nothing for a command that is none" "" nonsense --
    # What is set in the shell must not come between.
    WASCC_KEYVALUE_SHARDS=nonsense expect "$1" "options whatever the environment holds" --auth serve --au
}

main()
{
    local shell
    for shell in zsh fish; do
        if command -v "$shell" >/dev/null; then
            test_shell "$shell"
        else
            printf 'skip completion in %s: there is no %s here\n' "$shell" "$shell"
        fi
    done
    [[ "$failures" -eq 0 ]]
}

main
