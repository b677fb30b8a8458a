/* What the process as a whole tells of itself, and that it is told, packed and read by one table. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "lib/store_once.h"
#include "metrics/fixture.h"
#include "report/figures.h"
#include "security/trust.h"

#define KEYSPACES 100
#define NOW_NS INT64_C(987654321012)

static struct wkv_report report;

static const struct wkv_report *take(void)
{
    const struct wkv_report_sources sources = test_sources();
    memset(&report, 0xaa, sizeof report);
    ck_assert(wkv_report_take(&sources, wkv_monotonic_ns(), &report));
    return &report;
}

START_TEST(a_process_that_holds_nothing_has_nothing_to_tell)
{
    const struct wkv_report *got = take();
    ck_assert_uint_eq(got->keyspaces, 1);
    ck_assert_uint_eq(got->keyspace_count, 0);
    ck_assert_uint_eq(got->bound_actors + got->log_lines_dropped, 0);
    ck_assert_uint_eq(got->claims.hits + got->claims.misses + got->claims.entries, 0);
    ck_assert_uint_eq(got->service.workers, WORKERS);
}
END_TEST

/* ---- the store and its keyspaces ---- */

static void bind(unsigned number, const char *keyspace)
{
    char actor[16];
    int len = snprintf(actor, sizeof actor, "M%u", number);
    struct wkv_policy_binding claims = {.bound = true};
    ck_assert_int_eq(wkv_bindings_bind(bindings, (struct wkv_text){actor, (size_t)len},
                                       (struct wkv_text){keyspace, strlen(keyspace)}, &claims, NULL),
                     WKV_OK);
}

/* Sets so many keys in a keyspace. */
static void put(uint32_t keyspace, uint64_t number)
{
    for (uint64_t i = 0; i < number; i++) {
        char name[24];
        int len = snprintf(name, sizeof name, "key%" PRIu64, i);
        struct wkv_key key = {keyspace, {name, (size_t)len}};
        ck_assert_int_eq(wkv_store_set(store, key, (struct wkv_text){"value", 5}, 0, NOW_NS), WKV_STORE_OK);
    }
}

START_TEST(the_store_s_own_statistics_are_passed_on)
{
    put(0, 10);
    struct wkv_key key = {0, {"set", 3}};
    int32_t size;
    ck_assert_int_eq(wkv_store_set_add(store, key, (struct wkv_text){"a", 1}, NOW_NS, &size), WKV_STORE_OK);
    struct wkv_store_stats expected;
    wkv_store_stats(store, &expected);
    const struct wkv_store_stats *got = &take()->store;
    ck_assert_uint_eq(got->keys, 11);
    ck_assert_uint_eq(got->keys_by_kind[WKV_SCALAR], 10);
    ck_assert_uint_eq(got->keys_by_kind[WKV_SET], 1);
    ck_assert_uint_eq(got->bytes, expected.bytes);
    ck_assert_uint_eq(got->budget_bytes, 64u << 20);
    ck_assert_uint_eq(got->shards, 4);
    ck_assert_uint_eq(got->shard_keys_min, expected.shard_keys_min);
    ck_assert_uint_eq(got->shard_keys_max, expected.shard_keys_max);
}
END_TEST

START_TEST(keyspaces_are_told_by_name_the_most_keys_first)
{
    bind(1, "few");
    bind(2, "none");
    bind(3, "many");
    put(0, 5);
    put(1, 2);
    put(3, 9);
    const struct wkv_report *got = take();
    ck_assert_uint_eq(got->bound_actors, 3);
    ck_assert_uint_eq(got->keyspaces, 4);
    ck_assert_uint_eq(got->keyspace_count, 3);
    ck_assert_str_eq(got->keyspace_names[0], "many");
    ck_assert_uint_eq(got->keys_by_keyspace[0], 9);
    ck_assert_str_eq(got->keyspace_names[1], "default");
    ck_assert_uint_eq(got->keys_by_keyspace[1], 5);
    ck_assert_str_eq(got->keyspace_names[2], "few");
    ck_assert_uint_eq(got->keys_by_keyspace[2], 2);
}
END_TEST

/* How many keys each of the keyspaces 1 to KEYSPACES has, in the order of their numbers. */
static uint64_t rising(unsigned number)
{
    return number;
}

static uint64_t falling(unsigned number)
{
    return KEYSPACES - number;
}

static uint64_t in_groups(unsigned number)
{
    return number * 37 % 10;
}

static uint64_t (*const sizes[])(unsigned) = {rising, falling, in_groups};

START_TEST(only_the_largest_keyspaces_are_told)
{
    for (unsigned number = 1; number <= KEYSPACES; number++) {
        char name[16];
        (void)snprintf(name, sizeof name, "space%u", number);
        bind(number, name);
        put(number, sizes[_i](number));
    }
    const struct wkv_report *got = take();
    ck_assert_uint_eq(got->keyspaces, KEYSPACES + 1);
    ck_assert_uint_eq(got->keyspace_count, WKV_REPORT_KEYSPACES);
    /* Again and again the largest that is left, of equal ones the first. */
    bool told[KEYSPACES + 1] = {false};
    for (size_t i = 0; i < WKV_REPORT_KEYSPACES; i++) {
        unsigned largest = 0;
        for (unsigned number = 1; number <= KEYSPACES; number++)
            if (!told[number] && (largest == 0 || sizes[_i](number) > sizes[_i](largest)))
                largest = number;
        told[largest] = true;
        char name[16];
        (void)snprintf(name, sizeof name, "space%u", largest);
        ck_assert_str_eq(got->keyspace_names[i], name);
        ck_assert_uint_eq(got->keys_by_keyspace[i], sizes[_i](largest));
    }
}
END_TEST

/* ---- remembered claims ---- */

static struct wkv_trust_source *source;

static void set_up_trust(void)
{
    set_up_stats();
    struct wkv_trust *trust;
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    ck_assert_int_eq(wkv_trust_source_create(trust, &source, NULL), WKV_OK);
}

static void free_trust(void)
{
    wkv_trust_source_destroy(source);
    tear_down_stats();
}

static struct wkv_claims_cache *make_cache(uint32_t entries)
{
    struct wkv_claims_cache *cache;
    struct wkv_claims_cache_options options = {.max_entries = entries, .tally = &tally};
    ck_assert_int_eq(wkv_claims_cache_create(&options, &cache, NULL), WKV_OK);
    return cache;
}

/* Looks for tokens 0 to number - 1, each of 32 bytes, and remembers those that it did not find. */
static void look_for(struct wkv_claims_cache *cache, unsigned number)
{
    struct wkv_trust_reader reader;
    wkv_trust_reader_init(&reader, source);
    const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
    struct wkv_claims claims = {.expires_s = INT64_MAX, .keyvalue = true};
    for (unsigned i = 0; i < number; i++) {
        char token[33];
        (void)snprintf(token, sizeof token, "%032u", i);
        if (wkv_claims_cache_find(cache, token, 32, trust, 1) == NULL)
            wkv_claims_cache_add(cache, token, 32, &claims, trust);
    }
    wkv_trust_reader_destroy(&reader);
}

START_TEST(the_claims_of_all_workers_are_added_up)
{
    struct wkv_claims_cache *first = make_cache(100), *second = make_cache(4);
    look_for(first, 10);
    look_for(first, 10);
    look_for(second, 7);
    const struct wkv_claims_cache_stats *got = &take()->claims;
    ck_assert_uint_eq(got->hits, 10);
    ck_assert_uint_eq(got->misses, 17);
    ck_assert_uint_eq(got->evictions, 3);
    ck_assert_uint_eq(got->entries, 14);
    ck_assert_uint_eq(got->bytes, 14 * 32);
    wkv_claims_cache_destroy(first);
    wkv_claims_cache_destroy(second);
}
END_TEST

START_TEST(what_a_cache_counted_stays_counted_when_it_is_gone)
{
    struct wkv_claims_cache *cache = make_cache(4);
    look_for(cache, 3);
    look_for(cache, 5);
    wkv_claims_cache_destroy(cache);
    const struct wkv_claims_cache_stats *got = &take()->claims;
    ck_assert_uint_eq(got->hits, 3);
    ck_assert_uint_eq(got->misses, 5);
    ck_assert_uint_eq(got->evictions, 1);
    ck_assert_uint_eq(got->entries, 0);
    ck_assert_uint_eq(got->bytes, 0);
    cache = make_cache(4);
    look_for(cache, 2);
    ck_assert_uint_eq(take()->claims.misses, 7);
    ck_assert_uint_eq(take()->claims.entries, 2);
    wkv_claims_cache_destroy(cache);
}
END_TEST

static _Atomic bool finished;

static void *use_caches(void *context)
{
    (void)context;
    for (int i = 0; i < 300; i++) {
        struct wkv_claims_cache *cache = make_cache(8);
        look_for(cache, 8);
        look_for(cache, 10);
        wkv_claims_cache_destroy(cache);
    }
    atomic_store(&finished, true);
    return NULL;
}

START_TEST(caches_come_and_go_while_others_read)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, use_caches, NULL), 0);
    uint64_t misses = 0;
    while (!atomic_load(&finished)) {
        const struct wkv_claims_cache_stats *got = &take()->claims;
        ck_assert_uint_ge(got->misses, misses);
        ck_assert_uint_le(got->entries, 8);
        misses = got->misses;
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    const struct wkv_claims_cache_stats *got = &take()->claims;
    ck_assert_uint_eq(got->hits + got->misses, 300 * 18);
    ck_assert_uint_eq(got->entries, 0);
}
END_TEST

/* ---- an engine with a log ---- */

static bool tell_log(void *context, struct wkv_report_log *out)
{
    (void)context;
    ck_assert_uint_eq(out->position + out->bytes, 0);
    *out = (struct wkv_report_log){.position = 7, .lag_ms = -5, .append_p50_ns = 9, .time_ahead_s = -1};
    return true;
}

static bool tell_nothing(void *context, struct wkv_report_log *out)
{
    (void)context, (void)out;
    return false;
}

static size_t tell_members(void *context, struct wkv_report_member *out, size_t max)
{
    (void)context;
    ck_assert_uint_eq(max, WKV_REPORT_MEMBERS);
    out[0] = (struct wkv_report_member){.instance = "A\n\xff", .version = "1", .position = 3, .lag_ms = -1};
    out[1] =
        (struct wkv_report_member){.instance = "B", .version = "2", .position = 7, .lag_ms = 4, .bytes = 8};
    return 2;
}

static struct wkv_store *recovering(void *context)
{
    (void)context;
    return NULL;
}

static bool is_recovering(void *context, char *out, size_t bytes)
{
    (void)context;
    (void)snprintf(out, bytes, "recovering: 62%%");
    return true;
}

static uint64_t tell_id(void *context)
{
    return *(const uint64_t *)context;
}

START_TEST(a_log_is_told_where_the_engine_has_one)
{
    static const struct wkv_report_engine engine = {
        .name = "logged", .log = tell_log, .members = tell_members};
    put(0, 10);
    ck_assert(!take()->log.present);
    test_engine = &engine;
    const struct wkv_report *got = take();
    ck_assert(got->log.present);
    ck_assert_uint_eq(got->log.position, 7);
    ck_assert_int_eq(got->log.append_p50_ns, 9);
    ck_assert_int_eq(got->log.lag_ms + got->log.time_ahead_s, 0);
    ck_assert_uint_eq(got->log.members, 2);
    ck_assert_str_eq(got->members[0].instance, "A??");
    ck_assert_int_eq(got->members[0].lag_ms, 0);
    ck_assert_int_eq(got->members[1].lag_ms, 4);
    ck_assert_uint_eq(got->store.keys, 10);
    json_t *members = wkv_members_pack(got);
    char *text = json_dumps(members, JSON_COMPACT);
    ck_assert_str_eq(text, "[{\"instance\":\"A??\",\"version\":\"1\",\"position\":3,\"lag_ms\":0,\"keys\":0,"
                           "\"bytes\":0},{\"instance\":\"B\",\"version\":\"2\",\"position\":7,\"lag_ms\":4,"
                           "\"keys\":0,\"bytes\":8}]");
    free(text);
    json_decref(members);
}
END_TEST

START_TEST(while_it_recovers_there_is_no_store_and_it_is_not_ready)
{
    static const struct wkv_report_engine engine = {
        .name = "logged", .log = tell_nothing, .members = tell_members, .store = recovering};
    struct wkv_report_engine unready = engine;
    put(0, 10);
    wkv_stats_set_ready(stats, true);
    test_engine = &engine;
    const struct wkv_report *got = take();
    ck_assert(!got->log.present);
    ck_assert_uint_eq(got->log.members + got->store.keys + got->keyspace_count, 0);
    ck_assert(got->service.ready);
    unready.unready = is_recovering;
    test_engine = &unready;
    ck_assert(!take()->service.ready);
    test_engine = NULL;
    ck_assert(take()->service.ready);
}
END_TEST

START_TEST(a_log_s_id_is_sixteen_digits_or_nothing)
{
    uint64_t id = 0;
    struct wkv_report_engine engine = {.name = "logged", .log_id = tell_id, .context = &id};
    char text[WKV_LOG_ID_BYTES] = "x";
    wkv_report_engine_log_id(NULL, text);
    ck_assert_str_eq(text, "");
    wkv_report_engine_log_id(&engine, text);
    ck_assert_str_eq(text, "");
    id = 0xab;
    wkv_report_engine_log_id(&engine, text);
    ck_assert_str_eq(text, "00000000000000ab");
    ck_assert_str_eq(wkv_report_engine_name(NULL), "memory");
    ck_assert_str_eq(wkv_report_engine_name(&engine), "logged");
}
END_TEST

/* ---- the table ---- */

/* Gives each figure of the scope that can be read a number of its own. */
static void number_all(enum wkv_figure_scope scope, void *figures)
{
    for (size_t i = 0; i < wkv_figure_count; i++) {
        const struct wkv_figure *figure = &wkv_figures[i];
        if (figure->scope != scope || figure->stats == NULL || figure->label == WKV_LABEL_KEYSPACE)
            continue;
        for (size_t k = 0; k < wkv_label_count(figure->label, NULL); k++)
            wkv_figure_set(figure, figures, k,
                           figure->unit == WKV_UNIT_SECONDS ? (i + 1) * UINT64_C(1000000000)
                                                            : 100 * i + k + 1);
    }
}

/* What is packed is read again: no two rows have the same path or place. */
START_TEST(what_is_packed_is_read_again)
{
    struct wkv_report told = {0}, heard = {0};
    struct wkv_stats_operation operation = {0}, heard_operation = {0};
    number_all(WKV_OF_PROCESS, &told);
    number_all(WKV_OF_OPERATION, &operation);
    json_t *packed = wkv_figures_pack(WKV_OF_PROCESS, &told);
    wkv_figures_read(WKV_OF_PROCESS, packed, &heard);
    ck_assert_mem_eq(&told, &heard, sizeof told);
    ck_assert(json_is_true(json_object_get(packed, "ready")));
    json_decref(packed);
    packed = wkv_figures_pack(WKV_OF_OPERATION, &operation);
    wkv_figures_read(WKV_OF_OPERATION, packed, &heard_operation);
    ck_assert_mem_eq(&operation, &heard_operation, sizeof operation);
    json_decref(packed);
    struct wkv_report_log log = {0}, heard_log = {0};
    number_all(WKV_OF_LOG, &log);
    packed = wkv_figures_pack(WKV_OF_LOG, &log);
    wkv_figures_read(WKV_OF_LOG, packed, &heard_log);
    ck_assert_mem_eq(&log, &heard_log, sizeof log);
    json_decref(packed);
}
END_TEST

START_TEST(each_metric_has_one_row_and_a_sentence)
{
    for (size_t i = 0; i < wkv_figure_count; i++) {
        const struct wkv_figure *one = &wkv_figures[i];
        ck_assert(one->metric != NULL || one->stats != NULL);
        ck_assert_msg(one->metric == NULL || (one->help != NULL && one->help[strlen(one->help) - 1] == '.'),
                      "%s", one->metric);
        for (size_t k = 0; k < i && one->metric != NULL; k++)
            ck_assert_msg(wkv_figures[k].metric == NULL || strcmp(wkv_figures[k].metric, one->metric) != 0,
                          "%s", one->metric);
    }
}
END_TEST

static const struct {
    const char *text;
    uint64_t keys, shards, uptime_ns;
    bool ready;
} answers[] = {
    {"{\"keys\":5,\"ready\":true,\"shards\":{\"count\":7},\"uptime_s\":1.5}", 5, 7, 1500000000, true},
    {"{\"keys\":-5,\"ready\":1,\"shards\":{\"count\":-1},\"uptime_s\":-1}", 0, 0, 0, false},
    {"{\"keys\":1e300,\"ready\":null,\"shards\":{\"count\":1e300},\"uptime_s\":1e300}", UINT64_MAX,
     UINT32_MAX, UINT64_MAX, false},
    {"{\"keys\":\"5\",\"shards\":7,\"uptime_s\":[],\"kinds\":[1],\"dropped\":{\"subject\":{}},\"claims_"
     "cache\":null}",
     0, 0, 0, false},
    {"[]", 0, 0, 0, false},
    {"{}", 0, 0, 0, false},
};

START_TEST(what_nobody_vouches_for_is_read_as_numbers_or_not_at_all)
{
    struct wkv_report heard = {0};
    json_t *answer = json_loads(answers[_i].text, JSON_DECODE_INT_AS_REAL, NULL);
    ck_assert_ptr_nonnull(answer);
    wkv_figures_read(WKV_OF_PROCESS, answer, &heard);
    wkv_figures_read(WKV_OF_PROCESS, NULL, &heard);
    ck_assert_uint_eq(heard.store.keys, answers[_i].keys);
    ck_assert_uint_eq(heard.store.shards, answers[_i].shards);
    ck_assert_uint_eq(heard.service.uptime_ns, answers[_i].uptime_ns);
    ck_assert(heard.service.ready == answers[_i].ready);
    json_decref(answer);
}
END_TEST

Suite *report_suite(void)
{
    Suite *suite = suite_create("report/report");
    TCase *tests = tcase_create("report");
    tcase_add_checked_fixture(tests, set_up_stats, tear_down_stats);
    tcase_add_test(tests, a_process_that_holds_nothing_has_nothing_to_tell);
    tcase_add_test(tests, the_store_s_own_statistics_are_passed_on);
    tcase_add_test(tests, keyspaces_are_told_by_name_the_most_keys_first);
    tcase_add_loop_test(tests, only_the_largest_keyspaces_are_told, 0, COUNT_OF(sizes));
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_log_is_told_where_the_engine_has_one);
    tcase_add_test(tests, while_it_recovers_there_is_no_store_and_it_is_not_ready);
    tcase_add_test(tests, a_log_s_id_is_sixteen_digits_or_nothing);
    TCase *claims = tcase_create("claims");
    tcase_add_checked_fixture(claims, set_up_trust, free_trust);
    tcase_add_test(claims, the_claims_of_all_workers_are_added_up);
    tcase_add_test(claims, what_a_cache_counted_stays_counted_when_it_is_gone);
    tcase_add_test(claims, caches_come_and_go_while_others_read);
    suite_add_tcase(suite, claims);
    TCase *table = tcase_create("table");
    tcase_add_test(table, what_is_packed_is_read_again);
    tcase_add_test(table, each_metric_has_one_row_and_a_sentence);
    tcase_add_loop_test(table, what_nobody_vouches_for_is_read_as_numbers_or_not_at_all, 0,
                        COUNT_OF(answers));
    suite_add_tcase(suite, table);
    return suite;
}
