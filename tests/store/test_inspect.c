/* What the store tells of one key, of each keyspace and of its shards. */
#include "store/store.h"
#include "store/store_test.h"

static struct wkv_store_info inspect(struct wkv_store *store, const char *name)
{
    struct wkv_store_info info = {0};
    ck_assert_int_eq(wkv_store_inspect(store, test_key(name), TEST_NOW, &info), WKV_STORE_OK);
    return info;
}

/* ---- kind, length, expiry ---- */

START_TEST(each_kind_is_told_with_its_length)
{
    struct wkv_store *store = test_store(4, 0);
    test_one_of_each(store);
    (void)test_push(store, "list", "item");
    (void)test_push(store, "list", "");
    (void)test_set_add(store, "set", "another");
    (void)test_set_add(store, "set", "another");
    test_set(store, "empty", "");
    ck_assert_int_eq(inspect(store, "scalar").kind, WKV_SCALAR);
    ck_assert_uint_eq(inspect(store, "scalar").length, 4);
    ck_assert_int_eq(inspect(store, "empty").kind, WKV_SCALAR);
    ck_assert_uint_eq(inspect(store, "empty").length, 0);
    ck_assert_int_eq(inspect(store, "counter").kind, WKV_COUNTER);
    ck_assert_uint_eq(inspect(store, "counter").length, 1);
    ck_assert_int_eq(inspect(store, "list").kind, WKV_LIST);
    ck_assert_uint_eq(inspect(store, "list").length, 3);
    ck_assert_int_eq(inspect(store, "set").kind, WKV_SET);
    ck_assert_uint_eq(inspect(store, "set").length, 2);
    wkv_store_destroy(store);
}
END_TEST

static const int32_t numbers[] = {0,   1,    9,     10,        99,         100,       -1,        -9,   -10,
                                  -99, -100, 12345, 999999999, 1000000000, INT32_MAX, INT32_MIN, -2345};

START_TEST(the_length_of_a_counter_is_that_of_its_text)
{
    struct wkv_store *store = test_store(1, 0);
    for (size_t i = 0; i < TEST_COUNT_OF(numbers); i++) {
        int32_t sum;
        (void)wkv_store_delete(store, test_key("c"), TEST_NOW);
        ck_assert_int_eq(wkv_store_add(store, test_key("c"), numbers[i], TEST_NOW, &sum), WKV_STORE_OK);
        ck_assert_uint_eq(inspect(store, "c").length, strlen(test_got(store, "c", TEST_NOW)));
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(missing_and_expired_keys_are_missing)
{
    struct wkv_store *store = test_store(4, 0);
    struct wkv_store_info info;
    ck_assert_int_eq(wkv_store_inspect(store, test_key("k"), TEST_NOW, &info), WKV_STORE_MISSING);
    ck_assert_int_eq(wkv_store_set(store, test_key("k"), test_text("v"), TEST_NOW + 5, TEST_NOW),
                     WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_inspect(store, test_key("k"), TEST_NOW + 4, &info), WKV_STORE_OK);
    ck_assert_int_eq(info.expires_at_ns, TEST_NOW + 5);
    struct wkv_key elsewhere = {2, test_text("k")};
    ck_assert_int_eq(wkv_store_inspect(store, elsewhere, TEST_NOW, &info), WKV_STORE_MISSING);
    ck_assert_int_eq(wkv_store_inspect(store, test_key("k"), TEST_NOW + 5, &info), WKV_STORE_MISSING);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(the_expiry_is_told_until_it_is_gone)
{
    struct wkv_store *store = test_store(4, 0);
    int32_t sum;
    test_one_of_each(store);
    ck_assert_int_eq(inspect(store, "scalar").expires_at_ns, 0);
    ck_assert_int_eq(inspect(store, "counter").expires_at_ns, 0);
    ck_assert_int_eq(inspect(store, "list").expires_at_ns, 0);
    ck_assert_int_eq(inspect(store, "set").expires_at_ns, 0);
    ck_assert_int_eq(wkv_store_set(store, test_key("k"), test_text("5"), TEST_NOW + 7, TEST_NOW),
                     WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_add(store, test_key("k"), 1, TEST_NOW, &sum), WKV_STORE_OK);
    ck_assert_int_eq(inspect(store, "k").kind, WKV_COUNTER);
    ck_assert_int_eq(inspect(store, "k").expires_at_ns, TEST_NOW + 7);
    ck_assert_int_eq(wkv_store_set(store, test_key("k"), test_text("5"), 0, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(inspect(store, "k").expires_at_ns, 0);
    wkv_store_destroy(store);
}
END_TEST

/* ---- bytes ---- */

/* A store with a key in it already, so that its shard has what a shard allocates with its first key. */
struct scales {
    struct wkv_store *store;
    uint64_t empty_bytes;
    uint64_t random;
};

static char filler[20000];

static void scales_set(struct scales *scales, uint64_t budget_bytes)
{
    scales->store = test_store(1, budget_bytes);
    ck_assert_int_eq(
        wkv_store_set(scales->store, test_key("first"), test_text("v"), TEST_NOW + WKV_NS_PER_S, TEST_NOW),
        WKV_STORE_OK);
    scales->empty_bytes = test_stats(scales->store).bytes;
}

/* With about so much room for more, or (0) without a budget. */
static struct scales scales_open(uint64_t room_bytes)
{
    struct scales scales = {.random = 12};
    memset(filler, 'x', sizeof filler);
    scales_set(&scales, 0);
    if (room_bytes != 0) {
        /* malloc may give a little more than the last time. */
        uint64_t budget_bytes = scales.empty_bytes + room_bytes + 128;
        wkv_store_destroy(scales.store);
        scales_set(&scales, budget_bytes);
    }
    return scales;
}

static void bytes_are_what_the_store_grew_by(const struct scales *scales, const char *name)
{
    ck_assert_uint_eq(inspect(scales->store, name).bytes,
                      test_stats(scales->store).bytes - scales->empty_bytes);
}

static void scales_close(struct scales *scales, const char *name)
{
    ck_assert_int_eq(wkv_store_delete(scales->store, test_key(name), TEST_NOW), WKV_STORE_OK);
    test_maintain_all(scales->store, TEST_NOW);
    ck_assert_uint_eq(test_stats(scales->store).bytes, scales->empty_bytes);
    wkv_store_destroy(scales->store);
}

START_TEST(a_scalars_bytes_are_what_it_takes)
{
    struct scales scales = scales_open(0);
    for (size_t i = 0; i < 500; i++) {
        struct wkv_text value = {filler, test_below(&scales.random, sizeof filler >> i % 14)};
        ck_assert_int_eq(wkv_store_set(scales.store, test_key("k"), value,
                                       i % 3 == 0 ? TEST_NOW + WKV_NS_PER_S : 0, TEST_NOW),
                         WKV_STORE_OK);
        bytes_are_what_the_store_grew_by(&scales, "k");
        ck_assert_uint_ge(inspect(scales.store, "k").bytes, value.len + 1);
    }
    scales_close(&scales, "k");
}
END_TEST

START_TEST(a_counters_bytes_are_what_it_takes)
{
    struct scales scales = scales_open(0);
    int32_t sum;
    ck_assert_int_eq(wkv_store_add(scales.store, test_key("c"), 5, TEST_NOW, &sum), WKV_STORE_OK);
    bytes_are_what_the_store_grew_by(&scales, "c");
    ck_assert_uint_gt(inspect(scales.store, "c").bytes, 16);
    scales_close(&scales, "c");
}
END_TEST

/* One of some texts of lengths that grow with its number: with most, a list or set has small ones only. */
static struct wkv_text numbered_text(size_t number, size_t most)
{
    static char text[4000];
    uint32_t head = (uint32_t)number;
    size_t len = sizeof head + number * number % (most - sizeof head);
    memset(text, 'y', sizeof text);
    memcpy(text, &head, sizeof head);
    return (struct wkv_text){text, len};
}

static const size_t item_bytes[] = {5, 40, 400, 4000};

START_TEST(a_lists_bytes_are_what_it_takes_whatever_is_pushed_and_removed)
{
    struct scales scales = scales_open(0);
    int32_t length = 0, most = 0;
    size_t steps = test_scaled_from(200, 6000);
    for (size_t i = 0; i < steps; i++) {
        /* Favours growth for a while, then shrinking. */
        size_t number = test_below(&scales.random, 200);
        if (length < 2 || test_below(&scales.random, 200) < (i / 500 % 2 == 0 ? 198 : 190))
            ck_assert_int_eq(wkv_store_list_push(scales.store, test_key("l"),
                                                 numbered_text(number, item_bytes[_i]), TEST_NOW, &length),
                             WKV_STORE_OK);
        else
            ck_assert_int_eq(wkv_store_list_remove(scales.store, test_key("l"),
                                                   numbered_text(number, item_bytes[_i]), TEST_NOW, &length),
                             WKV_STORE_OK);
        if (length == 0)
            ck_assert_uint_eq(test_stats(scales.store).bytes, scales.empty_bytes);
        else
            bytes_are_what_the_store_grew_by(&scales, "l");
        most = length > most ? length : most;
    }
    ck_assert_int_gt(most, 50);
    for (size_t number = 1; number < 200; number++) {
        (void)wkv_store_list_remove(scales.store, test_key("l"), numbered_text(number, item_bytes[_i]),
                                    TEST_NOW, &length);
        if (length > 0)
            bytes_are_what_the_store_grew_by(&scales, "l");
    }
    (void)test_push(scales.store, "l", "last");
    scales_close(&scales, "l");
}
END_TEST

START_TEST(a_sets_bytes_are_what_it_takes_packed_and_hashed)
{
    struct scales scales = scales_open(0);
    int32_t size = 0, most = 0;
    size_t steps = test_scaled_from(400, 8000);
    for (size_t i = 0; i < steps; i++) {
        size_t number = test_below(&scales.random, i < steps / 8 ? 20 : 600);
        bool growing = i / 1000 % 2 == 0;
        if (test_below(&scales.random, 10) < (growing ? 8 : 3))
            ck_assert_int_eq(wkv_store_set_add(scales.store, test_key("s"),
                                               numbered_text(number, item_bytes[_i]), TEST_NOW, &size),
                             WKV_STORE_OK);
        else
            ck_assert_int_eq(wkv_store_set_remove(scales.store, test_key("s"),
                                                  numbered_text(number, item_bytes[_i]), TEST_NOW, &size),
                             WKV_STORE_OK);
        if (size == 0)
            ck_assert_uint_eq(test_stats(scales.store).bytes, scales.empty_bytes);
        else
            bytes_are_what_the_store_grew_by(&scales, "s");
        most = size > most ? size : most;
    }
    ck_assert_int_gt(most, 40);
    for (size_t number = 1; number < 600; number++) {
        (void)wkv_store_set_remove(scales.store, test_key("s"), numbered_text(number, item_bytes[_i]),
                                   TEST_NOW, &size);
        if (size > 0)
            bytes_are_what_the_store_grew_by(&scales, "s");
    }
    (void)test_set_add(scales.store, "s", "last");
    scales_close(&scales, "s");
}
END_TEST

/* Where an addition finds no memory, part of what it would take may stay (a set has become a table): it is
 * counted. */
START_TEST(bytes_are_right_where_memory_runs_out)
{
    size_t refused = 0;
    for (uint64_t room = 0; room < 8000; room += 48 * 100 / test_scaled(100)) {
        struct scales scales = scales_open(room + 1);
        const char *name = _i == 0 ? "l" : "s";
        bool there = false;
        for (size_t i = 0; i < 120; i++) {
            int32_t n;
            enum wkv_store_status status = (_i == 0 ? wkv_store_list_push : wkv_store_set_add)(
                scales.store, test_key(name), numbered_text(i, i % 40 == 39 ? 900 : 30), TEST_NOW, &n);
            refused += status == WKV_STORE_NO_MEMORY;
            there |= status == WKV_STORE_OK;
            if (there)
                bytes_are_what_the_store_grew_by(&scales, name);
            else
                ck_assert_uint_eq(test_stats(scales.store).bytes, scales.empty_bytes);
        }
        if (there)
            scales_close(&scales, name);
        else
            wkv_store_destroy(scales.store);
    }
    ck_assert_uint_gt(refused, 50);
}
END_TEST

/* ---- keys of each keyspace ---- */

#define MODEL_KEYS 400

static const uint32_t model_keyspaces[] = {0,  1,   2,    6,     7,     8,     14,     15,
                                           30, 100, 1000, 65534, 65535, 65536, 131070, UINT32_MAX - 1};

struct model_key {
    bool present;
    enum wkv_kind kind;
    int64_t expires_at_ns;
};

struct model {
    struct wkv_store *store;
    uint64_t random;
    int64_t now_ns;
    size_t refused;
    struct model_key keys[MODEL_KEYS];
};

static struct wkv_key model_name(struct test_name *name, size_t i)
{
    struct wkv_key key = test_numbered_key(name, "k", i / TEST_COUNT_OF(model_keyspaces));
    key.keyspace = model_keyspaces[i % TEST_COUNT_OF(model_keyspaces)];
    return key;
}

static void model_step(struct model *model)
{
    struct test_name name;
    size_t i = test_below(&model->random, MODEL_KEYS);
    struct wkv_key key = model_name(&name, i);
    struct model_key *mine = &model->keys[i];
    enum wkv_store_status status = WKV_STORE_WRONG_KIND;
    enum wkv_kind kind = WKV_SCALAR;
    int64_t expires_at_ns = mine->present ? mine->expires_at_ns : 0;
    int32_t n = 0;
    bool gone = false;
    switch (test_below(&model->random, 9)) {
    case 0:
        expires_at_ns = 0;
        status = wkv_store_set(model->store, key, test_text("7"), 0, model->now_ns);
        break;
    case 1:
        expires_at_ns = model->now_ns + 1 + (int64_t)test_below(&model->random, WKV_NS_PER_S);
        status = wkv_store_set(model->store, key, test_text("77"), expires_at_ns, model->now_ns);
        break;
    case 2:
        kind = WKV_COUNTER;
        status = wkv_store_add(model->store, key, 1, model->now_ns, &n);
        break;
    case 3:
        kind = WKV_LIST;
        status = wkv_store_list_push(model->store, key, test_text("item"), model->now_ns, &n);
        break;
    case 4:
        kind = WKV_SET;
        status = wkv_store_set_add(model->store, key, test_text("member"), model->now_ns, &n);
        break;
    case 5:
        gone = wkv_store_list_remove(model->store, key, test_text("item"), model->now_ns, &n) == WKV_STORE_OK;
        break;
    case 6:
        gone =
            wkv_store_set_remove(model->store, key, test_text("member"), model->now_ns, &n) == WKV_STORE_OK;
        break;
    case 7:
        gone = wkv_store_list_clear(model->store, key, model->now_ns) == WKV_STORE_OK;
        break;
    default:
        gone = wkv_store_delete(model->store, key, model->now_ns) == WKV_STORE_OK;
        break;
    }
    if (gone)
        mine->present = false;
    if (status == WKV_STORE_OK)
        *mine = (struct model_key){true, kind, expires_at_ns};
    model->refused += status == WKV_STORE_NO_MEMORY;
}

/* What time has taken goes, from the counts too: a delete takes it out, and finds nothing. */
static void model_advance(struct model *model, int64_t by_ns)
{
    struct test_name name;
    model->now_ns += by_ns;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct model_key *mine = &model->keys[i];
        if (mine->expires_at_ns != 0 && mine->expires_at_ns <= model->now_ns)
            *mine = (struct model_key){0};
        struct wkv_key key = model_name(&name, i);
        ck_assert_int_eq(wkv_store_exists(model->store, key, model->now_ns, NULL),
                         mine->present ? WKV_STORE_OK : WKV_STORE_MISSING);
        if (!mine->present)
            ck_assert_int_eq(wkv_store_delete(model->store, key, model->now_ns), WKV_STORE_MISSING);
    }
}

static void model_compare(const struct model *model, uint64_t *keys)
{
    uint64_t counted = 0, uncounted = 0;
    memset(keys, 0, (WKV_STORE_COUNTED_KEYSPACES + 2) * sizeof *keys);
    keys[5] = 40; /* it is added to */
    keys[WKV_STORE_COUNTED_KEYSPACES] = 41;
    wkv_store_keyspaces(model->store, keys, WKV_STORE_COUNTED_KEYSPACES + 1);
    ck_assert_uint_eq(keys[5], 40);
    ck_assert_uint_eq(keys[WKV_STORE_COUNTED_KEYSPACES], 41);
    for (size_t k = 0; k < TEST_COUNT_OF(model_keyspaces); k++) {
        uint64_t wanted = 0;
        for (size_t i = k; i < MODEL_KEYS; i += TEST_COUNT_OF(model_keyspaces))
            wanted += model->keys[i].present;
        if (model_keyspaces[k] < WKV_STORE_COUNTED_KEYSPACES)
            ck_assert_uint_eq(keys[model_keyspaces[k]], wanted);
        else
            uncounted += wanted;
    }
    for (size_t i = 0; i < WKV_STORE_COUNTED_KEYSPACES; i++)
        counted += keys[i];
    ck_assert_uint_eq(counted - 40 + uncounted, test_stats(model->store).keys);
}

static const struct {
    uint32_t shards;
    uint64_t room_bytes; /* beside the empty shards; 0: no budget */
} models[] = {{1, 0}, {4, 0}, {64, 0}, {1, 20000}, {4, 1200000}};

START_TEST(the_keys_of_each_keyspace_are_counted_as_they_come_and_go)
{
    struct wkv_store *empty = test_store(models[_i].shards, 0);
    uint64_t budget = models[_i].room_bytes == 0 ? 0 : test_stats(empty).bytes + models[_i].room_bytes;
    struct model model = {.store = test_store(models[_i].shards, budget), .random = 4, .now_ns = TEST_NOW};
    uint64_t *keys = malloc((WKV_STORE_COUNTED_KEYSPACES + 2) * sizeof *keys);
    ck_assert_ptr_nonnull(keys);
    size_t steps = test_scaled_from(2000, 60000);
    for (size_t step = 0; step < steps; step++) {
        model_step(&model);
        if (step % 100 != 0)
            continue;
        model_advance(&model, (int64_t)test_below(&model.random, WKV_NS_PER_S / 2));
        if (step % 300 == 0) {
            test_maintain_all(model.store, model.now_ns);
            model_compare(&model, keys);
        }
    }
    ck_assert_uint_gt(test_stats(model.store).expired, steps / 2000);
    ck_assert((model.refused > 0) == (models[_i].room_bytes != 0));
    free(keys);
    wkv_store_destroy(empty);
    wkv_store_destroy(model.store);
}
END_TEST

/* Taken out by upkeep alone, without a call for the key. */
START_TEST(keys_that_upkeep_takes_out_are_counted_no_more)
{
    struct wkv_store *store = test_store(4, 0);
    struct test_name name;
    uint64_t keys[3] = {0};
    for (size_t i = 0; i < 300; i++) {
        struct wkv_key key = test_numbered_key(&name, "k", i);
        key.keyspace = (uint32_t)(i % 3);
        ck_assert_int_eq(wkv_store_set(store, key, test_text("v"), i % 2 == 0 ? TEST_NOW + 1 : 0, TEST_NOW),
                         WKV_STORE_OK);
    }
    test_maintain_all(store, TEST_NOW + WKV_NS_PER_S);
    wkv_store_keyspaces(store, keys, TEST_COUNT_OF(keys));
    for (size_t i = 0; i < TEST_COUNT_OF(keys); i++)
        ck_assert_uint_eq(keys[i], 50);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(only_the_keyspaces_that_are_asked_for_are_told)
{
    struct wkv_store *store = test_store(4, 0);
    uint64_t keys[] = {0, 0, 77};
    for (uint32_t keyspace = 0; keyspace < 5; keyspace++) {
        struct wkv_key key = {keyspace, test_text("k")};
        ck_assert_int_eq(wkv_store_set(store, key, test_text("v"), 0, TEST_NOW), WKV_STORE_OK);
    }
    wkv_store_keyspaces(store, NULL, 0);
    wkv_store_keyspaces(store, keys, 2);
    ck_assert_uint_eq(keys[0], 1);
    ck_assert_uint_eq(keys[1], 1);
    ck_assert_uint_eq(keys[2], 77);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_key_whose_keyspace_finds_no_memory_to_be_counted_is_refused_and_nothing_changed)
{
    struct scales scales = scales_open(100000);
    struct wkv_key far = {65000, test_text("k")};
    uint64_t keys[2] = {0};
    int32_t n = 0;
    ck_assert_int_eq(wkv_store_set(scales.store, far, test_text("v"), 0, TEST_NOW), WKV_STORE_NO_MEMORY);
    ck_assert_int_eq(wkv_store_add(scales.store, far, 1, TEST_NOW, &n), WKV_STORE_NO_MEMORY);
    ck_assert_int_eq(wkv_store_list_push(scales.store, far, test_text("v"), TEST_NOW, &n),
                     WKV_STORE_NO_MEMORY);
    ck_assert_int_eq(wkv_store_set_add(scales.store, far, test_text("v"), TEST_NOW, &n), WKV_STORE_NO_MEMORY);
    ck_assert_int_eq(wkv_store_exists(scales.store, far, TEST_NOW, NULL), WKV_STORE_MISSING);
    ck_assert_uint_eq(test_stats(scales.store).bytes, scales.empty_bytes);
    ck_assert_uint_eq(test_stats(scales.store).keys, 1);
    test_set(scales.store, "second", "v");
    wkv_store_keyspaces(scales.store, keys, TEST_COUNT_OF(keys));
    ck_assert_uint_eq(keys[1], 2);
    scales_close(&scales, "second");
}
END_TEST

/* ---- keys of the shards ---- */

START_TEST(the_shards_with_the_fewest_and_the_most_keys_are_told)
{
    struct wkv_store *store = test_store(8, 0);
    struct test_name name;
    uint64_t counts[8] = {0};
    ck_assert_uint_eq(test_stats(store).shard_keys_min, 0);
    ck_assert_uint_eq(test_stats(store).shard_keys_max, 0);
    for (size_t i = 0; i < 500; i++) {
        uint64_t min = UINT64_MAX, max = 0;
        struct wkv_key key = test_numbered_key(&name, "k", i);
        counts[wkv_store_place(store, key).shard - store->shards]++;
        test_set(store, name.text, "v");
        for (size_t shard = 0; shard < TEST_COUNT_OF(counts); shard++) {
            min = counts[shard] < min ? counts[shard] : min;
            max = counts[shard] > max ? counts[shard] : max;
        }
        ck_assert_uint_eq(test_stats(store).shard_keys_min, min);
        ck_assert_uint_eq(test_stats(store).shard_keys_max, max);
    }
    wkv_store_destroy(store);
}
END_TEST

Suite *inspect_suite(void)
{
    Suite *suite = suite_create("store/inspect");
    TCase *tests = tcase_create("inspect");
    tcase_add_test(tests, each_kind_is_told_with_its_length);
    tcase_add_test(tests, the_length_of_a_counter_is_that_of_its_text);
    tcase_add_test(tests, missing_and_expired_keys_are_missing);
    tcase_add_test(tests, the_expiry_is_told_until_it_is_gone);
    tcase_add_test(tests, a_scalars_bytes_are_what_it_takes);
    tcase_add_test(tests, a_counters_bytes_are_what_it_takes);
    tcase_add_loop_test(tests, a_lists_bytes_are_what_it_takes_whatever_is_pushed_and_removed, 0,
                        (int)TEST_COUNT_OF(item_bytes));
    tcase_add_loop_test(tests, a_sets_bytes_are_what_it_takes_packed_and_hashed, 0,
                        (int)TEST_COUNT_OF(item_bytes));
    tcase_add_loop_test(tests, bytes_are_right_where_memory_runs_out, 0, 2);
    tcase_add_loop_test(tests, the_keys_of_each_keyspace_are_counted_as_they_come_and_go, 0,
                        (int)TEST_COUNT_OF(models));
    tcase_add_test(tests, keys_that_upkeep_takes_out_are_counted_no_more);
    tcase_add_test(tests, only_the_keyspaces_that_are_asked_for_are_told);
    tcase_add_test(tests, a_key_whose_keyspace_finds_no_memory_to_be_counted_is_refused_and_nothing_changed);
    tcase_add_test(tests, the_shards_with_the_fewest_and_the_most_keys_are_told);
    suite_add_tcase(suite, tests);
    return suite;
}
