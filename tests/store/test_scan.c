/* Scans: every key that was there throughout comes once, whatever comes and goes beside it. */
#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"
#include "store/store_test.h"

/* ---- whole scans ---- */

/* What a scan has shown: how often each of the keys "s<number>" (that stay) and "t<number>" (that come and
 * go). */
struct sightings {
    size_t stayers;
    size_t transients;
    uint8_t *stayer;
    uint8_t *transient;
    size_t pieces;
};

static struct sightings sightings_of(size_t stayers, size_t transients)
{
    struct sightings seen = {.stayers = stayers, .transients = transients};
    seen.stayer = calloc(stayers + 1, 1);
    seen.transient = calloc(transients + 1, 1);
    ck_assert_ptr_nonnull(seen.stayer);
    ck_assert_ptr_nonnull(seen.transient);
    return seen;
}

static void sightings_free(struct sightings *seen)
{
    free(seen->stayer);
    free(seen->transient);
}

static struct wkv_store_scan *new_scan(void)
{
    struct wkv_store_scan *scan = malloc(sizeof *scan);
    ck_assert_ptr_nonnull(scan);
    memset(scan, 0x5a, sizeof *scan);
    return scan;
}

/* What holds for every piece, whatever the store does meanwhile. */
static void check_piece(const struct wkv_store_scan *scan, uint64_t cursor)
{
    uint64_t least = cursor;
    size_t bytes = 0;
    ck_assert_uint_le(scan->count, WKV_STORE_SCAN_KEYS);
    ck_assert(scan->next > cursor || cursor == WKV_STORE_SCAN_END);
    for (size_t i = 0; i < scan->count; i++) {
        ck_assert_uint_ge(scan->keys[i].cursor, i == 0 ? cursor & ~UINT64_C(0xfffff) : least);
        ck_assert_uint_lt(scan->keys[i].cursor, scan->next);
        ck_assert(scan->keys[i].name.data >= scan->bytes);
        ck_assert_uint_gt(scan->keys[i].name.len, 0);
        least = scan->keys[i].cursor;
        bytes += scan->keys[i].name.len;
    }
    ck_assert_uint_le(bytes, WKV_STORE_SCAN_BYTES);
}

static void see_piece(struct sightings *seen, const struct wkv_store_scan *scan)
{
    seen->pieces++;
    for (size_t i = 0; i < scan->count; i++) {
        char name[48];
        ck_assert_uint_lt(scan->keys[i].name.len, sizeof name);
        memcpy(name, scan->keys[i].name.data, scan->keys[i].name.len);
        name[scan->keys[i].name.len] = '\0';
        size_t number = strtoul(name + 1, NULL, 10);
        ck_assert(name[0] == 's' || name[0] == 't');
        ck_assert_uint_lt(number, name[0] == 's' ? seen->stayers : seen->transients);
        if ((name[0] == 's' ? seen->stayer : seen->transient)[number]++ != 0)
            ck_abort_msg("%s is shown twice", name);
    }
}

static void all_stayers_seen(const struct sightings *seen)
{
    for (size_t i = 0; i < seen->stayers; i++)
        if (seen->stayer[i] != 1)
            ck_abort_msg("s%zu of %zu is not shown", i, seen->stayers);
}

static void scan_all(struct wkv_store *store, uint32_t keyspace, struct sightings *seen,
                     void (*between)(void *context), void *context)
{
    struct wkv_store_scan *scan = new_scan();
    for (uint64_t cursor = WKV_STORE_SCAN_BEGIN; cursor != WKV_STORE_SCAN_END; cursor = scan->next) {
        wkv_store_scan(store, keyspace, cursor, TEST_NOW, scan);
        check_piece(scan, cursor);
        see_piece(seen, scan);
        if (between != NULL)
            between(context);
    }
    free(scan);
}

static void put(struct wkv_store *store, uint32_t keyspace, const char *prefix, size_t number)
{
    struct test_name name;
    struct wkv_key key = test_numbered_key(&name, prefix, number);
    key.keyspace = keyspace;
    ck_assert_int_eq(wkv_store_set(store, key, test_text("v"), 0, TEST_NOW), WKV_STORE_OK);
}

static const struct {
    size_t keys;
    uint32_t shards;
} sizes[] = {{0, 1}, {0, 64}, {1, 1}, {1, 64}, {65, 1}, {100000, 1}, {100000, 64}, {5000, 4096}};

START_TEST(a_scan_shows_every_key_of_its_keyspace_once_and_no_other)
{
    static const uint32_t keyspaces[] = {0, 1, 7, 65536, UINT32_MAX - 1};
    struct wkv_store *store = test_store(sizes[_i].shards, 0);
    size_t keys = sizes[_i].keys < 100 ? sizes[_i].keys : test_scaled(sizes[_i].keys);
    /* All of them in one keyspace, a third in another, a ninth … Another keyspace's would be one too many, or
     * twice. */
    size_t count = keys;
    for (size_t k = 0; k < TEST_COUNT_OF(keyspaces); k++, count /= 3)
        for (size_t i = 0; i < count; i++)
            put(store, keyspaces[k], "s", i);
    count = keys;
    for (size_t k = 0; k < TEST_COUNT_OF(keyspaces); k++, count /= 3) {
        struct sightings seen = sightings_of(count, 0);
        scan_all(store, keyspaces[k], &seen, NULL, NULL);
        all_stayers_seen(&seen);
        sightings_free(&seen);
    }
    struct sightings none = sightings_of(0, 0);
    scan_all(store, 2, &none, NULL, NULL);
    sightings_free(&none);
    wkv_store_destroy(store);
}
END_TEST

/* ---- tables that grow and shrink meanwhile ---- */

struct tide {
    struct wkv_store *store;
    size_t transients;
    size_t at; /* so many of the transients are there */
    size_t step;
    size_t every; /* pieces */
    size_t pieces;
    bool ebbing;
    size_t turns;
    uint32_t least_buckets;
    uint32_t most_buckets;
};

static void take_away(struct wkv_store *store, size_t number)
{
    struct test_name name;
    ck_assert_int_eq(wkv_store_delete(store, test_numbered_key(&name, "t", number), TEST_NOW), WKV_STORE_OK);
}

/* Transients come, a step of them every so many pieces, until all are there, and go again in the order that
 * they came in. */
static void flow(void *context)
{
    struct tide *tide = context;
    if (tide->pieces++ % tide->every != 0)
        return;
    for (size_t i = 0; i < tide->step; i++) {
        if (tide->ebbing)
            take_away(tide->store, tide->transients - tide->at--);
        else
            put(tide->store, 1, "t", tide->at++);
        if (tide->at == 0 || tide->at == tide->transients) {
            tide->ebbing = tide->at != 0;
            tide->turns++;
        }
    }
    uint32_t buckets = tide->store->shards[0].table.buckets;
    tide->least_buckets = buckets < tide->least_buckets ? buckets : tide->least_buckets;
    tide->most_buckets = buckets > tide->most_buckets ? buckets : tide->most_buckets;
}

static const struct {
    uint32_t shards;
    size_t stayers;
    size_t transients;
    size_t step;
    size_t every;
} tides[] = {{1, 3000, 60000, 20000, 16},
             {1, 3000, 60000, 3001, 3},
             {1, 20000, 40000, 177, 1},
             {4, 3000, 60000, 20000, 16},
             {64, 20000, 60000, 7001, 8}};

START_TEST(keys_that_stay_are_shown_once_while_others_come_and_go_between_pieces)
{
    size_t stayers = test_scaled_from(10 * (size_t)tides[_i].shards, tides[_i].stayers);
    size_t transients = test_scaled_from(100 * (size_t)tides[_i].shards, tides[_i].transients);
    size_t step = test_scaled(tides[_i].step);
    struct tide tide = {.store = test_store(tides[_i].shards, 0),
                        .transients = transients,
                        .step = step,
                        .every = tides[_i].every,
                        .least_buckets = UINT32_MAX};
    for (size_t i = 0; i < stayers; i++)
        put(tide.store, 1, "s", i);
    for (size_t turns = 0; tide.turns < 4 || turns < 3; turns++) {
        struct sightings seen = sightings_of(stayers, transients);
        scan_all(tide.store, 1, &seen, flow, &tide);
        all_stayers_seen(&seen);
        sightings_free(&seen);
    }
    /* It grew and it shrank, or this test has seen nothing. */
    ck_assert_uint_gt(tide.most_buckets, tide.least_buckets * 5 / 4);
    wkv_store_destroy(tide.store);
}
END_TEST

struct writer {
    struct wkv_store *store;
    size_t transients;
    atomic_bool over;
    atomic_size_t rounds;
};

/* Not with Check's asserts, which are for the test's own thread. */
static void *write_on(void *argument)
{
    struct writer *writer = argument;
    struct test_name name;
    while (!atomic_load(&writer->over)) {
        for (size_t i = 0; i < writer->transients && !atomic_load(&writer->over); i++)
            if (wkv_store_set(writer->store, test_numbered_key(&name, "t", i), test_text("w"), 0, TEST_NOW) !=
                WKV_STORE_OK)
                abort();
        for (size_t i = 0; i < writer->transients; i++)
            (void)wkv_store_delete(writer->store, test_numbered_key(&name, "t", i), TEST_NOW);
        atomic_fetch_add(&writer->rounds, 1);
    }
    return NULL;
}

START_TEST(keys_that_stay_are_shown_once_while_another_thread_writes)
{
    size_t stayers = test_scaled(3000), scans = 0;
    struct writer writer = {.store = test_store(_i == 0 ? 1 : 8, 0), .transients = test_scaled(20000)};
    pthread_t thread;
    for (size_t i = 0; i < stayers; i++)
        put(writer.store, 1, "s", i);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_on, &writer), 0);
    for (; scans < 10 || atomic_load(&writer.rounds) < 2; scans++) {
        struct sightings seen = sightings_of(stayers, writer.transients);
        uint64_t keys[2] = {0};
        scan_all(writer.store, 1, &seen, NULL, NULL);
        all_stayers_seen(&seen);
        sightings_free(&seen);
        wkv_store_keyspaces(writer.store, keys, TEST_COUNT_OF(keys));
        ck_assert_uint_ge(keys[1], stayers);
        ck_assert_uint_le(keys[1], stayers + writer.transients);
    }
    atomic_store(&writer.over, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    wkv_store_destroy(writer.store);
}
END_TEST

/* ---- cursors ---- */

/* The keys in the order that a whole scan shows them, with their names copied. */
struct order {
    size_t count;
    uint64_t *cursors;
    struct test_texts names;
};

static void order_add(struct order *order, const struct wkv_store_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        order->cursors = realloc(order->cursors, (order->count + 1) * sizeof *order->cursors);
        ck_assert_ptr_nonnull(order->cursors);
        order->cursors[order->count++] = scan->keys[i].cursor;
        test_texts_see(&order->names, scan->keys[i].name);
    }
}

static struct order order_from(struct wkv_store *store, uint64_t cursor)
{
    struct wkv_store_scan *scan = new_scan();
    struct order order = {0};
    for (;; cursor = scan->next) {
        wkv_store_scan(store, 1, cursor, TEST_NOW, scan);
        check_piece(scan, cursor);
        order_add(&order, scan);
        if (scan->next == WKV_STORE_SCAN_END)
            break;
    }
    free(scan);
    return order;
}

static void order_free(struct order *order)
{
    free(order->cursors);
    test_texts_free(&order->names);
}

/* A scan from there shows the keys of the whole order from number `first` on, and only these. */
static void shows_the_rest(struct wkv_store *store, const struct order *whole, uint64_t cursor, size_t first)
{
    struct order rest = order_from(store, cursor);
    ck_assert_uint_eq(rest.count, whole->count - first);
    for (size_t i = 0; i < rest.count; i++)
        ck_assert(test_same(rest.names.texts[i], whole->names.texts[first + i]));
    order_free(&rest);
}

START_TEST(a_scan_from_a_keys_own_cursor_shows_that_key_and_all_behind_it)
{
    static const uint32_t shards[] = {1, 4, 64};
    struct wkv_store *store = test_store(shards[_i], 0);
    size_t keys = test_scaled(300);
    for (size_t i = 0; i < keys; i++) {
        put(store, 1, "s", i);
        put(store, 2, "s", i);
    }
    struct order whole = order_from(store, WKV_STORE_SCAN_BEGIN);
    ck_assert_uint_eq(whole.count, keys);
    for (size_t i = 0; i < keys; i++) {
        shows_the_rest(store, &whole, whole.cursors[i], i);
    }
    order_free(&whole);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(any_number_is_a_cursor_and_shows_what_is_behind_it)
{
    static const uint64_t numbers[] = {1,
                                       UINT32_MAX,
                                       UINT64_C(1) << 52,
                                       (UINT64_C(1) << 52) - 1,
                                       UINT64_MAX - 1,
                                       UINT64_MAX,
                                       UINT64_MAX >> 1,
                                       UINT64_C(1) << 63,
                                       UINT64_C(0xfff) << 52,
                                       (UINT64_C(64) << 52) - 1,
                                       UINT64_C(64) << 52};
    static const uint32_t shards[] = {1, 64, 4096};
    struct wkv_store *store = test_store(shards[_i], 0);
    uint64_t random = 3;
    for (size_t i = 0; i < 500; i++)
        put(store, 1, "s", i);
    struct order whole = order_from(store, WKV_STORE_SCAN_BEGIN);
    for (size_t n = 0; n < 300; n++) {
        uint64_t cursor = n < TEST_COUNT_OF(numbers) ? numbers[n] : test_random(&random);
        if (n >= 150) /* … in a shard that is there */
            cursor &= ((uint64_t)shards[_i] << 52) - 1;
        size_t first = 0;
        while (first < whole.count && whole.cursors[first] < cursor)
            first++;
        shows_the_rest(store, &whole, cursor, first);
    }
    order_free(&whole);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(the_end_stays_the_end)
{
    struct wkv_store *store = test_store(4096, 0);
    struct wkv_store_scan *scan = new_scan();
    wkv_store_scan(store, 1, WKV_STORE_SCAN_END, TEST_NOW, scan);
    ck_assert_uint_eq(scan->count, 0);
    ck_assert_uint_eq(scan->next, WKV_STORE_SCAN_END);
    free(scan);
    wkv_store_destroy(store);
}
END_TEST

/* ---- what is shown ---- */

START_TEST(expired_keys_are_not_shown_and_stay_where_they_are)
{
    struct wkv_store *store = test_store(4, 0);
    struct test_name name;
    size_t keys = 3000;
    for (size_t i = 0; i < keys; i++) {
        /* Every third does not expire, and every third later: "t" is gone at TEST_NOW + 9. */
        struct wkv_key key = test_numbered_key(&name, i % 3 == 0 ? "t" : "s", i);
        int64_t expires_at_ns = TEST_NOW + 9 + (i % 3 == 1);
        ck_assert_int_eq(wkv_store_set(store, key, test_text("v"), i % 3 == 2 ? 0 : expires_at_ns, TEST_NOW),
                         WKV_STORE_OK);
    }
    for (int64_t later = 8; later <= 10; later++) {
        struct wkv_store_scan *scan = new_scan();
        size_t shown = 0;
        for (uint64_t cursor = WKV_STORE_SCAN_BEGIN; cursor != WKV_STORE_SCAN_END; cursor = scan->next) {
            wkv_store_scan(store, 1, cursor, TEST_NOW + later, scan);
            shown += scan->count;
            for (size_t i = 0; i < scan->count; i++) {
                int64_t expires_at_ns = scan->keys[i].info.expires_at_ns;
                ck_assert(expires_at_ns == 0 || expires_at_ns > TEST_NOW + later);
            }
        }
        free(scan);
        ck_assert_uint_eq(shown, later == 8 ? keys : later == 9 ? keys * 2 / 3 : keys / 3);
    }
    ck_assert_uint_eq(test_stats(store).keys, keys);
    ck_assert_uint_eq(test_stats(store).expired, 0);
    wkv_store_destroy(store);
}
END_TEST

/* A name of the greatest length, different for each number. */
static struct wkv_key longest_key(size_t number, size_t len)
{
    static char name[WKV_STORE_MAX_KEY_BYTES];
    if (name[sizeof name - 1] == '\0')
        memset(name, 'x', sizeof name);
    for (size_t digit = 7; digit-- > 0; number /= 10)
        name[digit] = (char)('0' + number % 10);
    return (struct wkv_key){1, {name, len}};
}

static void see_longest(const struct wkv_store_scan *scan, uint8_t *seen, size_t keys, size_t len)
{
    for (size_t i = 0; i < scan->count; i++) {
        size_t number = strtoul(scan->keys[i].name.data, NULL, 10);
        ck_assert_uint_lt(number, keys);
        ck_assert(test_same(scan->keys[i].name, longest_key(number, len).name));
        ck_assert_uint_eq(seen[number]++, 0);
    }
}

static const size_t long_lengths[] = {65535, 65534, 43691, 43690, 32768, 2049, 2048};

START_TEST(keys_of_any_length_fit)
{
    size_t len = long_lengths[_i], shown = 0;
    uint8_t seen[100] = {0};
    struct wkv_store *store = test_store(_i % 2 == 0 ? 1 : 4, 0);
    struct wkv_store_scan *scan = new_scan();
    for (size_t i = 0; i < TEST_COUNT_OF(seen); i++)
        ck_assert_int_eq(wkv_store_set(store, longest_key(i, len), test_text(""), 0, TEST_NOW), WKV_STORE_OK);
    for (uint64_t cursor = WKV_STORE_SCAN_BEGIN; cursor != WKV_STORE_SCAN_END; cursor = scan->next) {
        wkv_store_scan(store, 1, cursor, TEST_NOW, scan);
        check_piece(scan, cursor);
        see_longest(scan, seen, TEST_COUNT_OF(seen), len);
        shown += scan->count;
    }
    ck_assert_uint_eq(shown, TEST_COUNT_OF(seen));
    free(scan);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(what_a_scan_tells_of_a_key_is_what_inspect_tells)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_store_scan *scan = new_scan();
    unsigned kinds = 0;
    test_one_of_each(store);
    ck_assert_int_eq(wkv_store_set(store, test_key("timed"), test_text("abc"), TEST_NOW + 5, TEST_NOW),
                     WKV_STORE_OK);
    wkv_store_scan(store, 1, WKV_STORE_SCAN_BEGIN, TEST_NOW, scan);
    ck_assert_uint_eq(scan->count, 5);
    for (size_t i = 0; i < scan->count; i++) {
        struct wkv_store_info info;
        struct wkv_key key = {1, scan->keys[i].name};
        ck_assert_int_eq(wkv_store_inspect(store, key, TEST_NOW, &info), WKV_STORE_OK);
        ck_assert_int_eq(scan->keys[i].info.kind, info.kind);
        ck_assert_uint_eq(scan->keys[i].info.length, info.length);
        ck_assert_uint_eq(scan->keys[i].info.bytes, info.bytes);
        ck_assert_int_eq(scan->keys[i].info.expires_at_ns, info.expires_at_ns);
        kinds |= 1u << info.kind;
    }
    ck_assert_uint_eq(kinds, 15);
    free(scan);
    wkv_store_destroy(store);
}
END_TEST

/* ---- hashes that are alike ---- */

static uint32_t same_hash(size_t i)
{
    (void)i;
    return UINT32_C(0xdeadbeef);
}

static uint32_t all_ones(size_t i)
{
    (void)i;
    return UINT32_MAX;
}

static uint32_t same_bucket(size_t i)
{
    return (uint32_t)(i * 2654435761u) << 12 | 5;
}

static uint32_t pairs(size_t i)
{
    return (uint32_t)(i / 2 * 2654435761u);
}

static uint32_t few_hashes(size_t i)
{
    return (uint32_t)(i % 3) << 20;
}

static const struct {
    const char *name;
    uint32_t (*hash)(size_t i);
    size_t keys;
    size_t len;
} alike[] = {
    {"all the same", same_hash, 300, 8},
    {"all the same, of ones", all_ones, 300, 8},
    {"all the same, large", same_hash, 7, 65535},
    {"all the same, of ones, large", all_ones, 5, 65535},
    {"one bucket", same_bucket, 2000, 8},
    {"one bucket, large", same_bucket, 50, 50000},
    {"pairs", pairs, 2000, 8},
    {"three large groups", few_hashes, 500, 2000},
    {"three groups of large keys", few_hashes, 12, 65535},
};

/* Puts a key where its hash would have it if it were that. No call finds it there, but scans do. */
static void put_hashed(struct wkv_store *store, uint32_t hash, struct wkv_key key)
{
    struct wkv_shard *shard = &store->shards[0];
    struct wkv_entry *entry =
        wkv_entry_create(&shard->memory, hash, key, (struct wkv_entry_shape){.kind = WKV_SCALAR});
    ck_assert_ptr_nonnull(entry);
    ck_assert(wkv_shard_insert(shard, entry));
}

/* The next number, from i on, of a key whose tie none of the keys before it has. By chance two of them would
 * have the same: they would then be keys with the same 64-bit hash, of which a scan promises nothing. */
static size_t number_without_a_twin(const struct wkv_store *store, size_t i, size_t len, uint8_t *ties)
{
    for (;; i++) {
        struct wkv_key key = longest_key(i, len);
        uint64_t tie = wkv_hash(&store->hasher, key.keyspace, key.name) >> 44;
        if (ties[tie]++ == 0)
            return i;
    }
}

START_TEST(keys_of_equal_hashes_are_shown_once_each)
{
    struct wkv_store *store = test_store(1, 0);
    size_t keys = alike[_i].keys;
    uint8_t *ties = calloc((size_t)1 << 20, 1);
    ck_assert_ptr_nonnull(ties);
    for (size_t i = 0, number = 0; i < keys; i++, number++) {
        number = number_without_a_twin(store, number, alike[_i].len, ties);
        put_hashed(store, alike[_i].hash(i), longest_key(number, alike[_i].len));
    }
    free(ties);
    struct order whole = order_from(store, WKV_STORE_SCAN_BEGIN);
    uint8_t seen[4000] = {0};
    ck_assert_uint_eq(whole.count, keys);
    for (size_t i = 0; i < keys; i++)
        ck_assert_uint_eq(seen[strtoul(whole.names.texts[i].data, NULL, 10)]++, 0);
    for (size_t i = 0; i < keys; i += keys / 20 + 1)
        shows_the_rest(store, &whole, whole.cursors[i], i);
    order_free(&whole);
    wkv_store_destroy(store);
}
END_TEST

/* A piece ends between keys of one hash; then all but the last of these go, which is alone of its hash when
 * its turn comes. */
START_TEST(a_key_whose_equals_have_gone_is_not_lost)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_store_scan *scan = new_scan();
    for (size_t i = 0; i < 3; i++)
        put_hashed(store, 77, longest_key(i, 65535));
    wkv_store_scan(store, 1, WKV_STORE_SCAN_BEGIN, TEST_NOW, scan);
    ck_assert_uint_eq(scan->count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct wkv_entry *entry =
            wkv_shard_find(&store->shards[0], 77, (struct wkv_key){1, scan->keys[i].name});
        ck_assert_ptr_nonnull(entry);
        wkv_shard_remove(&store->shards[0], entry);
    }
    wkv_store_scan(store, 1, scan->next, TEST_NOW, scan);
    ck_assert_uint_eq(scan->count, 1);
    ck_assert_uint_eq(scan->next, WKV_STORE_SCAN_END);
    free(scan);
    wkv_store_destroy(store);
}
END_TEST

/* ---- a bounded piece of work ---- */

/* What scan.c says, and a bucket more. */
#define MOST_LOOKED_AT (512u + 64u)

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* No call passes more than so many of these cursors, which are in order. Returns the keys shown. */
static size_t passes_few_at_once(struct wkv_store *store, uint32_t keyspace, int64_t now_ns,
                                 const uint64_t *cursors, size_t count)
{
    struct wkv_store_scan *scan = new_scan();
    size_t passed = 0, shown = 0;
    for (uint64_t cursor = WKV_STORE_SCAN_BEGIN; cursor != WKV_STORE_SCAN_END; cursor = scan->next) {
        size_t before = passed;
        wkv_store_scan(store, keyspace, cursor, now_ns, scan);
        check_piece(scan, cursor);
        shown += scan->count;
        while (passed < count && cursors[passed] < scan->next)
            passed++;
        ck_assert_uint_le(passed - before, MOST_LOOKED_AT);
    }
    ck_assert_uint_eq(passed, count);
    free(scan);
    return shown;
}

/* A million keys of another keyspace, or of this one and expired: none is shown and all must be passed. */
START_TEST(a_call_passes_a_bounded_number_of_keys_that_it_does_not_show)
{
    struct wkv_store *store = test_store(_i == 2 ? 64 : 1, 0);
    size_t keys = test_scaled(1000000), failures = 0;
    struct test_name name;
    uint64_t *cursors = malloc(keys * sizeof *cursors);
    ck_assert_ptr_nonnull(cursors);
    for (size_t i = 0; i < keys; i++) {
        struct wkv_key key = test_numbered_key(&name, "k", i);
        struct wkv_place place = wkv_store_place(store, key);
        failures +=
            wkv_store_set(store, key, test_text("v"), _i == 1 ? TEST_NOW + 1 : 0, TEST_NOW) != WKV_STORE_OK;
        cursors[i] = (uint64_t)(place.shard - store->shards) << 52 | (uint64_t)wkv_table_place(place.hash)
                                                                         << 20;
    }
    ck_assert_uint_eq(failures, 0);
    qsort(cursors, keys, sizeof *cursors, compare_numbers);
    ck_assert_uint_eq(passes_few_at_once(store, _i == 1 ? 1 : 2, TEST_NOW + 1, cursors, keys), 0);
    free(cursors);
    wkv_store_destroy(store);
}
END_TEST

/* Hashes that are alike in 6 bits leave all but a 64th of the buckets empty. */
START_TEST(a_call_passes_a_bounded_number_of_empty_buckets)
{
    struct wkv_store *store = test_store(1, 0);
    const struct wkv_table *table = &store->shards[0].table;
    const size_t keys = 25000;
    for (size_t i = 0; i < keys; i++)
        put_hashed(store, (uint32_t)i << 6, longest_key(i, 8));
    ck_assert_uint_gt(table->buckets, MOST_LOOKED_AT * 6);
    uint64_t *cursors = malloc(table->buckets * sizeof *cursors);
    ck_assert_ptr_nonnull(cursors);
    for (uint32_t bucket = 0; bucket < table->buckets; bucket++)
        cursors[bucket] = (uint64_t)wkv_table_place(bucket) << 20;
    qsort(cursors, table->buckets, sizeof *cursors, compare_numbers);
    ck_assert_uint_eq(passes_few_at_once(store, 1, TEST_NOW, cursors, table->buckets), keys);
    free(cursors);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_call_passes_a_bounded_number_of_empty_shards)
{
    struct wkv_store *store = test_store(4096, 0);
    uint64_t cursors[4096];
    for (size_t i = 0; i < TEST_COUNT_OF(cursors); i++)
        cursors[i] = (uint64_t)i << 52;
    (void)passes_few_at_once(store, 1, TEST_NOW, cursors, TEST_COUNT_OF(cursors));
    wkv_store_destroy(store);
}
END_TEST

/* Of all keyspaces, notes too. What a piece has passed, and what not, is told by the keys' ranks. */
START_TEST(a_scan_of_all_keyspaces_goes_by_rank)
{
    static const uint32_t keyspaces[] = {0, 1, 65536, WKV_STORE_NOTES};
    struct wkv_store *store = test_store(4, 0);
    struct wkv_store_scan *scan = new_scan();
    bool shown[TEST_COUNT_OF(keyspaces)][100] = {{false}};
    struct test_name name;
    for (size_t k = 0; k < TEST_COUNT_OF(keyspaces); k++)
        for (size_t i = 0; i < 100; i++)
            put(store, keyspaces[k], "s", i);
    for (uint64_t cursor = WKV_STORE_SCAN_BEGIN; cursor != WKV_STORE_SCAN_END; cursor = scan->next) {
        wkv_store_scan(store, WKV_STORE_ALL_KEYSPACES, cursor, TEST_NOW, scan);
        for (size_t i = 0; i < scan->count; i++) {
            size_t k = 0;
            (void)snprintf(name.text, sizeof name.text, "%.*s", (int)scan->keys[i].name.len,
                           scan->keys[i].name.data);
            while (scan->keys[i].keyspace != keyspaces[k])
                k++;
            bool *seen = &shown[k][strtoul(name.text + 1, NULL, 10)];
            ck_assert(!*seen);
            *seen = true;
        }
        for (size_t k = 0; k < TEST_COUNT_OF(keyspaces); k++)
            for (size_t i = 0; i < 100; i++) {
                struct wkv_key key = test_numbered_key(&name, "s", i);
                key.keyspace = keyspaces[k];
                ck_assert(shown[k][i] == (wkv_store_rank(store, &key) < scan->next));
            }
    }
    free(scan);
    wkv_store_destroy(store);
}
END_TEST

Suite *scan_suite(void)
{
    Suite *suite = suite_create("store/scan");
    TCase *tests = tcase_create("scan");
    tcase_add_loop_test(tests, a_scan_shows_every_key_of_its_keyspace_once_and_no_other, 0,
                        (int)TEST_COUNT_OF(sizes));
    tcase_add_test(tests, a_scan_of_all_keyspaces_goes_by_rank);
    tcase_add_loop_test(tests, keys_that_stay_are_shown_once_while_others_come_and_go_between_pieces, 0,
                        (int)TEST_COUNT_OF(tides));
    tcase_add_loop_test(tests, keys_that_stay_are_shown_once_while_another_thread_writes, 0, 2);
    tcase_add_loop_test(tests, a_scan_from_a_keys_own_cursor_shows_that_key_and_all_behind_it, 0, 3);
    tcase_add_loop_test(tests, any_number_is_a_cursor_and_shows_what_is_behind_it, 0, 3);
    tcase_add_test(tests, the_end_stays_the_end);
    tcase_add_test(tests, expired_keys_are_not_shown_and_stay_where_they_are);
    tcase_add_loop_test(tests, keys_of_any_length_fit, 0, (int)TEST_COUNT_OF(long_lengths));
    tcase_add_test(tests, what_a_scan_tells_of_a_key_is_what_inspect_tells);
    tcase_add_loop_test(tests, keys_of_equal_hashes_are_shown_once_each, 0, (int)TEST_COUNT_OF(alike));
    tcase_add_test(tests, a_key_whose_equals_have_gone_is_not_lost);
    tcase_add_loop_test(tests, a_call_passes_a_bounded_number_of_keys_that_it_does_not_show, 0, 3);
    tcase_add_test(tests, a_call_passes_a_bounded_number_of_empty_buckets);
    tcase_add_test(tests, a_call_passes_a_bounded_number_of_empty_shards);
    suite_add_tcase(suite, tests);
    return suite;
}
