#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each over its seeds and some thousand inputs made from them, or with
# --nightly for five minutes. Prints a line `ok NAME`, `not ok NAME` or `skip NAME reason` a target; an input that broke
# one is kept in build/logs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly BUILD=build/fuzz LOGS=$PWD/build/logs
readonly TARGETS=(batch decode dispatch glob header invocation record store subject token)
# Enough for what the seeds lead to; dispatch opens a provider for each input.
bounds=(-runs=10000 -max_total_time=4)
case ${1:-} in
    '') ;;
    --nightly) bounds=(-max_total_time=300) ;;
    *)
        printf 'usage: tests/fuzz/run.sh [--nightly]\n'
        exit 0
        ;;
esac
failed=0

if ! command -v clang >/dev/null; then
    printf 'skip fuzz: clang is not on this machine\n'
    exit 0
fi
mkdir -p "$LOGS"
if ! { cmake -C tests/presets/fuzz.cmake -S . -B "$BUILD" && cmake --build "$BUILD" --parallel "$(nproc)" --target fuzzers; } \
    >"$LOGS/fuzz-build.log" 2>&1; then
    tail -n 40 "$LOGS/fuzz-build.log"
    printf 'not ok fuzz: the targets build\n'
    exit 1
fi
tests/fuzz/seeds.sh "$BUILD/seeds"
# Sanitizers want fixed addresses on some kernels.
fixed=()
! setarch -R true 2>/dev/null || fixed=(setarch -R)
for target in "${TARGETS[@]}"; do
    log=$LOGS/fuzz-$target.log
    mkdir -p "$BUILD/corpus/$target"
    if "${fixed[@]}" "$BUILD/fuzz/fuzz-$target" -seed=1 -timeout=30 -max_len=4096 "${bounds[@]}" \
        -artifact_prefix="$LOGS/fuzz-$target-" "$BUILD/corpus/$target" "$BUILD/seeds/$target" >"$log" 2>&1 </dev/null; then
        printf 'ok fuzz %s\n' "$target"
    else
        grep -v -E 'NEW|REDUCE|pulse' "$log" | tail -n 60
        printf 'not ok fuzz %s\n' "$target"
        failed=1
    fi
done
exit "$failed"
