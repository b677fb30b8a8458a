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

/* Its output, which the caller gives back. */
static struct process measure_store(const char *const *options)
{
    struct process bench = {.name = "wascc-keyvalue-bench-store"};
    const char *argv[12] = {WKV_BENCH_PROGRAM "-store", "--operations=1024"};
    for (size_t i = 0; options[i] != NULL; i++)
        argv[2 + i] = options[i];
    int code = process_run(&bench, argv, program_environment(NULL), NULL);
    ck_assert_msg(code == 0, "exit %d: %s", code, bench.err.bytes);
    ck_assert_msg(bench.err.len == 0, "%s", bench.err.bytes);
    return bench;
}

static size_t lines_with(const char *text, const char *words)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at += strlen(words))
        count++;
    return count;
}

/* It ends with an error where any answer is wrong. */
START_TEST(the_store_is_measured_alone)
{
    const char *options[] = {"--keys=300,2000", "--threads=1,2", "--rounds=2", NULL};
    struct process bench = measure_store(options);
    ck_assert_uint_eq(lines_with(bench.out.bytes, "300 keys, values of 32 bytes, 1 thread\n"), 1);
    ck_assert_uint_eq(lines_with(bench.out.bytes, "2000 keys, values of 32 bytes, 2 threads\n"), 1);
    ck_assert_uint_eq(lines_with(bench.out.bytes, "a get takes "), 2);
    const char *row = strstr(bench.out.bytes, "\nours ");
    ck_assert_uint_eq(lines_with(bench.out.bytes, "\nours "), 4);
    for (; row != NULL; row = strstr(row + 1, "\nours ")) {
        double load, get, many, overwrite, add, counted, resident;
        ck_assert_int_eq(sscanf(row, "\nours %lf %lf %lf %lf %lf %lf %lf", &load, &get, &many, &overwrite,
                                &add, &counted, &resident),
                         7);
        ck_assert(load > 0 && get > 0 && many > 0 && overwrite > 0 && add > 0);
        ck_assert(counted > 48 && resident > 48);
    }
    process_destroy(&bench);
}
END_TEST

START_TEST(the_stores_memory_is_measured)
{
    const char *options[] = {"--collections", "--churn", "--keys=500", NULL};
    struct process bench = measure_store(options);
    ck_assert_uint_eq(lines_with(bench.out.bytes, "\nlists of "), 12);
    ck_assert_uint_eq(lines_with(bench.out.bytes, "\nsets  of "), 12);
    ck_assert_uint_eq(lines_with(bench.out.bytes, "\nzipf updates, "), 3);
    unsigned long long keys = 1;
    const char *end = strstr(bench.out.bytes, "\nall deleted ");
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(sscanf(end, "\nall deleted %llu", &keys), 1);
    ck_assert_uint_eq(keys, 0);
    process_destroy(&bench);
}
END_TEST

START_TEST(a_folder_without_pogocache_is_told)
{
    struct process bench = {.name = "wascc-keyvalue-bench-store"};
    const char *argv[] = {WKV_BENCH_PROGRAM "-store", "--pogocache=/nowhere", NULL};
    ck_assert_int_eq(process_run(&bench, argv, program_environment(NULL), NULL), 1);
    ck_assert_ptr_nonnull(strstr(bench.err.bytes, "/nowhere/src/pogocache.c does not compile"));
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
    tcase_add_test(tests, the_store_is_measured_alone);
    tcase_add_test(tests, the_stores_memory_is_measured);
    tcase_add_test(tests, a_folder_without_pogocache_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}
