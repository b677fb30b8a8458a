/* What the codec's tests and fuzzers share: the table of all messages of proto/keyvalue.proto, and what can
 * be done with any message by its descriptor alone (fill at random, write as a reply, compare). Slow and
 * plain on purpose: it is the reference that the codec is held against. */
#ifndef WKV_TESTS_CODEC_MESSAGES_H
#define WKV_TESTS_CODEC_MESSAGES_H

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "keyvalue.pb-c.h"

static const ProtobufCMessageDescriptor *const all_messages[] = {
    &keyvalue__get_request__descriptor,
    &keyvalue__get_response__descriptor,
    &keyvalue__set_request__descriptor,
    &keyvalue__set_response__descriptor,
    &keyvalue__del_request__descriptor,
    &keyvalue__del_response__descriptor,
    &keyvalue__add_request__descriptor,
    &keyvalue__add_response__descriptor,
    &keyvalue__list_push_request__descriptor,
    &keyvalue__list_del_item_request__descriptor,
    &keyvalue__list_response__descriptor,
    &keyvalue__list_range_request__descriptor,
    &keyvalue__list_range_response__descriptor,
    &keyvalue__list_clear_request__descriptor,
    &keyvalue__set_add_request__descriptor,
    &keyvalue__set_remove_request__descriptor,
    &keyvalue__set_operation_response__descriptor,
    &keyvalue__set_query_request__descriptor,
    &keyvalue__set_query_response__descriptor,
    &keyvalue__set_union_request__descriptor,
    &keyvalue__set_intersection_request__descriptor,
    &keyvalue__key_exists_query__descriptor,
    &keyvalue__increment_request__descriptor,
    &keyvalue__increment_response__descriptor,
    &keyvalue__compare_and_set_request__descriptor,
    &keyvalue__compare_and_set_response__descriptor,
    &keyvalue__compare_and_delete_request__descriptor,
    &keyvalue__compare_and_delete_response__descriptor,
    &keyvalue__expire_request__descriptor,
    &keyvalue__expire_response__descriptor,
    &keyvalue__time_to_live_request__descriptor,
    &keyvalue__time_to_live_response__descriptor,
    &keyvalue__pop_request__descriptor,
    &keyvalue__pop_response__descriptor,
    &keyvalue__set_contains_request__descriptor,
    &keyvalue__set_contains_response__descriptor,
    &keyvalue__list_keys_request__descriptor,
    &keyvalue__list_keys_response__descriptor,
    &keyvalue__watch_request__descriptor,
    &keyvalue__watch_response__descriptor,
};

/* Those with messages within, which what follows does not know. */
static const ProtobufCMessageDescriptor *const nested_messages[] = {
    &keyvalue__batch_request__descriptor,
    &keyvalue__batch_response__descriptor,
};

#define NESTED_MESSAGES (sizeof nested_messages / sizeof nested_messages[0])

#define ALL_MESSAGES (sizeof all_messages / sizeof all_messages[0])

static inline bool test_has_64_bits(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64;
}

/* The elements of a field: one for a singular one, none for one of a oneof that is not there. */
static inline const void *test_elements(const ProtobufCMessage *message,
                                        const ProtobufCFieldDescriptor *field, size_t *count)
{
    const char *base = (const char *)message;
    const void *member = base + field->offset;
    const void *quantifier = base + field->quantifier_offset;
    *count = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || *(const uint32_t *)quantifier == field->id;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return member;
    *count = *(const size_t *)quantifier;
    return *(void *const *)member;
}

static inline bool test_texts_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static inline bool test_messages_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (a->descriptor != b->descriptor)
        return false;
    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->descriptor->fields[i];
        size_t count_a, count_b;
        const void *in_a = test_elements(a, field, &count_a);
        const void *in_b = test_elements(b, field, &count_b);
        if (count_a != count_b)
            return false;
        for (size_t k = 0; k < count_a; k++) {
            bool equal = field->type == PROTOBUF_C_TYPE_BYTES
                             ? test_texts_equal((const ProtobufCBinaryData *)in_a + k,
                                                (const ProtobufCBinaryData *)in_b + k)
                         : test_has_64_bits(field) ? ((const int64_t *)in_a)[k] == ((const int64_t *)in_b)[k]
                                                   : ((const int32_t *)in_a)[k] == ((const int32_t *)in_b)[k];
            if (!equal)
                return false;
        }
    }
    return true;
}

/* No reply has a uint32, a uint64 or a oneof that is written field by field. */
static inline bool test_is_written_whole(const ProtobufCMessageDescriptor *type)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type == PROTOBUF_C_TYPE_UINT32 ||
            type->fields[i].type == PROTOBUF_C_TYPE_UINT64 ||
            (type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            return true;
    return false;
}

/* Writes message as a reply, as an operation would. */
static inline enum wkv_code test_write(const ProtobufCMessage *message, enum wkv_encoding encoding,
                                       struct wkv_buffer *buffer, size_t max_bytes, struct wkv_sink *sink)
{
    wkv_sink_begin(sink, message->descriptor, encoding, buffer, max_bytes);
    if (test_is_written_whole(message->descriptor)) {
        wkv_sink_message(sink, message);
        return wkv_sink_end(sink);
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        size_t count;
        const void *elements = test_elements(message, field, &count);
        for (size_t k = 0; k < count; k++) {
            if (field->type == PROTOBUF_C_TYPE_BYTES) {
                const ProtobufCBinaryData *text = (const ProtobufCBinaryData *)elements + k;
                wkv_sink_text(sink, field->id, (struct wkv_text){(const char *)text->data, text->len});
            } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
                wkv_sink_bool(sink, field->id, ((const protobuf_c_boolean *)elements)[k] != 0);
            } else if (field->type == PROTOBUF_C_TYPE_INT64) {
                wkv_sink_int64(sink, field->id, ((const int64_t *)elements)[k]);
            } else {
                wkv_sink_int32(sink, field->id, ((const int32_t *)elements)[k]);
            }
        }
    }
    return wkv_sink_end(sink);
}

/* xorshift64*: the same numbers in every run. The state is not 0. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Appends one random character: controls, quotes, and every length of UTF-8 come up. Returns its bytes. */
static inline size_t test_random_character(uint64_t *state, uint8_t *at)
{
    static const uint32_t ends[] = {0x20, 0x80, 0x80, 0x800, 0x10000, 0x110000};
    uint32_t c = (uint32_t)(test_random(state) >> 33) % ends[(test_random(state) >> 33) % 6];
    if (c >= 0xd800 && c <= 0xdfff)
        c = '"';
    if (c < 0x80) {
        at[0] = (uint8_t)c;
        return 1;
    }
    size_t tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    at[0] = (uint8_t)((0xf0 << (3 - tails)) | (c >> (6 * tails)));
    for (size_t i = 1; i <= tails; i++)
        at[i] = (uint8_t)(0x80 | ((c >> (6 * (tails - i))) & 0x3f));
    return tails + 1;
}

static inline ProtobufCBinaryData test_random_text(uint64_t *state, struct wkv_arena *arena)
{
    size_t characters = (test_random(state) >> 33) % ((test_random(state) >> 60) == 0 ? 5000 : 20);
    uint8_t *text = wkv_arena_alloc(arena, 4 * characters);
    if (text == NULL)
        abort();
    size_t len = 0;
    for (size_t i = 0; i < characters; i++)
        len += test_random_character(state, text + len);
    return (ProtobufCBinaryData){len, text};
}

static inline int32_t test_random_int32(uint64_t *state)
{
    static const int32_t edges[] = {0, 1, -1, 127, 128, 16383, 16384, INT32_MIN, INT32_MAX, INT32_MIN + 1};
    uint64_t random = test_random(state);
    return random % 3 == 0 ? edges[(random >> 8) % 10] : (int32_t)(uint32_t)(random >> 32);
}

/* A message of type with random content, in arena. Of a oneof its one member is there. */
static inline ProtobufCMessage *test_random_message(const ProtobufCMessageDescriptor *type, uint64_t *state,
                                                    struct wkv_arena *arena)
{
    ProtobufCMessage *message = wkv_arena_alloc(arena, type->sizeof_message);
    if (message == NULL)
        abort();
    protobuf_c_message_init(type, message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        void *member = (char *)message + field->offset;
        void *quantifier = (char *)message + field->quantifier_offset;
        bool is_oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (test_random(state) >> 62 == 0 && !is_oneof)
            continue; /* left at its default */
        if (is_oneof)
            *(uint32_t *)quantifier = field->id;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = (test_random(state) >> 33) % 40;
            ProtobufCBinaryData *texts = wkv_arena_alloc(arena, count * sizeof *texts);
            if (texts == NULL)
                abort();
            for (size_t k = 0; k < count; k++)
                texts[k] = test_random_text(state, arena);
            *(size_t *)quantifier = count;
            *(ProtobufCBinaryData **)member = texts;
        } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
            ProtobufCBinaryData *text = member;
            do /* what is written field by field is there, unless it is its default */
                *text = test_random_text(state, arena);
            while (is_oneof && text->len == 0);
        } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
            *(protobuf_c_boolean *)member = (int)(test_random(state) >> 63);
        } else if (test_has_64_bits(field)) {
            *(int64_t *)member = test_random_int32(state) * (int64_t)test_random_int32(state);
            if (field->type == PROTOBUF_C_TYPE_UINT64) /* jansson reads no more than 63 bits */
                *(int64_t *)member &= INT64_MAX;
        } else {
            *(int32_t *)member = test_random_int32(state);
        }
    }
    return message;
}

#endif
