/* MessagePack requests, as the actors of waSCC hosts send them (CONTRACT section 7: "MessagePack, written by
 * rmp-serde 0.14 with struct maps: a struct is a map with its field names as keys"). The message's descriptor
 * says what each field must be; the arrays that rmp-serde writes for structs without struct maps are taken
 * too. */
#include <stdlib.h>
#include <string.h>

#include "codec/decoders.h"
#include "codec/fields.h"
#include "codec/msgpack_names.h"
#include "codec/msgpack_read.h"

struct decoder {
    const ProtobufCMessageDescriptor *request;
    struct wkv_msgpack_reader reader;
    struct wkv_arena *arena;
    struct wkv_error *error;
    unsigned depth; /* of messages in messages */
};

/* Where a value stands, for the text of an error. */
struct place {
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *field;
    bool is_element; /* of a repeated field */
};

static enum wkv_code out_of_memory(struct decoder *decoder)
{
    return wkv_decode_out_of_memory(decoder->request, decoder->arena, decoder->error);
}

static enum wkv_code malformed(struct decoder *decoder, const char *wrong)
{
    return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                    "not a %s in MessagePack at byte %zu (%s): send a map of its fields by their names",
                    decoder->request->short_name, decoder->reader.at, wrong);
}

static enum wkv_code must_be(struct decoder *decoder, struct place place, const char *right)
{
    return wkv_fail(decoder->error, WKV_BAD_REQUEST, "%sfield \"%s\" of %s must be %s",
                    place.is_element ? "each element of " : "", place.field->name, place.type->short_name,
                    right);
}

static enum wkv_code next(struct decoder *decoder, struct wkv_msgpack_value *value)
{
    return wkv_msgpack_next(&decoder->reader, value) ? WKV_OK : malformed(decoder, decoder->reader.wrong);
}

static enum wkv_code skip(struct decoder *decoder)
{
    return wkv_msgpack_skip(&decoder->reader) ? WKV_OK : malformed(decoder, decoder->reader.wrong);
}

static bool is_text(const struct wkv_msgpack_value *value)
{
    return value->kind == WKV_MSGPACK_STR || value->kind == WKV_MSGPACK_BIN;
}

static enum wkv_code decode_text(struct decoder *decoder, struct place place,
                                 const struct wkv_msgpack_value *value, ProtobufCBinaryData *text)
{
    if (!is_text(value) || !wkv_utf8_valid(value->bytes, value->len))
        return must_be(decoder, place, "text in UTF-8, as str or bin");
    uint8_t *copy = NULL; /* no bytes have no data, as protobuf-c does it */
    if (value->len > 0) {
        copy = wkv_arena_alloc(decoder->arena, value->len);
        if (copy == NULL)
            return out_of_memory(decoder);
        memcpy(copy, value->bytes, value->len);
    }
    *text = (ProtobufCBinaryData){value->len, copy};
    return WKV_OK;
}

/* The number of the variant that value, its index or its name, stands for. Returns false where there is none.
 */
static bool find_variant(const ProtobufCEnumDescriptor *type, const struct wkv_msgpack_value *value,
                         int32_t *number)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        bool same = value->kind == WKV_MSGPACK_INTEGER
                        ? !value->integer.negative && value->integer.bits == (uint64_t)type->values[i].value
                        : wkv_msgpack_is_text(value, type->values[i].name);
        if (same) {
            *number = type->values[i].value;
            return true;
        }
    }
    return false;
}

/* A variant without data: {index: nil} or {name: nil} of rmp-serde 0.14, [index, …] of those before it, the
 * bare name of those after it. The numbers in proto/ are the indices. */
static enum wkv_code decode_enum(struct decoder *decoder, struct place place, struct wkv_msgpack_value *value,
                                 int32_t *number)
{
    static const char right[] = "a map of one entry, the variant's index or name to nil";
    bool map = value->kind == WKV_MSGPACK_MAP && value->len == 1;
    bool pair = value->kind == WKV_MSGPACK_ARRAY && value->len == 2;
    bool inside = map || pair;
    enum wkv_code code = inside ? next(decoder, value) : WKV_OK;
    if (code != WKV_OK)
        return code;
    if (!find_variant(place.field->descriptor, value, number))
        return must_be(decoder, place, right);
    return inside ? skip(decoder) : WKV_OK;
}

static enum wkv_code decode_message(struct decoder *decoder, const ProtobufCMessageDescriptor *type,
                                    const struct wkv_msgpack_value *head, ProtobufCMessage **message);

/* Decodes one value into slot, the place for one value of the field's type. */
static enum wkv_code decode_value(struct decoder *decoder, struct place place,
                                  struct wkv_msgpack_value *value, void *slot)
{
    switch (place.field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return decode_text(decoder, place, value, slot);
    case PROTOBUF_C_TYPE_BOOL:
        if (value->kind != WKV_MSGPACK_BOOL)
            return must_be(decoder, place, "true or false");
        *(protobuf_c_boolean *)slot = value->boolean;
        return WKV_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(decoder, place, value, slot);
    case PROTOBUF_C_TYPE_MESSAGE:
        if (value->kind != WKV_MSGPACK_MAP && value->kind != WKV_MSGPACK_ARRAY)
            return must_be(decoder, place, "a map of its fields by their names");
        return decode_message(decoder, place.field->descriptor, value, slot);
    default: /* an integer: decode_field lets no other type come here */
        if (value->kind != WKV_MSGPACK_INTEGER || !wkv_integer_store(value->integer, place.field->type, slot))
            return must_be(decoder, place, wkv_integer_range(place.field->type));
        return WKV_OK;
    }
}

static const ProtobufCBinaryData *entry_key(const ProtobufCMessage *entry)
{
    return (const void *)((const char *)entry + entry->descriptor->fields[0].offset);
}

static int compare_keys(const void *a, const void *b)
{
    const ProtobufCBinaryData *left = entry_key(*(ProtobufCMessage *const *)a);
    const ProtobufCBinaryData *right = entry_key(*(ProtobufCMessage *const *)b);
    size_t common = left->len < right->len ? left->len : right->len;
    int order = common == 0 ? 0 : memcmp(left->data, right->data, common);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* Brings the entries into the order of their keys, in which equal ones are neighbours. */
static bool keys_are_distinct(ProtobufCMessage **entries, size_t count)
{
    qsort(entries, count, sizeof(ProtobufCMessage *), compare_keys);
    for (size_t i = 1; i < count; i++)
        if (compare_keys(&entries[i - 1], &entries[i]) == 0)
            return false;
    return true;
}

static enum wkv_code decode_entry(struct decoder *decoder, struct place place, ProtobufCMessage **made)
{
    place.is_element = true;
    const ProtobufCMessageDescriptor *type = place.field->descriptor;
    ProtobufCMessage *entry = wkv_arena_alloc(decoder->arena, type->sizeof_message);
    if (entry == NULL)
        return out_of_memory(decoder);
    protobuf_c_message_init(type, entry);
    for (unsigned i = 0; i < 2; i++) {
        struct wkv_msgpack_value value;
        enum wkv_code code = next(decoder, &value);
        if (code == WKV_OK)
            code = decode_text(decoder, place, &value, (void *)((char *)entry + type->fields[i].offset));
        if (code != WKV_OK)
            return code;
    }
    *made = entry;
    return WKV_OK;
}

/* Maps from texts to texts are all that there are here. */
static enum wkv_code decode_map(struct decoder *decoder, struct place place,
                                const struct wkv_msgpack_value *head, char *base)
{
    if (head->kind != WKV_MSGPACK_MAP)
        return must_be(decoder, place, "a map of texts in UTF-8");
    size_t count = head->len;
    if (count == 0)
        return WKV_OK;
    if (count > SIZE_MAX / sizeof(ProtobufCMessage *))
        return out_of_memory(decoder);
    ProtobufCMessage **entries = wkv_arena_alloc(decoder->arena, count * sizeof(ProtobufCMessage *));
    if (entries == NULL)
        return out_of_memory(decoder);
    for (size_t i = 0; i < count; i++) {
        enum wkv_code code = decode_entry(decoder, place, &entries[i]);
        if (code != WKV_OK)
            return code;
    }
    if (!keys_are_distinct(entries, count))
        return must_be(decoder, place, "a map that has each key once");
    *(void **)(void *)(base + place.field->offset) = entries;
    *(size_t *)(void *)(base + place.field->quantifier_offset) = count;
    return WKV_OK;
}

static enum wkv_code decode_repeated(struct decoder *decoder, struct place place,
                                     const struct wkv_msgpack_value *head, char *base)
{
    const ProtobufCFieldDescriptor *field = place.field;
    if (head->kind != WKV_MSGPACK_ARRAY)
        return must_be(decoder, place, "an array");
    size_t count = head->len; /* no more than there are bytes: the reader has seen to it */
    size_t size = wkv_value_bytes(field->type);
    if (count == 0)
        return WKV_OK;
    if (count > SIZE_MAX / size)
        return out_of_memory(decoder);
    char *values = wkv_arena_alloc(decoder->arena, count * size);
    if (values == NULL)
        return out_of_memory(decoder);
    place.is_element = true;
    for (size_t i = 0; i < count; i++) {
        struct wkv_msgpack_value value;
        enum wkv_code code = next(decoder, &value);
        if (code == WKV_OK)
            code = decode_value(decoder, place, &value, values + i * size);
        if (code != WKV_OK)
            return code;
    }
    *(void **)(void *)(base + field->offset) = values;
    *(size_t *)(void *)(base + field->quantifier_offset) = count;
    return WKV_OK;
}

static enum wkv_code decode_field(struct decoder *decoder, struct place place, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = place.field;
    char *base = (char *)message;
    if (wkv_value_bytes(field->type) == 0 || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                        "field \"%s\" of %s is not supported in MessagePack: send this request in protobuf",
                        field->name, place.type->short_name);
    struct wkv_msgpack_value value;
    enum wkv_code code = next(decoder, &value);
    if (code != WKV_OK)
        return code;
    if (value.kind == WKV_MSGPACK_NIL)
        return WKV_OK; /* the default, which message_init has set */
    if (wkv_field_is_map(field))
        return decode_map(decoder, place, &value, base);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return decode_repeated(decoder, place, &value, base);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)(void *)(base + field->quantifier_offset) = 1;
    return decode_value(decoder, place, &value, base + field->offset);
}

/* The index of the field with that name, or n_fields where there is none. */
static unsigned find_field(const ProtobufCMessageDescriptor *type, const struct wkv_msgpack_value *name)
{
    unsigned index = 0;
    while (index < type->n_fields && !wkv_msgpack_is_name(type->fields[index].name, name->bytes, name->len))
        index++;
    return index;
}

/* Unknown fields are skipped, as serde does it: newer actors may send more. */
static enum wkv_code decode_fields_by_name(struct decoder *decoder, uint32_t count, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    bool *seen = wkv_arena_alloc(decoder->arena, type->n_fields * sizeof *seen);
    if (seen == NULL)
        return out_of_memory(decoder);
    memset(seen, 0, type->n_fields * sizeof *seen);
    for (; count > 0; count--) {
        struct wkv_msgpack_value name;
        enum wkv_code code = next(decoder, &name);
        if (code != WKV_OK)
            return code;
        if (!is_text(&name))
            return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                            "a key in the map of a %s is no text: send its fields by their names",
                            type->short_name);
        unsigned index = find_field(type, &name);
        if (index == type->n_fields) {
            code = skip(decoder);
        } else if (seen[index]) {
            return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                            "field \"%s\" of %s is there twice: send it once, by one name",
                            type->fields[index].name, type->short_name);
        } else {
            seen[index] = true;
            code = decode_field(decoder, (struct place){type, &type->fields[index], false}, message);
        }
        if (code != WKV_OK)
            return code;
    }
    return WKV_OK;
}

/* A struct without names has its fields in the order of their numbers. Those left out at its end have their
 * defaults; those past what is known are skipped. */
static enum wkv_code decode_fields_by_order(struct decoder *decoder, uint32_t count,
                                            ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (uint32_t i = 0; i < count; i++) {
        enum wkv_code code =
            i < type->n_fields ? decode_field(decoder, (struct place){type, &type->fields[i], false}, message)
                               : skip(decoder);
        if (code != WKV_OK)
            return code;
    }
    return WKV_OK;
}

/* head is a map's or an array's. */
static enum wkv_code decode_message(struct decoder *decoder, const ProtobufCMessageDescriptor *type,
                                    const struct wkv_msgpack_value *head, ProtobufCMessage **message)
{
    if (decoder->depth == WKV_MSGPACK_MAX_DEPTH)
        return malformed(decoder, "nested too deeply");
    ProtobufCMessage *decoded = wkv_arena_alloc(decoder->arena, type->sizeof_message);
    if (decoded == NULL)
        return out_of_memory(decoder);
    protobuf_c_message_init(type, decoded);
    decoder->depth++;
    enum wkv_code code = head->kind == WKV_MSGPACK_MAP ? decode_fields_by_name(decoder, head->len, decoded)
                                                       : decode_fields_by_order(decoder, head->len, decoded);
    decoder->depth--;
    if (code == WKV_OK)
        *message = decoded;
    return code;
}

enum wkv_code wkv_decode_msgpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                 struct wkv_arena *arena, ProtobufCMessage **message, struct wkv_error *error)
{
    struct decoder decoder = {type, {bytes, len, 0, NULL}, arena, error, 0};
    struct wkv_msgpack_value head = {.kind = WKV_MSGPACK_ARRAY};
    ProtobufCMessage *decoded = NULL;
    /* A message of no fields may be no bytes, and is nil from serde. */
    bool nothing = type->n_fields == 0 && len == 0;
    enum wkv_code code = nothing ? WKV_OK : next(&decoder, &head);
    if (code != WKV_OK)
        return code;
    if (type->n_fields == 0 && head.kind == WKV_MSGPACK_NIL)
        head = (struct wkv_msgpack_value){.kind = WKV_MSGPACK_ARRAY};
    if (head.kind != WKV_MSGPACK_MAP && head.kind != WKV_MSGPACK_ARRAY) {
        decoder.reader.at = 0;
        return malformed(&decoder, "no map");
    }
    code = decode_message(&decoder, type, &head, &decoded);
    if (code == WKV_OK && decoder.reader.at != len)
        code = malformed(&decoder, "something follows the message");
    if (code == WKV_OK)
        *message = decoded;
    return code;
}
