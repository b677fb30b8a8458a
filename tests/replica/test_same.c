/* The same log comes to the same, whatever else differs: who waits for replies, how the store is laid out and
 * looked after, whether the replica was recovered on the way. */
#include <inttypes.h>

#include "replica/log.h"

#define NOW (1000000 * SIM_SECOND)

enum { RECORDS = 1500 };

struct writing {
    uint64_t rng;
    struct sim_log log;
    uint64_t join, number;
    int64_t time_ns;
};

static int64_t below(struct writing *writing, size_t limit)
{
    return (int64_t)test_below(&writing->rng, limit);
}

static void add_request(struct writing *writing, struct sim_ops *ops)
{
    struct sim_once once = {.id = (unsigned)below(writing, 100), .payload = 1, .window_ms = 30000};
    const struct sim_once *id = below(writing, 5) == 0 ? &once : NULL;
    uint32_t keyspace = (uint32_t)below(writing, 3);
    int key = (int)below(writing, 60), value = (int)below(writing, 50);
    switch (below(writing, 9)) {
    case 0:
        sim_request(ops, keyspace, id, "Set", "{\"key\":\"k%d\",\"value\":\"%d\",\"expires_s\":%d}", key,
                    value, value % 20);
        break;
    case 1:
        sim_request(ops, keyspace, id, "Increment", "{\"key\":\"k%d\",\"delta\":%d}", key, value);
        break;
    case 2:
        sim_request(ops, keyspace, id, "Push", "{\"key\":\"l%d\",\"value\":\"item %d\"}", key, value);
        break;
    case 3:
        sim_request(ops, keyspace, id, "ListItemDelete", "{\"key\":\"l%d\",\"value\":\"item %d\"}", key,
                    value);
        break;
    case 4: /* few sets, so that they become tables, and shrink again */
        sim_request(ops, keyspace, id, "SetAdd", "{\"key\":\"s%d\",\"value\":\"member %d\"}", key % 3, value);
        break;
    case 5:
        sim_request(ops, keyspace, id, "SetRemove", "{\"key\":\"s%d\",\"value\":\"member %d\"}", key % 3,
                    value);
        break;
    case 6:
        sim_request(ops, keyspace, id, "Pop", "{\"key\":\"l%d\"}", key);
        break;
    case 7:
        sim_request(ops, keyspace, id, "Expire", "{\"key\":\"s%d\",\"expires_ms\":%d}", key % 3,
                    value * 1000);
        break;
    default:
        sim_request(
            ops, keyspace, id, "Batch",
            "{\"atomic\":%s,\"requests\":[{\"set_query\":{\"key\":\"s%d\"}},{\"get\":{\"key\":\"k%d\"}},"
            "{\"set\":{\"key\":\"k%d\",\"value\":\"b\"}},{\"pop\":{\"key\":\"l%d\"}}]}",
            value % 2 == 0 ? "true" : "false", key % 3, key, value, key);
    }
}

static void write_log(struct writing *writing, uint64_t seed)
{
    *writing = (struct writing){.rng = seed, .time_ns = NOW};
    sim_log_begin(&writing->log, seed, NOW);
    writing->join = sim_join(&writing->log, NOW, "writer", 1);
    while (writing->log.count < RECORDS) {
        struct sim_ops ops = {.count = 0};
        uint64_t number = ++writing->number;
        struct wkv_record record = {.writer = wkv_record_writer(writing->join, 0),
                                    .number = number,
                                    .floor = number,
                                    .bindings = UINT64_MAX};
        writing->time_ns += below(writing, 300) * 1000000;
        if (below(writing, 50) == 0)
            sim_bind(&ops, 0, below(writing, 2) == 0 ? "MA" : "MB", below(writing, 2) == 0 ? "a" : "b");
        for (int64_t i = below(writing, 6); i > 0; i--)
            add_request(writing, &ops);
        (void)sim_append_batch(&writing->log, writing->time_ns, &record, &ops);
    }
}

static bool wants(void *context, const struct wkv_replica_batch *batch)
{
    (void)context, (void)batch;
    return true;
}

struct look {
    uint64_t keys, rest;
};

static struct look look_at(struct wkv_replica *replica)
{
    return (struct look){wkv_replica_digest(replica, WKV_STORE_SCAN_BEGIN, WKV_STORE_SCAN_END),
                         wkv_replica_meta_digest(replica)};
}

struct variant {
    const struct wkv_replica_events *events;
    uint32_t shards;
    enum wkv_store_blocks blocks;
    unsigned upkeep;       /* after each record; 0: none */
    uint64_t recover_each; /* so many records; 0: never */
};

static struct wkv_replica *recovered(struct wkv_replica *replica, const struct sim_log *log,
                                     const struct wkv_replica_events *events)
{
    struct sim_snapshot snapshot;
    sim_snapshot_take(replica, &snapshot, 3);
    wkv_replica_destroy(replica);
    replica = sim_recover(log, &snapshot, events, 0);
    ck_assert_ptr_nonnull(replica);
    sim_snapshot_free(&snapshot);
    return replica;
}

static struct look live(const struct sim_log *log, const struct variant *variant)
{
    struct wkv_replica_options options = {
        .events = variant->events, .shards = variant->shards, .blocks = variant->blocks};
    struct wkv_replica *replica = wkv_replica_create(&options);
    ck_assert_ptr_nonnull(replica);
    for (uint64_t position = 1; position <= log->count; position++) {
        ck_assert_int_eq(sim_feed(replica, log, position), WKV_FEED_APPLIED);
        if (variant->upkeep > 0)
            (void)wkv_replica_maintain(replica, variant->upkeep);
        if (variant->recover_each > 0 && position % variant->recover_each == 0)
            replica = recovered(replica, log, variant->events);
    }
    struct look look = look_at(replica);
    wkv_replica_destroy(replica);
    return look;
}

START_TEST(the_same_log_comes_to_the_same)
{
    static const struct wkv_replica_events answered = {.batch = wants};
    static const struct variant variants[] = {{.events = &answered},
                                              {.shards = 1},
                                              {.shards = 512},
                                              {.blocks = WKV_STORE_BLOCKS_POOLED},
                                              {.blocks = WKV_STORE_BLOCKS_MALLOC, .upkeep = 1000},
                                              {.upkeep = 1},
                                              {.recover_each = 97},
                                              {.events = &answered, .upkeep = 7, .recover_each = 401}};
    for (uint64_t seed = 1; seed <= test_scaled_from(1, 3); seed++) {
        struct writing writing;
        write_log(&writing, seed);
        struct look first = live(&writing.log, &(struct variant){.shards = 0});
        for (size_t i = 0; i < TEST_COUNT_OF(variants); i++) {
            struct look other = live(&writing.log, &variants[i]);
            ck_assert_msg(first.keys == other.keys, "variant %zu has other keys, seed %" PRIu64, i, seed);
            ck_assert_msg(first.rest == other.rest, "variant %zu has another META, seed %" PRIu64, i, seed);
        }
        sim_log_end(&writing.log);
    }
}
END_TEST

/* The digest sees what it is there for: any value, kind, order, expiry or key that differs. */
START_TEST(another_log_comes_to_something_else)
{
    static const char *const changes[][3] = {
        {"Set", "{\"key\":\"a\",\"value\":\"1\"}", ""},
        {"Set", "{\"key\":\"a\",\"value\":\"2\"}", ""},
        {"Set", "{\"key\":\"b\",\"value\":\"1\"}", ""},
        {"Set", "{\"key\":\"a\",\"value\":\"1\",\"expires_s\":5}", ""},
        {"Set", "{\"key\":\"a\",\"value\":\"1\",\"expires_s\":6}", ""},
        {"Increment", "{\"key\":\"a\",\"delta\":1}", ""},
        {"SetAdd", "{\"key\":\"a\",\"value\":\"1\"}", ""},
        {"Push", "{\"key\":\"a\",\"value\":\"1\"}", ""},
        {"Push", "{\"key\":\"a\",\"value\":\"1\"}", "{\"key\":\"a\",\"value\":\"2\"}"},
        {"Push", "{\"key\":\"a\",\"value\":\"2\"}", "{\"key\":\"a\",\"value\":\"1\"}"},
        {"Del", "{\"key\":\"a\"}", ""}};
    uint64_t digests[TEST_COUNT_OF(changes) + 1];
    for (size_t i = 0; i <= TEST_COUNT_OF(changes); i++) {
        struct sim_log log;
        struct sim_ops ops = {.count = 0};
        const char *const *change = changes[i % TEST_COUNT_OF(changes)];
        uint32_t keyspace = i == TEST_COUNT_OF(changes); /* the first again, in another keyspace */
        sim_log_begin(&log, 1, NOW);
        uint64_t join = sim_join(&log, NOW, "writer", 1);
        sim_request(&ops, keyspace, NULL, change[0], "%s", change[1]);
        if (change[2][0] != '\0')
            sim_request(&ops, keyspace, NULL, change[0], "%s", change[2]);
        struct wkv_record record = {.writer = wkv_record_writer(join, 0), .number = 1, .floor = 1};
        (void)sim_append_batch(&log, NOW, &record, &ops);
        struct wkv_replica *replica = sim_replica(NULL, 0);
        sim_feed_all(replica, &log);
        digests[i] = look_at(replica).keys;
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(digests[k] != digests[i], "changes %zu and %zu come to the same", k, i);
        wkv_replica_destroy(replica);
        sim_log_end(&log);
    }
}
END_TEST

/* A reply that cannot be written (MessagePack here has no way to tell bytes that are no text) refuses a Pop
 * at every instance, or at none: also at those where nobody waits for it. */
START_TEST(a_reply_that_nobody_waits_for_decides_alike)
{
    static const struct wkv_replica_events answered = {.batch = wants};
    struct sim_log log;
    struct sim_ops ops = {.count = 0};
    sim_log_begin(&log, 1, NOW);
    uint64_t join = sim_join(&log, NOW, "writer", 1);
    sim_request(&ops, 0, NULL, "Push", "{\"key\":\"l\",\"value_base64\":\"/w==\"}");
    sim_op(&ops, &(struct wkv_op){.code = WKV_OP_REQUEST,
                                  .row = 20, /* Pop */
                                  .encoding = WKV_MSGPACK,
                                  .request = test_text("\n\1l")});
    struct wkv_record record = {.writer = wkv_record_writer(join, 0), .number = 1, .floor = 1};
    (void)sim_append_batch(&log, NOW, &record, &ops);
    struct look one = live(&log, &(struct variant){.events = &answered});
    struct look other = live(&log, &(struct variant){.events = NULL});
    ck_assert_uint_eq(one.keys, other.keys);
    sim_log_end(&log);
}
END_TEST

Suite *same_suite(void)
{
    Suite *suite = suite_create("replica/same");
    TCase *tests = tcase_create("same");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, the_same_log_comes_to_the_same);
    tcase_add_test(tests, another_log_comes_to_something_else);
    tcase_add_test(tests, a_reply_that_nobody_waits_for_decides_alike);
    suite_add_tcase(suite, tests);
    return suite;
}
