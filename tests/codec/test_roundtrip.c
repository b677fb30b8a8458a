/* Every message of proto/keyvalue.proto, out and in again, in every encoding, with random content. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "codec/messages.h"
#include "lib/room.h"

#define ROUNDS test_scaled(300)

static struct wkv_arena arena;
static struct wkv_buffer buffer;
static struct wkv_sink sink;
static struct wkv_error error;

static void set_up(void)
{
    ck_assert(wkv_arena_init(&arena, 1 << 16, 64 << 20));
    wkv_buffer_init(&buffer);
}

static void tear_down(void)
{
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&arena);
}

START_TEST(protobuf_comes_back_the_same_and_is_what_protobuf_c_packs)
{
    uint64_t random = 1000 + (uint64_t)_i;
    for (size_t round = 0; round < ROUNDS; round++) {
        wkv_arena_reset(&arena);
        ProtobufCMessage *message = test_random_message(all_messages[_i], &random, &arena);
        ck_assert_int_eq(test_write(message, WKV_PROTOBUF, &buffer, SIZE_MAX, &sink), WKV_OK);
        size_t packed_len = protobuf_c_message_get_packed_size(message);
        uint8_t *packed = wkv_arena_alloc(&arena, packed_len);
        ck_assert_ptr_nonnull(packed);
        protobuf_c_message_pack(message, packed);
        ck_assert_uint_eq(buffer.len, packed_len);
        ck_assert(packed_len == 0 || memcmp(buffer.data, packed, packed_len) == 0);
        ck_assert_int_eq(wkv_detect_encoding(buffer.data, buffer.len), WKV_PROTOBUF);
        ProtobufCMessage *back;
        ck_assert_msg(wkv_decode(all_messages[_i], WKV_PROTOBUF, buffer.data, buffer.len, &arena, &back,
                                 &error) == WKV_OK,
                      "%s", error.text);
        ck_assert(test_messages_equal(message, back));
    }
}
END_TEST

/* Nothing set: an optional field, or a oneof, is not there, and nothing may count it. */
START_TEST(an_empty_message_comes_back_the_same_in_every_encoding)
{
    static const enum wkv_encoding encodings[] = {WKV_PROTOBUF, WKV_JSON, WKV_MSGPACK};
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        ProtobufCMessage *message, *back;
        wkv_arena_reset(&arena);
        ck_assert_int_eq(wkv_decode(all_messages[_i], WKV_PROTOBUF, "", 0, &arena, &message, &error), WKV_OK);
        ck_assert_int_eq(test_write(message, encodings[i], &buffer, SIZE_MAX, &sink), WKV_OK);
        ck_assert_uint_eq(sink.total_bytes, buffer.len);
        ck_assert_msg(wkv_decode(all_messages[_i], encodings[i], buffer.data, buffer.len, &arena, &back,
                                 &error) == WKV_OK,
                      "%s", error.text);
        ck_assert(test_messages_equal(message, back));
    }
}
END_TEST

START_TEST(json_comes_back_the_same)
{
    uint64_t random = 2000 + (uint64_t)_i;
    for (size_t round = 0; round < ROUNDS; round++) {
        wkv_arena_reset(&arena);
        ProtobufCMessage *message = test_random_message(all_messages[_i], &random, &arena);
        ck_assert_int_eq(test_write(message, WKV_JSON, &buffer, SIZE_MAX, &sink), WKV_OK);
        ck_assert_int_eq(wkv_detect_encoding(buffer.data, buffer.len), WKV_JSON);
        ProtobufCMessage *back;
        ck_assert_msg(
            wkv_decode(all_messages[_i], WKV_JSON, buffer.data, buffer.len, &arena, &back, &error) == WKV_OK,
            "%s", error.text);
        ck_assert(test_messages_equal(message, back));
    }
}
END_TEST

START_TEST(msgpack_comes_back_the_same)
{
    uint64_t random = 2500 + (uint64_t)_i;
    for (size_t round = 0; round < ROUNDS; round++) {
        wkv_arena_reset(&arena);
        ProtobufCMessage *message = test_random_message(all_messages[_i], &random, &arena);
        ck_assert_int_eq(test_write(message, WKV_MSGPACK, &buffer, SIZE_MAX, &sink), WKV_OK);
        ProtobufCMessage *back;
        ck_assert_msg(wkv_decode(all_messages[_i], WKV_MSGPACK, buffer.data, buffer.len, &arena, &back,
                                 &error) == WKV_OK,
                      "%s", error.text);
        ck_assert(test_messages_equal(message, back));
        /* Written whole it may be shorter, since the counts are known then, and is the same message. */
        size_t len = buffer.len;
        wkv_sink_begin(&sink, all_messages[_i], WKV_MSGPACK, &buffer, SIZE_MAX);
        wkv_sink_message(&sink, message);
        ck_assert_int_eq(wkv_sink_end(&sink), WKV_OK);
        ck_assert_uint_le(buffer.len, len);
        ck_assert_int_eq(
            wkv_decode(all_messages[_i], WKV_MSGPACK, buffer.data, buffer.len, &arena, &back, &error),
            WKV_OK);
        ck_assert(test_messages_equal(message, back));
    }
}
END_TEST

static void assert_json_value(const json_t *json, const ProtobufCFieldDescriptor *field, const void *elements,
                              size_t k)
{
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *text = (const ProtobufCBinaryData *)elements + k;
        ck_assert(json_is_string(json));
        ck_assert_uint_eq(json_string_length(json), text->len);
        ck_assert(text->len == 0 || memcmp(json_string_value(json), text->data, text->len) == 0);
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        ck_assert(json_is_boolean(json));
        ck_assert_int_eq(json_is_true(json), ((const protobuf_c_boolean *)elements)[k]);
    } else if (test_has_64_bits(field)) {
        ck_assert(json_is_integer(json));
        ck_assert_int_eq(json_integer_value(json), ((const int64_t *)elements)[k]);
    } else if (field->type == PROTOBUF_C_TYPE_UINT32) {
        ck_assert(json_is_integer(json));
        ck_assert_int_eq(json_integer_value(json), ((const uint32_t *)elements)[k]);
    } else {
        ck_assert(json_is_integer(json));
        ck_assert_int_eq(json_integer_value(json), ((const int32_t *)elements)[k]);
    }
}

START_TEST(json_shows_every_field_to_another_reader)
{
    uint64_t random = 3000 + (uint64_t)_i;
    const ProtobufCMessageDescriptor *type = all_messages[_i];
    for (size_t round = 0; round < ROUNDS; round++) {
        wkv_arena_reset(&arena);
        ProtobufCMessage *message = test_random_message(type, &random, &arena);
        ck_assert_int_eq(test_write(message, WKV_JSON, &buffer, SIZE_MAX, &sink), WKV_OK);
        json_t *root = json_loadb(buffer.data, buffer.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        ck_assert_ptr_nonnull(root);
        ck_assert_uint_eq(json_object_size(root), type->n_fields);
        for (unsigned i = 0; i < type->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &type->fields[i];
            json_t *member = json_object_get(root, field->name);
            size_t count;
            const void *elements = test_elements(message, field, &count);
            if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                ck_assert(json_is_array(member));
                ck_assert_uint_eq(json_array_size(member), count);
                for (size_t k = 0; k < count; k++)
                    assert_json_value(json_array_get(member, k), field, elements, k);
            } else {
                assert_json_value(member, field, elements, 0);
            }
        }
        json_decref(root);
    }
}
END_TEST

START_TEST(random_bytes_end_cleanly)
{
    uint64_t random = 4000 + (uint64_t)_i;
    for (size_t round = 0; round < test_scaled(3000); round++) {
        wkv_arena_reset(&arena);
        uint8_t bytes[64];
        size_t len = test_random(&random) % sizeof bytes;
        for (size_t i = 0; i < len; i++) /* small ones, so that tags and lengths are often right */
            bytes[i] = (uint8_t)(test_random(&random) >> (test_random(&random) >> 63 ? 60 : 56));
        for (int encoding = WKV_PROTOBUF; encoding <= WKV_MSGPACK; encoding++) {
            ProtobufCMessage *message;
            enum wkv_code code = wkv_decode(all_messages[_i], (enum wkv_encoding)encoding, bytes, len, &arena,
                                            &message, &error);
            ck_assert(code == WKV_OK || code == WKV_BAD_REQUEST);
        }
    }
}
END_TEST

Suite *roundtrip_suite(void)
{
    Suite *suite = suite_create("codec/roundtrip");
    TCase *tests = tcase_create("roundtrip");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, protobuf_comes_back_the_same_and_is_what_protobuf_c_packs, 0,
                        (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, an_empty_message_comes_back_the_same_in_every_encoding, 0, (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, json_comes_back_the_same, 0, (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, msgpack_comes_back_the_same, 0, (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, json_shows_every_field_to_another_reader, 0, (int)ALL_MESSAGES);
    tcase_add_loop_test(tests, random_bytes_end_cleanly, 0, (int)ALL_MESSAGES);
    suite_add_tcase(suite, tests);
    return suite;
}
