/* When an instance that is behind the log leaves requests to others, told as what the log has. */
#include <check.h>

#include "journal/lag.h"

#define MS WKV_NS_PER_MS
#define OWN 5
#define OTHER 6

static struct wkv_lag lag;
static uint64_t position;
static int64_t log_ns, now_ns;

static void pass(int64_t ms);

static void begin(void)
{
    lag = (struct wkv_lag){.count = 0};
    position = 1000;
    log_ns = 1000 * WKV_NS_PER_S;
    now_ns = 50 * WKV_NS_PER_S;
    pass(3000);
}

/* So much time, with a message each millisecond. */
static void pass(int64_t ms)
{
    for (; ms > 0; ms--) {
        now_ns += MS;
        log_ns += MS;
        wkv_lag_note(&lag, ++position, log_ns);
    }
}

/* A BEAT of one that had not applied so many messages, which are as many milliseconds. */
static void beat(uint64_t join, uint64_t behind)
{
    wkv_lag_note(&lag, ++position, log_ns);
    wkv_lag_beat(&lag,
                 &(struct wkv_lag_beat){.join = join,
                                        .seen = position - 1 - behind,
                                        .position = position,
                                        .time_ns = log_ns,
                                        .own = join == OWN},
                 now_ns);
}

static void both(uint64_t behind)
{
    pass(1000);
    beat(OTHER, 1);
    beat(OWN, behind);
}

START_TEST(who_is_slow_rests_until_it_has_caught_up)
{
    begin();
    both(5);
    ck_assert(!lag.rests);
    both(1300);
    ck_assert_int_ge(lag.own_ns, 1290 * MS);
    ck_assert_int_le(lag.own_ns, 1320 * MS);
    ck_assert(!lag.rests);
    both(1300);
    ck_assert(lag.rests);
    both(200); /* not less than 100 ms */
    ck_assert(lag.rests);
    both(50);
    ck_assert(!lag.rests);
    both(900); /* not more than a second */
    both(900);
    ck_assert(!lag.rests);
}
END_TEST

/* After a quorum was lost what was on its way comes at once, with old stamps. */
START_TEST(what_is_slow_only_for_a_moment_does_not_count)
{
    begin();
    both(5);
    pass(8000);
    for (int i = 0; i < 8; i++)
        beat(OWN, 7000);
    ck_assert(!lag.rests);
    both(5);
    ck_assert(!lag.rests);
    both(1300);
    both(5);
    both(1300);
    ck_assert(!lag.rests);
}
END_TEST

/* What requests would be left to nobody. */
START_TEST(where_no_other_serves_it_goes_on)
{
    begin();
    for (int i = 0; i < 4; i++) {
        pass(1000);
        beat(OTHER, 1500); /* as slow */
        beat(OWN, 1500);
        ck_assert(!lag.rests);
    }
    both(1500);
    ck_assert(lag.rests);
    for (int i = 0; i < 4; i++) { /* and now it is gone */
        pass(1000);
        beat(OWN, 1500);
    }
    ck_assert(!lag.rests);
}
END_TEST

/* An idle log has few messages, and one that stands still none. */
START_TEST(a_log_that_has_nothing_makes_nobody_slow)
{
    begin();
    for (int i = 0; i < 20; i++) {
        now_ns += 5000 * MS;
        log_ns += 5000 * MS;
        beat(OTHER, 0);
        beat(OWN, 1); /* the other's alone */
        ck_assert_int_eq(lag.own_ns, 0);
        ck_assert(!lag.rests);
    }
}
END_TEST

/* Another server leads the log, whose clock is a minute behind, and then one whose clock is an hour ahead. */
START_TEST(a_clock_that_jumps_makes_nobody_slow)
{
    static const int64_t jumps_ms[] = {-60000, 3600000};
    begin();
    for (size_t i = 0; i < 2; i++) {
        both(5);
        log_ns += jumps_ms[i] * MS;
        beat(OTHER, 5);
        beat(OWN, 5);
        both(5);
        both(5);
        ck_assert(!lag.rests);
        ck_assert_int_lt(lag.own_ns, 30 * MS);
    }
}
END_TEST

/* What is older than all that is remembered counts as old. */
START_TEST(who_is_far_behind_is_slow)
{
    begin();
    pass(100000);
    both(50000);
    both(50000);
    ck_assert_int_ge(lag.own_ns, 5 * WKV_NS_PER_S);
    ck_assert(lag.rests);
}
END_TEST

/* Of many others any will do. */
START_TEST(of_many_others_one_is_enough)
{
    begin();
    for (int turn = 0; turn < 3; turn++) {
        pass(1000);
        for (uint64_t other = 10; other < 60; other++)
            beat(other, other == 59 ? 1 : 1500);
        beat(OWN, 1500);
    }
    ck_assert(lag.rests);
}
END_TEST

Suite *lag_suite(void)
{
    Suite *suite = suite_create("engine/lag");
    TCase *tcase = tcase_create("lag");
    tcase_add_test(tcase, who_is_slow_rests_until_it_has_caught_up);
    tcase_add_test(tcase, what_is_slow_only_for_a_moment_does_not_count);
    tcase_add_test(tcase, where_no_other_serves_it_goes_on);
    tcase_add_test(tcase, a_log_that_has_nothing_makes_nobody_slow);
    tcase_add_test(tcase, a_clock_that_jumps_makes_nobody_slow);
    tcase_add_test(tcase, who_is_far_behind_is_slow);
    tcase_add_test(tcase, of_many_others_one_is_enough);
    suite_add_tcase(suite, tcase);
    return suite;
}
