/* The protobuf path and the MessagePack path allocate nothing while the arena's first block and the worker's
 * buffer suffice. This program counts: it puts its own malloc before glibc's. A sanitizer needs that place
 * for itself, so the tests are skipped under one. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/messages.h"
#include "lib/room.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#ifndef IS_SANITIZED

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *bytes, size_t size);

static size_t allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *bytes, size_t size)
{
    allocations++;
    return __libc_realloc(bytes, size);
}

/* Check's assertions allocate, so a count is taken before one. */

START_TEST(counts_what_is_allocated)
{
    /* The other tests mean nothing unless this one holds. */
    struct wkv_arena arena;
    struct wkv_buffer buffer = {0};
    size_t before = allocations;
    bool made = wkv_arena_init(&arena, 4096, 4096) && wkv_buffer_append(&buffer, "a", 1);
    size_t after = allocations;
    ck_assert(made);
    ck_assert_uint_eq(after, before + 2);
    ProtobufCMessage *message;
    before = allocations;
    enum wkv_code code = wkv_decode(&keyvalue__get_request__descriptor, WKV_JSON, "{\"key\":\"a\"}", 11,
                                    &arena, &message, NULL);
    after = allocations;
    ck_assert_int_eq(code, WKV_OK);
    ck_assert_uint_gt(after, before); /* jansson's */
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(decoding_protobuf_allocates_nothing)
{
    struct wkv_arena arena, made;
    ck_assert(wkv_arena_init(&arena, 1 << 20, 1 << 20));
    ck_assert(wkv_arena_init(&made, 1 << 16, 1 << 24));
    struct wkv_error error;
    uint64_t random = 1 + (uint64_t)_i;
    uint8_t *packed = malloc(1 << 20);
    for (size_t round = 0; round < test_scaled_from(10, 100); round++) {
        wkv_arena_reset(&arena);
        wkv_arena_reset(&made);
        ProtobufCMessage *message = test_random_message(all_messages[_i], &random, &made);
        ck_assert_uint_le(protobuf_c_message_get_packed_size(message), 1 << 20);
        size_t len = protobuf_c_message_pack(message, packed);
        ProtobufCMessage *back;
        size_t before = allocations;
        enum wkv_code code = wkv_decode(all_messages[_i], WKV_PROTOBUF, packed, len, &arena, &back, &error);
        /* A bad request costs nothing either: this length goes past the end. */
        enum wkv_code bad = wkv_decode(all_messages[_i], WKV_PROTOBUF, "\x0a\x05x", 3, &arena, &back, &error);
        size_t after = allocations;
        ck_assert_uint_eq(after, before);
        ck_assert_int_eq(code, WKV_OK);
        ck_assert_int_eq(bad, WKV_BAD_REQUEST);
    }
    free(packed);
    wkv_arena_destroy(&made);
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(decoding_msgpack_allocates_nothing)
{
    struct wkv_arena arena, made;
    ck_assert(wkv_arena_init(&arena, 1 << 20, 1 << 20));
    ck_assert(wkv_arena_init(&made, 1 << 16, 1 << 24));
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    struct wkv_error error;
    uint64_t random = 1 + (uint64_t)_i;
    for (size_t round = 0; round < test_scaled_from(10, 100); round++) {
        wkv_arena_reset(&arena);
        wkv_arena_reset(&made);
        ProtobufCMessage *message = test_random_message(all_messages[_i], &random, &made);
        ck_assert_int_eq(test_write(message, WKV_MSGPACK, &buffer, 1 << 20, &sink), WKV_OK);
        ProtobufCMessage *back;
        size_t before = allocations;
        enum wkv_code code =
            wkv_decode(all_messages[_i], WKV_MSGPACK, buffer.data, buffer.len, &arena, &back, &error);
        enum wkv_code bad =
            wkv_decode(all_messages[_i], WKV_MSGPACK, "\x81\xa3key\xa5", 6, &arena, &back, &error);
        size_t after = allocations;
        ck_assert_uint_eq(after, before);
        ck_assert_int_eq(code, WKV_OK);
        ck_assert_int_eq(bad, WKV_BAD_REQUEST);
    }
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&made);
    wkv_arena_destroy(&arena);
}
END_TEST

START_TEST(writing_into_a_buffer_that_is_large_enough_allocates_nothing)
{
    struct wkv_arena made;
    ck_assert(wkv_arena_init(&made, 1 << 16, 1 << 24));
    struct wkv_buffer buffer = {0};
    ck_assert(wkv_buffer_reserve(&buffer, 4 << 20));
    struct wkv_sink sink;
    uint64_t random = 1 + (uint64_t)_i;
    for (size_t round = 0; round < test_scaled_from(10, 100); round++) {
        wkv_arena_reset(&made);
        ProtobufCMessage *message = test_random_message(all_messages[_i], &random, &made);
        size_t before = allocations;
        enum wkv_code protobuf = test_write(message, WKV_PROTOBUF, &buffer, 4 << 20, &sink);
        enum wkv_code json = test_write(message, WKV_JSON, &buffer, 4 << 20, &sink);
        enum wkv_code msgpack = test_write(message, WKV_MSGPACK, &buffer, 4 << 20, &sink);
        size_t after = allocations;
        ck_assert_uint_eq(after, before);
        ck_assert_int_eq(msgpack, WKV_OK);
        ck_assert_int_eq(protobuf, WKV_OK);
        ck_assert_int_eq(json, WKV_OK);
    }
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&made);
}
END_TEST

/* valgrind takes malloc's place at run time. */
static bool counts(void)
{
    struct wkv_buffer buffer = {0};
    size_t before = allocations;
    bool counted = wkv_buffer_append(&buffer, "a", 1) && allocations > before;
    wkv_buffer_destroy(&buffer);
    return counted;
}

static void add_tests(TCase *tests)
{
    if (!counts()) {
        puts("SKIP codec/allocation: malloc is replaced (by valgrind?), so allocations cannot be counted");
        return;
    }
    tcase_add_test(tests, counts_what_is_allocated);
    tcase_add_loop_test(tests, decoding_protobuf_allocates_nothing, 0, (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, decoding_msgpack_allocates_nothing, 0, (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, writing_into_a_buffer_that_is_large_enough_allocates_nothing, 0,
                        (int)ALL_MESSAGES);
}

#else

static void add_tests(TCase *tests)
{
    (void)tests;
    puts("SKIP codec/allocation: the sanitizer has malloc's place, so allocations cannot be counted");
}

#endif

Suite *allocation_suite(void)
{
    Suite *suite = suite_create("codec/allocation");
    TCase *tests = tcase_create("allocation");
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return suite;
}
