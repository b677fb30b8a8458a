/* What is told of the process as a whole. */
#include "operation/identity.h"
#include "operation/operation.h"
#include "stats_test.h"

#include <pthread.h>

#define WORKERS 3

static struct wkv_stats_service service;

static void set_up(void)
{
    make_stats(WORKERS);
}

static const struct wkv_stats_service *read_service(void)
{
    memset(&service, 0xaa, sizeof service);
    wkv_stats_service(stats, START_NS + 5, &service);
    return &service;
}

/* ---- what the workers counted ---- */

START_TEST(a_process_that_did_nothing_has_nothing_to_tell)
{
    const struct wkv_stats_service *got = read_service();
    ck_assert_int_eq(got->started_wall_ns, START_WALL_NS);
    ck_assert_uint_eq(got->uptime_ns, 5);
    ck_assert_uint_eq(got->workers, WORKERS);
    ck_assert(!got->ready);
    ck_assert_uint_eq(got->requests + got->errors + got->unsent, 0);
    ck_assert_uint_eq(got->connections + got->connects + got->reconnects, 0);
}
END_TEST

START_TEST(requests_are_added_up_over_workers_and_operations)
{
    for (unsigned worker = 0; worker < WORKERS; worker++)
        for (size_t i = 0; i < wkv_operation_count; i++) {
            count(worker, i, 100);
            struct wkv_stats_request request = request_of(i, START_NS, 100);
            request.code = wkv_stats_codes[i % WKV_STATS_CODES];
            request.error = "no";
            wkv_stats_count(wkv_stats_worker(stats, worker), &request);
        }
    wkv_stats_count_unsent(wkv_stats_worker(stats, 0));
    wkv_stats_count_unsent(wkv_stats_worker(stats, 2));
    wkv_stats_count_unsent(wkv_stats_worker(stats, 2));
    const struct wkv_stats_service *got = read_service();
    ck_assert_uint_eq(got->requests, 2 * WORKERS * wkv_operation_count);
    ck_assert_uint_eq(got->errors, WORKERS * wkv_operation_count);
    for (size_t code = 0; code < WKV_STATS_CODES; code++) {
        uint64_t expected = 0;
        for (size_t i = code; i < wkv_operation_count; i += WKV_STATS_CODES)
            expected += WORKERS;
        ck_assert_uint_eq(got->refusals[code], expected);
    }
    ck_assert_uint_eq(got->unsent, 3);
}
END_TEST

/* ---- connections ---- */

START_TEST(connections_are_counted_as_they_come_and_go)
{
    wkv_stats_connected(stats);
    wkv_stats_connected(stats);
    ck_assert_uint_eq(read_service()->connections, 2);
    wkv_stats_disconnected(stats);
    ck_assert_uint_eq(read_service()->connections, 1);
    wkv_stats_reconnected(stats);
    ck_assert_uint_eq(read_service()->connections, 2);
    ck_assert_uint_eq(read_service()->connects, 2);
    ck_assert_uint_eq(read_service()->reconnects, 1);
}
END_TEST

START_TEST(there_are_never_fewer_than_no_connections)
{
    wkv_stats_disconnected(stats);
    ck_assert_uint_eq(read_service()->connections, 0);
    wkv_stats_connected(stats);
    wkv_stats_disconnected(stats);
    wkv_stats_disconnected(stats);
    ck_assert_uint_eq(read_service()->connections, 0);
}
END_TEST

#define TIMES 10000

static void *come_and_go(void *context)
{
    (void)context;
    for (int i = 0; i < TIMES; i++) {
        (i > 0 ? wkv_stats_reconnected : wkv_stats_connected)(stats);
        wkv_stats_disconnected(stats);
    }
    wkv_stats_reconnected(stats);
    return NULL;
}

START_TEST(connections_are_counted_by_any_thread)
{
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(read_service()->connections, COUNT_OF(threads));
    ck_assert_uint_eq(read_service()->connects, COUNT_OF(threads));
    ck_assert_uint_eq(read_service()->reconnects, COUNT_OF(threads) * TIMES);
}
END_TEST

START_TEST(it_is_ready_once_that_was_said)
{
    ck_assert(!wkv_stats_is_ready(stats));
    wkv_stats_set_ready(stats, true);
    ck_assert(wkv_stats_is_ready(stats));
    ck_assert(read_service()->ready);
    wkv_stats_set_ready(stats, false);
    ck_assert(!wkv_stats_is_ready(stats));
    ck_assert(!read_service()->ready);
}
END_TEST

START_TEST(it_is_not_ready_while_another_one_holds_a_part_of_the_data)
{
    wkv_stats_set_ready(stats, true);
    for (unsigned i = 1; i <= 3; i++) {
        wkv_stats_set_split(stats, true);
        wkv_stats_set_split(stats, true);
        ck_assert(!wkv_stats_is_ready(stats));
        ck_assert(read_service()->split && !read_service()->ready);
        ck_assert_uint_eq(read_service()->splits, i);
        wkv_stats_set_split(stats, false);
        ck_assert(wkv_stats_is_ready(stats));
        ck_assert(!read_service()->split && read_service()->ready);
    }
}
END_TEST

Suite *service_suite(void)
{
    Suite *suite = suite_create("stats/service");
    TCase *tests = tcase_create("service");
    tcase_add_checked_fixture(tests, set_up, free_stats);
    tcase_add_test(tests, a_process_that_did_nothing_has_nothing_to_tell);
    tcase_add_test(tests, requests_are_added_up_over_workers_and_operations);
    tcase_add_test(tests, connections_are_counted_as_they_come_and_go);
    tcase_add_test(tests, there_are_never_fewer_than_no_connections);
    tcase_add_test(tests, connections_are_counted_by_any_thread);
    tcase_add_test(tests, it_is_ready_once_that_was_said);
    tcase_add_test(tests, it_is_not_ready_while_another_one_holds_a_part_of_the_data);
    suite_add_tcase(suite, tests);
    return suite;
}
