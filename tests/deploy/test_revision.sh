#!/usr/bin/env bash
# What deploy/revision.cmake finds out of a source tree: in a clone, in one that was changed, in what `git archive` made, without
# git, and where it was told.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ "$#" -ne 0 ]]; then
    printf 'usage: tests/deploy/test_revision.sh\n'
    exit 0
fi
work=$(mktemp -d)
readonly work tree=$work/tree
trap 'rm -rf "$work"' EXIT
wrong=0

ours()
{
    git -C "$tree" -c user.name=test -c user.email=test@localhost "$@"
}

# expect WHAT DIRECTORY PATTERN [GIVEN]: what is found of the directory matches all of the pattern.
expect()
{
    local found
    cmake -DSOURCE="$2" -DOUT="$work/revision.h" -DGIVEN="${4:-}" -P deploy/revision.cmake
    found=$(sed -n -E 's/^#define WKV_REVISION "(.*)"$/\1/p' "$work/revision.h")
    [[ "$found" =~ ^($3)$ ]] || {
        printf "%s: it is '%s' and should be %s\n" "$1" "$found" "$3"
        wrong=$((wrong + 1))
    }
}

# archive NAME: what git archive makes of the tree, in a folder of that name.
archive()
{
    mkdir "$work/$1"
    ours archive HEAD | tar -x -C "$work/$1"
}

mkdir -p "$tree/deploy"
cp deploy/.gitattributes deploy/revision.txt "$tree/deploy/"
cp -r "$tree" "$work/copy"
ours init -q
ours add .
ours commit -q -m one
commit=$(ours rev-parse --short HEAD)
expect "a clone without a tag" "$tree" "$commit"
archive untagged
expect "an archive without a tag" "$work/untagged" "$commit"
ours tag v1.2.3 # A lightweight one counts.
expect "a clone at a tag" "$tree" 'v1\.2\.3'
before=$(stat -c %y "$work/revision.h")
expect "the same again" "$tree" 'v1\.2\.3'
[[ "$(stat -c %y "$work/revision.h")" == "$before" ]] || {
    printf 'the header is written again although nothing has changed\n'
    wrong=$((wrong + 1))
}
archive tagged
expect "an archive at a tag" "$work/tagged" 'v1\.2\.3'
ours commit -q --allow-empty -m two
commit=$(ours rev-parse --short HEAD)
expect "a clone behind a tag" "$tree" "v1\.2\.3-1-g$commit"
archive behind
expect "an archive behind a tag" "$work/behind" "v1\.2\.3-1-g$commit"
touch "$tree/another"
expect "a file that git does not know" "$tree" "v1\.2\.3-1-g$commit"
printf '\n' >>"$tree/deploy/revision.txt"
expect "a changed file" "$tree" "v1\.2\.3-1-g$commit-dirty"
expect "no git" "$work/copy" ''
expect "what was given" "$tree" 'v9' v9
mkdir "$tree/inside"
cp -r "$work/copy/deploy" "$tree/inside/"
expect "inside of another's repository" "$tree/inside" ''
# It becomes a C string.
if cmake -DSOURCE="$tree" -DOUT="$work/revision.h" '-DGIVEN=a"b' -P deploy/revision.cmake >"$work/log" 2>&1; then
    printf 'a revision with a quotation mark is taken\n'
    wrong=$((wrong + 1))
fi
[[ "$wrong" -eq 0 ]]
