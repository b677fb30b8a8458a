/* The page /metrics: every figure is there, as it was counted, in the form that Prometheus takes. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/room.h"
#include "lib/store_once.h"
#include "metrics/fixture.h"
#include "operation/identity.h"
#include "operation/operation.h"

static char *page;

/* Writes the page anew, as a string. */
static void write_page_of(const char *binding, const char *lattice_namespace)
{
    const struct wkv_metrics_options options = {.sources = test_sources(),
                                                .binding = binding,
                                                .lattice_namespace = lattice_namespace,
                                                .log = &test_log};
    struct wkv_buffer buffer;
    wkv_buffer_init(&buffer);
    ck_assert(wkv_metrics_write(&options, wkv_monotonic_ns(), &buffer));
    ck_assert(wkv_buffer_append(&buffer, "", 1));
    ck_assert_uint_eq(strlen(buffer.data), buffer.len - 1);
    free(page);
    page = buffer.data;
}

static void write_page(void)
{
    write_page_of("default", NULL);
}

static void set_up(void)
{
    page = NULL;
    set_up_stats();
}

static void tear_down(void)
{
    free(page);
    tear_down_stats();
}

/* How many lines begin with this. */
static size_t lines_with(const char *start)
{
    size_t count = 0;
    for (const char *line = page; *line != '\0'; line = strchr(line, '\n') + 1)
        count += strncmp(line, start, strlen(start)) == 0;
    return count;
}

/* The value of the one sample with exactly this name and these labels. */
static const char *value_of(const char *sample)
{
    static char value[64];
    char start[512];
    (void)snprintf(start, sizeof start, "%s ", sample);
    ck_assert_msg(lines_with(start) == 1, "%s stands there %zu times", sample, lines_with(start));
    for (const char *line = page;; line = strchr(line, '\n') + 1) {
        if (strncmp(line, start, strlen(start)) != 0)
            continue;
        (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(line + strlen(start), "\n"),
                       line + strlen(start));
        return value;
    }
}

static void check_value(const char *sample, const char *value)
{
    ck_assert_msg(strcmp(value_of(sample), value) == 0, "%s is %s, not %s", sample, value_of(sample), value);
}

START_TEST(requests_are_on_the_page_as_they_were_counted)
{
    count_request(0, "Get", WKV_OK, 1500, 10, 20);
    count_request(1, "Get", WKV_OK, 2500, 1, 2);
    count_request(1, "Get", WKV_UNAUTHORIZED, 3500, 100, 0);
    count_request(0, "Set", WKV_OK, INT64_C(1234567890), 7, 8);
    wkv_stats_count_unsent(wkv_stats_worker(stats, 0));
    wkv_stats_count_unsent(wkv_stats_worker(stats, 1));
    wkv_stats_count_dropped(stats, WKV_DROP_REPLY_SUBJECT);
    write_page();
    check_value("wascc_keyvalue_requests_total{operation=\"Get\"}", "3");
    check_value("wascc_keyvalue_requests_total{operation=\"Set\"}", "1");
    check_value("wascc_keyvalue_requests_total{operation=\"Del\"}", "0");
    check_value("wascc_keyvalue_request_bytes_total{operation=\"Get\"}", "111");
    check_value("wascc_keyvalue_reply_bytes_total{operation=\"Get\"}", "22");
    check_value("wascc_keyvalue_request_bytes_total{operation=\"Set\"}", "7");
    check_value("wascc_keyvalue_request_duration_seconds_sum{operation=\"Get\"}", "0.000007500");
    check_value("wascc_keyvalue_request_duration_seconds_sum{operation=\"Set\"}", "1.234567890");
    check_value("wascc_keyvalue_request_duration_seconds_count{operation=\"Get\"}", "3");
    check_value("wascc_keyvalue_replies_unsent_total", "2");
    check_value("wascc_keyvalue_requests_dropped_total{reason=\"reply_subject\"}", "1");
    check_value("wascc_keyvalue_requests_dropped_total{reason=\"subject\"}", "0");
}
END_TEST

static bool tell_log(void *context, struct wkv_report_log *out)
{
    (void)context;
    *out = (struct wkv_report_log){.diverged = true,
                                   .position = 11,
                                   .lag_ms = 1500,
                                   .appends = 12,
                                   .operations = 13,
                                   .append_p50_ns = 1400,
                                   .append_p99_ns = 2000000000,
                                   .resends = 15,
                                   .voids = {16, 17, 18, 19},
                                   .foreign = 20,
                                   .burnt = 21,
                                   .bytes = 22,
                                   .max_bytes = 23,
                                   .account_bytes = 24,
                                   .account_max_bytes = 25,
                                   .consumers_made = 26,
                                   .waiting_s = 27,
                                   .time_ahead_s = 28,
                                   .snapshot_position = 29,
                                   .snapshot_age_s = 30};
    return true;
}

static size_t tell_members(void *context, struct wkv_report_member *out, size_t max)
{
    (void)context, (void)max;
    out[0] = out[1] = out[2] = (struct wkv_report_member){.instance = "A"};
    return 3;
}

START_TEST(the_log_is_on_the_page_where_there_is_one)
{
    static const struct wkv_report_engine engine = {
        .name = "logged", .log = tell_log, .members = tell_members};
    static const char *const values[][2] = {{"position", "11"},
                                            {"lag_seconds", "1.500000000"},
                                            {"appends_total", "12"},
                                            {"operations_total", "13"},
                                            {"append_p50_seconds", "0.000001400"},
                                            {"append_p99_seconds", "2.000000000"},
                                            {"resends_total", "15"},
                                            {"voids_total{reason=\"late\"}", "16"},
                                            {"voids_total{reason=\"bindings\"}", "17"},
                                            {"voids_total{reason=\"again\"}", "18"},
                                            {"voids_total{reason=\"gone\"}", "19"},
                                            {"foreign_total", "20"},
                                            {"burnt_total", "21"},
                                            {"bytes", "22"},
                                            {"max_bytes", "23"},
                                            {"account_bytes", "24"},
                                            {"account_max_bytes", "25"},
                                            {"consumers_made_total", "26"},
                                            {"waiting_seconds", "27"},
                                            {"time_ahead_seconds", "28"},
                                            {"snapshot_position", "29"},
                                            {"snapshot_age_seconds", "30"},
                                            {"diverged", "1"},
                                            {"members", "3"}};
    write_page();
    ck_assert_uint_eq(lines_with("wascc_keyvalue_log_") - lines_with("wascc_keyvalue_log_lines_dropped"), 0);
    test_engine = &engine;
    write_page();
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char sample[96];
        (void)snprintf(sample, sizeof sample, "wascc_keyvalue_log_%s", values[i][0]);
        check_value(sample, values[i][1]);
    }
    ck_assert_uint_eq(lines_with("wascc_keyvalue_log_") - lines_with("wascc_keyvalue_log_lines_dropped"),
                      COUNT_OF(values));
    ck_assert_uint_eq(lines_with("wascc_keyvalue_build_info{version=\"" WKV_VERSION
                                 "\",binding=\"default\",lattice_namespace=\"\",engine=\"logged\"} 1"),
                      1);
}
END_TEST

START_TEST(errors_are_counted_by_operation_and_code_each_of_them_from_the_start)
{
    static const enum wkv_code codes[] = {400, 401, 403, 409, 413, 503, 504, 507};
    write_page();
    ck_assert_uint_eq(lines_with("wascc_keyvalue_errors_total{"), COUNT_OF(codes) * wkv_operation_count);
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        for (size_t o = 0; o < wkv_operation_count; o++) {
            char sample[128];
            (void)snprintf(sample, sizeof sample, "wascc_keyvalue_errors_total{operation=\"%s\",code=\"%d\"}",
                           wkv_operations[o].name, (int)codes[i]);
            check_value(sample, "0");
        }
    for (size_t i = 0; i < COUNT_OF(codes); i++)
        for (size_t n = 0; n <= i; n++)
            count_request((unsigned)n % WORKERS, "Set", codes[i], 1000, 1, 0);
    count_request(0, "Get", WKV_WRONG_KIND, 1000, 1, 0);
    count_request(0, "Del", WKV_OK, 1000, 1, 0);
    write_page();
    ck_assert_uint_eq(lines_with("wascc_keyvalue_errors_total{"), COUNT_OF(codes) * wkv_operation_count);
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        char sample[128], value[16];
        (void)snprintf(sample, sizeof sample, "wascc_keyvalue_errors_total{operation=\"Set\",code=\"%d\"}",
                       (int)codes[i]);
        (void)snprintf(value, sizeof value, "%zu", i + 1);
        check_value(sample, value);
    }
    check_value("wascc_keyvalue_errors_total{operation=\"Get\",code=\"409\"}", "1");
}
END_TEST

static const char *bucket_of(const char *operation, const char *le)
{
    static char sample[160];
    (void)snprintf(sample, sizeof sample,
                   "wascc_keyvalue_request_duration_seconds_bucket{operation=\"%s\",le=\"%s\"}", operation,
                   le);
    return sample;
}

/* Durations at, before and behind bounds; a bucket has its bound in it. */
START_TEST(buckets_are_cumulative_and_the_last_is_the_count)
{
    static const int64_t durations[] = {
        0, 1023, 1024, 1025, 2048, 1 << 20, (1 << 20) + 1, 1 << 30, (1 << 30) + 1, INT64_C(500000000000)};
    for (size_t i = 0; i < COUNT_OF(durations); i++)
        count_request((unsigned)i % WORKERS, "Add", WKV_OK, durations[i], 1, 1);
    write_page();
    for (unsigned bits = 10; bits <= 30; bits++) {
        int64_t bound = INT64_C(1) << bits;
        size_t expected = 0;
        char le[32], value[16];
        for (size_t i = 0; i < COUNT_OF(durations); i++)
            expected += durations[i] <= bound;
        (void)snprintf(le, sizeof le, "%d.%09d", (int)(bound / 1000000000), (int)(bound % 1000000000));
        (void)snprintf(value, sizeof value, "%zu", expected);
        check_value(bucket_of("Add", le), value);
    }
    check_value(bucket_of("Add", "+Inf"), "10");
    check_value("wascc_keyvalue_request_duration_seconds_count{operation=\"Add\"}", "10");
    check_value(bucket_of("Add", "0.000001024"), "3");
    check_value(bucket_of("Add", "1.073741824"), "8");
    check_value(bucket_of("Get", "+Inf"), "0");
    ck_assert_uint_eq(lines_with("wascc_keyvalue_request_duration_seconds_bucket{operation=\"Add\","), 22);
}
END_TEST

/* What a thread counts, in one block, until it is told to stop. */
static void *count_on(void *stop)
{
    for (int64_t i = 0; !atomic_load((atomic_bool *)stop); i++)
        count_request(0, "Get", i % 3 == 0 ? WKV_WRONG_KIND : WKV_OK, i % 3000, 1, 1);
    return NULL;
}

START_TEST(a_page_is_in_itself_consistent_while_workers_count)
{
    atomic_bool stop = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, count_on, &stop), 0);
    uint64_t last_page = 0;
    for (int round = 0; round < 20 || last_page == 0; round++) {
        uint64_t before = 0;
        write_page();
        for (unsigned bits = 10; bits <= 30; bits++) {
            char le[32];
            int64_t bound = INT64_C(1) << bits;
            (void)snprintf(le, sizeof le, "%d.%09d", (int)(bound / 1000000000), (int)(bound % 1000000000));
            uint64_t count = strtoull(value_of(bucket_of("Get", le)), NULL, 10);
            ck_assert_uint_le(before, count);
            before = count;
        }
        uint64_t all = strtoull(value_of(bucket_of("Get", "+Inf")), NULL, 10);
        ck_assert_uint_le(before, all);
        ck_assert_uint_eq(all, strtoull(value_of("wascc_keyvalue_request_duration_seconds_count"
                                                 "{operation=\"Get\"}"),
                                        NULL, 10));
        ck_assert_uint_le(last_page, all);
        last_page = all;
    }
    atomic_store(&stop, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

static void fill_store(uint32_t keyspace)
{
    int64_t now_ns = wkv_monotonic_ns();
    int32_t result;
    struct wkv_key scalar = {keyspace, text_of("scalar")}, counter = {keyspace, text_of("counter")};
    struct wkv_key list = {keyspace, text_of("list")}, set = {keyspace, text_of("set")};
    ck_assert_int_eq(wkv_store_set(store, scalar, text_of("v"), 0, now_ns), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_add(store, counter, 1, now_ns, &result), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_list_push(store, list, text_of("v"), now_ns, &result), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_add(store, set, text_of("v"), now_ns, &result), WKV_STORE_OK);
}

static void bind_actor(const char *actor, const char *keyspace)
{
    const struct wkv_policy_binding claims = {.bound = true};
    ck_assert_int_eq(wkv_bindings_bind(bindings, text_of(actor), text_of(keyspace), &claims, NULL), WKV_OK);
}

static uint64_t number_of(const char *sample)
{
    return strtoull(value_of(sample), NULL, 10);
}

START_TEST(the_store_is_on_the_page)
{
    bind_actor("MONE", "carts");
    bind_actor("MTWO", "empty");
    fill_store(0);
    fill_store(1);
    struct wkv_key more = {1, text_of("more")};
    ck_assert_int_eq(wkv_store_set(store, more, text_of("v"), 0, wkv_monotonic_ns()), WKV_STORE_OK);
    write_page();
    check_value("wascc_keyvalue_keys{kind=\"scalar\"}", "3");
    check_value("wascc_keyvalue_keys{kind=\"counter\"}", "2");
    check_value("wascc_keyvalue_keys{kind=\"list\"}", "2");
    check_value("wascc_keyvalue_keys{kind=\"set\"}", "2");
    check_value("wascc_keyvalue_keyspace_keys{keyspace=\"default\"}", "4");
    check_value("wascc_keyvalue_keyspace_keys{keyspace=\"carts\"}", "5");
    ck_assert_uint_eq(lines_with("wascc_keyvalue_keyspace_keys{"), 2);
    check_value("wascc_keyvalue_keyspaces", "3");
    check_value("wascc_keyvalue_bound_actors", "2");
    check_value("wascc_keyvalue_shards", "4");
    check_value("wascc_keyvalue_memory_budget_bytes", "67108864");
    check_value("wascc_keyvalue_expired_keys_total", "0");
    struct wkv_store_stats expected;
    wkv_store_stats(store, &expected);
    ck_assert_uint_eq(number_of("wascc_keyvalue_memory_bytes"), expected.bytes);
    ck_assert_uint_eq(number_of("wascc_keyvalue_memory_held_bytes"), expected.held_bytes);
    ck_assert_uint_eq(number_of("wascc_keyvalue_shard_keys_min"), expected.shard_keys_min);
    ck_assert_uint_eq(number_of("wascc_keyvalue_shard_keys_max"), expected.shard_keys_max);
}
END_TEST

START_TEST(connections_and_readiness_are_on_the_page)
{
    write_page();
    check_value("wascc_keyvalue_ready", "0");
    check_value("wascc_keyvalue_connections", "0");
    check_value("wascc_keyvalue_workers", "2");
    wkv_stats_connected(stats);
    wkv_stats_connected(stats);
    wkv_stats_disconnected(stats);
    wkv_stats_reconnected(stats);
    wkv_stats_disconnected(stats);
    wkv_stats_set_ready(stats, true);
    write_page();
    check_value("wascc_keyvalue_ready", "1");
    check_value("wascc_keyvalue_connections", "1");
    check_value("wascc_keyvalue_reconnects_total", "1");
}
END_TEST

START_TEST(label_values_are_escaped)
{
    static const struct {
        const char *value, *escaped;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\"b", "a\\\"b"},
        {"a\\b", "a\\\\b"},
        {"a\nb", "a\\nb"},
        {"\\n", "\\\\n"},
        {"\"} 1\nfake 2", "\\\"} 1\\nfake 2"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"a\xff\"b", "a\\\\xff\\\"b"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char sample[256];
        write_page_of(cases[i].value, cases[i].value);
        (void)snprintf(sample, sizeof sample,
                       "wascc_keyvalue_build_info{version=\"%s\",binding=\"%s\",lattice_namespace=\"%s\","
                       "engine=\"memory\"}",
                       WKV_VERSION, cases[i].escaped, cases[i].escaped);
        check_value(sample, "1");
    }
    write_page_of("default", NULL);
    check_value("wascc_keyvalue_build_info{version=\"" WKV_VERSION
                "\",binding=\"default\",lattice_namespace=\"\","
                "engine=\"memory\"}",
                "1");
}
END_TEST

START_TEST(the_name_of_a_keyspace_is_escaped)
{
    bind_actor("MONE", "a\"b\\c\nd");
    fill_store(1);
    write_page();
    check_value("wascc_keyvalue_keyspace_keys{keyspace=\"a\\\"b\\\\c\\nd\"}", "4");
}
END_TEST

static const struct {
    const char *name, *type;
} all_metrics[] = {
    {"wascc_keyvalue_build_info", "gauge"},
    {"wascc_keyvalue_ready", "gauge"},
    {"wascc_keyvalue_split", "gauge"},
    {"wascc_keyvalue_splits_total", "counter"},
    {"wascc_keyvalue_workers", "gauge"},
    {"wascc_keyvalue_requests_total", "counter"},
    {"wascc_keyvalue_errors_total", "counter"},
    {"wascc_keyvalue_request_duration_seconds", "histogram"},
    {"wascc_keyvalue_request_bytes_total", "counter"},
    {"wascc_keyvalue_reply_bytes_total", "counter"},
    {"wascc_keyvalue_replies_unsent_total", "counter"},
    {"wascc_keyvalue_requests_dropped_total", "counter"},
    {"wascc_keyvalue_keys", "gauge"},
    {"wascc_keyvalue_keyspace_keys", "gauge"},
    {"wascc_keyvalue_keyspaces", "gauge"},
    {"wascc_keyvalue_memory_bytes", "gauge"},
    {"wascc_keyvalue_memory_held_bytes", "gauge"},
    {"wascc_keyvalue_memory_budget_bytes", "gauge"},
    {"wascc_keyvalue_expired_keys_total", "counter"},
    {"wascc_keyvalue_evictions_total", "counter"},
    {"wascc_keyvalue_shards", "gauge"},
    {"wascc_keyvalue_shard_keys_min", "gauge"},
    {"wascc_keyvalue_shard_keys_max", "gauge"},
    {"wascc_keyvalue_bound_actors", "gauge"},
    {"wascc_keyvalue_claims_cache_hits_total", "counter"},
    {"wascc_keyvalue_claims_cache_misses_total", "counter"},
    {"wascc_keyvalue_claims_cache_evictions_total", "counter"},
    {"wascc_keyvalue_claims_cache_entries", "gauge"},
    {"wascc_keyvalue_claims_cache_bytes", "gauge"},
    {"wascc_keyvalue_connections", "gauge"},
    {"wascc_keyvalue_reconnects_total", "counter"},
    {"wascc_keyvalue_log_lines_dropped_total", "counter"},
    {"wascc_keyvalue_watches", "gauge"},
    {"wascc_keyvalue_watch_events_total", "counter"},
    {"wascc_keyvalue_watches_missed_total", "counter"},
    {"process_cpu_seconds_total", "counter"},
    {"process_resident_memory_bytes", "gauge"},
    {"process_virtual_memory_bytes", "gauge"},
    {"process_open_fds", "gauge"},
    {"process_max_fds", "gauge"},
    {"process_start_time_seconds", "gauge"},
};

START_TEST(every_metric_is_there_once_with_help_and_type)
{
    write_page();
    for (size_t i = 0; i < COUNT_OF(all_metrics); i++) {
        char help[128], type[160];
        (void)snprintf(help, sizeof help, "# HELP %s ", all_metrics[i].name);
        (void)snprintf(type, sizeof type, "# TYPE %s %s\n# HELP", all_metrics[i].name, all_metrics[i].type);
        type[strcspn(type, "\n")] = '\0';
        ck_assert_msg(lines_with(help) == 1, "%s", help);
        ck_assert_msg(lines_with(type) == 1, "%s", type);
    }
    ck_assert_uint_eq(lines_with("# HELP "), COUNT_OF(all_metrics));
    ck_assert_uint_eq(lines_with("# TYPE "), COUNT_OF(all_metrics));
}
END_TEST

START_TEST(every_sample_stands_under_its_own_type_and_there_once)
{
    char family[128] = "?";
    bind_actor("MONE", "carts");
    fill_store(1);
    count_request(0, "Set", WKV_FORBIDDEN, 1000, 1, 0);
    write_page();
    for (const char *line = page; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (sscanf(line, "# TYPE %127s", family) == 1 || line[0] == '#')
            continue;
        ck_assert_msg(strncmp(line, family, strlen(family)) == 0, "%.60s under %s", line, family);
        char start[512];
        (void)snprintf(start, sizeof start, "%.*s", (int)strcspn(line, "\n"), line);
        *strrchr(start, ' ') = '\0';
        (void)value_of(start);
    }
}
END_TEST

START_TEST(the_process_is_on_the_page)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    write_page();
    uint64_t open_before = number_of("process_open_fds");
    ck_assert_uint_eq(number_of("process_max_fds"), limit.rlim_cur);
    ck_assert_uint_gt(number_of("process_resident_memory_bytes"), 0);
    ck_assert_uint_ge(number_of("process_virtual_memory_bytes"), number_of("process_resident_memory_bytes"));
    double started = strtod(value_of("process_start_time_seconds"), NULL);
    double now = (double)wkv_wall_ns() / 1e9;
    ck_assert_double_gt(started, 1.6e9);
    ck_assert_double_lt(started, now + 60);
    double cpu_before = strtod(value_of("process_cpu_seconds_total"), NULL);
    ck_assert_double_gt(cpu_before, 0);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    write_page();
    ck_assert_uint_eq(number_of("process_open_fds"), open_before + 1);
    ck_assert_double_gt(strtod(value_of("process_cpu_seconds_total"), NULL), cpu_before);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(a_page_without_memory_is_no_page)
{
    const struct wkv_metrics_options options = {
        .sources = test_sources(), .binding = "default", .log = &test_log};
    struct wkv_buffer buffer = {.failed = true};
    ck_assert(!wkv_metrics_write(&options, wkv_monotonic_ns(), &buffer));
    ck_assert_uint_eq(buffer.len, 0);
    wkv_buffer_destroy(&buffer);
}
END_TEST

/* promtool says on its output what it does not like, and by its status that there was something. */
START_TEST(promtool_has_nothing_to_say_about_the_page)
{
    char said[2048] = "", command[128];
    bind_actor("MONE", "a\"b\\c\nd");
    fill_store(1);
    count_request(0, "Set", WKV_FORBIDDEN, 1000, 1, 0);
    write_page();
    FILE *output = tmpfile();
    ck_assert_ptr_nonnull(output);
    (void)snprintf(command, sizeof command, "promtool check metrics >&%d 2>&1", fileno(output));
    FILE *input = popen(command, "w");
    ck_assert_ptr_nonnull(input);
    ck_assert_int_ge(fputs(page, input), 0);
    int status = pclose(input);
    rewind(output);
    said[fread(said, 1, sizeof said - 1, output)] = '\0';
    ck_assert_int_eq(fclose(output), 0);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0 && said[0] == '\0', "status %d: %s", status,
                  said);
}
END_TEST

Suite *page_suite(void)
{
    Suite *suite = suite_create("metrics/page");
    TCase *tests = tcase_create("page");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, requests_are_on_the_page_as_they_were_counted);
    tcase_add_test(tests, the_log_is_on_the_page_where_there_is_one);
    tcase_add_test(tests, errors_are_counted_by_operation_and_code_each_of_them_from_the_start);
    tcase_add_test(tests, buckets_are_cumulative_and_the_last_is_the_count);
    tcase_add_test(tests, a_page_is_in_itself_consistent_while_workers_count);
    tcase_add_test(tests, the_store_is_on_the_page);
    tcase_add_test(tests, connections_and_readiness_are_on_the_page);
    tcase_add_test(tests, label_values_are_escaped);
    tcase_add_test(tests, the_name_of_a_keyspace_is_escaped);
    tcase_add_test(tests, every_metric_is_there_once_with_help_and_type);
    tcase_add_test(tests, every_sample_stands_under_its_own_type_and_there_once);
    tcase_add_test(tests, the_process_is_on_the_page);
    tcase_add_test(tests, a_page_without_memory_is_no_page);
    if (test_on_path("promtool"))
        tcase_add_test(tests, promtool_has_nothing_to_say_about_the_page);
    else
        (void)printf("skipped: promtool is not on PATH\n");
    suite_add_tcase(suite, tests);
    return suite;
}
