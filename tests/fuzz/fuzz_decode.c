/* Any bytes, as any message, in every encoding: decoding ends cleanly within its arena, and what it lets
 * through is text in UTF-8 that comes back the same when it is written as a reply and decoded again. */
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

static void check_texts(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        size_t count;
        const ProtobufCBinaryData *texts = test_elements(message, field, &count);
        for (size_t k = 0; field->type == PROTOBUF_C_TYPE_BYTES && k < count; k++)
            must(wkv_utf8_valid(texts[k].data, texts[k].len));
    }
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
    must(code == WKV_NO_MEMORY || (code == WKV_OK && test_messages_equal(message, back)));
    wkv_buffer_destroy(&buffer);
}

static void decode(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding, const uint8_t *bytes,
                   size_t len, struct wkv_arena *arena)
{
    struct wkv_error error = {WKV_OK, ""};
    ProtobufCMessage *message;
    enum wkv_code code = wkv_decode(type, encoding, bytes, len, arena, &message, &error);
    if (code == WKV_OK) {
        check_texts(message);
        write_and_decode_again(message, WKV_PROTOBUF, arena);
        write_and_decode_again(message, WKV_JSON, arena);
        write_and_decode_again(message, WKV_MSGPACK, arena);
    } else {
        must(code == WKV_BAD_REQUEST || code == WKV_NO_MEMORY);
        must(error.code == code && error.text[0] != '\0' && message == NULL);
    }
    must(arena->total_bytes <= ARENA_MAX_BYTES);
    wkv_arena_reset(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wkv_arena arena;
    if (wkv_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_MAX_BYTES) != 0)
        abort();
    for (size_t i = 0; i < ALL_MESSAGES; i++) {
        decode(all_messages[i], WKV_PROTOBUF, bytes, len, &arena);
        decode(all_messages[i], WKV_JSON, bytes, len, &arena);
        decode(all_messages[i], WKV_MSGPACK, bytes, len, &arena);
    }
    wkv_arena_destroy(&arena);
    return 0;
}
