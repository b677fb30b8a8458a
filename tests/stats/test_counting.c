/* Counting requests, and reading what was counted. */
#include "operation/identity.h"
#include "operation/operation.h"
#include "stats_test.h"

#include <pthread.h>

#define WORKERS 8
#define OPERATIONS 64 /* at the least as many as the table has rows */

static void set_up(void)
{
    ck_assert_uint_le(wkv_operation_count, OPERATIONS);
    make_stats(WORKERS);
}

START_TEST(a_block_shares_no_cache_line)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct wkv_stats_block *block = wkv_stats_worker(stats, i);
        ck_assert_uint_eq((uintptr_t)block % WKV_STATS_ALIGNMENT, 0);
        for (size_t row = 0; row < wkv_operation_count; row++)
            ck_assert_uint_eq((uintptr_t)&block->rows[row] % WKV_STATS_ALIGNMENT, 0);
    }
}
END_TEST

START_TEST(nothing_was_counted_yet)
{
    static const struct wkv_stats_operation nothing;
    for (size_t i = 0; i < wkv_operation_count; i++)
        ck_assert_mem_eq(operation_of(i), &nothing, sizeof nothing);
}
END_TEST

START_TEST(a_request_is_counted_with_its_time_and_bytes)
{
    count(0, 2, 1000001);
    count(3, 2, 4);
    const struct wkv_stats_operation *got = operation_of(2);
    ck_assert_uint_eq(got->requests, 2);
    ck_assert_uint_eq(got->errors, 0);
    ck_assert_uint_eq(got->processing_ns, 1000005);
    ck_assert_uint_eq(got->request_bytes, 6);
    ck_assert_uint_eq(got->reply_bytes, 10);
    ck_assert_str_eq(got->last_error, "");
    ck_assert_uint_eq(got->since_start.requests, 2);
    ck_assert_uint_eq(got->since_start.p50_ns, 4);
    ck_assert_uint_eq(got->since_start.max_ns, 1000001);
    ck_assert_uint_eq(operation_of(1)->requests, 0);
}
END_TEST

static const uint64_t durations[] = {
    0, 1, 31, 32, 33, 1000001, UINT64_C(1) << 36, 200000000000, INT64_MAX / 2};

START_TEST(no_percentile_is_above_the_slowest_request)
{
    uint64_t ns = durations[_i];
    count(0, 1, ns);
    const struct wkv_stats_latency *got = &operation_of(1)->since_start;
    ck_assert_uint_eq(got->max_ns, ns);
    ck_assert_uint_eq(got->p50_ns, ns);
    ck_assert_uint_eq(got->p999_ns, ns);
    got = &operation_of(1)->last_minute;
    ck_assert_uint_eq(got->max_ns, ns);
    ck_assert_uint_eq(got->p50_ns, ns);
    ck_assert_uint_eq(got->p999_ns, ns);
}
END_TEST

START_TEST(a_clock_that_went_back_counts_as_no_time)
{
    struct wkv_stats_request request = request_of(0, START_NS, 0);
    request.end_ns -= 1000;
    wkv_stats_count(wkv_stats_worker(stats, 0), &request);
    ck_assert_uint_eq(operation_of(0)->requests, 1);
    ck_assert_uint_eq(operation_of(0)->processing_ns, 0);
    ck_assert_uint_eq(operation_of(0)->at_most[0], 1);
}
END_TEST

START_TEST(at_most_counts_exactly)
{
    uint64_t expected[WKV_STATS_BOUNDS] = {0};
    uint64_t state = 3;
    for (int i = 0; i < 20000; i++) {
        uint64_t ns = random_duration(&state, 38);
        /* Half of them on a bound, or one beside it. */
        if (i % 2 == 0)
            ns = (UINT64_C(1) << (next_random(&state) % 34)) + next_random(&state) % 3 - 1;
        count((unsigned)i % WORKERS, 4, ns);
        for (unsigned bound = 0; bound < WKV_STATS_BOUNDS; bound++)
            expected[bound] += ns <= UINT64_C(1) << (WKV_STATS_FIRST_BOUND + bound);
    }
    const struct wkv_stats_operation *got = operation_of(4);
    for (unsigned bound = 0; bound < WKV_STATS_BOUNDS; bound++)
        ck_assert_uint_eq(got->at_most[bound], expected[bound]);
    ck_assert_uint_lt(got->at_most[WKV_STATS_BOUNDS - 1], got->requests);
}
END_TEST

/* ---- refusals ---- */

static void refuse(unsigned worker, size_t operation, enum wkv_code code, const char *error, int64_t end_ns)
{
    struct wkv_stats_request request = request_of(operation, end_ns - 10, 10);
    request.code = code;
    request.error = error;
    wkv_stats_count(wkv_stats_worker(stats, worker), &request);
}

START_TEST(the_codes_are_those_of_the_contract_in_order)
{
    static const int codes[] = {400, 401, 403, 409, 413, 503, 504, 507};
    ck_assert_uint_eq(COUNT_OF(codes), WKV_STATS_CODES);
    for (size_t i = 0; i < WKV_STATS_CODES; i++)
        ck_assert_int_eq((int)wkv_stats_codes[i], codes[i]);
}
END_TEST

START_TEST(refusals_are_counted_by_code)
{
    for (int worker = 0; worker < 2; worker++)
        for (int i = 0; i <= _i; i++)
            refuse((unsigned)worker, 5, wkv_stats_codes[_i], "Clear: no", START_NS + i);
    count(1, 5, 10);
    const struct wkv_stats_operation *got = operation_of(5);
    uint64_t expected = ((uint64_t)_i + 1) * 2;
    ck_assert_uint_eq(got->requests, expected + 1);
    ck_assert_uint_eq(got->errors, expected);
    for (int i = 0; i < WKV_STATS_CODES; i++)
        ck_assert_uint_eq(got->refusals[i], i == _i ? expected : 0);
    char text[64];
    (void)snprintf(text, sizeof text, "%d: Clear: no", (int)wkv_stats_codes[_i]);
    ck_assert_str_eq(got->last_error, text);
}
END_TEST

START_TEST(the_last_error_is_the_latest_of_all_workers)
{
    refuse(0, 1, WKV_BAD_REQUEST, "Set: first", START_NS + 100);
    ck_assert_str_eq(operation_of(1)->last_error, "400: Set: first");
    refuse(5, 1, WKV_FORBIDDEN, "Set: third", START_NS + 300);
    ck_assert_str_eq(operation_of(1)->last_error, "403: Set: third");
    refuse(2, 1, WKV_TOO_LARGE, "Set: second", START_NS + 200);
    ck_assert_str_eq(operation_of(1)->last_error, "403: Set: third");
    refuse(0, 1, WKV_BUDGET_SPENT, "Set: fourth", START_NS + 400);
    ck_assert_str_eq(operation_of(1)->last_error, "507: Set: fourth");
    count(0, 1, 1000);
    ck_assert_str_eq(operation_of(1)->last_error, "507: Set: fourth");
    /* What a caller is told of it is 503, and so is what is counted. */
    refuse(0, 1, WKV_NO_MEMORY, "Set: fifth", START_NS + 500);
    ck_assert_str_eq(operation_of(1)->last_error, "503: Set: fifth");
    ck_assert_uint_eq(operation_of(1)->refusals[5], 1);
    ck_assert_str_eq(operation_of(0)->last_error, "");
}
END_TEST

START_TEST(the_last_error_may_be_long_or_have_no_text)
{
    char text[2 * WKV_ERROR_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    refuse(0, 1, WKV_BAD_REQUEST, text, START_NS + 100);
    ck_assert_uint_eq(strlen(operation_of(1)->last_error), strlen("400: ") + WKV_ERROR_TEXT_BYTES - 1);
    refuse(0, 1, WKV_BAD_REQUEST, NULL, START_NS + 101);
    ck_assert_str_eq(operation_of(1)->last_error, "400: ");
}
END_TEST

/* ---- many at once ---- */

#define REQUESTS 20000

struct model {
    uint64_t requests, processing_ns, request_bytes, reply_bytes, max_ns;
    uint64_t refusals[WKV_STATS_CODES];
};

/* The next request of a worker; the same in every run. */
static struct wkv_stats_request next_request(uint64_t *state, int64_t number)
{
    size_t operation = next_random(state) % wkv_operation_count;
    struct wkv_stats_request request =
        request_of(operation, START_NS + number * 10000000, random_duration(state, 30));
    request.request_bytes = next_random(state) % 1000;
    request.reply_bytes = next_random(state) % 1000;
    if (next_random(state) % 8 == 0) {
        request.code = wkv_stats_codes[next_random(state) % WKV_STATS_CODES];
        request.error = "refused";
    }
    return request;
}

static void model_add(struct model *model, const struct wkv_stats_request *request)
{
    uint64_t ns = (uint64_t)(request->end_ns - request->start_ns);
    model->requests++;
    model->processing_ns += ns;
    model->request_bytes += request->request_bytes;
    model->reply_bytes += request->reply_bytes;
    model->max_ns = ns > model->max_ns ? ns : model->max_ns;
    for (size_t i = 0; i < WKV_STATS_CODES; i++)
        model->refusals[i] += request->code == wkv_stats_codes[i];
}

static void *work(void *context)
{
    const unsigned *worker = context;
    struct wkv_stats_block *block = wkv_stats_worker(stats, *worker);
    uint64_t state = *worker;
    for (int64_t i = 0; i < REQUESTS; i++) {
        struct wkv_stats_request request = next_request(&state, i);
        wkv_stats_count(block, &request);
        if (i % 100 == 0)
            wkv_stats_count_unsent(block);
    }
    return NULL;
}

static _Atomic bool finished;

/* Reads whatever there is to read; nothing that counts on may ever fall. Returns what it did not like. */
static void *read_all(void *context)
{
    (void)context;
    static struct wkv_stats_service service;
    static struct wkv_stats_slow slow[100];
    static struct wkv_stats_operation operation;
    uint64_t requests[OPERATIONS] = {0};
    uint64_t all = 0;
    while (!atomic_load(&finished)) {
        for (size_t i = 0; i < wkv_operation_count; i++) {
            wkv_stats_operation(stats, i, &operation);
            if (operation.requests < requests[i])
                return "an operation's requests fell";
            requests[i] = operation.requests;
            if (operation.last_minute.requests > operation.since_start.requests)
                return "the last minute has more than all of them";
        }
        wkv_stats_service(stats, START_NS, &service);
        if (service.requests < all)
            return "the requests fell";
        all = service.requests;
        size_t found = wkv_stats_slowlog(stats, START_NS, slow, COUNT_OF(slow));
        for (size_t i = 0; i < found; i++)
            if (strcmp(slow[i].actor, "MACTOR") != 0 ||
                (i > 0 && slow[i].duration_ns > slow[i - 1].duration_ns))
                return "the slow log is torn";
        wkv_stats_tick(stats);
    }
    return NULL;
}

static void check_against(const struct model *model, size_t operation)
{
    const struct wkv_stats_operation *got = operation_of(operation);
    ck_assert_uint_eq(got->requests, model->requests);
    ck_assert_uint_eq(got->since_start.requests, model->requests);
    ck_assert_uint_eq(got->processing_ns, model->processing_ns);
    ck_assert_uint_eq(got->request_bytes, model->request_bytes);
    ck_assert_uint_eq(got->reply_bytes, model->reply_bytes);
    ck_assert_uint_eq(got->since_start.max_ns, model->max_ns);
    uint64_t errors = 0;
    for (size_t i = 0; i < WKV_STATS_CODES; i++) {
        ck_assert_uint_eq(got->refusals[i], model->refusals[i]);
        errors += model->refusals[i];
    }
    ck_assert_uint_eq(got->errors, errors);
}

START_TEST(counts_are_exact_while_others_count_and_read)
{
    pthread_t reader, threads[WORKERS];
    unsigned numbers[WORKERS];
    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, NULL), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    atomic_store(&finished, true);
    void *wrong;
    ck_assert_int_eq(pthread_join(reader, &wrong), 0);
    ck_assert_msg(wrong == NULL, "%s", (const char *)wrong);

    static struct model models[OPERATIONS];
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        uint64_t state = worker;
        for (int64_t i = 0; i < REQUESTS; i++) {
            struct wkv_stats_request request = next_request(&state, i);
            model_add(&models[request.operation], &request);
        }
    }
    for (size_t i = 0; i < wkv_operation_count; i++)
        check_against(&models[i], i);
    static struct wkv_stats_service service;
    wkv_stats_service(stats, START_NS, &service);
    ck_assert_uint_eq(service.requests, WORKERS * REQUESTS);
    ck_assert_uint_eq(service.unsent, WORKERS * REQUESTS / 100);
}
END_TEST

Suite *counting_suite(void)
{
    Suite *suite = suite_create("stats/counting");
    TCase *tests = tcase_create("counting");
    tcase_add_checked_fixture(tests, set_up, free_stats);
    tcase_add_test(tests, a_block_shares_no_cache_line);
    tcase_add_test(tests, nothing_was_counted_yet);
    tcase_add_test(tests, a_request_is_counted_with_its_time_and_bytes);
    tcase_add_loop_test(tests, no_percentile_is_above_the_slowest_request, 0, COUNT_OF(durations));
    tcase_add_test(tests, a_clock_that_went_back_counts_as_no_time);
    tcase_add_test(tests, at_most_counts_exactly);
    tcase_add_test(tests, the_codes_are_those_of_the_contract_in_order);
    tcase_add_loop_test(tests, refusals_are_counted_by_code, 0, WKV_STATS_CODES);
    tcase_add_test(tests, the_last_error_is_the_latest_of_all_workers);
    tcase_add_test(tests, the_last_error_may_be_long_or_have_no_text);
    tcase_add_test(tests, counts_are_exact_while_others_count_and_read);
    suite_add_tcase(suite, tests);
    return suite;
}
