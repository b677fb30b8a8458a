/* Memory that calls hold on to while others come and go. */
#include <check.h>
#include <string.h>

#include "front/slabs.h"

static struct wkv_slabs slabs;

static void set_up(void)
{
    ck_assert(wkv_slabs_init(&slabs));
}

static void tear_down(void)
{
    wkv_slabs_destroy(&slabs);
}

struct held {
    struct wkv_slab *slab;
    unsigned char *bytes;
    size_t len;
    unsigned char with;
};

static struct held hold(size_t len, unsigned char with)
{
    size_t bytes = 0;
    struct wkv_arena *arena = wkv_slabs_begin(&slabs);
    arena->max_bytes = (size_t)1 << 20;
    struct held held = {.bytes = wkv_arena_alloc(arena, len), .len = len, .with = with};
    ck_assert_ptr_nonnull(held.bytes);
    memset(held.bytes, with, len);
    held.slab = wkv_slabs_hold(&slabs, &bytes);
    ck_assert_ptr_nonnull(held.slab);
    ck_assert_uint_ge(bytes, len);
    return held;
}

static void check_and_release(const struct held *held)
{
    for (size_t i = 0; i < held->len; i++)
        ck_assert_uint_eq(held->bytes[i], held->with);
    wkv_slabs_release(&slabs, held->slab);
}

/* Some small, some larger than a slab; released in another order than they came, while others come. */
START_TEST(what_is_held_stays_while_others_come_and_go)
{
    enum { ROUNDS = 2000, WINDOW = 61 };
    struct held window[WINDOW] = {{0}};
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct held *one = &window[(i * 17) % WINDOW];
        if (one->slab != NULL)
            check_and_release(one);
        *one = hold(i % 97 == 0 ? 100000 : 1 + (i * 31) % 3000, (unsigned char)i);
        /* One that is not held is gone with the next. */
        memset(wkv_arena_alloc(wkv_slabs_begin(&slabs), 500), 0xee, 500);
    }
    for (unsigned i = 0; i < WINDOW; i++)
        if (window[i].slab != NULL)
            check_and_release(&window[i]);
}
END_TEST

START_TEST(a_slab_is_shared_and_used_again)
{
    struct held first = hold(100, 1), second = hold(100, 2), large = hold(40000, 3), next = hold(100, 4);
    ck_assert_ptr_eq(first.slab, second.slab);
    ck_assert_ptr_eq(first.slab, large.slab);
    ck_assert_ptr_ne(first.slab, next.slab);
    check_and_release(&second);
    check_and_release(&first);
    ck_assert_uint_eq(slabs.spare_count, 0);
    check_and_release(&large);
    ck_assert_uint_eq(slabs.spare_count, 1);
    check_and_release(&next);
    struct held again = hold(60000, 5);
    struct held after = hold(1, 6);
    ck_assert_ptr_eq(after.slab, first.slab);
    check_and_release(&again);
    check_and_release(&after);
}
END_TEST

Suite *slabs_suite(void)
{
    Suite *suite = suite_create("front/slabs");
    TCase *tests = tcase_create("slabs");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_held_stays_while_others_come_and_go);
    tcase_add_test(tests, a_slab_is_shared_and_used_again);
    suite_add_tcase(suite, tests);
    return suite;
}
