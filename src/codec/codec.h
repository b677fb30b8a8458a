/* The codec: bytes on the wire to messages, and replies to bytes. It knows message descriptors and encodings
 * and nothing of the store or of NATS (CONTRACT section 4).
 *
 * Requests are decoded whole into protobuf-c structs that live in the request's arena; replies are written to
 * a sink (sink.h). Both directions are driven by protobuf-c's descriptors: a new message needs no code here.
 *
 * Each field of type `string` in proto/ is generated as bytes, too, so that its length is known; the codec
 * checks that it is UTF-8. One of type `bytes` is a value, which may be any bytes (fields.h, CONTRACT section
 * 3).
 */
#ifndef WKV_CODEC_CODEC_H
#define WKV_CODEC_CODEC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/encoding.h"
#include "codec/sink.h"
#include "support/arena.h"
#include "support/error.h"
#include "support/utf8.h"

/* The encoding of a request, from its first byte: '{' is JSON, anything else (nothing included) is protobuf.
 * MessagePack is never guessed: it has subjects of its own (CONTRACT section 7). */
enum wkv_encoding wkv_detect_encoding(const void *bytes, size_t len);

/* Where the '{' of a JSON object is, behind white space and byte order marks: its offset, or len where the
 * bytes are no such thing. bytes may be NULL where len is 0. */
size_t wkv_json_start(const void *bytes, size_t len);

/* The encoding of a request that is refused before it is decoded, for the body of the error. A request of
 * WKV_FORM_DETECTED that begins with '{' behind white space or a byte order mark is JSON unless it is
 * well-formed protobuf of the type: white space is a tag in protobuf. Takes no memory and time in proportion
 * to len at the most. */
enum wkv_encoding wkv_guess_encoding(const ProtobufCMessageDescriptor *type, enum wkv_form form,
                                     const void *bytes, size_t len);

/* Decodes a request of the given type. *message is allocated in arena, text included, and lives until its
 * reset; a text of no bytes may have NULL data. bytes may be NULL where len is 0. Several threads may decode
 * at once, each with its own arena. error is set where the call fails and left alone where it does not; it
 * may be NULL.
 *
 * All: null, nil or nothing is a field's default; a text names no field twice; an integer has any form that
 * its type holds. A field of a type that no request has (a double) is refused.
 * Protobuf: unknown fields are ignored, the last of a repeated singular field wins; groups and wrong wire
 * types are refused. JSON: proto3's mapping, but for values (value_base64); names are proto's or camelCase;
 * an integer may be a string, too, and in a number with a point or an exponent is at most 2^53; unknown
 * members are refused. MessagePack: a map of the fields by their names, or an array of them in the order of
 * their numbers, as rmp-serde writes structs; unknown fields are skipped; text is str or bin; an enum's
 * variant is {index: nil}, {name: nil}, [index, …] or its name. No bytes decode as a message that has no
 * fields, and as no other. Nothing may follow the message in either. A map comes out in the order of its
 * keys.
 *
 * Memory: what is decoded, and what decoding needs on the way, comes from arena, which bounds it. The
 * exceptions are given back before the call returns: JSON's parse tree, whose request is refused unread where
 * it might pass arena->max_bytes, and what qsort takes for a large map.
 *
 * Errors, *message being NULL then: WKV_BAD_REQUEST (the text names the field where one is to blame and never
 * quotes the request), WKV_TOO_LARGE (it would take more memory than arena->max_bytes), WKV_NO_MEMORY. */
enum wkv_code wkv_decode(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                         const void *bytes, size_t len, struct wkv_arena *arena, ProtobufCMessage **message,
                         struct wkv_error *error);

/* The same for a request of that form: *encoding is what it was decoded as, or, where the call fails, what
 * the sender seems to have meant (CONTRACT section 4: "a request whose first byte is `{` is JSON; one that
 * does not decode as protobuf, and begins with `{` behind white space or a byte order mark, is JSON too").
 * The arena may be reset on the way: what else lies in it is lost. Errors: as above. */
enum wkv_code wkv_decode_request(const ProtobufCMessageDescriptor *type, enum wkv_form form,
                                 const void *bytes, size_t len, struct wkv_arena *arena,
                                 ProtobufCMessage **message, enum wkv_encoding *encoding,
                                 struct wkv_error *error);

/* The text of field 1 where a protobuf message begins with it, as a request with a key does: a cheap look
 * before decoding. *text lies in bytes. Returns false where it does not; true says nothing of the rest of the
 * message. */
bool wkv_peek_text(const void *bytes, size_t len, const char **text, size_t *text_len);

#endif
