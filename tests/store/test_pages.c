/* The pool: what is held is counted, bounded and given back. */
#include <sys/mman.h>

#include "store/heap.h"
#include "store/pages.h"
#include "store/store_test.h"

#define KIB ((size_t)1024)

static struct wkv_pages pool;

static void open_pool(void)
{
    ck_assert(wkv_pages_init(&pool, 1024 * KIB, 0));
}

static void close_pool(void)
{
    wkv_pages_destroy(&pool);
}

/* Pages from `at` on that are in memory. */
static size_t resident_pages(void *at, size_t bytes)
{
    static unsigned char pages[1024];
    size_t count = bytes / WKV_PAGE_BYTES, resident = 0;
    ck_assert_uint_le(count, sizeof pages);
    ck_assert_int_eq(mincore(at, bytes, pages), 0);
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1;
    return resident;
}

static void *taken(size_t bytes)
{
    size_t has;
    char *at = wkv_pages_take(&pool, bytes, 0, &has);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_ge(has, bytes);
    memset(at, 0xa5, bytes);
    return at;
}

START_TEST(what_is_taken_is_counted_and_what_is_given_back_goes)
{
    static const size_t sizes[] = {16 * KIB, 20 * KIB, 64 * KIB, 68 * KIB, 512 * KIB, 3 * 1024 * KIB};
    pool.max_bytes = 0;
    for (size_t i = 0; i < TEST_COUNT_OF(sizes); i++) {
        void *at = taken(sizes[i]);
        ck_assert_uint_eq(wkv_pages_held(&pool), sizes[i]);
        ck_assert_uint_eq(resident_pages(at, sizes[i]), sizes[i] / WKV_PAGE_BYTES);
        wkv_pages_give(&pool, at, sizes[i], sizes[i]);
        wkv_pages_trim(&pool);
        ck_assert_uint_eq(wkv_pages_held(&pool), 0);
        ck_assert_uint_eq(resident_pages(at, sizes[i]), 0);
        /* The addresses are used again. */
        void *again = taken(sizes[i]);
        ck_assert_ptr_eq(again, at);
        wkv_pages_give(&pool, again, sizes[i], sizes[i]);
        wkv_pages_trim(&pool);
    }
}
END_TEST

START_TEST(a_segment_lies_on_a_multiple_of_its_size)
{
    for (int i = 0; i < 16; i++)
        ck_assert_uint_eq((uintptr_t)taken(WKV_SEGMENT_BYTES) % WKV_SEGMENT_BYTES, 0);
}
END_TEST

/* Whether so many bytes are there. */
static bool can_take(size_t bytes, uint64_t credit_bytes)
{
    size_t has;
    return wkv_pages_take(&pool, bytes, credit_bytes, &has) != NULL;
}

START_TEST(the_bound_holds_but_for_those_who_may_pass_it)
{
    void *first = taken(1000 * KIB);
    ck_assert(!can_take(28 * KIB, 0));
    ck_assert(can_take(24 * KIB, 0));
    ck_assert(!can_take(20 * KIB, 16 * KIB));
    ck_assert(can_take(16 * KIB, 16 * KIB));
    ck_assert(!can_take(16 * KIB, 16 * KIB));
    ck_assert(can_take(16 * KIB, WKV_PAGES_ALL_CREDIT));
    ck_assert_uint_eq(wkv_pages_held(&pool), 1056 * KIB);
    ck_assert(!can_take(16 * KIB, 0));
    wkv_pages_give(&pool, first, 1000 * KIB, 1000 * KIB);
    ck_assert_uint_eq(wkv_pages_held(&pool), 56 * KIB);
    first = taken(900 * KIB);
    wkv_pages_give(&pool, first, 900 * KIB, 900 * KIB);
    /* It is warm still, which is in nobody's way, and goes before credit is used. */
    ck_assert(can_take(500 * KIB, 900 * KIB));
    ck_assert_uint_eq(wkv_pages_held(&pool), 556 * KIB);
    ck_assert(!can_take(900 * KIB, 0));
}
END_TEST

START_TEST(the_spare_is_for_credit_alone)
{
    wkv_pages_destroy(&pool);
    ck_assert(wkv_pages_init(&pool, 1024 * KIB, 64 * KIB));
    ck_assert(!can_take(964 * KIB, 0));
    ck_assert(can_take(960 * KIB, 0));
    ck_assert(!can_take(16 * KIB, 0));
    ck_assert(can_take(64 * KIB, pool.spare_bytes));
    ck_assert(!can_take(16 * KIB, pool.spare_bytes));
}
END_TEST

START_TEST(what_is_given_back_stays_warm_for_a_while_but_not_all_of_it)
{
    enum { COUNT = 48 };
    void *segments[COUNT];
    pool.max_bytes = 0;
    for (size_t i = 0; i < COUNT; i++)
        segments[i] = taken(WKV_SEGMENT_BYTES);
    for (size_t i = 0; i < COUNT; i++)
        wkv_pages_give(&pool, segments[i], WKV_SEGMENT_BYTES, WKV_SEGMENT_BYTES);
    ck_assert_uint_gt(wkv_pages_held(&pool), 0);
    ck_assert_uint_le(wkv_pages_held(&pool), 2048 * KIB);
    ck_assert_uint_eq(wkv_pages_held(&pool), pool.warm_bytes);
    uint64_t held = wkv_pages_held(&pool);
    size_t has;
    char *warm = wkv_pages_take(&pool, WKV_SEGMENT_BYTES, 0, &has);
    ck_assert_uint_eq(wkv_pages_held(&pool), held);
    ck_assert_int_eq(warm[5000], (char)0xa5);
    wkv_pages_trim(&pool);
    ck_assert_uint_eq(wkv_pages_held(&pool), WKV_SEGMENT_BYTES);
}
END_TEST

START_TEST(the_tail_of_what_is_cut_goes_at_once)
{
    char *at = taken(500 * KIB);
    wkv_pages_shrink(&pool, at, 500 * KIB, 12 * KIB);
    ck_assert_uint_eq(wkv_pages_held(&pool), 12 * KIB);
    ck_assert_uint_eq(resident_pages(at, 500 * KIB), 3);
    ck_assert_int_eq(at[12 * KIB - 1], (char)0xa5);
    wkv_pages_give(&pool, at, 500 * KIB, 12 * KIB);
    wkv_pages_trim(&pool);
    ck_assert_uint_eq(wkv_pages_held(&pool), 0);
    ck_assert_ptr_eq(taken(400 * KIB), at);
}
END_TEST

START_TEST(a_warm_slot_keeps_a_few_pages_that_are_too_many_and_gets_those_it_lacks)
{
    static const struct {
        size_t had, asked, has;
    } cases[] = {{40 * KIB, 40 * KIB, 40 * KIB},
                 {44 * KIB, 40 * KIB, 44 * KIB},
                 {64 * KIB, 40 * KIB, 52 * KIB},
                 {36 * KIB, 64 * KIB, 64 * KIB},
                 {64 * KIB, 36 * KIB, 48 * KIB}};
    for (size_t i = 0; i < TEST_COUNT_OF(cases); i++) {
        size_t has;
        void *at = taken(cases[i].had);
        wkv_pages_give(&pool, at, cases[i].had, cases[i].had);
        ck_assert_ptr_eq(wkv_pages_take(&pool, cases[i].asked, 0, &has), at);
        ck_assert_uint_eq(has, cases[i].has);
        ck_assert_uint_eq(wkv_pages_held(&pool), has);
        ck_assert_uint_le(resident_pages(at, 64 * KIB) * WKV_PAGE_BYTES, has);
        wkv_pages_give(&pool, at, cases[i].asked, has);
        wkv_pages_trim(&pool);
    }
    pool.max_bytes = 40 * KIB;
    wkv_pages_give(&pool, taken(36 * KIB), 36 * KIB, 36 * KIB);
    ck_assert(!can_take(44 * KIB, 0));
    ck_assert_uint_eq(wkv_pages_held(&pool), 0);
}
END_TEST

/* Any order of sizes, as often as it takes to come to each path. */
START_TEST(what_is_held_is_what_has_pages)
{
    enum { PLACES = 40 };
    struct {
        void *at;
        size_t taken, has;
    } places[PLACES] = {{0}};
    uint64_t random = 11, sum = 0;
    pool.max_bytes = 8 * 1024 * KIB;
    for (size_t step = 0; step < test_scaled(20000); step++) {
        size_t i = test_below(&random, PLACES);
        if (places[i].at == NULL) {
            places[i].taken =
                wkv_pages_round(16 * KIB + test_below(&random, 1 + test_below(&random, 900 * KIB)));
            places[i].at = wkv_pages_take(&pool, places[i].taken, 0, &places[i].has);
            sum += places[i].at == NULL ? 0 : places[i].has;
        } else if (test_below(&random, 4) == 0) {
            size_t left = wkv_pages_round(1 + test_below(&random, places[i].has));
            wkv_pages_shrink(&pool, places[i].at, places[i].has, left);
            sum -= places[i].has - left;
            places[i].has = left;
        } else {
            wkv_pages_give(&pool, places[i].at, places[i].taken, places[i].has);
            sum -= places[i].has;
            places[i].at = NULL;
        }
        if (test_below(&random, 200) == 0)
            wkv_pages_trim(&pool);
        ck_assert_uint_eq(wkv_pages_held(&pool), sum + pool.warm_bytes);
        ck_assert_uint_le(wkv_pages_held(&pool), pool.max_bytes);
    }
}
END_TEST

Suite *pages_suite(void)
{
    Suite *suite = suite_create("store/pages");
    TCase *tests = tcase_create("pages");
    tcase_add_checked_fixture(tests, open_pool, close_pool);
    tcase_add_test(tests, what_is_taken_is_counted_and_what_is_given_back_goes);
    tcase_add_test(tests, a_segment_lies_on_a_multiple_of_its_size);
    tcase_add_test(tests, the_bound_holds_but_for_those_who_may_pass_it);
    tcase_add_test(tests, the_spare_is_for_credit_alone);
    tcase_add_test(tests, what_is_given_back_stays_warm_for_a_while_but_not_all_of_it);
    tcase_add_test(tests, the_tail_of_what_is_cut_goes_at_once);
    tcase_add_test(tests, a_warm_slot_keeps_a_few_pages_that_are_too_many_and_gets_those_it_lacks);
    tcase_add_test(tests, what_is_held_is_what_has_pages);
    suite_add_tcase(suite, tests);
    return suite;
}
