/* Scalars and counters: what get, set, add, exists and delete mean. */
#include <limits.h>

#include "store/store_test.h"

/* ---- what is a number ---- */

static const struct {
    const char *text;
    size_t len; /* 0: to the NUL */
    bool number;
    int32_t value;
} numbers[] = {
    {"0", 0, true, 0},
    {"1", 0, true, 1},
    {"-1", 0, true, -1},
    {"9", 0, true, 9},
    {"10", 0, true, 10},
    {"-10", 0, true, -10},
    {"123456789", 0, true, 123456789},
    {"2147483647", 0, true, INT32_MAX},
    {"-2147483648", 0, true, INT32_MIN},
    {"-2147483647", 0, true, -INT32_MAX},
    {"2147483648", 0, false, 0},
    {"-2147483649", 0, false, 0},
    {"4294967296", 0, false, 0},
    {"4294967297", 0, false, 0},
    {"9999999999", 0, false, 0},
    {"-9999999999", 0, false, 0},
    {"99999999999", 0, false, 0},
    {"18446744073709551617", 0, false, 0},
    {"-18446744073709551617", 0, false, 0},
    {"", 0, false, 0},
    {"-", 0, false, 0},
    {"+1", 0, false, 0},
    {"-0", 0, false, 0},
    {"00", 0, false, 0},
    {"01", 0, false, 0},
    {"-01", 0, false, 0},
    {"007", 0, false, 0},
    {" 1", 0, false, 0},
    {"1 ", 0, false, 0},
    {"1\n", 0, false, 0},
    {"\t1", 0, false, 0},
    {"1.0", 0, false, 0},
    {"1e2", 0, false, 0},
    {"0x10", 0, false, 0},
    {"--1", 0, false, 0},
    {"1-", 0, false, 0},
    {"1_000", 0, false, 0},
    {"1,000", 0, false, 0},
    {"a", 0, false, 0},
    {"1a", 0, false, 0},
    {"/", 0, false, 0},
    {":", 0, false, 0},
    {"-/", 0, false, 0},
    {"1\0", 2, false, 0},
    {"\0", 1, false, 0},
    {"\xd9\xa1", 0, false, 0}, /* an Arabic one */
};

START_TEST(a_scalar_that_is_wholly_a_decimal_int32_becomes_a_counter)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_text text = {numbers[_i].text, numbers[_i].len};
    if (text.len == 0)
        text = test_text(numbers[_i].text);
    int32_t sum = 77;
    enum wkv_kind kind;
    ck_assert_int_eq(wkv_store_set(store, test_key("n"), text, 0, TEST_NOW), WKV_STORE_OK);
    enum wkv_store_status status = wkv_store_add(store, test_key("n"), 0, TEST_NOW, &sum);
    ck_assert_int_eq(wkv_store_exists(store, test_key("n"), TEST_NOW, &kind), WKV_STORE_OK);
    ck_assert_int_eq(status, numbers[_i].number ? WKV_STORE_OK : WKV_STORE_NOT_A_NUMBER);
    ck_assert_int_eq(kind, numbers[_i].number ? WKV_COUNTER : WKV_SCALAR);
    ck_assert_int_eq(sum, numbers[_i].number ? numbers[_i].value : 77);
    /* Either way it reads as it was written. */
    struct test_texts seen = {0};
    ck_assert_int_eq(wkv_store_get(store, test_key("n"), TEST_NOW, test_texts_see, &seen), WKV_STORE_OK);
    ck_assert(test_same(seen.texts[0], text));
    test_texts_free(&seen);
    wkv_store_destroy(store);
}
END_TEST

static const struct {
    int32_t before;
    int32_t delta;
    bool fits;
    int32_t sum;
} sums[] = {
    {0, 0, true, 0},
    {0, INT32_MAX, true, INT32_MAX},
    {0, INT32_MIN, true, INT32_MIN},
    {1, INT32_MAX, false, 0},
    {INT32_MAX, 0, true, INT32_MAX},
    {INT32_MAX, 1, false, 0},
    {INT32_MAX, -1, true, INT32_MAX - 1},
    {INT32_MAX, INT32_MAX, false, 0},
    {INT32_MAX, INT32_MIN, true, -1},
    {-1, INT32_MIN, false, 0},
    {-1, INT32_MAX, true, INT32_MAX - 1},
    {INT32_MIN, 0, true, INT32_MIN},
    {INT32_MIN, -1, false, 0},
    {INT32_MIN, 1, true, INT32_MIN + 1},
    {INT32_MIN, INT32_MIN, false, 0},
    {INT32_MIN, INT32_MAX, true, -1},
    {INT32_MAX - 5, 5, true, INT32_MAX},
    {INT32_MAX - 5, 6, false, 0},
    {INT32_MIN + 5, -5, true, INT32_MIN},
    {INT32_MIN + 5, -6, false, 0},
};

/* The number stands there as a counter or as a scalar: the same sums, and a refused one changes nothing. */
static void check_sum(bool as_scalar)
{
    for (size_t i = 0; i < TEST_COUNT_OF(sums); i++) {
        char before[16], after[16];
        int32_t sum = 0;
        enum wkv_kind kind;
        struct wkv_store *store = test_store(1, 0);
        (void)snprintf(before, sizeof before, "%d", sums[i].before);
        (void)snprintf(after, sizeof after, "%d", sums[i].sum);
        if (as_scalar)
            test_set(store, "n", before);
        else
            ck_assert_int_eq(wkv_store_add(store, test_key("n"), sums[i].before, TEST_NOW, &sum),
                             WKV_STORE_OK);
        sum = 4711;
        ck_assert_int_eq(wkv_store_add(store, test_key("n"), sums[i].delta, TEST_NOW, &sum),
                         sums[i].fits ? WKV_STORE_OK : WKV_STORE_OVERFLOW);
        ck_assert_int_eq(sum, sums[i].fits ? sums[i].sum : 4711);
        ck_assert_str_eq(test_got(store, "n", TEST_NOW), sums[i].fits ? after : before);
        ck_assert_int_eq(wkv_store_exists(store, test_key("n"), TEST_NOW, &kind), WKV_STORE_OK);
        ck_assert_int_eq(kind, as_scalar && !sums[i].fits ? WKV_SCALAR : WKV_COUNTER);
        wkv_store_destroy(store);
    }
}

START_TEST(add_to_a_counter_refuses_overflow_and_changes_nothing)
{
    check_sum(false);
}
END_TEST

START_TEST(add_to_a_decimal_scalar_refuses_overflow_and_changes_nothing)
{
    check_sum(true);
}
END_TEST

static const struct {
    int64_t before, delta;
    struct wkv_range range;
    enum wkv_store_status status;
} wide[] = {
    {INT64_MAX - 1, 1, {INT64_MIN, INT64_MAX}, WKV_STORE_OK},
    {INT64_MAX, 1, {INT64_MIN, INT64_MAX}, WKV_STORE_OVERFLOW},
    {INT64_MIN + 1, -1, {INT64_MIN, INT64_MAX}, WKV_STORE_OK},
    {INT64_MIN, -1, {INT64_MIN, INT64_MAX}, WKV_STORE_OVERFLOW},
    {INT64_MIN, INT64_MAX, {INT64_MIN, INT64_MAX}, WKV_STORE_OK},
    {INT64_C(1) << 32, 0, {INT64_MIN, INT64_MAX}, WKV_STORE_OK},
    {INT64_C(1) << 32, INT32_MIN, {INT32_MIN, INT32_MAX}, WKV_STORE_OVERFLOW},
    {INT64_C(1) << 31, -1, {INT32_MIN, INT32_MAX}, WKV_STORE_OVERFLOW}, /* the sum would do */
    {INT32_MAX, 1, {INT32_MIN, INT32_MAX}, WKV_STORE_OVERFLOW},
    {INT32_MAX, 1, {INT64_MIN, INT64_MAX}, WKV_STORE_OK},
    {INT32_MIN, -1, {INT64_MIN, INT64_MAX}, WKV_STORE_OK},
};

/* Both as a counter and as its text, which is none of a number where it is not in the range. */
START_TEST(add_has_64_bits_and_keeps_to_its_range)
{
    bool is_within = wide[_i].range.least <= wide[_i].before && wide[_i].before <= wide[_i].range.most;
    for (unsigned as_text = 0; as_text < 2; as_text++) {
        struct wkv_store *store = test_store(1, 0);
        char before[24], after[24];
        int64_t sum = 0;
        (void)snprintf(before, sizeof before, "%lld", (long long)wide[_i].before);
        if (as_text)
            test_set(store, "n", before);
        else
            ck_assert_int_eq(
                wkv_store_increment(store, test_key("n"), wide[_i].before, WKV_INT64_RANGE, TEST_NOW, &sum),
                WKV_STORE_OK);
        sum = 4711;
        enum wkv_store_status status =
            wkv_store_increment(store, test_key("n"), wide[_i].delta, wide[_i].range, TEST_NOW, &sum);
        ck_assert_int_eq(status, as_text && !is_within ? WKV_STORE_NOT_A_NUMBER : wide[_i].status);
        ck_assert_int_eq(sum, status == WKV_STORE_OK ? wide[_i].before + wide[_i].delta : 4711);
        (void)snprintf(after, sizeof after, "%lld", (long long)sum);
        ck_assert_str_eq(test_got(store, "n", TEST_NOW), status == WKV_STORE_OK ? after : before);
        wkv_store_destroy(store);
    }
}
END_TEST

START_TEST(a_missing_key_counts_from_0)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t sum = 1;
    ck_assert_int_eq(wkv_store_add(store, test_key("zero"), 0, TEST_NOW, &sum), WKV_STORE_OK);
    ck_assert_int_eq(sum, 0);
    ck_assert_str_eq(test_got(store, "zero", TEST_NOW), "0");
    ck_assert_int_eq(wkv_store_add(store, test_key("five"), -5, TEST_NOW, &sum), WKV_STORE_OK);
    ck_assert_int_eq(sum, -5);
    ck_assert_str_eq(test_got(store, "five", TEST_NOW), "-5");
    wkv_store_destroy(store);
}
END_TEST

/* ---- what is kept ---- */

static void get_back(struct wkv_store *store, struct wkv_key key, struct wkv_text value)
{
    struct test_texts seen = {0};
    ck_assert_int_eq(wkv_store_get(store, key, TEST_NOW, test_texts_see, &seen), WKV_STORE_OK);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert(test_same(seen.texts[0], value));
    test_texts_free(&seen);
}

static char *pattern(size_t len)
{
    char *bytes = malloc(len + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    return bytes;
}

/* Every length that one over another can have: overwritten in place or moved, the value is what was set. */
START_TEST(a_value_of_any_length_over_any_other_is_read_back)
{
    struct wkv_store *store = test_store(1, 0);
    char *bytes = pattern(200);
    for (size_t before = 0; before < 70; before++) {
        for (size_t after = 0; after < 70; after++) {
            struct wkv_text text = {bytes + before, after};
            ck_assert_int_eq(
                wkv_store_set(store, test_key("k"), (struct wkv_text){bytes, before}, 0, TEST_NOW),
                WKV_STORE_OK);
            ck_assert_int_eq(wkv_store_set(store, test_key("k"), text, 0, TEST_NOW), WKV_STORE_OK);
            get_back(store, test_key("k"), text);
        }
    }
    ck_assert_uint_eq(test_stats(store).keys, 1);
    wkv_store_destroy(store);
    free(bytes);
}
END_TEST

/* The length of a value stands in one of two places (entry.h), and a timer stands before the key or does not:
 * each of these over each other one, in place or not, and with an expiry that comes later. */
START_TEST(values_about_a_byte_of_length_are_read_back)
{
    static const size_t lens[] = {0, 1, 31, 251, 252, 254, 255, 256, 257, 260, 300, 65535, 65536};
    struct wkv_store *store = test_store(1, 0);
    char *bytes = pattern(1 << 17);
    for (size_t i = 0; i < TEST_COUNT_OF(lens) * TEST_COUNT_OF(lens) * 8; i++) {
        struct wkv_text before = {bytes, lens[i / 8 % TEST_COUNT_OF(lens)]};
        struct wkv_text after = {bytes + before.len, lens[i / 8 / TEST_COUNT_OF(lens)]};
        int64_t first = i & 1 ? TEST_NOW + 5 : 0, second = i & 2 ? TEST_NOW + 6 : 0;
        ck_assert_int_eq(wkv_store_set(store, test_key("k"), before, first, TEST_NOW), WKV_STORE_OK);
        get_back(store, test_key("k"), before);
        ck_assert_int_eq(wkv_store_set(store, test_key("k"), after, second, TEST_NOW), WKV_STORE_OK);
        get_back(store, test_key("k"), after);
        if ((i & 4) != 0)
            ck_assert_int_eq(wkv_store_expire(store, test_key("k"), TEST_NOW + 7, TEST_NOW), WKV_STORE_OK);
        get_back(store, test_key("k"), after);
        if (i % 3 == 0)
            ck_assert_int_eq(wkv_store_delete(store, test_key("k"), TEST_NOW), WKV_STORE_OK);
    }
    wkv_store_destroy(store);
    free(bytes);
}
END_TEST

START_TEST(a_small_scalar_costs_16_bytes_beside_its_key_and_value)
{
    struct wkv_store *store = test_store_of(WKV_STORE_BLOCKS_POOLED, 1, 0);
    struct wkv_store_info info;
    static const char value[] = "a value that has 32 bytes, it has";
    ck_assert_int_eq(
        wkv_store_set(store, test_key("a key of 16 byte"), (struct wkv_text){value, 32}, 0, TEST_NOW),
        WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_inspect(store, test_key("a key of 16 byte"), TEST_NOW, &info), WKV_STORE_OK);
    ck_assert_uint_eq(info.bytes, 16 + 16 + 32);
    wkv_store_destroy(store);
}
END_TEST

/* Whatever the table's size, between two powers of two as well: 80 bytes are the aim, 48 of them the data. */
START_TEST(a_small_key_takes_less_than_80_bytes_in_all)
{
    struct wkv_store *store = test_store_of(WKV_STORE_BLOCKS_POOLED, 1, 0);
    uint64_t empty = test_stats(store).bytes;
    char name[17];
    static const char value[] = "a value that has 32 bytes, it has";
    for (size_t i = 1; i <= 50000; i++) {
        snprintf(name, sizeof name, "%016zu", i);
        ck_assert_int_eq(wkv_store_set(store, test_key(name), (struct wkv_text){value, 32}, 0, TEST_NOW),
                         WKV_STORE_OK);
        if (i >= 10000 && i % 1000 == 0)
            ck_assert_uint_lt(test_stats(store).bytes - empty, i * 79);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(large_values_are_kept_whole)
{
    static const size_t sizes[] = {0, 1, 127, 128, 4095, 65536, 131072, 1 << 20, 10 << 20};
    struct wkv_store *store = test_store(4, 0);
    char *bytes = pattern(10 << 20);
    struct test_name name;
    for (size_t i = 0; i < TEST_COUNT_OF(sizes); i++)
        ck_assert_int_eq(wkv_store_set(store, test_numbered_key(&name, "size", i),
                                       (struct wkv_text){bytes, sizes[i]}, 0, TEST_NOW),
                         WKV_STORE_OK);
    for (size_t i = 0; i < TEST_COUNT_OF(sizes); i++)
        get_back(store, test_numbered_key(&name, "size", i), (struct wkv_text){bytes, sizes[i]});
    wkv_store_destroy(store);
    free(bytes);
}
END_TEST

/* A large value has pages of its own; what replaces it must not keep one of them for a few bytes. */
START_TEST(a_small_value_after_a_large_one_takes_as_much_as_a_small_one)
{
    static const struct wkv_text small = {"small", 5};
    char large[20000];
    memset(large, 'l', sizeof large);
    struct wkv_store *store = test_store_of(WKV_STORE_BLOCKS_POOLED, 1, 0);
    struct wkv_store_info once, twice;
    ck_assert_int_eq(wkv_store_set(store, test_key("once"), small, 0, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(
        wkv_store_set(store, test_key("more"), (struct wkv_text){large, sizeof large}, 0, TEST_NOW),
        WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set(store, test_key("more"), small, 0, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_inspect(store, test_key("once"), TEST_NOW, &once), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_inspect(store, test_key("more"), TEST_NOW, &twice), WKV_STORE_OK);
    ck_assert_uint_eq(twice.bytes, once.bytes);
    ck_assert_str_eq(test_got(store, "more", TEST_NOW), "small");
    wkv_store_destroy(store);
}
END_TEST

START_TEST(an_empty_value_may_come_as_null)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_text nothing = {NULL, 0};
    int32_t count;
    ck_assert_int_eq(wkv_store_set(store, test_key("s"), nothing, 0, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_list_push(store, test_key("l"), nothing, TEST_NOW, &count), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_add(store, test_key("m"), nothing, TEST_NOW, &count), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_add(store, test_key("m"), test_text(""), TEST_NOW, &count), WKV_STORE_OK);
    ck_assert_int_eq(count, 1);
    ck_assert_str_eq(test_got(store, "s", TEST_NOW), "");
    ck_assert_int_eq(wkv_store_list_remove(store, test_key("l"), nothing, TEST_NOW, &count), WKV_STORE_OK);
    ck_assert_int_eq(count, 0);
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("m"), nothing, TEST_NOW, &count), WKV_STORE_OK);
    ck_assert_int_eq(count, 0);
    ck_assert_uint_eq(test_stats(store).keys, 1);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(keys_of_every_length_are_told_apart)
{
    static const size_t lengths[] = {1, 2, 3, 255, 256, 257, 4096, 65534, WKV_STORE_MAX_KEY_BYTES};
    struct wkv_store *store = test_store(1, 0);
    char *bytes = calloc(1, WKV_STORE_MAX_KEY_BYTES); /* NULs: only the length differs */
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < TEST_COUNT_OF(lengths); i++) {
        struct wkv_key key = {1, {bytes, lengths[i]}};
        int32_t sum;
        ck_assert_int_eq(wkv_store_add(store, key, (int32_t)i, TEST_NOW, &sum), WKV_STORE_OK);
        ck_assert_int_eq(sum, (int32_t)i);
    }
    for (size_t i = 0; i < TEST_COUNT_OF(lengths); i++) {
        char decimal[8];
        (void)snprintf(decimal, sizeof decimal, "%zu", i);
        get_back(store, (struct wkv_key){1, {bytes, lengths[i]}}, test_text(decimal));
    }
    ck_assert_uint_eq(test_stats(store).keys, TEST_COUNT_OF(lengths));
    wkv_store_destroy(store);
    free(bytes);
}
END_TEST

/* ---- kinds ---- */

static const struct {
    const char *name;
    enum wkv_kind kind;
} kinds[] = {{"scalar", WKV_SCALAR}, {"counter", WKV_COUNTER}, {"list", WKV_LIST}, {"set", WKV_SET}};

static void kind_is(struct wkv_store *store, const char *name, enum wkv_kind wanted)
{
    enum wkv_kind kind;
    ck_assert_int_eq(wkv_store_exists(store, test_key(name), TEST_NOW, &kind), WKV_STORE_OK);
    ck_assert_int_eq(kind, wanted);
    ck_assert_int_eq(wkv_store_exists(store, test_key(name), TEST_NOW, NULL), WKV_STORE_OK);
}

START_TEST(exists_says_the_kind)
{
    struct wkv_store *store = test_store(4, 0);
    test_one_of_each(store);
    for (size_t i = 0; i < TEST_COUNT_OF(kinds); i++) {
        kind_is(store, kinds[i].name, kinds[i].kind);
        ck_assert_uint_eq(test_stats(store).keys_by_kind[kinds[i].kind], 1);
    }
    ck_assert_int_eq(wkv_store_exists(store, test_key("none"), TEST_NOW, NULL), WKV_STORE_MISSING);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(set_replaces_any_kind)
{
    struct wkv_store *store = test_store(1, 0);
    test_one_of_each(store);
    for (size_t i = 0; i < TEST_COUNT_OF(kinds); i++) {
        test_set(store, kinds[i].name, "new");
        kind_is(store, kinds[i].name, WKV_SCALAR);
        ck_assert_str_eq(test_got(store, kinds[i].name, TEST_NOW), "new");
    }
    ck_assert_uint_eq(test_stats(store).keys_by_kind[WKV_SCALAR], 4);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(delete_takes_any_kind_and_says_what_was_missing)
{
    struct wkv_store *store = test_store(1, 0);
    test_one_of_each(store);
    for (size_t i = 0; i < TEST_COUNT_OF(kinds); i++) {
        ck_assert_int_eq(wkv_store_delete(store, test_key(kinds[i].name), TEST_NOW), WKV_STORE_OK);
        ck_assert_int_eq(wkv_store_delete(store, test_key(kinds[i].name), TEST_NOW), WKV_STORE_MISSING);
        ck_assert_str_eq(test_got(store, kinds[i].name, TEST_NOW), "(missing)");
    }
    ck_assert_uint_eq(test_stats(store).keys, 0);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_call_for_another_kind_is_refused_and_changes_nothing)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t n = 4711;
    test_one_of_each(store);
    for (size_t i = 0; i < TEST_COUNT_OF(kinds); i++) {
        struct wkv_key key = test_key(kinds[i].name);
        bool scalar = kinds[i].kind == WKV_SCALAR || kinds[i].kind == WKV_COUNTER;
        if (!scalar) {
            ck_assert_int_eq(wkv_store_get(store, key, TEST_NOW, test_never_visit, NULL),
                             WKV_STORE_WRONG_KIND);
            ck_assert_int_eq(wkv_store_add(store, key, 1, TEST_NOW, &n), WKV_STORE_WRONG_KIND);
        }
        if (kinds[i].kind != WKV_LIST) {
            ck_assert_int_eq(wkv_store_list_push(store, key, test_text("x"), TEST_NOW, &n),
                             WKV_STORE_WRONG_KIND);
            ck_assert_int_eq(wkv_store_list_remove(store, key, test_text("member"), TEST_NOW, &n),
                             WKV_STORE_WRONG_KIND);
            ck_assert_int_eq(wkv_store_list_range(store, key, 0, -1, TEST_NOW, test_never_visit, NULL),
                             WKV_STORE_WRONG_KIND);
            ck_assert_int_eq(wkv_store_list_clear(store, key, TEST_NOW), WKV_STORE_WRONG_KIND);
        }
        if (kinds[i].kind != WKV_SET) {
            ck_assert_int_eq(wkv_store_set_add(store, key, test_text("x"), TEST_NOW, &n),
                             WKV_STORE_WRONG_KIND);
            ck_assert_int_eq(wkv_store_set_remove(store, key, test_text("item"), TEST_NOW, &n),
                             WKV_STORE_WRONG_KIND);
            ck_assert_int_eq(wkv_store_set_members(store, key, TEST_NOW, test_never_visit, NULL),
                             WKV_STORE_WRONG_KIND);
        }
        kind_is(store, kinds[i].name, kinds[i].kind);
    }
    ck_assert_str_eq(test_got(store, "scalar", TEST_NOW), "text");
    ck_assert_str_eq(test_got(store, "counter", TEST_NOW), "7");
    ck_assert_int_eq(test_push(store, "list", "second"), 2);
    ck_assert_int_eq(test_set_add(store, "set", "second"), 2);
    wkv_store_destroy(store);
}
END_TEST

Suite *scalar_suite(void)
{
    Suite *suite = suite_create("store/scalar");
    TCase *tests = tcase_create("scalar");
    tcase_add_loop_test(tests, a_scalar_that_is_wholly_a_decimal_int32_becomes_a_counter, 0,
                        (int)TEST_COUNT_OF(numbers));
    tcase_add_test(tests, add_to_a_counter_refuses_overflow_and_changes_nothing);
    tcase_add_test(tests, add_to_a_decimal_scalar_refuses_overflow_and_changes_nothing);
    tcase_add_loop_test(tests, add_has_64_bits_and_keeps_to_its_range, 0, (int)TEST_COUNT_OF(wide));
    tcase_add_test(tests, a_missing_key_counts_from_0);
    tcase_add_test(tests, a_value_of_any_length_over_any_other_is_read_back);
    tcase_add_test(tests, values_about_a_byte_of_length_are_read_back);
    tcase_add_test(tests, a_small_scalar_costs_16_bytes_beside_its_key_and_value);
    tcase_add_test(tests, a_small_key_takes_less_than_80_bytes_in_all);
    tcase_add_test(tests, large_values_are_kept_whole);
    tcase_add_test(tests, a_small_value_after_a_large_one_takes_as_much_as_a_small_one);
    tcase_add_test(tests, an_empty_value_may_come_as_null);
    tcase_add_test(tests, keys_of_every_length_are_told_apart);
    tcase_add_test(tests, exists_says_the_kind);
    tcase_add_test(tests, set_replaces_any_kind);
    tcase_add_test(tests, delete_takes_any_kind_and_says_what_was_missing);
    tcase_add_test(tests, a_call_for_another_kind_is_refused_and_changes_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
