/* Lists: their meaning, and the chunks that they are packed into. */
#include "store/list.h"
#include "store/store.h"
#include "store/store_test.h"

static const char *range(struct wkv_store *store, const char *name, int32_t start, int32_t stop)
{
    struct test_texts seen = {0};
    ck_assert_int_eq(
        wkv_store_list_range(store, test_key(name), start, stop, TEST_NOW, test_texts_see, &seen),
        WKV_STORE_OK);
    const char *joined = test_joined(&seen);
    test_texts_free(&seen);
    return joined;
}

static int32_t remove_value(struct wkv_store *store, const char *name, const char *value)
{
    int32_t length = -1;
    ck_assert_int_eq(wkv_store_list_remove(store, test_key(name), test_text(value), TEST_NOW, &length),
                     WKV_STORE_OK);
    return length;
}

static void push_words(struct wkv_store *store, const char *name, const char *words)
{
    char word[2] = "";
    for (; *words != '\0'; words++) {
        word[0] = *words;
        (void)test_push(store, name, word);
    }
}

static bool is_missing(struct wkv_store *store, const char *name)
{
    return wkv_store_exists(store, test_key(name), TEST_NOW, NULL) == WKV_STORE_MISSING;
}

/* ---- meaning ---- */

START_TEST(push_appends_at_the_end_and_counts)
{
    struct wkv_store *store = test_store(1, 0);
    ck_assert_int_eq(test_push(store, "l", "a"), 1);
    ck_assert_int_eq(test_push(store, "l", "b"), 2);
    ck_assert_int_eq(test_push(store, "l", "a"), 3);
    ck_assert_str_eq(range(store, "l", 0, -1), "a,b,a");
    wkv_store_destroy(store);
}
END_TEST

static const struct {
    int32_t start;
    int32_t stop;
    const char *shown; /* of a,b,c,d,e */
} ranges[] = {
    {0, -1, "a,b,c,d,e"},
    {0, 0, "a"},
    {0, 1, "a,b"},
    {1, 3, "b,c,d"},
    {4, 4, "e"},
    {4, 5, "e"},
    {5, 5, ""},
    {5, -1, ""},
    {-1, -1, "e"},
    {-2, -1, "d,e"},
    {-5, -5, "a"},
    {-6, -6, ""},
    {-6, 0, "a"},
    {-100, 100, "a,b,c,d,e"},
    {-100, -3, "a,b,c"},
    {3, 1, ""},
    {-1, -2, ""},
    {-1, 0, ""},
    {2, -3, "c"},
    {2, -4, ""},
    {0, -6, ""},
    {0, INT32_MAX, "a,b,c,d,e"},
    {INT32_MIN, INT32_MAX, "a,b,c,d,e"},
    {INT32_MIN, INT32_MIN, ""},
    {INT32_MAX, INT32_MAX, ""},
    {INT32_MAX, INT32_MIN, ""},
    {INT32_MIN, -1, "a,b,c,d,e"},
};

START_TEST(range_includes_stop_counts_from_the_end_and_clamps)
{
    struct wkv_store *store = test_store(1, 0);
    push_words(store, "l", "abcde");
    ck_assert_str_eq(range(store, "l", ranges[_i].start, ranges[_i].stop), ranges[_i].shown);
    ck_assert_str_eq(range(store, "none", ranges[_i].start, ranges[_i].stop), "");
    ck_assert(is_missing(store, "none"));
    wkv_store_destroy(store);
}
END_TEST

static const struct {
    const char *before; /* one item a letter */
    const char *value;
    const char *after; /* NULL: the list is gone */
    int32_t left;
} removals[] = {
    {"abc", "a", "b,c", 2},    {"abc", "b", "a,c", 2},  {"abc", "c", "a,b", 2}, {"abc", "x", "a,b,c", 3},
    {"aabaca", "a", "b,c", 2}, {"abab", "b", "a,a", 2}, {"a", "a", NULL, 0},    {"aaaa", "a", NULL, 0},
    {"a", "b", "a", 1},        {"ab", "ab", "a,b", 2},  {"ab", "", "a,b", 2},
};

START_TEST(remove_takes_every_occurrence_and_an_emptied_list_is_gone)
{
    struct wkv_store *store = test_store(1, 0);
    push_words(store, "l", removals[_i].before);
    ck_assert_int_eq(remove_value(store, "l", removals[_i].value), removals[_i].left);
    ck_assert_int_eq(is_missing(store, "l"), removals[_i].after == NULL);
    ck_assert_str_eq(range(store, "l", 0, -1), removals[_i].after == NULL ? "" : removals[_i].after);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(removing_from_a_missing_list_leaves_0_and_creates_nothing)
{
    struct wkv_store *store = test_store(1, 0);
    ck_assert_int_eq(remove_value(store, "none", "a"), 0);
    ck_assert(is_missing(store, "none"));
    wkv_store_destroy(store);
}
END_TEST

static enum wkv_store_status pop(struct wkv_store *store, const char *name, enum wkv_list_end end)
{
    struct wkv_view view;
    struct wkv_key key = test_key(name);
    (void)wkv_store_begin(&view, store, &key, 1, WKV_STORE_READS, TEST_NOW);
    enum wkv_store_status status = wkv_view_list_pop(&view, 0, end);
    wkv_store_end(&view);
    return status;
}

/* One item a letter; f pops the first, l the last. */
static const struct {
    const char *before, *pops, *after; /* after NULL: the list is gone */
} pops[] = {
    {"abc", "f", "b,c"}, {"abc", "l", "a,b"}, {"abc", "fl", "b"}, {"abc", "flf", NULL},
    {"a", "l", NULL},    {"a", "f", NULL},    {"aab", "ff", "b"}, {"abcde", "llff", "c"},
};

START_TEST(pop_takes_the_first_or_the_last)
{
    struct wkv_store *store = test_store(1, 0);
    push_words(store, "l", pops[_i].before);
    for (const char *which = pops[_i].pops; *which != '\0'; which++)
        ck_assert_int_eq(pop(store, "l", *which == 'f' ? WKV_LIST_FIRST : WKV_LIST_LAST), WKV_STORE_OK);
    ck_assert_int_eq(is_missing(store, "l"), pops[_i].after == NULL);
    ck_assert_str_eq(range(store, "l", 0, -1), pops[_i].after == NULL ? "" : pops[_i].after);
    ck_assert_int_eq(pop(store, "none", WKV_LIST_FIRST), WKV_STORE_MISSING);
    ck_assert(is_missing(store, "none"));
    wkv_store_destroy(store);
}
END_TEST

START_TEST(clear_deletes_the_list_and_minds_no_missing_one)
{
    struct wkv_store *store = test_store(1, 0);
    push_words(store, "l", "abc");
    ck_assert_int_eq(wkv_store_list_clear(store, test_key("l"), TEST_NOW), WKV_STORE_OK);
    ck_assert(is_missing(store, "l"));
    ck_assert_int_eq(wkv_store_list_clear(store, test_key("l"), TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(test_push(store, "l", "z"), 1);
    wkv_store_destroy(store);
}
END_TEST

/* ---- chunks ---- */

/* An item whose bytes say which one it is. */
static struct wkv_text numbered_item(char *bytes, size_t len, size_t number)
{
    memset(bytes, (int)('a' + number % 26), len);
    if (len >= sizeof number)
        memcpy(bytes, &number, sizeof number);
    return (struct wkv_text){bytes, len};
}

struct expected {
    size_t next;
    size_t (*len_of)(size_t number, size_t parameter);
    size_t parameter;
    char bytes[70000];
};

static bool see_next(void *context, struct wkv_text text)
{
    struct expected *expected = context;
    size_t len = expected->len_of(expected->next, expected->parameter);
    if (!test_same(text, numbered_item(expected->bytes, len, expected->next)))
        ck_abort_msg("item %zu of %zu bytes is another (%zu bytes)", expected->next, len, text.len);
    expected->next++;
    return true;
}

static void push_items(struct wkv_store *store, struct expected *expected, size_t count)
{
    int32_t length;
    for (size_t i = 0; i < count; i++) {
        struct wkv_text item = numbered_item(expected->bytes, expected->len_of(i, expected->parameter), i);
        ck_assert_int_eq(wkv_store_list_push(store, test_key("l"), item, TEST_NOW, &length), WKV_STORE_OK);
        ck_assert_int_eq((size_t)length, i + 1);
    }
}

static void whole_list_is_there(struct wkv_store *store, struct expected *expected, size_t count)
{
    expected->next = 0;
    ck_assert_int_eq(wkv_store_list_range(store, test_key("l"), 0, -1, TEST_NOW, see_next, expected),
                     WKV_STORE_OK);
    ck_assert_uint_eq(expected->next, count);
}

static size_t same_len(size_t number, size_t parameter)
{
    (void)number;
    return parameter;
}

static size_t one_large_among_small(size_t number, size_t parameter)
{
    return number % 5 == 2 ? parameter : number % 13;
}

START_TEST(items_of_sizes_around_what_a_chunk_holds_are_kept)
{
    static struct expected expected;
    static const size_t far_sizes[] = {0,   1,    2,     126,   127,   128,   129,
                                       500, 1000, 16382, 16383, 16384, 16385, 65536};
    size_t (*const lens[])(size_t, size_t) = {same_len, one_large_among_small};
    for (size_t l = 0; l < TEST_COUNT_OF(lens); l++) {
        for (size_t size = 1930; size < 2070 + TEST_COUNT_OF(far_sizes); size++) {
            struct wkv_store *store = test_store(1, 0);
            expected.len_of = lens[l];
            expected.parameter = size < 2070 ? size : far_sizes[size - 2070];
            push_items(store, &expected, 23);
            whole_list_is_there(store, &expected, 23);
            wkv_store_destroy(store);
        }
    }
}
END_TEST

static size_t varied_len(size_t number, size_t parameter)
{
    return number * 7919 % parameter;
}

static bool see_ten(void *context, struct wkv_text text)
{
    (void)text;
    return ++*(size_t *)context < 10;
}

START_TEST(who_wants_no_more_is_shown_no_more)
{
    struct wkv_store *store = test_store(1, 0);
    static struct expected expected = {.len_of = varied_len, .parameter = 300};
    size_t shown = 0;
    push_items(store, &expected, 300);
    ck_assert_int_eq(wkv_store_list_range(store, test_key("l"), 5, -1, TEST_NOW, see_ten, &shown),
                     WKV_STORE_OK);
    ck_assert_uint_eq(shown, 10);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(every_range_of_a_list_of_many_chunks_is_right)
{
    static struct expected expected = {.len_of = varied_len, .parameter = 300};
    struct wkv_store *store = test_store(1, 0);
    const int32_t length = 240;
    push_items(store, &expected, (size_t)length);
    for (int32_t start = 0; start < length; start++) {
        for (int32_t stop = start; stop < length; stop += 1 + stop % 3) {
            int32_t from = (start + stop) % 2 == 0 ? start : start - length;
            int32_t to = stop % 2 == 0 ? stop : stop - length;
            expected.next = (size_t)start;
            ck_assert_int_eq(
                wkv_store_list_range(store, test_key("l"), from, to, TEST_NOW, see_next, &expected),
                WKV_STORE_OK);
            ck_assert_uint_eq(expected.next, (size_t)stop + 1);
        }
    }
    wkv_store_destroy(store);
}
END_TEST

/* Of the values 0 to 9 in turn, all of one are removed, then all of the next, from a list of many chunks. */
START_TEST(removing_through_many_chunks_leaves_the_others_in_order)
{
    struct wkv_store *store = test_store(1, 0);
    char value[400];
    const int32_t length = 3000;
    for (int32_t i = 0; i < length; i++) {
        (void)snprintf(value, sizeof value, "%*d", 1 + i % 10 * 30, i % 10);
        ck_assert_int_eq(test_push(store, "l", value), i + 1);
    }
    static const int order[] = {3, 9, 0, 1, 7, 2, 8, 5, 4, 6};
    bool removed[10] = {false};
    for (int32_t round = 0; round < 10; round++) {
        (void)snprintf(value, sizeof value, "%*d", 1 + order[round] * 30, order[round]);
        ck_assert_int_eq(remove_value(store, "l", value), length / 10 * (9 - round));
        removed[order[round]] = true;
        struct test_texts seen = {0};
        ck_assert_int_eq(wkv_store_list_range(store, test_key("l"), 0, -1, TEST_NOW, test_texts_see, &seen),
                         WKV_STORE_OK);
        size_t at = 0;
        for (int32_t i = 0; i < length; i++) {
            if (removed[i % 10])
                continue;
            ck_assert_uint_lt(at, seen.count);
            ck_assert_int_eq(seen.texts[at].data[seen.texts[at].len - 1], '0' + i % 10);
            ck_assert_uint_eq(seen.texts[at++].len, (size_t)(1 + i % 10 * 30));
        }
        ck_assert_uint_eq(at, seen.count);
        test_texts_free(&seen);
    }
    ck_assert(is_missing(store, "l"));
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_list_that_removals_have_thinned_gives_memory_back)
{
    struct wkv_store *store = test_store(1, 0);
    for (int i = 0; i < 100000; i++)
        (void)test_push(store, "l", i % 100 == 0 ? "the one that stays" : "one of many that go");
    uint64_t full = test_stats(store).bytes;
    ck_assert_int_eq(remove_value(store, "l", "one of many that go"), 1000);
    /* 1000 items of 19 bytes, and twice that at the most; the store itself is some KB more. */
    ck_assert_uint_gt(full, 1900000);
    ck_assert_uint_lt(test_stats(store).bytes, 19000 * 2 + 10000);
    ck_assert_int_eq(test_push(store, "l", "end"), 1001);
    ck_assert_str_eq(range(store, "l", -2, -1), "the one that stays,end");
    wkv_store_destroy(store);
}
END_TEST

/* Key and head are in it, too: less than 16 items are too few for those. */
START_TEST(small_items_take_no_more_than_1_15_times_their_bytes_and_8)
{
    static const struct {
        size_t items, len;
    } shapes[] = {{16, 32},  {30, 32},  {60, 32},  {64, 8},    {64, 16},    {64, 32},   {70, 32},
                  {100, 16}, {200, 32}, {500, 16}, {1000, 32}, {10000, 16}, {10000, 32}};
    struct wkv_store *store = test_store_of(WKV_STORE_BLOCKS_POOLED, 1, 0);
    char item[33];
    for (size_t shape = 0; shape < TEST_COUNT_OF(shapes); shape++) {
        struct wkv_store_info info;
        for (size_t i = 0; i < shapes[shape].items; i++) {
            snprintf(item, sizeof item, "%0*zu", (int)shapes[shape].len, i);
            (void)test_push(store, "l", item);
        }
        ck_assert_int_eq(wkv_store_inspect(store, test_key("l"), TEST_NOW, &info), WKV_STORE_OK);
        ck_assert_uint_le(info.bytes * 100, shapes[shape].items * (shapes[shape].len * 115 + 800));
        ck_assert_int_eq(wkv_store_delete(store, test_key("l"), TEST_NOW), WKV_STORE_OK);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_short_list_costs_little)
{
    struct wkv_store *store = test_store(1, 0);
    test_set(store, "warm", "up");
    uint64_t before = test_stats(store).bytes;
    (void)test_push(store, "l", "item");
    ck_assert_uint_le(test_stats(store).bytes - before, 192);
    wkv_store_destroy(store);
}
END_TEST

/* ---- work ---- */

/* How a chunk begins (list.c draws the whole). */
struct chunk_links {
    struct chunk_links *prev;
    struct chunk_links *next;
};

/* A list of many chunks, cut a few chunks from each end: a walk that goes farther meets an address that
 * nothing can be read from. */
START_TEST(a_range_near_an_end_walks_no_farther_than_it_needs)
{
    struct wkv_budget budget = {0};
    struct wkv_memory memory = {.budget = &budget};
    struct wkv_list list = {0};
    struct wkv_text item = {"an item of thirty-two bytes here", 32};
    struct chunk_links *const nowhere = (struct chunk_links *)(uintptr_t)64;
    unsigned steps = UINT32_MAX;
    size_t seen = 0;
    for (int i = 0; i < 100000; i++)
        ck_assert(wkv_list_push(&list, &memory, item));
    ck_assert_uint_gt(list.chunks, 1000);
    struct chunk_links *second = ((struct chunk_links *)list.head)->next;
    struct chunk_links *second_last = ((struct chunk_links *)list.tail)->prev;
    struct chunk_links kept = *second, kept_last = *second_last;
    second->next = nowhere;
    second_last->prev = nowhere;
    wkv_list_range(&list, 0, 9, test_count_visit, &seen);
    wkv_list_range(&list, 60, 69, test_count_visit, &seen);
    wkv_list_range(&list, list.length - 10, list.length - 1, test_count_visit, &seen);
    wkv_list_range(&list, list.length - 70, list.length - 61, test_count_visit, &seen);
    ck_assert_uint_eq(seen, 40);
    /* Nor does a push look farther than the last chunk. */
    for (int i = 0; i < 100; i++)
        ck_assert(wkv_list_push(&list, &memory, item));
    second->next = kept.next;
    second_last->prev = kept_last.prev;
    ck_assert(wkv_list_drain(&list, &memory, &steps));
    ck_assert_uint_eq(memory.used_bytes, 0);
}
END_TEST

/* The key's entry, which nothing else touches. */
static struct wkv_entry *entry_of(struct wkv_store *store, const char *name)
{
    struct wkv_key key = test_key(name);
    struct wkv_place place = wkv_store_place(store, key);
    return wkv_shard_find(place.shard, place.hash, key);
}

START_TEST(a_list_is_full_at_the_most_that_a_count_can_say)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t length = 4711;
    (void)test_push(store, "l", "a");
    struct wkv_list *list = wkv_entry_list(entry_of(store, "l"));
    list->length = INT32_MAX;
    ck_assert_int_eq(wkv_store_list_push(store, test_key("l"), test_text("b"), TEST_NOW, &length),
                     WKV_STORE_FULL);
    ck_assert_int_eq(length, 4711);
    list->length = 1;
    ck_assert_str_eq(range(store, "l", 0, -1), "a");
    wkv_store_destroy(store);
}
END_TEST

Suite *list_suite(void)
{
    Suite *suite = suite_create("store/list");
    TCase *tests = tcase_create("list");
    tcase_add_test(tests, who_wants_no_more_is_shown_no_more);
    tcase_add_test(tests, push_appends_at_the_end_and_counts);
    tcase_add_loop_test(tests, range_includes_stop_counts_from_the_end_and_clamps, 0,
                        (int)TEST_COUNT_OF(ranges));
    tcase_add_loop_test(tests, remove_takes_every_occurrence_and_an_emptied_list_is_gone, 0,
                        (int)TEST_COUNT_OF(removals));
    tcase_add_loop_test(tests, pop_takes_the_first_or_the_last, 0, (int)TEST_COUNT_OF(pops));
    tcase_add_test(tests, removing_from_a_missing_list_leaves_0_and_creates_nothing);
    tcase_add_test(tests, clear_deletes_the_list_and_minds_no_missing_one);
    tcase_add_test(tests, items_of_sizes_around_what_a_chunk_holds_are_kept);
    tcase_add_test(tests, every_range_of_a_list_of_many_chunks_is_right);
    tcase_add_test(tests, removing_through_many_chunks_leaves_the_others_in_order);
    tcase_add_test(tests, a_list_that_removals_have_thinned_gives_memory_back);
    tcase_add_test(tests, small_items_take_no_more_than_1_15_times_their_bytes_and_8);
    tcase_add_test(tests, a_short_list_costs_little);
    tcase_add_test(tests, a_range_near_an_end_walks_no_farther_than_it_needs);
    tcase_add_test(tests, a_list_is_full_at_the_most_that_a_count_can_say);
    suite_add_tcase(suite, tests);
    return suite;
}
