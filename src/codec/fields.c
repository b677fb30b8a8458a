#include "codec/fields.h"

#include <string.h>

size_t wkv_value_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM: /* an enum of C, which gcc and clang give 32 bits */
        return sizeof(int32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    default:
        return 0;
    }
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

bool wkv_is_camel_case(const char *name, size_t len, const char *proto_name)
{
    bool raise = false;
    size_t at = 0;
    for (; *proto_name != '\0'; proto_name++) {
        if (*proto_name == '_') {
            raise = true;
            continue;
        }
        char c = *proto_name;
        if (raise && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        raise = false;
        if (at == len || name[at++] != c)
            return false;
    }
    return at == len;
}

bool wkv_is_name(const char *proto_name, struct wkv_text name)
{
    return (strlen(proto_name) == name.len && memcmp(proto_name, name.data, name.len) == 0) ||
           wkv_is_camel_case(name.data, name.len, proto_name);
}

struct wkv_integer wkv_integer_of(int64_t value)
{
    return (struct wkv_integer){value < 0, (uint64_t)value};
}

bool wkv_integer_store(struct wkv_integer integer, ProtobufCType type, void *slot)
{
    uint64_t bits = integer.bits;
    bool fits_int64 = integer.negative || bits <= INT64_MAX;
    int64_t value = (int64_t)bits; /* means something where it fits */
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
        if (!fits_int64 || value < INT32_MIN || value > INT32_MAX)
            return false;
        *(int32_t *)slot = (int32_t)value;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
        if (integer.negative || bits > UINT32_MAX)
            return false;
        *(uint32_t *)slot = (uint32_t)bits;
        return true;
    case PROTOBUF_C_TYPE_INT64:
        if (!fits_int64)
            return false;
        *(int64_t *)slot = value;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
        if (integer.negative)
            return false;
        *(uint64_t *)slot = bits;
        return true;
    default:
        return false;
    }
}

struct wkv_integer wkv_integer_load(ProtobufCType type, const void *slot)
{
    int32_t narrow;
    uint32_t unsigned_narrow;
    int64_t wide;
    uint64_t unsigned_wide;
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
        memcpy(&unsigned_narrow, slot, sizeof unsigned_narrow);
        return (struct wkv_integer){false, unsigned_narrow};
    case PROTOBUF_C_TYPE_INT64:
        memcpy(&wide, slot, sizeof wide);
        return wkv_integer_of(wide);
    case PROTOBUF_C_TYPE_UINT64:
        memcpy(&unsigned_wide, slot, sizeof unsigned_wide);
        return (struct wkv_integer){false, unsigned_wide};
    default: /* int32 and enums */
        memcpy(&narrow, slot, sizeof narrow);
        return wkv_integer_of(narrow);
    }
}

const char *wkv_integer_range(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
        return "a whole number from -2147483648 to 2147483647, such as 1";
    case PROTOBUF_C_TYPE_UINT32:
        return "a whole number from 0 to 4294967295, such as 1";
    case PROTOBUF_C_TYPE_INT64:
        return "a whole number from -9223372036854775808 to 9223372036854775807, such as 1";
    case PROTOBUF_C_TYPE_UINT64:
        return "a whole number from 0 to 18446744073709551615, such as 1";
    default:
        return NULL;
    }
}
