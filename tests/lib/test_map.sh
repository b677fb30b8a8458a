#!/usr/bin/env bash
# src/README.md is true of the tree: it has each room, with the rooms that CMakeLists.txt links to it, and each file that it
# names is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly MAP=src/README.md

# built: `ROOM: LINKED ROOMS` as CMakeLists.txt has them, sorted.
built()
{
    sed -n -E 's/^wkv_room\((.*)\)$/\1/p' CMakeLists.txt | while read -r room links; do
        printf '%s:%s\n' "$room" "$(tr ' ' '\n' <<<"$links" |
            sed -n -e '/^wkv_messages$/d' -e 's/^wkv_/ /p' | sort | tr -d '\n')"
    done | sort
}

# drawn: the same out of the map's table.
drawn()
{
    sed -n -E -e '/^## The way/q' -e '/^\| room/d' -e 's/^\| ([a-z]+) \| ([a-z, ]*)\| .*/\1|\2/p' "$MAP" | while IFS='|' read -r room links; do
        printf '%s:%s\n' "$room" "$(tr ',' '\n' <<<"$links" | sed -n -E 's/^ *([a-z]+) *$/ \1/p' | sort | tr -d '\n')"
    done | sort
}

# named: the files that the map names, from the top of the tree.
named()
{
    # shellcheck disable=SC2016
    grep -o -E '`[a-z_]+/[a-zA-Z_/]+\.(c|h|sh|md)`' "$MAP" | tr -d '`' | sort -u |
        sed -E '/^(tests|proto|include|deploy)\//!s,^,src/,'
}

main()
{
    local file names=0 missing=0 wrong=0
    while read -r file; do
        names=$((names + 1))
        [[ -e "$file" ]] && continue
        printf '%s names %s, which is not there\n' "$MAP" "$file"
        missing=$((missing + 1))
    done < <(named)
    diff --label CMakeLists.txt --label "$MAP" -U0 <(built) <(drawn) || wrong=1
    diff --label src --label "$MAP" -U0 <(find src -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort) \
        <(drawn | cut -d: -f1) || wrong=1
    printf '%d files named, %d of them not there\n' "$names" "$missing"
    # A search that finds nothing is broken.
    [[ "$names" -ge 30 && "$missing" -eq 0 && "$wrong" -eq 0 ]]
}

main
