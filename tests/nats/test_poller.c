/* How long a loop waits: what an engine gathers for a part of a millisecond is not to lie for one or two. */
#include <check.h>

#include "nats/poller.h"
#include "support/clock.h"

#define TRIES 200

static struct wkv_poller poller;

static void make(void)
{
    ck_assert(wkv_poller_init(&poller));
}

static void destroy(void)
{
    wkv_poller_destroy(&poller);
}

static int64_t waited_ns(int64_t timeout_ns)
{
    int64_t begin_ns = wkv_monotonic_ns();
    ck_assert(!wkv_poller_wait(&poller, timeout_ns));
    return wkv_monotonic_ns() - begin_ns;
}

/* A busy machine makes some waits longer; that none is short would be the clock's doing. */
static int64_t shortest_ns(int64_t timeout_ns)
{
    int64_t shortest = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        int64_t ns = waited_ns(timeout_ns);
        ck_assert_int_ge(ns, timeout_ns);
        shortest = ns < shortest ? ns : shortest;
    }
    return shortest;
}

START_TEST(a_wait_may_be_a_part_of_a_millisecond)
{
    int64_t ns = shortest_ns(WKV_NS_PER_MS / 5);
    ck_assert_msg(poller.coarse || ns < WKV_NS_PER_MS, "%lld ns", (long long)ns);
}
END_TEST

START_TEST(a_kernel_that_counts_milliseconds_waits_no_less)
{
    poller.coarse = true;
    (void)shortest_ns(WKV_NS_PER_MS / 5);
    (void)shortest_ns(WKV_NS_PER_MS + 1);
}
END_TEST

START_TEST(no_wait_is_none_and_a_wake_ends_one_without_end)
{
    ck_assert_int_lt(waited_ns(0), WKV_NS_PER_S);
    wkv_poller_wake(&poller);
    ck_assert(!wkv_poller_wait(&poller, WKV_POLLER_FOREVER));
    wkv_poller_wake(&poller);
    ck_assert_int_lt(waited_ns(60 * WKV_NS_PER_S), 30 * WKV_NS_PER_S);
}
END_TEST

Suite *poller_suite(void)
{
    Suite *suite = suite_create("nats/poller");
    TCase *tests = tcase_create("poller");
    tcase_add_checked_fixture(tests, make, destroy);
    tcase_add_test(tests, a_wait_may_be_a_part_of_a_millisecond);
    tcase_add_test(tests, a_kernel_that_counts_milliseconds_waits_no_less);
    tcase_add_test(tests, no_wait_is_none_and_a_wake_ends_one_without_end);
    suite_add_tcase(suite, tests);
    return suite;
}
