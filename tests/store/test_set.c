/* Sets: their meaning, packed and hashed, and unions and intersections of them. */
#include "store/set.h"
#include "store/store.h"
#include "store/store_test.h"

/* Sees so many members and wants no more. */
struct taker {
    size_t wanted;
    size_t shown;
};

static bool take_some(void *context, struct wkv_text text)
{
    struct taker *taker = context;
    (void)text;
    ck_assert_uint_lt(taker->shown, taker->wanted);
    return ++taker->shown < taker->wanted;
}

START_TEST(who_wants_no_more_is_shown_no_more)
{
    struct wkv_store *store = test_store(4, 0);
    struct wkv_key keys[] = {test_key("small"), test_key("large"), test_key("other")};
    struct test_name name;
    int32_t n;
    for (size_t i = 0; i < 6; i++) /* the first two are packed in one and hashed in the other */
        for (size_t k = 0; k < TEST_COUNT_OF(keys); k++)
            for (size_t m = 0; m < (k == 0 ? 1 : 100); m++)
                ck_assert_int_eq(wkv_store_set_add(store, keys[k],
                                                   test_numbered_key(&name, "m", i + m * 6).name, TEST_NOW,
                                                   &n),
                                 WKV_STORE_OK);
    for (size_t wanted = 1; wanted < 6; wanted++) {
        for (size_t k = 0; k < TEST_COUNT_OF(keys); k++) {
            struct taker taker = {wanted, 0};
            ck_assert_int_eq(wkv_store_set_members(store, keys[k], TEST_NOW, take_some, &taker),
                             WKV_STORE_OK);
            ck_assert_uint_eq(taker.shown, wanted);
        }
        struct taker unions = {wanted * 100, 0}, common = {wanted, 0};
        ck_assert_int_eq(wkv_store_set_union(store, keys, 3, TEST_NOW, take_some, &unions), WKV_STORE_OK);
        ck_assert_uint_eq(unions.shown, wanted * 100);
        ck_assert_int_eq(wkv_store_set_intersection(store, keys, 3, TEST_NOW, take_some, &common),
                         WKV_STORE_OK);
        ck_assert_uint_eq(common.shown, wanted);
    }
    wkv_store_destroy(store);
}
END_TEST

static int32_t set_remove(struct wkv_store *store, const char *name, const char *member)
{
    int32_t size = -1;
    ck_assert_int_eq(wkv_store_set_remove(store, test_key(name), test_text(member), TEST_NOW, &size),
                     WKV_STORE_OK);
    return size;
}

static const char *members(struct wkv_store *store, const char *name)
{
    struct test_texts seen = {0};
    ck_assert_int_eq(wkv_store_set_members(store, test_key(name), TEST_NOW, test_texts_see, &seen),
                     WKV_STORE_OK);
    test_texts_sort(&seen);
    const char *joined = test_joined(&seen);
    test_texts_free(&seen);
    return joined;
}

static bool is_missing(struct wkv_store *store, const char *name)
{
    return wkv_store_exists(store, test_key(name), TEST_NOW, NULL) == WKV_STORE_MISSING;
}

/* The key's entry, which nothing else touches. */
static struct wkv_entry *entry_of(struct wkv_store *store, const char *name)
{
    struct wkv_key key = test_key(name);
    struct wkv_place place = wkv_store_place(store, key);
    return wkv_shard_find(place.shard, place.hash, key);
}

static bool is_hashed(struct wkv_store *store, const char *name)
{
    return wkv_entry_set(entry_of(store, name))->hashed;
}

/* ---- one set ---- */

START_TEST(add_counts_each_member_once)
{
    struct wkv_store *store = test_store(1, 0);
    ck_assert_int_eq(test_set_add(store, "s", "a"), 1);
    ck_assert_int_eq(test_set_add(store, "s", "b"), 2);
    ck_assert_int_eq(test_set_add(store, "s", "a"), 2);
    ck_assert_int_eq(test_set_add(store, "s", ""), 3);
    ck_assert_int_eq(test_set_add(store, "s", ""), 3);
    ck_assert_int_eq(test_set_add(store, "s", "ab"), 4);
    ck_assert_str_eq(members(store, "s"), ",a,ab,b");
    wkv_store_destroy(store);
}
END_TEST

START_TEST(remove_counts_down_and_an_emptied_set_is_gone)
{
    struct wkv_store *store = test_store(1, 0);
    (void)test_set_add(store, "s", "a");
    (void)test_set_add(store, "s", "b");
    (void)test_set_add(store, "s", "c");
    ck_assert_int_eq(set_remove(store, "s", "x"), 3);
    ck_assert_int_eq(set_remove(store, "s", "b"), 2);
    ck_assert_int_eq(set_remove(store, "s", "b"), 2);
    ck_assert_str_eq(members(store, "s"), "a,c");
    ck_assert_int_eq(set_remove(store, "s", "a"), 1);
    ck_assert_int_eq(set_remove(store, "s", "c"), 0);
    ck_assert(is_missing(store, "s"));
    ck_assert_str_eq(members(store, "s"), "");
    wkv_store_destroy(store);
}
END_TEST

START_TEST(removing_from_a_missing_set_answers_0_and_creates_nothing)
{
    struct wkv_store *store = test_store(1, 0);
    ck_assert_int_eq(set_remove(store, "none", "a"), 0);
    ck_assert(is_missing(store, "none"));
    ck_assert_uint_eq(test_stats(store).keys, 0);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(texts_with_nuls_are_members_of_their_own)
{
    static const struct wkv_text texts[] = {{"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"a\0c", 3}, {"\0", 1}};
    struct wkv_store *store = test_store(1, 0);
    int32_t size = 0;
    for (size_t i = 0; i < TEST_COUNT_OF(texts); i++) {
        ck_assert_int_eq(wkv_store_set_add(store, test_key("s"), texts[i], TEST_NOW, &size), WKV_STORE_OK);
        ck_assert_int_eq(size, (int32_t)i + 1);
    }
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("s"), texts[2], TEST_NOW, &size), WKV_STORE_OK);
    ck_assert_int_eq(size, (int32_t)TEST_COUNT_OF(texts) - 1);
    wkv_store_destroy(store);
}
END_TEST

/* ---- packed to hashed ---- */

START_TEST(a_set_is_packed_up_to_its_limit_of_members_and_hashed_beyond)
{
    struct wkv_store *store = test_store(1, 0);
    char member[16];
    for (int32_t i = 0; i < 200; i++) {
        (void)snprintf(member, sizeof member, "member-%d", i);
        ck_assert_int_eq(test_set_add(store, "s", member), i + 1);
        ck_assert_int_eq(test_set_add(store, "s", member), i + 1);
        ck_assert_int_eq(is_hashed(store, "s"), i + 1 > (int32_t)WKV_SET_PACKED_MEMBERS);
        struct test_texts seen = {0};
        ck_assert_int_eq(wkv_store_set_members(store, test_key("s"), TEST_NOW, test_texts_see, &seen),
                         WKV_STORE_OK);
        ck_assert_uint_eq(seen.count, (size_t)i + 1);
        test_texts_sort(&seen);
        for (size_t j = 1; j < seen.count; j++)
            ck_assert(!test_same(seen.texts[j - 1], seen.texts[j]));
        test_texts_free(&seen);
    }
    for (int32_t i = 199; i >= 0; i--) {
        (void)snprintf(member, sizeof member, "member-%d", i);
        ck_assert_int_eq(set_remove(store, "s", member), i);
        ck_assert_int_eq(is_missing(store, "s"), i == 0);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_set_is_packed_up_to_its_limit_of_bytes_and_hashed_beyond)
{
    for (size_t len = 0; len < 1300; len += len < 900 ? 97 : 1) {
        struct wkv_store *store = test_store(1, 0);
        char *large = malloc(len + 1);
        ck_assert_ptr_nonnull(large);
        memset(large, 'x', len);
        large[len] = '\0';
        ck_assert_int_eq(test_set_add(store, "s", "first"), 1);
        ck_assert_int_eq(test_set_add(store, "s", large), 2);
        ck_assert_int_eq(test_set_add(store, "s", large), 2);
        ck_assert_int_eq(test_set_add(store, "s", "last"), 3);
        if (len > WKV_SET_PACKED_BYTES)
            ck_assert(is_hashed(store, "s"));
        if (len + 20 < WKV_SET_PACKED_BYTES)
            ck_assert(!is_hashed(store, "s"));
        ck_assert_int_eq(set_remove(store, "s", "first"), 2);
        ck_assert_int_eq(set_remove(store, "s", large), 1);
        ck_assert_str_eq(members(store, "s"), "last");
        ck_assert_int_eq(set_remove(store, "s", "last"), 0);
        ck_assert(is_missing(store, "s"));
        free(large);
        wkv_store_destroy(store);
    }
}
END_TEST

START_TEST(a_set_may_begin_with_a_member_that_is_too_large_to_pack)
{
    struct wkv_store *store = test_store(1, 0);
    char *large = calloc(1, 1 << 20);
    int32_t size;
    ck_assert_ptr_nonnull(large);
    struct wkv_text text = {large, 1 << 20};
    ck_assert_int_eq(wkv_store_set_add(store, test_key("s"), text, TEST_NOW, &size), WKV_STORE_OK);
    ck_assert_int_eq(size, 1);
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("s"), text, TEST_NOW, &size), WKV_STORE_OK);
    ck_assert_int_eq(size, 0);
    ck_assert(is_missing(store, "s"));
    free(large);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_small_set_costs_little)
{
    struct wkv_store *store = test_store_of(WKV_STORE_BLOCKS_POOLED, 1, 0);
    test_set(store, "warm", "up");
    uint64_t before = test_stats(store).bytes;
    for (int i = 0; i < 3; i++)
        (void)test_set_add(store, "s", i == 0 ? "one" : i == 1 ? "two" : "three");
    ck_assert_uint_le(test_stats(store).bytes - before, 160);
    wkv_store_destroy(store);
}
END_TEST

/* While they are packed, and key and head are in it, too. */
START_TEST(small_members_of_a_small_set_take_1_15_times_their_bytes_and_8)
{
    static const struct {
        size_t members, len;
    } shapes[] = {{20, 16}, {32, 16}, {16, 32}, {24, 32}, {30, 32}};
    struct wkv_store *store = test_store_of(WKV_STORE_BLOCKS_POOLED, 1, 0);
    char member[33];
    for (size_t shape = 0; shape < TEST_COUNT_OF(shapes); shape++) {
        struct wkv_store_info info;
        for (size_t i = 0; i < shapes[shape].members; i++) {
            snprintf(member, sizeof member, "%0*zu", (int)shapes[shape].len, i);
            (void)test_set_add(store, "s", member);
        }
        ck_assert_int_eq(wkv_store_inspect(store, test_key("s"), TEST_NOW, &info), WKV_STORE_OK);
        ck_assert_uint_le(info.bytes * 100, shapes[shape].members * (shapes[shape].len * 115 + 800));
        ck_assert_int_eq(wkv_store_delete(store, test_key("s"), TEST_NOW), WKV_STORE_OK);
    }
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_large_set_holds_every_member_once_while_it_comes_and_goes)
{
    struct wkv_store *store = test_store(1, 0);
    const int32_t count = 20000;
    char member[32];
    for (int32_t i = 0; i < count; i++) {
        (void)snprintf(member, sizeof member, "%d", i);
        ck_assert_int_eq(test_set_add(store, "s", member), i + 1);
    }
    for (int32_t i = 0; i < count; i += 2) {
        (void)snprintf(member, sizeof member, "%d", i);
        ck_assert_int_eq(set_remove(store, "s", member), count - i / 2 - 1);
    }
    bool *seen_already = calloc((size_t)count, 1);
    struct test_texts seen = {0};
    ck_assert_ptr_nonnull(seen_already);
    ck_assert_int_eq(wkv_store_set_members(store, test_key("s"), TEST_NOW, test_texts_see, &seen),
                     WKV_STORE_OK);
    ck_assert_uint_eq(seen.count, (size_t)count / 2);
    for (size_t i = 0; i < seen.count; i++) {
        long number = strtol(seen.texts[i].data, NULL, 10);
        ck_assert(number % 2 == 1 && number < count && !seen_already[number]);
        seen_already[number] = true;
    }
    test_texts_free(&seen);
    free(seen_already);
    wkv_store_destroy(store);
}
END_TEST

#define STAYING 500
#define GUESTS 4000

/* Numbers of members that pages have shown. */
struct paging {
    size_t left;
    unsigned shown[STAYING];
};

static bool see_page(void *context, struct wkv_text text)
{
    struct paging *paging = context;
    if (paging->left == 0)
        return false;
    paging->left--;
    if (text.data[0] == 's') {
        char number[16] = "";
        memcpy(number, text.data + 1, text.len - 1);
        paging->shown[strtoul(number, NULL, 10)]++;
    }
    return true;
}

static void change_member(struct wkv_store *store, const char *prefix, size_t number, bool add)
{
    struct test_name name;
    int32_t size;
    struct wkv_text member = test_numbered_key(&name, prefix, number).name;
    ck_assert_int_eq(
        (add ? wkv_store_set_add : wkv_store_set_remove)(store, test_key("s"), member, TEST_NOW, &size),
        WKV_STORE_OK);
}

static uint64_t read_page(struct wkv_store *store, uint64_t cursor, struct paging *paging)
{
    struct wkv_view view;
    struct wkv_key key = test_key("s");
    (void)wkv_store_begin(&view, store, &key, 1, WKV_STORE_READS, TEST_NOW);
    ck_assert_int_eq(wkv_view_set_page(&view, 0, &cursor, see_page, paging), WKV_STORE_OK);
    wkv_store_end(&view);
    return cursor;
}

/* The set swells and shrinks between the pages, from packed to a table of thousands and back to few. */
START_TEST(pages_show_what_stays_once_whatever_comes_and_goes)
{
    uint64_t random = 7;
    for (size_t staying = 1; staying <= STAYING; staying = staying * 3 + 1) {
        struct wkv_store *store = test_store(1, 0);
        struct paging paging = {0};
        uint64_t cursor = 0;
        for (size_t i = 0; i < staying; i++)
            change_member(store, "s", i, true);
        for (size_t page = 0; page == 0 || cursor != 0; page++) {
            paging.left = 1 + test_below(&random, 9);
            cursor = read_page(store, cursor, &paging);
            for (size_t i = 0; i < GUESTS / 8; i++)
                change_member(store, "g", test_below(&random, GUESTS), page / 8 % 2 == 0);
        }
        for (size_t i = 0; i < staying; i++)
            ck_assert_uint_eq(paging.shown[i], 1);
        wkv_store_destroy(store);
    }
}
END_TEST

START_TEST(stores_tell_their_cursors_apart)
{
    struct wkv_store *one = test_store(1, 0), *other = test_store(1, 0);
    ck_assert(wkv_store_stamp(one, "a") == wkv_store_stamp(one, "a"));
    ck_assert(wkv_store_stamp(one, "a") != wkv_store_stamp(one, "b"));
    ck_assert(wkv_store_stamp(one, "a") != wkv_store_stamp(other, "a"));
    wkv_store_destroy(one);
    wkv_store_destroy(other);
}
END_TEST

START_TEST(a_set_is_full_at_the_most_that_a_count_can_say)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t size = 4711;
    (void)test_set_add(store, "s", "a");
    struct wkv_set *set = wkv_entry_set(entry_of(store, "s"));
    set->size = INT32_MAX;
    ck_assert_int_eq(wkv_store_set_add(store, test_key("s"), test_text("b"), TEST_NOW, &size),
                     WKV_STORE_FULL);
    ck_assert_int_eq(size, 4711);
    /* What is there already can still be added. */
    ck_assert_int_eq(wkv_store_set_add(store, test_key("s"), test_text("a"), TEST_NOW, &size), WKV_STORE_OK);
    ck_assert_int_eq(size, INT32_MAX);
    set->size = 1;
    ck_assert_str_eq(members(store, "s"), "a");
    wkv_store_destroy(store);
}
END_TEST

/* ---- several sets ---- */

/* Sets named by one letter; '0' is a missing key, '!' a list. */
static const struct {
    const char *keys;
    const char *in_any; /* NULL: refused */
    const char *in_all;
} algebra[] = {
    {"", "", ""},
    {"a", "1,2,3", "1,2,3"},
    {"aa", "1,2,3", "1,2,3"},
    {"ab", "1,2,3,4", "2,3"},
    {"ba", "1,2,3,4", "2,3"},
    {"abab", "1,2,3,4", "2,3"},
    {"abc", "1,2,3,4,5", "3"},
    {"ad", "1,2,3,9", ""},
    {"0", "", ""},
    {"00", "", ""},
    {"a0", "1,2,3", ""},
    {"0a", "1,2,3", ""},
    {"0ab", "1,2,3,4", ""},
    {"!", NULL, NULL},
    {"a!", NULL, NULL},
    {"!a", NULL, NULL},
    {"0!", NULL, NULL},
    {"!0", NULL, NULL},
    {"ab!cd", NULL, NULL},
};

static struct wkv_store *letters(uint32_t shards)
{
    static const char *const sets[] = {"a1", "a2", "a3", "b2", "b3", "b4", "c3", "c5", "d9"};
    struct wkv_store *store = test_store(shards, 0);
    for (size_t i = 0; i < TEST_COUNT_OF(sets); i++)
        (void)test_set_add(store, (char[2]){sets[i][0], '\0'}, sets[i] + 1);
    (void)test_push(store, "!", "item");
    return store;
}

static void check_algebra(struct wkv_store *store, const char *names, bool all, const char *wanted)
{
    struct wkv_key keys[8];
    char text[8][2];
    size_t count = strlen(names);
    struct test_texts seen = {0};
    for (size_t i = 0; i < count; i++) {
        text[i][0] = names[i];
        keys[i] = (struct wkv_key){1, {text[i], 1}};
    }
    enum wkv_store_status status = (all ? wkv_store_set_intersection : wkv_store_set_union)(
        store, count == 0 ? NULL : keys, count, TEST_NOW, test_texts_see, &seen);
    ck_assert_int_eq(status, wanted == NULL ? WKV_STORE_WRONG_KIND : WKV_STORE_OK);
    test_texts_sort(&seen);
    ck_assert_str_eq(test_joined(&seen), wanted == NULL ? "" : wanted);
    test_texts_free(&seen);
}

START_TEST(union_and_intersection_mean_what_the_contract_says)
{
    static const uint32_t shard_counts[] = {1, 2, 64};
    for (size_t i = 0; i < TEST_COUNT_OF(shard_counts); i++) {
        struct wkv_store *store = letters(shard_counts[i]);
        check_algebra(store, algebra[_i].keys, false, algebra[_i].in_any);
        check_algebra(store, algebra[_i].keys, true, algebra[_i].in_all);
        /* The locks are free again, and nothing was made on the way. */
        ck_assert_uint_eq(test_stats(store).keys, 5);
        ck_assert_int_eq(test_set_add(store, "a", "1"), 3);
        wkv_store_destroy(store);
    }
}
END_TEST

START_TEST(the_keys_may_lie_in_several_keyspaces)
{
    struct wkv_store *store = test_store(8, 0);
    struct wkv_key keys[] = {{1, test_text("s")}, {2, test_text("s")}};
    struct test_texts seen = {0};
    int32_t size;
    ck_assert_int_eq(wkv_store_set_add(store, keys[0], test_text("x"), TEST_NOW, &size), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_add(store, keys[1], test_text("y"), TEST_NOW, &size), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_union(store, keys, 2, TEST_NOW, test_texts_see, &seen), WKV_STORE_OK);
    test_texts_sort(&seen);
    ck_assert_str_eq(test_joined(&seen), "x,y");
    test_texts_free(&seen);
    wkv_store_destroy(store);
}
END_TEST

/* The multiples of 2, 3 and 5 below a limit, as sets that are packed or hashed. */
START_TEST(large_sets_unite_and_intersect_exactly)
{
    static const int limits[] = {20, 60, 300, 30000};
    for (size_t l = 0; l < TEST_COUNT_OF(limits); l++) {
        struct wkv_store *store = test_store(4, 0);
        const int steps[] = {2, 3, 5};
        const char *const names[] = {"two", "three", "five"};
        struct wkv_key keys[] = {test_key("two"), test_key("three"), test_key("five")};
        int in_any = 0, in_all = 0;
        size_t shown = 0;
        for (int n = 0; n < limits[l]; n++) {
            char member[16];
            bool any = false, all = true;
            (void)snprintf(member, sizeof member, "%d", n);
            for (size_t s = 0; s < 3; s++) {
                any |= n % steps[s] == 0;
                all &= n % steps[s] == 0;
                if (n % steps[s] == 0)
                    (void)test_set_add(store, names[s], member);
            }
            in_any += any;
            in_all += all;
        }
        ck_assert_int_eq(wkv_store_set_union(store, keys, 3, TEST_NOW, test_count_visit, &shown),
                         WKV_STORE_OK);
        ck_assert_uint_eq(shown, (size_t)in_any);
        struct test_texts seen = {0};
        ck_assert_int_eq(wkv_store_set_intersection(store, keys, 3, TEST_NOW, test_texts_see, &seen),
                         WKV_STORE_OK);
        ck_assert_uint_eq(seen.count, (size_t)in_all);
        for (size_t i = 0; i < seen.count; i++)
            ck_assert_int_eq(strtol(seen.texts[i].data, NULL, 10) % 30, 0);
        test_texts_free(&seen);
        wkv_store_destroy(store);
    }
}
END_TEST

START_TEST(hundreds_of_keys_can_be_united)
{
    struct wkv_store *store = test_store(16, 0);
    struct wkv_key keys[400];
    struct test_name names[400];
    size_t shown = 0;
    for (size_t i = 0; i < TEST_COUNT_OF(keys); i++) {
        keys[i] = test_numbered_key(&names[i], "set", i);
        (void)test_set_add(store, names[i].text, names[i].text);
        (void)test_set_add(store, names[i].text, "common");
    }
    ck_assert_int_eq(
        wkv_store_set_union(store, keys, TEST_COUNT_OF(keys), TEST_NOW, test_count_visit, &shown),
        WKV_STORE_OK);
    ck_assert_uint_eq(shown, TEST_COUNT_OF(keys) + 1);
    shown = 0;
    ck_assert_int_eq(
        wkv_store_set_intersection(store, keys, TEST_COUNT_OF(keys), TEST_NOW, test_count_visit, &shown),
        WKV_STORE_OK);
    ck_assert_uint_eq(shown, 1);
    wkv_store_destroy(store);
}
END_TEST

Suite *set_suite(void)
{
    Suite *suite = suite_create("store/set");
    TCase *tests = tcase_create("set");
    tcase_add_test(tests, who_wants_no_more_is_shown_no_more);
    tcase_add_test(tests, add_counts_each_member_once);
    tcase_add_test(tests, remove_counts_down_and_an_emptied_set_is_gone);
    tcase_add_test(tests, removing_from_a_missing_set_answers_0_and_creates_nothing);
    tcase_add_test(tests, texts_with_nuls_are_members_of_their_own);
    tcase_add_test(tests, a_set_is_packed_up_to_its_limit_of_members_and_hashed_beyond);
    tcase_add_test(tests, a_set_is_packed_up_to_its_limit_of_bytes_and_hashed_beyond);
    tcase_add_test(tests, a_set_may_begin_with_a_member_that_is_too_large_to_pack);
    tcase_add_test(tests, a_small_set_costs_little);
    tcase_add_test(tests, small_members_of_a_small_set_take_1_15_times_their_bytes_and_8);
    tcase_add_test(tests, a_large_set_holds_every_member_once_while_it_comes_and_goes);
    tcase_add_test(tests, pages_show_what_stays_once_whatever_comes_and_goes);
    tcase_add_test(tests, stores_tell_their_cursors_apart);
    tcase_add_test(tests, a_set_is_full_at_the_most_that_a_count_can_say);
    tcase_add_loop_test(tests, union_and_intersection_mean_what_the_contract_says, 0,
                        (int)TEST_COUNT_OF(algebra));
    tcase_add_test(tests, the_keys_may_lie_in_several_keyspaces);
    tcase_add_test(tests, large_sets_unite_and_intersect_exactly);
    tcase_add_test(tests, hundreds_of_keys_can_be_united);
    suite_add_tcase(suite, tests);
    return suite;
}
