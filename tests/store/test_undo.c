/* What a view takes back, or keeps: held against a twin that only does what was kept. */
#include "store/allocator.h"
#include "store/store.h"
#include "store/store_test.h"

#define KEYS 8
#define LONGEST 12

static struct test_name names[KEYS];
static struct wkv_key keys[KEYS];

static void name_keys(void)
{
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = test_numbered_key(&names[i], "k", i);
}

/* ---- what a store holds, as text ---- */

struct dump {
    char *items[4096];
    size_t count;
};

static bool see_item(void *context, struct wkv_text text)
{
    struct dump *dump = context;
    ck_assert_uint_lt(dump->count, TEST_COUNT_OF(dump->items));
    dump->items[dump->count++] = strndup(text.data == NULL ? "" : text.data, text.len);
    return true;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dump_key(struct wkv_view *view, size_t key, struct dump *dump)
{
    char line[64];
    struct wkv_store_info info;
    if (wkv_view_inspect(view, key, &info) != WKV_STORE_OK) {
        (void)see_item(dump, test_text("nothing"));
        return;
    }
    (void)snprintf(line, sizeof line, "%d, %llu, until %lld", (int)info.kind, (unsigned long long)info.length,
                   (long long)info.expires_at_ns);
    (void)see_item(dump, test_text(line));
    size_t first = dump->count;
    if (info.kind == WKV_LIST)
        (void)wkv_view_list_range(view, key, 0, -1, see_item, dump);
    else if (info.kind == WKV_SET)
        (void)wkv_view_set_members(view, key, see_item, dump);
    else
        (void)wkv_view_get(view, key, see_item, dump);
    if (info.kind == WKV_SET)
        qsort(dump->items + first, dump->count - first, sizeof(char *), compare_items);
}

static struct dump dump_store(struct wkv_store *store)
{
    struct dump dump = {.count = 0};
    struct wkv_view view;
    ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, WKV_STORE_READS, TEST_NOW), WKV_STORE_OK);
    for (size_t i = 0; i < KEYS; i++)
        dump_key(&view, i, &dump);
    wkv_store_end(&view);
    return dump;
}

static void check_same(struct wkv_store *store, struct wkv_store *twin, size_t round)
{
    struct dump a = dump_store(store), b = dump_store(twin);
    struct wkv_store_stats ours, theirs;
    wkv_store_stats(store, &ours);
    wkv_store_stats(twin, &theirs);
    ck_assert_uint_eq(a.count, b.count);
    for (size_t i = 0; i < a.count; i++) {
        ck_assert_msg(strcmp(a.items[i], b.items[i]) == 0, "round %zu: \"%s\", not \"%s\"", round, a.items[i],
                      b.items[i]);
        free(a.items[i]);
        free(b.items[i]);
    }
    ck_assert_uint_eq(ours.keys, theirs.keys);
    for (size_t kind = 0; kind < 4; kind++)
        ck_assert_uint_eq(ours.keys_by_kind[kind], theirs.keys_by_kind[kind]);
}

/* ---- calls at random ---- */

struct call {
    size_t what, key;
    char text[300];
    int64_t number;
};

static struct call random_call(uint64_t *random)
{
    struct call call = {.what = test_below(random, 12), .key = test_below(random, KEYS)};
    size_t len = test_below(random, 8) == 0 ? 200 + test_below(random, 90) : 1 + test_below(random, 3);
    for (size_t i = 0; i < len; i++)
        call.text[i] = (char)('a' + test_below(random, len > 3 ? 26 : 4));
    call.number = (int64_t)test_below(random, 100) - 50;
    return call;
}

static enum wkv_store_status make(struct wkv_view *view, const struct call *call)
{
    int32_t n;
    int64_t sum;
    struct wkv_text text = test_text(call->text);
    int64_t expiry_ns = call->number > 0 ? TEST_NOW + call->number * 1000000000 : 0;
    switch (call->what) {
    case 0:
        return wkv_view_set(view, call->key, text, expiry_ns);
    case 1:
        return wkv_view_delete(view, call->key);
    case 2:
        return wkv_view_add(view, call->key, call->number, WKV_INT64_RANGE, &sum);
    case 3:
        return wkv_view_list_pop(view, call->key, call->number > 0 ? WKV_LIST_FIRST : WKV_LIST_LAST);
    case 4:
        return wkv_view_list_remove(view, call->key, text, &n);
    case 5:
        return wkv_view_list_clear(view, call->key);
    case 6:
        return wkv_view_set_remove(view, call->key, text, &n);
    case 7:
        return wkv_view_expire(view, call->key, expiry_ns);
    case 8:
    case 9:
        return wkv_view_list_push(view, call->key, text, &n);
    default:
        return wkv_view_set_add(view, call->key, text, &n);
    }
}

/* Fills a list and a set well past what is packed. */
static void fill(struct wkv_store *store)
{
    struct wkv_view view;
    int32_t n;
    char text[24];
    ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
    (void)wkv_view_delete(&view, 0);
    (void)wkv_view_delete(&view, 1);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(text, sizeof text, "%c%c%d", 'a' + i % 4, 'a' + i / 4 % 4, i % 7 == 0 ? i : 0);
        ck_assert_int_eq(wkv_view_set_add(&view, 0, test_text(text), &n), WKV_STORE_OK);
        text[1 + i % 2] = '\0';
        ck_assert_int_eq(wkv_view_set_add(&view, 0, test_text(text), &n), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_list_push(&view, 1, test_text(text), &n), WKV_STORE_OK);
    }
    wkv_store_end(&view);
}

static size_t told;

static void count_change(void *context, const struct wkv_change *change)
{
    (void)context, (void)change;
    told++;
}

/* Calls in one view of which every third batch is kept. Each fails that finds no memory where fail_in is set,
 * and then all is taken back. */
static void run(struct wkv_store *store, struct wkv_store *twin, size_t rounds, size_t fail_in)
{
    uint64_t random = 42 + fail_in;
    struct wkv_changes *changes =
        wkv_changes_open(store, &(struct wkv_changes_options){.bytes_per_shard = 1 << 20});
    for (size_t round = 0; round < rounds; round++) {
        struct call calls[LONGEST];
        enum wkv_store_status status[LONGEST];
        size_t count = 1 + test_below(&random, LONGEST);
        bool keeps = round % 3 == 0, failed = false;
        struct wkv_view view;
        ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_remember(&view, count), WKV_STORE_OK);
        atomic_store(&test_fail_in, fail_in == 0 ? 0 : 1 + test_below(&random, fail_in));
        for (size_t i = 0; i < count; i++) {
            calls[i] = random_call(&random);
            status[i] = make(&view, &calls[i]);
            failed |= status[i] == WKV_STORE_NO_MEMORY;
        }
        atomic_store(&test_fail_in, 0);
        if (keeps && !failed)
            wkv_view_keep(&view);
        else
            wkv_view_undo(&view);
        wkv_store_end(&view);
        told = 0;
        wkv_changes_take(changes, count_change, NULL);
        ck_assert(told == 0 || (keeps && !failed));
        if (keeps && !failed) {
            ck_assert_int_eq(wkv_store_begin(&view, twin, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
            for (size_t i = 0; i < count; i++)
                ck_assert_int_eq(make(&view, &calls[i]), status[i]);
            wkv_store_end(&view);
        }
        check_same(store, twin, round);
    }
    wkv_changes_close(changes);
}

START_TEST(what_is_taken_back_has_never_been)
{
    name_keys();
    struct wkv_store *store = test_store(_i == 0 ? 1 : 16, 0), *twin = test_store(4, 0);
    run(store, twin, test_scaled_from(200, 3000), 0);
    fill(store);
    fill(twin);
    run(store, twin, test_scaled_from(200, 3000), 0);
    wkv_store_destroy(store);
    wkv_store_destroy(twin);
}
END_TEST

START_TEST(any_allocation_may_fail_and_all_is_taken_back)
{
    if (!test_counts_allocations("allocations that fail"))
        return;
    name_keys();
    struct wkv_store_options options = {.shards = 4, .blocks = WKV_STORE_BLOCKS_MALLOC};
    struct wkv_store *store = wkv_store_create(&options, TEST_NOW), *twin = test_store(4, 0);
    ck_assert_ptr_nonnull(store);
    fill(store);
    fill(twin);
    run(store, twin, test_scaled_from(200, 3000), 12);
    wkv_store_destroy(store);
    wkv_store_destroy(twin);
}
END_TEST

/* "One that changed nothing is none." */
START_TEST(what_a_kept_view_has_not_changed_is_not_told)
{
    name_keys();
    struct wkv_store *store = test_store(4, 0);
    struct wkv_view view;
    int32_t n;
    int64_t sum;
    fill(store);
    ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set(&view, 2, test_text("7"), 0), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_list_push(&view, 3, test_text("x"), &n), WKV_STORE_OK);
    wkv_store_end(&view);
    struct wkv_changes *changes = wkv_changes_open(store, &(struct wkv_changes_options){0});
    ck_assert_ptr_nonnull(changes);
    ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_remember(&view, 7), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_list_remove(&view, 1, test_text("none"), &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_list_remove(&view, 3, test_text("none"), &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set_remove(&view, 0, test_text("none"), &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set_add(&view, 0, test_text("aa0"), &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_add(&view, 2, 0, WKV_INT64_RANGE, &sum), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_expire(&view, 3, TEST_NOW + 1000), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_delete(&view, 5), WKV_STORE_MISSING);
    wkv_view_keep(&view);
    wkv_store_end(&view);
    told = 0;
    wkv_changes_take(changes, count_change, NULL);
    ck_assert_uint_eq(told, 0);
    wkv_changes_close(changes);
    wkv_store_destroy(store);
}
END_TEST

/* Kept, it is told once; the budget is as it was after all is deleted. */
START_TEST(a_kept_view_is_told_of_and_nothing_of_it_stays_behind)
{
    name_keys();
    struct wkv_store *store = test_store(4, 1 << 20);
    struct wkv_store_stats before, after;
    struct wkv_view view;
    int32_t n;
    fill(store);
    ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
    (void)wkv_view_delete(&view, 0);
    (void)wkv_view_delete(&view, 1);
    wkv_store_end(&view);
    while (wkv_store_maintain(store, TEST_NOW, 1000)) {
    }
    wkv_store_stats(store, &before);
    for (int round = 0; round < 100; round++) {
        ck_assert_int_eq(wkv_store_begin(&view, store, keys, KEYS, 1, TEST_NOW), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_remember(&view, 5), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_set(&view, 2, test_text("v"), 0), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_list_push(&view, 3, test_text("v"), &n), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_set(&view, 2, test_text("w"), 0), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_list_pop(&view, 3, WKV_LIST_FIRST), WKV_STORE_OK);
        ck_assert_int_eq(wkv_view_delete(&view, 2), WKV_STORE_OK);
        if (round % 2 == 0)
            wkv_view_keep(&view);
        else
            wkv_view_undo(&view);
        wkv_store_end(&view);
    }
    while (wkv_store_maintain(store, TEST_NOW, 1000)) {
    }
    wkv_store_stats(store, &after);
    ck_assert_uint_eq(after.keys, before.keys);
    ck_assert_uint_le(after.bytes, before.bytes + 4096); /* buckets and slots that are kept */
    wkv_store_destroy(store);
}
END_TEST

Suite *undo_suite(void)
{
    Suite *suite = suite_create("store/undo");
    TCase *tests = tcase_create("undo");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_is_taken_back_has_never_been, 0, 2);
    tcase_add_test(tests, any_allocation_may_fail_and_all_is_taken_back);
    tcase_add_test(tests, what_a_kept_view_has_not_changed_is_not_told);
    tcase_add_test(tests, a_kept_view_is_told_of_and_nothing_of_it_stays_behind);
    suite_add_tcase(suite, tests);
    return suite;
}
