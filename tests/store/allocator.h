/* An allocator that counts and, when told to, fails: it stands in front of libc's own in the program that
 * includes this (one file of it). Where a sanitizer or valgrind has the allocator, nothing is counted and
 * test_foreign_allocator says so. */
#ifndef WKV_TEST_ALLOCATOR_H
#define WKV_TEST_ALLOCATOR_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "store/store_test.h"

/* Where nothing is counted, or a suite does without, they stand idle. */
static atomic_size_t test_allocations __attribute__((unused)); /* since the start */
static atomic_llong test_live_blocks __attribute__((unused));
static atomic_size_t test_fail_in __attribute__((unused)); /* this many from now one fails; 0: none does */

#if !TEST_SANITIZED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static inline bool test_is_to_fail(void)
{
    atomic_fetch_add(&test_allocations, 1);
    size_t left = atomic_load(&test_fail_in);
    while (left > 0 && !atomic_compare_exchange_weak(&test_fail_in, &left, left - 1))
        continue;
    if (left == 1)
        errno = ENOMEM;
    return left == 1;
}

static inline void *test_counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add(&test_live_blocks, 1);
    return block;
}

void *malloc(size_t size)
{
    return test_is_to_fail() ? NULL : test_counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return test_is_to_fail() ? NULL : test_counted(__libc_calloc(count, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return test_is_to_fail() ? NULL : test_counted(__libc_memalign(alignment, size));
}

void *realloc(void *block, size_t size)
{
    if (block == NULL)
        return malloc(size);
    return test_is_to_fail() ? NULL : __libc_realloc(block, size);
}

void free(void *block)
{
    if (block != NULL)
        atomic_fetch_sub(&test_live_blocks, 1);
    __libc_free(block);
}
#endif

/* Whether the counting can be relied on; where it can, it is checked to be there. */
static inline bool test_counts_allocations(const char *what)
{
    if (test_foreign_allocator(what))
        return false;
    size_t before = atomic_load(&test_allocations);
    void *volatile block = malloc(1);
    free(block);
    ck_assert_uint_eq(atomic_load(&test_allocations), before + 1);
    return true;
}

#endif
