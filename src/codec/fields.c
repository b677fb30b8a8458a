#include "codec/fields.h"

#include <string.h>

#include "support/text.h"

/* A protobuf enum is a C enum, which gcc and clang give 32 bits. */
static const struct {
    size_t bytes; /* of a value in a message's struct; 0: not known here */
    int64_t least;
    uint64_t most;
    const char *range;
} types[] = {
    [PROTOBUF_C_TYPE_INT32] = {4, INT32_MIN, INT32_MAX,
                               "a whole number from -2147483648 to 2147483647, such as 1"},
    [PROTOBUF_C_TYPE_UINT32] = {4, 0, UINT32_MAX, "a whole number from 0 to 4294967295, such as 1"},
    [PROTOBUF_C_TYPE_INT64] = {8, INT64_MIN, INT64_MAX,
                               "a whole number from -9223372036854775808 to 9223372036854775807, such as 1"},
    [PROTOBUF_C_TYPE_UINT64] = {8, 0, UINT64_MAX, "a whole number from 0 to 18446744073709551615, such as 1"},
    [PROTOBUF_C_TYPE_ENUM] = {4, INT32_MIN, INT32_MAX, NULL},
    [PROTOBUF_C_TYPE_BOOL] = {.bytes = sizeof(protobuf_c_boolean)},
    [PROTOBUF_C_TYPE_BYTES] = {.bytes = sizeof(ProtobufCBinaryData)},
    [PROTOBUF_C_TYPE_MESSAGE] = {.bytes = sizeof(ProtobufCMessage *)},
};

size_t wkv_value_bytes(ProtobufCType type)
{
    return types[type].bytes;
}

const char *wkv_integer_range(ProtobufCType type)
{
    return types[type].range;
}

bool wkv_field_is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    size_t len = strlen(entry->short_name);
    return len > 5 && strcmp(entry->short_name + len - 5, "Entry") == 0 && entry->n_fields == 2 &&
           strcmp(entry->fields[0].name, "key") == 0 && entry->fields[0].type == PROTOBUF_C_TYPE_BYTES &&
           strcmp(entry->fields[1].name, "value") == 0 && entry->fields[1].type == PROTOBUF_C_TYPE_BYTES;
}

static size_t camel_case(const char *proto_name, char name[WKV_NAME_BYTES])
{
    size_t len = 0;
    bool raise = false;
    for (const char *from = proto_name; *from != '\0'; from++) {
        if (len == WKV_NAME_BYTES)
            return 0;
        if (*from != '_')
            name[len++] = raise && *from >= 'a' && *from <= 'z' ? (char)(*from - 'a' + 'A') : *from;
        raise = *from == '_';
    }
    return len;
}

bool wkv_is_name(const char *proto_name, struct wkv_text name)
{
    char other[WKV_NAME_BYTES];
    if (name.len == 0)
        return false;
    return wkv_text_is(name, proto_name) ||
           (strchr(proto_name, '_') != NULL &&
            wkv_text_same(name, (struct wkv_text){other, camel_case(proto_name, other)}));
}

/* CONTRACT section 7, by wascc-codec 0.8: its structs have `#[serde(rename_all = "camelCase")]`, but
 * SetRequest renames its field, and CapabilityDescriptor has no camelCase. */
static const struct {
    const char *proto_name, *name;
} exceptions[] = {
    {"expires_s", "expires"},
    {"long_description", "long_description"},
    {"supported_operations", "supported_operations"},
};

static const char *find_exception(const char *proto_name)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (strcmp(exceptions[i].proto_name, proto_name) == 0)
            return exceptions[i].name;
    return NULL;
}

size_t wkv_msgpack_name(const char *proto_name, char name[WKV_NAME_BYTES])
{
    const char *exception = find_exception(proto_name);
    if (exception == NULL)
        return camel_case(proto_name, name);
    memcpy(name, exception, strlen(exception));
    return strlen(exception);
}

bool wkv_msgpack_is_name(const char *proto_name, struct wkv_text name)
{
    const char *exception = find_exception(proto_name);
    return wkv_is_name(proto_name, name) || (exception != NULL && wkv_text_is(name, exception));
}

struct wkv_integer wkv_integer_of(int64_t value)
{
    return (struct wkv_integer){value < 0, (uint64_t)value};
}

bool wkv_integer_store(struct wkv_integer integer, ProtobufCType type, void *slot)
{
    if (integer.negative ? (int64_t)integer.bits < types[type].least : integer.bits > types[type].most)
        return false;
    if (types[type].bytes == sizeof(uint32_t))
        *(uint32_t *)slot = (uint32_t)integer.bits;
    else
        *(uint64_t *)slot = integer.bits;
    return true;
}

struct wkv_integer wkv_integer_load(ProtobufCType type, const void *slot)
{
    bool is_signed = types[type].least < 0;
    uint32_t narrow;
    uint64_t bits;
    if (types[type].bytes == sizeof narrow) {
        memcpy(&narrow, slot, sizeof narrow);
        bits = is_signed ? (uint64_t)(int64_t)(int32_t)narrow : narrow;
    } else {
        memcpy(&bits, slot, sizeof bits);
    }
    return (struct wkv_integer){is_signed && (int64_t)bits < 0, bits};
}
