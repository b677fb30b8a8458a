/* Keys that go to make room for others. */
#include <pthread.h>

#include "store/store.h"
#include "store/store_test.h"

#define MIB ((uint64_t)1 << 20)
#define LATER (TEST_NOW + 3600 * WKV_NS_PER_S)
#define SHARDS 4u

static struct wkv_store *store_that(enum wkv_evict evict, uint64_t max_memory_bytes)
{
    struct wkv_store_options options = {
        .shards = SHARDS, .max_memory_bytes = max_memory_bytes, .evict = evict};
    struct wkv_store *store = wkv_store_create(&options, TEST_NOW);
    ck_assert_ptr_nonnull(store);
    return store;
}

static char bytes[256 << 10];

static enum wkv_store_status try_set(struct wkv_store *store, const char *prefix, size_t number,
                                     size_t value_bytes, int64_t expires_at_ns)
{
    struct test_name name;
    return wkv_store_set(store, test_numbered_key(&name, prefix, number),
                         (struct wkv_text){bytes, value_bytes}, expires_at_ns, TEST_NOW);
}

static void set(struct wkv_store *store, const char *prefix, size_t number, size_t value_bytes)
{
    ck_assert_int_eq(try_set(store, prefix, number, value_bytes, 0), WKV_STORE_OK);
}

static bool has(struct wkv_store *store, const char *prefix, size_t number)
{
    struct test_name name;
    return wkv_store_exists(store, test_numbered_key(&name, prefix, number), TEST_NOW, NULL) == WKV_STORE_OK;
}

static bool get(struct wkv_store *store, const char *prefix, size_t number)
{
    struct test_name name;
    size_t shown = 0;
    return wkv_store_get(store, test_numbered_key(&name, prefix, number), TEST_NOW, test_count_visit,
                         &shown) == WKV_STORE_OK;
}

/* Sets keys until some have gone. Returns how many it set. */
static size_t fill(struct wkv_store *store, const char *prefix, size_t value_bytes)
{
    size_t number = 0;
    while (test_stats(store).evicted == 0)
        set(store, prefix, number++, value_bytes);
    return number;
}

START_TEST(without_it_a_write_at_the_budget_fails_and_nothing_goes)
{
    struct wkv_store *store = store_that(WKV_EVICT_NONE, MIB);
    size_t number = 0;
    while (try_set(store, "k", number, 100, 0) == WKV_STORE_OK)
        number++;
    ck_assert_uint_eq(test_stats(store).keys, number);
    ck_assert_uint_eq(test_stats(store).evicted, 0);
    wkv_store_destroy(store);
}
END_TEST

struct told {
    size_t puts, evicts, others;
};

static void see(void *context, const struct wkv_change *change)
{
    struct told *told = context;
    told->puts += change->what == WKV_CHANGE_PUT;
    told->evicts += change->what == WKV_CHANGE_EVICT;
    told->others += change->what != WKV_CHANGE_PUT && change->what != WKV_CHANGE_EVICT;
}

START_TEST(with_it_every_write_is_done_and_each_key_that_goes_is_told_of_once)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    struct wkv_changes *changes = wkv_changes_open(store, &(struct wkv_changes_options){0});
    struct told told = {0};
    uint64_t random = (uint64_t)_i + 1, left = 0;
    size_t count = TEST_SANITIZED ? 40000 : 100000;
    ck_assert_ptr_nonnull(changes);
    for (size_t i = 0; i < count; i++) {
        set(store, "k", i, test_below(&random, _i == 0 ? 200 : 40000));
        if (i % 100 == 0)
            wkv_changes_take(changes, see, &told);
        ck_assert_uint_le(test_stats(store).bytes, 4 * MIB);
    }
    wkv_changes_take(changes, see, &told);
    for (size_t i = 0; i < count; i++)
        left += has(store, "k", i);
    struct wkv_store_stats stats = test_stats(store);
    ck_assert_uint_gt(stats.evicted, 0);
    ck_assert_uint_eq(stats.keys, left);
    ck_assert_uint_eq(stats.keys_by_kind[WKV_SCALAR], left);
    ck_assert_uint_eq(stats.evicted, count - left);
    ck_assert_uint_eq(told.puts, count);
    ck_assert_uint_eq(told.evicts, stats.evicted);
    ck_assert_uint_eq(told.others, 0);
    ck_assert_uint_gt(stats.bytes, 4 * MIB * 3 / 4);
    wkv_changes_close(changes);
    wkv_store_destroy(store);
}
END_TEST

/* As one uses a cache. Returns how many of the keys were there. */
static size_t use(struct wkv_store *store, const char *prefix, size_t count)
{
    size_t hits = 0;
    for (size_t i = 0; i < count; i++) {
        bool hit = get(store, prefix, i);
        if (!hit)
            set(store, prefix, i, 100);
        hits += hit;
    }
    return hits;
}

/* Keys that are asked for again and again stay while more than fit in all are set once and never read. A
 * policy that does not look at that keeps four fifths of them from round to round. */
START_TEST(what_is_used_stays_while_others_pass_by)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    size_t hot = fill(store, "fill", 100) / 4, hits = 0, passing = 0;
    for (size_t round = 0; round < 16; round++) {
        hits = use(store, "hot", hot);
        for (size_t i = 0; i < hot; i++)
            set(store, "scan", passing++, 100);
    }
    ck_assert_uint_gt(hits, hot * 49 / 50);
    wkv_store_destroy(store);
}
END_TEST

/* And what is not used any more goes. */
START_TEST(what_was_used_goes_when_it_is_not_any_more)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    size_t count = fill(store, "fill", 100) / 2, hits = 0;
    for (size_t round = 0; round < 5; round++)
        (void)use(store, "old", count);
    for (size_t round = 0; round < 12; round++) {
        (void)use(store, "other", count / 2);
        hits = use(store, "new", count);
    }
    ck_assert_uint_gt(hits, count * 49 / 50);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(expiring_takes_only_keys_with_an_expiry_and_fails_when_none_is_left)
{
    struct wkv_store *store = store_that(WKV_EVICT_EXPIRING, 4 * MIB);
    size_t stay = 0, number = 0;
    for (; stay < 1000; stay++) {
        set(store, "stays", stay, 100);
        ck_assert_int_eq(try_set(store, "goes", stay, 100, LATER), WKV_STORE_OK);
    }
    for (; number < 30000; number++)
        ck_assert_int_eq(try_set(store, "goes", 1000 + number, 100, LATER), WKV_STORE_OK);
    ck_assert_uint_gt(test_stats(store).evicted, 0);
    while (try_set(store, "stays", stay, 100, 0) == WKV_STORE_OK)
        stay++;
    ck_assert_uint_eq(test_stats(store).keys, stay); /* whatever could go has gone */
    ck_assert_int_eq(try_set(store, "stays", stay, 1000, LATER), WKV_STORE_NO_MEMORY);
    for (size_t i = 0; i < stay; i++)
        ck_assert(has(store, "stays", i));
    ck_assert_int_eq(wkv_store_delete(store, test_key("stays0"), TEST_NOW), WKV_STORE_OK);
    wkv_store_destroy(store);
}
END_TEST

/* The few that may go are found among many that may not. */
START_TEST(one_key_that_expires_is_found)
{
    struct wkv_store *store = store_that(WKV_EVICT_EXPIRING, 4 * MIB);
    struct wkv_store_stats stats;
    ck_assert_int_eq(try_set(store, "goes", 0, 200000, LATER), WKV_STORE_OK);
    size_t stay = 0;
    do
        set(store, "stays", stay++, 100);
    while ((stats = test_stats(store)).evicted == 0);
    ck_assert(!has(store, "goes", 0));
    ck_assert_uint_eq(stats.keys, stay);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(notes_and_what_is_reserved_never_go)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    struct test_name name;
    struct wkv_key key = test_numbered_key(&name, "k", 0);
    size_t notes = 0, shown = 0, number = fill(store, "k", 100);
    key.keyspace = WKV_STORE_NOTES;
    ck_assert(wkv_store_reserve(store, MIB / 8));
    enum wkv_store_status status = WKV_STORE_OK;
    while (status == WKV_STORE_OK) {
        key.name = test_numbered_key(&name, "note", notes++).name;
        status = wkv_store_set(store, key, (struct wkv_text){bytes, 1000}, LATER, TEST_NOW);
    }
    ck_assert_int_eq(status, WKV_STORE_NO_MEMORY);
    ck_assert_uint_eq(test_stats(store).keys, 0); /* all went for them */
    ck_assert_uint_gt(test_stats(store).evicted, number / 2);
    ck_assert_int_eq(try_set(store, "k", 0, sizeof bytes, 0), WKV_STORE_NO_MEMORY);
    for (size_t i = 0; i + 1 < notes; i++) {
        key.name = test_numbered_key(&name, "note", i).name;
        ck_assert_int_eq(wkv_store_get(store, key, TEST_NOW, test_count_visit, &shown), WKV_STORE_OK);
    }
    wkv_store_release(store, MIB / 8);
    set(store, "k", 0, 1000);
    wkv_store_destroy(store);
}
END_TEST

/* A list that only grows is never the one that goes for its own next item, nor are those of one view. */
START_TEST(a_write_never_takes_a_key_of_its_own_view)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    struct wkv_key keys[] = {test_key("a"), test_key("b"), test_key("c"), test_key("d"), test_key("e")};
    int32_t length = 0;
    (void)fill(store, "k", 100);
    for (int32_t i = 1; i <= 2000; i++) {
        struct wkv_view view;
        ck_assert_int_eq(wkv_store_begin(&view, store, keys, TEST_COUNT_OF(keys), 500, TEST_NOW),
                         WKV_STORE_OK);
        for (size_t k = 0; k < TEST_COUNT_OF(keys); k++) {
            ck_assert_int_eq(wkv_view_list_push(&view, k, (struct wkv_text){bytes, 100}, &length),
                             WKV_STORE_OK);
            ck_assert_int_eq(length, i);
        }
        wkv_store_end(&view);
    }
    ck_assert_uint_gt(test_stats(store).evicted, 5000);
    wkv_store_destroy(store);
}
END_TEST

static void make_large_set(struct wkv_store *store, size_t members)
{
    struct test_name name;
    int32_t size;
    for (size_t i = 0; i < members; i++)
        ck_assert_int_eq(wkv_store_set_add(store, test_key("large"),
                                           test_numbered_key(&name, "member", i).name, TEST_NOW, &size),
                         WKV_STORE_OK);
}

/* Their memory comes back in pieces, and no write fails because it is not back yet. */
START_TEST(large_values_go_without_a_write_that_fails)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    make_large_set(store, 20000);
    for (size_t i = 0; i < 200000; i++)
        set(store, "k", i, 100);
    ck_assert_str_eq(test_got(store, "large", TEST_NOW), "(missing)");
    for (size_t i = 0; i < 200; i++)
        set(store, "many pages", i, sizeof bytes);
    for (size_t i = 0; i < 10000; i++)
        set(store, "k", i, 100);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(what_can_never_fit_has_nothing_go)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, MIB);
    char *huge = calloc(1, MIB);
    size_t number = fill(store, "k", 100);
    uint64_t keys = test_stats(store).keys;
    ck_assert_uint_gt(number, 1000);
    ck_assert_int_eq(wkv_store_set(store, test_key("huge"), (struct wkv_text){huge, MIB}, 0, TEST_NOW),
                     WKV_STORE_NO_MEMORY);
    ck_assert_uint_eq(test_stats(store).keys, keys);
    free(huge);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(what_has_expired_goes_as_expired)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, MIB);
    size_t number = 0;
    int64_t after = LATER + WKV_NS_PER_S;
    struct test_name name;
    for (; number < 1000; number++)
        ck_assert_int_eq(try_set(store, "k", number, 100, LATER), WKV_STORE_OK);
    for (size_t i = 0; i < 20000 && test_stats(store).expired < 1000; i++)
        ck_assert_int_eq(
            wkv_store_set(store, test_numbered_key(&name, "n", i), (struct wkv_text){bytes, 100}, 0, after),
            WKV_STORE_OK);
    ck_assert_uint_eq(test_stats(store).expired, 1000);
    wkv_store_destroy(store);
}
END_TEST

/* What is evicted for a view does not come back when the view's own changes are taken back. */
START_TEST(evictions_are_not_taken_back)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, MIB);
    struct wkv_key keys[] = {test_key("one"), test_key("two")};
    struct wkv_view view;
    int32_t length;
    (void)fill(store, "k", 100);
    test_set(store, "one", "before");
    struct wkv_store_stats before = test_stats(store);
    ck_assert_int_eq(wkv_store_begin(&view, store, keys, 2, 100000, TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_remember(&view, 2), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set(&view, 0, (struct wkv_text){bytes, 90000}, 0), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_list_push(&view, 1, test_text("item"), &length), WKV_STORE_OK);
    wkv_view_undo(&view);
    wkv_store_end(&view);
    struct wkv_store_stats after = test_stats(store);
    ck_assert_uint_gt(after.evicted, before.evicted);
    ck_assert_uint_eq(after.keys + after.evicted, before.keys + before.evicted);
    ck_assert_str_eq(test_got(store, "one", TEST_NOW), "before");
    ck_assert_str_eq(test_got(store, "two", TEST_NOW), "(missing)");
    wkv_store_destroy(store);
}
END_TEST

/* ---- many threads ---- */

#define HANDS 8u

struct hand {
    struct wkv_store *store;
    uint64_t random;
    size_t failures;
};

static void *work(void *context)
{
    struct hand *hand = context;
    size_t shown = 0;
    for (size_t i = 0; i < (TEST_SANITIZED ? 5000 : 40000); i++) {
        struct test_name name;
        size_t number = test_below(&hand->random, 50000);
        int32_t n;
        struct wkv_key key = test_numbered_key(&name, number % 4 == 0 ? "set" : "k", number / 4);
        struct wkv_text value = {bytes, test_below(&hand->random, 300)};
        enum wkv_store_status status =
            number % 4 == 0 ? wkv_store_set_add(hand->store, key, value, TEST_NOW, &n)
                            : wkv_store_set(hand->store, key, value, number % 4 == 1 ? LATER : 0, TEST_NOW);
        hand->failures += status != WKV_STORE_OK;
        (void)wkv_store_get(hand->store, key, TEST_NOW, test_count_visit, &shown);
    }
    return NULL;
}

static void run_hands(struct wkv_store *store, void *(*what)(void *))
{
    struct hand hands[HANDS];
    pthread_t threads[HANDS];
    for (size_t i = 0; i < HANDS; i++) {
        hands[i] = (struct hand){store, i + 1, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, what, &hands[i]), 0);
    }
    for (size_t i = 0; i < HANDS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_uint_eq(hands[i].failures, 0);
    }
    ck_assert_uint_gt(test_stats(store).evicted, 0);
}

START_TEST(many_threads_write_at_the_budget_and_none_fails)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 2 * MIB);
    run_hands(store, work);
    wkv_store_destroy(store);
}
END_TEST

static void *write_large(void *context)
{
    struct hand *hand = context;
    for (size_t i = 0; i < (TEST_SANITIZED ? 400 : 2000); i++)
        hand->failures +=
            try_set(hand->store, "large", test_below(&hand->random, 1000), sizeof bytes, 0) != WKV_STORE_OK;
    return NULL;
}

START_TEST(large_writes_do_not_take_the_room_that_was_made_for_others)
{
    struct wkv_store *store = store_that(WKV_EVICT_ANY, 4 * MIB);
    run_hands(store, write_large);
    wkv_store_destroy(store);
}
END_TEST

Suite *evict_suite(void)
{
    Suite *suite = suite_create("store/evict");
    TCase *tests = tcase_create("evict");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, without_it_a_write_at_the_budget_fails_and_nothing_goes);
    tcase_add_loop_test(tests, with_it_every_write_is_done_and_each_key_that_goes_is_told_of_once, 0, 2);
    tcase_add_test(tests, what_is_used_stays_while_others_pass_by);
    tcase_add_test(tests, what_was_used_goes_when_it_is_not_any_more);
    tcase_add_test(tests, expiring_takes_only_keys_with_an_expiry_and_fails_when_none_is_left);
    tcase_add_test(tests, one_key_that_expires_is_found);
    tcase_add_test(tests, notes_and_what_is_reserved_never_go);
    tcase_add_test(tests, a_write_never_takes_a_key_of_its_own_view);
    tcase_add_test(tests, large_values_go_without_a_write_that_fails);
    tcase_add_test(tests, what_can_never_fit_has_nothing_go);
    tcase_add_test(tests, what_has_expired_goes_as_expired);
    tcase_add_test(tests, evictions_are_not_taken_back);
    tcase_add_test(tests, many_threads_write_at_the_budget_and_none_fails);
    tcase_add_test(tests, large_writes_do_not_take_the_room_that_was_made_for_others);
    suite_add_tcase(suite, tests);
    return suite;
}
