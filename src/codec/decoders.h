/* The decoders behind wkv_decode. Their arguments and errors are those of wkv_decode (codec.h), the
 * encoding being settled; they set *message only where they succeed. */
#ifndef WKV_CODEC_DECODERS_H
#define WKV_CODEC_DECODERS_H

#include "codec/codec.h"

typedef enum wkv_code wkv_decoder(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                  struct wkv_arena *arena, ProtobufCMessage **message,
                                  struct wkv_error *error);
wkv_decoder wkv_decode_protobuf, wkv_decode_json, wkv_decode_msgpack;

/* Reads a message that is as most senders write it, likewise, but its bytes may be anything. NULL: it is
 * another one, or malformed, or memory is short; what was taken from the arena is the caller's to take back.
 */
ProtobufCMessage *wkv_read_plain_protobuf(const ProtobufCMessageDescriptor *type, const void *bytes,
                                          size_t len, struct wkv_arena *arena);

/* Whether the fields of the message are well-formed and of the right wire types: a look that takes no memory.
 * What is in its texts and nested messages is not looked at. */
bool wkv_scans_as_protobuf(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len);

/* What a decoder says where a request asks for more memory than the arena may have (413: it would again), or
 * than there is (503). */
enum wkv_code wkv_decode_out_of_memory(const ProtobufCMessageDescriptor *type, const struct wkv_arena *arena,
                                       struct wkv_error *error);

/* "a" or "an", for a name of a message that begins with a capital. */
const char *wkv_article(const char *name);

#endif
