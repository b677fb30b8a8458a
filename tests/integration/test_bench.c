/* The benchmark's tables come out whole. What they say needs a quiet machine, but each reply in them was
 * checked. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define LOADS 2

/* Runs it with one more option or two, and reads its lines of JSON: an array that the caller gives back. */
static json_t *measure(const char *option, const char *value)
{
    struct process bench = {.name = "wascc-keyvalue-bench"};
    const char *argv[] = {WKV_BENCH_PROGRAM,
                          "--provider",
                          provider_program(),
                          "--json",
                          "--rounds=1",
                          "--requests=20",
                          "--keys=30",
                          "--in-flight=1,3",
                          option,
                          value,
                          NULL};
    int code = process_run(&bench, argv, program_environment(NULL), NULL);
    ck_assert_msg(code == 0, "exit %d: %s", code, bench.err.bytes);
    json_t *lines = json_array();
    for (char *at = NULL, *line = strtok_r(bench.out.bytes, "\n", &at); line != NULL;
         line = strtok_r(NULL, "\n", &at)) {
        json_t *read = json_loads(line, 0, NULL);
        ck_assert_msg(read != NULL, "%s", line);
        json_array_append_new(lines, read);
    }
    process_destroy(&bench);
    return lines;
}

/* How many lines have a figure of that name, which is above nothing. */
static size_t count_of(const json_t *lines, const char *figure)
{
    size_t i, count = 0;
    json_t *line;
    json_array_foreach(lines, i, line)
    {
        const json_t *number = json_object_get(line, figure);
        ck_assert(number == NULL || json_number_value(number) > 0);
        count += number != NULL;
    }
    return count;
}

START_TEST(the_main_table_has_each_responder_at_each_load)
{
    json_t *lines = measure("--workers", "1");
    ck_assert_uint_eq(count_of(lines, "requests_per_s"), 5 * LOADS);
    ck_assert_uint_eq(count_of(lines, "p99_us_ratio"), 5 * LOADS);
    json_decref(lines);
}
END_TEST

START_TEST(the_engines_tables_have_each_row_beside_the_bucket_on_one_server_and_on_three)
{
    json_t *lines = measure("--engine=jetstream", "--workers=1");
    ck_assert_uint_eq(count_of(lines, "requests_per_s"), 2 * 8 * LOADS);
    ck_assert_uint_eq(count_of(lines, "p50_us_ratio"), 2 * 8 * LOADS);
    /* One in flight is asked for: of sets and gets one figure each; of local gets one at each load. */
    ck_assert_uint_eq(count_of(lines, "ratio"), 2 * (2 + LOADS));
    json_decref(lines);
}
END_TEST

START_TEST(faults_are_told_of_and_nothing_acknowledged_is_lost)
{
    if (provider_is_sanitized())
        return; /* what it waits for is as long as an election, or longer */
    json_t *lines = measure("--engine=jetstream", "--failover");
    ck_assert_uint_eq(json_array_size(lines), 3);
    ck_assert_uint_eq(count_of(lines, "done"), 3);
    /* Three seconds are more than --write-timeout: what cannot be done is answered, but for what was in a
     * socket. */
    const json_t *leader = json_array_get(lines, 1);
    ck_assert_str_eq(json_string_value(json_object_get(leader, "fault")), "leader killed");
    ck_assert_int_lt(json_integer_value(json_object_get(leader, "unanswered")), 50);
    json_decref(lines);
}
END_TEST

/* Each record of it has to run. */
START_TEST(a_log_is_replayed)
{
    struct process bench = {.name = "wascc-keyvalue-bench-replay"};
    const char *argv[] = {WKV_BENCH_PROGRAM "-replay", "--keys=1000", "--writes=1000", "--rounds=1", NULL};
    ck_assert_int_eq(process_run(&bench, argv, program_environment(NULL), NULL), 0);
    ck_assert_msg(bench.err.len == 0, "%s", bench.err.bytes);
    ck_assert_ptr_nonnull(strstr(bench.out.bytes, "1000 keys, records of 64 writes: "));
    process_destroy(&bench);
}
END_TEST

Suite *bench_suite(void)
{
    Suite *suite = suite_create("integration/bench");
    TCase *tests = tcase_create("bench");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, the_main_table_has_each_responder_at_each_load);
    tcase_add_test(tests, the_engines_tables_have_each_row_beside_the_bucket_on_one_server_and_on_three);
    tcase_add_test(tests, faults_are_told_of_and_nothing_acknowledged_is_lost);
    tcase_add_test(tests, a_log_is_replayed);
    suite_add_tcase(suite, tests);
    return suite;
}
