/* How the bytes of a reply get into the writer's buffer, for the files that know one encoding each. */
#ifndef WKV_CODEC_WRITER_BYTES_H
#define WKV_CODEC_WRITER_BYTES_H

#include <string.h>

#include "codec/codec.h"
#include "codec/fields.h"

/* Room for the next len bytes of the reply, all of which the caller then writes; NULL where they are past
 * max_bytes or memory is short (the buffer remembers that: writer_end asks). Counts them either way:
 * total_bytes never shrinks, so what is kept has no holes. */
static inline char *wkv_writer_claim(struct wkv_writer *writer, size_t len)
{
    writer->total_bytes = len > SIZE_MAX - writer->total_bytes ? SIZE_MAX : writer->total_bytes + len;
    if (writer->total_bytes > writer->max_bytes || !wkv_buffer_reserve(writer->buffer, len))
        return NULL;
    char *room = writer->buffer->data + writer->buffer->len;
    writer->buffer->len += len;
    return room;
}

/* Writes these bytes; bytes may be NULL where len is 0. */
static inline void wkv_writer_put(struct wkv_writer *writer, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    char *room = wkv_writer_claim(writer, len);
    if (room != NULL)
        memcpy(room, bytes, len);
}

/* MessagePack. What does not fit its lengths of 32 bits makes the writer misused. */
void wkv_msgpack_put_name(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field);
void wkv_msgpack_put_default(struct wkv_writer *writer, const ProtobufCFieldDescriptor *field);
void wkv_msgpack_put_text(struct wkv_writer *writer, const char *text, size_t len);
void wkv_msgpack_put_integer(struct wkv_writer *writer, struct wkv_integer integer);
void wkv_msgpack_put_bool(struct wkv_writer *writer, bool value);
void wkv_msgpack_put_map(struct wkv_writer *writer, size_t count); /* its head; so many entries follow */
void wkv_msgpack_put_message(struct wkv_writer *writer, const ProtobufCMessage *message);

/* An array whose count is known only once its elements are written: open notes its place in writer->count_at,
 * close writes writer->elements there. */
void wkv_msgpack_open_array(struct wkv_writer *writer);
void wkv_msgpack_close_array(struct wkv_writer *writer);

#endif
