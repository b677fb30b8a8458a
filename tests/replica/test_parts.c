/* What a snapshot is made of: values as bytes, and which position each key has. */
#include "replica/log.h"
#include "replica/parts.h"
#include "replica/values.h"

#define NOW (1000 * SIM_SECOND)

static struct wkv_store *new_store(void)
{
    static const unsigned char seed[WKV_STORE_HASH_SEED_BYTES] = {9};
    struct wkv_store *store = wkv_store_create(
        &(struct wkv_store_options){.shards = 4, .blocks = WKV_STORE_BLOCKS_MALLOC, .hash_seed = seed}, NOW);
    ck_assert_ptr_nonnull(store);
    return store;
}

/* ---- positions ---- */

START_TEST(a_rank_belongs_to_the_part_that_it_lies_in)
{
    struct wkv_store *store = new_store();
    struct wkv_key key = test_key("k");
    uint64_t rank = wkv_store_rank(store, &key);
    for (uint64_t border = rank - 1; border <= rank + 1; border++) {
        struct wkv_parts parts = {.all = NULL};
        ck_assert(wkv_parts_add(&parts, 0, border, 5));
        ck_assert(wkv_parts_add(&parts, border, WKV_STORE_SCAN_END, 9));
        ck_assert_uint_eq(wkv_parts_position(&parts, store, key), border == rank + 1 ? 5 : 9);
        ck_assert_uint_eq(parts.last, 9);
        wkv_parts_destroy(&parts);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(parts_leave_nothing_out)
{
    struct wkv_parts parts = {.all = NULL};
    ck_assert(!wkv_parts_add(&parts, 1, 10, 5));
    ck_assert(wkv_parts_add(&parts, 0, 10, 5));
    ck_assert(!wkv_parts_add(&parts, 11, 20, 5));
    ck_assert(!wkv_parts_add(&parts, 9, 20, 5));
    ck_assert(wkv_parts_add(&parts, 10, 20, 5));
    wkv_parts_destroy(&parts);
}
END_TEST

START_TEST(a_key_on_its_own_has_its_own_position)
{
    struct wkv_store *store = new_store();
    struct wkv_parts parts = {.all = NULL};
    uint64_t position;
    ck_assert(wkv_parts_add(&parts, 0, WKV_STORE_SCAN_END, 9));
    ck_assert(!wkv_own_keys_find(&parts.own, test_key("k"), &position));
    ck_assert(wkv_own_keys_set(&parts.own, test_key("k"), 3));
    ck_assert_uint_eq(wkv_parts_position(&parts, store, test_key("k")), 3);
    ck_assert_uint_eq(wkv_parts_position(&parts, store, test_key("l")), 9);
    struct wkv_key elsewhere = test_key("k");
    elsewhere.keyspace++;
    ck_assert_uint_eq(wkv_parts_position(&parts, store, elsewhere), 9);
    wkv_parts_destroy(&parts);
    wkv_store_destroy(store);
}
END_TEST

/* ---- values ---- */

static void fill(struct wkv_store *store)
{
    struct test_name name;
    int64_t sum;
    int32_t count;
    ck_assert_int_eq(wkv_store_set(store, test_key("scalar"), test_text("text"), NOW + 5, NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set(store, test_key("empty"), test_text(""), 0, NOW), WKV_STORE_OK);
    struct wkv_view view;
    static const char *const counters[] = {"low", "high", "zero"};
    static const int64_t values[] = {INT64_MIN, INT64_MAX, 0};
    for (size_t i = 0; i < 3; i++) {
        struct wkv_key key = test_key(counters[i]);
        ck_assert_int_eq(wkv_store_begin(&view, store, &key, 1, 100, NOW), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_add(&view, 0, values[i], WKV_INT64_RANGE, &sum), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_expire(&view, 0, NOW + 7), WKV_STORE_OK);
        wkv_store_end(&view);
    }
    for (size_t i = 0; i < 1000; i++) {
        struct wkv_text item = test_numbered_key(&name, "item", i).name;
        ck_assert_int_eq(wkv_store_list_push(store, test_key("list"), item, NOW, &count), WKV_STORE_OK);
        ck_assert_int_eq(wkv_store_set_add(store, test_key("set"), item, NOW, &count), WKV_STORE_OK);
    }
}

static uint64_t digest_of(struct wkv_store *store)
{
    struct wkv_record_key key = wkv_record_key_of(1);
    struct wkv_values_range range = {.now_ns = NOW, .to = WKV_STORE_SCAN_END};
    uint64_t digest;
    ck_assert(wkv_values_digest(store, &key, &range, &digest));
    return digest;
}

/* All of them, in pieces of so many keys. */
static void put_all(struct wkv_store *store, size_t keys, struct wkv_buffer *buffer)
{
    struct wkv_values_range range = {.now_ns = NOW, .to = WKV_STORE_SCAN_END};
    while (range.from < range.to) {
        range.keys = keys;
        ck_assert(wkv_values_put(store, &range, buffer));
        ck_assert_uint_le(range.keys, keys);
    }
}

static void import_all(struct wkv_store *store, const struct wkv_buffer *buffer)
{
    struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){buffer->data, buffer->len});
    struct wkv_value value;
    while (bytes.at < bytes.end) {
        ck_assert(wkv_value_take(&bytes, &value));
        ck_assert(wkv_value_import(store, &value, NOW));
    }
}

START_TEST(a_value_comes_back_whatever_was_there)
{
    struct wkv_store *store = new_store(), *other = new_store();
    fill(store);
    for (size_t keys = 1; keys < 12; keys += 5) {
        struct wkv_buffer buffer = {.data = NULL};
        put_all(store, keys, &buffer);
        import_all(other, &buffer);
        ck_assert_uint_eq(digest_of(other), digest_of(store));
        wkv_buffer_destroy(&buffer); /* the next goes over what is there */
    }
    wkv_store_destroy(store);
    wkv_store_destroy(other);
}
END_TEST

START_TEST(what_is_not_there_is_absent)
{
    struct wkv_store *store = new_store();
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_value value;
    fill(store);
    ck_assert(wkv_value_put(store, test_key("nothing"), NOW, &buffer));
    ck_assert(wkv_value_put(store, test_key("scalar"), NOW + 5, &buffer)); /* it has expired */
    struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){buffer.data, buffer.len});
    for (int i = 0; i < 2; i++) {
        ck_assert(wkv_value_take(&bytes, &value));
        ck_assert_uint_eq(value.kind, WKV_VALUE_ABSENT);
        ck_assert(wkv_value_import(store, &value, NOW));
    }
    struct wkv_store_info info;
    struct wkv_view view;
    struct wkv_key key = test_key("scalar");
    (void)wkv_store_begin(&view, store, &key, 1, WKV_STORE_READS, NOW);
    ck_assert_int_eq(wkv_view_inspect(&view, 0, &info), WKV_STORE_MISSING);
    wkv_store_end(&view);
    wkv_buffer_destroy(&buffer);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(no_part_of_a_value_is_one)
{
    struct wkv_store *store = new_store();
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_value value;
    fill(store);
    ck_assert(wkv_value_put(store, test_key("list"), NOW, &buffer));
    for (size_t len = 0; len < buffer.len; len += 1 + len / 50) {
        struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){buffer.data, len});
        ck_assert(!wkv_value_take(&bytes, &value));
    }
    wkv_buffer_destroy(&buffer);
    /* kind, keyspace, expiry, key, items … */
    static const struct {
        const char *bytes;
        size_t len;
        bool read, imported;
    } values[] = {
        {"\0\0\0\1k\1\1v", 8, true, true},   {"\0\0\0\1k\2\1v\1v", 10, false, false}, /* two scalars */
        {"\5\0\0\1k\1\1v", 8, false, false},                                          /* no kind */
        {"\4\0\0\1k\1\1v", 8, false, false}, /* absent, with an item */
        {"\0\0\1\1k\1\1v", 8, false, false}, /* an expiry below 0 */
        {"\0\0\0\0\1\1v", 7, false, false},  /* no key */
        {"\1\0\0\1k\1\1v", 8, true, false},  /* a counter that is no number */
        {"\1\0\0\1k\1\2-7", 9, true, true},  {"\3\0\0\1k\2\1v\1v", 10, true, true}};
    for (size_t i = 0; i < TEST_COUNT_OF(values); i++) {
        struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){values[i].bytes, values[i].len});
        ck_assert_msg(wkv_value_take(&bytes, &value) == values[i].read, "value %zu", i);
        if (values[i].read)
            ck_assert_msg(wkv_value_import(store, &value, NOW) == values[i].imported, "value %zu", i);
    }
    wkv_store_destroy(store);
}
END_TEST

Suite *parts_suite(void)
{
    Suite *suite = suite_create("replica/parts");
    TCase *positions = tcase_create("positions"), *values = tcase_create("values");
    tcase_add_test(positions, a_rank_belongs_to_the_part_that_it_lies_in);
    tcase_add_test(positions, parts_leave_nothing_out);
    tcase_add_test(positions, a_key_on_its_own_has_its_own_position);
    tcase_add_test(values, a_value_comes_back_whatever_was_there);
    tcase_add_test(values, what_is_not_there_is_absent);
    tcase_add_test(values, no_part_of_a_value_is_one);
    suite_add_tcase(suite, positions);
    suite_add_tcase(suite, values);
    return suite;
}
