/* The last minute: ticks are made by hand. */
#include "stats_test.h"

#define WORKERS 3
#define OPERATION 6

static void set_up(void)
{
    make_stats(WORKERS);
}

static void tick(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        wkv_stats_tick(stats);
}

START_TEST(without_a_tick_the_last_minute_is_all_since_start)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < 1000; i++)
        count(i % WORKERS, OPERATION, random_duration(&state, 30));
    const struct wkv_stats_operation *got = operation_of(OPERATION);
    ck_assert_uint_eq(got->last_minute.requests, 1000);
    ck_assert_uint_eq(got->last_minute.p50_ns, got->since_start.p50_ns);
    ck_assert_uint_eq(got->last_minute.p99_ns, got->since_start.p99_ns);
    ck_assert_uint_eq(got->last_minute.p999_ns, got->since_start.p999_ns);
    ck_assert_uint_eq(got->last_minute.max_ns, got->since_start.max_ns);
}
END_TEST

START_TEST(what_leaves_the_ring_is_gone_from_the_last_minute)
{
    count(0, OPERATION, 500);
    tick(WKV_STATS_TICKS);
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.requests, 1);
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.max_ns, 500);
    tick(1);
    static const struct wkv_stats_latency nothing;
    ck_assert_mem_eq(&operation_of(OPERATION)->last_minute, &nothing, sizeof nothing);
    ck_assert_uint_eq(operation_of(OPERATION)->since_start.requests, 1);
    ck_assert_uint_eq(operation_of(OPERATION)->since_start.max_ns, 500);
}
END_TEST

START_TEST(what_came_since_the_last_tick_is_in_the_last_minute)
{
    tick(5 * WKV_STATS_TICKS);
    count(1, OPERATION, 700);
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.requests, 1);
    ck_assert_uint_eq(operation_of(OPERATION - 1)->last_minute.requests, 0);
}
END_TEST

START_TEST(the_slowest_of_the_last_minute_is_not_that_since_start)
{
    count(0, OPERATION, 5000000);
    tick(1);
    count(1, OPERATION, 3001);
    tick(WKV_STATS_TICKS - 1);
    /* The bucket's bound is above what was counted, but not above the slowest of all. */
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.max_ns, 5000000);
    tick(1);
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.max_ns,
                      wkv_histogram_upper_ns(wkv_histogram_bucket(3001)));
    ck_assert_uint_eq(operation_of(OPERATION)->since_start.max_ns, 5000000);
}
END_TEST

#define ROUNDS 60
#define ROUND_REQUESTS 300

static uint64_t expected_percentile(const uint64_t *sorted, size_t number, unsigned per_ten_thousand,
                                    uint64_t max_ns)
{
    uint64_t upper =
        wkv_histogram_upper_ns(wkv_histogram_bucket(exact_percentile(sorted, number, per_ten_thousand)));
    return upper < max_ns ? upper : max_ns;
}

/* Compares with the requests of rounds first to last, one after the other in all. */
static void check_rounds(const uint64_t *all, size_t first, size_t last, uint64_t max_ns)
{
    static uint64_t sorted[ROUNDS * ROUND_REQUESTS];
    size_t number = (last + 1 - first) * ROUND_REQUESTS;
    memcpy(sorted, &all[first * ROUND_REQUESTS], number * sizeof sorted[0]);
    qsort(sorted, number, sizeof sorted[0], by_value);
    const struct wkv_stats_latency *got = &operation_of(OPERATION)->last_minute;
    ck_assert_uint_eq(got->requests, number);
    ck_assert_uint_eq(got->p50_ns, expected_percentile(sorted, number, 5000, max_ns));
    ck_assert_uint_eq(got->p90_ns, expected_percentile(sorted, number, 9000, max_ns));
    ck_assert_uint_eq(got->p99_ns, expected_percentile(sorted, number, 9900, max_ns));
    ck_assert_uint_eq(got->p999_ns, expected_percentile(sorted, number, 9990, max_ns));
    ck_assert_uint_eq(got->max_ns, expected_percentile(sorted, number, 10000, max_ns));
}

START_TEST(percentiles_are_those_of_the_last_ticks_requests)
{
    static uint64_t all[ROUNDS * ROUND_REQUESTS];
    uint64_t state = 9, max_ns = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = round * ROUND_REQUESTS; i < (round + 1) * ROUND_REQUESTS; i++) {
            /* Now faster, now slower. */
            all[i] = random_duration(&state, 20 + (unsigned)(round * 7 % 17));
            max_ns = all[i] > max_ns ? all[i] : max_ns;
            count((unsigned)(next_random(&state) % WORKERS), OPERATION, all[i]);
            count(0, OPERATION + 1, 77);
        }
        size_t first = round > WKV_STATS_TICKS ? round - WKV_STATS_TICKS : 0;
        check_rounds(all, first, round, max_ns);
        tick(1);
    }
}
END_TEST

START_TEST(more_than_a_tick_can_hold_is_not_lost)
{
    uint64_t many = (UINT64_C(1) << 33) + 5;
    struct wkv_stats_row *row = &wkv_stats_worker(stats, 0)->rows[OPERATION];
    atomic_store(&row->counters.requests, many);
    atomic_store(&row->histogram.counts[100], many);
    for (unsigned i = 0; i <= WKV_STATS_TICKS; i++) {
        ck_assert_uint_eq(operation_of(OPERATION)->last_minute.requests, many);
        tick(1);
    }
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.requests, many - UINT32_MAX);
    tick(2 + WKV_STATS_TICKS);
    ck_assert_uint_eq(operation_of(OPERATION)->last_minute.requests, 0);
    ck_assert_uint_eq(operation_of(OPERATION)->since_start.requests, many);
}
END_TEST

Suite *minute_suite(void)
{
    Suite *suite = suite_create("stats/minute");
    TCase *tests = tcase_create("minute");
    tcase_add_checked_fixture(tests, set_up, free_stats);
    tcase_add_test(tests, without_a_tick_the_last_minute_is_all_since_start);
    tcase_add_test(tests, what_leaves_the_ring_is_gone_from_the_last_minute);
    tcase_add_test(tests, what_came_since_the_last_tick_is_in_the_last_minute);
    tcase_add_test(tests, the_slowest_of_the_last_minute_is_not_that_since_start);
    tcase_add_test(tests, percentiles_are_those_of_the_last_ticks_requests);
    tcase_add_test(tests, more_than_a_tick_can_hold_is_not_lost);
    suite_add_tcase(suite, tests);
    return suite;
}
