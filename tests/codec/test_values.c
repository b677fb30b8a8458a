/* CONTRACT section 3: "Values are bytes". Keys stay UTF-8. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "codec/decoding.h"
#include "codec/messages.h"

static struct wkv_buffer buffer;
static struct wkv_sink sink;

static void open_all(void)
{
    set_up();
    wkv_buffer_init(&buffer);
}

static void close_all(void)
{
    wkv_buffer_destroy(&buffer);
    tear_down();
}

#define TEXT(literal) ((struct wkv_text){literal, sizeof literal - 1})

static void assert_json(const char *json)
{
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_msg(buffer.len == strlen(json) && memcmp(buffer.data, json, buffer.len) == 0, "%.*s\n%s",
                  (int)buffer.len, buffer.data, json);
    ck_assert_uint_eq(sink.total_bytes, strlen(json));
}

static const struct {
    const char *bytes;
    size_t len;
    const char *base64;
} pairs[] = {{"", 0, ""},
             {"f", 1, "Zg=="},
             {"fo", 2, "Zm8="},
             {"foo", 3, "Zm9v"},
             {"foob", 4, "Zm9vYg=="},
             {"foobar", 6, "Zm9vYmFy"},
             {"\0\xff\xfe", 3, "AP/+"},
             {"\xfb\xef\xbe", 3, "++++"},
             {"\xff\xff\xff", 3, "////"}};

START_TEST(base64_goes_both_ways_in_either_alphabet_with_or_without_padding)
{
    char text[16], other[16];
    unsigned char bytes[16];
    size_t chars = wkv_base64_chars(pairs[_i].len), len;
    ck_assert_uint_eq(chars, strlen(pairs[_i].base64));
    wkv_base64_write(text, (struct wkv_text){pairs[_i].bytes, pairs[_i].len});
    ck_assert_mem_eq(text, pairs[_i].base64, chars);
    for (size_t i = 0; i < chars; i++)
        other[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    size_t bare = chars;
    while (bare > 0 && text[bare - 1] == '=')
        bare--;
    for (int form = 0; form < 4; form++) {
        ck_assert(wkv_base64_read((struct wkv_text){form % 2 ? other : text, form / 2 ? bare : chars}, bytes,
                                  &len));
        ck_assert_uint_eq(len, pairs[_i].len);
        ck_assert_mem_eq(bytes, pairs[_i].bytes, len);
    }
}
END_TEST

START_TEST(what_is_no_base64_is_refused)
{
    static const char *const cases[] = {"Z",    "Zg=",  "Zg===", "=",    "====",  "Z===",    "Zg==Zg==",
                                        "Zm 8", "Zm8*", "Zm8\n", "Zg=a", "Zm9vY", "\xff\xff"};
    unsigned char bytes[16];
    size_t len;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(!wkv_base64_read((struct wkv_text){cases[i], strlen(cases[i])}, bytes, &len), "%s",
                      cases[i]);
}
END_TEST

/* All decode as a SetRequest; value NULL: is refused, and says. */
static const struct {
    enum wkv_encoding encoding;
    const char *bytes;
    size_t len;
    const char *value;
    size_t value_len;
    const char *says;
} requests[] = {
#define ROW(encoding, bytes, value)                                                                          \
    {                                                                                                        \
        encoding, bytes, sizeof bytes - 1, value, sizeof value - 1, NULL                                     \
    }
#define BAD(encoding, bytes, says)                                                                           \
    {                                                                                                        \
        encoding, bytes, sizeof bytes - 1, NULL, 0, says                                                     \
    }
    ROW(WKV_PROTOBUF, "\x12\x03\xff\x00\xfe", "\xff\0\xfe"),
    ROW(WKV_JSON, "{\"value_base64\":\"AP/+\"}", "\0\xff\xfe"),
    ROW(WKV_JSON, "{\"valueBase64\":\"AP_-\"}", "\0\xff\xfe"),
    ROW(WKV_JSON, "{\"value_base64\":\"Zg\"}", "f"),
    ROW(WKV_JSON, "{\"value_base64\":\"\"}", ""),
    ROW(WKV_JSON, "{\"value_base64\":null}", ""),
    ROW(WKV_JSON, "{\"value_base64\":null,\"value\":\"f\"}", "f"),
    ROW(WKV_JSON, "{\"value\":null,\"value_base64\":\"Zg==\"}", "f"),
    ROW(WKV_JSON, "{\"value\":\"Zg==\"}", "Zg=="),
    BAD(WKV_PROTOBUF, "\x0a\x01\xff", "field key of SetRequest is not UTF-8"),
    BAD(WKV_JSON, "{\"value\":\"\",\"value_base64\":\"Zg==\"}",
        "member \"value\" of SetRequest is there twice"),
    BAD(WKV_JSON, "{\"value_base64\":\"Zg==\",\"value\":\"f\"}", "is there twice"),
    BAD(WKV_JSON, "{\"value_base64\":\"Zg==\",\"valueBase64\":\"Zg==\"}", "is there twice"),
    BAD(WKV_JSON, "{\"value_base64\":\"Zg=\"}",
        "member \"value_base64\" of SetRequest must be base64, such as \"YQ==\""),
    BAD(WKV_JSON, "{\"value_base64\":1}", "must be base64"),
    BAD(WKV_JSON, "{\"value_base64\":[\"Zg==\"]}", "must be base64"),
    BAD(WKV_JSON, "{\"key_base64\":\"Zg==\"}", "unknown member in SetRequest"),
    BAD(WKV_JSON, "{\"expires_s_base64\":\"Zg==\"}", "unknown member in SetRequest"),
    BAD(WKV_JSON, "{\"_base64\":\"Zg==\"}", "unknown member in SetRequest"),
    BAD(WKV_MSGPACK, "\x81\xa5value\xc4\x01\xff", "field \"value\" of SetRequest must be text in UTF-8"),
};

START_TEST(a_request_may_carry_any_bytes_as_a_value)
{
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode(&keyvalue__set_request__descriptor, requests[_i].encoding,
                                    requests[_i].bytes, requests[_i].len, &arena, &message, &error);
    if (requests[_i].value == NULL) {
        ck_assert_msg(code == WKV_BAD_REQUEST, "%d", _i);
        ck_assert_msg(strstr(error.text, requests[_i].says) != NULL, "%d: %s", _i, error.text);
        return;
    }
    ck_assert_msg(code == WKV_OK, "%d: %s", _i, error.text);
    ProtobufCBinaryData value = ((Keyvalue__SetRequest *)message)->value;
    ck_assert_uint_eq(value.len, requests[_i].value_len);
    ck_assert(value.len == 0 || memcmp(value.data, requests[_i].value, value.len) == 0);
}
END_TEST

START_TEST(a_json_reply_has_a_value_that_is_not_utf8_in_base64)
{
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_JSON, &buffer, 1000);
    wkv_sink_text(&sink, 1, TEXT("\0\xff\xfe"));
    wkv_sink_bool(&sink, 2, true);
    assert_json("{\"value\":\"\",\"value_base64\":\"AP/+\",\"exists\":true}");
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_JSON, &buffer, 1000);
    wkv_sink_text(&sink, 1, TEXT("\xc3\xa4"));
    assert_json("{\"value\":\"\xc3\xa4\",\"exists\":false}");
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_JSON, &buffer, 1000);
    assert_json("{\"value\":\"\",\"exists\":false}");
}
END_TEST

START_TEST(of_several_values_all_are_in_base64_where_one_has_to_be)
{
    const struct wkv_text values[] = {TEXT("a\"\\\n\x01\x1f u001f"), TEXT(""), TEXT("\\u0041"), TEXT("\xff"),
                                      TEXT("z")};
    static const char *const json[] = {
        "{\"values\":[]}",
        "{\"values\":[\"a\\\"\\\\\\n\\u0001\\u001f u001f\"]}",
        "{\"values\":[\"a\\\"\\\\\\n\\u0001\\u001f u001f\",\"\"]}",
        "{\"values\":[\"a\\\"\\\\\\n\\u0001\\u001f u001f\",\"\",\"\\\\u0041\"]}",
        "{\"values\":[],\"values_base64\":[\"YSJcCgEfIHUwMDFm\",\"\",\"XHUwMDQx\",\"/w==\"]}",
        "{\"values\":[],\"values_base64\":[\"YSJcCgEfIHUwMDFm\",\"\",\"XHUwMDQx\",\"/w==\",\"eg==\"]}"};
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_JSON, &buffer, 1000);
    for (int i = 0; i < _i; i++)
        ck_assert(wkv_sink_text(&sink, 1, values[i]));
    assert_json(json[_i]);
    /* The same from a message. */
    ProtobufCBinaryData bytes[5];
    Keyvalue__ListRangeResponse message = KEYVALUE__LIST_RANGE_RESPONSE__INIT;
    for (int i = 0; i < _i; i++)
        bytes[i] = (ProtobufCBinaryData){values[i].len, (uint8_t *)values[i].data};
    message.n_values = (size_t)_i;
    message.values = bytes;
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_JSON, &buffer, 1000);
    wkv_sink_message(&sink, &message.base);
    assert_json(json[_i]);
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_JSON, &buffer, 1000);
    wkv_sink_text(&sink, 1, TEXT("\xff"));
    assert_json("{\"values\":[],\"values_base64\":[\"/w==\"]}");
}
END_TEST

/* Random values, of which one or none is not UTF-8, under every limit: the reply fits or is refused, and is
 * counted alike whether it is kept or not. */
START_TEST(the_size_of_a_reply_in_base64_is_told_exactly)
{
    uint64_t state = (uint64_t)_i * 7919 + 1;
    struct wkv_text values[12];
    uint8_t odd_bytes[] = {0xff, 0xfe};
    size_t count = test_random(&state) % 12 + 1, odd = test_random(&state) % (count + 1);
    for (size_t i = 0; i < count; i++) {
        ProtobufCBinaryData text =
            i == odd ? (ProtobufCBinaryData){2, odd_bytes} : test_random_text(&state, &arena);
        for (size_t k = 0; k < text.len; k++) /* nothing that is longer in JSON than in base64 */
            if (text.data[k] < ' ' || text.data[k] == '"' || text.data[k] == '\\')
                text.data[k] = 'x';
        values[i] = (struct wkv_text){(const char *)text.data, text.len > 100 ? 0 : text.len};
    }
    size_t full = 0;
    for (size_t max = SIZE_MAX, round = 0; round < 400; max = round++ == 0 ? 0 : round * full / 390) {
        wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_JSON, max == 0 ? NULL : &buffer,
                       max);
        for (size_t i = 0; i < count; i++)
            (void)wkv_sink_text(&sink, 1, values[i]);
        enum wkv_code code = wkv_sink_end(&sink);
        if (round == 0)
            full = sink.total_bytes;
        if (max >= full) {
            ck_assert_int_eq(code, WKV_OK);
            ck_assert_uint_eq(buffer.len, full);
            json_t *json = json_loadb(buffer.data, buffer.len, JSON_ALLOW_NUL, NULL);
            ck_assert_uint_eq(
                json_array_size(json_object_get(json, odd < count ? "values_base64" : "values")), count);
            json_decref(json);
        } else {
            ck_assert_int_eq(code, WKV_TOO_LARGE);
            ck_assert_uint_gt(sink.total_bytes, max);
        }
        if (max == 0)
            ck_assert_uint_eq(sink.total_bytes, full);
    }
}
END_TEST

START_TEST(messagepack_cannot_carry_a_value_that_is_not_utf8)
{
    sink.error = NULL;
    for (int repeated = 0; repeated < 2; repeated++) {
        wkv_sink_begin(&sink,
                       repeated ? &keyvalue__list_range_response__descriptor
                                : &keyvalue__get_response__descriptor,
                       WKV_MSGPACK, &buffer, 1000);
        sink.error = &error;
        sink.who = "Get";
        ck_assert(wkv_sink_text(&sink, 1, TEXT("\xc3\xa4")) || !repeated);
        if (!repeated)
            wkv_sink_begin_again(&sink, &keyvalue__get_response__descriptor);
        ck_assert(!wkv_sink_text(&sink, 1, TEXT("\xff")));
        ck_assert_int_eq(wkv_sink_end(&sink), WKV_WRONG_KIND);
        ck_assert_ptr_nonnull(strstr(error.text, "Get: the value is not UTF-8"));
    }
}
END_TEST

START_TEST(protobuf_carries_any_bytes)
{
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_PROTOBUF, &buffer, 1000);
    wkv_sink_text(&sink, 1, TEXT("\xff\0"));
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(buffer.len, 4);
    ck_assert_mem_eq(buffer.data, "\x0a\x02\xff\0", 4);
}
END_TEST

Suite *values_suite(void)
{
    Suite *suite = suite_create("codec/values");
    TCase *tests = tcase_create("values");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_loop_test(tests, base64_goes_both_ways_in_either_alphabet_with_or_without_padding, 0,
                        (int)(sizeof pairs / sizeof *pairs));
    tcase_add_test(tests, what_is_no_base64_is_refused);
    tcase_add_loop_test(tests, a_request_may_carry_any_bytes_as_a_value, 0,
                        (int)(sizeof requests / sizeof *requests));
    tcase_add_test(tests, a_json_reply_has_a_value_that_is_not_utf8_in_base64);
    tcase_add_loop_test(tests, of_several_values_all_are_in_base64_where_one_has_to_be, 0, 6);
    tcase_add_loop_test(tests, the_size_of_a_reply_in_base64_is_told_exactly, 0, 20);
    tcase_add_test(tests, messagepack_cannot_carry_a_value_that_is_not_utf8);
    tcase_add_test(tests, protobuf_carries_any_bytes);
    suite_add_tcase(suite, tests);
    return suite;
}
