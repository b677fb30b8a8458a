#include <check.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/decoding.h"
#include "codec/messages.h"
#include "lib/room.h"

/* Decodes from an allocation of the exact size, so that a sanitizer sees a read past the end. */
static enum wkv_code decode_bytes(const ProtobufCMessageDescriptor *type, const char *json, size_t len,
                                  ProtobufCMessage **message)
{
    char *exact = calloc(len, 1);
    if (len > 0)
        memcpy(exact, json, len);
    enum wkv_code code = wkv_decode(type, WKV_JSON, exact, len, &arena, message, &error);
    free(exact); /* the message must not point into it */
    return code;
}

static enum wkv_code decode(const ProtobufCMessageDescriptor *type, const char *json,
                            ProtobufCMessage **message)
{
    return decode_bytes(type, json, strlen(json), message);
}

/* All decode as a SetRequest, to this. A '.' in key stands for a NUL. */
static const struct {
    const char *json;
    const char *key;
    const char *value;
    int32_t expires_s;
} good[] = {
    {"{}", "", "", 0},
    {" \t\r\n{ } \n", "", "", 0},
    {"{\"key\":\"k\",\"value\":\"v\",\"expires_s\":60}", "k", "v", 60},
    {"{\"expires_s\":60,\"value\":\"v\",\"key\":\"k\"}", "k", "v", 60},
    {"{\"expiresS\":60}", "", "", 60},
    {"{\"key\":null,\"value\":null,\"expires_s\":null}", "", "", 0},
    {"{\"expiresS\":null}", "", "", 0},
    {"{\"expiresS\":null,\"expires_s\":7}", "", "", 7},
    {"{\"key\":\"\",\"value\":\"\",\"expires_s\":0}", "", "", 0},
    {"{\"expires_s\":-1}", "", "", -1},
    {"{\"expires_s\":-0}", "", "", 0},
    {"{\"expires_s\":-0.0}", "", "", 0},
    {"{\"expires_s\":1.0}", "", "", 1},
    {"{\"expires_s\":1e2}", "", "", 100},
    {"{\"expires_s\":1.5E1}", "", "", 15},
    {"{\"expires_s\":100e-2}", "", "", 1},
    {"{\"expires_s\":2147483647}", "", "", INT32_MAX},
    {"{\"expires_s\":2147483647.0}", "", "", INT32_MAX},
    {"{\"expires_s\":-2147483648}", "", "", INT32_MIN},
    {"{\"expires_s\":-2.147483648e9}", "", "", INT32_MIN},
    {"{\"expires_s\":\"60\"}", "", "", 60},
    {"{\"expires_s\":\"-60\"}", "", "", -60},
    {"{\"expires_s\":\"1.0\"}", "", "", 1},
    {"{\"expires_s\":\"1e2\"}", "", "", 100},
    {"{\"expires_s\":\"-2147483648\"}", "", "", INT32_MIN},
    {"{\"expires_s\":\"\\u0036\\u0030\"}", "", "", 60},
    {"{\"key\":\"a\\u0000b\"}", "a.b", "", 0},
    {"{\"key\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t", "", 0},
    {"{\"key\":\"\\u00e9\xc3\xa9\"}", "\xc3\xa9\xc3\xa9", "", 0},
    {"{\"key\":\"\\ud83d\\ude00\"}", "\xf0\x9f\x98\x80", "", 0},
    {"{\"key\":\"\\uD83D\\uDE00\"}", "\xf0\x9f\x98\x80", "", 0},
    {"{\"\\u006bey\":\"k\"}", "k", "", 0},
    {"{\"key\":\"{[,:\\\"\"}", "{[,:\"", "", 0},
};

START_TEST(decodes_what_proto3_json_takes)
{
    ProtobufCMessage *message;
    enum wkv_code code = decode(&keyvalue__set_request__descriptor, good[_i].json, &message);
    ck_assert_msg(code == WKV_OK, "%s: %s", good[_i].json, error.text);
    Keyvalue__SetRequest *set = (Keyvalue__SetRequest *)message;
    ck_assert_uint_eq(set->key.len, strlen(good[_i].key));
    for (size_t k = 0; k < set->key.len; k++)
        ck_assert_int_eq(set->key.data[k], (uint8_t)(good[_i].key[k] == '.' ? '\0' : good[_i].key[k]));
    ck_assert_uint_eq(set->value.len, strlen(good[_i].value));
    ck_assert_msg(set->value.len == 0 || memcmp(set->value.data, good[_i].value, set->value.len) == 0, "%s",
                  good[_i].json);
    ck_assert_msg(set->expires_s == good[_i].expires_s, "%s: %d", good[_i].json, set->expires_s);
}
END_TEST

START_TEST(decodes_a_repeated_text)
{
    static const struct {
        const char *json;
        size_t count;
    } cases[] = {{"{}", 0},
                 {"{\"keys\":null}", 0},
                 {"{\"keys\":[]}", 0},
                 {"{\"keys\":[\"a\"]}", 1},
                 {"{\"keys\":[\"a\",\"b\",\"\",\"d\"]}", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ProtobufCMessage *message;
        ck_assert_int_eq(decode(&keyvalue__set_union_request__descriptor, cases[i].json, &message), WKV_OK);
        Keyvalue__SetUnionRequest *request = (Keyvalue__SetUnionRequest *)message;
        ck_assert_uint_eq(request->n_keys, cases[i].count);
        for (size_t k = 0; k < request->n_keys; k++) {
            ck_assert_uint_eq(request->keys[k].len, k == 2 ? 0 : 1);
            if (k != 2)
                ck_assert_int_eq(request->keys[k].data[0], (int)('a' + k));
        }
    }
}
END_TEST

START_TEST(decodes_a_bool)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&keyvalue__get_response__descriptor, "{\"exists\":true}", &message), WKV_OK);
    ck_assert_int_eq(((Keyvalue__GetResponse *)message)->exists, 1);
    ck_assert_int_eq(decode(&keyvalue__get_response__descriptor, "{\"exists\":false}", &message), WKV_OK);
    ck_assert_int_eq(((Keyvalue__GetResponse *)message)->exists, 0);
}
END_TEST

enum { GET, SET, UNION, RESPONSE };
static const ProtobufCMessageDescriptor *const types[] = {
    &keyvalue__get_request__descriptor, &keyvalue__set_request__descriptor,
    &keyvalue__set_union_request__descriptor, &keyvalue__get_response__descriptor};

/* "SECRET" and "666" stand where an error might quote the request. */
static const struct {
    int type;
    const char *json;
    size_t len; /* 0: up to the NUL */
    const char *says;
} bad[] = {
    {GET, "", 0, "not JSON at byte 0 (it ends too early): send an object such as {\"key\":\"a\"}"},
    {GET, "{", 0, "it ends too early"},
    {GET, "{\"key\"", 0, "it ends too early"},
    {GET, "{\"key\":", 0, "it ends too early"},
    {GET, "{\"key\":\"SECRET", 0, "it ends too early"},
    {GET, "{\"key\":\"SECRET\"", 0, "it ends too early"},
    {GET, "{\"key\":\"SECRET\",}", 0, "a syntax error"},
    {GET, "{\"key\" \"SECRET\"}", 0, "a syntax error"},
    {GET, "{\"key\":SECRET}", 0, "not JSON at byte 13 (a syntax error)"},
    {GET, "{key:\"SECRET\"}", 0, "a syntax error"},
    {GET, "{'key':'SECRET'}", 0, "a syntax error"},
    {GET, "{\"key\":\"SECRET\"}}", 0, "something follows the object"},
    {GET, "{\"key\":\"a\"} SECRET", 0, "something follows the object"},
    {GET, "{\"key\":\"a\"}{}", 0, "something follows the object"},
    {GET, "{\"key\":\"a\"}\0", 12, "something follows the object"},
    {GET, "{\"key\":\"SECRET\",\"key\":\"b\"}", 0, "a member is there twice"},
    {GET, "{\"SECRET\":1,\"SECRET\":1}", 0, "a member is there twice"},
    {GET, "{\"key\":\"SECRET\n\"}", 0, "a syntax error"},
    {GET, "{\"key\":\"SECRET\0\"}", 17, "a syntax error"},
    {GET, "{\"key\":\"SECRET\\x\"}", 0, "a syntax error"},
    {GET, "{\"key\":\"SECRET\\u12\"}", 0, "a syntax error"},
    {GET, "{\"key\":\"\\ud83d SECRET\"}", 0, "a syntax error"},
    {GET, "{\"key\":\"\\ude00 SECRET\"}", 0, "a syntax error"},
    {GET, "{\"key\":\"\\ud83d\\ud83d\"}", 0, "a syntax error"},
    {GET, "{\"key\":\"SECRET\xff\"}", 0, "not UTF-8"},
    {GET, "{\"key\":\"\xc0\x80\"}", 0, "not UTF-8"},
    {GET, "{\"key\":\"\xed\xa0\x80\"}", 0, "not UTF-8"},
    {GET, "{\"key\":\"\xf4\x90\x80\x80\"}", 0, "not UTF-8"},
    {GET, "{\"key\":\"\xc3", 0, "not UTF-8"},
    {GET, "\xef\xbb\xbf{}", 0, "a syntax error"},
    {GET, "{\"\\u0000\":1}", 0, "a NUL in a member's name"},
    {GET, "{/*SECRET*/}", 0, "a syntax error"},
    {GET, "[]", 0, "not a JSON object: send one such as {\"key\":\"a\"}"},
    {GET, "[\"SECRET\"]", 0, "not a JSON object"},
    {GET, "\"SECRET\"", 0, "not JSON at byte"},
    {GET, "666", 0, "not JSON at byte"},
    {GET, "null", 0, "not JSON at byte"},
    {GET, "{\"SECRET\":1}", 0, "unknown member in GetRequest: its members are \"key\""},
    {GET, "{\"Key\":\"SECRET\"}", 0, "unknown member in GetRequest"},
    {GET, "{\"\":\"SECRET\"}", 0, "unknown member in GetRequest"},
    {GET, "{\"keys\":\"SECRET\"}", 0, "unknown member in GetRequest"},
    {GET, "{\"ke\":\"SECRET\"}", 0, "unknown member in GetRequest"},
    {SET, "{\"expires\":666}", 0, "its members are \"key\", \"value\", \"expires_s\""},
    {SET, "{\"expires_S\":666}", 0, "unknown member in SetRequest"},
    {SET, "{\"expiress\":666}", 0, "unknown member in SetRequest"},
    {SET, "{\"expires_s\":1,\"expiresS\":1}", 0, "member \"expires_s\" of SetRequest is there twice"},
    {SET, "{\"expiresS\":1,\"expires_s\":1}", 0, "is there twice: send it once, by one name"},
    {GET, "{\"key\":666}", 0, "member \"key\" of GetRequest must be a string, such as \"a\""},
    {GET, "{\"key\":true}", 0, "member \"key\" of GetRequest must be a string"},
    {GET, "{\"key\":[\"SECRET\"]}", 0, "member \"key\" of GetRequest must be a string"},
    {GET, "{\"key\":{}}", 0, "member \"key\" of GetRequest must be a string"},
    {SET, "{\"expires_s\":1.5}", 0, "member \"expires_s\" of SetRequest must be a whole number"},
    {SET, "{\"expires_s\":666e-1}", 0, "must be a whole number from -2147483648 to 2147483647"},
    {SET, "{\"expires_s\":2147483648}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":-2147483649}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":2147483648.0}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":1e10}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":-1e300}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":99999999999999999999}", 0, "a number is out of range"},
    {SET, "{\"expires_s\":1e999}", 0, "a number is out of range"},
    {SET, "{\"expires_s\":NaN}", 0, "a syntax error"},
    {SET, "{\"expires_s\":Infinity}", 0, "a syntax error"},
    {SET, "{\"expires_s\":+1}", 0, "a syntax error"},
    {SET, "{\"expires_s\":01}", 0, "a syntax error"},
    {SET, "{\"expires_s\":.5}", 0, "a syntax error"},
    {SET, "{\"expires_s\":0x10}", 0, "a syntax error"},
    {SET, "{\"expires_s\":true}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":[]}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"SECRET\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\" 1\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"1 \"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"1 2\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"+1\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"01\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"1.\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"0x10\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"1\\u0000\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"1\\u00002\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"2147483648\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"99999999999999999999\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"1.5\"}", 0, "must be a whole number"},
    {SET, "{\"expires_s\":\"-\"}", 0, "must be a whole number"},
    {RESPONSE, "{\"exists\":1}", 0, "member \"exists\" of GetResponse must be true or false"},
    {RESPONSE, "{\"exists\":\"true\"}", 0, "must be true or false"},
    {RESPONSE, "{\"exists\":True}", 0, "a syntax error"},
    {UNION, "{\"keys\":\"SECRET\"}", 0, "member \"keys\" of SetUnionRequest must be an array"},
    {UNION, "{\"keys\":{}}", 0, "member \"keys\" of SetUnionRequest must be an array"},
    {UNION, "{\"keys\":[\"SECRET\",666]}", 0,
     "each element of member \"keys\" of SetUnionRequest must be a string"},
    {UNION, "{\"keys\":[null]}", 0, "each element of member \"keys\""},
    {UNION, "{\"keys\":[[]]}", 0, "each element of member \"keys\""},
    {UNION, "{\"keys\":[\"a\",]}", 0, "send an object such as {\"keys\":[\"a\"]}"},
};

START_TEST(refuses_what_is_wrong_says_what_is_right_and_never_quotes)
{
    ProtobufCMessage *message = (ProtobufCMessage *)&arena;
    size_t len = bad[_i].len > 0 ? bad[_i].len : strlen(bad[_i].json);
    enum wkv_code code = decode_bytes(types[bad[_i].type], bad[_i].json, len, &message);
    ck_assert_msg(code == WKV_BAD_REQUEST, "%s: %d", bad[_i].json, code);
    ck_assert_int_eq(error.code, WKV_BAD_REQUEST);
    ck_assert_ptr_null(message);
    ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%s: %s", bad[_i].json, error.text);
    ck_assert_msg(strstr(error.text, "SECRET") == NULL, "%s: %s", bad[_i].json, error.text);
    ck_assert_msg(strstr(error.text, "666") == NULL, "%s: %s", bad[_i].json, error.text);
    ck_assert_msg(strlen(error.text) < WKV_ERROR_TEXT_BYTES - 1, "cut: %s", error.text);
}
END_TEST

START_TEST(takes_no_bytes_at_null_for_a_bad_request)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(wkv_decode(types[GET], WKV_JSON, NULL, 0, &arena, &message, &error), WKV_BAD_REQUEST);
}
END_TEST

START_TEST(nesting_has_an_end)
{
    size_t depth = 200000;
    char *json = malloc(depth + 16);
    size_t len = (size_t)sprintf(json, "{\"key\":");
    memset(json + len, '[', depth);
    struct wkv_arena wide;
    ck_assert(wkv_arena_init(&wide, 4096, SIZE_MAX));
    ProtobufCMessage *message;
    ck_assert_int_eq(wkv_decode(types[GET], WKV_JSON, json, len + depth, &wide, &message, &error),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "nested too deeply"));
    wkv_arena_destroy(&wide);
    free(json);
}
END_TEST

/* A megabyte of each of these makes the largest parse trees for its size. */
static const struct {
    const char *what;
    const char *start;
    const char *unit; /* %x is replaced by a number, so that members differ */
    bool numbered;
} floods[] = {
    {"empty strings", "{\"keys\":[", "\"\",", false},
    {"strings of a byte", "{\"keys\":[", "\"a\",", false},
    {"numbers", "{\"keys\":[", "1,", false},
    {"reals", "{\"keys\":[", "1.5,", false},
    {"empty objects", "{\"keys\":[", "{},", false},
    {"empty arrays", "{\"keys\":[", "[],", false},
    {"values after an escaped quote", "{\"a\\\"\":[", "\"\",", false},
    {"members", "{", "\"%x\":1,", true},
    {"members with strings", "{", "\"%x\":\"\",", true},
    {"members with objects", "{", "\"%x\":{},", true},
    {"objects in arrays", "{\"keys\":[", "[{}],", false},
    {"objects of a member", "{\"keys\":[", "{\"a\":1},", false},
};

static size_t make_flood(int which, char *json, size_t size)
{
    size_t len = (size_t)sprintf(json, "%s", floods[which].start);
    for (unsigned i = 0; len + 32 < size; i++) {
        const char *unit = floods[which].unit;
        len +=
            (size_t)(floods[which].numbered ? sprintf(json + len, unit, i) : sprintf(json + len, "%s", unit));
    }
    len--; /* the last comma */
    return len + (size_t)sprintf(json + len, "%s", floods[which].start[1] == '\0' ? "}" : "]}");
}

/* Malformed, and not too large: sent again in parts it would be no better. */
START_TEST(what_is_nested_too_deeply_is_malformed_at_any_length)
{
    static const char *const starts[] = {"{\"keys\":", "{\"a\":", "{\"keys\":[{}],\"a\":"};
    static const char *const levels[] = {"[", "{\"a\":", "[{\"a\":"};
    char *json = malloc(1 << 20);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t len = (size_t)sprintf(json, "%s", starts[i]);
        while (len < (1 << 20) - 16)
            len += (size_t)sprintf(json + len, "%s", levels[i]);
        ProtobufCMessage *message;
        ck_assert_int_eq(wkv_decode(types[UNION], WKV_JSON, json, len, &arena, &message, &error),
                         WKV_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(error.text, "nested too deeply"));
    }
    free(json);
}
END_TEST

START_TEST(a_flood_of_tiny_values_is_refused_unread)
{
    char *json = malloc(1 << 20);
    size_t len = make_flood(_i, json, 1 << 20);
    ProtobufCMessage *message;
    ck_assert_msg(wkv_decode(types[UNION], WKV_JSON, json, len, &arena, &message, &error) == WKV_TOO_LARGE,
                  "%s", floods[_i].what);
    ck_assert_ptr_nonnull(strstr(error.text, "1048576 bytes"));
    free(json);
}
END_TEST

/* What is weighed is held against what jansson really allocates: the smallest arena that lets a text through
 * is no smaller than its tree. Skipped where a sanitizer or valgrind replaces malloc, so that mallinfo2 has
 * nothing to say. */
START_TEST(a_parse_tree_is_never_larger_than_the_arena_may_be)
{
    char *json = malloc(1 << 18);
    size_t len = make_flood(_i, json, 1 << 18);
    size_t before = mallinfo2().uordblks;
    json_t *tree = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    size_t tree_bytes = mallinfo2().uordblks - before;
    ck_assert_msg(tree != NULL, "%s", floods[_i].what);
    json_decref(tree);
    if (tree_bytes == 0) {
        free(json);
        puts("SKIP a_parse_tree_is_never_larger_than_the_arena_may_be: malloc is replaced");
        return;
    }
    struct wkv_arena tight;
    ck_assert(wkv_arena_init(&tight, 64, tree_bytes - 1));
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode(types[UNION], WKV_JSON, json, len, &tight, &message, &error);
    ck_assert_msg(code == WKV_TOO_LARGE, "%s: %zu bytes of tree, %d", floods[_i].what, tree_bytes, code);
    wkv_arena_destroy(&tight);
    free(json);
}
END_TEST

START_TEST(an_arena_that_runs_out_anywhere_is_not_a_bad_request)
{
    static const char json[] = "{\"key\":\"0123456789012345678901234567890123456789\",\"value\":\"b\"}";
    size_t refused = 0;
    for (size_t max = 16; max < 4096; max += 16) {
        struct wkv_arena small;
        ck_assert(wkv_arena_init(&small, 16, max));
        ProtobufCMessage *message;
        enum wkv_code code =
            wkv_decode(types[SET], WKV_JSON, json, sizeof json - 1, &small, &message, &error);
        wkv_arena_destroy(&small);
        ck_assert(code == WKV_TOO_LARGE || code == WKV_OK);
        refused += code == WKV_TOO_LARGE;
    }
    ck_assert_uint_gt(refused, 4);
    ck_assert_uint_lt(refused, 200);
}
END_TEST

/* Passes the weighing, which does not count characters, and then finds the arena too small for the text. */
START_TEST(a_text_larger_than_the_arena_is_not_a_bad_request)
{
    char *json = malloc(100000);
    size_t len = (size_t)sprintf(json, "{\"key\":\"");
    memset(json + len, 'a', 90000);
    len += 90000;
    len += (size_t)sprintf(json + len, "\"}");
    struct wkv_arena small;
    ck_assert(wkv_arena_init(&small, 1024, 50000));
    ProtobufCMessage *message;
    ck_assert_int_eq(wkv_decode(types[GET], WKV_JSON, json, len, &small, &message, &error), WKV_TOO_LARGE);
    ck_assert_ptr_null(message);
    wkv_arena_destroy(&small);
    free(json);
}
END_TEST

START_TEST(every_prefix_and_every_changed_byte_ends_cleanly)
{
    static const char whole[] = "{\"key\":\"k\\u00e9\\n\",\"value\":\"\xc3\xa4\",\"expiresS\":-1.50e1}";
    char bytes[sizeof whole - 1];
    ProtobufCMessage *message;
    ck_assert_int_eq(decode_bytes(types[SET], whole, sizeof bytes, &message), WKV_OK);
    for (size_t len = 0; len < sizeof bytes; len++)
        ck_assert_int_eq(decode_bytes(types[SET], whole, len, &message), WKV_BAD_REQUEST);
    for (size_t at = 0; at < sizeof bytes; at++)
        for (unsigned byte = (unsigned)at % test_stride(); byte < 256; byte += test_stride()) {
            memcpy(bytes, whole, sizeof bytes);
            bytes[at] = (char)byte;
            enum wkv_code code = decode_bytes(types[SET], bytes, sizeof bytes, &message);
            ck_assert(code == WKV_OK || code == WKV_BAD_REQUEST);
            ck_assert((code == WKV_OK) == (message != NULL));
            wkv_arena_reset(&arena);
        }
}
END_TEST

Suite *json_decode_suite(void)
{
    Suite *suite = suite_create("codec/json_decode");
    TCase *tests = tcase_create("json_decode");
    int flood_count = (int)(sizeof floods / sizeof floods[0]);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, decodes_what_proto3_json_takes, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_test(tests, decodes_a_repeated_text);
    tcase_add_test(tests, decodes_a_bool);
    tcase_add_loop_test(tests, refuses_what_is_wrong_says_what_is_right_and_never_quotes, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, takes_no_bytes_at_null_for_a_bad_request);
    tcase_add_test(tests, nesting_has_an_end);
    tcase_add_test(tests, what_is_nested_too_deeply_is_malformed_at_any_length);
    tcase_add_loop_test(tests, a_flood_of_tiny_values_is_refused_unread, 0, flood_count);
    tcase_add_loop_test(tests, a_parse_tree_is_never_larger_than_the_arena_may_be, 0, flood_count);
    tcase_add_test(tests, an_arena_that_runs_out_anywhere_is_not_a_bad_request);
    tcase_add_test(tests, a_text_larger_than_the_arena_is_not_a_bad_request);
    tcase_add_test(tests, every_prefix_and_every_changed_byte_ends_cleanly);
    suite_add_tcase(suite, tests);
    return suite;
}
