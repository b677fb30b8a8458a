#!/usr/bin/env bash
# Runs every test there is, set-up included. The last line of its output is `N passed, N failed[, N skipped]`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Debian keeps nats-server where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/lib/report.sh
source tests/lib/report.sh
# shellcheck source=deploy/lib/local-servers.sh
source deploy/lib/local-servers.sh

readonly QUICK_STEPS=(report gcc)
readonly ALL_STEPS=(report format shellcheck gcc services lattice clang install deploy local asan tsan valgrind container)
# clang-format's major versions differ in details; the code is formatted by this one.
readonly FORMATTER=14
readonly LOGS=build/logs
JOBS=$(nproc)
readonly JOBS
# Most of a suite's time goes by in waiting for servers and clocks.
readonly SUITES_AT_ONCE=$((2 * JOBS))

usage()
{
    cat <<USAGE
usage: tests/run.sh [--quick] [STEP...]

Installs what is missing (apt, as root or through sudo), then builds and tests. Each build has a tree of its own in
build/; the logs are in $LOGS/. What cannot run on this machine is skipped and says so.

  --quick   only: ${QUICK_STEPS[*]}
  STEP      only these, of:
    report       the counting of tests itself
    format       clang-format $FORMATTER would change nothing
    shellcheck   every script is clean
    gcc          gcc, warnings are errors; all suites
    services     the JavaScript client of NATS services finds the provider (where npm is)
    lattice      a lattice peer of waSCC's published crates, and a real wascc-host, use the provider (where cargo is)
    clang        clang, warnings are errors; build only
    install      cmake --install gives a program that runs
    deploy       compose, Kubernetes, systemd, the man page and the completion: they conform, and know every option
    local        deploy/run-local.sh, with --once and until Ctrl-C
    asan         AddressSanitizer and UndefinedBehaviorSanitizer; all suites
    tsan         ThreadSanitizer; all suites
    valgrind     memcheck over all suites but the integration ones and those that would take hours
    container    the Dockerfile's image is built and run

exit: 0 all that ran passed; 1 a test failed or none ran; 64 a bad option
last line: N passed, N failed[, N skipped]
USAGE
}

parse_options()
{
    local step
    steps=()
    while [[ "$#" -gt 0 ]]; do
        case "$1" in
        --quick) steps+=("${QUICK_STEPS[@]}") ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            for step in "${ALL_STEPS[@]}"; do
                [[ "$step" != "$1" ]] || steps+=("$step")
            done
            [[ " ${steps[*]} " == *" $1 "* ]] || {
                printf "run: '%s' is neither an option nor a step: see tests/run.sh --help\n" "$1" >&2
                exit 64
            }
            ;;
        esac
        shift
    done
    [[ "${#steps[@]}" -gt 0 ]] || steps=("${ALL_STEPS[@]}")
}

# check NAME COMMAND...: one test, passed where the command succeeds. Its output goes to the step's log and is shown
# when it fails.
check()
{
    local name=$1 log
    log=$LOGS/${1//[^A-Za-z0-9_.-]/-}.log
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        ok "$name"
    else
        # A compiler's complaint is seldom at the end, where the other compilers still go on.
        grep -E -A 8 '(error|warning): ' "$log" | head -n 40 || true
        tail -n 40 "$log"
        not_ok "$name (all of it: $log)"
        return 1
    fi
}

# Configures and builds the tree build/PRESET.
build_preset()
{
    cmake -C "tests/presets/$1.cmake" -S . -B "build/$1" && cmake --build "build/$1" --parallel "$JOBS"
}

# tally_log NAME LOG: adds a log's tests to the totals and says how many of each there were. Fails where none passed or
# failed: a suite that tests nothing is no success.
tally_log()
{
    local counts good bad left_out
    counts=$(tally "$2")
    read -r good bad left_out <<<"$counts"
    count "$good" "$bad" "$left_out"
    printf '%s: %d passed, %d failed, %d skipped\n' "$1" "$good" "$bad" "$left_out"
    [[ "$bad" -eq 0 ]] || return 0
    [[ "$((good + left_out))" -gt 0 ]] || not_ok "$1 (there was nothing to run)"
}

# run_suites PRESET [PREFIX...]: all of a tree's suites, ctest behind the prefix.
run_suites()
{
    local preset=$1 log=$LOGS/$1-suites.log status=0 failed_before=$failed
    shift
    # The crates of an interoperability test are built once, not for each tree.
    CARGO_TARGET_DIR=$PWD/build/cargo "$@" ctest --test-dir "build/$preset" --parallel "$SUITES_AT_ONCE" -V >"$log" 2>&1 </dev/null || status=$?
    explain_ctest "$log"
    tally_log "$preset suites" "$log"
    if [[ "$status" -ne 0 && "$failed" -eq "$failed_before" ]]; then
        not_ok "$preset suites (ctest ended with $status: $log)"
    fi
}

step_report()
{
    check "the counting of tests" tests/lib/test_report.sh || true
}

step_format()
{
    local files major
    major=$(clang-format --version 2>/dev/null | sed -n -E 's/.*version ([0-9]+).*/\1/p') || true
    if [[ "$major" != "$FORMATTER" ]]; then
        skip "clang-format needs version $FORMATTER, here is ${major:-none}"
        return
    fi
    mapfile -t files < <(find src include tests -name '*.[ch]')
    check "clang-format" clang-format --dry-run -Werror "${files[@]}" || true
}

step_shellcheck()
{
    local files
    if ! command -v shellcheck >/dev/null; then
        skip "shellcheck is not on this machine"
        return
    fi
    mapfile -t files < <(find deploy tests -name '*.sh' -o -name '*.bash')
    check "shellcheck" shellcheck -x .ci/run "${files[@]}" || true
}

step_gcc()
{
    check "gcc -Werror builds" build_preset gcc-werror || return 0
    run_suites gcc-werror
}

step_clang()
{
    if ! command -v clang >/dev/null; then
        skip "clang is not on this machine"
        return
    fi
    check "clang -Werror builds" build_preset clang-werror || true
}

install_and_run()
{
    local prefix=$PWD/build/installed
    rm -rf "$prefix"
    build_preset release && cmake --install build/release --prefix "$prefix" && "$prefix/bin/wascc-keyvalue" --help
}

step_install()
{
    check "cmake --install gives a program that runs" install_and_run || true
}

# --port means that port or none: never beside somebody else's server there.
run_local_at_port()
{
    local port
    start_nats_server -1 "$LOGS/run-local-nats-server.log" || return 1
    port=$nats_port
    if deploy/run-local.sh --once --port "$port"; then
        printf 'it started beside a server that holds its port\n'
        return 1
    fi
    stop_process "$nats_pid" || true
    deploy/run-local.sh --once --port "$port"
}

# Ctrl-C must end the provider and the server, in that order and cleanly.
run_local_until_interrupted()
{
    local log=$LOGS/run-local-output.log pid status=0
    : >"$log"
    # A script's background jobs ignore SIGINT unless told otherwise.
    env --default-signal=INT setsid deploy/run-local.sh >"$log" 2>&1 &
    pid=$!
    wait_for_line "$pid" "$log" 'Press Ctrl-C' 300 || status=$?
    kill -INT "$pid"
    wait_for_end "$pid" 60 || status=$?
    cat "$log"
    return "$status"
}

step_local()
{
    check "deploy/run-local.sh --once" deploy/run-local.sh --once || true
    check "deploy/run-local.sh --port" run_local_at_port || true
    check "deploy/run-local.sh stops cleanly at Ctrl-C" run_local_until_interrupted || true
}

# Sanitizers want their shadow memory where kernels with much address randomisation may already have put something
# else, so they run without randomisation where the machine permits that. Prints the prefix, a word a line.
fixed_addresses()
{
    if setarch -R true 2>/dev/null; then
        printf '%s\n' setarch -R
    fi
}

# Whether a program built with this sanitizer runs here at all: containers can forbid what one needs.
# sanitizer_works FLAG [PREFIX...]
sanitizer_works()
{
    local flag=$1 probe=$LOGS/sanitizer-probe
    shift
    printf 'int main(void) { return 0; }\n' >"$probe.c"
    gcc "$flag" -o "$probe" "$probe.c" && "$@" "$probe"
}

# run_sanitized PRESET FLAG: all of a tree's suites. The randomized ones do a quarter of their work here, as it takes
# several times as long; all of it is done in the gcc step.
run_sanitized()
{
    local prefix
    mapfile -t prefix < <(fixed_addresses)
    if ! sanitizer_works "$2" "${prefix[@]}" >"$LOGS/$1-probe.log" 2>&1; then
        skip "$1: a program built with $2 does not run on this machine: $(head -n 1 "$LOGS/$1-probe.log")"
        return
    fi
    check "the $1 build" build_preset "$1" || return 0
    WKV_TEST_SCALE=${WKV_TEST_SCALE:-25} run_suites "$1" "${prefix[@]}"
}

step_asan()
{
    export LSAN_OPTIONS=suppressions=$PWD/tests/lib/lsan.supp:print_suppressions=0
    # One suppression goes by a name in the middle of a stack without frame pointers: that takes the slow way of
    # unwinding, and a short way is quick enough.
    if pkg-config --atleast-version=3.10 libnats; then
        export ASAN_OPTIONS=fast_unwind_on_malloc=0:malloc_context_size=8
    fi
    run_sanitized asan -fsanitize=address,undefined
}

step_tsan()
{
    run_sanitized tsan -fsanitize=thread
}

step_valgrind()
{
    local suites suite log
    if ! command -v valgrind >/dev/null; then
        skip "valgrind is not on this machine"
        return
    fi
    check "the build for valgrind" build_preset gcc-werror || return 0
    # The suites of the table and of the scan want hours under memcheck, or tell nothing of tables as small as they would have to be;
    # leaks there are the address sanitizer's to find.
    mapfile -t suites < <(find build/gcc-werror/tests -maxdepth 1 -name 'test-*' ! -name 'test-integration-*' \
        ! -name test-store-table ! -name test-store-scan ! -name test-security-interop -type f | sort)
    printf '%s\0' "${suites[@]}" | xargs -0 -r -n 1 -P "$JOBS" tests/lib/memcheck.sh "$LOGS"
    for suite in "${suites[@]}"; do
        log=$LOGS/valgrind-$(basename "$suite").log
        ! grep -q -E '^not ok|Failures: [1-9]|Errors: [1-9]' "$log" || tail -n 60 "$log"
        tally_log "valgrind $(basename "$suite")" "$log"
    done
}

# run_script NAME SCRIPT [ARGUMENT...]: a test that prints its own lines.
run_script()
{
    local name=$1 log=$LOGS/$1.log status=0 failed_before=$failed
    shift
    "$@" >"$log" 2>&1 </dev/null || status=$?
    cat "$log"
    tally_log "$name" "$log"
    if [[ "$status" -ne 0 && "$failed" -eq "$failed_before" ]]; then
        not_ok "$name (the test ended with $status)"
    fi
}

step_services()
{
    check "the build for the JavaScript client" build_preset gcc-werror || return 0
    run_script services tests/interop/services/run.sh build/gcc-werror/wascc-keyvalue
}

step_lattice()
{
    check "the build for the lattice" build_preset gcc-werror || return 0
    run_script lattice tests/interop/lattice/run.sh --real-host build/gcc-werror/wascc-keyvalue build/interop-lattice
}

step_deploy()
{
    check "the release build for deploy" build_preset release || return 0
    run_script deploy tests/deploy/test_deploy.sh build/release/wascc-keyvalue
    run_script dashboard tests/deploy/test_dashboard.sh build/release/wascc-keyvalue
}

step_container()
{
    run_script container tests/container/test_image.sh
}

main()
{
    local step
    parse_options "$@"
    mkdir -p "$LOGS"
    deploy/install-packages.sh build run test || printf 'going on with what is there\n'
    for step in "${steps[@]}"; do
        printf '\n== %s\n' "$step"
        SECONDS=0
        "step_$step"
        printf '   %d s\n' "$SECONDS"
    done
    printf '\n'
    summary
}

main "$@"
