/* Protobuf as senders write it: known fields of the right types, each once and in the order of their numbers.
 * Such a message is read in one pass, its texts lying in one copy of its bytes. Whatever else a message may
 * be, and what is malformed, is left to protobuf-c. */
#include <string.h>

#include "codec/decoders.h"
#include "codec/fields.h"

struct reader {
    const uint8_t *at, *end;
    struct wkv_arena *arena;
};

#define TAG_BYTES 5
#define NUMBER_BYTES 10

static bool __attribute__((noinline))
read_long_varint(struct reader *reader, unsigned most_bytes, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < most_bytes && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        *value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Mostly it has one byte. */
static inline bool read_varint(struct reader *reader, unsigned most_bytes, uint64_t *value)
{
    if (reader->at == reader->end || *reader->at >= 0x80)
        return read_long_varint(reader, most_bytes, value);
    *value = *reader->at++;
    return true;
}

/* The bytes of a text or of a message. */
static bool read_sized(struct reader *reader, struct reader *inner)
{
    uint64_t len;
    if (!read_varint(reader, TAG_BYTES, &len) || len > (uint64_t)(reader->end - reader->at))
        return false;
    *inner = (struct reader){reader->at, reader->at + len, reader->arena};
    reader->at = inner->end;
    return true;
}

static bool is_sized(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_MESSAGE;
}

static bool read_number(struct reader *reader, ProtobufCType type, void *slot)
{
    uint64_t value;
    if (wkv_value_bytes(type) == 0 || !read_varint(reader, NUMBER_BYTES, &value))
        return false;
    if (type == PROTOBUF_C_TYPE_BOOL)
        *(protobuf_c_boolean *)slot = value != 0;
    else if (wkv_value_bytes(type) == sizeof(uint32_t))
        *(uint32_t *)slot = (uint32_t)value;
    else
        *(uint64_t *)slot = value;
    return true;
}

static ProtobufCMessage *read_message(const ProtobufCMessageDescriptor *type, struct reader *reader);

static bool read_value(struct reader *reader, const ProtobufCFieldDescriptor *field, void *slot)
{
    struct reader inner;
    if (!is_sized(field))
        return read_number(reader, field->type, slot);
    if (!read_sized(reader, &inner))
        return false;
    size_t len = (size_t)(inner.end - inner.at);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return (*(ProtobufCMessage **)slot = read_message(field->descriptor, &inner)) != NULL;
    *(ProtobufCBinaryData *)slot = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)inner.at};
    return wkv_field_is_value(field) || wkv_utf8_valid(inner.at, len);
}

/* How many elements of this tag follow each other, the first of which is about to be read. */
static size_t count_elements(struct reader reader, uint64_t tag)
{
    struct reader inner;
    uint64_t next;
    size_t count = 0;
    do
        count++;
    while (read_sized(&reader, &inner) && reader.at < reader.end && read_varint(&reader, TAG_BYTES, &next) &&
           next == tag);
    return count;
}

/* All elements of a field; those of numbers may be packed, which is left to protobuf-c. */
static bool read_elements(struct reader *reader, const ProtobufCFieldDescriptor *field, uint64_t tag,
                          ProtobufCMessage *message)
{
    if (!is_sized(field))
        return false;
    size_t count = count_elements(*reader, tag), bytes = wkv_value_bytes(field->type);
    char *slots = wkv_arena_alloc(reader->arena, count * bytes);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && !read_varint(reader, TAG_BYTES, &tag)) || !read_value(reader, field, slots + i * bytes))
            return false;
    }
    *(void **)(void *)((char *)message + field->offset) = slots;
    *(size_t *)(void *)((char *)message + field->quantifier_offset) = count;
    return true;
}

/* Notes which of a oneof is there. Returns false where another is, and for proto2's fields. */
static bool note_presence(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *which = (uint32_t *)(void *)((char *)message + field->quantifier_offset);
        bool is_first = *which == 0;
        *which = field->id;
        return is_first;
    }
    return field->label == PROTOBUF_C_LABEL_NONE || field->type == PROTOBUF_C_TYPE_MESSAGE;
}

/* Mostly a message's fields are numbered from 1 without a gap. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, uint64_t number)
{
    const ProtobufCFieldDescriptor *field =
        number >= 1 && number <= type->n_fields ? &type->fields[number - 1] : NULL;
    if (field != NULL && field->id == number)
        return field;
    return number <= UINT32_MAX ? protobuf_c_message_descriptor_get_field(type, (unsigned)number) : NULL;
}

static ProtobufCMessage *read_message(const ProtobufCMessageDescriptor *type, struct reader *reader)
{
    ProtobufCMessage *message = wkv_arena_alloc(reader->arena, type->sizeof_message);
    uint64_t tag, last = 0;
    if (message == NULL)
        return NULL;
    protobuf_c_message_init(type, message);
    for (; reader->at < reader->end; last = tag >> 3) {
        if (!read_varint(reader, TAG_BYTES, &tag) || tag >> 3 <= last)
            return NULL;
        const ProtobufCFieldDescriptor *field = find_field(type, tag >> 3);
        if (field == NULL || (tag & 7) != (is_sized(field) ? PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED
                                                           : PROTOBUF_C_WIRE_TYPE_VARINT))
            return NULL;
        bool read =
            field->label == PROTOBUF_C_LABEL_REPEATED
                ? read_elements(reader, field, tag, message)
                : note_presence(message, field) && read_value(reader, field, (char *)message + field->offset);
        if (!read)
            return NULL;
    }
    return message;
}

ProtobufCMessage *wkv_read_plain_protobuf(const ProtobufCMessageDescriptor *type, const void *bytes,
                                          size_t len, struct wkv_arena *arena)
{
    uint8_t *copy = len == 0 ? NULL : wkv_arena_alloc(arena, len);
    if (len > 0 && copy == NULL)
        return NULL;
    struct reader reader = {copy, len == 0 ? NULL : (uint8_t *)memcpy(copy, bytes, len) + len, arena};
    return read_message(type, &reader);
}
