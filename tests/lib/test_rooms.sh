#!/usr/bin/env bash
# The rooms of src/ see what is below them and nothing else: of every two rooms, an include of one's header in the other
# compiles where src/README.md draws an arrow, directly or through others, and does not where it draws none. No two rooms
# see each other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
readonly work
trap 'rm -rf "$work"' EXIT

# flags_of ROOM: the include flags that the build gives its sources.
flags_of()
{
    grep -F -- " -c $PWD/src/$1/" "$work/build/compile_commands.json" | head -1 |
        grep -o -E -- '-(I|isystem ) ?[^ ]+' | tr '\n' ' '
}

# sees ROOM OTHER: whether a source of ROOM can include a header of OTHER.
sees()
{
    local header flags
    header=$(find "src/$2" -name '*.h' -printf '%f\n' -quit)
    read -r -a flags <<<"$(flags_of "$1")"
    # Preprocessed only: what the header itself includes is not looked for.
    printf '#if !__has_include("%s/%s")\n#error upward\n#endif\n' "$2" "$header" |
        "${CC:-cc}" "${flags[@]}" -E -x c - >/dev/null 2>&1
}

main()
{
    local room other arrows=0 circles=0 pairs=0
    cmake -S . -B "$work/build" -DWKV_TESTS=OFF >"$work/log" 2>&1 || {
        cat "$work/log"
        return 1
    }
    mapfile -t rooms < <(find src -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
    for room in "${rooms[@]}"; do
        for other in "${rooms[@]}"; do
            [[ "$room" < "$other" ]] || continue
            pairs=$((pairs + 1))
            local down=0 up=0
            ! sees "$room" "$other" || down=1
            ! sees "$other" "$room" || up=1
            arrows=$((arrows + down + up))
            if [[ "$down" == 1 && "$up" == 1 ]]; then
                printf '%s and %s see each other\n' "$room" "$other"
                circles=$((circles + 1))
            fi
        done
    done
    printf '%d rooms, %d of %d pairs with an arrow, %d circles\n' "${#rooms[@]}" "$arrows" "$pairs" "$circles"
    # Support is below all others, so a test that sees no arrow is broken; so is a house where all see all.
    [[ "$circles" -eq 0 && "$arrows" -ge $((${#rooms[@]} - 1)) && "$arrows" -le "$pairs" ]] && ! sees support server
}

main
