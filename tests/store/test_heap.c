/* The heap by itself: blocks keep what is written to them, wherever they are moved, and holes are used again.
 */
#include "store/heap.h"
#include "store/heap_sound.h"
#include "store/store_test.h"

#define MOST_BLOCKS 4000

/* A block's owner is its number here. */
struct block {
    unsigned char *at; /* NULL: there is none */
    size_t len;
    enum wkv_block_kind kind;
};

static struct wkv_pages pool;
static struct wkv_heap heap;
static struct block blocks[MOST_BLOCKS];
static uint64_t randomness;
static size_t stuck; /* blocks of this number on do not let themselves be moved */

static void open_heap(void)
{
    ck_assert(wkv_pages_init(&pool, 0, 0));
    heap = (struct wkv_heap){.pool = &pool};
    memset(blocks, 0, sizeof blocks);
    randomness = 4711;
    stuck = SIZE_MAX;
}

static void close_heap(void)
{
    wkv_pages_destroy(&pool);
}

static unsigned char content(size_t number, size_t i)
{
    return (unsigned char)(number * 31 + i * 7);
}

static void put(size_t number, enum wkv_block_kind kind, size_t len)
{
    struct block *block = &blocks[number];
    block->at = wkv_heap_alloc(&heap, kind, (uint32_t)number, len, 0);
    ck_assert_ptr_nonnull(block->at);
    ck_assert_uint_eq((uintptr_t)block->at % 8, 0);
    if (kind == WKV_BLOCK_BUCKETS || kind == WKV_BLOCK_FURTHER)
        ck_assert_uint_eq((uintptr_t)block->at % 64, 0);
    ck_assert_uint_eq(wkv_heap_bytes(block->at), wkv_heap_round(len));
    block->len = len;
    block->kind = kind;
    for (size_t i = 0; i < len; i++)
        block->at[i] = content(number, i);
}

static void take_away(size_t number)
{
    wkv_heap_free(&heap, blocks[number].at);
    blocks[number].at = NULL;
}

static void all_is_kept(void)
{
    uint64_t bytes = 0;
    for (size_t number = 0; number < MOST_BLOCKS; number++) {
        const struct block *block = &blocks[number];
        if (block->at == NULL)
            continue;
        bytes += wkv_heap_round(block->len);
        for (size_t i = 0; i < block->len; i++)
            if (block->at[i] != content(number, i))
                ck_abort_msg("block %zu of %zu bytes is not what it was at %zu", number, block->len, i);
    }
    ck_assert(heap_is_sound(&heap));
    ck_assert_uint_eq(heap.live_bytes, bytes);
    ck_assert_uint_eq(wkv_pages_held(&pool), heap.segments * WKV_SEGMENT_BYTES + pool.warm_bytes);
}

static bool relink(void *context, const struct wkv_block *word, void *old, void *fresh)
{
    struct block *block = &blocks[word->owner];
    ck_assert_ptr_eq(block->at, old);
    ck_assert_int_eq(wkv_block_kind(word), block->kind);
    ck_assert_ptr_eq(context, &heap);
    if (word->owner >= stuck)
        return false;
    block->at = fresh;
    return true;
}

static enum wkv_block_kind some_kind(void)
{
    static const enum wkv_block_kind kinds[] = {WKV_BLOCK_ENTRY, WKV_BLOCK_ENTRY,   WKV_BLOCK_MEMBER,
                                                WKV_BLOCK_CHUNK, WKV_BLOCK_BUCKETS, WKV_BLOCK_FURTHER};
    return kinds[test_below(&randomness, TEST_COUNT_OF(kinds))];
}

static size_t some_len(void)
{
    static const size_t most[] = {20, 100, 500, 5000, WKV_HEAP_MAX_BYTES - sizeof(struct wkv_block) - 1};
    return 1 + test_below(&randomness, most[test_below(&randomness, TEST_COUNT_OF(most))]);
}

static void some_step(void)
{
    size_t number = test_below(&randomness, MOST_BLOCKS);
    struct block *block = &blocks[number];
    if (block->at == NULL) {
        put(number, some_kind(), some_len());
    } else if (test_below(&randomness, 3) == 0) {
        block->len = 1 + test_below(&randomness, block->len);
        wkv_heap_shrink(&heap, block->at, block->len);
    } else {
        take_away(number);
    }
    if (test_below(&randomness, 50) == 0)
        (void)wkv_heap_evacuate(&heap, relink, &heap);
}

/* As a key of 16 bytes with a value of 32 takes: one line is read to find it. */
START_TEST(blocks_of_64_bytes_lie_on_a_cache_line_each)
{
    for (size_t number = 0; number < 100; number++) {
        put(number, number % 10 == 5 ? WKV_BLOCK_FURTHER : WKV_BLOCK_ENTRY, number % 10 == 5 ? 64 : 56);
        if (number % 10 != 5)
            ck_assert_uint_eq((uintptr_t)(blocks[number].at - sizeof(struct wkv_block)) % 64, 0);
    }
    for (size_t number = 0; number < 100; number++)
        take_away(number);
}
END_TEST

START_TEST(blocks_keep_what_is_in_them_wherever_they_are_moved)
{
    for (size_t step = 0; step < test_scaled(60000); step++) {
        some_step();
        if (step % 500 == 0)
            all_is_kept();
    }
    for (size_t number = 0; number < MOST_BLOCKS; number++)
        if (blocks[number].at != NULL)
            take_away(number);
    all_is_kept();
    ck_assert_uint_eq(heap.segments, 0);
    ck_assert_uint_eq(heap.unmoved, 0);
}
END_TEST

/* What cannot be moved stays, whole, and the rest goes on. */
START_TEST(blocks_without_an_owner_stay_where_they_are)
{
    stuck = MOST_BLOCKS - MOST_BLOCKS / 10;
    for (size_t step = 0; step < test_scaled(30000); step++) {
        some_step();
        if (step % 500 == 0)
            all_is_kept();
    }
    all_is_kept();
    ck_assert(test_scaled(100) < 100 || heap.unmoved > 0);
}
END_TEST

/* The pattern that no allocator that cannot move does well: small blocks, three in four freed, then larger
 * ones. */
START_TEST(holes_that_nothing_fits_are_moved_together)
{
    for (size_t number = 0; number < MOST_BLOCKS; number++)
        put(number, WKV_BLOCK_ENTRY, 200);
    uint32_t full = heap.segments;
    for (size_t number = 0; number < MOST_BLOCKS; number++)
        if (test_below(&randomness, 4) != 0)
            take_away(number);
    ck_assert_uint_gt(heap.segments, full - 2);
    unsigned evacuations = 0;
    while (wkv_heap_is_sparse(&heap)) {
        (void)wkv_heap_evacuate(&heap, relink, &heap);
        ck_assert_uint_lt(++evacuations, 2 * full);
    }
    all_is_kept();
    ck_assert_uint_le(heap.segments, full / 4 + 2);
}
END_TEST

/* Whatever the sizes, tidying comes to an end, and what is left is packed well. */
START_TEST(tidying_comes_to_an_end)
{
    static const size_t lens[] = {24, 200, 1000, 4096, 7000, 9000, 11000, WKV_HEAP_MAX_BYTES - 8};
    for (size_t k = 0; k < TEST_COUNT_OF(lens); k++) {
        size_t count = 1000000 / lens[k] < MOST_BLOCKS ? 1000000 / lens[k] : MOST_BLOCKS;
        for (size_t number = 0; number < count; number++)
            put(number, number % 7 == 0 ? WKV_BLOCK_BUCKETS : WKV_BLOCK_ENTRY, lens[k]);
        for (size_t number = 0; number < count; number++)
            if (number % 3 != 0)
                take_away(number);
        unsigned evacuations = 0;
        while (wkv_heap_is_sparse(&heap)) {
            (void)wkv_heap_evacuate(&heap, relink, &heap);
            ck_assert_uint_lt(++evacuations, 200);
        }
        all_is_kept();
        ck_assert_uint_le(heap.segments * WKV_SEGMENT_BYTES,
                          heap.live_bytes * 100 / 75 + 2 * WKV_SEGMENT_BYTES);
        for (size_t number = 0; number < count; number += 3)
            take_away(number);
        ck_assert_uint_eq(heap.segments, 0);
    }
}
END_TEST

START_TEST(without_a_segment_there_is_no_block_and_nothing_is_changed)
{
    pool.max_bytes = WKV_SEGMENT_BYTES;
    size_t count = 0;
    while ((blocks[count].at = wkv_heap_alloc(&heap, WKV_BLOCK_ENTRY, (uint32_t)count, 1000, 0)) != NULL) {
        blocks[count].len = 1;
        blocks[count].at[0] = content(count, 0);
        count++;
    }
    ck_assert_uint_gt(count, 60);
    ck_assert(heap_is_sound(&heap));
    ck_assert_uint_eq(heap.segments, 1);
    ck_assert_ptr_nonnull(wkv_heap_alloc(&heap, WKV_BLOCK_ENTRY, 0, 1000, WKV_SEGMENT_BYTES));
}
END_TEST

Suite *heap_suite(void)
{
    Suite *suite = suite_create("store/heap");
    TCase *tests = tcase_create("heap");
    tcase_add_checked_fixture(tests, open_heap, close_heap);
    tcase_add_test(tests, blocks_of_64_bytes_lie_on_a_cache_line_each);
    tcase_add_test(tests, blocks_keep_what_is_in_them_wherever_they_are_moved);
    tcase_add_test(tests, blocks_without_an_owner_stay_where_they_are);
    tcase_add_test(tests, holes_that_nothing_fits_are_moved_together);
    tcase_add_test(tests, tidying_comes_to_an_end);
    tcase_add_test(tests, without_a_segment_there_is_no_block_and_nothing_is_changed);
    suite_add_tcase(suite, tests);
    return suite;
}
