/* What the decoders and encoders have in common: how the fields of a message are named, how large their
 * values are in its struct, and which integers they hold. */
#ifndef WKV_CODEC_FIELDS_H
#define WKV_CODEC_FIELDS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wascc_keyvalue/text.h"

/* Bytes of one value in a message's struct, or 0 for a type that the codec does not know. */
size_t wkv_value_bytes(ProtobufCType type);

/* Whether the field is of type `bytes` in proto/, a value, which may be any bytes, and not a string, which is
 * UTF-8. protobuf-c generates both as bytes; CMake marks the first ones so. */
static inline bool wkv_field_is_value(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_BYTES && (field->flags & PROTOBUF_C_FIELD_FLAG_DEPRECATED) != 0;
}

/* A map arrives as a repeated message named after it, {1 key, 2 value}; descriptors have no other mark of it.
 */
bool wkv_field_is_map(const ProtobufCFieldDescriptor *field);

/* The longest name of a field. */
#define WKV_NAME_BYTES 64

/* Whether a request means the field of that proto name by this one: the same or its camelCase form (expiresS
 * of expires_s). */
bool wkv_is_name(const char *proto_name, struct wkv_text name);

/* What a field is called in MessagePack (CONTRACT section 7): camelCase as a rule. Writes the name, without a
 * NUL, and returns its length, or 0 where it is too long. wkv_msgpack_is_name takes wkv_is_name's names as
 * well. */
size_t wkv_msgpack_name(const char *proto_name, char name[WKV_NAME_BYTES]);
bool wkv_msgpack_is_name(const char *proto_name, struct wkv_text name);

/* Any integer of 64 bits, with or without a sign: bits is the two's complement of a negative one. */
struct wkv_integer {
    bool negative;
    uint64_t bits;
};

struct wkv_integer wkv_integer_of(int64_t value);

/* Writes the integer to slot, the place for one value of type: int32, uint32, int64, uint64 or an enum.
 * Returns false, slot being left alone, where the type does not hold it. */
bool wkv_integer_store(struct wkv_integer integer, ProtobufCType type, void *slot);

/* The value of one of these types, or of an enum, that stands in slot. */
struct wkv_integer wkv_integer_load(ProtobufCType type, const void *slot);

/* What a field of one of these types takes, as an error says it: "a whole number from … to …, such as 1".
 * NULL for another type. */
const char *wkv_integer_range(ProtobufCType type);

#endif
