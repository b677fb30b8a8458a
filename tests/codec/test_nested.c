/* Messages in messages, packed numbers and what is not supported: no message of proto/keyvalue.proto has them
 * yet, so the descriptor is made by hand. It is what protoc-c makes of
 *
 *   message Outer {
 *     GetRequest one = 1;
 *     repeated SetRequest many = 2;
 *     repeated int32 numbers = 3;
 *     repeated bool some_flags = 4;
 *     map<string, string> labels = 5;
 *     int64 wide = 6;
 *     optional int32 maybe = 7;
 *     double real = 8;
 *   }
 */
#include <check.h>
#include <stdlib.h>

#include "codec/decoding.h"
#include "codec/messages.h"
#include "core.pb-c.h"

struct outer {
    ProtobufCMessage base;
    Keyvalue__GetRequest *one;
    size_t n_many;
    Keyvalue__SetRequest **many;
    size_t n_numbers;
    int32_t *numbers;
    size_t n_some_flags;
    protobuf_c_boolean *some_flags;
    size_t n_labels;
    ProtobufCMessage **labels;
    int64_t wide;
    protobuf_c_boolean has_maybe;
    int32_t maybe;
    double real;
};

#define FIELD(member) .name = #member, .offset = offsetof(struct outer, member)
#define REPEATED(member)                                                                                     \
    FIELD(member), .label = PROTOBUF_C_LABEL_REPEATED, .quantifier_offset = offsetof(struct outer, n_##member)

static const ProtobufCFieldDescriptor outer_fields[] = {
    {FIELD(one), .id = 1, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_MESSAGE,
     .descriptor = &keyvalue__get_request__descriptor},
    {REPEATED(many), .id = 2, .type = PROTOBUF_C_TYPE_MESSAGE,
     .descriptor = &keyvalue__set_request__descriptor},
    {REPEATED(numbers), .id = 3, .type = PROTOBUF_C_TYPE_INT32, .flags = PROTOBUF_C_FIELD_FLAG_PACKED},
    {REPEATED(some_flags), .id = 4, .type = PROTOBUF_C_TYPE_BOOL, .flags = PROTOBUF_C_FIELD_FLAG_PACKED},
    {REPEATED(labels), .id = 5, .type = PROTOBUF_C_TYPE_MESSAGE,
     .descriptor = &core__capability_configuration__values_entry__descriptor},
    {FIELD(wide), .id = 6, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_INT64},
    {FIELD(maybe), .id = 7, .label = PROTOBUF_C_LABEL_OPTIONAL, .type = PROTOBUF_C_TYPE_INT32,
     .quantifier_offset = offsetof(struct outer, has_maybe)},
    {FIELD(real), .id = 8, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_DOUBLE},
};

static const ProtobufCIntRange outer_ranges[] = {{1, 0}, {0, 8}};

static void outer_init(ProtobufCMessage *message);

static const ProtobufCMessageDescriptor outer_type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                      .name = "Outer",
                                                      .short_name = "Outer",
                                                      .sizeof_message = sizeof(struct outer),
                                                      .n_fields = 8,
                                                      .fields = outer_fields,
                                                      .n_field_ranges = 1,
                                                      .field_ranges = outer_ranges,
                                                      .message_init = outer_init};

static void outer_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct outer));
    message->descriptor = &outer_type;
}

static enum wkv_code decode(enum wkv_encoding encoding, const char *bytes, size_t len, struct outer **outer)
{
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode(&outer_type, encoding, bytes, len, &arena, &message, &error);
    *outer = (struct outer *)message;
    return code;
}

static enum wkv_code decode_json(const char *json, struct outer **outer)
{
    return decode(WKV_JSON, json, strlen(json), outer);
}

static void assert_whole(const struct outer *outer)
{
    ck_assert_uint_eq(outer->one->key.len, 1);
    ck_assert_int_eq(outer->one->key.data[0], 'a');
    ck_assert_uint_eq(outer->n_many, 2);
    ck_assert_int_eq(outer->many[0]->expires_s, 7);
    ck_assert_int_eq(outer->many[1]->value.data[0], 'v');
    ck_assert_uint_eq(outer->n_numbers, 3);
    ck_assert_int_eq(outer->numbers[0], 1);
    ck_assert_int_eq(outer->numbers[1], 0);
    ck_assert_int_eq(outer->numbers[2], 300);
    ck_assert_uint_eq(outer->n_some_flags, 2);
    ck_assert_int_eq(outer->some_flags[0], 1);
    ck_assert_int_eq(outer->some_flags[1], 0);
    ck_assert_int_eq(outer->has_maybe, 1);
    ck_assert_int_eq(outer->maybe, 0);
}

START_TEST(json_decodes_messages_in_messages)
{
    struct outer *outer;
    enum wkv_code code = decode_json("{\"one\":{\"key\":\"a\"},\"many\":[{\"expiresS\":7},{\"value\":\"v\"}],"
                                     "\"numbers\":[1,\"0\",3e2],\"someFlags\":[true,false],\"maybe\":0}",
                                     &outer);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
    assert_whole(outer);
}
END_TEST

START_TEST(protobuf_decodes_messages_in_messages)
{
    static const char bytes[] = "\x0a\x03\x0a\x01"
                                "a\x12\x02\x18\x07\x12\x03\x12\x01v\x1a\x04\x01\x00\xac\x02"
                                "\x22\x02\x01\x00\x38\x00";
    struct outer *outer;
    enum wkv_code code = decode(WKV_PROTOBUF, bytes, sizeof bytes - 1, &outer);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
    assert_whole(outer);
}
END_TEST

START_TEST(null_is_no_message)
{
    struct outer *outer;
    ck_assert_int_eq(decode_json("{\"one\":null,\"many\":null,\"maybe\":null}", &outer), WKV_OK);
    ck_assert_ptr_null(outer->one);
    ck_assert_uint_eq(outer->n_many, 0);
    ck_assert_int_eq(outer->has_maybe, 0);
}
END_TEST

static const struct {
    enum wkv_encoding encoding;
    const char *bytes;
    size_t len;
    const char *says;
} bad[] = {
    {WKV_PROTOBUF, "\x0a\x03\x0a\x01\xff", 5, "field key of GetRequest is not UTF-8"},
    {WKV_PROTOBUF, "\x12\x03\x0a\x01v\x12\x03\x0a\x01\xff", 10, "field key of SetRequest is not UTF-8"},
    {WKV_PROTOBUF, "\x0a\x03\x0a\x05x", 5, "not an Outer: a field of it does not decode"},
    {WKV_PROTOBUF, "\x0a\x02\x08\x01", 4, "not an Outer: a field of it does not decode"},
    {WKV_PROTOBUF, "\x18", 1, "field 3 (numbers) with wire type 0 does not decode"},
    {WKV_PROTOBUF, "\x1a\x01\x80", 3, "a field of it does not decode"},
    {WKV_JSON, "{\"one\":[]}", 10, "member \"one\" of Outer must be an object"},
    {WKV_JSON, "{\"one\":{\"key\":1}}", 17, "member \"key\" of GetRequest must be a string"},
    {WKV_JSON, "{\"one\":{\"value\":1}}", 19, "unknown member in GetRequest: its members are \"key\""},
    {WKV_JSON, "{\"many\":{}}", 11, "member \"many\" of Outer must be an array"},
    {WKV_JSON, "{\"many\":[null]}", 15, "each element of member \"many\" of Outer must be an object"},
    {WKV_JSON, "{\"many\":[{},{\"expires_s\":0.5}]}", 31, "member \"expires_s\" of SetRequest must be"},
    {WKV_JSON, "{\"numbers\":[1,2147483648]}", 26, "each element of member \"numbers\""},
    {WKV_JSON, "{\"some_flags\":[1]}", 18,
     "each element of member \"some_flags\" of Outer must be true or false"},
    {WKV_JSON, "{\"labels\":[{\"key\":\"a\"}]}", 24,
     "member \"labels\" of Outer must be an object of strings"},
    {WKV_JSON, "{\"labels\":{\"a\":1}}", 18, "each element of member \"labels\" of Outer must be a string"},
    {WKV_JSON, "{\"labels\":{\"a\":null}}", 21,
     "each element of member \"labels\" of Outer must be a string"},
    {WKV_JSON, "{\"real\":1}", 10, "member \"real\" of Outer is not supported in JSON"},
};

/* A map is an object in JSON and repeated {key, value} messages on the wire; both decode to the same. */
START_TEST(a_map_decodes_from_an_object)
{
    struct outer *outer;
    ck_assert_int_eq(decode_json("{\"labels\":{\"a\":\"b\",\"\":\"\\u0000\"}}", &outer), WKV_OK);
    ck_assert_uint_eq(outer->n_labels, 2);
    bool named = false, nameless = false;
    for (size_t i = 0; i < outer->n_labels; i++) {
        const Core__CapabilityConfiguration__ValuesEntry *entry = (const void *)outer->labels[i];
        ck_assert_uint_eq(entry->value.len, 1);
        named |= entry->key.len == 1 && entry->key.data[0] == 'a' && entry->value.data[0] == 'b';
        nameless |= entry->key.len == 0 && entry->value.data[0] == '\0';
    }
    ck_assert(named && nameless);
    ck_assert_int_eq(decode_json("{\"labels\":{}}", &outer), WKV_OK);
    ck_assert_uint_eq(outer->n_labels, 0);
    ck_assert_int_eq(decode(WKV_PROTOBUF,
                            "\x2a\x06\x0a\x01"
                            "a\x12\x01"
                            "b",
                            8, &outer),
                     WKV_OK);
    ck_assert_uint_eq(outer->n_labels, 1);
    ck_assert_int_eq(
        ((const Core__CapabilityConfiguration__ValuesEntry *)(const void *)outer->labels[0])->value.data[0],
        'b');
}
END_TEST

/* A reply that nests, in both encodings. */
START_TEST(a_whole_message_is_written)
{
    Core__OperationDescriptor operation = CORE__OPERATION_DESCRIPTOR__INIT;
    Core__OperationDescriptor *operations[] = {&operation, &operation};
    Core__CapabilityDescriptor descriptor = CORE__CAPABILITY_DESCRIPTOR__INIT;
    operation.name = (ProtobufCBinaryData){3, (uint8_t *)"G\"t"};
    operation.direction = CORE__OPERATION_DIRECTION__to_provider;
    descriptor.id = (ProtobufCBinaryData){1, (uint8_t *)"i"};
    descriptor.revision = 4294967295u;
    descriptor.supported_operations = operations;
    descriptor.n_supported_operations = 2;
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    wkv_sink_begin(&sink, &core__capability_descriptor__descriptor, WKV_JSON, &buffer, 4096);
    wkv_sink_message(&sink, &descriptor.base);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    const char *json =
        "{\"id\":\"i\",\"name\":\"\",\"version\":\"\",\"revision\":4294967295,\"long_description\":\"\","
        "\"supported_operations\":[{\"name\":\"G\\\"t\",\"direction\":\"to_provider\",\"doctext\":\"\"},"
        "{\"name\":\"G\\\"t\",\"direction\":\"to_provider\",\"doctext\":\"\"}]}";
    ck_assert_uint_eq(buffer.len, strlen(json));
    ck_assert_mem_eq(buffer.data, json, buffer.len);
    ck_assert_uint_eq(sink.total_bytes, buffer.len);
    wkv_sink_begin(&sink, &core__capability_descriptor__descriptor, WKV_PROTOBUF, &buffer, 4096);
    wkv_sink_message(&sink, &descriptor.base);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    uint8_t packed[256];
    ck_assert_uint_eq(core__capability_descriptor__pack(&descriptor, packed), buffer.len);
    ck_assert_mem_eq(buffer.data, packed, buffer.len);
    wkv_sink_begin(&sink, &core__capability_descriptor__descriptor, WKV_JSON, &buffer, 10);
    wkv_sink_message(&sink, &descriptor.base);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_TOO_LARGE);
    ck_assert_uint_eq(sink.total_bytes, strlen(json));
    wkv_sink_begin(&sink, &core__empty__descriptor, WKV_JSON, &buffer, 10);
    wkv_sink_message(&sink, &descriptor.base);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_NO_MEMORY);
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(json_decodes_an_enum_by_its_name_or_number)
{
    static const struct {
        const char *json;
        int direction; /* -1: refused */
    } cases[] = {{"{\"direction\":\"both\"}", 2}, {"{\"direction\":1}", 1},
                 {"{\"direction\":null}", 0},     {"{\"direction\":\"to\"}", -1},
                 {"{\"direction\":3}", -1},       {"{\"direction\":-1}", -1},
                 {"{\"direction\":true}", -1},    {"{\"direction\":[\"both\"]}", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ProtobufCMessage *message;
        enum wkv_code code = wkv_decode(&core__operation_descriptor__descriptor, WKV_JSON, cases[i].json,
                                        strlen(cases[i].json), &arena, &message, &error);
        ck_assert_msg(code == (cases[i].direction < 0 ? WKV_BAD_REQUEST : WKV_OK), "%s", cases[i].json);
        if (code == WKV_OK)
            ck_assert_int_eq(((Core__OperationDescriptor *)message)->direction, cases[i].direction);
        else
            ck_assert_ptr_nonnull(
                strstr(error.text, "member \"direction\" of OperationDescriptor must be the name"));
    }
}
END_TEST

START_TEST(refuses_what_is_wrong_inside)
{
    struct outer *outer;
    ck_assert_int_eq(decode(bad[_i].encoding, bad[_i].bytes, bad[_i].len, &outer), WKV_BAD_REQUEST);
    ck_assert_ptr_null(outer);
    ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%d: %s", _i, error.text);
}
END_TEST

START_TEST(the_sink_shows_defaults_of_these_and_takes_packed_numbers_one_by_one)
{
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    wkv_sink_begin(&sink, &outer_type, WKV_JSON, &buffer, 1000);
    wkv_sink_int32(&sink, 3, 5);
    wkv_sink_int32(&sink, 3, 0);
    wkv_sink_bool(&sink, 4, false);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    static const char json[] =
        "{\"one\":null,\"many\":[],\"numbers\":[5,0],\"some_flags\":[false],\"labels\":{},"
        "\"wide\":0,\"maybe\":0,\"real\":0}";
    ck_assert_uint_eq(buffer.len, sizeof json - 1);
    ck_assert_mem_eq(buffer.data, json, buffer.len);
    wkv_sink_begin(&sink, &outer_type, WKV_PROTOBUF, &buffer, 1000);
    wkv_sink_int32(&sink, 3, 5);
    wkv_sink_int32(&sink, 3, 0);
    wkv_sink_int32(&sink, 7, 0); /* has presence, so it is sent */
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    struct outer *outer;
    ck_assert_int_eq(decode(WKV_PROTOBUF, buffer.data, buffer.len, &outer), WKV_OK);
    ck_assert_uint_eq(outer->n_numbers, 2);
    ck_assert_int_eq(outer->numbers[0], 5);
    ck_assert_int_eq(outer->numbers[1], 0);
    ck_assert_int_eq(outer->has_maybe, 1);
    wkv_buffer_destroy(&buffer);
}
END_TEST

/* An item with a oneof in a message, as protobuf-c lays it out. */
struct choice {
    ProtobufCMessage base;
    uint32_t which;
    union {
        int32_t number;
        ProtobufCBinaryData text;
    };
};

struct choices {
    ProtobufCMessage base;
    size_t n_items;
    struct choice **items;
};

static void choice_init(ProtobufCMessage *message);
static void choices_init(ProtobufCMessage *message);

static const ProtobufCFieldDescriptor choice_fields[] = {{.name = "number",
                                                          .id = 1,
                                                          .type = PROTOBUF_C_TYPE_INT32,
                                                          .flags = PROTOBUF_C_FIELD_FLAG_ONEOF,
                                                          .quantifier_offset = offsetof(struct choice, which),
                                                          .offset = offsetof(struct choice, number)},
                                                         {.name = "text",
                                                          .id = 2,
                                                          .type = PROTOBUF_C_TYPE_BYTES,
                                                          .flags = PROTOBUF_C_FIELD_FLAG_ONEOF,
                                                          .quantifier_offset = offsetof(struct choice, which),
                                                          .offset = offsetof(struct choice, text)}};
static const ProtobufCMessageDescriptor choice_type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                       .name = "Choice",
                                                       .short_name = "Choice",
                                                       .sizeof_message = sizeof(struct choice),
                                                       .n_fields = 2,
                                                       .fields = choice_fields,
                                                       .message_init = choice_init};
static const ProtobufCFieldDescriptor choices_fields[] = {
    {.name = "items",
     .id = 1,
     .label = PROTOBUF_C_LABEL_REPEATED,
     .type = PROTOBUF_C_TYPE_MESSAGE,
     .quantifier_offset = offsetof(struct choices, n_items),
     .offset = offsetof(struct choices, items),
     .descriptor = &choice_type}};
static const ProtobufCMessageDescriptor choices_type = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                        .name = "Choices",
                                                        .short_name = "Choices",
                                                        .sizeof_message = sizeof(struct choices),
                                                        .n_fields = 1,
                                                        .fields = choices_fields,
                                                        .message_init = choices_init};

static void choice_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct choice));
    message->descriptor = &choice_type;
}

static void choices_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct choices));
    message->descriptor = &choices_type;
}

START_TEST(of_a_oneof_there_is_one_member_or_none)
{
    static const char json[] = "{\"items\":[{\"text\":\"a\"},{\"number\":0},{}]}";
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    ProtobufCMessage *message;
    ck_assert_int_eq(wkv_decode(&choices_type, WKV_JSON, json, sizeof json - 1, &arena, &message, &error),
                     WKV_OK);
    wkv_sink_begin(&sink, &choices_type, WKV_MSGPACK, &buffer, 1000);
    wkv_sink_message(&sink, message);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_int_eq(
        wkv_decode(&choices_type, WKV_MSGPACK, buffer.data, buffer.len, &arena, &message, &error), WKV_OK);
    const struct choices *choices = (const struct choices *)message;
    ck_assert_uint_eq(choices->n_items, 3);
    ck_assert_uint_eq(choices->items[0]->which, 2);
    ck_assert_int_eq(choices->items[0]->text.data[0], 'a');
    ck_assert_uint_eq(choices->items[1]->which, 1);
    ck_assert_uint_eq(choices->items[2]->which, 0);
    wkv_sink_begin(&sink, &choices_type, WKV_JSON, &buffer, 1000);
    wkv_sink_message(&sink, message);
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(buffer.len, sizeof json - 1);
    ck_assert_mem_eq(buffer.data, json, buffer.len);
    wkv_sink_begin(&sink, &choice_type, WKV_PROTOBUF, &buffer, 1000);
    wkv_sink_int32(&sink, 1, 0); /* which one it is has to be told */
    ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
    ck_assert_uint_eq(buffer.len, 2);
    ck_assert_mem_eq(buffer.data, "\x08\x00", 2);
    static const char two[] = "{\"items\":[{\"text\":\"a\",\"number\":1}]}";
    ck_assert_int_eq(wkv_decode(&choices_type, WKV_JSON, two, sizeof two - 1, &arena, &message, &error),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "member \"number\" of Choice must be the only one"));
    wkv_buffer_destroy(&buffer);
}
END_TEST

Suite *nested_suite(void)
{
    Suite *suite = suite_create("codec/nested");
    TCase *tests = tcase_create("nested");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, json_decodes_messages_in_messages);
    tcase_add_test(tests, protobuf_decodes_messages_in_messages);
    tcase_add_test(tests, null_is_no_message);
    tcase_add_test(tests, a_map_decodes_from_an_object);
    tcase_add_test(tests, a_whole_message_is_written);
    tcase_add_loop_test(tests, refuses_what_is_wrong_inside, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, json_decodes_an_enum_by_its_name_or_number);
    tcase_add_test(tests, of_a_oneof_there_is_one_member_or_none);
    tcase_add_test(tests, the_sink_shows_defaults_of_these_and_takes_packed_numbers_one_by_one);
    suite_add_tcase(suite, tests);
    return suite;
}
