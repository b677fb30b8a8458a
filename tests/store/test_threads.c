/* Many threads on the same keys. What is checked holds whatever the order that they run in; ThreadSanitizer
 * looks at the rest. */
#include <pthread.h>
#include <stdatomic.h>

#include "store/store_test.h"

#define THREADS 4

struct crew {
    struct wkv_store *store;
    atomic_bool over; /* the workers are done: those who only look on stop */
    size_t rounds;
    uint64_t most_held_bytes; /* 0: no bound */
};

struct hand {
    struct crew *crew;
    size_t number;
    uint64_t random;
    pthread_t thread;
};

/* Threads must not use Check's asserts: a failure there longjmps in the wrong thread without forking. */
static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

#define MUST(condition) must((condition), #condition)

static void *upkeep(void *argument)
{
    struct crew *crew = argument;
    int64_t now_ns = TEST_NOW;
    while (!atomic_load(&crew->over)) {
        (void)wkv_store_maintain(crew->store, now_ns, 16);
        uint64_t held_bytes = test_stats(crew->store).held_bytes;
        MUST(crew->most_held_bytes == 0 || held_bytes <= crew->most_held_bytes);
        now_ns += WKV_NS_PER_MS;
    }
    return NULL;
}

/* Runs THREADS of `work`, and of `look` as many as given, with upkeep beside them, until the work is done. */
static void run_crew(struct crew *crew, void *(*work)(void *hand), void *(*look)(void *hand), size_t lookers)
{
    struct hand hands[THREADS], onlookers[THREADS];
    pthread_t janitor;
    ck_assert_uint_le(lookers, THREADS);
    ck_assert_int_eq(pthread_create(&janitor, NULL, upkeep, crew), 0);
    for (size_t i = 0; i < lookers; i++) {
        onlookers[i] = (struct hand){.crew = crew, .number = i, .random = i + 100};
        ck_assert_int_eq(pthread_create(&onlookers[i].thread, NULL, look, &onlookers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        hands[i] = (struct hand){.crew = crew, .number = i, .random = i + 1};
        ck_assert_int_eq(pthread_create(&hands[i].thread, NULL, work, &hands[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(hands[i].thread, NULL), 0);
    atomic_store(&crew->over, true);
    for (size_t i = 0; i < lookers; i++)
        ck_assert_int_eq(pthread_join(onlookers[i].thread, NULL), 0);
    ck_assert_int_eq(pthread_join(janitor, NULL), 0);
}

/* ---- adds ---- */

#define COUNTERS 16

static void *add_ones(void *argument)
{
    struct hand *hand = argument;
    struct test_name name;
    for (size_t i = 0; i < hand->crew->rounds; i++) {
        int32_t sum;
        struct wkv_key key = test_numbered_key(&name, "c", i % COUNTERS);
        MUST(wkv_store_add(hand->crew->store, key, 1, TEST_NOW, &sum) == WKV_STORE_OK);
        MUST(sum > 0);
    }
    return NULL;
}

START_TEST(adds_from_many_threads_lose_nothing)
{
    struct crew crew = {.store = test_store(4, 0), .rounds = test_scaled(30000) / COUNTERS * COUNTERS};
    struct test_name name;
    run_crew(&crew, add_ones, NULL, 0);
    for (size_t i = 0; i < COUNTERS; i++) {
        int32_t sum;
        struct wkv_key key = test_numbered_key(&name, "c", i);
        if (crew.rounds == 0)
            break;
        ck_assert_int_eq(wkv_store_add(crew.store, key, 0, TEST_NOW, &sum), WKV_STORE_OK);
        ck_assert_int_eq((size_t)sum, crew.rounds / COUNTERS * THREADS);
    }
    wkv_store_destroy(crew.store);
}
END_TEST

/* ---- pushes ---- */

static void *push_numbers(void *argument)
{
    struct hand *hand = argument;
    char value[32];
    for (size_t i = 0; i < hand->crew->rounds; i++) {
        int32_t length;
        int len = snprintf(value, sizeof value, "%zu %zu", hand->number, i);
        MUST(wkv_store_list_push(hand->crew->store, test_key(i % 2 == 0 ? "even" : "odd"),
                                 (struct wkv_text){value, (size_t)len}, TEST_NOW, &length) == WKV_STORE_OK);
        MUST(length > 0);
    }
    return NULL;
}

struct last_seen {
    size_t next[THREADS]; /* the item that is to come next, from each thread */
    size_t count;
};

static bool see_in_order(void *context, struct wkv_text text)
{
    struct last_seen *seen = context;
    char copy[32];
    char *rest;
    MUST(text.len < sizeof copy);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    size_t number = strtoul(copy, &rest, 10);
    MUST(number < THREADS);
    MUST(strtoul(rest, NULL, 10) == seen->next[number]);
    seen->next[number] += 2;
    seen->count++;
    return true;
}

/* What is there so far holds every thread's items without a gap, at any moment. */
static void *look_at_lists(void *argument)
{
    struct hand *hand = argument;
    while (!atomic_load(&hand->crew->over)) {
        struct wkv_key key = test_key("even");
        struct wkv_view view;
        enum wkv_store_status status;
        (void)wkv_store_begin(&view, hand->crew->store, &key, 1, WKV_STORE_READS, TEST_NOW);
        do {
            struct last_seen seen = {0};
            status = wkv_view_list_range(&view, 0, 0, -1, see_in_order, &seen);
        } while (status == WKV_STORE_CHANGED && wkv_view_again(&view));
        wkv_store_end(&view);
        MUST(status == WKV_STORE_OK || status == WKV_STORE_CHANGED);
    }
    return NULL;
}

START_TEST(pushes_keep_the_order_of_each_thread)
{
    struct crew crew = {.store = test_store(4, 0), .rounds = test_scaled(6000) & ~(size_t)1};
    struct last_seen even = {0}, odd = {.next = {1, 1, 1, 1}};
    run_crew(&crew, push_numbers, look_at_lists, 1);
    ck_assert_int_eq(wkv_store_list_range(crew.store, test_key("even"), 0, -1, TEST_NOW, see_in_order, &even),
                     WKV_STORE_OK);
    ck_assert_int_eq(wkv_store_list_range(crew.store, test_key("odd"), 0, -1, TEST_NOW, see_in_order, &odd),
                     WKV_STORE_OK);
    ck_assert_uint_eq(even.count + odd.count, crew.rounds * THREADS);
    wkv_store_destroy(crew.store);
}
END_TEST

/* ---- several sets at one moment ---- */

/* Every worker has a pair of sets and moves two members of its own to and fro between them. "always" is added
 * to the one before it is taken from the other, so it is in the union at every moment. "never" is taken
 * before it is added, so at no moment is it in both. A look that sees the two sets at two moments breaks
 * either. */
static struct wkv_key pair_key(struct test_name *name, size_t pair, size_t side)
{
    return test_numbered_key(name, side == 0 ? "left" : "right", pair);
}

static void *move_members(void *argument)
{
    struct hand *hand = argument;
    struct wkv_store *store = hand->crew->store;
    struct test_name here_name, there_name;
    int32_t size;
    for (size_t i = 0; i < hand->crew->rounds; i++) {
        struct wkv_key from = pair_key(&here_name, hand->number, i % 2);
        struct wkv_key to = pair_key(&there_name, hand->number, 1 - i % 2);
        MUST(wkv_store_set_add(store, to, test_text("always"), TEST_NOW, &size) == WKV_STORE_OK);
        MUST(wkv_store_set_remove(store, from, test_text("always"), TEST_NOW, &size) == WKV_STORE_OK);
        MUST(wkv_store_set_remove(store, from, test_text("never"), TEST_NOW, &size) == WKV_STORE_OK);
        MUST(wkv_store_set_add(store, to, test_text("never"), TEST_NOW, &size) == WKV_STORE_OK);
    }
    return NULL;
}

struct sighting {
    bool always;
    bool never;
    size_t count;
};

static bool see_member(void *context, struct wkv_text text)
{
    struct sighting *sighting = context;
    sighting->always |= test_same(text, test_text("always"));
    sighting->never |= test_same(text, test_text("never"));
    sighting->count++;
    return true;
}

static void *look_at_pairs(void *argument)
{
    struct hand *hand = argument;
    struct wkv_store *store = hand->crew->store;
    struct test_name names[2];
    while (!atomic_load(&hand->crew->over)) {
        size_t pair = test_below(&hand->random, THREADS);
        size_t side = test_below(&hand->random, 2);
        struct wkv_key keys[] = {pair_key(&names[0], pair, side), pair_key(&names[1], pair, 1 - side)};
        struct sighting any = {0}, both = {0};
        MUST(wkv_store_set_union(store, keys, 2, TEST_NOW, see_member, &any) == WKV_STORE_OK);
        MUST(any.always);
        MUST(any.count <= 2);
        MUST(wkv_store_set_intersection(store, keys, 2, TEST_NOW, see_member, &both) == WKV_STORE_OK);
        MUST(!both.never);
    }
    return NULL;
}

START_TEST(union_and_intersection_see_their_keys_at_one_moment)
{
    struct crew crew = {.store = test_store(64, 0), .rounds = test_scaled(20000)};
    struct test_name name;
    int32_t size;
    for (size_t pair = 0; pair < THREADS; pair++)
        ck_assert_int_eq(
            wkv_store_set_add(crew.store, pair_key(&name, pair, 0), test_text("always"), TEST_NOW, &size),
            WKV_STORE_OK);
    run_crew(&crew, move_members, look_at_pairs, 2);
    wkv_store_destroy(crew.store);
}
END_TEST

/* ---- locks ---- */

#define SETS 24

static void *unite_at_random(void *argument)
{
    struct hand *hand = argument;
    struct wkv_store *store = hand->crew->store;
    for (size_t i = 0; i < hand->crew->rounds; i++) {
        struct test_name names[12];
        struct wkv_key keys[12];
        int32_t size;
        size_t shown = 0, count = 1 + test_below(&hand->random, TEST_COUNT_OF(keys));
        for (size_t k = 0; k < count; k++)
            keys[k] = test_numbered_key(&names[k], "s", test_below(&hand->random, SETS));
        MUST((i % 2 == 0 ? wkv_store_set_union : wkv_store_set_intersection)(
                 store, keys, count, TEST_NOW, test_count_visit, &shown) == WKV_STORE_OK);
        MUST(wkv_store_set_add(store, keys[0], test_text(i % 3 == 0 ? "a" : "b"), TEST_NOW, &size) ==
             WKV_STORE_OK);
        if (i % 5 == 0)
            MUST(wkv_store_delete(store, keys[count - 1], TEST_NOW) <= WKV_STORE_MISSING);
    }
    return NULL;
}

START_TEST(many_keys_in_any_order_do_not_deadlock)
{
    struct crew crew = {.store = test_store(8, 0), .rounds = test_scaled(20000)};
    run_crew(&crew, unite_at_random, unite_at_random, 0);
    wkv_store_destroy(crew.store);
}
END_TEST

/* ---- everything at once ---- */

static void *do_anything(void *argument)
{
    struct hand *hand = argument;
    struct wkv_store *store = hand->crew->store;
    int64_t now_ns = TEST_NOW;
    for (size_t i = 0; i < hand->crew->rounds; i++) {
        struct test_name name;
        struct wkv_key key = test_numbered_key(&name, "k", test_below(&hand->random, 30));
        int32_t n;
        size_t shown = 0;
        now_ns += (int64_t)test_below(&hand->random, 200000);
        switch (test_below(&hand->random, 12)) {
        case 0:
        case 1:
            (void)wkv_store_set(store, key, test_text("12"),
                                now_ns + (int64_t)test_below(&hand->random, WKV_NS_PER_S), now_ns);
            break;
        case 2:
            (void)wkv_store_set(store, key, test_text("a longer value than the other"), 0, now_ns);
            break;
        case 3:
            (void)wkv_store_get(store, key, now_ns, test_count_visit, &shown);
            break;
        case 4:
            (void)wkv_store_add(store, key, 1, now_ns, &n);
            break;
        case 5:
            (void)wkv_store_delete(store, key, now_ns);
            break;
        case 6:
            for (int j = 0; j < 40; j++)
                (void)wkv_store_list_push(store, key, test_text("an item that is pushed"), now_ns, &n);
            break;
        case 7:
            (void)wkv_store_list_range(store, key, -5, -1, now_ns, test_count_visit, &shown);
            break;
        case 8:
            (void)wkv_store_list_remove(store, key, test_text("another"), now_ns, &n);
            break;
        case 9:
            for (int j = 0; j < 40; j++)
                (void)wkv_store_set_add(store, key, (struct wkv_text){"0123456789abcdef", (size_t)j % 17},
                                        now_ns, &n);
            break;
        case 10:
            (void)wkv_store_set_remove(store, key, test_text("0123"), now_ns, &n);
            break;
        default:
            (void)wkv_store_exists(store, key, now_ns, NULL);
            break;
        }
    }
    return NULL;
}

/* With a budget, too, which all shards share. The destruction asserts that every shard's account is even. */
START_TEST(any_calls_at_once_leave_the_store_in_order)
{
    struct crew crew = {.store = test_store(4, _i == 0 ? 0 : 40000), .rounds = test_scaled(20000)};
    struct test_name name;
    run_crew(&crew, do_anything, NULL, 0);
    int64_t later = TEST_NOW + INT64_C(1000) * WKV_NS_PER_S;
    for (size_t i = 0; i < 30; i++)
        (void)wkv_store_delete(crew.store, test_numbered_key(&name, "k", i), later);
    test_maintain_all(crew.store, later);
    struct wkv_store_stats stats = test_stats(crew.store);
    ck_assert_uint_eq(stats.keys, 0);
    struct wkv_store *empty = test_store(4, 0);
    ck_assert_uint_le(stats.bytes - test_stats(empty).bytes, 4 * 8192);
    wkv_store_destroy(empty);
    wkv_store_destroy(crew.store);
}
END_TEST

/* Values of all sizes, so that near the bound of memory every thread moves blocks in everybody's shards. */
static void *fill_up(void *argument)
{
    static const char filler[40000];
    struct hand *hand = argument;
    struct wkv_store *store = hand->crew->store;
    for (size_t i = 0; i < hand->crew->rounds; i++) {
        struct test_name name;
        struct wkv_key key = test_numbered_key(&name, "k", test_below(&hand->random, 3000));
        size_t most = test_below(&hand->random, 50) == 0 ? sizeof filler : 1 + i * 2000 / hand->crew->rounds;
        size_t shown = 0;
        if (test_below(&hand->random, 4) == 0)
            (void)wkv_store_delete(store, key, TEST_NOW);
        else
            (void)wkv_store_set(store, key, (struct wkv_text){filler, test_below(&hand->random, most)}, 0,
                                TEST_NOW);
        (void)wkv_store_get(store, key, TEST_NOW, test_count_visit, &shown);
    }
    return NULL;
}

START_TEST(threads_that_share_a_budget_make_room_for_each_other)
{
    uint64_t budget_bytes = 2u << 20, most_held_bytes = budget_bytes + budget_bytes / 8 + 8 * 65536;
    /* Each thread may hold a large value beyond that while it replaces another. */
    struct crew crew = {.store = test_store_of(WKV_STORE_BLOCKS_POOLED, 8, budget_bytes),
                        .rounds = test_scaled(40000),
                        .most_held_bytes = most_held_bytes + THREADS * 40000};
    run_crew(&crew, fill_up, NULL, 0);
    struct wkv_store_stats stats = test_stats(crew.store);
    ck_assert_uint_le(stats.bytes, stats.budget_bytes + THREADS * 40000);
    ck_assert_uint_le(stats.held_bytes, most_held_bytes);
    wkv_store_destroy(crew.store);
}
END_TEST

Suite *threads_suite(void)
{
    Suite *suite = suite_create("store/threads");
    TCase *tests = tcase_create("threads");
    tcase_add_test(tests, adds_from_many_threads_lose_nothing);
    tcase_add_test(tests, pushes_keep_the_order_of_each_thread);
    tcase_add_test(tests, union_and_intersection_see_their_keys_at_one_moment);
    tcase_add_test(tests, many_keys_in_any_order_do_not_deadlock);
    tcase_add_loop_test(tests, any_calls_at_once_leave_the_store_in_order, 0, 2);
    tcase_add_test(tests, threads_that_share_a_budget_make_room_for_each_other);
    suite_add_tcase(suite, tests);
    return suite;
}
