/* The slow log. */
#include "stats_test.h"

#include <pthread.h>

#define WORKERS 4
#define EVERYTHING (WORKERS * 2 * WKV_STATS_SLOW)

static struct wkv_stats_slow got[EVERYTHING + 1];

static void set_up(void)
{
    make_stats(WORKERS);
}

/* Moments in a window, by its number. */
static int64_t in_window(int64_t number)
{
    return START_NS + number * WKV_STATS_SLOW_WINDOW_NS + 17;
}

/* A request that ends in a window. */
static void count_in(unsigned worker, int64_t window, uint64_t duration_ns)
{
    struct wkv_stats_request request = request_of(1, in_window(window) - (int64_t)duration_ns, duration_ns);
    wkv_stats_count(wkv_stats_worker(stats, worker), &request);
}

static size_t slowlog_in(int64_t window)
{
    return wkv_stats_slowlog(stats, in_window(window), got, COUNT_OF(got));
}

START_TEST(nothing_was_slow_yet)
{
    ck_assert_uint_eq(slowlog_in(0), 0);
    ck_assert_uint_eq(slowlog_in(1), 0);
}
END_TEST

/* ---- which ones ---- */

#define REQUESTS 100000

static int slowest_first(const void *a, const void *b)
{
    return by_value(b, a);
}

START_TEST(the_slowest_of_all_workers_are_those_returned)
{
    static uint64_t all[REQUESTS];
    uint64_t state = 5;
    for (size_t i = 0; i < REQUESTS; i++) {
        /* No two are the same. */
        all[i] = (random_duration(&state, 30) << 17) | i;
        count_in((unsigned)(next_random(&state) % WORKERS), 0, all[i]);
    }
    qsort(all, REQUESTS, sizeof all[0], slowest_first);
    ck_assert_uint_eq(wkv_stats_slowlog(stats, in_window(0), got, WKV_STATS_SLOW), WKV_STATS_SLOW);
    for (size_t i = 0; i < WKV_STATS_SLOW; i++)
        ck_assert_int_eq(got[i].duration_ns, (int64_t)all[i]);
}
END_TEST

/* The order in which they come is nothing to it. */
static uint64_t rising(size_t i)
{
    return 1000 + i;
}

static uint64_t falling(size_t i)
{
    return 100000 - i;
}

static uint64_t zigzag(size_t i)
{
    return i % 2 == 0 ? 50000 + i : 50000 - i;
}

static uint64_t (*const orders[])(size_t) = {rising, falling, zigzag};

START_TEST(each_worker_keeps_its_slowest_in_whatever_order_they_come)
{
    static uint64_t all[WORKERS][1000];
    uint64_t expected[WORKERS * WKV_STATS_SLOW];
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        for (size_t i = 0; i < COUNT_OF(all[0]); i++) {
            all[worker][i] = orders[_i](i) * WORKERS + worker;
            count_in(worker, 0, all[worker][i]);
        }
        qsort(all[worker], COUNT_OF(all[0]), sizeof all[0][0], slowest_first);
        memcpy(&expected[worker * WKV_STATS_SLOW], all[worker], WKV_STATS_SLOW * sizeof expected[0]);
    }
    qsort(expected, COUNT_OF(expected), sizeof expected[0], slowest_first);
    ck_assert_uint_eq(slowlog_in(0), COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        ck_assert_int_eq(got[i].duration_ns, (int64_t)expected[i]);
}
END_TEST

START_TEST(of_equally_slow_ones_the_earlier_comes_first)
{
    struct wkv_stats_request late = request_of(1, START_NS + 5000, 1000);
    struct wkv_stats_request early = request_of(2, START_NS + 4000, 1000);
    struct wkv_stats_request slower = request_of(3, START_NS + 6000, 1001);
    wkv_stats_count(wkv_stats_worker(stats, 0), &late);
    wkv_stats_count(wkv_stats_worker(stats, 1), &early);
    wkv_stats_count(wkv_stats_worker(stats, 2), &slower);
    ck_assert_uint_eq(slowlog_in(0), 3);
    ck_assert_uint_eq(got[0].operation, 3);
    ck_assert_uint_eq(got[1].operation, 2);
    ck_assert_uint_eq(got[2].operation, 1);
}
END_TEST

START_TEST(one_that_is_only_as_slow_as_the_fastest_kept_does_not_get_in)
{
    for (int i = 0; i < WKV_STATS_SLOW; i++)
        count_in(0, 0, 1000);
    struct wkv_stats_request request = request_of(7, START_NS, 1000);
    wkv_stats_count(wkv_stats_worker(stats, 0), &request);
    ck_assert_uint_eq(slowlog_in(0), WKV_STATS_SLOW);
    for (int i = 0; i < WKV_STATS_SLOW; i++)
        ck_assert_uint_eq(got[i].operation, 1);
}
END_TEST

START_TEST(there_are_never_more_than_max)
{
    for (uint64_t i = 1; i <= 100; i++)
        count_in((unsigned)i % WORKERS, 0, i);
    memset(got, 0xaa, sizeof got);
    got[_i].duration_ns = -7;
    ck_assert_uint_eq(wkv_stats_slowlog(stats, in_window(0), got, (size_t)_i), (size_t)_i);
    for (int i = 0; i < _i; i++)
        ck_assert_int_eq(got[i].duration_ns, 100 - i);
    ck_assert_int_eq(got[_i].duration_ns, -7);
}
END_TEST

/* ---- windows ---- */

START_TEST(a_window_is_shown_until_the_one_after_the_next)
{
    count_in(0, 0, 1000);
    count_in(0, 1, 500);
    ck_assert_uint_eq(slowlog_in(1), 2);
    ck_assert_int_eq(got[0].duration_ns, 1000);
    ck_assert_int_eq(got[1].duration_ns, 500);
    ck_assert_uint_eq(slowlog_in(2), 1);
    ck_assert_int_eq(got[0].duration_ns, 500);
    ck_assert_uint_eq(slowlog_in(3), 0);
}
END_TEST

START_TEST(a_window_ends_on_the_nanosecond)
{
    count_in(0, 0, 1000);
    int64_t end_ns = START_NS + 2 * WKV_STATS_SLOW_WINDOW_NS;
    ck_assert_uint_eq(wkv_stats_slowlog(stats, end_ns - 1, got, COUNT_OF(got)), 1);
    ck_assert_uint_eq(wkv_stats_slowlog(stats, end_ns, got, COUNT_OF(got)), 0);

    /* A request belongs to the window in which it ended. */
    struct wkv_stats_request last = request_of(1, end_ns - 2000, 1999);
    struct wkv_stats_request first = request_of(2, end_ns - 2000, 2000);
    wkv_stats_count(wkv_stats_worker(stats, 1), &last);
    wkv_stats_count(wkv_stats_worker(stats, 1), &first);
    ck_assert_uint_eq(wkv_stats_slowlog(stats, end_ns, got, COUNT_OF(got)), 2);
    ck_assert_uint_eq(slowlog_in(3), 1);
    ck_assert_uint_eq(got[0].operation, 2);
}
END_TEST

START_TEST(a_fast_request_gets_into_a_new_window_from_its_first_nanosecond)
{
    for (int i = 0; i < WKV_STATS_SLOW; i++)
        count_in(0, 0, 1000000);
    struct wkv_stats_request request = request_of(2, START_NS + WKV_STATS_SLOW_WINDOW_NS - 5, 4);
    wkv_stats_count(wkv_stats_worker(stats, 0), &request);
    ck_assert_uint_eq(slowlog_in(1), WKV_STATS_SLOW);
    request.end_ns++;
    wkv_stats_count(wkv_stats_worker(stats, 0), &request);
    ck_assert_uint_eq(slowlog_in(1), WKV_STATS_SLOW + 1);
    ck_assert_uint_eq(got[WKV_STATS_SLOW].operation, 2);
}
END_TEST

/* Windows in which requests came, one after the other: the worker tidies up whatever it left, and where. */
static const int64_t gaps[] = {1, 2, 3, 4, 1000001};

START_TEST(a_new_window_begins_empty)
{
    int64_t later = gaps[_i];
    for (int i = 0; i < 2 * WKV_STATS_SLOW; i++)
        count_in(0, 0, 1000000);
    count_in(0, later, 3);
    ck_assert_uint_eq(slowlog_in(later), later == 1 ? WKV_STATS_SLOW + 1 : 1);
    ck_assert_uint_eq(slowlog_in(later + 1), 1);
    ck_assert_int_eq(got[0].duration_ns, 3);
    /* And fills again. */
    for (int i = 0; i < 2 * WKV_STATS_SLOW; i++)
        count_in(0, later, 4);
    ck_assert_uint_eq(slowlog_in(later + 1), WKV_STATS_SLOW);
    ck_assert_int_eq(got[WKV_STATS_SLOW - 1].duration_ns, 4);
}
END_TEST

START_TEST(a_reader_whose_clock_is_a_little_behind_sees_them_all)
{
    count_in(0, 4, 10);
    count_in(1, 5, 20);
    ck_assert_uint_eq(slowlog_in(4), 2);
    ck_assert_uint_eq(slowlog_in(0), 2);
}
END_TEST

/* ---- what is told of each ---- */

START_TEST(all_of_a_request_is_kept)
{
    struct wkv_trace trace = {.present = true, .id = "4bf92f3577b34da6a3ce929d0e0e4736"};
    struct wkv_stats_request request = {.operation = 3,
                                        .actor = {"MABC", 3},
                                        .code = WKV_WRONG_KIND,
                                        .error = "ListItemDelete: no",
                                        .start_ns = START_NS + 1000000,
                                        .end_ns = START_NS + 1000777,
                                        .request_bytes = 11,
                                        .reply_bytes = 22,
                                        .trace = &trace};
    wkv_stats_count(wkv_stats_worker(stats, 2), &request);
    request.trace = NULL;
    request.code = WKV_OK;
    request.end_ns--;
    wkv_stats_count(wkv_stats_worker(stats, 2), &request);
    memset(&trace, 0, sizeof trace);
    memset(got, 0xaa, sizeof got);
    ck_assert_uint_eq(slowlog_in(0), 2);
    ck_assert_uint_eq(got[0].operation, 3);
    ck_assert_str_eq(got[0].actor, "MAB");
    ck_assert_int_eq((int)got[0].code, (int)WKV_WRONG_KIND);
    ck_assert_int_eq(got[0].start_wall_ns, START_WALL_NS + 1000000);
    ck_assert_int_eq(got[0].duration_ns, 777);
    ck_assert_uint_eq(got[0].request_bytes, 11);
    ck_assert_uint_eq(got[0].reply_bytes, 22);
    ck_assert(got[0].trace.present);
    ck_assert_str_eq(got[0].trace.id, "4bf92f3577b34da6a3ce929d0e0e4736");
    ck_assert_int_eq((int)got[1].code, (int)WKV_OK);
    ck_assert(!got[1].trace.present);
    ck_assert_str_eq(got[1].trace.id, "");
}
END_TEST

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONGEST HUNDRED TEN TEN "01234567"

static const struct {
    const char *actor;
    size_t len;
    const char *shown;
} actors[] = {
    {"", 0, ""},
    {"system", 6, "system"},
    {"a b~!", 5, "a b~!"},
    {"a\nb\tc\x1b[31m\x7f", 11, "a\\x0ab\\x09c\\x1b[31m\\x7f"},
    {"a\0b", 3, "a\\x00b"},
    {"\xc3\xa4\xff", 3, "\\xc3\\xa4\\xff"},
    {LONGEST, (WKV_STATS_ACTOR_BYTES - 1), LONGEST},
    {LONGEST "8", (WKV_STATS_ACTOR_BYTES - 1) + 1, LONGEST},
    {LONGEST HUNDRED HUNDRED, (WKV_STATS_ACTOR_BYTES - 1) + 200, LONGEST},
};

START_TEST(an_actor_s_name_is_cut_and_cleaned)
{
    struct wkv_stats_request request = request_of(0, START_NS, 10);
    request.actor = (struct wkv_text){actors[_i].actor, actors[_i].len};
    wkv_stats_count(wkv_stats_worker(stats, 0), &request);
    ck_assert_uint_eq(slowlog_in(0), 1);
    ck_assert_str_eq(got[0].actor, actors[_i].shown);
}
END_TEST

/* ---- many at once ---- */

#define STEPS 20000

/* Each request is slower than the one before, and every 1000 a new window begins. */
static void *work(void *context)
{
    const unsigned *worker = context;
    for (int64_t i = 0; i < STEPS; i++)
        count_in(*worker, i / 1000, (uint64_t)i + 1);
    return NULL;
}

START_TEST(the_slow_log_is_read_while_workers_write_it)
{
    pthread_t threads[WORKERS];
    unsigned numbers[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
    }
    int64_t slowest = 0;
    while (slowest < STEPS) {
        size_t count_now = slowlog_in(0);
        for (size_t i = 0; i < count_now; i++) {
            ck_assert_str_eq(got[i].actor, "MACTOR");
            ck_assert_int_eq(got[i].start_wall_ns + got[i].duration_ns,
                             START_WALL_NS + in_window((got[i].duration_ns - 1) / 1000) - START_NS);
            ck_assert(i == 0 || got[i].duration_ns <= got[i - 1].duration_ns);
        }
        ck_assert(count_now == 0 || got[0].duration_ns >= slowest);
        slowest = count_now == 0 ? 0 : got[0].duration_ns;
    }
    for (unsigned i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(slowlog_in(STEPS / 1000 - 1), EVERYTHING);
    ck_assert_uint_eq(slowlog_in(STEPS / 1000), EVERYTHING / 2);
}
END_TEST

Suite *slowlog_suite(void)
{
    Suite *suite = suite_create("stats/slowlog");
    TCase *tests = tcase_create("slowlog");
    tcase_add_checked_fixture(tests, set_up, free_stats);
    tcase_add_test(tests, nothing_was_slow_yet);
    tcase_add_test(tests, the_slowest_of_all_workers_are_those_returned);
    tcase_add_loop_test(tests, each_worker_keeps_its_slowest_in_whatever_order_they_come, 0,
                        COUNT_OF(orders));
    tcase_add_test(tests, of_equally_slow_ones_the_earlier_comes_first);
    tcase_add_test(tests, one_that_is_only_as_slow_as_the_fastest_kept_does_not_get_in);
    tcase_add_loop_test(tests, there_are_never_more_than_max, 0, 70);
    tcase_add_test(tests, a_window_is_shown_until_the_one_after_the_next);
    tcase_add_test(tests, a_window_ends_on_the_nanosecond);
    tcase_add_test(tests, a_fast_request_gets_into_a_new_window_from_its_first_nanosecond);
    tcase_add_loop_test(tests, a_new_window_begins_empty, 0, COUNT_OF(gaps));
    tcase_add_test(tests, a_reader_whose_clock_is_a_little_behind_sees_them_all);
    tcase_add_test(tests, all_of_a_request_is_kept);
    tcase_add_loop_test(tests, an_actor_s_name_is_cut_and_cleaned, 0, COUNT_OF(actors));
    tcase_add_test(tests, the_slow_log_is_read_while_workers_write_it);
    suite_add_tcase(suite, tests);
    return suite;
}
