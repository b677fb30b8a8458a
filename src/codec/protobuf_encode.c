/* Replies in protobuf. */
#include "codec/encoder.h"

/* Base 128, lowest seven bits first, the high bit set on all bytes but the last. */
static size_t varint_bytes(uint64_t value)
{
    size_t len = 1;
    while (value >>= 7)
        len++;
    return len;
}

/* Returns where the varint ends. */
static char *write_varint(char *at, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        *at++ = (char)(uint8_t)(value | 0x80);
    *at++ = (char)value;
    return at;
}

/* Only a field without presence has a default that need not be sent. */
static bool leaves_out_default(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_NONE && !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

/* A field of type string, and one that holds a number. Both begin with two varints, a tag and a number:
 *
 *   +-----------------+--------------+----------+      +-----------------+---------------+
 *   | number << 3 | 2 | len (varint) | text ... |      | number << 3 | 0 | value, varint |
 *   +-----------------+--------------+----------+      +-----------------+---------------+
 */
static void put(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, ProtobufCWireType wire_type,
                uint64_t number, struct wkv_text text)
{
    if (number == 0 && leaves_out_default(field))
        return;
    uint64_t tag = (uint64_t)field->id << 3 | (uint64_t)wire_type;
    char *at = wkv_sink_claim(sink, varint_bytes(tag) + varint_bytes(number) + text.len);
    if (at == NULL)
        return;
    at = write_varint(write_varint(at, tag), number);
    if (text.len > 0)
        memcpy(at, text.data, text.len);
}

static void put_text(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_text text)
{
    put(sink, field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, text.len, text);
}

/* Sign-extended to 64 bits: a negative int32, too, takes ten bytes. The elements of a repeated number go one
 * by one, not packed: their count is not known yet, and every proto3 decoder takes both forms. */
static void put_integer(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field,
                        struct wkv_integer value)
{
    put(sink, field, PROTOBUF_C_WIRE_TYPE_VARINT, value.bits, (struct wkv_text){NULL, 0});
}

static void put_boolean(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, bool value)
{
    put(sink, field, PROTOBUF_C_WIRE_TYPE_VARINT, value, (struct wkv_text){NULL, 0});
}

static void put_fields(struct wkv_sink *sink, const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    char *at = bytes == 0 ? NULL : wkv_sink_claim(sink, bytes);
    if (at != NULL)
        (void)protobuf_c_message_pack(message, (uint8_t *)at);
}

/* A message whose length is not known yet has one byte for it, which is enough for most:
 *
 *   +-----------------+-----+-------------+
 *   | number << 3 | 2 | len | content ... |
 *   +-----------------+-----+-------------+
 */
static void open_message(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field)
{
    uint64_t tag = (uint64_t)field->id << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    char *at = wkv_sink_claim(sink, varint_bytes(tag) + 1);
    if (at != NULL)
        *write_varint(at, tag) = 0;
}

/* A longer length moves the content, where that has all been kept. */
static void close_message(struct wkv_sink *sink, size_t at, size_t total)
{
    size_t len = sink->total_bytes - total;
    size_t more = varint_bytes(len) - 1;
    if (more > 0 && wkv_sink_claim(sink, more) == NULL)
        return;
    if (sink->total_bytes > sink->max_bytes || sink->buffer->failed)
        return;
    char *content = sink->buffer->data + at;
    if (more > 0)
        memmove(content + more, content, len);
    (void)write_varint(content - 1, len);
}

const struct wkv_encoder wkv_protobuf_encoder = {.text = put_text,
                                                 .integer = put_integer,
                                                 .boolean = put_boolean,
                                                 .fields = put_fields,
                                                 .open_unnamed = open_message,
                                                 .close_unnamed = close_message};
