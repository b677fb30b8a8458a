/* What the store tells of its changes. */
#include "store/store.h"
#include "store/store_test.h"

static struct wkv_changes *open_changes(struct wkv_store *store, size_t bytes, bool values)
{
    return wkv_changes_open(store, &(struct wkv_changes_options){.bytes_per_shard = bytes, .values = values});
}

static char line[4096];

/* "put 1/name=value;" */
static void see(void *context, const struct wkv_change *change)
{
    static const char *const names[] = {"put", "delete", "expire", "evict", "missed"};
    size_t used = strlen(line);
    (void)context;
    int len = snprintf(line + used, sizeof line - used, "%s %u/%.*s%s%.*s;", names[change->what],
                       change->key.keyspace, (int)change->key.name.len,
                       change->key.name.len == 0 ? "" : change->key.name.data, change->has_value ? "=" : "",
                       (int)change->value.len, change->value.len == 0 ? "" : change->value.data);
    ck_assert_int_lt(len, (int)(sizeof line - used));
}

static const char *taken(struct wkv_changes *changes)
{
    line[0] = '\0';
    wkv_changes_take(changes, see, NULL);
    return line;
}

static void set(struct wkv_store *store, const char *name, const char *value, int64_t expires_at_ns)
{
    ck_assert_int_eq(wkv_store_set(store, test_key(name), test_text(value), expires_at_ns, TEST_NOW),
                     WKV_STORE_OK);
}

START_TEST(each_change_is_told_once_with_its_value_where_that_is_wanted)
{
    struct wkv_store *store = test_store(1, 0);
    int32_t n;
    set(store, "before", "x", 0);
    struct wkv_changes *changes = open_changes(store, 0, _i == 1);
    ck_assert_str_eq(taken(changes), "");
    set(store, "k", "", 0);
    set(store, "k", "41", 0);
    ck_assert_int_eq(wkv_store_add(store, test_key("k"), 1, TEST_NOW, &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_add(store, test_key("k"), 0, TEST_NOW, &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_delete(store, test_key("k"), TEST_NOW), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_delete(store, test_key("k"), TEST_NOW), WKV_STORE_MISSING);
    ck_assert_int_eq(wkv_store_set_add(store, test_key("s"), test_text("a"), TEST_NOW, &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_add(store, test_key("s"), test_text("a"), TEST_NOW, &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("s"), test_text("b"), TEST_NOW, &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_set_remove(store, test_key("s"), test_text("a"), TEST_NOW, &n), WKV_STORE_OK);
    ck_assert_str_eq(taken(changes), _i == 1 ? "put 1/k=;put 1/k=41;put 1/k=42;delete 1/k;put 1/s;delete 1/s;"
                                             : "put 1/k;put 1/k;put 1/k;delete 1/k;put 1/s;delete 1/s;");
    ck_assert_str_eq(taken(changes), "");
    wkv_changes_close(changes);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(what_expires_is_told_by_upkeep_or_by_the_write_that_finds_it)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_changes *changes = open_changes(store, 0, false);
    int64_t later = TEST_NOW + 10 * WKV_NS_PER_S;
    int32_t n;
    set(store, "a", "x", TEST_NOW + 1);
    set(store, "b", "x", TEST_NOW + 1);
    (void)taken(changes);
    ck_assert_int_eq(wkv_store_exists(store, test_key("a"), later, NULL), WKV_STORE_MISSING);
    ck_assert_str_eq(taken(changes), "");
    ck_assert_int_eq(wkv_store_add(store, test_key("a"), 1, later, &n), WKV_STORE_OK);
    ck_assert_str_eq(taken(changes), "expire 1/a;put 1/a;");
    test_maintain_all(store, later);
    ck_assert_str_eq(taken(changes), "expire 1/b;");
    wkv_changes_close(changes);
    wkv_store_destroy(store);
}
END_TEST

/* What has no room is told as missed, once, behind what had, and the next take begins anew. */
START_TEST(what_has_no_room_is_told_as_missed)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_changes *changes = open_changes(store, 60, true);
    for (int i = 0; i < 2; i++) {
        set(store, "first", "1", 0);
        set(store, "large", "a value of more than a quarter", 0);
        for (int j = 0; j < 10; j++)
            set(store, "more", "2", 0);
        ck_assert_str_eq(taken(changes), "put 1/first=1;put 1/large;put 1/more=2;missed 0/;");
        ck_assert_str_eq(taken(changes), "");
    }
    wkv_changes_close(changes);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(there_is_one_observer_and_its_memory_is_counted)
{
    struct wkv_store *store = test_store(4, 300000);
    uint64_t bytes = test_stats(store).bytes;
    ck_assert_ptr_null(open_changes(store, 100000, false));
    ck_assert_uint_eq(test_stats(store).bytes, bytes);
    struct wkv_changes *changes = open_changes(store, 10000, false);
    ck_assert_ptr_nonnull(changes);
    ck_assert_uint_ge(test_stats(store).bytes, bytes + 50000);
    ck_assert_ptr_null(open_changes(store, 10, false));
    wkv_changes_close(changes);
    ck_assert_uint_eq(test_stats(store).bytes, bytes);
    set(store, "k", "nobody looks", 0);
    changes = open_changes(store, 1000, false);
    ck_assert_str_eq(taken(changes), "");
    wkv_changes_close(changes);
    wkv_changes_close(NULL);
    wkv_store_destroy(store);
}
END_TEST

/* Whoever is woken where there is something to take is not woken for ever for what nobody will take. */
START_TEST(what_was_not_taken_is_nobody_s_when_the_observer_ends)
{
    struct wkv_store *store = test_store(4, 0);
    struct wkv_changes *changes = open_changes(store, 1000, false);
    ck_assert(!wkv_store_has_changes(store));
    set(store, "k", "1", 0);
    ck_assert(wkv_store_has_changes(store));
    wkv_changes_close(changes);
    ck_assert(!wkv_store_has_changes(store));
    set(store, "k", "2", 0);
    ck_assert(!wkv_store_has_changes(store));
    wkv_store_destroy(store);
}
END_TEST

Suite *change_suite(void)
{
    Suite *suite = suite_create("store/change");
    TCase *tests = tcase_create("change");
    tcase_add_loop_test(tests, each_change_is_told_once_with_its_value_where_that_is_wanted, 0, 2);
    tcase_add_test(tests, what_expires_is_told_by_upkeep_or_by_the_write_that_finds_it);
    tcase_add_test(tests, what_has_no_room_is_told_as_missed);
    tcase_add_test(tests, there_is_one_observer_and_its_memory_is_counted);
    tcase_add_test(tests, what_was_not_taken_is_nobody_s_when_the_observer_ends);
    suite_add_tcase(suite, tests);
    return suite;
}
