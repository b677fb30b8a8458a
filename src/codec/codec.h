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
 * Protobuf: unknown fields are ignored, the last of a repeated singular field wins (proto3). Groups, which
 * proto3 has not, and a known field with the wire type of another kind of field are refused. JSON: proto3's
 * mapping; a member may have its proto name or its camelCase name; null is the default; an integer (int32,
 * uint32, int64, uint64) may be a number without a fraction (1, 1.0, 1e2) or a string of one, where one with
 * a point or an exponent is at most 2^53, and a number that is no string at most 2^63 - 1; members that the
 * message has not, duplicates (both names of one member are one) and anything after the value are refused. A
 * field of a type that no request has (an enum, a double …) is refused with a text that says to send
 * protobuf.
 *
 * MessagePack: a map of the fields by their camelCase or proto names, as str or bin (SetRequest's expires_s
 * is also `expires`, as waSCC has it), or an array of them in the order of their numbers, as rmp-serde writes
 * structs without names. A field that is left out, or nil, has its default; unknown ones are skipped; a field
 * that is there twice and anything after the value are refused. An integer may have any width and sign that
 * holds it; text is str or bin; a map field is a map of texts without a key twice, and comes out in the order
 * of its keys; an enum's variant is {index: nil}, {name: nil}, [index, …] or its name. No bytes decode as a
 * message that has no fields, and as no other.
 *
 * Memory: what is decoded, and what decoding needs on the way, comes from arena, which bounds it. The
 * exception is JSON's parse tree: it is allocated apart and given back before the call returns; a request
 * whose tree might pass arena->max_bytes, too, is refused unread. A large MessagePack map is sorted by qsort,
 * which may allocate, for as long, a pointer for each of its entries.
 *
 * Errors, *message being NULL then: WKV_BAD_REQUEST (does not decode, or a string is not UTF-8; the text
 * names the field where one is to blame and never quotes the request), WKV_NO_MEMORY (the arena is full, or
 * memory is short). */
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
 * before decoding. *text lies in bytes. Returns false where it is not to be had so easily; true says nothing
 * of the rest of the message. */
bool wkv_peek_text(const void *bytes, size_t len, const char **text, size_t *text_len);

#endif
