/* Any bytes, as any message, in every encoding: decoding ends cleanly within its arena, and what it lets
 * through is text in UTF-8, values aside, and comes back the same when it is written as a reply and decoded
 * again. */
#include <stdlib.h>

#include "codec/messages.h"

#define ARENA_FIRST_BYTES 4096
#define ARENA_MAX_BYTES (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Whether the values are UTF-8, as all other texts must be. */
static bool check_texts(const ProtobufCMessage *message)
{
    bool values_are_utf8 = true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        size_t count;
        const ProtobufCBinaryData *texts = test_elements(message, field, &count);
        for (size_t k = 0; field->type == PROTOBUF_C_TYPE_BYTES && k < count; k++) {
            bool valid = wkv_utf8_valid(texts[k].data, texts[k].len);
            must(valid || (field->flags & PROTOBUF_C_FIELD_FLAG_DEPRECATED));
            values_are_utf8 = values_are_utf8 && valid;
        }
    }
    return values_are_utf8;
}

static void write_and_decode_again(const ProtobufCMessage *message, enum wkv_encoding encoding,
                                   struct wkv_arena *arena)
{
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    ProtobufCMessage *back;
    must(test_write(message, encoding, &buffer, SIZE_MAX, &sink) == WKV_OK);
    enum wkv_code code =
        wkv_decode(message->descriptor, encoding, buffer.data, buffer.len, arena, &back, NULL);
    must(code == WKV_NO_MEMORY || code == WKV_TOO_LARGE ||
         (code == WKV_OK && test_messages_equal(message, back)));
    wkv_buffer_destroy(&buffer);
}

/* Values that are not UTF-8: JSON has them in base64, and MessagePack has no way to. */
static void write_bytes(const ProtobufCMessage *message)
{
    struct wkv_buffer buffer = {0};
    struct wkv_sink sink;
    must(test_write(message, WKV_MSGPACK, &buffer, SIZE_MAX, &sink) == WKV_WRONG_KIND);
    must(test_write(message, WKV_JSON, &buffer, SIZE_MAX, &sink) == WKV_OK);
    must(wkv_utf8_valid(buffer.data, buffer.len) && sink.total_bytes == buffer.len);
    must(test_write(message, WKV_JSON, &buffer, 0, &sink) == WKV_TOO_LARGE);
    wkv_buffer_destroy(&buffer);
}

static void decode(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding, const uint8_t *bytes,
                   size_t len, struct wkv_arena *arena)
{
    struct wkv_error error = {WKV_OK, ""};
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode(type, encoding, bytes, len, arena, &message, &error);
    if (code == WKV_OK) {
        write_and_decode_again(message, WKV_PROTOBUF, arena);
        if (!check_texts(message)) {
            write_bytes(message);
        } else {
            write_and_decode_again(message, WKV_JSON, arena);
            write_and_decode_again(message, WKV_MSGPACK, arena);
        }
    } else {
        must(code == WKV_BAD_REQUEST || code == WKV_NO_MEMORY || code == WKV_TOO_LARGE);
        must(error.code == code && error.text[0] != '\0' && message == NULL);
    }
    must(arena->total_bytes <= ARENA_MAX_BYTES);
    wkv_arena_reset(arena);
}

/* Messages within messages, which test_write does not know. */
static void decode_nested(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                          const uint8_t *bytes, size_t len, struct wkv_arena *arena)
{
    struct wkv_error error = {WKV_OK, ""};
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode(type, encoding, bytes, len, arena, &message, &error);
    must(code == WKV_OK || code == WKV_BAD_REQUEST || code == WKV_NO_MEMORY || code == WKV_TOO_LARGE);
    must(code == WKV_OK || (error.code == code && error.text[0] != '\0' && message == NULL));
    must(arena->total_bytes <= ARENA_MAX_BYTES);
    wkv_arena_reset(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wkv_arena arena;
    if (!wkv_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_MAX_BYTES))
        abort();
    for (size_t i = 0; i < ALL_MESSAGES; i++) {
        decode(all_messages[i], WKV_PROTOBUF, bytes, len, &arena);
        decode(all_messages[i], WKV_JSON, bytes, len, &arena);
        decode(all_messages[i], WKV_MSGPACK, bytes, len, &arena);
    }
    for (size_t i = 0; i < NESTED_MESSAGES; i++) {
        decode_nested(nested_messages[i], WKV_PROTOBUF, bytes, len, &arena);
        decode_nested(nested_messages[i], WKV_JSON, bytes, len, &arena);
        decode_nested(nested_messages[i], WKV_MSGPACK, bytes, len, &arena);
    }
    wkv_arena_destroy(&arena);
    return 0;
}
