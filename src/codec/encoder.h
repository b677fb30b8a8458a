/* What an encoding is to a sink: one table of functions. The walk over a message's fields is the sink's; an
 * encoder writes one thing at a time. */
#ifndef WKV_CODEC_ENCODER_H
#define WKV_CODEC_ENCODER_H

#include <string.h>

#include "codec/fields.h"
#include "codec/sink.h"

/* A count of elements that is not known before they are written. */
#define WKV_COUNT_LATER SIZE_MAX

struct wkv_encoder {
    /* A value of the field, or an element of it. */
    void (*text)(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_text text);
    void (*integer)(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_integer value);
    void (*boolean)(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, bool value);
    void (*fields)(struct wkv_sink *sink, const ProtobufCMessage *message); /* all of a message's fields */
    /* Where fields have no names: the head of a message whose length is not known yet, and the length, of
     * what has been written since `at` (of the buffer) and `total` (of all bytes). */
    void (*open_unnamed)(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field);
    void (*close_unnamed)(struct wkv_sink *sink, size_t at, size_t total);

    /* Every field is written, with its name in front. Those below are for such encodings. */
    bool names_fields;
    bool camel_case;                                            /* the names are those of wkv_msgpack_name */
    void (*open_message)(struct wkv_sink *sink, size_t fields); /* a map, too */
    void (*close_message)(struct wkv_sink *sink);
    void (*name)(struct wkv_sink *sink, struct wkv_text name, size_t before); /* or a map's key */
    void (*open_array)(struct wkv_sink *sink, size_t count);                  /* or WKV_COUNT_LATER */
    void (*element)(struct wkv_sink *sink, size_t before); /* what stands in front of an element */
    void (*close_array)(struct wkv_sink *sink);            /* sink->place.elements is their count */
    void (*variant)(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, struct wkv_integer value);
    void (*nil)(struct wkv_sink *sink); /* a message that is not there */
};

extern const struct wkv_encoder wkv_protobuf_encoder;
extern const struct wkv_encoder wkv_json_encoder;
extern const struct wkv_encoder wkv_msgpack_encoder;

/* Room for the next len bytes of the reply, all of which the caller then writes; NULL where they are past
 * max_bytes or memory is short (the buffer remembers that: wkv_sink_end asks). Counts them either way:
 * total_bytes never shrinks, so what is kept has no holes. */
static inline char *wkv_sink_claim(struct wkv_sink *sink, size_t len)
{
    sink->total_bytes = len > SIZE_MAX - sink->total_bytes ? SIZE_MAX : sink->total_bytes + len;
    if (sink->total_bytes > sink->max_bytes || !wkv_buffer_reserve(sink->buffer, len))
        return NULL;
    char *room = sink->buffer->data + sink->buffer->len;
    sink->buffer->len += len;
    return room;
}

/* Writes these bytes; bytes may be NULL where len is 0. */
static inline void wkv_sink_put(struct wkv_sink *sink, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    char *room = wkv_sink_claim(sink, len);
    if (room != NULL)
        memcpy(room, bytes, len);
}

/* The fields of a message, by encoder->open_message's kind of functions. */
void wkv_sink_put_fields(struct wkv_sink *sink, const ProtobufCMessage *message);

#endif
