/* Replies in MessagePack, in the form in which rmp-serde 0.14 writes wascc-codec's structs with struct maps
 * (CONTRACT section 7), because that is what reads them: every field by its name, integers and lengths in
 * their shortest form, an enum's variant without data as {index: nil}. */
#include "codec/codec.h"
#include "codec/encoder.h"
#include "codec/msgpack_heads.h"

#define NIL 0xc0
#define FALSE 0xc2
#define TRUE 0xc3
#define ARRAY_32 0xdd

static void put_byte(struct wkv_sink *sink, uint8_t byte)
{
    wkv_sink_put(sink, &byte, 1);
}

typedef size_t (*write_head)(char *at, uint32_t count);

/* MessagePack has 32 bits for a length or a count. */
static bool put_head(struct wkv_sink *sink, write_head write, size_t count)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    if (count > UINT32_MAX)
        sink->misused = true;
    else
        wkv_sink_put(sink, head, write(head, (uint32_t)count));
    return count <= UINT32_MAX;
}

static void put_str(struct wkv_sink *sink, struct wkv_text text)
{
    if (put_head(sink, wkv_msgpack_write_str_head, text.len))
        wkv_sink_put(sink, text.data, text.len);
}

static void put_text(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_text text)
{
    if (text.len <= UINT32_MAX && wkv_field_is_value(field) && !wkv_utf8_valid(text.data, text.len))
        (void)wkv_sink_fail(
            sink, WKV_WRONG_KIND,
            "the value is not UTF-8, and MessagePack carries text here: read it in protobuf or JSON");
    else
        put_str(sink, text);
}

static void put_integer(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field,
                        struct wkv_integer value)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    (void)field;
    wkv_sink_put(sink, head, wkv_msgpack_write_integer(head, value));
}

static void put_boolean(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, bool value)
{
    (void)field;
    put_byte(sink, value ? TRUE : FALSE);
}

static void put_nil(struct wkv_sink *sink)
{
    put_byte(sink, NIL);
}

static void open_map(struct wkv_sink *sink, size_t count)
{
    (void)put_head(sink, wkv_msgpack_write_map_head, count);
}

static void close_map(struct wkv_sink *sink)
{
    (void)sink;
}

static void put_key(struct wkv_sink *sink, struct wkv_text name, size_t before)
{
    (void)before;
    put_str(sink, name);
}

static void put_variant(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field,
                        struct wkv_integer index)
{
    open_map(sink, 1);
    put_integer(sink, field, index);
    put_nil(sink);
}

/* A count that is not known yet has the width for any; rmp-serde reads a count of any width.
 *
 *   +----+-------------------+---------+-----
 *   | dd | count, big-endian | element | ...
 *   +----+-------------------+---------+-----
 *        ^ count_at
 */
static void open_array(struct wkv_sink *sink, size_t count)
{
    sink->place.count_at = 0;
    if (count != WKV_COUNT_LATER) {
        (void)put_head(sink, wkv_msgpack_write_array_head, count);
        return;
    }
    char *at = wkv_sink_claim(sink, 5);
    if (at == NULL)
        return;
    *at = (char)ARRAY_32;
    wkv_msgpack_write_uint32(at + 1, 0);
    sink->place.count_at = sink->buffer->len - 4;
}

static void put_element(struct wkv_sink *sink, size_t before)
{
    (void)sink, (void)before;
}

static void close_array(struct wkv_sink *sink)
{
    if (sink->place.count_at == 0)
        return;
    if (sink->place.elements > UINT32_MAX)
        sink->misused = true;
    else
        wkv_msgpack_write_uint32(sink->buffer->data + sink->place.count_at, (uint32_t)sink->place.elements);
    sink->place.count_at = 0;
}

const struct wkv_encoder wkv_msgpack_encoder = {.text = put_text,
                                                .integer = put_integer,
                                                .boolean = put_boolean,
                                                .fields = wkv_sink_put_fields,
                                                .names_fields = true,
                                                .camel_case = true,
                                                .open_message = open_map,
                                                .close_message = close_map,
                                                .name = put_key,
                                                .open_array = open_array,
                                                .element = put_element,
                                                .close_array = close_array,
                                                .variant = put_variant,
                                                .nil = put_nil};
