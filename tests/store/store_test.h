/* What the suites of the store share. Everything is static, so that a suite stays one file and this one. */
#ifndef WKV_TEST_STORE_TEST_H
#define WKV_TEST_STORE_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/room.h"
#include "lib/store_once.h"
#include "support/clock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

/* A moment that is no round number of anything. */
#define TEST_NOW INT64_C(987654321012)

#define TEST_COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Under valgrind the allocator is valgrind's, and a process is larger than what it holds. */
static inline bool test_on_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* The allocator is not the one that the program runs with, so nothing can be said of it. */
static inline bool test_foreign_allocator(const char *what)
{
    bool foreign = TEST_SANITIZED || test_on_valgrind();
    if (foreign)
        printf("skipped: %s: the allocator here is the sanitizer's or valgrind's\n", what);
    return foreign;
}

/* splitmix64. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A number from 0 to below - 1. */
static inline size_t test_below(uint64_t *state, size_t below)
{
    return (size_t)(test_random(state) % below);
}

static inline struct wkv_text test_text(const char *string)
{
    return (struct wkv_text){string, strlen(string)};
}

static inline struct wkv_key test_key(const char *name)
{
    return (struct wkv_key){1, test_text(name)};
}

/* A key made of a prefix and a number, in a buffer of the caller's. */
struct test_name {
    char text[48];
};

static inline struct wkv_key test_numbered_key(struct test_name *name, const char *prefix, size_t number)
{
    int len = snprintf(name->text, sizeof name->text, "%s%zu", prefix, number);
    return (struct wkv_key){1, {name->text, (size_t)len}};
}

static inline struct wkv_store *test_store(uint32_t shards, uint64_t max_memory_bytes)
{
    struct wkv_store_options options = {.shards = shards, .max_memory_bytes = max_memory_bytes};
    struct wkv_store *store = wkv_store_create(&options, TEST_NOW);
    ck_assert_ptr_nonnull(store);
    return store;
}

/* A store whose blocks come from where the suite says. */
static inline struct wkv_store *test_store_of(enum wkv_store_blocks blocks, uint32_t shards,
                                              uint64_t max_memory_bytes)
{
    struct wkv_store_options options = {
        .shards = shards, .max_memory_bytes = max_memory_bytes, .blocks = blocks};
    struct wkv_store *store = wkv_store_create(&options, TEST_NOW);
    ck_assert_ptr_nonnull(store);
    return store;
}

static inline struct wkv_store_stats test_stats(struct wkv_store *store)
{
    struct wkv_store_stats stats;
    wkv_store_stats(store, &stats);
    return stats;
}

/* Runs upkeep until none is left at that time. */
static inline void test_maintain_all(struct wkv_store *store, int64_t now_ns)
{
    while (wkv_store_maintain(store, now_ns, 1000))
        continue;
}

/* Texts that a visitor saw, copied. */
struct test_texts {
    size_t count;
    size_t capacity;
    struct wkv_text *texts;
};

static inline bool test_texts_see(void *context, struct wkv_text text)
{
    struct test_texts *seen = context;
    if (seen->count == seen->capacity) {
        seen->capacity = seen->capacity == 0 ? 16 : seen->capacity * 2;
        seen->texts = realloc(seen->texts, seen->capacity * sizeof *seen->texts);
        ck_assert_ptr_nonnull(seen->texts);
    }
    char *copy = malloc(text.len + 1);
    ck_assert_ptr_nonnull(copy);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    seen->texts[seen->count++] = (struct wkv_text){copy, text.len};
    return true;
}

static inline void test_texts_free(struct test_texts *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        free((char *)seen->texts[i].data);
    free(seen->texts);
    *seen = (struct test_texts){0};
}

static inline bool test_same(struct wkv_text a, struct wkv_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline int test_compare_texts(const void *left, const void *right)
{
    const struct wkv_text *a = left;
    const struct wkv_text *b = right;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static inline void test_texts_sort(struct test_texts *seen)
{
    if (seen->count > 1)
        qsort(seen->texts, seen->count, sizeof *seen->texts, test_compare_texts);
}

/* The texts joined by commas, for a comparison with a string. The result is good until the next call. */
static inline const char *test_joined(const struct test_texts *seen)
{
    static char joined[8192];
    size_t len = 0;
    joined[0] = '\0';
    for (size_t i = 0; i < seen->count; i++) {
        ck_assert_uint_lt(len + seen->texts[i].len + 2, sizeof joined);
        len += (size_t)sprintf(joined + len, "%s%s", i == 0 ? "" : ",", seen->texts[i].data);
    }
    return joined;
}

static inline bool test_count_visit(void *context, struct wkv_text text)
{
    (void)text;
    (*(size_t *)context)++;
    return true;
}

static inline bool test_never_visit(void *context, struct wkv_text text)
{
    (void)context;
    ck_abort_msg("nothing is to be shown, but a text of %zu bytes was", text.len);
    return false;
}

/* What get shows, as a string: "(missing)", "(wrong kind)" or the value. Good until the next call. */
static inline const char *test_got(struct wkv_store *store, const char *name, int64_t now_ns)
{
    static char got[16384];
    struct test_texts seen = {0};
    enum wkv_store_status status = wkv_store_get(store, test_key(name), now_ns, test_texts_see, &seen);
    if (status == WKV_STORE_OK) {
        ck_assert_uint_eq(seen.count, 1);
        ck_assert_uint_lt(seen.texts[0].len, sizeof got);
        memcpy(got, seen.texts[0].data, seen.texts[0].len + 1);
    } else {
        ck_assert_uint_eq(seen.count, 0);
        (void)snprintf(got, sizeof got, "%s", status == WKV_STORE_MISSING ? "(missing)" : "(wrong kind)");
    }
    test_texts_free(&seen);
    return got;
}

static inline void test_set(struct wkv_store *store, const char *name, const char *value)
{
    ck_assert_int_eq(wkv_store_set(store, test_key(name), test_text(value), 0, TEST_NOW), WKV_STORE_OK);
}

static inline int32_t test_push(struct wkv_store *store, const char *name, const char *value)
{
    int32_t length = -1;
    ck_assert_int_eq(wkv_store_list_push(store, test_key(name), test_text(value), TEST_NOW, &length),
                     WKV_STORE_OK);
    return length;
}

static inline int32_t test_set_add(struct wkv_store *store, const char *name, const char *member)
{
    int32_t size = -1;
    ck_assert_int_eq(wkv_store_set_add(store, test_key(name), test_text(member), TEST_NOW, &size),
                     WKV_STORE_OK);
    return size;
}

/* One key of each kind: "scalar", "counter", "list" and "set". */
static inline void test_one_of_each(struct wkv_store *store)
{
    int32_t sum;
    test_set(store, "scalar", "text");
    ck_assert_int_eq(wkv_store_add(store, test_key("counter"), 7, TEST_NOW, &sum), WKV_STORE_OK);
    (void)test_push(store, "list", "item");
    (void)test_set_add(store, "set", "member");
}

#endif
