/* Protobuf requests: what protobuf_plain.c does not read, protobuf-c decodes into the arena. What it leaves
 * to us: to tell a request that is malformed from one that found no memory (both are NULL to it), to check
 * that text is UTF-8, and to say what is wrong. */
#include <inttypes.h>

#include "codec/decoders.h"
#include "codec/fields.h"

/* Where protobuf-c gets its memory. It gives memory back through an arena's reset only. */
struct memory {
    struct wkv_arena *arena;
    bool spent; /* an allocation failed */
};

static void *allocate(void *data, size_t size)
{
    struct memory *memory = data;
    void *bytes = wkv_arena_alloc(memory->arena, size);
    if (bytes == NULL)
        memory->spent = true;
    return bytes;
}

static void leave_to_reset(void *data, void *bytes)
{
    (void)data;
    (void)bytes;
}

/* Where the values of one field begin in a message, and how many there are. A singular field is an array of
 * one. */
struct values {
    const void *first;
    size_t count;
};

static struct values field_values(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    const void *member = base + field->offset;
    const void *quantifier = base + field->quantifier_offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return (struct values){*(void *const *)member, *(const size_t *)quantifier};
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)quantifier != field->id)
        return (struct values){NULL, 0}; /* the memory holds another member of the oneof */
    return (struct values){member, 1};
}

/* Whether every string in message, and in the messages in it, is UTF-8. */
static enum wkv_code check_texts(const ProtobufCMessage *message, struct wkv_error *error)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    enum wkv_code code = WKV_OK;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool is_text = field->type == PROTOBUF_C_TYPE_BYTES && !wkv_field_is_value(field);
        if (!is_text && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        struct values values = field_values(message, field);
        const ProtobufCBinaryData *texts = values.first;
        ProtobufCMessage *const *messages = values.first;
        for (size_t k = 0; code == WKV_OK && k < values.count; k++)
            if (!is_text)
                code = messages[k] == NULL ? WKV_OK : check_texts(messages[k], error);
            else if (!wkv_utf8_valid(texts[k].data, texts[k].len))
                code = wkv_fail(error, WKV_BAD_REQUEST, "field %s of %s is not UTF-8: send text in UTF-8",
                                field->name, type->short_name);
    }
    return code;
}

/* protobuf-c takes field number 0 for an unknown field where its tag is not in its shortest form; it is
 * malformed. */
static bool has_field_number_0(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        if (message->unknown_fields[i].tag == 0)
            return true;
    return false;
}

/* A look at a message field by field, which takes no memory. */
struct scan {
    const uint8_t *bytes;
    size_t len;
    size_t at;
    size_t start;       /* of the last field */
    uint32_t number;    /* of that field; 0: its tag is none */
    unsigned wire_type; /* likewise */
};

#define MAX_VARINT_BYTES 10
#define MAX_TAG_BYTES 5
#define MAX_LENGTH_BYTES 5

/* Reads a varint of at most max_bytes. Returns false where it is cut off or longer. */
static bool scan_varint(struct scan *scan, unsigned max_bytes, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < max_bytes && scan->at < scan->len; i++) {
        uint8_t byte = scan->bytes[scan->at++];
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Passes the value of a field. Returns false where it is cut off, and for groups, which proto3 does not have.
 */
static bool scan_value(struct scan *scan)
{
    uint64_t value, len = 0;
    switch (scan->wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return scan_varint(scan, MAX_VARINT_BYTES, &value);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        len = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        len = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!scan_varint(scan, MAX_LENGTH_BYTES, &len))
            return false;
        break;
    default:
        return false;
    }
    if (len > scan->len - scan->at)
        return false;
    scan->at += (size_t)len;
    return true;
}

/* Numbers have varints here, and repeated ones may be packed. */
static bool is_wire_type_of(const ProtobufCFieldDescriptor *field, unsigned wire_type)
{
    bool number = field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_MESSAGE;
    bool sized = wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (!number || (sized && field->label == PROTOBUF_C_LABEL_REPEATED))
        return sized;
    return wire_type == PROTOBUF_C_WIRE_TYPE_VARINT || wkv_value_bytes(field->type) == 0;
}

/* Reads one field. Returns whether it is well-formed, and of the right wire type where the type has it. */
static bool scan_field(const ProtobufCMessageDescriptor *type, struct scan *scan)
{
    uint64_t tag;
    scan->start = scan->at;
    scan->number = 0;
    if (!scan_varint(scan, MAX_TAG_BYTES, &tag))
        return false;
    scan->number = (uint32_t)(tag >> 3); /* as protobuf-c reads it */
    scan->wire_type = tag & 7;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, scan->number);
    return scan->number != 0 && scan_value(scan) &&
           (field == NULL || is_wire_type_of(field, scan->wire_type));
}

bool wkv_scans_as_protobuf(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len)
{
    struct scan scan = {.bytes = bytes, .len = len};
    while (scan.at < scan.len)
        if (!scan_field(type, &scan))
            return false;
    return true;
}

/* Finds the field that protobuf-c did not like, and names it. Costs nothing until a request is malformed. */
static enum wkv_code explain(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                             struct wkv_error *error)
{
    static const char right[] = "send protobuf, or JSON that begins with '{'";
    const char *article = wkv_article(type->short_name), *name = type->short_name;
    struct scan scan = {.bytes = bytes, .len = len};
    while (scan.at < scan.len) {
        if (scan_field(type, &scan))
            continue;
        if (scan.number == 0)
            return wkv_fail(error, WKV_BAD_REQUEST, "not %s %s at byte %zu: no field has this tag; %s",
                            article, name, scan.start, right);
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, scan.number);
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "not %s %s at byte %zu: field %" PRIu32 " (%s) with wire type %u does not decode; %s",
                        article, name, scan.start, scan.number, field == NULL ? "unknown" : field->name,
                        scan.wire_type, right);
    }
    return wkv_fail(error, WKV_BAD_REQUEST, "not %s %s: a field of it does not decode; %s", article, name,
                    right);
}

enum wkv_code wkv_decode_protobuf(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                  struct wkv_arena *arena, ProtobufCMessage **message,
                                  struct wkv_error *error)
{
    struct wkv_arena_mark mark = wkv_arena_mark(arena);
    *message = wkv_read_plain_protobuf(type, bytes, len, arena);
    if (*message != NULL)
        return WKV_OK;
    wkv_arena_back(arena, mark);
    struct memory memory = {arena, false};
    ProtobufCAllocator allocator = {allocate, leave_to_reset, &memory};
    ProtobufCMessage *unpacked = protobuf_c_message_unpack(type, &allocator, len, bytes);
    if (unpacked == NULL)
        return memory.spent ? wkv_decode_out_of_memory(type, arena, error) : explain(type, bytes, len, error);
    if (has_field_number_0(unpacked))
        return explain(type, bytes, len, error);
    if (check_texts(unpacked, error) != WKV_OK)
        return WKV_BAD_REQUEST;
    *message = unpacked;
    return WKV_OK;
}

bool wkv_peek_text(const void *bytes, size_t len, const char **text, size_t *text_len)
{
    const unsigned char *at = bytes;
    /* Tag of field 1, length-prefixed, and a length of one byte, or two. */
    if (len < 2 || at[0] != 0x0a)
        return false;
    size_t head = at[1] < 0x80 ? 2 : 3;
    if (head == 3 && (len < 3 || at[2] >= 0x80))
        return false;
    *text_len = head == 2 ? at[1] : (size_t)(at[1] & 0x7f) | (size_t)at[2] << 7;
    *text = (const char *)at + head;
    return *text_len <= len - head;
}
