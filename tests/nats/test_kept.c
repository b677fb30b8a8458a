/* How long a loop may wait for its next turn. */
#include <check.h>

#include "nats/kept.h"
#include "nats/poller.h"
#include "support/clock.h"

static int64_t nothing(void *context)
{
    (void)context;
    return WKV_NO_TURN;
}

START_TEST(a_turn_that_is_due_comes_at_once)
{
    const int64_t due_ns[] = {INT64_MIN, -1, 0, wkv_monotonic_ns()};
    for (size_t i = 0; i < sizeof due_ns / sizeof due_ns[0]; i++) {
        const struct wkv_kept kept = {.after_turn = nothing, .next_turn_ns = due_ns[i]};
        ck_assert_int_eq(wkv_kept_wait_ns(&kept), 0);
    }
}
END_TEST

START_TEST(a_turn_to_come_is_waited_for)
{
    const int64_t hour_ns = 3600 * WKV_NS_PER_S;
    const struct wkv_kept kept = {.after_turn = nothing, .next_turn_ns = wkv_monotonic_ns() + hour_ns};
    int64_t wait_ns = wkv_kept_wait_ns(&kept);
    ck_assert_int_gt(wait_ns, hour_ns / 2);
    ck_assert_int_le(wait_ns, hour_ns);
}
END_TEST

START_TEST(without_a_turn_nothing_ends_the_wait)
{
    const struct wkv_kept none = {.next_turn_ns = 0},
                          never = {.after_turn = nothing, .next_turn_ns = WKV_NO_TURN};
    ck_assert_int_eq(wkv_kept_wait_ns(&none), WKV_POLLER_FOREVER);
    ck_assert_int_eq(wkv_kept_wait_ns(&never), WKV_POLLER_FOREVER);
}
END_TEST

Suite *kept_suite(void)
{
    Suite *suite = suite_create("nats/kept");
    TCase *tests = tcase_create("kept");
    tcase_add_test(tests, a_turn_that_is_due_comes_at_once);
    tcase_add_test(tests, a_turn_to_come_is_waited_for);
    tcase_add_test(tests, without_a_turn_nothing_ends_the_wait);
    suite_add_tcase(suite, tests);
    return suite;
}
