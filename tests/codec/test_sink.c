#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "codec/messages.h"

static struct wkv_buffer buffer;
static struct wkv_sink sink;

static void set_up(void)
{
    wkv_buffer_init(&buffer);
}

static void tear_down(void)
{
    wkv_buffer_destroy(&buffer);
}

static void begin(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding)
{
    wkv_sink_begin(&sink, type, encoding, &buffer, 1 << 20);
}

static void assert_reply(const char *expected, size_t len)
{
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(sink.total_bytes, len);
    ck_assert_uint_eq(buffer.len, len);
    ck_assert_msg(len == 0 || memcmp(buffer.data, expected, len) == 0, "%.*s", (int)buffer.len, buffer.data);
}

static void assert_json(const char *expected)
{
    assert_reply(expected, strlen(expected));
}

START_TEST(json_names_fields_as_the_proto_does)
{
    begin(&keyvalue__list_response__descriptor, WKV_JSON);
    wkv_sink_int32(&sink, 1, 7);
    assert_json("{\"new_count\":7}");
}
END_TEST

START_TEST(json_prints_every_field_that_was_not_written)
{
    begin(&keyvalue__set_request__descriptor, WKV_JSON);
    assert_json("{\"key\":\"\",\"value\":\"\",\"expires_s\":0,\"expires_ms\":0,"
                "\"keep_expiry\":false}");
    begin(&keyvalue__set_request__descriptor, WKV_JSON);
    wkv_sink_text(&sink, 2, (struct wkv_text){"v", 1});
    assert_json("{\"key\":\"\",\"value\":\"v\",\"expires_s\":0,\"expires_ms\":0,"
                "\"keep_expiry\":false}");
    begin(&keyvalue__get_response__descriptor, WKV_JSON);
    wkv_sink_bool(&sink, 2, true);
    assert_json("{\"value\":\"\",\"exists\":true}");
    begin(&keyvalue__get_response__descriptor, WKV_JSON);
    wkv_sink_text(&sink, 1, (struct wkv_text){NULL, 0});
    assert_json("{\"value\":\"\",\"exists\":false}");
    begin(&keyvalue__set_query_response__descriptor, WKV_JSON);
    assert_json("{\"values\":[],\"cursor\":\"\"}");
}
END_TEST

START_TEST(json_writes_elements_in_their_order)
{
    begin(&keyvalue__list_range_response__descriptor, WKV_JSON);
    wkv_sink_text(&sink, 1, (struct wkv_text){"a", 1});
    assert_json("{\"values\":[\"a\"]}");
    begin(&keyvalue__list_range_response__descriptor, WKV_JSON);
    wkv_sink_text(&sink, 1, (struct wkv_text){"a", 1});
    wkv_sink_text(&sink, 1, (struct wkv_text){"", 0});
    wkv_sink_text(&sink, 1, (struct wkv_text){"c", 1});
    assert_json("{\"values\":[\"a\",\"\",\"c\"]}");
}
END_TEST

START_TEST(json_escapes_what_rfc_8259_says_and_no_more)
{
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } cases[] = {
        {"\"", 1, "\\\""},
        {"\\", 1, "\\\\"},
        {"/", 1, "/"},
        {"\b\f\n\r\t", 5, "\\b\\f\\n\\r\\t"},
        {"\0", 1, "\\u0000"},
        {"\x01\x1f", 2, "\\u0001\\u001f"},
        {"\x7f", 1, "\x7f"},
        {"a\"b\\c\nd", 7, "a\\\"b\\\\c\\nd"},
        {"\n\n", 2, "\\n\\n"},
        {"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&keyvalue__set_response__descriptor, WKV_JSON);
        wkv_sink_text(&sink, 1, (struct wkv_text){cases[i].text, cases[i].len});
        char expected[64];
        snprintf(expected, sizeof expected, "{\"value\":\"%s\"}", cases[i].json);
        assert_json(expected);
    }
}
END_TEST

START_TEST(json_of_every_character_reads_back_the_same)
{
    for (uint32_t c = 0; c < 0x80; c++) {
        char text[3] = {'x', (char)c, 'y'};
        begin(&keyvalue__set_response__descriptor, WKV_JSON);
        wkv_sink_text(&sink, 1, (struct wkv_text){text, 3});
        ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
        json_t *root = json_loadb(buffer.data, buffer.len, JSON_ALLOW_NUL, NULL);
        json_t *value = json_object_get(root, "value");
        ck_assert_uint_eq(json_string_length(value), 3);
        ck_assert_mem_eq(json_string_value(value), text, 3);
        json_decref(root);
    }
}
END_TEST

START_TEST(writes_the_edges_of_int32)
{
    static const struct {
        int32_t value;
        const char *json;
        const char *protobuf;
        size_t len;
    } cases[] = {
        {0, "{\"value\":0}", "", 0},
        {1, "{\"value\":1}", "\x08\x01", 2},
        {127, "{\"value\":127}", "\x08\x7f", 2},
        {128, "{\"value\":128}", "\x08\x80\x01", 3},
        {-1, "{\"value\":-1}", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {INT32_MAX, "{\"value\":2147483647}", "\x08\xff\xff\xff\xff\x07", 6},
        {INT32_MIN, "{\"value\":-2147483648}", "\x08\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01", 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&keyvalue__add_response__descriptor, WKV_JSON);
        wkv_sink_int32(&sink, 1, cases[i].value);
        assert_json(cases[i].json);
        begin(&keyvalue__add_response__descriptor, WKV_PROTOBUF);
        wkv_sink_int32(&sink, 1, cases[i].value);
        assert_reply(cases[i].protobuf, cases[i].len);
    }
}
END_TEST

START_TEST(protobuf_leaves_out_singular_defaults_and_keeps_empty_elements)
{
    begin(&keyvalue__get_response__descriptor, WKV_PROTOBUF);
    wkv_sink_text(&sink, 1, (struct wkv_text){"", 0});
    wkv_sink_bool(&sink, 2, false);
    assert_reply("", 0);
    begin(&keyvalue__get_response__descriptor, WKV_PROTOBUF);
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
    wkv_sink_bool(&sink, 2, true);
    assert_reply("\x0a\x01v\x10\x01", 5);
    begin(&keyvalue__set_query_response__descriptor, WKV_PROTOBUF);
    wkv_sink_text(&sink, 1, (struct wkv_text){"", 0});
    wkv_sink_text(&sink, 1, (struct wkv_text){"\0", 1});
    assert_reply("\x0a\x00\x0a\x01\x00", 5);
}
END_TEST

START_TEST(a_new_reply_drops_what_stood_in_the_buffer)
{
    ck_assert(wkv_buffer_append(&buffer, "rest", 4));
    buffer.failed = true;
    begin(&keyvalue__add_response__descriptor, WKV_PROTOBUF);
    wkv_sink_int32(&sink, 1, 1);
    assert_reply("\x08\x01", 2);
}
END_TEST

/* For every limit up to the full size and past it: the total is the same, and the buffer never holds more. */
START_TEST(says_the_exact_size_of_what_does_not_fit)
{
    enum wkv_encoding encoding = _i == 0 ? WKV_PROTOBUF : WKV_JSON;
    size_t full = 0;
    for (size_t round = 0; round < 2; round++) {
        size_t first = round == 0 ? 1 << 20 : 0, last = round == 0 ? first : full + 2;
        for (size_t max = first; max <= last; max++) {
            struct wkv_buffer fresh = {0};
            wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, encoding, &fresh, max);
            for (int i = 0; i < 20; i++)
                wkv_sink_text(&sink, 1, (struct wkv_text){"a\"\n\x01 text of some length", (size_t)i});
            enum wkv_code code = wkv_sink_end(&sink);
            if (round == 0)
                full = sink.total_bytes;
            ck_assert_uint_eq(sink.total_bytes, full);
            ck_assert_int_eq(code, max >= full ? WKV_OK : WKV_TOO_LARGE);
            ck_assert_uint_le(fresh.len, max);
            if (code == WKV_OK)
                ck_assert_uint_eq(fresh.len, full);
            wkv_buffer_destroy(&fresh);
        }
    }
    ck_assert_uint_gt(full, 190);
}
END_TEST

START_TEST(memory_stays_near_the_limit_however_long_the_reply)
{
    enum wkv_encoding encoding = _i == 0 ? WKV_PROTOBUF : WKV_JSON;
    char text[1000];
    memset(text, 'x', sizeof text);
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, encoding, &buffer, 10000);
    for (int i = 0; i < 100000; i++)
        wkv_sink_text(&sink, 1, (struct wkv_text){text, sizeof text});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
    size_t expected = _i == 0 ? 100000u * 1003u : 100000u * 1003u - 1 + sizeof "{\"values\":[]}" - 1;
    ck_assert_uint_eq(sink.total_bytes, expected);
    ck_assert_uint_le(buffer.capacity, 20000);
}
END_TEST

START_TEST(a_limit_of_nothing_fits_an_empty_protobuf_reply_only)
{
    wkv_sink_begin(&sink, &keyvalue__add_response__descriptor, WKV_PROTOBUF, &buffer, 0);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(buffer.len, 0);
    wkv_sink_begin(&sink, &keyvalue__add_response__descriptor, WKV_JSON, &buffer, 0);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
}
END_TEST

START_TEST(short_memory_is_told_at_the_end)
{
    begin(&keyvalue__set_response__descriptor, WKV_PROTOBUF);
    buffer.failed = true; /* as an append leaves it that found no memory */
    wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
}
END_TEST

enum mistake { UNKNOWN_NUMBER, NUMBER_0, TWICE, OUT_OF_ORDER, WRONG_TYPE, WRONG_TYPE_OF_ELEMENT, MISTAKES };

START_TEST(a_mistake_of_the_caller_never_becomes_a_reply)
{
    enum wkv_encoding encoding = _i % 2 == 0 ? WKV_PROTOBUF : WKV_JSON;
    begin(_i / 2 == WRONG_TYPE_OF_ELEMENT ? &keyvalue__list_range_response__descriptor
                                          : &keyvalue__get_response__descriptor,
          encoding);
    switch ((enum mistake)(_i / 2)) {
    case UNKNOWN_NUMBER:
        wkv_sink_text(&sink, 3, (struct wkv_text){"v", 1});
        break;
    case NUMBER_0:
        wkv_sink_text(&sink, 0, (struct wkv_text){"v", 1});
        break;
    case TWICE:
        wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
        wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
        break;
    case OUT_OF_ORDER:
        wkv_sink_bool(&sink, 2, true);
        wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
        break;
    case WRONG_TYPE:
        wkv_sink_int32(&sink, 2, 1);
        break;
    default:
        wkv_sink_text(&sink, 1, (struct wkv_text){"v", 1});
        wkv_sink_int32(&sink, 1, 1);
        break;
    }
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
}
END_TEST

START_TEST(a_counting_sink_tells_the_size_and_keeps_nothing)
{
    const enum wkv_encoding encodings[] = {WKV_PROTOBUF, WKV_JSON, WKV_MSGPACK};
    char text[1000];
    memset(text, 'x', sizeof text);
    size_t kept = 0;
    for (int round = 0; round < 2; round++) {
        wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, encodings[_i],
                       round == 0 ? NULL : &buffer, round == 0 ? 0 : SIZE_MAX);
        for (int i = 0; i < 1000; i++)
            ck_assert(wkv_sink_text(&sink, 1, (struct wkv_text){text, sizeof text}));
        ck_assert_int_eq(wkv_sink_end(&sink), round == 0 ? WKV_TOO_LARGE : WKV_OK);
        kept = buffer.len;
        if (round == 0)
            ck_assert_uint_eq(kept, 0);
        else
            ck_assert_uint_eq(kept, sink.total_bytes);
        ck_assert_uint_gt(sink.total_bytes, 1000u * sizeof text);
    }
}
END_TEST

START_TEST(a_sink_of_nothing_keeps_and_counts_nothing)
{
    Keyvalue__GetResponse reply = KEYVALUE__GET_RESPONSE__INIT;
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_NONE, NULL, 0);
    ck_assert(!wkv_sink_text(&sink, 1, (struct wkv_text){"a", 1}));
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_NONE, NULL, 0);
    wkv_sink_bool(&sink, 2, true);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_NONE, NULL, 0);
    wkv_sink_message(&sink, &reply.base);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(sink.total_bytes, 0);
}
END_TEST

START_TEST(a_sink_that_is_full_says_stop_and_a_single_text_never_does)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    wkv_sink_begin(&sink, &keyvalue__list_range_response__descriptor, WKV_JSON, &buffer, 5000);
    size_t shown = 1;
    while (wkv_sink_text(&sink, 1, (struct wkv_text){text, sizeof text}))
        shown++;
    ck_assert_uint_gt(shown, 60);
    ck_assert_uint_lt(shown, 80);
    ck_assert(sink.cut);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
    char *large = calloc(1, 1 << 20);
    ck_assert_ptr_nonnull(large);
    wkv_sink_begin(&sink, &keyvalue__get_response__descriptor, WKV_PROTOBUF, &buffer, 5000);
    ck_assert(wkv_sink_text(&sink, 1, (struct wkv_text){large, 1 << 20}));
    ck_assert(!sink.cut);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
    free(large);
}
END_TEST

START_TEST(a_failure_is_the_end_of_a_reply)
{
    struct wkv_error error;
    begin(&keyvalue__get_response__descriptor, WKV_JSON);
    ck_assert_int_eq(wkv_sink_fail(&sink, WKV_WRONG_KIND, "nobody reads %s", "this"), WKV_WRONG_KIND);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_WRONG_KIND);
    begin(&keyvalue__get_response__descriptor, WKV_JSON);
    sink.error = &error;
    (void)wkv_sink_fail(&sink, WKV_WRONG_KIND, "no %s", "name");
    ck_assert_str_eq(error.text, "no name");
    sink.who = "Get";
    (void)wkv_sink_fail(&sink, WKV_TOO_LARGE, "the key is too %s", "long");
    ck_assert_str_eq(error.text, "Get: the key is too long");
    ck_assert_int_eq(error.code, WKV_TOO_LARGE);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
    wkv_sink_begin_again(&sink, &keyvalue__list_response__descriptor);
    ck_assert_ptr_eq(sink.error, &error);
    assert_json("{\"new_count\":0}");
}
END_TEST

START_TEST(an_error_has_a_body_of_its_encoding)
{
    struct wkv_error error;
    char body[WKV_ERROR_BODY_BYTES];
    (void)wkv_fail(&error, WKV_WRONG_KIND, "a \"list\" or \\");
    size_t len = wkv_error_body(WKV_PROTOBUF, &error, body);
    ck_assert_mem_eq(body, "Failed (409): a \"list\" or \\", len);
    ck_assert_uint_eq(len, 27);
    len = wkv_error_body(WKV_JSON, &error, body);
    json_t *json = json_loadb(body, len, 0, NULL);
    json_t *inner = json_object_get(json, "error");
    ck_assert_int_eq(json_integer_value(json_object_get(inner, "code")), 409);
    ck_assert_str_eq(json_string_value(json_object_get(inner, "description")), error.text);
    json_decref(json);
    memset(error.text, '"', sizeof error.text - 1);
    error.text[sizeof error.text - 1] = '\0';
    ck_assert_uint_le(wkv_error_body(WKV_JSON, &error, body), sizeof body);
}
END_TEST

Suite *sink_suite(void)
{
    Suite *suite = suite_create("codec/sink");
    TCase *tests = tcase_create("sink");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, json_names_fields_as_the_proto_does);
    tcase_add_test(tests, json_prints_every_field_that_was_not_written);
    tcase_add_test(tests, json_writes_elements_in_their_order);
    tcase_add_test(tests, json_escapes_what_rfc_8259_says_and_no_more);
    tcase_add_test(tests, json_of_every_character_reads_back_the_same);
    tcase_add_test(tests, writes_the_edges_of_int32);
    tcase_add_test(tests, protobuf_leaves_out_singular_defaults_and_keeps_empty_elements);
    tcase_add_test(tests, a_new_reply_drops_what_stood_in_the_buffer);
    tcase_add_loop_test(tests, says_the_exact_size_of_what_does_not_fit, 0, 2);
    tcase_add_loop_test(tests, memory_stays_near_the_limit_however_long_the_reply, 0, 2);
    tcase_add_test(tests, a_limit_of_nothing_fits_an_empty_protobuf_reply_only);
    tcase_add_test(tests, short_memory_is_told_at_the_end);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_never_becomes_a_reply, 0, 2 * MISTAKES);
    tcase_add_loop_test(tests, a_counting_sink_tells_the_size_and_keeps_nothing, 0, 3);
    tcase_add_test(tests, a_sink_of_nothing_keeps_and_counts_nothing);
    tcase_add_test(tests, a_sink_that_is_full_says_stop_and_a_single_text_never_does);
    tcase_add_test(tests, a_failure_is_the_end_of_a_reply);
    tcase_add_test(tests, an_error_has_a_body_of_its_encoding);
    suite_add_tcase(suite, tests);
    return suite;
}
