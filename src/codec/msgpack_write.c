/* Replies in MessagePack, in the form in which rmp-serde 0.14 writes wascc-codec's structs with struct maps
 * (CONTRACT section 7), because that is what reads them: every field by its name, integers and lengths in
 * their shortest form, an enum's variant without data as {index: nil}. */
#include <string.h>

#include "codec/msgpack_heads.h"
#include "codec/msgpack_names.h"
#include "codec/writer_bytes.h"

#define NIL 0xc0
#define FALSE 0xc2
#define TRUE 0xc3
#define ARRAY_32 0xdd

static void put_byte(struct wkv_writer *writer, uint8_t byte)
{
    wkv_writer_put(writer, &byte, 1);
}

/* Whether a length or a count has a place in 32 bits, which is all that MessagePack has. */
static bool fits(struct wkv_writer *writer, size_t count)
{
    if (count > UINT32_MAX)
        writer->misused = true;
    return count <= UINT32_MAX;
}

void wkv_msgpack_put_integer(struct wkv_writer *writer, struct wkv_integer integer)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    wkv_writer_put(writer, head, wkv_msgpack_write_integer(head, integer));
}

void wkv_msgpack_put_bool(struct wkv_writer *writer, bool value)
{
    put_byte(writer, value ? TRUE : FALSE);
}

void wkv_msgpack_put_text(struct wkv_writer *writer, const char *text, size_t len)
{
    if (!fits(writer, len))
        return;
    char head[WKV_MSGPACK_HEAD_BYTES];
    wkv_writer_put(writer, head, wkv_msgpack_write_str_head(head, (uint32_t)len));
    wkv_writer_put(writer, text, len);
}

void wkv_msgpack_put_map(struct wkv_writer *writer, size_t count)
{
    if (!fits(writer, count))
        return;
    char head[WKV_MSGPACK_HEAD_BYTES];
    wkv_writer_put(writer, head, wkv_msgpack_write_map_head(head, (uint32_t)count));
}

static void put_array(struct wkv_writer *writer, size_t count)
{
    if (!fits(writer, count))
        return;
    char head[WKV_MSGPACK_HEAD_BYTES];
    wkv_writer_put(writer, head, wkv_msgpack_write_array_head(head, (uint32_t)count));
}

void wkv_msgpack_put_name(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field)
{
    char name[WKV_MSGPACK_NAME_BYTES];
    size_t len = wkv_msgpack_name(field->name, name);
    if (len == 0)
        writer->misused = true;
    else
        wkv_msgpack_put_text(writer, name, len);
}

/* {index: nil} */
static void put_variant(struct wkv_writer *writer, struct wkv_integer index)
{
    wkv_msgpack_put_map(writer, 1);
    wkv_msgpack_put_integer(writer, index);
    put_byte(writer, NIL);
}

void wkv_msgpack_put_default(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (wkv_field_is_map(field))
            wkv_msgpack_put_map(writer, 0);
        else
            put_array(writer, 0);
        return;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        wkv_msgpack_put_text(writer, NULL, 0);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        wkv_msgpack_put_bool(writer, false);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_byte(writer, NIL);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        put_variant(writer, wkv_integer_of(0));
        return;
    default:
        wkv_msgpack_put_integer(writer, wkv_integer_of(0));
        return;
    }
}

/* How many elements there will be nobody knows yet, so the count has the width for any; rmp-serde reads a
 * count of any width.
 *
 *   +----+-------------------+---------+-----
 *   | dd | count, big-endian | element | ...
 *   +----+-------------------+---------+-----
 *        ^ count_at
 */
void wkv_msgpack_open_array(struct wkv_writer *writer)
{
    writer->elements = 0;
    writer->count_at = 0;
    char *at = wkv_writer_claim(writer, 5);
    if (at == NULL)
        return;
    *at = (char)ARRAY_32;
    wkv_msgpack_write_uint32(at + 1, 0);
    writer->count_at = writer->buffer->len - 4;
}

void wkv_msgpack_close_array(struct wkv_writer *writer)
{
    /* At 0 stands the map's head: the array was not kept. */
    if (fits(writer, writer->elements) && writer->count_at > 0)
        wkv_msgpack_write_uint32(writer->buffer->data + writer->count_at, (uint32_t)writer->elements);
}

static void put_value(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field, const char *value)
{
    ProtobufCBinaryData text;
    const ProtobufCMessage *message;
    protobuf_c_boolean boolean;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&text, value, sizeof text);
        wkv_msgpack_put_text(writer, (const char *)text.data, text.len);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&boolean, value, sizeof boolean);
        wkv_msgpack_put_bool(writer, boolean != 0);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&message, value, sizeof(ProtobufCMessage *));
        if (message == NULL)
            put_byte(writer, NIL);
        else
            wkv_msgpack_put_message(writer, message);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        put_variant(writer, wkv_integer_load(field->type, value));
        return;
    default:
        wkv_msgpack_put_integer(writer, wkv_integer_load(field->type, value));
        return;
    }
}

static void put_values(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field,
                       const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    size_t count;
    const char *values;
    memcpy(&count, base + field->quantifier_offset, sizeof count);
    memcpy(&values, base + field->offset, sizeof(char *));
    bool map = wkv_field_is_map(field);
    if (map)
        wkv_msgpack_put_map(writer, count);
    else
        put_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        const char *value = values + i * wkv_value_bytes(field->type);
        if (!map) {
            put_value(writer, field, value);
            continue;
        }
        const ProtobufCMessage *entry;
        memcpy(&entry, value, sizeof(ProtobufCMessage *));
        const ProtobufCFieldDescriptor *fields = entry->descriptor->fields;
        put_value(writer, &fields[0], (const char *)entry + fields[0].offset);
        put_value(writer, &fields[1], (const char *)entry + fields[1].offset);
    }
}

void wkv_msgpack_put_message(struct wkv_writer *writer, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    wkv_msgpack_put_map(writer, type->n_fields);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        wkv_msgpack_put_name(writer, field);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_values(writer, field, message);
        else
            put_value(writer, field, (const char *)message + field->offset);
    }
}
