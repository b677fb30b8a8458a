/* A request whose encoding is to be found out (contract section 4). */
#include <stdlib.h>
#include <string.h>

#include "codec/decoding.h"

#define MARK "\xef\xbb\xbf"
#define TEXT_123                                                                                             \
    "\"key\":"                                                                                               \
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"      \
    "aaaaaaaaaaaaaaaaaaa\"}"

static const struct {
    const char *bytes;
    enum wkv_encoding encoding;
    const char *key; /* NULL: it does not decode */
} requests[] = {
    {"{\"key\":\"a\"}", WKV_JSON, "a"},
    {" {\"key\":\"a\"}", WKV_JSON, "a"},
    {"\n{\"key\":\"a\"}\n", WKV_JSON, "a"},
    {"\r\n\t {\"key\":\"a\"}", WKV_JSON, "a"},
    {"\t{\"key\":\"a\"}", WKV_JSON, "a"},
    {"\r{\"key\":\"a\"}", WKV_JSON, "a"},
    {MARK "{\"key\":\"a\"}", WKV_JSON, "a"},
    {MARK "\n{\"key\":\"a\"}", WKV_JSON, "a"},
    {"\n" MARK "{\"key\":\"a\"}", WKV_JSON, "a"},
    {"    {\"key\":\"a\"}", WKV_JSON, "a"},
    {"\n{\"key\":", WKV_JSON, NULL},
    {"  {", WKV_JSON, NULL},
    {"", WKV_PROTOBUF, ""},
    {"\n\001a", WKV_PROTOBUF, "a"},
    /* White space and '{' are a tag and a length in protobuf: what decodes so is protobuf. */
    {"\n{" TEXT_123, WKV_PROTOBUF, TEXT_123},
    {" { \001", WKV_PROTOBUF, ""},
    {" {", WKV_PROTOBUF, ""},
    {" ", WKV_PROTOBUF, NULL},
    {MARK, WKV_PROTOBUF, NULL},
    {"\xef\xbb{\"key\":\"a\"}", WKV_PROTOBUF, NULL},
    {"\v{\"key\":\"a\"}", WKV_PROTOBUF, NULL},
    {"[{\"key\":\"a\"}]", WKV_PROTOBUF, NULL},
    {"x {\"key\":\"a\"}", WKV_PROTOBUF, NULL},
};

/* An allocation of the exact size, so that a sanitizer sees a read past the end. */
static char *copy(const char *bytes, size_t len)
{
    char *exact = malloc(len + (len == 0));
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, len);
    return exact;
}

START_TEST(json_may_stand_behind_white_space)
{
    size_t len = strlen(requests[_i].bytes);
    char *bytes = copy(requests[_i].bytes, len);
    enum wkv_encoding encoding = WKV_MSGPACK;
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode_request(&keyvalue__get_request__descriptor, WKV_FORM_DETECTED, bytes, len,
                                            &arena, &message, &encoding, &error);
    ck_assert_msg(encoding == requests[_i].encoding, "%s: %d", requests[_i].bytes, (int)encoding);
    if (requests[_i].key == NULL) {
        ck_assert_int_eq(code, WKV_BAD_REQUEST);
    } else {
        ck_assert_msg(code == WKV_OK, "%s: %s", requests[_i].bytes, error.text);
        const Keyvalue__GetRequest *get = (const Keyvalue__GetRequest *)message;
        ck_assert_uint_eq(get->key.len, strlen(requests[_i].key));
        ck_assert_msg(get->key.len == 0 || memcmp(get->key.data, requests[_i].key, get->key.len) == 0, "%s",
                      requests[_i].bytes);
    }
    /* Who is refused before is told in the same encoding. */
    ck_assert_int_eq(wkv_guess_encoding(&keyvalue__get_request__descriptor, WKV_FORM_DETECTED, bytes, len),
                     requests[_i].encoding);
    free(bytes);
}
END_TEST

/* White space alone may be a great many fields of protobuf, which take all the memory there is for a request;
 * what follows is JSON nevertheless. */
START_TEST(much_white_space_leaves_room_for_what_follows)
{
    enum { BLANKS = 300000 };
    static const char object[] = "{\"key\":\"a\"}";
    char *bytes = malloc(BLANKS + sizeof object);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, ' ', BLANKS);
    memcpy(bytes + BLANKS, object, sizeof object);
    enum wkv_encoding encoding;
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode_request(&keyvalue__get_request__descriptor, WKV_FORM_DETECTED, bytes,
                                            BLANKS + sizeof object - 1, &arena, &message, &encoding, &error);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
    ck_assert_int_eq(encoding, WKV_JSON);
    free(bytes);
}
END_TEST

START_TEST(an_object_is_found_and_nothing_else)
{
    ck_assert_uint_eq(wkv_json_start(NULL, 0), 0);
    ck_assert_uint_eq(wkv_json_start("{", 1), 0);
    ck_assert_uint_eq(wkv_json_start(" \t\r\n{", 5), 4);
    ck_assert_uint_eq(wkv_json_start(MARK " {", 5), 4);
    ck_assert_uint_eq(wkv_json_start("  ", 2), 2);
    ck_assert_uint_eq(wkv_json_start("\xef\xbb", 2), 2);
    ck_assert_uint_eq(wkv_json_start("\0{", 2), 2);
}
END_TEST

Suite *request_suite(void)
{
    Suite *suite = suite_create("codec/request");
    TCase *tests = tcase_create("request");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, json_may_stand_behind_white_space, 0,
                        (int)(sizeof requests / sizeof requests[0]));
    tcase_add_test(tests, much_white_space_leaves_room_for_what_follows);
    tcase_add_test(tests, an_object_is_found_and_nothing_else);
    suite_add_tcase(suite, tests);
    return suite;
}
