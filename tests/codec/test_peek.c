/* The cheap look at a request's key. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "codec/messages.h"

static const struct {
    const char *bytes;
    size_t len;
    long key; /* bytes of the key, -1: none to be had */
} cases[] = {
    {"", 0, -1},
    {"\x0a", 1, -1},
    {"\x0a\x00", 2, 0},
    {"\x0a\x01", 2, -1},
    {"\x0a\x01k", 3, 1},
    {"\x0a\x01k\x12\x01v", 6, 1},
    {"\x0a\x7fk", 3, -1},
    {"\x0a\x80", 2, -1},
    {"\x0a\x80\x80\x01", 4, -1},
    {"\x0a\xff\xff", 3, -1},
    {"\x12\x01k", 3, -1},
    {"{\"key\":\"a\"}", 11, -1},
};

START_TEST(a_look_stays_inside_the_request)
{
    /* A copy of just the bytes, so that a sanitizer sees a look beyond. */
    char *copy = malloc(cases[_i].len + 1);
    ck_assert_ptr_nonnull(copy);
    char *bytes = realloc(copy, cases[_i].len == 0 ? 1 : cases[_i].len);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, cases[_i].bytes, cases[_i].len);
    const char *text;
    size_t len;
    bool found = wkv_peek_text(bytes, cases[_i].len, &text, &len);
    ck_assert_int_eq(found, cases[_i].key >= 0);
    if (found) {
        ck_assert_uint_eq(len, (size_t)cases[_i].key);
        ck_assert(text >= bytes);
        ck_assert(text + len <= bytes + cases[_i].len);
    }
    free(bytes);
}
END_TEST

START_TEST(a_look_finds_what_decoding_finds)
{
    char key[300];
    uint8_t packed[400];
    memset(key, 'k', sizeof key);
    for (size_t len = 1; len <= sizeof key; len++) {
        Keyvalue__GetRequest request = KEYVALUE__GET_REQUEST__INIT;
        request.key = (ProtobufCBinaryData){len, (uint8_t *)key};
        size_t bytes = keyvalue__get_request__pack(&request, packed);
        const char *text;
        size_t found;
        ck_assert(wkv_peek_text(packed, bytes, &text, &found));
        ck_assert_uint_eq(found, len);
        ck_assert_mem_eq(text, key, len);
    }
}
END_TEST

Suite *peek_suite(void)
{
    Suite *suite = suite_create("codec/peek");
    TCase *tests = tcase_create("peek");
    tcase_add_loop_test(tests, a_look_stays_inside_the_request, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, a_look_finds_what_decoding_finds);
    suite_add_tcase(suite, tests);
    return suite;
}
