/* Keyspaces, shards, hashing, and that the hot path allocates nothing. */
#include "store/allocator.h"
#include "store/store.h"
#include "store/store_test.h"

/* ---- keyspaces ---- */

static const uint32_t keyspaces[] = {0, 1, 2, 65536, UINT32_MAX - 1};

START_TEST(the_same_name_in_two_keyspaces_is_two_keys)
{
    struct wkv_store *store = test_store(4, 0);
    int32_t sum;
    for (size_t i = 0; i < TEST_COUNT_OF(keyspaces); i++) {
        struct wkv_key key = {keyspaces[i], test_text("name")};
        ck_assert_int_eq(wkv_store_exists(store, key, TEST_NOW, NULL), WKV_STORE_MISSING);
        ck_assert_int_eq(wkv_store_add(store, key, (int32_t)i + 1, TEST_NOW, &sum), WKV_STORE_OK);
        ck_assert_int_eq(sum, (int32_t)i + 1);
    }
    for (size_t i = 0; i < TEST_COUNT_OF(keyspaces); i++) {
        struct wkv_key key = {keyspaces[i], test_text("name")};
        ck_assert_int_eq(wkv_store_add(store, key, 0, TEST_NOW, &sum), WKV_STORE_OK);
        ck_assert_int_eq(sum, (int32_t)i + 1);
        ck_assert_int_eq(wkv_store_delete(store, key, TEST_NOW), WKV_STORE_OK);
        ck_assert_uint_eq(test_stats(store).keys, TEST_COUNT_OF(keyspaces) - i - 1);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_union_sees_the_sets_of_the_keyspaces_that_it_names_and_no_others)
{
    struct wkv_store *store = test_store(4, 0);
    struct test_texts seen = {0};
    int32_t size;
    for (uint32_t keyspace = 0; keyspace < 3; keyspace++) {
        struct wkv_key key = {keyspace, test_text("set")};
        char member[2] = {(char)('a' + keyspace), '\0'};
        ck_assert_int_eq(wkv_store_set_add(store, key, test_text(member), TEST_NOW, &size), WKV_STORE_OK);
        ck_assert_int_eq(size, 1);
    }
    struct wkv_key asked[] = {{1, test_text("set")}, {1, test_text("other")}};
    ck_assert_int_eq(wkv_store_set_union(store, asked, 2, TEST_NOW, test_texts_see, &seen), WKV_STORE_OK);
    ck_assert_str_eq(test_joined(&seen), "b");
    test_texts_free(&seen);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(the_same_name_hashes_apart_in_two_keyspaces)
{
    struct wkv_store *store = test_store(4096, 0);
    struct test_name name;
    size_t same = 0;
    for (size_t i = 0; i < 1000; i++) {
        struct wkv_key key = test_numbered_key(&name, "k", i);
        struct wkv_place here = wkv_store_place(store, key);
        key.keyspace = 2;
        struct wkv_place there = wkv_store_place(store, key);
        same += here.hash == there.hash || here.shard == there.shard;
    }
    ck_assert_uint_lt(same, 20);
    wkv_store_destroy(store);
}
END_TEST

/* ---- hashing ---- */

static struct wkv_store *seeded_store(const unsigned char *seed)
{
    struct wkv_store_options options = {.shards = 64, .hash_seed = seed};
    struct wkv_store *store = wkv_store_create(&options, TEST_NOW);
    ck_assert_ptr_nonnull(store);
    return store;
}

static size_t placed_alike(const struct wkv_store *one, const struct wkv_store *other)
{
    struct test_name name;
    size_t alike = 0;
    for (size_t i = 0; i < 1000; i++) {
        struct wkv_key key = test_numbered_key(&name, "k", i);
        struct wkv_place here = wkv_store_place(one, key), there = wkv_store_place(other, key);
        alike += here.shard - one->shards == there.shard - other->shards && here.hash == there.hash;
    }
    return alike;
}

START_TEST(two_stores_without_a_seed_place_keys_differently)
{
    struct wkv_store *one = seeded_store(NULL), *other = seeded_store(NULL);
    ck_assert_uint_eq(placed_alike(one, other), 0);
    wkv_store_destroy(one);
    wkv_store_destroy(other);
}
END_TEST

START_TEST(two_stores_with_one_seed_place_keys_alike)
{
    static const unsigned char seed[WKV_STORE_HASH_SEED_BYTES] = "sixteen bytes...";
    struct wkv_store *one = seeded_store(seed), *other = seeded_store(seed);
    ck_assert_uint_eq(placed_alike(one, other), 1000);
    wkv_store_destroy(one);
    wkv_store_destroy(other);
}
END_TEST

START_TEST(keys_spread_evenly_over_the_shards)
{
    static const unsigned char seed[WKV_STORE_HASH_SEED_BYTES] = "sixteen bytes...";
    struct wkv_store *store = seeded_store(seed);
    struct test_name name;
    size_t counts[64] = {0};
    for (size_t i = 0; i < 64000; i++)
        counts[wkv_store_place(store, test_numbered_key(&name, "user:", i)).shard - store->shards]++;
    for (size_t i = 0; i < TEST_COUNT_OF(counts); i++) {
        ck_assert_uint_gt(counts[i], 850);
        ck_assert_uint_lt(counts[i], 1150);
    }
    wkv_store_destroy(store);
}
END_TEST

/* ---- how many shards ---- */

static const struct {
    uint32_t asked;
    uint32_t given;
} shard_counts[] = {
    {0, WKV_STORE_DEFAULT_SHARDS},
    {1, 1},
    {2, 2},
    {3, 4},
    {5, 8},
    {64, 64},
    {65, 128},
    {1000, 1024},
    {4095, 4096},
    {4096, 4096},
    {4097, 4096},
    {UINT32_MAX, WKV_STORE_MAX_SHARDS},
    {UINT32_C(1) << 31, WKV_STORE_MAX_SHARDS},
};

START_TEST(the_number_of_shards_is_rounded_up_to_a_power_of_two)
{
    struct wkv_store *store = test_store(shard_counts[_i].asked, 0);
    struct test_name name;
    ck_assert_uint_eq(test_stats(store).shards, shard_counts[_i].given);
    for (size_t i = 0; i < 100; i++) {
        (void)test_numbered_key(&name, "k", i);
        test_set(store, name.text, name.text);
    }
    for (size_t i = 0; i < 100; i++) {
        (void)test_numbered_key(&name, "k", i);
        ck_assert_str_eq(test_got(store, name.text, TEST_NOW), name.text);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(destroying_nothing_is_allowed)
{
    wkv_store_destroy(NULL);
}
END_TEST

/* ---- the hot path ---- */

START_TEST(get_add_and_set_of_the_same_size_allocate_nothing)
{
    struct test_name name;
    int32_t sum;
    size_t shown = 0;
    const size_t keys = 10000;
    if (!test_counts_allocations("the hot path allocates nothing"))
        return;
    struct wkv_store *store = test_store(64, _i == 0 ? 0 : 64 << 20);
    for (size_t i = 0; i < keys; i++) {
        struct wkv_key key = test_numbered_key(&name, "s", i);
        int64_t expires_at_ns = i % 2 == 0 ? 0 : TEST_NOW + WKV_NS_PER_S;
        ck_assert_int_eq(wkv_store_set(store, key, test_text("a value"), expires_at_ns, TEST_NOW),
                         WKV_STORE_OK);
        ck_assert_int_eq(wkv_store_add(store, test_numbered_key(&name, "c", i), 1, TEST_NOW, &sum),
                         WKV_STORE_OK);
    }
    /* An assertion of Check's allocates: what fails is noted and looked at when the counting is over. */
    size_t failures = 0;
    size_t before = atomic_load(&test_allocations);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < keys; i++) {
            struct wkv_key key = test_numbered_key(&name, "s", i);
            int64_t expires_at_ns = i % 2 == 0 ? 0 : TEST_NOW + (int64_t)round * WKV_NS_PER_S + 9;
            failures += wkv_store_get(store, key, TEST_NOW, test_count_visit, &shown) != WKV_STORE_OK;
            failures +=
                wkv_store_set(store, key, test_text("another"), expires_at_ns, TEST_NOW) != WKV_STORE_OK;
            key = test_numbered_key(&name, "c", i);
            failures += wkv_store_add(store, key, 1, TEST_NOW, &sum) != WKV_STORE_OK;
            failures += wkv_store_get(store, key, TEST_NOW, test_count_visit, &shown) != WKV_STORE_OK;
            failures += wkv_store_exists(store, key, TEST_NOW, NULL) != WKV_STORE_OK;
        }
    }
    size_t allocations = atomic_load(&test_allocations) - before;
    ck_assert_uint_eq(allocations, 0);
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_eq(shown, keys * 6);
    wkv_store_destroy(store);
}
END_TEST

Suite *shards_suite(void)
{
    Suite *suite = suite_create("store/shards");
    TCase *tests = tcase_create("shards");
    tcase_add_test(tests, the_same_name_in_two_keyspaces_is_two_keys);
    tcase_add_test(tests, a_union_sees_the_sets_of_the_keyspaces_that_it_names_and_no_others);
    tcase_add_test(tests, the_same_name_hashes_apart_in_two_keyspaces);
    tcase_add_test(tests, two_stores_without_a_seed_place_keys_differently);
    tcase_add_test(tests, two_stores_with_one_seed_place_keys_alike);
    tcase_add_test(tests, keys_spread_evenly_over_the_shards);
    tcase_add_loop_test(tests, the_number_of_shards_is_rounded_up_to_a_power_of_two, 0,
                        (int)TEST_COUNT_OF(shard_counts));
    tcase_add_test(tests, destroying_nothing_is_allowed);
    tcase_add_loop_test(tests, get_add_and_set_of_the_same_size_allocate_nothing, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
