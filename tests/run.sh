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

# Two lanes run beside each other: the suites of the trees, which want the processors, and the rest, which mostly waits. At
# its end it takes, at the lowest priority, what the suites leave of the processors.
readonly SUITE_STEPS=(gcc asan tsan)
readonly OTHER_STEPS=(report contract format shellcheck services install deploy local container package lattice clients linearizability valgrind fuzz)
readonly QUICK_STEPS=(report gcc)
# clang-format's major versions differ in details; the code is formatted by this one.
readonly FORMATTER=14
readonly LOGS=build/logs
JOBS=$(nproc)
readonly JOBS
# Most of a suite's time goes by in waiting for servers and clocks.
readonly SUITES_AT_ONCE=$((2 * JOBS))

# A randomized test does so many per cent of its work, and so many with --nightly.
readonly GCC_SCALE=(100 100) ASAN_SCALE=(25 100) TSAN_SCALE=(10 100) MEMCHECK_SCALE=(2 20)

usage()
{
    cat <<USAGE
usage: tests/run.sh [--quick] [--nightly] [STEP...]
       tests/run.sh suite [--preset PRESET] ROOM/UNIT [CASE]

Installs what is missing (apt, as root or through sudo), then builds and tests. Each build has a tree of its own in
build/; the logs are in $LOGS/. What cannot run on this machine is skipped and says so. tests/README.md says what
runs where and why.

  suite       builds and runs one suite, or one of its test cases or test functions, and nothing else; PRESET is one
              of tests/presets (default: gcc-werror)
  --quick     only: ${QUICK_STEPS[*]}
  --nightly   every suite in every tree, the randomized tests with all of their work (memcheck: a fifth): hours
  STEP        only these, of:
    gcc          gcc, warnings are errors; all suites of units, and those of the program where its speed matters
    asan         AddressSanitizer and UndefinedBehaviorSanitizer, with clang, warnings are errors; all suites
    tsan         ThreadSanitizer; the suites that start threads
    valgrind     memcheck over the suites of what takes bytes apart
    fuzz         the fuzz targets, with clang's libFuzzer: some seconds each, with --nightly five minutes
    report       the counting of tests, and what runs them, itself
    contract     each section of the contract that is cited is there, and rooms see what is below them alone
    format       clang-format $FORMATTER would change nothing
    shellcheck   every script is clean
    services     the JavaScript client of NATS services finds the provider (where npm is)
    install      cmake --install gives a program that runs
    deploy       compose, Kubernetes, systemd, the man page and the completion: they conform, and know every option;
                 the commands in README and deploy/docs do what is shown
    local        deploy/run-local.sh, with --once and until Ctrl-C, and deploy/run-cluster.sh
    container    the Dockerfile's image is built and run
    package      the packages for Debian and rpm are made; what they install starts under systemd (as root)
    lattice      a lattice peer of waSCC's published crates, and a real wascc-host, use the provider (where cargo is)
    clients      clients made of proto/ in JavaScript, Python, Go and Rust call every operation (where npm, pip, go, cargo are);
                 the examples of proto/examples in these, Java and C (where maven is) do what they say
    linearizability  sixteen callers' histories are judged by an independent checker (where go is)

WKV_TEST_SCALE in the environment: the per cent of their work that the randomized tests of every step do.

exit: 0 all that ran passed; 1 a test failed or none ran; 64 a bad option
last line: N passed, N failed[, N skipped]
USAGE
}

is_step()
{
    [[ " ${SUITE_STEPS[*]} ${OTHER_STEPS[*]} " == *" $1 "* ]]
}

parse_options()
{
    steps=()
    nightly=""
    while [[ "$#" -gt 0 ]]; do
        case "$1" in
        --quick) steps+=("${QUICK_STEPS[@]}") ;;
        --nightly) nightly=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            is_step "$1" || {
                printf "run: '%s' is neither an option nor a step: see tests/run.sh --help\n" "$1" >&2
                exit 64
            }
            steps+=("$1")
            ;;
        esac
        shift
    done
    [[ "${#steps[@]}" -gt 0 ]] || steps=("${SUITE_STEPS[@]}" "${OTHER_STEPS[@]}")
}

# has_step STEP...: whether one of them is to run.
has_step()
{
    local step
    for step; do
        [[ " ${steps[*]} " != *" $step "* ]] || return 0
    done
    return 1
}

# scale PERCENT NIGHTLY_PERCENT: prints what WKV_TEST_SCALE is to be.
scale()
{
    if [[ -n "$nightly" ]]; then
        shift
    fi
    printf '%d\n' "${WKV_TEST_SCALE:-$1}"
}

# --- What is begun early ------------------------------------------------------------------------------------------------

declare -A jobs=()

# begin JOB COMMAND...: runs it beside everything else, at a low priority. Its output is in the job's log.
begin()
{
    local job=$1
    shift
    setsid nice -n 10 "$@" >"$LOGS/$job.log" 2>&1 </dev/null &
    jobs[$job]=$!
}

# begin_build PRESET: builds that tree while suites wait.
begin_build()
{
    # shellcheck disable=SC2016
    begin "$1" nice -n 9 bash -c 'cmake -C "tests/presets/$1.cmake" -S . -B "build/$1" && cmake --build "build/$1" --parallel "$2"' \
        build "$1" "$JOBS"
}

# await JOB: returns when the job is done, or was never begun. Whoever uses what it has made sees whether it is there. A
# lane is not the job's parent, so that it looks on.
await()
{
    [[ -z "${jobs[$1]:-}" ]] || tail -f -s 0.2 --pid="${jobs[$1]}" /dev/null
}

# Cargo's builds and the image's base system take minutes, much of which is waiting for others.
begin_jobs()
{
    local programs=()
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/build/cargo}
    ! has_step lattice asan || programs+=(wascap lattice real-host)
    ! has_step clients || programs+=(client example)
    if [[ "${#programs[@]}" -gt 0 ]] && command -v cargo >/dev/null; then
        begin cargo tests/interop/build.sh "${programs[@]}"
    fi
    if has_step clients; then
        begin clients tests/interop/clients/build.sh
    fi
    if has_step container package && [[ "$(id -u)" -eq 0 ]] && command -v mmdebstrap >/dev/null; then
        rm -f build/container-base.tar
        begin container-base tests/container/make_base.sh "$PWD/build/container-base.tar"
    fi
}

end_jobs()
{
    local job
    for job in "${!jobs[@]}"; do
        kill -TERM -- "-${jobs[$job]}" 2>/dev/null || true
    done
}

# --- The counting of what runs ------------------------------------------------------------------------------------------

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

# Configures and builds the tree build/PRESET. Both lanes may want one.
build_preset()
{
    (
        flock 8
        cmake -C "tests/presets/$1.cmake" -S . -B "build/$1" && cmake --build "build/$1" --parallel "$JOBS"
    ) 8>"$LOGS/$1.lock"
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

# label LABEL: prints ctest's arguments for the suites of that label; for all, if it is empty or this is the nightly run.
label()
{
    if [[ -n "$1" && -z "$nightly" ]]; then
        printf '%s\n' -L "^$1\$"
    fi
}

# run_suites PRESET LABEL [PREFIX...]: a tree's suites of that label, ctest behind the prefix.
run_suites()
{
    local preset=$1 log=$LOGS/$1-suites.log status=0 failed_before=$failed labels
    mapfile -t labels < <(label "$2")
    shift 2
    "$@" ctest --test-dir "build/$preset" --parallel "$SUITES_AT_ONCE" "${labels[@]}" -V >"$log" 2>&1 </dev/null || status=$?
    explain_ctest "$log"
    tally_log "$preset suites" "$log"
    if [[ "$status" -ne 0 && "$failed" -eq "$failed_before" ]]; then
        not_ok "$preset suites (ctest ended with $status: $log)"
    fi
}

step_report()
{
    check "the counting of tests" tests/lib/test_report.sh || true
    check "the main of a room of tests" tests/lib/test_room.sh || true
}

step_contract()
{
    check "the contract's sections" tests/lib/test_contract.sh || true
    check "the arrows between rooms" tests/lib/test_rooms.sh || true
    check "the map of the sources" tests/lib/test_map.sh || true
}

step_format()
{
    local files major
    major=$(clang-format --version 2>/dev/null | sed -n -E 's/.*version ([0-9]+).*/\1/p') || true
    if [[ "$major" != "$FORMATTER" ]]; then
        skip "clang-format needs version $FORMATTER, here is ${major:-none}"
        return
    fi
    mapfile -t files < <(find src include tests deploy -name '*.[ch]')
    check "clang-format" clang-format --dry-run -Werror "${files[@]}" || true
}

# grep -q ends at the first match, and what writes to it may then fail of the pipe: with pipefail, a match is none.
no_early_grep()
{
    ! grep -n -E '(^|[^|])\| *grep( -[A-Za-z])* -[A-Za-z]*q' "$@"
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
    check "no script asks grep -q behind a pipe" no_early_grep .ci/run "${files[@]}" || true
}

step_gcc()
{
    check "gcc -Werror builds" build_preset gcc-werror || return 0
    WKV_TEST_SCALE=$(scale "${GCC_SCALE[@]}") run_suites gcc-werror GCC
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

# At its end it says what it has found to be so.
run_local_once()
{
    deploy/run-local.sh --once | tee "$LOGS/run-local-once.log"
    tail -n 1 "$LOGS/run-local-once.log" | grep -E '^checked: 9 calls with claims, 1 without, .* 3 of an operator: all answers are right$'
}

# Debian's own nats-server holds that port after a boot.
run_local_beside_another()
{
    local status=0
    nats_pid=""
    is_taken 4222 || start_nats_server 4222 "$LOGS/run-local-nats-server.log" || return 1
    deploy/run-local.sh --once | tee "$LOGS/run-local-beside.log" || status=$?
    [[ -z "$nats_pid" ]] || stop_process "$nats_pid" || true
    [[ "$status" -eq 0 ]] && grep -E '^port 4222 is taken, so that this nats-server is on port [0-9]+: [a-z ]+.*\(sudo .*\)$' "$LOGS/run-local-beside.log"
}

# The commands that are shown are for a terminal that has the exports.
calls_as_shown()
{
    local file
    file=$(sed -n -E 's/^  \. (.*env)$/\1/p' "$1")
    # shellcheck disable=SC2016
    [[ "$(env -i PATH=/usr/bin:/bin bash -e -c '. "$1"; wascc-keyvalue call Get "{\"key\":\"greeting\"}"' call "$file")" == \
        '{"value":"hello","exists":true}' ]]
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
    wait_for_line "$pid" "$log" 'Press Ctrl-C' 300 && calls_as_shown "$log" || status=$?
    kill -INT "$pid"
    wait_for_end "$pid" 60 || status=$?
    cat "$log"
    return "$status"
}

step_local()
{
    check "deploy/run-local.sh --once" run_local_once || true
    check "deploy/run-local.sh beside another nats-server" run_local_beside_another || true
    check "deploy/run-local.sh --port" run_local_at_port || true
    check "deploy/run-local.sh stops cleanly at Ctrl-C" run_local_until_interrupted || true
    check "deploy/run-cluster.sh --once" deploy/run-cluster.sh --once || true
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
# sanitizer_works COMPILER FLAG [PREFIX...]
sanitizer_works()
{
    local compiler=$1 flag=$2 probe=$LOGS/sanitizer-probe
    shift 2
    printf 'int main(void) { return 0; }\n' >"$probe.c"
    "$compiler" "$flag" -o "$probe" "$probe.c" && "$@" "$probe"
}

# run_sanitized PRESET COMPILER FLAG SCALE LABEL: a tree's suites of that label.
run_sanitized()
{
    local preset=$1 flag=$3 prefix
    mapfile -t prefix < <(fixed_addresses)
    if ! sanitizer_works "$2" "$flag" "${prefix[@]}" >"$LOGS/$preset-probe.log" 2>&1; then
        skip "$preset: a program built with $flag does not run on this machine: $(head -n 1 "$LOGS/$preset-probe.log")"
        return
    fi
    await "$preset"
    check "the $preset build" build_preset "$preset" || return 0
    [[ "$preset" != asan ]] || ! has_step tsan || begin_build tsan
    WKV_TEST_SCALE=$4 run_suites "$preset" "$5" "${prefix[@]}"
}

# Which leaks are known, and how far a stack is followed.
set_sanitizer_options()
{
    export LSAN_OPTIONS=suppressions=$PWD/tests/lib/lsan.supp:print_suppressions=0
    # One suppression goes by a name in the middle of a stack without frame pointers: that takes the slow way of
    # unwinding, and a short way is quick enough.
    if pkg-config --atleast-version=3.10 libnats; then
        export ASAN_OPTIONS=fast_unwind_on_malloc=0:malloc_context_size=8
    fi
}

step_asan()
{
    set_sanitizer_options
    # The suite security/interop runs it.
    [[ -z "${jobs[cargo]:-}" ]] || wait_for_line "${jobs[cargo]}" "$LOGS/cargo.log" 'interop: wascap' 600 || true
    run_sanitized asan "$(command -v clang || printf gcc)" -fsanitize=address,undefined "$(scale "${ASAN_SCALE[@]}")" ""
}

step_tsan()
{
    run_sanitized tsan gcc -fsanitize=thread "$(scale "${TSAN_SCALE[@]}")" THREADED
}

# Prints `ROOM/UNIT PROGRAM UNIT` a suite of the label.
suites_of()
{
    local labels
    mapfile -t labels < <(label "$2")
    ctest --test-dir "build/$1" -N -V "${labels[@]}" |
        sed -n -E 's/^[0-9]+: Test command: (.*test-)([a-z]+)([^ ]*) "(.*)"$/\2\/\4 \1\2\3 \4/p'
}

step_valgrind()
{
    local suites suite log
    if ! command -v valgrind >/dev/null; then
        skip "valgrind is not on this machine"
        return
    fi
    check "the build for valgrind" build_preset gcc-werror || return 0
    # Whatever is run: the suites of the table and of the scan want hours under memcheck, as the program does.
    mapfile -t suites < <(nightly="" suites_of gcc-werror MEMCHECKED)
    # shellcheck disable=SC2016
    printf '%s\n' "${suites[@]}" |
        WKV_TEST_SCALE=$(scale "${MEMCHECK_SCALE[@]}") xargs -r -P "$JOBS" -L 1 nice -n 19 tests/lib/memcheck.sh "$LOGS"
    for suite in "${suites[@]}"; do
        suite=${suite%% *}
        log=$LOGS/valgrind-${suite//\//-}.log
        ! grep -q -E '^not ok|Failures: [1-9]|Errors: [1-9]' "$log" || tail -n 60 "$log"
        tally_log "valgrind $suite" "$log"
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

step_fuzz()
{
    run_script fuzz nice -n 19 tests/fuzz/run.sh ${nightly:+--nightly}
}

step_services()
{
    check "the build for the JavaScript client" build_preset release || return 0
    run_script services tests/interop/services/run.sh build/release/wascc-keyvalue
}

step_lattice()
{
    check "the build for the lattice" build_preset release || return 0
    await cargo
    run_script lattice tests/interop/lattice/run.sh --real-host build/release/wascc-keyvalue
}

step_clients()
{
    check "the build for the clients" build_preset release || return 0
    await clients
    await cargo
    run_script clients tests/interop/clients/run.sh build/release/wascc-keyvalue
}

step_linearizability()
{
    check "the build for linearizability" build_preset release || return 0
    run_script linearizability tests/interop/linearizability/run.sh ${nightly:+--nightly} build/release/wascc-keyvalue
}

step_deploy()
{
    check "the release build for deploy" build_preset release || return 0
    run_script deploy tests/deploy/test_deploy.sh build/release/wascc-keyvalue
    run_script dashboard tests/deploy/test_dashboard.sh build/release/wascc-keyvalue
    run_script documents tests/deploy/test_documents.sh build/release/wascc-keyvalue
}

step_container()
{
    await container-base
    run_script container tests/container/test_image.sh "$PWD/build/container-base.tar"
}

step_package()
{
    check "the release build for the packages" build_preset release || return 0
    await container-base
    run_script package tests/deploy/test_package.sh build/release "$PWD/build/container-base.tar"
}

# --- One suite ----------------------------------------------------------------------------------------------------------

# run_suite [--preset PRESET] ROOM/UNIT [CASE]
run_suite()
{
    local preset=gcc-werror found program unit prefix
    if [[ "${1:-}" == --preset ]]; then
        preset=${2:-}
        shift 2 || shift
    fi
    if [[ "$#" -lt 1 || "$#" -gt 2 || ! -e "tests/presets/$preset.cmake" ]]; then
        usage >&2
        exit 64
    fi
    cmake -C "tests/presets/$preset.cmake" -S . -B "build/$preset" >"$LOGS/suite.log" 2>&1 || {
        cat "$LOGS/suite.log"
        exit 1
    }
    # ctest names no program that is not built yet.
    found=$(sed -n -E 's/^add_test\([^ ]+ "(.*test-)([a-z]+)([^ ]*)" "(.*)"\)$/\2\/\4 \1\2\3 \4/p' \
        "build/$preset/tests/CTestTestfile.cmake" | awk -v suite="$1" '$1 == suite { print $2, $3 }')
    [[ -n "$found" ]] || {
        printf "run: there is no suite '%s'; a suite is tests/ROOM/test_UNIT.c\n" "$1" >&2
        exit 64
    }
    read -r program unit <<<"$found"
    cmake --build "build/$preset" --parallel "$JOBS" --target "${program##*/}" >"$LOGS/suite.log" 2>&1 || {
        grep -E -A 8 '(error|warning): ' "$LOGS/suite.log" || tail -n 40 "$LOGS/suite.log"
        exit 1
    }
    set_sanitizer_options
    mapfile -t prefix < <(fixed_addresses)
    exec "${prefix[@]}" "$program" "$unit" "${@:2}"
}

# --- All of it ----------------------------------------------------------------------------------------------------------

# run_steps STEP...: those of them that were asked for.
run_steps()
{
    local step
    for step; do
        has_step "$step" || continue
        printf '\n== %s\n' "$step"
        SECONDS=0
        "step_$step"
        printf '   %d s\n' "$SECONDS"
    done
}

# The other lane: its output is kept for the end, its counts are the last line of a file.
run_other_steps()
{
    run_steps "${OTHER_STEPS[@]}"
    printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"$LOGS/other.counts"
}

main()
{
    local other counts
    mkdir -p "$LOGS"
    if [[ "${1:-}" == suite ]]; then
        nightly=""
        run_suite "${@:2}"
    fi
    parse_options "$@"
    deploy/install-packages.sh build run test || printf 'going on with what is there\n'
    trap end_jobs EXIT
    begin_jobs
    rm -f "$LOGS/other.counts"
    run_other_steps >"$LOGS/other.log" 2>&1 &
    other=$!
    run_steps "${SUITE_STEPS[@]}"
    wait "$other" || true
    cat "$LOGS/other.log"
    if read -r -a counts <"$LOGS/other.counts"; then
        count "${counts[@]}"
    else
        not_ok "the steps beside the suites came to no end: $LOGS/other.log"
    fi
    printf '\n'
    summary
}

main "$@"
