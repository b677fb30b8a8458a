#!/usr/bin/env bash
# The program has the hardening of deploy/hardening.cmake: what the linker did is asked of the program, what the compiler
# did of its commands and of the code that it made.
# Functions are called through others here:
# shellcheck disable=SC2317
set -euo pipefail

if [[ "$#" -ne 1 || "$1" == -h || "$1" == --help ]]; then
    printf 'usage: tests/deploy/test_hardening.sh PROGRAM\n\nPROGRAM is the wascc-keyvalue of an optimised build tree.\n'
    exit 0
fi
readonly PROGRAM=$1 COMMANDS=${1%/*}/compile_commands.json
missing=0

# wants WHAT COMMAND...: the command finds it.
wants()
{
    local what=$1
    shift
    "$@" || {
        printf '%s has no %s\n' "$PROGRAM" "$what"
        missing=1
    }
}

# shows PATTERN COMMAND...: a line of the command's output has it. All of the output is read: a command that is cut off
# fails behind pipefail.
shows()
{
    local pattern=$1 output
    shift
    output=$("$@")
    grep -E -- "$pattern" <<<"$output" >/dev/null
}

hides()
{
    ! shows "$@"
}

# knows FLAG...: whether this compiler and C library know the flags.
knows()
{
    printf '#include <string.h>\nint main(void) { return 0; }\n' |
        "$compiler" -O2 -Werror "$@" -x c -o /dev/null - 2>/dev/null
}

# compiled_with FLAG...: every source file of the program.
compiled_with()
{
    local flag
    knows "$@" || return 0
    for flag; do
        [[ "$(grep -c -F -- " $flag " <<<"$compiles")" == "$(wc -l <<<"$compiles")" ]] || return 1
    done
}

# marked PATTERN ARCHIVE...: the notes of every object in them have that.
marked()
{
    local pattern=$1 archive objects=0
    shift
    for archive; do objects=$((objects + $(ar t "$archive" | wc -l))); done
    [[ "$(readelf -n "$@" 2>/dev/null | grep -c -- "$pattern")" == "$objects" && "$objects" -gt 100 ]]
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly ROOT
compiles=$(grep -E '"command": .* -c '"$ROOT/src/" "$COMMANDS")
compiler=$(sed -n -E '1s/.*"command": "(ccache |[^ ]*\/ccache )?([^ ]+).*/\2/p' <<<"$compiles")

wants "position-independent code" shows 'Type: +DYN' readelf -h "$PROGRAM"
wants "BIND_NOW" shows 'BIND_NOW|FLAGS_1.*NOW' readelf -d "$PROGRAM"
wants "RELRO" shows 'GNU_RELRO' readelf -l -W "$PROGRAM"
wants "stack without execution" hides 'GNU_STACK.*E' readelf -l -W "$PROGRAM"
wants "stack protector" shows '__stack_chk_fail' readelf -s -W "$PROGRAM"
wants "checked calls (_FORTIFY_SOURCE)" shows '__(memcpy|vsnprintf|snprintf)_chk' readelf -s -W "$PROGRAM"
wants "_FORTIFY_SOURCE=3" compiled_with -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
wants "-fstack-clash-protection" compiled_with -fstack-clash-protection
case $(uname -m) in
    x86_64)
        wants "-fcf-protection=full" compiled_with -fcf-protection=full
        # The C library's own start-up code decides whether the whole program is marked, so each object is looked at.
        wants "marks of -fcf-protection in every object" marked 'IBT, SHSTK' "${PROGRAM%/*}"/libwkv_*.a
        ;;
    aarch64)
        wants "-mbranch-protection=standard" compiled_with -mbranch-protection=standard
        ;;
esac
exit "$missing"
