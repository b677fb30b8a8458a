/* The histogram's buckets and percentiles. */
#include "lib/room.h"
#include "stats_test.h"

#define LAST (WKV_HISTOGRAM_BUCKETS - 1)
/* What is more goes into the last bucket, which has no upper bound. */
#define BOUNDED ((UINT64_C(1) << 37) - (UINT64_C(1) << 31))

START_TEST(a_bucket_ends_where_the_next_one_begins)
{
    for (uint32_t bucket = 0; bucket < LAST; bucket++) {
        uint64_t upper = wkv_histogram_upper_ns(bucket);
        ck_assert_uint_eq(wkv_histogram_bucket(upper), bucket);
        ck_assert_uint_eq(wkv_histogram_bucket(upper + 1), bucket + 1);
    }
    ck_assert_uint_eq(wkv_histogram_upper_ns(LAST - 1), BOUNDED);
    ck_assert_uint_eq(wkv_histogram_upper_ns(LAST), UINT64_MAX);
}
END_TEST

START_TEST(a_power_of_two_is_the_upper_bound_of_a_bucket)
{
    for (unsigned bits = 0; bits < WKV_HISTOGRAM_MAX_BITS; bits++) {
        uint64_t power = UINT64_C(1) << bits;
        ck_assert_uint_eq(wkv_histogram_upper_ns(wkv_histogram_bucket(power)), power);
    }
}
END_TEST

static const struct {
    uint64_t ns;
    uint32_t bucket;
} edges[] = {
    {0, 0},
    {1, 0},
    {2, 1},
    {31, 30},
    {32, 31},
    {33, 32},
    {64, 63},
    {65, 64},
    {66, 64},
    {67, 65},
    {BOUNDED, LAST - 1},
    {BOUNDED + 1, LAST},
    {UINT64_C(1) << 37, LAST},
    {(UINT64_C(1) << 37) + 1, LAST},
    {UINT64_C(1) << 63, LAST},
    {UINT64_MAX, LAST},
};

START_TEST(each_value_has_its_bucket)
{
    ck_assert_uint_eq(wkv_histogram_bucket(edges[_i].ns), edges[_i].bucket);
}
END_TEST

START_TEST(a_value_is_less_than_a_32nd_below_its_bucket_s_bound)
{
    uint64_t state = 1;
    size_t count = test_scaled(1000000);
    for (size_t i = 0; i < count; i++) {
        uint64_t ns = random_duration(&state, 37);
        if (ns == 0 || ns > BOUNDED)
            continue;
        uint64_t upper = wkv_histogram_upper_ns(wkv_histogram_bucket(ns));
        /* An assertion that holds takes its time, too. */
        if (upper < ns || (upper - ns) * 32 >= ns)
            ck_abort_msg("%" PRIu64 " ns in a bucket up to %" PRIu64, ns, upper);
    }
}
END_TEST

/* ---- percentiles ---- */

#define SAMPLES 100000

static uint64_t constant(uint64_t *state)
{
    (void)state;
    return 48123;
}

static uint64_t uniform(uint64_t *state)
{
    return next_random(state) % 1000000;
}

static uint64_t small(uint64_t *state)
{
    return next_random(state) % 40;
}

static uint64_t any_magnitude(uint64_t *state)
{
    return random_duration(state, 36);
}

/* Most are fast; one in five hundred is slower a thousand times. */
static uint64_t two_humps(uint64_t *state)
{
    return (4000 + next_random(state) % 3000) * (next_random(state) % 500 == 0 ? 1000 : 1);
}

/* The fastest of many, upside down: a long tail. */
static uint64_t long_tail(uint64_t *state)
{
    return 3000 + UINT64_C(1000000000000) / (1 + next_random(state) % 1000000);
}

static uint64_t (*const distributions[])(uint64_t *) = {constant,      uniform,   small,
                                                        any_magnitude, two_humps, long_tail};

static uint64_t percentile(const uint64_t *counts, unsigned ten_thousandths)
{
    uint64_t ns;
    (void)wkv_histogram_percentiles(counts, &ten_thousandths, 1, &ns);
    return ns;
}

static const unsigned percents[] = {1, 100, 2500, 5000, 9000, 9900, 9990, 9999, 10000};

START_TEST(a_percentile_is_that_of_the_sorted_values_rounded_up_to_its_bucket)
{
    static uint64_t sorted[SAMPLES];
    static uint64_t counts[WKV_HISTOGRAM_BUCKETS];
    static struct wkv_histogram histogram;
    uint64_t state = (uint64_t)_i + 7;
    /* Without a process of its own each test finds what the one before it left. */
    memset(&histogram, 0, sizeof histogram);
    for (size_t i = 0; i < SAMPLES; i++) {
        sorted[i] = distributions[_i](&state);
        wkv_histogram_add(&histogram, sorted[i], 1);
    }
    qsort(sorted, SAMPLES, sizeof sorted[0], by_value);
    for (uint32_t i = 0; i < WKV_HISTOGRAM_BUCKETS; i++)
        counts[i] = wkv_stats_read(&histogram.counts[i]);
    uint64_t together[COUNT_OF(percents)];
    ck_assert_uint_eq(wkv_histogram_percentiles(counts, percents, COUNT_OF(percents), together), SAMPLES);
    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        uint64_t exact = exact_percentile(sorted, SAMPLES, percents[i]);
        uint64_t got = percentile(counts, percents[i]);
        ck_assert_uint_eq(got, together[i]);
        ck_assert_uint_eq(got, wkv_histogram_upper_ns(wkv_histogram_bucket(exact)));
        ck_assert(exact == 0 ? got == 1 : (got - exact) * 32 < exact);
    }
}
END_TEST

START_TEST(percentiles_of_nothing_are_0)
{
    static const uint64_t counts[WKV_HISTOGRAM_BUCKETS];
    uint64_t ns[COUNT_OF(percents)];
    memset(ns, 0xff, sizeof ns);
    ck_assert_uint_eq(wkv_histogram_percentiles(counts, percents, COUNT_OF(percents), ns), 0);
    for (size_t i = 0; i < COUNT_OF(percents); i++)
        ck_assert_uint_eq(ns[i], 0);
}
END_TEST

START_TEST(each_percentile_of_one_value_is_its_bucket)
{
    for (uint32_t bucket = 0; bucket < WKV_HISTOGRAM_BUCKETS; bucket++) {
        uint64_t counts[WKV_HISTOGRAM_BUCKETS] = {0};
        counts[bucket] = 1;
        ck_assert_uint_eq(percentile(counts, 1), wkv_histogram_upper_ns(bucket));
        ck_assert_uint_eq(percentile(counts, 10000), wkv_histogram_upper_ns(bucket));
    }
}
END_TEST

START_TEST(half_of_the_values_is_half_of_them)
{
    uint64_t counts[WKV_HISTOGRAM_BUCKETS] = {0};
    counts[3] = 2;
    counts[9] = 2;
    ck_assert_uint_eq(percentile(counts, 5000), wkv_histogram_upper_ns(3));
    ck_assert_uint_eq(percentile(counts, 5001), wkv_histogram_upper_ns(9));
    counts[3] = 1;
    ck_assert_uint_eq(percentile(counts, 5000), wkv_histogram_upper_ns(9));
}
END_TEST

/* Each begins where the one before it ended, be it the same bucket. */
START_TEST(percentiles_that_are_asked_for_together_may_be_equal)
{
    static const unsigned wanted[] = {1, 5000, 5000, 5001, 7500, 7501, 10000, 10000};
    static const uint32_t buckets[] = {0, 3, 3, 9, 9, LAST - 1, LAST - 1, LAST - 1};
    uint64_t counts[WKV_HISTOGRAM_BUCKETS] = {[0] = 1, [3] = 1, [9] = 1, [LAST - 1] = 1};
    uint64_t ns[COUNT_OF(wanted)];
    ck_assert_uint_eq(wkv_histogram_percentiles(counts, wanted, COUNT_OF(wanted), ns), 4);
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        ck_assert_uint_eq(ns[i], wkv_histogram_upper_ns(buckets[i]));
}
END_TEST

START_TEST(counts_near_the_largest_number_do_not_overflow)
{
    uint64_t counts[WKV_HISTOGRAM_BUCKETS] = {0};
    counts[5] = UINT64_MAX / 2 + 1;
    counts[LAST] = UINT64_MAX / 2;
    ck_assert_uint_eq(percentile(counts, 1), wkv_histogram_upper_ns(5));
    ck_assert_uint_eq(percentile(counts, 5000), wkv_histogram_upper_ns(5));
    ck_assert_uint_eq(percentile(counts, 5001), UINT64_MAX);
    ck_assert_uint_eq(percentile(counts, 10000), UINT64_MAX);
}
END_TEST

Suite *histogram_suite(void)
{
    Suite *suite = suite_create("stats/histogram");
    TCase *tests = tcase_create("histogram");
    tcase_add_test(tests, a_bucket_ends_where_the_next_one_begins);
    tcase_add_test(tests, a_power_of_two_is_the_upper_bound_of_a_bucket);
    tcase_add_loop_test(tests, each_value_has_its_bucket, 0, COUNT_OF(edges));
    tcase_add_test(tests, a_value_is_less_than_a_32nd_below_its_bucket_s_bound);
    tcase_add_loop_test(tests, a_percentile_is_that_of_the_sorted_values_rounded_up_to_its_bucket, 0,
                        COUNT_OF(distributions));
    tcase_add_test(tests, percentiles_of_nothing_are_0);
    tcase_add_test(tests, each_percentile_of_one_value_is_its_bucket);
    tcase_add_test(tests, half_of_the_values_is_half_of_them);
    tcase_add_test(tests, percentiles_that_are_asked_for_together_may_be_equal);
    tcase_add_test(tests, counts_near_the_largest_number_do_not_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}
