#!/usr/bin/env bash
# The main of a room's program (room.c): it runs what it is asked for, and fails a suite that starts a thread and is not
# on the list of those.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong=0

cat >"$work/room_test.c" <<'C'
#include <pthread.h>
#include <stdlib.h>

#include "lib/room.h"

static void *nothing(void *context)
{
    return context;
}

START_TEST(starts_a_thread)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, nothing, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(fails)
{
    ck_abort_msg("as it should");
}
END_TEST

START_TEST(holds)
{
    ck_assert(1);
}
END_TEST

/* Each test is a test case of its name, and so that of functions is another. */
static Suite *make(const TTest *first, const TTest *second)
{
    Suite *suite = suite_create("suite");
    TCase *one = tcase_create("one"), *two = tcase_create("two");
    tcase_add_test(one, first);
    tcase_add_test(two, second);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    return suite;
}

static Suite *good(void)
{
    return make(holds, holds);
}

static Suite *bad(void)
{
    return make(holds, fails);
}

static Suite *threaded(void)
{
    return make(starts_a_thread, holds);
}

bool test_room_is_sound(void)
{
    return getenv("UNSOUND") == NULL;
}

const char test_room[] = "room";
const struct test_unit test_units[] = {
    {"good", good, false}, {"bad", bad, false}, {"secret", threaded, false}, {"threaded", threaded, true}, {0},
};
C

# expect STATUS LINE ARGUMENT...: a line of the output matches.
expect()
{
    local status=0 wanted=$1 line=$2
    shift 2
    "$work/room" "$@" >"$work/out" 2>&1 || status=$?
    if [[ "$status" -ne "$wanted" ]] || ! grep -E -e "$line" "$work/out" >/dev/null; then
        printf 'test-room %s: expected %d and "%s", got %d and:\n' "$*" "$wanted" "$line" "$status"
        cat "$work/out"
        wrong=1
    fi
}

read -r -a check <<<"$(pkg-config --cflags --libs check)"
gcc -std=c17 -D_GNU_SOURCE -I tests -Wl,--wrap=_tcase_add_test,--wrap=_mark_point -o "$work/room" \
    "$work/room_test.c" tests/lib/room.c tests/lib/threads.c "${check[@]}"

expect 0 '^100%: Checks: 2,' good
expect 0 '^100%: Checks: 2,' threaded
expect 1 '^50%: Checks: 2, Failures: 1,' bad
expect 0 '^100%: Checks: 1,' bad one
expect 1 '^0%: Checks: 1, Failures: 1,' bad two
expect 0 '^100%: Checks: 1,' bad holds
expect 1 '^0%: Checks: 1, Failures: 1,' bad fails
expect 64 "'nothing'" bad nothing
expect 64 '^usage: ' nothing
expect 1 '^not ok room/secret starts threads' secret
expect 0 '^100%: Checks: 1,' secret holds
expect 1 '^not ok room/secret starts threads'
UNSOUND=yes expect 1 '^100%: Checks: 2,' good

exit "$wrong"
