/* What is told of the process as a whole. */
#include "operation/provider.h"
#include "stats_test.h"

#include <pthread.h>

#include "lib/store_once.h"
#include "security/claims_cache.h"
#include "security/trust.h"

#define WORKERS 3
#define KEYSPACES 100

static struct wkv_stats_service service;

static void set_up(void)
{
    make_stats(WORKERS);
}

static const struct wkv_stats_service *read_service(void)
{
    memset(&service, 0xaa, sizeof service);
    ck_assert(wkv_stats_service(stats, START_NS + 5, &service));
    return &service;
}

/* ---- what the workers counted ---- */

START_TEST(a_process_that_did_nothing_has_nothing_to_tell)
{
    const struct wkv_stats_service *got = read_service();
    ck_assert_int_eq(got->started_wall_ns, START_WALL_NS);
    ck_assert_int_eq(got->uptime_ns, 5);
    ck_assert_uint_eq(got->workers, WORKERS);
    ck_assert(!got->ready);
    ck_assert_uint_eq(got->requests + got->errors + got->unsent, 0);
    ck_assert_uint_eq(got->keyspaces, 1);
    ck_assert_uint_eq(got->keyspace_count, 0);
    ck_assert_uint_eq(got->bound_actors, 0);
    ck_assert_uint_eq(got->connections + got->connects + got->reconnects, 0);
    ck_assert_uint_eq(got->claims_cache.hits + got->claims_cache.misses + got->claims_cache.entries, 0);
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
    wkv_stats_connected(stats, false);
    wkv_stats_connected(stats, false);
    ck_assert_uint_eq(read_service()->connections, 2);
    wkv_stats_disconnected(stats);
    ck_assert_uint_eq(read_service()->connections, 1);
    wkv_stats_connected(stats, true);
    ck_assert_uint_eq(read_service()->connections, 2);
    ck_assert_uint_eq(read_service()->connects, 2);
    ck_assert_uint_eq(read_service()->reconnects, 1);
}
END_TEST

START_TEST(there_are_never_fewer_than_no_connections)
{
    wkv_stats_disconnected(stats);
    ck_assert_uint_eq(read_service()->connections, 0);
    wkv_stats_connected(stats, false);
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
        wkv_stats_connected(stats, i > 0);
        wkv_stats_disconnected(stats);
    }
    wkv_stats_connected(stats, true);
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
        ck_assert_int_eq(wkv_store_set(store, key, (struct wkv_text){"value", 5}, 0, START_NS), WKV_STORE_OK);
    }
}

START_TEST(the_store_s_own_statistics_are_passed_on)
{
    put(0, 10);
    struct wkv_key key = {0, {"set", 3}};
    int32_t size;
    ck_assert_int_eq(wkv_store_set_add(store, key, (struct wkv_text){"a", 1}, START_NS, &size), WKV_STORE_OK);
    struct wkv_store_stats expected;
    wkv_store_stats(store, &expected);
    const struct wkv_store_stats *got = &read_service()->store;
    ck_assert_uint_eq(got->keys, 11);
    ck_assert_uint_eq(got->keys_by_kind[WKV_SCALAR], 10);
    ck_assert_uint_eq(got->keys_by_kind[WKV_SET], 1);
    ck_assert_uint_eq(got->bytes, expected.bytes);
    ck_assert_uint_eq(got->budget_bytes, 1 << 24);
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
    const struct wkv_stats_service *got = read_service();
    ck_assert_uint_eq(got->bound_actors, 3);
    ck_assert_uint_eq(got->keyspaces, 4);
    ck_assert_uint_eq(got->keyspace_count, 3);
    ck_assert_str_eq(got->by_keyspace[0].name, "many");
    ck_assert_uint_eq(got->by_keyspace[0].keys, 9);
    ck_assert_str_eq(got->by_keyspace[1].name, "default");
    ck_assert_uint_eq(got->by_keyspace[1].keys, 5);
    ck_assert_str_eq(got->by_keyspace[2].name, "few");
    ck_assert_uint_eq(got->by_keyspace[2].keys, 2);
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
    const struct wkv_stats_service *got = read_service();
    ck_assert_uint_eq(got->keyspaces, KEYSPACES + 1);
    ck_assert_uint_eq(got->keyspace_count, WKV_STATS_KEYSPACES);
    /* Again and again the largest that is left, of equal ones the first. */
    bool told[KEYSPACES + 1] = {false};
    for (size_t i = 0; i < WKV_STATS_KEYSPACES; i++) {
        unsigned largest = 0;
        for (unsigned number = 1; number <= KEYSPACES; number++)
            if (!told[number] && (largest == 0 || sizes[_i](number) > sizes[_i](largest)))
                largest = number;
        told[largest] = true;
        char name[16];
        (void)snprintf(name, sizeof name, "space%u", largest);
        ck_assert_str_eq(got->by_keyspace[i].name, name);
        ck_assert_uint_eq(got->by_keyspace[i].keys, sizes[_i](largest));
    }
}
END_TEST

/* ---- remembered claims ---- */

static struct wkv_trust_source *source;

static void set_up_trust(void)
{
    set_up();
    struct wkv_trust *trust;
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    ck_assert_int_eq(wkv_trust_source_create(trust, &source, NULL), WKV_OK);
}

static void free_trust(void)
{
    wkv_trust_source_destroy(source);
    free_stats();
}

static struct wkv_claims_cache *make_cache(uint32_t entries)
{
    struct wkv_claims_cache *cache;
    struct wkv_claims_cache_options options = {.max_entries = entries};
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
    wkv_stats_watch_claims(wkv_stats_worker(stats, 0), first);
    wkv_stats_watch_claims(wkv_stats_worker(stats, 2), second);
    look_for(first, 10);
    look_for(first, 10);
    look_for(second, 7);
    const struct wkv_claims_cache_stats *got = &read_service()->claims_cache;
    ck_assert_uint_eq(got->hits, 10);
    ck_assert_uint_eq(got->misses, 17);
    ck_assert_uint_eq(got->evictions, 3);
    ck_assert_uint_eq(got->entries, 14);
    ck_assert_uint_eq(got->bytes, 14 * 32);
    wkv_stats_watch_claims(wkv_stats_worker(stats, 0), NULL);
    wkv_stats_watch_claims(wkv_stats_worker(stats, 2), NULL);
    wkv_claims_cache_destroy(first);
    wkv_claims_cache_destroy(second);
}
END_TEST

START_TEST(what_a_cache_counted_stays_counted_when_it_is_gone)
{
    struct wkv_stats_block *block = wkv_stats_worker(stats, 1);
    struct wkv_claims_cache *cache = make_cache(4);
    wkv_stats_watch_claims(block, cache);
    look_for(cache, 3);
    /* To say the same again counts nothing twice. */
    wkv_stats_watch_claims(block, cache);
    look_for(cache, 5);
    wkv_stats_watch_claims(block, NULL);
    wkv_claims_cache_destroy(cache);
    const struct wkv_claims_cache_stats *got = &read_service()->claims_cache;
    ck_assert_uint_eq(got->hits, 3);
    ck_assert_uint_eq(got->misses, 5);
    ck_assert_uint_eq(got->evictions, 1);
    ck_assert_uint_eq(got->entries, 0);
    ck_assert_uint_eq(got->bytes, 0);
    cache = make_cache(4);
    wkv_stats_watch_claims(block, cache);
    look_for(cache, 2);
    ck_assert_uint_eq(read_service()->claims_cache.misses, 7);
    ck_assert_uint_eq(read_service()->claims_cache.entries, 2);
    wkv_stats_watch_claims(block, NULL);
    wkv_claims_cache_destroy(cache);
}
END_TEST

static _Atomic bool finished;

static void *use_caches(void *context)
{
    struct wkv_stats_block *block = context;
    for (int i = 0; i < 300; i++) {
        struct wkv_claims_cache *cache = make_cache(8);
        wkv_stats_watch_claims(block, cache);
        look_for(cache, 8);
        look_for(cache, 10);
        wkv_stats_watch_claims(block, NULL);
        wkv_claims_cache_destroy(cache);
    }
    atomic_store(&finished, true);
    return NULL;
}

START_TEST(caches_come_and_go_while_others_read)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, use_caches, wkv_stats_worker(stats, 0)), 0);
    uint64_t misses = 0;
    while (!atomic_load(&finished)) {
        const struct wkv_claims_cache_stats *got = &read_service()->claims_cache;
        ck_assert_uint_ge(got->misses, misses);
        ck_assert_uint_le(got->entries, 8);
        misses = got->misses;
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    const struct wkv_claims_cache_stats *got = &read_service()->claims_cache;
    ck_assert_uint_eq(got->hits + got->misses, 300 * 18);
    ck_assert_uint_eq(got->entries, 0);
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
    tcase_add_test(tests, the_store_s_own_statistics_are_passed_on);
    tcase_add_test(tests, keyspaces_are_told_by_name_the_most_keys_first);
    tcase_add_loop_test(tests, only_the_largest_keyspaces_are_told, 0, COUNT_OF(sizes));
    suite_add_tcase(suite, tests);
    TCase *claims = tcase_create("claims");
    tcase_add_checked_fixture(claims, set_up_trust, free_trust);
    tcase_add_test(claims, the_claims_of_all_workers_are_added_up);
    tcase_add_test(claims, what_a_cache_counted_stays_counted_when_it_is_gone);
    tcase_add_test(claims, caches_come_and_go_while_others_read);
    suite_add_tcase(suite, claims);
    return suite;
}
