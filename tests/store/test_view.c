/* Several calls of several keys at one moment. */
#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"
#include "store/store_test.h"

static enum wkv_store_status begin(struct wkv_view *view, struct wkv_store *store, const struct wkv_key *keys,
                                   size_t count)
{
    return wkv_store_begin(view, store, keys, count, 1, TEST_NOW);
}

START_TEST(calls_of_a_view_see_what_those_before_them_did)
{
    struct wkv_store *store = test_store(16, 0);
    struct wkv_key keys[] = {test_key("a"), test_key("b"), test_key("a")};
    struct wkv_view view;
    int32_t n;
    ck_assert_int_eq(begin(&view, store, keys, 3), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set(&view, 0, test_text("7"), 0), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_list_push(&view, 1, test_text("item"), &n), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_add(&view, 2, 5, &n), WKV_STORE_OK);
    ck_assert_int_eq(n, 12);
    ck_assert_int_eq(wkv_view_delete(&view, 0), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_exists(&view, 2, NULL), WKV_STORE_MISSING);
    wkv_store_end(&view);
    ck_assert_uint_eq(test_stats(store).keys, 1);
    wkv_store_destroy(store);
}
END_TEST

START_TEST(a_view_of_no_keys_locks_nothing)
{
    struct wkv_store *store = test_store(4, 0);
    struct wkv_view view;
    ck_assert_int_eq(begin(&view, store, NULL, 0), WKV_STORE_OK);
    (void)test_stats(store); /* takes every lock */
    wkv_store_end(&view);
    wkv_store_destroy(store);
}
END_TEST

/* The shards of all keys are locked, each once, whatever their number, and all are free again behind it. */
START_TEST(a_view_locks_the_shards_of_its_keys)
{
    static const uint32_t shards[] = {1, 2, 64, 128, WKV_STORE_MAX_SHARDS};
    struct wkv_store *store = test_store(shards[_i], 0);
    struct test_name names[100];
    struct wkv_key keys[100];
    for (size_t count = 1; count <= 100; count = count * 2 + 1) {
        struct wkv_view view;
        for (size_t i = 0; i < count; i++)
            keys[i] = test_numbered_key(&names[i], "k", i * i % 17);
        ck_assert_int_eq(begin(&view, store, keys, count), WKV_STORE_OK);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_ne(pthread_mutex_trylock(&wkv_store_place(store, keys[i]).shard->lock), 0);
        wkv_store_end(&view);
        (void)test_stats(store);
    }
    wkv_store_destroy(store);
}
END_TEST

/* ---- an invariant over two keys: writers move between them what readers count ---- */

#define THREADS 4
#define TOTAL 1000

struct accounts {
    struct wkv_store *store;
    size_t rounds;
    atomic_bool broken;
};

static bool read_number(void *context, struct wkv_text text)
{
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%.*s", (int)text.len, text.data);
    *(long *)context += strtol(digits, NULL, 10);
    return true;
}

static void *move_to_and_fro(void *argument)
{
    struct accounts *accounts = argument;
    struct wkv_key keys[] = {test_key("here"), test_key("there")};
    for (size_t i = 0; i < accounts->rounds; i++) {
        struct wkv_view view;
        int32_t sum;
        long total = 0;
        (void)begin(&view, accounts->store, keys, 2);
        (void)wkv_view_add(&view, i % 2, -1, &sum);
        (void)wkv_view_add(&view, 1 - i % 2, 1, &sum);
        wkv_store_end(&view);
        (void)wkv_store_begin(&view, accounts->store, keys, 2, WKV_STORE_READS, TEST_NOW);
        (void)wkv_view_get(&view, 0, read_number, &total);
        (void)wkv_view_get(&view, 1, read_number, &total);
        wkv_store_end(&view);
        if (total != TOTAL)
            atomic_store(&accounts->broken, true);
    }
    return NULL;
}

START_TEST(nobody_sees_half_of_a_view)
{
    struct accounts accounts = {.store = test_store(64, 0), .rounds = test_scaled_from(1000, 50000)};
    pthread_t threads[THREADS];
    int32_t sum;
    ck_assert_int_eq(wkv_store_add(accounts.store, test_key("here"), TOTAL, TEST_NOW, &sum), WKV_STORE_OK);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, move_to_and_fro, &accounts), 0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert(!atomic_load(&accounts.broken));
    wkv_store_destroy(accounts.store);
}
END_TEST

Suite *view_suite(void)
{
    Suite *suite = suite_create("store/view");
    TCase *tests = tcase_create("view");
    tcase_add_test(tests, calls_of_a_view_see_what_those_before_them_did);
    tcase_add_test(tests, a_view_of_no_keys_locks_nothing);
    tcase_add_loop_test(tests, a_view_locks_the_shards_of_its_keys, 0, 5);
    tcase_add_test(tests, nobody_sees_half_of_a_view);
    suite_add_tcase(suite, tests);
    return suite;
}
