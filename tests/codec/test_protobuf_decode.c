#include <check.h>
#include <stdlib.h>

#include "codec/decoding.h"
#include "codec/messages.h"
#include "lib/room.h"

/* Decodes from an allocation of the exact size, so that a sanitizer sees a read past the end. */
static enum wkv_code decode(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                            ProtobufCMessage **message)
{
    uint8_t *exact = calloc(len, 1);
    if (len > 0)
        memcpy(exact, bytes, len);
    enum wkv_code code = wkv_decode(type, WKV_PROTOBUF, exact, len, &arena, message, &error);
    free(exact); /* the message must not point into it */
    return code;
}

START_TEST(takes_an_opening_brace_for_json_and_all_else_for_protobuf)
{
    ck_assert_int_eq(wkv_detect_encoding("{\"key\":\"a\"}", 11), WKV_JSON);
    ck_assert_int_eq(wkv_detect_encoding("{", 1), WKV_JSON);
    ck_assert_int_eq(wkv_detect_encoding(NULL, 0), WKV_PROTOBUF);
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t first = (uint8_t)byte;
        ck_assert_int_eq(wkv_detect_encoding(&first, 1), byte == '{' ? WKV_JSON : WKV_PROTOBUF);
    }
}
END_TEST

START_TEST(no_bytes_are_a_message_of_defaults)
{
    ProtobufCMessage *message = NULL;
    ck_assert_int_eq(wkv_decode(all_messages[_i], WKV_PROTOBUF, NULL, 0, &arena, &message, &error), WKV_OK);
    ck_assert_ptr_nonnull(message);
    ProtobufCMessage *defaults = wkv_arena_alloc(&arena, all_messages[_i]->sizeof_message);
    protobuf_c_message_init(all_messages[_i], defaults);
    ck_assert(test_messages_equal(message, defaults));
}
END_TEST

START_TEST(text_keeps_its_nul)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&keyvalue__get_request__descriptor,
                            "\x0a\x03"
                            "a\0b",
                            5, &message),
                     WKV_OK);
    Keyvalue__GetRequest *get = (Keyvalue__GetRequest *)message;
    ck_assert_uint_eq(get->key.len, 3);
    ck_assert_mem_eq(get->key.data, "a\0b", 3);
}
END_TEST

/* All decode as a SetRequest, to this. */
static const struct {
    const char *rule;
    const char *bytes;
    size_t len;
    const char *key;
    const char *value;
    int32_t expires_s;
} good[] = {
    {"all fields", "\x0a\x01k\x12\x01v\x18\x3c", 8, "k", "v", 60},
    {"fields in another order", "\x18\x3c\x12\x01v\x0a\x01k", 8, "k", "v", 60},
    {"the last of a repeated singular text wins", "\x0a\x01k\x0a\x02zz", 7, "zz", "", 0},
    {"the last of a repeated singular text wins, empty too", "\x0a\x01k\x0a\x00", 5, "", "", 0},
    {"the last of a repeated singular number wins", "\x18\x01\x18\x02", 4, "", "", 2},
    {"defaults that were sent", "\x0a\x00\x12\x00\x18\x00", 6, "", "", 0},
    {"a negative number in ten bytes", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "", "", -1},
    {"a negative number in five bytes", "\x18\xff\xff\xff\xff\x0f", 6, "", "", -1},
    {"the largest number", "\x18\xff\xff\xff\xff\x07", 6, "", "", INT32_MAX},
    {"the smallest number", "\x18\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01", 11, "", "", INT32_MIN},
    {"a number in more bytes than it needs", "\x18\x81\x80\x80\x00", 5, "", "", 1},
    {"a length in more bytes than it needs", "\x0a\x81\x00k", 4, "k", "", 0},
    {"a tag in more bytes than it needs", "\x8a\x00\x01k", 4, "k", "", 0},
    {"an unknown number is ignored", "\x0a\x01k\x30\x07", 5, "k", "", 0},
    {"an unknown text is ignored", "\x32\x03xyz\x0a\x01k", 8, "k", "", 0},
    {"an unknown text is not checked for UTF-8", "\x32\x01\xff\x0a\x01k", 6, "k", "", 0},
    {"unknown 4 bytes are ignored", "\x35\xff\xff\xff\xff\x0a\x01k", 8, "k", "", 0},
    {"unknown 8 bytes are ignored", "\x31\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x01k", 12, "k", "", 0},
    {"the largest field number is ignored", "\xf8\xff\xff\xff\x0f\x01\x0a\x01k", 9, "k", "", 0},
    {"a number above 32 bits loses its upper bits", "\x18\x81\x80\x80\x80\x80\x01", 7, "", "", 1},
};

START_TEST(decodes_what_proto3_takes)
{
    ProtobufCMessage *message;
    ck_assert_msg(decode(&keyvalue__set_request__descriptor, good[_i].bytes, good[_i].len, &message) ==
                      WKV_OK,
                  "%s: %s", good[_i].rule, error.text);
    Keyvalue__SetRequest *set = (Keyvalue__SetRequest *)message;
    ck_assert_msg(set->key.len == strlen(good[_i].key), "%s", good[_i].rule);
    ck_assert_msg(set->key.len == 0 || memcmp(set->key.data, good[_i].key, set->key.len) == 0, "%s",
                  good[_i].rule);
    ck_assert_msg(set->value.len == strlen(good[_i].value), "%s", good[_i].rule);
    ck_assert_msg(set->expires_s == good[_i].expires_s, "%s", good[_i].rule);
}
END_TEST

static const struct {
    const char *rule;
    const char *bytes;
    size_t len;
    const char *says;
} bad[] = {
    {"a tag that is cut off", "\x8a", 1, "at byte 0: no field has this tag"},
    {"a tag of six bytes", "\x8a\x80\x80\x80\x80\x00\x01k", 8, "at byte 0: no field has this tag"},
    {"a second tag that is cut off", "\x0a\x01k\x92", 4, "at byte 3: no field has this tag"},
    {"field number 0", "\x00\x01", 2, "at byte 0: no field has this tag"},
    {"field number 0 with a length", "\x02\x01x", 3, "at byte 0: no field has this tag"},
    {"field number 0 in two bytes", "\x80\x00\x01", 3, "at byte 0: no field has this tag"},
    {"field number 0 in two bytes after a key", "\x0a\x01k\x82\x00\x00", 6,
     "at byte 3: no field has this tag"},
    {"a text without its length", "\x0a", 1, "at byte 0: field 1 (key) with wire type 2 does"},
    {"a length that is cut off", "\x0a\x80", 2, "at byte 0: field 1 (key) with wire type 2 does"},
    {"a length of six bytes", "\x0a\x81\x80\x80\x80\x80\x00k", 8,
     "at byte 0: field 1 (key) with wire type 2 does"},
    {"a length past the end", "\x0a\x02k", 3, "at byte 0: field 1 (key) with wire type 2 does"},
    {"a length past the end by far", "\x12\xff\xff\xff\xff\x07kkk", 9,
     "at byte 0: field 2 (value) with wire type 2 does"},
    {"a length over 2 GiB", "\x0a\xff\xff\xff\xff\x0fk", 7, "at byte 0: field 1 (key) with wire type 2 does"},
    {"a length over 4 GiB", "\x0a\xff\xff\xff\xff\x7fk", 7, "at byte 0: field 1 (key) with wire type 2 does"},
    {"an unknown text past the end", "\x32\x05x", 3, "at byte 0: field 6 (unknown) with wire type 2 does"},
    {"a number that is missing", "\x18", 1, "at byte 0: field 3 (expires_s) with wire type 0 does"},
    {"a number that is cut off", "\x18\xff\xff", 3, "at byte 0: field 3 (expires_s) with wire type 0 does"},
    {"a number of eleven bytes", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12,
     "at byte 0: field 3 (expires_s) with wire type 0 does"},
    {"4 bytes that are cut off", "\x35\x01\x02\x03", 4, "at byte 0: field 6 (unknown) with wire type 5 does"},
    {"8 bytes that are cut off", "\x31\x01\x02\x03\x04\x05\x06\x07", 8,
     "at byte 0: field 6 (unknown) with wire type 1 does"},
    {"a text sent as a number", "\x08\x01", 2, "at byte 0: field 1 (key) with wire type 0 does"},
    {"a text sent as 4 bytes", "\x0d\x01\x02\x03\x04", 5, "at byte 0: field 1 (key) with wire type 5 does"},
    {"a text sent as 8 bytes", "\x09\x01\x02\x03\x04\x05\x06\x07\x08", 9,
     "at byte 0: field 1 (key) with wire type 1 does"},
    {"a number sent as a text", "\x1a\x01x", 3, "at byte 0: field 3 (expires_s) with wire type 2 does"},
    {"a number sent as 4 bytes", "\x1d\x01\x02\x03\x04", 5,
     "at byte 0: field 3 (expires_s) with wire type 5 does"},
    {"a wrong field after a right one", "\x0a\x01k\x10\x01", 5,
     "at byte 3: field 2 (value) with wire type 0 does"},
    {"the start of a group", "\x33\x34", 2, "at byte 0: field 6 (unknown) with wire type 3 does"},
    {"the end of a group", "\x34", 1, "at byte 0: field 6 (unknown) with wire type 4 does"},
    {"a group as the key", "\x0b\x0c", 2, "at byte 0: field 1 (key) with wire type 3 does"},
    {"wire type 6", "\x0e\x01", 2, "at byte 0: field 1 (key) with wire type 6 does"},
    {"wire type 7", "\x0f\x01", 2, "at byte 0: field 1 (key) with wire type 7 does"},
    {"plain text", "hello", 5, "send protobuf, or JSON that begins with '{'"},
    {"JSON after a space", " {\"key\":\"a\"}", 12, "JSON that begins with '{'"},
    {"a key that is not UTF-8", "\x0a\x01\xff", 3, "field key of SetRequest is not UTF-8"},
    {"a surrogate", "\x0a\x03\xed\xa0\x80", 5, "field key of SetRequest is not UTF-8"},
};

START_TEST(refuses_what_is_malformed_and_says_where)
{
    ProtobufCMessage *message = (ProtobufCMessage *)&arena;
    enum wkv_code code = decode(&keyvalue__set_request__descriptor, bad[_i].bytes, bad[_i].len, &message);
    ck_assert_msg(code == WKV_BAD_REQUEST, "%s: %d", bad[_i].rule, code);
    ck_assert_int_eq(error.code, WKV_BAD_REQUEST);
    ck_assert_ptr_null(message);
    ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%s: %s", bad[_i].rule, error.text);
    ck_assert_msg(strstr(error.text, "SetRequest") != NULL, "%s: %s", bad[_i].rule, error.text);
}
END_TEST

START_TEST(checks_every_element_of_a_repeated_text)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&keyvalue__set_union_request__descriptor,
                            "\x0a\x01"
                            "a\x0a\x01\x80\x0a\x01"
                            "b",
                            9, &message),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "field keys of SetUnionRequest is not UTF-8"));
}
END_TEST

START_TEST(never_quotes_the_request)
{
    /* A text that is well-formed but for one byte, and one whose length is wrong. */
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&keyvalue__get_request__descriptor, "\x0a\x07secret\xff", 9, &message),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_null(strstr(error.text, "secret"));
    ck_assert_int_eq(decode(&keyvalue__get_request__descriptor, "\x0a\x09secret", 8, &message),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_null(strstr(error.text, "secret"));
}
END_TEST

START_TEST(needs_no_error_struct)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(
        wkv_decode(&keyvalue__get_request__descriptor, WKV_PROTOBUF, "\x0a", 1, &arena, &message, NULL),
        WKV_BAD_REQUEST);
}
END_TEST

START_TEST(leaves_the_error_alone_where_it_succeeds)
{
    ProtobufCMessage *message;
    wkv_fail(&error, WKV_TOO_LARGE, "before");
    ck_assert_int_eq(decode(&keyvalue__get_request__descriptor, "\x0a\x01k", 3, &message), WKV_OK);
    ck_assert_int_eq(error.code, WKV_TOO_LARGE);
}
END_TEST

/* A megabyte of each tiny field is worth many megabytes of memory when it is decoded. */
static const struct {
    const char *what;
    const char *unit;
    size_t len;
} floods[] = {
    {"empty repeated texts", "\x0a\x00", 2},
    {"repeated texts of a byte", "\x0a\x01k", 3},
    {"unknown numbers", "\x10\x01", 2},
    {"unknown empty texts", "\x12\x00", 2},
    {"unknown 4 bytes", "\x15\x01\x02\x03\x04", 5},
};

START_TEST(a_flood_of_tiny_fields_ends_within_the_arena)
{
    static const size_t sizes[] = {64 << 10, 1 << 20, 16 << 20, 256 << 20};
    size_t count = (1 << 20) / floods[_i].len;
    uint8_t *bytes = malloc(count * floods[_i].len);
    for (size_t k = 0; k < count; k++)
        memcpy(bytes + k * floods[_i].len, floods[_i].unit, floods[_i].len);
    enum wkv_code last = WKV_OK;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct wkv_arena bounded;
        ck_assert(wkv_arena_init(&bounded, 4096, sizes[s]));
        ProtobufCMessage *message;
        last = wkv_decode(&keyvalue__set_union_request__descriptor, WKV_PROTOBUF, bytes,
                          count * floods[_i].len, &bounded, &message, &error);
        ck_assert_uint_le(bounded.total_bytes, sizes[s]);
        if (s == 0) {
            ck_assert_msg(last == WKV_TOO_LARGE, "%s: %d", floods[_i].what, last);
            ck_assert_ptr_null(message);
            ck_assert_ptr_nonnull(strstr(error.text, "65536 bytes"));
        }
        wkv_arena_destroy(&bounded);
    }
    ck_assert_msg(last == WKV_OK, "%s: %d", floods[_i].what, last);
    free(bytes);
}
END_TEST

/* The arena runs out at every point where decoding allocates; what is well-formed is never called malformed.
 */
START_TEST(an_arena_that_runs_out_anywhere_is_not_a_bad_request)
{
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i += 5)
        memcpy(bytes + i,
               i % 2 == 0 ? "\x0a\x03"
                            "abc"
                          : "\x12\x03"
                            "abc",
               5);
    size_t refused = 0;
    for (size_t max = 16; max < 8192; max += 16) {
        struct wkv_arena small;
        ck_assert(wkv_arena_init(&small, 16, max));
        ProtobufCMessage *message;
        enum wkv_code code = wkv_decode(&keyvalue__set_union_request__descriptor, WKV_PROTOBUF, bytes,
                                        sizeof bytes, &small, &message, &error);
        wkv_arena_destroy(&small);
        ck_assert_msg(code == WKV_TOO_LARGE || code == WKV_OK, "%zu bytes: %d", max, code);
        refused += code == WKV_TOO_LARGE;
    }
    ck_assert_uint_gt(refused, 16);
    ck_assert_uint_lt(refused, 512);
}
END_TEST

START_TEST(every_prefix_and_every_changed_byte_ends_cleanly)
{
    static const char whole[] =
        "\x0a\x03key\x12\x06v\xc3\xa4lue\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x22\x02zz";
    uint8_t bytes[sizeof whole - 1];
    for (size_t len = 0; len <= sizeof bytes; len++) {
        ProtobufCMessage *message;
        enum wkv_code code = decode(&keyvalue__set_request__descriptor, whole, len, &message);
        ck_assert(code == WKV_OK || code == WKV_BAD_REQUEST);
        wkv_arena_reset(&arena);
    }
    for (size_t at = 0; at < sizeof bytes; at++)
        for (unsigned byte = (unsigned)at % test_stride(); byte < 256; byte += test_stride()) {
            memcpy(bytes, whole, sizeof bytes);
            bytes[at] = (uint8_t)byte;
            ProtobufCMessage *message;
            enum wkv_code code = decode(&keyvalue__set_request__descriptor, bytes, sizeof bytes, &message);
            ck_assert(code == WKV_OK || code == WKV_BAD_REQUEST);
            ck_assert((code == WKV_OK) == (message != NULL));
            wkv_arena_reset(&arena);
        }
}
END_TEST

Suite *protobuf_decode_suite(void)
{
    Suite *suite = suite_create("codec/protobuf_decode");
    TCase *tests = tcase_create("protobuf_decode");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, takes_an_opening_brace_for_json_and_all_else_for_protobuf);
    tcase_add_loop_test(tests, no_bytes_are_a_message_of_defaults, 0, (int)ALL_MESSAGES);
    tcase_add_test(tests, text_keeps_its_nul);
    tcase_add_loop_test(tests, decodes_what_proto3_takes, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tests, refuses_what_is_malformed_and_says_where, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, checks_every_element_of_a_repeated_text);
    tcase_add_test(tests, never_quotes_the_request);
    tcase_add_test(tests, needs_no_error_struct);
    tcase_add_test(tests, leaves_the_error_alone_where_it_succeeds);
    tcase_add_loop_test(tests, a_flood_of_tiny_fields_ends_within_the_arena, 0,
                        (int)(sizeof floods / sizeof floods[0]));
    tcase_add_test(tests, an_arena_that_runs_out_anywhere_is_not_a_bad_request);
    tcase_add_test(tests, every_prefix_and_every_changed_byte_ends_cleanly);
    suite_add_tcase(suite, tests);
    return suite;
}
