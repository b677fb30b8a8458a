/* What `top` makes of answers to STATS: contract section 8, and anything else that may come in its place. */
#include <stdint.h>
#include <stdio.h>

#include "top/answers.h"

static struct wkv_top_model model;

static void open_model(void)
{
    wkv_top_model_init(&model, &address);
    wkv_top_begin(&model);
}

static void close_model(void)
{
    wkv_top_model_destroy(&model);
}

/* ---- reading ---- */

START_TEST(an_answer_is_read_whole)
{
    json_t *answer = an_answer("A", 12.5, 100);
    with(answer, an_endpoint("Get", 10, 2, 1000, 5000, 4));
    with(answer, an_endpoint("Set", 5, 0, 2000, 9000, 0));
    set_number(answer, "budget_bytes", 1 << 20);
    set_number(answer, "expired", 7);
    ck_assert(hear(&model, answer, 0));
    ck_assert_uint_eq(model.count, 1);
    const struct wkv_top_instance *one = model.instances[0];
    ck_assert_str_eq(one->id, "A");
    ck_assert_int_eq(one->state, WKV_TOP_SERVING);
    ck_assert(one->heard && one->has_service && !one->measured && model.ever);
    ck_assert(one->told.service.uptime_ns > UINT64_C(12400000000) &&
              one->told.service.uptime_ns < UINT64_C(12600000000));
    ck_assert_uint_eq(one->requests, 15);
    ck_assert_uint_eq(one->errors, 2);
    ck_assert_str_eq(one->last_error, "409: Get: error 2");
    ck_assert_uint_eq(one->told.store.keys, 100);
    ck_assert_uint_eq(one->told.store.keys_by_kind[WKV_SCALAR], 94);
    ck_assert_uint_eq(one->told.store.keys_by_kind[WKV_COUNTER], 3);
    ck_assert_uint_eq(one->told.store.keys_by_kind[WKV_LIST], 2);
    ck_assert_uint_eq(one->told.store.keys_by_kind[WKV_SET], 1);
    ck_assert_uint_eq(one->told.store.bytes, 102400);
    ck_assert_uint_eq(one->told.store.budget_bytes, 1 << 20);
    ck_assert_uint_eq(one->told.store.expired, 7);
    ck_assert_uint_eq(one->told.service.connections, 3);
    ck_assert_uint_eq(one->endpoint_count, 2);
    ck_assert_str_eq(one->endpoints[1].name, "Set");
    ck_assert_uint_eq(one->endpoints[0].told.since_start.p99_ns, 3000);
    ck_assert_uint_eq(one->endpoints[0].told.last_minute.requests, 4);
    ck_assert_uint_eq(one->endpoints[0].told.last_minute.max_ns, 5001);
}
END_TEST

/* What else may come to an inbox: each line is no answer of an instance on this address. */
static const char *const foreign[] = {
    "",
    "{",
    "null",
    "[]",
    "{}",
    "\"io.nats.micro.v1.stats_response\"",
    "{\"type\":\"io.nats.micro.v1.ping_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\","
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"}}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"another\",\"id\":\"A\","
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"}}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\","
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"other\"}}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\","
    "\"metadata\":{\"lattice_namespace\":\"ns\",\"binding\":\"default\"}}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\"}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\",\"metadata\":[]}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":7,"
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"}}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"\","
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"}}",
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":"
    "\"0123456789012345678901234567890123456789012345678901234567890123\","
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"}}",
};

START_TEST(what_is_no_answer_of_this_address_changes_nothing)
{
    const char *text = foreign[_i];
    ck_assert_msg(!wkv_top_hear(&model, text, strlen(text), 0), "taken up: %s", text);
    ck_assert_uint_eq(model.count, 0);
    ck_assert(!model.ever);
}
END_TEST

#define OURS                                                                                                 \
    "{\"type\":\"io.nats.micro.v1.stats_response\",\"name\":\"wascc-keyvalue\",\"id\":\"A\","                \
    "\"metadata\":{\"lattice_namespace\":\"\",\"binding\":\"default\"}"

/* Members that are missing or of another type are 0; the rest is read all the same. */
static const char *const odd[] = {
    OURS "}",
    OURS ",\"endpoints\":{},\"data\":[]}",
    OURS ",\"endpoints\":\"x\",\"data\":\"x\"}",
    OURS ",\"endpoints\":[null,1,\"x\",[],{}],\"data\":null}",
    OURS ",\"endpoints\":[{\"name\":7,\"num_requests\":5},{\"name\":\"\",\"num_requests\":5}]}",
    OURS ",\"endpoints\":[{\"name\":\"Get\",\"num_requests\":\"5\",\"num_errors\":null,\"last_error\":9,"
         "\"data\":{\"p50_ns\":[],\"last_minute\":7}}]}",
    OURS ",\"endpoints\":[{\"name\":\"Get\",\"num_requests\":-5,\"num_errors\":-1e300,\"data\":3}]}",
    OURS ",\"data\":{\"keys\":{},\"kinds\":[1,2],\"bytes\":true,\"uptime_s\":\"1\",\"connections\":5,"
         "\"ready\":\"no\",\"expired\":-1}}",
};

START_TEST(members_that_are_missing_or_of_another_type_are_0)
{
    ck_assert_msg(wkv_top_hear(&model, odd[_i], strlen(odd[_i]), 0), "refused: %s", odd[_i]);
    const struct wkv_top_instance *one = model.instances[0];
    ck_assert_uint_eq(one->requests + one->errors + one->told.store.keys + one->told.store.bytes +
                          one->told.store.expired,
                      0);
    ck_assert_uint_eq(
        one->told.service.connections + one->told.store.keys_by_kind[0] + one->told.store.keys_by_kind[1], 0);
    ck_assert_uint_eq(one->told.service.uptime_ns, 0);
    ck_assert_str_eq(one->last_error, "");
    ck_assert_int_eq(one->state, WKV_TOP_SERVING);
}
END_TEST

START_TEST(huge_numbers_end_at_the_largest_and_do_not_wrap)
{
    static const char text[] =
        OURS ",\"endpoints\":[{\"name\":\"Get\",\"num_requests\":18446744073709551615,\"num_errors\":1e300,"
             "\"data\":{\"p50_ns\":99999999999999999999999,\"max_ns\":1e30,"
             "\"last_minute\":{\"requests\":1e19,\"p50_ns\":1e300,\"max_ns\":1e300}}},"
             "{\"name\":\"Set\",\"num_requests\":1e300}],"
             "\"data\":{\"uptime_s\":1e308,\"keys\":1e300,\"bytes\":9223372036854775808}}";
    struct wkv_top_instance all;
    struct wkv_stats_latency latency;
    bool minute;
    ck_assert(wkv_top_hear(&model, text, sizeof text - 1, 0));
    const struct wkv_top_instance *one = model.instances[0];
    ck_assert_uint_eq(one->requests, UINT64_MAX);
    ck_assert_uint_eq(one->told.store.keys, UINT64_MAX);
    ck_assert_uint_eq(one->told.store.bytes, (uint64_t)1 << 63);
    ck_assert_uint_eq(one->told.service.uptime_ns, UINT64_MAX);
    wkv_top_latency(&model, NULL, NULL, &latency, &minute);
    ck_assert_uint_eq(latency.max_ns, UINT64_MAX);
    ck_assert_uint_eq(latency.requests, 10000000000000000000u);
    wkv_top_sum(&model, &all);
    ck_assert_uint_eq(all.requests, UINT64_MAX);
}
END_TEST

START_TEST(more_endpoints_than_there_is_room_for_are_ignored)
{
    json_t *answer = an_answer("A", 1, 10);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "Op%d", i);
        with(answer, an_endpoint(name, 1, 0, 1, 1, 0));
    }
    ck_assert(hear(&model, answer, 0));
    ck_assert_uint_eq(model.instances[0]->endpoint_count, WKV_TOP_ENDPOINTS);
    ck_assert_uint_eq(model.instances[0]->requests, WKV_TOP_ENDPOINTS);
}
END_TEST

START_TEST(more_instances_than_there_is_room_for_are_ignored)
{
    for (int i = 0; i < 200; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "I%d", (i * 37) % 200);
        ck_assert(hear(&model, an_answer(id, 1, 10), 0) == (i < WKV_TOP_INSTANCES));
    }
    ck_assert_uint_eq(model.count, WKV_TOP_INSTANCES);
    for (size_t i = 1; i < model.count; i++)
        ck_assert_int_lt(strcmp(model.instances[i - 1]->id, model.instances[i]->id), 0);
}
END_TEST

START_TEST(an_endpoint_or_an_instance_counts_once_a_look)
{
    json_t *answer = an_answer("A", 1, 10);
    with(answer, an_endpoint("Get", 3, 0, 1, 1, 0));
    with(answer, an_endpoint("Get", 500, 0, 1, 1, 0));
    ck_assert(hear(&model, answer, 0));
    ck_assert_uint_eq(model.instances[0]->requests, 3);
    ck_assert(!hear(&model, an_answer("A", 1, 20), 0));
    ck_assert_uint_eq(model.instances[0]->told.store.keys, 10);
}
END_TEST

/* ---- differences ---- */

static void check_near(double value, double expected)
{
    ck_assert_msg(value > expected - 0.001 && value < expected + 0.001, "%f instead of %f", value, expected);
}

START_TEST(rates_are_of_the_time_between_two_answers)
{
    json_t *first = an_answer("A", 10, 10), *second = an_answer("A", 12, 20);
    with(first, an_endpoint("Get", 100, 1, 1, 1, 0));
    with(second, an_endpoint("Get", 150, 5, 1, 1, 0));
    with(second, an_endpoint("Set", 30, 0, 1, 1, 0));
    set_number(first, "expired", 4);
    set_number(second, "expired", 5);
    ck_assert(hear(&model, first, 1000));
    wkv_top_end(&model);
    wkv_top_begin(&model);
    ck_assert(hear(&model, second, 3000));
    const struct wkv_top_instance *one = model.instances[0];
    ck_assert(one->measured);
    check_near(one->elapsed_s, 2);
    check_near(one->requests_per_s, 40);
    check_near(one->errors_per_s, 2);
    check_near(one->expired_per_s, 0.5);
    check_near(one->endpoints[0].requests_per_s, 25);
    check_near(one->endpoints[0].errors_per_s, 2);
    check_near(one->endpoints[1].requests_per_s, 15);
}
END_TEST

/* A process that is started again has another id; should one have the old id, a counter or its uptime tells.
 */
static const struct {
    const char *id;
    double uptime_s;
    int requests, errors;
} restarted[] = {{"B", 1, 10, 0}, {"A", 101, 999, 5}, {"A", 101, 1000, 4}, {"A", 99, 2000, 9}};

START_TEST(a_restarted_instance_starts_anew)
{
    json_t *first = an_answer("A", 100, 10);
    json_t *second = an_answer(restarted[_i].id, restarted[_i].uptime_s, 10);
    with(first, an_endpoint("Get", 1000, 5, 1, 1, 0));
    with(second, an_endpoint("Get", restarted[_i].requests, restarted[_i].errors, 1, 1, 0));
    ck_assert(hear(&model, first, 0));
    wkv_top_end(&model);
    wkv_top_begin(&model);
    ck_assert(hear(&model, second, 1000));
    wkv_top_end(&model);
    const struct wkv_top_instance *one = model.instances[model.count - 1];
    ck_assert_uint_eq(model.count, _i == 0 ? 2 : 1);
    ck_assert(!one->measured);
    ck_assert_uint_eq(one->requests, (uint64_t)restarted[_i].requests);
    check_near(one->requests_per_s, 0);
    check_near(one->endpoints[0].requests_per_s, 0);
}
END_TEST

START_TEST(answers_at_the_same_moment_tell_no_rate)
{
    ck_assert(hear(&model, an_answer("A", 1, 10), 0));
    wkv_top_end(&model);
    wkv_top_begin(&model);
    ck_assert(hear(&model, an_answer("A", 1, 10), 0));
    ck_assert(!model.instances[0]->measured);
}
END_TEST

START_TEST(the_last_error_is_that_of_the_operation_whose_errors_grew)
{
    static const struct {
        int get, set;
        const char *last;
    } looks[] = {{5, 3, "409: Get: error 5"},
                 {5, 4, "409: Set: error 4"},
                 {5, 4, "409: Set: error 4"},
                 {9, 5, "409: Get: error 9"}};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        json_t *answer = an_answer("A", (double)i, 10);
        with(answer, an_endpoint("Get", 100, looks[i].get, 1, 1, 0));
        with(answer, an_endpoint("Set", 100, looks[i].set, 1, 1, 0));
        wkv_top_begin(&model);
        ck_assert(hear(&model, answer, (int64_t)i * 1000));
        wkv_top_end(&model);
        ck_assert_str_eq(model.instances[0]->last_error, looks[i].last);
    }
}
END_TEST

/* ---- coming and going ---- */

START_TEST(who_does_not_answer_is_gone_and_then_forgotten)
{
    ck_assert(!wkv_top_all_heard(&model));
    ck_assert(hear(&model, an_answer("A", 1, 10), 0));
    ck_assert(hear(&model, an_answer("B", 1, 10), 0));
    wkv_top_end(&model);
    wkv_top_begin(&model);
    ck_assert(hear(&model, an_answer("B", 2, 10), 1000));
    ck_assert(!wkv_top_all_heard(&model));
    wkv_top_end(&model);
    ck_assert_uint_eq(model.count, 2);
    ck_assert_int_eq(model.instances[0]->state, WKV_TOP_GONE);
    ck_assert_int_eq(model.instances[1]->state, WKV_TOP_SERVING);
    wkv_top_begin(&model);
    ck_assert(hear(&model, an_answer("B", 3, 10), 2000));
    ck_assert(wkv_top_all_heard(&model));
    wkv_top_end(&model);
    ck_assert_uint_eq(model.count, 1);
    ck_assert_str_eq(model.instances[0]->id, "B");
}
END_TEST

START_TEST(who_was_only_late_goes_on_where_it_was)
{
    json_t *first = an_answer("A", 1, 10), *third = an_answer("A", 3, 10);
    with(first, an_endpoint("Get", 10, 0, 1, 1, 0));
    with(third, an_endpoint("Get", 30, 0, 1, 1, 0));
    ck_assert(hear(&model, first, 0));
    wkv_top_end(&model);
    wkv_top_begin(&model);
    wkv_top_end(&model);
    wkv_top_begin(&model);
    ck_assert(hear(&model, third, 2000));
    wkv_top_end(&model);
    ck_assert_int_eq(model.instances[0]->state, WKV_TOP_SERVING);
    check_near(model.instances[0]->requests_per_s, 10);
}
END_TEST

START_TEST(one_that_is_not_ready_is_told_apart)
{
    json_t *answer = an_answer("A", 1, 10);
    ck_assert_int_eq(json_object_set_new(json_object_get(answer, "data"), "ready", json_false()), 0);
    ck_assert(hear(&model, answer, 0));
    ck_assert_int_eq(model.instances[0]->state, WKV_TOP_UNREADY);
}
END_TEST

/* ---- all together ---- */

START_TEST(instances_add_up)
{
    struct wkv_top_instance all;
    for (int look = 0; look < 2; look++) {
        json_t *a = an_answer("A", look + 1, 10), *b = an_answer("B", look + 1, 20),
               *gone = an_answer("C", 1, 1000);
        with(a, an_endpoint("Get", 100 + 50 * look, 2 * look, 1, 1, 0));
        with(b, an_endpoint("Set", 7, 0, 1, 1, 0));
        with(b, an_endpoint("Get", 10 + 5 * look, 0, 1, 1, 0));
        set_number(a, "budget_bytes", 1000);
        set_number(b, "budget_bytes", 500);
        wkv_top_begin(&model);
        ck_assert(hear(&model, a, look * 1000));
        ck_assert(hear(&model, b, look * 1000));
        if (look == 0)
            ck_assert(hear(&model, gone, 0));
        else
            json_decref(gone);
        wkv_top_end(&model);
    }
    wkv_top_sum(&model, &all);
    ck_assert_uint_eq(model.count, 3);
    ck_assert_uint_eq(all.requests, 172);
    ck_assert_uint_eq(all.errors, 2);
    check_near(all.requests_per_s, 55);
    check_near(all.errors_per_s, 2);
    ck_assert_uint_eq(all.told.store.keys, 30);
    ck_assert_uint_eq(all.told.store.keys_by_kind[WKV_SET], 2);
    ck_assert_uint_eq(all.told.store.bytes, 30 * 1024);
    ck_assert_uint_eq(all.told.store.budget_bytes, 1500);
    ck_assert_uint_eq(all.told.service.connections, 6);
    ck_assert_str_eq(all.last_error, "409: Get: error 2");
    ck_assert_uint_eq(all.endpoint_count, 2);
    ck_assert_str_eq(all.endpoints[0].name, "Get");
    ck_assert_uint_eq(all.endpoints[0].told.requests, 165);
    check_near(all.endpoints[0].requests_per_s, 55);
}
END_TEST

/* One without a bound may take all: together they have none. */
START_TEST(a_budget_is_of_all_or_of_nobody)
{
    struct wkv_top_instance all;
    json_t *bounded = an_answer("A", 1, 10);
    set_number(bounded, "budget_bytes", 1000);
    ck_assert(hear(&model, bounded, 0));
    ck_assert(hear(&model, an_answer("B", 1, 10), 0));
    wkv_top_sum(&model, &all);
    ck_assert_uint_eq(all.told.store.budget_bytes, 0);
}
END_TEST

/* ---- latency ---- */

enum period { SINCE_START, LAST_MINUTE };

static void check_latency(const char *operation, uint64_t p50_ns, uint64_t p99_ns, uint64_t max_ns,
                          enum period period)
{
    struct wkv_stats_latency latency;
    bool minute;
    wkv_top_latency(&model, NULL, operation, &latency, &minute);
    ck_assert_uint_eq(latency.p50_ns, p50_ns);
    ck_assert_uint_eq(latency.p99_ns, p99_ns);
    ck_assert_uint_eq(latency.max_ns, max_ns);
    ck_assert(minute == (period == LAST_MINUTE));
}

START_TEST(latency_is_of_the_last_minute_where_there_were_requests)
{
    json_t *answer = an_answer("A", 1, 10);
    with(answer, an_endpoint("Get", 1000, 0, 100, 999, 10));
    with(answer, an_endpoint("Set", 1000, 0, 200, 999, 0));
    with(answer, an_endpoint("Del", 0, 0, 0, 0, 0));
    ck_assert(hear(&model, answer, 0));
    check_latency("Get", 101, 301, 1000, LAST_MINUTE);
    check_latency("Set", 200, 600, 999, SINCE_START);
    check_latency("Del", 0, 0, 0, SINCE_START);
    check_latency("Nothing", 0, 0, 0, SINCE_START);
    check_latency(NULL, 101, 301, 1000, LAST_MINUTE);
}
END_TEST

/* Requests, not operations, are what percentiles are of: a slow one that is rare is seen at the end only. */
START_TEST(a_rare_operation_does_not_make_a_percentile)
{
    json_t *answer = an_answer("A", 1, 10);
    with(answer, an_endpoint("Get", 1000000, 0, 100, 900, 0));
    with(answer, an_endpoint("BindActor", 1, 0, 1000000, 5000000, 0));
    ck_assert(hear(&model, answer, 0));
    check_latency(NULL, 101, 301, 5000000, SINCE_START);
}
END_TEST

/* Of two alike the percentiles are those of each. */
START_TEST(instances_that_are_alike_have_their_latency_together)
{
    static const char *const ids[] = {"A", "B", "C"};
    for (size_t i = 0; i < 3; i++) {
        json_t *answer = an_answer(ids[i], 1, 10);
        with(answer, an_endpoint("Get", 1000, 0, 100, 900, 0));
        ck_assert(hear(&model, answer, 0));
    }
    check_latency("Get", 100, 300, 900, SINCE_START);
}
END_TEST

static void add_model_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, open_model, close_model);
    tcase_add_test(tests, an_answer_is_read_whole);
    tcase_add_loop_test(tests, what_is_no_answer_of_this_address_changes_nothing, 0,
                        (int)(sizeof foreign / sizeof foreign[0]));
    tcase_add_loop_test(tests, members_that_are_missing_or_of_another_type_are_0, 0,
                        (int)(sizeof odd / sizeof odd[0]));
    tcase_add_test(tests, huge_numbers_end_at_the_largest_and_do_not_wrap);
    tcase_add_test(tests, more_endpoints_than_there_is_room_for_are_ignored);
    tcase_add_test(tests, more_instances_than_there_is_room_for_are_ignored);
    tcase_add_test(tests, an_endpoint_or_an_instance_counts_once_a_look);
    tcase_add_test(tests, rates_are_of_the_time_between_two_answers);
    tcase_add_loop_test(tests, a_restarted_instance_starts_anew, 0,
                        (int)(sizeof restarted / sizeof restarted[0]));
    tcase_add_test(tests, answers_at_the_same_moment_tell_no_rate);
    tcase_add_test(tests, the_last_error_is_that_of_the_operation_whose_errors_grew);
    tcase_add_test(tests, who_does_not_answer_is_gone_and_then_forgotten);
    tcase_add_test(tests, who_was_only_late_goes_on_where_it_was);
    tcase_add_test(tests, one_that_is_not_ready_is_told_apart);
    tcase_add_test(tests, instances_add_up);
    tcase_add_test(tests, a_budget_is_of_all_or_of_nobody);
    tcase_add_test(tests, latency_is_of_the_last_minute_where_there_were_requests);
    tcase_add_test(tests, a_rare_operation_does_not_make_a_percentile);
    tcase_add_test(tests, instances_that_are_alike_have_their_latency_together);
}

Suite *model_suite(void)
{
    Suite *suite = suite_create("top/model");
    TCase *tests = tcase_create("top_model");
    add_model_tests(tests);
    suite_add_tcase(suite, tests);
    return suite;
}
