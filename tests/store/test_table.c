/* The hash table by itself: linear hashing, one bucket at a time. */
#include "store/memory.h"
#include "store/store_test.h"
#include "store/table.h"

struct item {
    struct wkv_table_item item;
    uint32_t id;
    bool in;
};

struct bench {
    struct wkv_budget budget;
    struct wkv_memory memory;
    struct wkv_table table;
    struct item *items;
    size_t count;
};

static void bench_open(struct bench *bench, size_t count)
{
    memset(bench, 0, sizeof *bench);
    bench->memory.budget = &bench->budget;
    wkv_table_init(&bench->table);
    bench->items = calloc(count, sizeof *bench->items);
    ck_assert_ptr_nonnull(bench->items);
    bench->count = count;
    for (size_t i = 0; i < count; i++)
        bench->items[i].id = (uint32_t)i;
}

/* Fewer items where the suite is to be short, but enough for some growth. */
static size_t sized(size_t count)
{
    size_t scaled = test_scaled(count);
    return scaled < 120 ? 120 : scaled;
}

static void forget(struct wkv_memory *memory, struct wkv_table_item *item)
{
    (void)memory;
    ((struct item *)item)->in = false;
}

static void bench_close(struct bench *bench)
{
    unsigned steps = UINT32_MAX;
    ck_assert(wkv_table_drain(&bench->table, &bench->memory, &steps, forget));
    ck_assert_uint_eq(bench->memory.used_bytes, 0);
    free(bench->items);
}

static bool matches(const struct wkv_table_item *item, const void *sought)
{
    return ((const struct item *)item)->id == *(const uint32_t *)sought;
}

static bool found(const struct bench *bench, const struct item *item)
{
    struct wkv_table_item *at = wkv_table_find(&bench->table, item->item.hash, matches, &item->id);
    ck_assert(at == NULL || at == &item->item);
    return at != NULL;
}

static void all_as_they_should_be(const struct bench *bench)
{
    size_t in = 0;
    for (size_t i = 0; i < bench->count; i++) {
        if (found(bench, &bench->items[i]) != bench->items[i].in)
            ck_abort_msg("item %zu of %zu (hash %08x) is %s", i, bench->table.count,
                         (unsigned)bench->items[i].item.hash, bench->items[i].in ? "lost" : "still there");
        in += bench->items[i].in;
    }
    ck_assert_uint_eq(bench->table.count, in);
}

static bool insert(struct bench *bench, struct item *item)
{
    item->in = wkv_table_insert(&bench->table, &bench->memory, &item->item);
    return item->in;
}

static void take_out(struct bench *bench, struct item *item)
{
    wkv_table_remove(&bench->table, &bench->memory, &item->item);
    item->in = false;
}

/* ---- hashes ---- */

static uint32_t any_hash(size_t i)
{
    uint64_t state = i;
    return (uint32_t)test_random(&state);
}

static uint32_t same_hash(size_t i)
{
    (void)i;
    return UINT32_C(0xdeadbeef);
}

static uint32_t same_low_bits(size_t i)
{
    return (uint32_t)i << 20 | 5;
}

static uint32_t same_high_bits(size_t i)
{
    return UINT32_C(0x77000000) | (uint32_t)i;
}

static uint32_t two_hashes(size_t i)
{
    return i % 2 == 0 ? 0 : UINT32_MAX;
}

static const struct {
    const char *name;
    uint32_t (*hash)(size_t i);
} hashes[] = {{"any", any_hash},
              {"all the same", same_hash},
              {"low bits the same", same_low_bits},
              {"high bits the same", same_high_bits},
              {"two", two_hashes}};

static void give_hashes(struct bench *bench, uint32_t (*hash)(size_t i))
{
    for (size_t i = 0; i < bench->count; i++)
        bench->items[i].item.hash = hash(i);
}

START_TEST(every_item_is_found_at_each_step_of_growing_and_shrinking)
{
    struct bench bench;
    bench_open(&bench, sized(_i == 0 ? 700 : 250));
    give_hashes(&bench, hashes[_i].hash);
    for (size_t i = 0; i < bench.count; i++) {
        ck_assert(insert(&bench, &bench.items[i]));
        all_as_they_should_be(&bench);
    }
    for (size_t i = 0; i < bench.count; i++) {
        take_out(&bench, &bench.items[i * 389 % bench.count]);
        all_as_they_should_be(&bench);
    }
    bench_close(&bench);
}
END_TEST

/* The last of a chain's further buckets is emptied by removing just that item, many times over. */
START_TEST(items_at_the_end_of_a_chain_come_and_go)
{
    struct bench bench;
    bench_open(&bench, 40);
    give_hashes(&bench, hashes[_i].hash);
    for (size_t size = 1; size < bench.count; size++) {
        ck_assert(insert(&bench, &bench.items[size - 1]));
        for (int round = 0; round < 3; round++) {
            ck_assert(insert(&bench, &bench.items[size]));
            take_out(&bench, &bench.items[size]);
            all_as_they_should_be(&bench);
        }
    }
    bench_close(&bench);
}
END_TEST

START_TEST(a_table_that_sways_keeps_its_items)
{
    struct bench bench;
    uint64_t random = 11;
    bench_open(&bench, 3000);
    give_hashes(&bench, hashes[_i].hash);
    size_t steps = test_scaled(_i == 0 ? 400000 : 40000);
    for (size_t step = 0; step < steps; step++) {
        /* Favours growth for a while, then shrinking. */
        bool growing = step / 5000 % 2 == 0;
        struct item *item = &bench.items[test_below(&random, _i == 0 ? bench.count : 300)];
        if (!item->in && test_below(&random, 10) < (growing ? 9 : 2))
            ck_assert(insert(&bench, item));
        else if (item->in && test_below(&random, 10) < (growing ? 2 : 9))
            take_out(&bench, item);
        if (step % 1000 == 0)
            all_as_they_should_be(&bench);
    }
    all_as_they_should_be(&bench);
    bench_close(&bench);
}
END_TEST

/* Where the header says that an item is. */
static uint32_t home(const struct wkv_table *table, uint32_t hash)
{
    uint32_t index = hash & (table->mask * 2 + 1);
    return index < table->buckets ? index : hash & table->mask;
}

static void record_homes(const struct bench *bench, uint32_t *homes)
{
    for (size_t i = 0; i < bench->count; i++)
        homes[i] = home(&bench->table, bench->items[i].item.hash);
}

/* No request waits for a rehash of the whole: one call moves items between two buckets at the most. */
static void moved_between_two_buckets_at_most(const struct bench *bench, const uint32_t *before,
                                              uint32_t buckets_before)
{
    uint32_t from = UINT32_MAX, to = UINT32_MAX, buckets = bench->table.buckets;
    uint32_t change = buckets > buckets_before ? buckets - buckets_before : buckets_before - buckets;
    ck_assert_uint_le(change, 1);
    for (size_t i = 0; i < bench->count; i++) {
        uint32_t now = home(&bench->table, bench->items[i].item.hash);
        if (!bench->items[i].in || now == before[i])
            continue;
        ck_assert(from == UINT32_MAX || (from == before[i] && to == now));
        from = before[i];
        to = now;
    }
}

START_TEST(one_call_adds_or_takes_away_one_bucket_at_most)
{
    struct bench bench;
    bench_open(&bench, 2500);
    give_hashes(&bench, any_hash);
    uint32_t *homes = calloc(bench.count, sizeof *homes);
    ck_assert_ptr_nonnull(homes);
    ck_assert(insert(&bench, &bench.items[0]));
    for (size_t i = 1; i < bench.count; i++) {
        uint32_t buckets = bench.table.buckets;
        record_homes(&bench, homes);
        ck_assert(insert(&bench, &bench.items[i]));
        moved_between_two_buckets_at_most(&bench, homes, buckets);
    }
    uint32_t most = bench.table.buckets;
    for (size_t i = 0; i < bench.count; i++) {
        uint32_t buckets = bench.table.buckets;
        record_homes(&bench, homes);
        take_out(&bench, &bench.items[i]);
        moved_between_two_buckets_at_most(&bench, homes, buckets);
    }
    /* It did both, or this test has seen nothing. */
    ck_assert_uint_gt(most, 400);
    ck_assert_uint_lt(bench.table.buckets, 8);
    free(homes);
    bench_close(&bench);
}
END_TEST

START_TEST(buckets_keep_up_with_the_items)
{
    struct bench bench;
    bench_open(&bench, 100000);
    give_hashes(&bench, any_hash);
    for (size_t i = 0; i < bench.count; i++) {
        ck_assert(insert(&bench, &bench.items[i]));
        ck_assert_uint_le(bench.table.count, (size_t)bench.table.buckets * 7 + 28);
    }
    uint64_t full = bench.memory.used_bytes;
    for (size_t i = 0; i < bench.count; i++) {
        take_out(&bench, &bench.items[i]);
        ck_assert_uint_le(bench.table.buckets, bench.table.count + 8);
    }
    ck_assert_uint_lt(bench.memory.used_bytes, full / 100);
    bench_close(&bench);
}
END_TEST

/* Every size of the budget from nothing to enough: whatever allocation it is that fails, nothing is lost. */
START_TEST(a_failed_allocation_loses_nothing)
{
    struct bench bench;
    bool all_fitted = false;
    uint64_t stride = 8 * 100 / test_scaled(100);
    for (uint64_t budget = 1; !all_fitted; budget += stride) {
        size_t count = _i == 0 ? 420 : 90;
        bench_open(&bench, count);
        give_hashes(&bench, hashes[_i].hash);
        bench.budget.max_bytes = budget;
        all_fitted = true;
        for (size_t i = 0; i < count; i++)
            all_fitted &= insert(&bench, &bench.items[i]);
        ck_assert_uint_le(bench.memory.used_bytes, budget);
        ck_assert_uint_eq(bench.memory.used_bytes, bench.budget.used_bytes);
        all_as_they_should_be(&bench);
        for (size_t i = 0; i < count; i++)
            if (bench.items[i * 7 % count].in && i % 3 != 0)
                take_out(&bench, &bench.items[i * 7 % count]);
        all_as_they_should_be(&bench);
        bench_close(&bench);
    }
}
END_TEST

/* A full table whose every removal finds no memory to merge buckets with. */
START_TEST(removing_never_needs_memory)
{
    struct bench bench;
    bench_open(&bench, sized(_i == 0 ? 600 : 150));
    give_hashes(&bench, hashes[_i].hash);
    bench.budget.max_bytes = UINT64_MAX;
    for (size_t i = 0; i < bench.count; i++)
        ck_assert(insert(&bench, &bench.items[i]));
    for (size_t i = 0; i < bench.count; i++) {
        bench.budget.max_bytes = bench.memory.used_bytes;
        take_out(&bench, &bench.items[i * 7 % bench.count]);
        all_as_they_should_be(&bench);
    }
    bench_close(&bench);
}
END_TEST

/* Each allocation fails until the budget has grown byte by byte to what it wants. */
START_TEST(an_insertion_that_failed_succeeds_once_there_is_memory)
{
    struct bench bench;
    size_t failures = 0;
    bench_open(&bench, sized(_i == 0 ? 600 : 150));
    give_hashes(&bench, hashes[_i].hash);
    for (size_t i = 0; i < bench.count; i++) {
        bench.budget.max_bytes = bench.memory.used_bytes + 1;
        for (; !insert(&bench, &bench.items[i]); bench.budget.max_bytes++) {
            failures++;
            ck_assert(!found(&bench, &bench.items[i]));
            ck_assert_uint_eq(bench.table.count, i);
        }
        all_as_they_should_be(&bench);
    }
    ck_assert_uint_gt(failures, 0);
    bench_close(&bench);
}
END_TEST

static unsigned disposed;

static void dispose(struct wkv_memory *memory, struct wkv_table_item *item)
{
    (void)memory;
    struct item *mine = (struct item *)item;
    ck_assert(mine->in);
    mine->in = false;
    disposed++;
}

START_TEST(draining_takes_small_steps_and_ends_with_nothing)
{
    static const unsigned step_counts[] = {1, 2, 3, 7, 64};
    struct bench bench;
    for (size_t s = 0; s < TEST_COUNT_OF(step_counts); s++) {
        bench_open(&bench, sized(_i == 0 ? 1000 : 300));
        give_hashes(&bench, hashes[_i].hash);
        for (size_t i = 0; i < bench.count; i++)
            ck_assert(insert(&bench, &bench.items[i]));
        size_t calls = 0, total = 0;
        bool empty = false;
        while (!empty) {
            unsigned steps = step_counts[s];
            disposed = 0;
            empty = wkv_table_drain(&bench.table, &bench.memory, &steps, dispose);
            ck_assert_uint_le(disposed, step_counts[s]);
            ck_assert_uint_lt(calls++, 4000);
            total += disposed;
        }
        ck_assert_uint_eq(total, bench.count);
        ck_assert_uint_eq(bench.memory.used_bytes, 0);
        ck_assert(insert(&bench, &bench.items[0]));
        bench_close(&bench);
    }
}
END_TEST

START_TEST(a_replaced_item_is_gone_and_the_other_in_its_place)
{
    struct bench bench;
    struct item fresh;
    bench_open(&bench, 200);
    give_hashes(&bench, hashes[_i].hash);
    for (size_t i = 0; i < bench.count; i++)
        ck_assert(insert(&bench, &bench.items[i]));
    for (size_t i = 0; i < bench.count; i++) {
        fresh = bench.items[i];
        wkv_table_replace(&bench.table, &bench.items[i].item, &fresh.item);
        ck_assert_ptr_eq(wkv_table_find(&bench.table, fresh.item.hash, matches, &fresh.id), &fresh.item);
        wkv_table_replace(&bench.table, &fresh.item, &bench.items[i].item);
        all_as_they_should_be(&bench);
    }
    bench_close(&bench);
}
END_TEST

static bool see_once(void *context, struct wkv_table_item *item)
{
    bool *seen = context;
    uint32_t id = ((struct item *)item)->id;
    ck_assert(!seen[id]);
    seen[id] = true;
    return true;
}

START_TEST(a_walk_shows_every_item_once)
{
    struct bench bench;
    bool seen[500];
    bench_open(&bench, TEST_COUNT_OF(seen));
    give_hashes(&bench, hashes[_i].hash);
    wkv_table_each(&bench.table, see_once, seen);
    for (size_t i = 0; i < bench.count; i++) {
        ck_assert(insert(&bench, &bench.items[i]));
        if (i % 3 == 1)
            take_out(&bench, &bench.items[i / 2]);
        memset(seen, 0, sizeof seen);
        wkv_table_each(&bench.table, see_once, seen);
        for (size_t j = 0; j < bench.count; j++)
            ck_assert_int_eq(seen[j], bench.items[j].in);
        if (i % 3 == 1)
            ck_assert(insert(&bench, &bench.items[i / 2]));
    }
    bench_close(&bench);
}
END_TEST

/* One bucket after the other, by places: the ranges follow each other without a gap, and each item is in the
 * one that its place lies in. */
struct walk {
    bool *seen;
    uint32_t first;
    uint32_t most;
};

static void see_in_range(void *context, struct wkv_table_item *item)
{
    struct walk *walk = context;
    uint32_t place = wkv_table_place(item->hash);
    (void)see_once(walk->seen, item);
    ck_assert_uint_ge(place, walk->first);
    walk->most = place > walk->most ? place : walk->most;
}

static void walk_shows_what_is_in(const struct bench *bench, bool *seen)
{
    size_t ranges = 0;
    uint32_t last = UINT32_MAX;
    memset(seen, 0, bench->count * sizeof *seen);
    do {
        struct walk walk = {.seen = seen, .first = last + 1};
        last = wkv_table_walk(&bench->table, walk.first, see_in_range, &walk);
        ck_assert_uint_le(walk.most, last);
        ranges++;
    } while (last != UINT32_MAX);
    ck_assert_uint_eq(ranges, bench->table.buckets == 0 ? 1 : bench->table.buckets);
    for (size_t i = 0; i < bench->count; i++)
        ck_assert_int_eq(seen[i], bench->items[i].in);
}

START_TEST(a_walk_by_places_shows_every_item_once_at_each_size)
{
    struct bench bench;
    bool seen[300];
    bench_open(&bench, TEST_COUNT_OF(seen));
    give_hashes(&bench, hashes[_i].hash);
    walk_shows_what_is_in(&bench, seen);
    for (size_t i = 0; i < bench.count; i++) {
        ck_assert(insert(&bench, &bench.items[i]));
        walk_shows_what_is_in(&bench, seen);
    }
    for (size_t i = 0; i < bench.count; i++) {
        take_out(&bench, &bench.items[i * 7 % bench.count]);
        walk_shows_what_is_in(&bench, seen);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(a_place_is_the_hash_in_reverse)
{
    for (unsigned bit = 0; bit < 32; bit++)
        ck_assert_uint_eq(wkv_table_place(UINT32_C(1) << bit), UINT32_C(1) << (31 - bit));
    ck_assert_uint_eq(wkv_table_place(UINT32_C(0x12345678)), UINT32_C(0x1e6a2c48));
}
END_TEST

Suite *table_suite(void)
{
    int kinds = (int)TEST_COUNT_OF(hashes);
    Suite *suite = suite_create("store/table");
    TCase *tests = tcase_create("table");
    tcase_add_loop_test(tests, every_item_is_found_at_each_step_of_growing_and_shrinking, 0, kinds);
    tcase_add_loop_test(tests, items_at_the_end_of_a_chain_come_and_go, 0, kinds);
    tcase_add_loop_test(tests, a_table_that_sways_keeps_its_items, 0, kinds);
    tcase_add_test(tests, one_call_adds_or_takes_away_one_bucket_at_most);
    tcase_add_test(tests, buckets_keep_up_with_the_items);
    tcase_add_loop_test(tests, a_failed_allocation_loses_nothing, 0, kinds);
    tcase_add_loop_test(tests, removing_never_needs_memory, 0, kinds);
    tcase_add_loop_test(tests, an_insertion_that_failed_succeeds_once_there_is_memory, 0, kinds);
    tcase_add_loop_test(tests, draining_takes_small_steps_and_ends_with_nothing, 0, kinds);
    tcase_add_loop_test(tests, a_replaced_item_is_gone_and_the_other_in_its_place, 0, kinds);
    tcase_add_loop_test(tests, a_walk_shows_every_item_once, 0, kinds);
    tcase_add_loop_test(tests, a_walk_by_places_shows_every_item_once_at_each_size, 0, kinds);
    tcase_add_test(tests, a_place_is_the_hash_in_reverse);
    suite_add_tcase(suite, tests);
    return suite;
}
