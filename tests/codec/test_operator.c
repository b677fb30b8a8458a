/* The messages of proto/operator.proto: integers of 64 bits both ways, and replies that nest. */
#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "core.pb-c.h"
#include "operator.pb-c.h"

static struct wkv_arena arena;
static struct wkv_buffer buffer;
static struct wkv_sink sink;
static struct wkv_error error;

static void set_up(void)
{
    ck_assert(wkv_arena_init(&arena, 4096, 1 << 20));
    wkv_buffer_init(&buffer);
    wkv_error_clear(&error);
}

static void tear_down(void)
{
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&arena);
}

static enum wkv_code decode(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                            const void *bytes, size_t len, ProtobufCMessage **message)
{
    return wkv_decode(type, encoding, bytes, len, &arena, message, &error);
}

static const struct {
    const char *json;
    int64_t value;
} good[] = {
    {"0", 0},
    {"-0", 0},
    {"\"-0\"", 0},
    {"1", 1},
    {"1.0", 1},
    {"1e2", 100},
    {"\"1e2\"", 100},
    {"\"1\"", 1},
    {"null", 0},
    {"2147483648", INT64_C(2147483648)},
    {"-2147483649", INT64_C(-2147483649)},
    {"9007199254740992.0", INT64_C(9007199254740992)},
    {"-9007199254740992.0", INT64_C(-9007199254740992)},
    {"9007199254740993", INT64_C(9007199254740993)},
    {"9223372036854775807", INT64_MAX},
    {"-9223372036854775808", INT64_MIN},
    {"\"9223372036854775807\"", INT64_MAX},
    {"\"-9223372036854775808\"", INT64_MIN},
};

START_TEST(json_takes_an_int64_as_a_number_or_a_string_of_one)
{
    char json[96];
    snprintf(json, sizeof json, "{\"min_bytes\":%s}", good[_i].json);
    ProtobufCMessage *message;
    ck_assert_msg(decode(&operator__keys_request__descriptor, WKV_JSON, json, strlen(json), &message) ==
                      WKV_OK,
                  "%s: %s", json, error.text);
    int64_t value = ((Operator__KeysRequest *)message)->min_bytes;
    ck_assert_msg(value == good[_i].value, "%s: %" PRId64, json, value);
}
END_TEST

/* "777" stands where an error might quote the request. */
static const char *const bad[] = {
    "777.5",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"-\"",
    "\"+1\"",
    "\"0777\"",
    "\"-0777\"",
    "\" 777\"",
    "\"777 \"",
    "\"777\\u0000\"",
    "\"0x777\"",
    "9007199254740994.0",
    "9223372036854775807.0",
    "9.3e18",
    "1e300",
    "-1e300",
    "\"9223372036854775808\"",
    "\"-9223372036854775809\"",
    "\"18446744073709551616\"",
    "\"99999999999999999999999999\"",
};

START_TEST(json_refuses_what_an_int64_does_not_hold)
{
    char json[96];
    snprintf(json, sizeof json, "{\"minBytes\":%s}", bad[_i]);
    ProtobufCMessage *message;
    ck_assert_msg(decode(&operator__keys_request__descriptor, WKV_JSON, json, strlen(json), &message) ==
                      WKV_BAD_REQUEST,
                  "%s", json);
    ck_assert_ptr_null(message);
    ck_assert_msg(strstr(error.text, "member \"min_bytes\" of KeysRequest must be a whole number from "
                                     "-9223372036854775808 to 9223372036854775807, such as 1") != NULL,
                  "%s: %s", json, error.text);
    ck_assert_msg(strstr(error.text, "777") == NULL, "%s: %s", json, error.text);
}
END_TEST

START_TEST(json_refuses_an_integer_of_more_than_63_bits_that_is_no_string)
{
    ProtobufCMessage *message;
    static const char json[] = "{\"min_bytes\":9223372036854775808}";
    ck_assert_int_eq(decode(&operator__keys_request__descriptor, WKV_JSON, json, sizeof json - 1, &message),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "a number is out of range"));
}
END_TEST

static const struct {
    const char *json;
    bool fits;
    uint32_t value;
} revisions[] = {
    {"0", true, 0},
    {"4294967295", true, UINT32_MAX},
    {"\"4294967295\"", true, UINT32_MAX},
    {"4294967296", false, 0},
    {"-1", false, 0},
    {"\"-1\"", false, 0},
    {"\"-0\"", true, 0},
    {"-0.0", true, 0},
    {"\"18446744073709551615\"", false, 0},
};

START_TEST(json_takes_a_uint32_within_its_range)
{
    char json[96];
    snprintf(json, sizeof json, "{\"revision\":%s}", revisions[_i].json);
    ProtobufCMessage *message;
    enum wkv_code code =
        decode(&core__capability_descriptor__descriptor, WKV_JSON, json, strlen(json), &message);
    ck_assert_msg(code == (revisions[_i].fits ? WKV_OK : WKV_BAD_REQUEST), "%s", json);
    if (code == WKV_OK)
        ck_assert_uint_eq(((Core__CapabilityDescriptor *)message)->revision, revisions[_i].value);
    else
        ck_assert_ptr_nonnull(strstr(error.text, "must be a whole number from 0 to 4294967295"));
}
END_TEST

/* No message has a uint64 yet. */
struct sizes {
    ProtobufCMessage base;
    uint64_t size;
};

static const ProtobufCFieldDescriptor sizes_fields[] = {{.name = "size",
                                                         .id = 1,
                                                         .label = PROTOBUF_C_LABEL_NONE,
                                                         .type = PROTOBUF_C_TYPE_UINT64,
                                                         .offset = offsetof(struct sizes, size)}};
static const ProtobufCIntRange sizes_ranges[] = {{1, 0}, {0, 1}};

static void sizes_init(ProtobufCMessage *message);

static const ProtobufCMessageDescriptor sizes_type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                      .name = "Sizes",
                                                      .short_name = "Sizes",
                                                      .sizeof_message = sizeof(struct sizes),
                                                      .n_fields = 1,
                                                      .fields = sizes_fields,
                                                      .n_field_ranges = 1,
                                                      .field_ranges = sizes_ranges,
                                                      .message_init = sizes_init};

static void sizes_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct sizes));
    message->descriptor = &sizes_type;
}

START_TEST(a_uint64_goes_all_the_way)
{
    static const struct {
        const char *json;
        bool fits;
        uint64_t value;
    } cases[] = {{"\"18446744073709551615\"", true, UINT64_MAX},
                 {"\"9223372036854775808\"", true, UINT64_C(9223372036854775808)},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-1", false, 0},
                 {"\"-1\"", false, 0},
                 {"\"18446744073709551616\"", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"size\":%s}", cases[i].json);
        ProtobufCMessage *message;
        enum wkv_code code = decode(&sizes_type, WKV_JSON, json, strlen(json), &message);
        ck_assert_msg(code == (cases[i].fits ? WKV_OK : WKV_BAD_REQUEST), "%s", json);
        if (code != WKV_OK)
            continue;
        ck_assert(((struct sizes *)message)->size == cases[i].value);
        uint8_t packed[16];
        size_t len = protobuf_c_message_pack(message, packed);
        ck_assert_int_eq(decode(&sizes_type, WKV_PROTOBUF, packed, len, &message), WKV_OK);
        ck_assert(((struct sizes *)message)->size == cases[i].value);
        wkv_sink_begin(&sink, &sizes_type, WKV_JSON, &buffer, 100);
        wkv_sink_message(&sink, message);
        ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
        char expected[64];
        int wrote = snprintf(expected, sizeof expected, "{\"size\":%" PRIu64 "}", cases[i].value);
        ck_assert_uint_eq(buffer.len, (size_t)wrote);
        ck_assert_mem_eq(buffer.data, expected, buffer.len);
    }
}
END_TEST

static const int64_t edges[] = {0,         1,         -1,        INT32_MAX, (int64_t)INT32_MAX + 1,
                                INT32_MIN, INT64_MAX, INT64_MIN, 1 << 14};

START_TEST(an_int64_is_written_as_a_varint_and_as_a_number)
{
    int64_t value = edges[_i];
    Operator__InspectReply reply = OPERATOR__INSPECT_REPLY__INIT;
    reply.length = 1;
    reply.bytes = value;
    uint8_t packed[64];
    size_t len = operator__inspect_reply__pack(&reply, packed);
    for (int whole = 0; whole < 2; whole++) {
        for (int json = 0; json < 2; json++) {
            wkv_sink_begin(&sink, &operator__inspect_reply__descriptor, json ? WKV_JSON : WKV_PROTOBUF,
                           &buffer, 1000);
            if (whole) {
                wkv_sink_message(&sink, &reply.base);
            } else {
                wkv_sink_int64(&sink, 3, 1);
                wkv_sink_int64(&sink, 4, value);
            }
            ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
            ck_assert_uint_eq(sink.total_bytes, buffer.len);
            char text[256];
            int wrote = snprintf(
                text, sizeof text,
                "{\"key\":\"\",\"kind\":\"\",\"length\":1,\"bytes\":%" PRId64 ",\"expires_in_s\":0}", value);
            ck_assert_uint_eq(buffer.len, json ? (size_t)wrote : len);
            ck_assert_mem_eq(buffer.data, json ? (const void *)text : packed, buffer.len);
            ProtobufCMessage *back;
            ck_assert_int_eq(decode(&operator__inspect_reply__descriptor, json ? WKV_JSON : WKV_PROTOBUF,
                                    buffer.data, buffer.len, &back),
                             WKV_OK);
            ck_assert_int_eq(((Operator__InspectReply *)back)->bytes, value);
        }
    }
}
END_TEST

START_TEST(a_width_that_the_field_has_not_is_the_callers_mistake)
{
    wkv_sink_begin(&sink, &operator__inspect_reply__descriptor, WKV_JSON, &buffer, 1000);
    wkv_sink_int32(&sink, 3, 1);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
    wkv_sink_begin(&sink, &operator__keys_request__descriptor, WKV_JSON, &buffer, 1000);
    wkv_sink_int64(&sink, 4, 1);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
}
END_TEST

static ProtobufCBinaryData text_of(char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

static void assert_written(const ProtobufCMessage *message, const char *json)
{
    wkv_sink_begin(&sink, message->descriptor, WKV_JSON, &buffer, 4096);
    wkv_sink_message(&sink, message);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_msg(buffer.len == strlen(json) && memcmp(buffer.data, json, buffer.len) == 0, "%.*s",
                  (int)buffer.len, buffer.data);
}

START_TEST(replies_that_nest_are_written_whole)
{
    Operator__Binding first = OPERATOR__BINDING__INIT, second = OPERATOR__BINDING__INIT;
    Operator__Binding *bindings[] = {&first, &second};
    first.actor = text_of("MA");
    first.expires_at = INT64_C(4102444800);
    second.keyspace = text_of("k\"");
    Operator__BindingsReply reply = OPERATOR__BINDINGS_REPLY__INIT;
    assert_written(&reply.base, "{\"bindings\":[],\"cursor\":\"\"}");
    reply.bindings = bindings;
    reply.n_bindings = 2;
    reply.cursor = text_of("MB");
    assert_written(
        &reply.base,
        "{\"bindings\":[{\"actor\":\"MA\",\"keyspace\":\"\",\"issuer\":\"\",\"expires_at\":4102444800},"
        "{\"actor\":\"\",\"keyspace\":\"k\\\"\",\"issuer\":\"\",\"expires_at\":0}],\"cursor\":\"MB\"}");
    Operator__SlowRequest slow = OPERATOR__SLOW_REQUEST__INIT;
    Operator__SlowRequest *requests[] = {&slow};
    Operator__SlowlogReply log = OPERATOR__SLOWLOG_REPLY__INIT;
    slow.operation = text_of("Get");
    slow.duration_us = INT64_MAX;
    slow.code = 409;
    log.requests = requests;
    log.n_requests = 1;
    assert_written(&log.base, "{\"requests\":[{\"operation\":\"Get\",\"actor\":\"\","
                              "\"duration_us\":9223372036854775807,\"request_bytes\":0,\"reply_bytes\":0,"
                              "\"code\":409,\"started\":\"\",\"trace_id\":\"\"}]}");
}
END_TEST

START_TEST(a_wrong_wire_type_of_an_int64_is_named)
{
    ProtobufCMessage *message;
    ck_assert_int_eq(decode(&operator__keys_request__descriptor, WKV_PROTOBUF, "\x32\x01\x01", 3, &message),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "field 6 (min_bytes) with wire type"));
}
END_TEST

Suite *operator_suite(void)
{
    Suite *suite = suite_create("codec/operator");
    TCase *tests = tcase_create("operator");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, json_takes_an_int64_as_a_number_or_a_string_of_one, 0,
                        (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tests, json_refuses_what_an_int64_does_not_hold, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, json_refuses_an_integer_of_more_than_63_bits_that_is_no_string);
    tcase_add_loop_test(tests, json_takes_a_uint32_within_its_range, 0,
                        (int)(sizeof revisions / sizeof revisions[0]));
    tcase_add_test(tests, a_uint64_goes_all_the_way);
    tcase_add_loop_test(tests, an_int64_is_written_as_a_varint_and_as_a_number, 0,
                        (int)(sizeof edges / sizeof edges[0]));
    tcase_add_test(tests, a_width_that_the_field_has_not_is_the_callers_mistake);
    tcase_add_test(tests, replies_that_nest_are_written_whole);
    tcase_add_test(tests, a_wrong_wire_type_of_an_int64_is_named);
    suite_add_tcase(suite, tests);
    return suite;
}
