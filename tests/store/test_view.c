/* Several calls of several keys at one moment. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

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
    int32_t length;
    int64_t n;
    ck_assert_int_eq(begin(&view, store, keys, 3), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_set(&view, 0, test_text("7"), 0), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_list_push(&view, 1, test_text("item"), &length), WKV_STORE_OK);
    ck_assert_int_eq(wkv_view_add(&view, 2, 5, WKV_INT64_RANGE, &n), WKV_STORE_OK);
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
        int64_t sum;
        long total = 0;
        (void)begin(&view, accounts->store, keys, 2);
        (void)wkv_view_add(&view, i % 2, -1, WKV_INT32_RANGE, &sum);
        (void)wkv_view_add(&view, 1 - i % 2, 1, WKV_INT32_RANGE, &sum);
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

/* ---- large sets, read in pieces ---- */

#define LARGE 30000

struct large {
    struct wkv_store *store;
    atomic_bool over;
    atomic_bool broken;
    bool same; /* the writer changes what is read */
    size_t reads, given_up;
};

static struct wkv_text numbered(char text[24], size_t number)
{
    return (struct wkv_text){text, (size_t)snprintf(text, 24, "member %zu", number)};
}

/* One member is in this set or in that, never in both nor in none. */
static void *move_a_member(void *argument)
{
    struct large *large = argument;
    const char *left = large->same ? "left" : "other left", *right = large->same ? "right" : "other right";
    struct wkv_key keys[] = {test_key(left), test_key(right)};
    for (size_t i = 0; !atomic_load(&large->over); i++) {
        struct wkv_view view;
        int32_t size;
        (void)begin(&view, large->store, keys, 2);
        (void)wkv_view_set_remove(&view, i % 2, test_text("moves"), &size);
        (void)wkv_view_set_add(&view, 1 - i % 2, test_text("moves"), &size);
        wkv_store_end(&view);
        (void)nanosleep(&(struct timespec){0, large->same ? 2000000 : 1000}, NULL);
    }
    return NULL;
}

static void read_once(struct large *large, bool all)
{
    struct wkv_key keys[] = {test_key("left"), test_key("right")};
    struct wkv_view view;
    size_t shown;
    enum wkv_store_status status;
    (void)wkv_store_begin(&view, large->store, keys, 2, WKV_STORE_READS, TEST_NOW);
    do {
        shown = 0;
        status = all ? wkv_view_set_intersection(&view, 0, 2, test_count_visit, &shown)
                     : wkv_view_set_union(&view, 0, 2, test_count_visit, &shown);
    } while (status == WKV_STORE_CHANGED && wkv_view_again(&view));
    wkv_store_end(&view);
    ck_assert(status == WKV_STORE_OK || (status == WKV_STORE_CHANGED && large->same));
    if (status == WKV_STORE_OK)
        ck_assert_uint_eq(shown, all ? LARGE : LARGE + 1);
    large->reads += status == WKV_STORE_OK;
    large->given_up += status != WKV_STORE_OK;
}

/* What is shown is of one moment; a writer to the same keys makes a read begin anew, one to others does not.
 */
START_TEST(large_sets_are_read_in_pieces_and_yet_at_one_moment)
{
    struct large large = {.store = test_store(_i == 2 ? 1 : 64, 0), .same = _i == 0};
    pthread_t writer;
    char text[24];
    int32_t size;
    for (size_t i = 0; i < LARGE; i++) {
        (void)wkv_store_set_add(large.store, test_key("left"), numbered(text, i), TEST_NOW, &size);
        (void)wkv_store_set_add(large.store, test_key("right"), numbered(text, i), TEST_NOW, &size);
    }
    (void)wkv_store_set_add(large.store, test_key("left"), test_text("moves"), TEST_NOW, &size);
    ck_assert_int_eq(pthread_create(&writer, NULL, move_a_member, &large), 0);
    for (size_t i = 0; i < test_scaled_from(6, 40); i++)
        read_once(&large, i % 2 == 1);
    atomic_store(&large.over, true);
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    ck_assert_uint_gt(large.reads, 0);
    ck_assert(large.same || large.given_up == 0);
    for (uint32_t i = 0; i < large.store->shard_count; i++)
        ck_assert_ptr_null(large.store->shards[i].walks);
    wkv_store_destroy(large.store);
}
END_TEST

/* A visitor that, where it is let, changes what is shown: as another thread would between two pieces. */
struct meddler {
    struct wkv_view *view;
    struct wkv_store *store;
    const char *name;
    bool done;
    size_t shown;
};

static bool meddle(void *context, struct wkv_text text)
{
    struct meddler *meddler = context;
    int32_t n;
    (void)text;
    meddler->shown++;
    if (meddler->done || !wkv_view_let_go(meddler->view))
        return true;
    meddler->done = true;
    (void)wkv_store_list_push(meddler->store, test_key(meddler->name), test_text("new"), TEST_NOW, &n);
    (void)wkv_view_hold_again(meddler->view);
    return true;
}

/* A key that was missing and comes is a change as well. */
START_TEST(a_change_of_a_key_of_the_view_is_seen_and_one_of_another_key_is_not)
{
    static const struct {
        const char *name;
        enum wkv_store_status status;
    } cases[] = {{"list", WKV_STORE_CHANGED}, {"missing", WKV_STORE_CHANGED}, {"other", WKV_STORE_OK}};
    struct wkv_store *store = test_store(1, 0);
    struct wkv_key keys[] = {test_key("list"), test_key("missing")};
    struct wkv_view view;
    int32_t n;
    for (int i = 0; i < 5000; i++)
        (void)wkv_store_list_push(store, test_key("list"), test_text("item"), TEST_NOW, &n);
    struct meddler meddler = {&view, store, cases[_i].name, false, 0};
    (void)wkv_store_begin(&view, store, keys, 2, WKV_STORE_READS, TEST_NOW);
    ck_assert_int_eq(wkv_view_list_range(&view, 0, 0, -1, meddle, &meddler), cases[_i].status);
    if (cases[_i].status == WKV_STORE_CHANGED) {
        meddler.shown = 0;
        ck_assert(wkv_view_again(&view));
        ck_assert_int_eq(wkv_view_list_range(&view, 0, 0, -1, meddle, &meddler), WKV_STORE_OK);
    }
    ck_assert_uint_eq(meddler.shown, 5000 + (_i == 0));
    wkv_store_end(&view);
    wkv_store_destroy(store);
}
END_TEST

/* Else others would see half of what it does. */
START_TEST(a_view_that_has_written_keeps_its_locks)
{
    struct wkv_store *store = test_store(1, 0);
    struct wkv_key key = test_key("k");
    struct wkv_view view;
    (void)begin(&view, store, &key, 1);
    (void)wkv_view_delete(&view, 0);
    ck_assert(!wkv_view_let_go(&view));
    wkv_store_end(&view);
    (void)wkv_store_begin(&view, store, &key, 1, WKV_STORE_READS, TEST_NOW);
    size_t tries = 1;
    while (wkv_view_again(&view))
        tries++;
    ck_assert_uint_eq(tries, 8);
    wkv_store_end(&view);
    wkv_store_destroy(store);
}
END_TEST

/* ---- memory for all calls of a view ---- */

#define CALLS 24
#define KEYS 12

static enum wkv_store_status make(struct wkv_view *view, const struct wkv_view_call *call, uint64_t *random)
{
    static char value[4096];
    struct wkv_text text = {value, call->value_bytes};
    int32_t n;
    int64_t sum;
    for (size_t i = 0; i < 8 && i < text.len; i++)
        value[i] = (char)test_random(random);
    switch (call->what) {
    case WKV_CALL_SET:
        return wkv_view_set(view, call->key, text, TEST_NOW + WKV_NS_PER_S);
    case WKV_CALL_ADD:
        return wkv_view_add(view, call->key, 1, WKV_INT64_RANGE, &sum);
    case WKV_CALL_PUSH:
        return wkv_view_list_push(view, call->key, text, &n);
    default:
        return wkv_view_set_add(view, call->key, text, &n);
    }
}

/* Calls that need no memory, between. */
static void take_something(struct wkv_view *view, uint64_t *random)
{
    size_t key = test_below(random, KEYS);
    int32_t n;
    if (test_below(random, 4) == 0)
        (void)wkv_view_delete(view, key);
    (void)wkv_view_list_remove(view, key, test_text(""), &n);
    (void)wkv_view_set_remove(view, key, test_text(""), &n);
}

/* At a budget that is nearly always spent: a batch that has its memory never misses any, and what it did not
 * use is there again. */
START_TEST(calls_whose_memory_is_reserved_never_find_it_spent)
{
    static const enum wkv_store_blocks blocks[] = {WKV_STORE_BLOCKS_POOLED, WKV_STORE_BLOCKS_MALLOC};
    uint64_t random = 99, budget = 600000;
    struct wkv_store *store = test_store_of(blocks[_i % 2], _i < 2 ? 1 : 4, budget);
    struct test_name names[KEYS];
    struct wkv_key keys[KEYS];
    size_t done = 0, refused = 0, without = 0, rounds = test_scaled_from(4000, 20000);
    for (size_t round = 0; round < rounds; round++) {
        struct wkv_view_call calls[CALLS];
        struct wkv_view view;
        size_t count = 1 + test_below(&random, CALLS), most = test_below(&random, 3) == 0 ? 4000 : 40;
        for (size_t i = 0; i < KEYS; i++) {
            keys[i] = test_numbered_key(&names[i], "k", i + test_below(&random, 3) * KEYS);
            keys[i].keyspace = (uint32_t)(round / 100);
        }
        for (size_t i = 0; i < count; i++) {
            calls[i].what = test_below(&random, 4);
            calls[i].key = test_below(&random, KEYS);
            calls[i].value_bytes = test_below(&random, most);
        }
        ck_assert_int_eq(begin(&view, store, keys, KEYS), WKV_STORE_OK);
        bool reserved = test_below(&random, 8) != 0;
        if (reserved && wkv_view_reserve(&view, calls, count) != WKV_STORE_OK) {
            for (size_t i = 0; i < KEYS && test_below(&random, 2) == 0; i++)
                (void)wkv_view_delete(&view, i);
            refused++;
        } else {
            for (size_t i = 0; i < count; i++) {
                enum wkv_store_status status = make(&view, &calls[i], &random);
                ck_assert(status != WKV_STORE_NO_MEMORY || !reserved);
                without += status == WKV_STORE_NO_MEMORY;
                take_something(&view, &random);
            }
            done += reserved;
        }
        wkv_store_end(&view);
        if (round % 50 == 0)
            test_maintain_all(store, TEST_NOW);
        ck_assert_uint_le(test_stats(store).bytes, budget + 8192);
        ck_assert_uint_eq(test_stats(store).bytes, atomic_load(&store->budget.used_bytes));
    }
    ck_assert_uint_gt(done, rounds / 20);
    ck_assert_uint_gt(refused, rounds / 100);
    ck_assert_uint_gt(without, 0);
    wkv_store_destroy(store);
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
    tcase_add_loop_test(tests, large_sets_are_read_in_pieces_and_yet_at_one_moment, 0, 3);
    tcase_add_loop_test(tests, a_change_of_a_key_of_the_view_is_seen_and_one_of_another_key_is_not, 0, 3);
    tcase_add_test(tests, a_view_that_has_written_keeps_its_locks);
    tcase_add_loop_test(tests, calls_whose_memory_is_reserved_never_find_it_spent, 0, 4);
    suite_add_tcase(suite, tests);
    return suite;
}
