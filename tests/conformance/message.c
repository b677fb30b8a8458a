#include "conformance/message.h"

#include <check.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../codec/msgpack_json.h"
#include "operation/identity.h"
#include "operation/operation.h"

const char *const operations[] = {"Get",
                                  "Set",
                                  "Del",
                                  "Add",
                                  "Push",
                                  "ListItemDelete",
                                  "Range",
                                  "Clear",
                                  "SetAdd",
                                  "SetRemove",
                                  "SetQuery",
                                  "SetUnion",
                                  "SetIntersection",
                                  "KeyExists",
                                  "Increment",
                                  "CompareAndSet",
                                  "CompareAndDelete",
                                  "Expire",
                                  "TimeToLive",
                                  "Pop",
                                  "SetContains",
                                  "ListKeys",
                                  "Batch",
                                  NULL};

const size_t operation_count = sizeof operations / sizeof operations[0] - 1;

json_t *json_of(const char *text, size_t len)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        ck_abort_msg("no JSON (%s): %.*s", error.text, (int)len, text);
    return value;
}

static const struct wkv_operation *operation_of(const char *name)
{
    const struct wkv_operation *operation = wkv_operation_find(name);
    ck_assert_msg(operation != NULL, "no operation of this name: %s", name);
    return operation;
}

static void *zeroed(size_t bytes)
{
    void *memory = calloc(1, bytes + 1);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* ---- protobuf ---- */

static size_t width_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(int64_t);
    default:
        return sizeof(int32_t);
    }
}

static ProtobufCMessage *message_of(const ProtobufCMessageDescriptor *type, const json_t *object);

/* Puts the JSON value where a field of that type stands; what it points to is owned by the message. */
static void put_value(const ProtobufCFieldDescriptor *field, const json_t *value, void *at)
{
    ProtobufCBinaryData *text = at;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        text->len = json_string_length(value);
        text->data = zeroed(text->len);
        if (text->len > 0)
            memcpy(text->data, json_string_value(value), text->len);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = message_of(field->descriptor, value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = json_is_true(value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(int64_t *)at = json_integer_value(value);
        break;
    default:
        *(int32_t *)at = (int32_t)json_integer_value(value);
    }
}

static void put_elements(const ProtobufCFieldDescriptor *field, const json_t *array, char *base)
{
    size_t count = json_array_size(array), width = width_of(field);
    char *elements = count == 0 ? NULL : zeroed(count * width);
    for (size_t i = 0; i < count; i++)
        put_value(field, json_array_get(array, i), elements + i * width);
    memcpy(base + field->offset, &elements, sizeof(void *));
    memcpy(base + field->quantifier_offset, &count, sizeof count);
}

static ProtobufCMessage *message_of(const ProtobufCMessageDescriptor *type, const json_t *object)
{
    const char *name;
    json_t *member;
    ProtobufCMessage *message = zeroed(type->sizeof_message);
    protobuf_c_message_init(type, message);
    json_object_foreach((json_t *)(uintptr_t)object, name, member)
    {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, name);
        ck_assert_msg(field != NULL, "%s has no field %s", type->short_name, name);
        char *base = (char *)message;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_elements(field, member, base);
        else
            put_value(field, member, base + field->offset);
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            *(uint32_t *)(void *)(base + field->quantifier_offset) = field->id;
        else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE)
            *(protobuf_c_boolean *)(base + field->quantifier_offset) = true;
    }
    return message;
}

static void *pack_protobuf(const ProtobufCMessageDescriptor *type, const json_t *request, size_t *len)
{
    ProtobufCMessage *message = message_of(type, request);
    *len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = zeroed(*len);
    ck_assert_uint_eq(protobuf_c_message_pack(message, bytes), *len);
    protobuf_c_message_free_unpacked(message, NULL);
    return bytes;
}

static json_t *object_of(const ProtobufCMessage *message);

static json_t *value_of(const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCBinaryData *text = at;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return text->len == 0 ? json_string("") : json_stringn((const char *)text->data, text->len);
    case PROTOBUF_C_TYPE_MESSAGE:
        return object_of(*(ProtobufCMessage *const *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return json_integer(*(const int64_t *)at);
    default:
        return json_integer(*(const int32_t *)at);
    }
}

static json_t *elements_of(const ProtobufCFieldDescriptor *field, const char *base)
{
    json_t *array = json_array();
    const void *quantifier = base + field->quantifier_offset;
    const void *elements = base + field->offset;
    for (size_t i = 0; i < *(const size_t *)quantifier; i++)
        (void)json_array_append_new(array, value_of(field, *(char *const *)elements + i * width_of(field)));
    return array;
}

static bool is_there(const ProtobufCFieldDescriptor *field, const char *base)
{
    const void *at = base + field->offset, *quantifier = base + field->quantifier_offset;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)quantifier == field->id;
    return field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED ||
           *(ProtobufCMessage *const *)at != NULL;
}

static json_t *object_of(const ProtobufCMessage *message)
{
    json_t *object = json_object();
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!is_there(field, base))
            continue;
        json_t *value = field->label == PROTOBUF_C_LABEL_REPEATED ? elements_of(field, base)
                                                                  : value_of(field, base + field->offset);
        ck_assert_msg(value != NULL, "%s.%s is not UTF-8", message->descriptor->short_name, field->name);
        (void)json_object_set_new(object, field->name, value);
    }
    return object;
}

static json_t *unpack_protobuf(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len)
{
    /* protobuf-c wants an address even for a message of no bytes. */
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, NULL, len, len == 0 ? (const void *)"" : bytes);
    ck_assert_msg(message != NULL, "%zu bytes are no %s", len, type->short_name);
    json_t *object = object_of(message);
    protobuf_c_message_free_unpacked(message, NULL);
    return object;
}

/* ---- MessagePack ---- */

/* Contract section 7: "the fields of section 3 in camelCase: `newCount`, and SetRequest's third field is
 * named `expires`". */
static void camel_name(const char *name, char out[64])
{
    size_t len = 0;
    for (const char *at = name; *at != '\0' && len < 63; at++)
        if (*at == '_')
            out[len++] = (char)toupper((unsigned char)*++at);
        else
            out[len++] = *at;
    out[len] = '\0';
    if (strcmp(name, "expires_s") == 0)
        strcpy(out, "expires");
}

/* The value with the names that a host writes, in messages within messages, too. */
static json_t *renamed_value(const json_t *value)
{
    const char *name;
    json_t *member;
    char camel[64];
    size_t i;
    json_t *renamed = json_is_object(value) ? json_object() : json_array();
    if (!json_is_object(value) && !json_is_array(value)) {
        json_decref(renamed);
        return json_incref((json_t *)(uintptr_t)value);
    }
    json_array_foreach((json_t *)(uintptr_t)value, i, member)(void)
        json_array_append_new(renamed, renamed_value(member));
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        camel_name(name, camel);
        (void)json_object_set_new(renamed, camel, renamed_value(member));
    }
    return renamed;
}

static void *pack_msgpack(const json_t *request, size_t *len)
{
    struct wkv_buffer out = {0};
    json_t *renamed = renamed_value(request);
    mp_put_json(&out, renamed);
    json_decref(renamed);
    *len = out.len;
    return out.data;
}

static json_t *named_as_proto(const ProtobufCMessageDescriptor *type, const json_t *got);

static json_t *member_as_proto(const ProtobufCFieldDescriptor *field, const json_t *got)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return json_incref((json_t *)(uintptr_t)got);
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return named_as_proto(field->descriptor, got);
    json_t *array = json_array();
    for (size_t i = 0; i < json_array_size(got); i++)
        (void)json_array_append_new(array, named_as_proto(field->descriptor, json_array_get(got, i)));
    return array;
}

/* Every field is there, but of a oneof one or none. */
static json_t *named_as_proto(const ProtobufCMessageDescriptor *type, const json_t *got)
{
    json_t *object = json_object();
    ck_assert_msg(json_is_object(got), "this is no %s that a host reads", type->short_name);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        char camel[64];
        camel_name(field->name, camel);
        const json_t *member = json_object_get(got, camel);
        ck_assert_msg(member != NULL || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0, "%s has no %s",
                      type->short_name, camel);
        if (member != NULL)
            (void)json_object_set_new(object, field->name, member_as_proto(field, member));
    }
    ck_assert_uint_eq(json_object_size(got), json_object_size(object));
    return object;
}

static json_t *unpack_msgpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len)
{
    json_t *got = mp_whole_json(bytes, len), *object = named_as_proto(type, got);
    json_decref(got);
    return object;
}

/* ---- any ---- */

void *message_pack(enum encoding encoding, const char *operation, const json_t *request, size_t *len)
{
    if (encoding == PROTOBUF)
        return pack_protobuf(operation_of(operation)->request, request, len);
    if (encoding == MSGPACK)
        return pack_msgpack(request, len);
    char *text = json_dumps(request, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    *len = strlen(text);
    return text;
}

json_t *message_unpack(enum encoding encoding, const char *operation, const void *bytes, size_t len)
{
    if (encoding == JSON)
        return json_of(bytes, len);
    const ProtobufCMessageDescriptor *type = operation_of(operation)->reply;
    return encoding == PROTOBUF ? unpack_protobuf(type, bytes, len) : unpack_msgpack(type, bytes, len);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

void sort_values(json_t *reply)
{
    json_t *values = json_object_get(reply, "values");
    size_t count = json_array_size(values);
    if (count == 0)
        return;
    json_t **all = calloc(count, sizeof(json_t *));
    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < count; i++)
        all[i] = json_incref(json_array_get(values, i));
    qsort(all, count, sizeof(json_t *), compare_texts);
    for (size_t i = 0; i < count; i++)
        (void)json_array_set_new(values, i, all[i]);
    free(all);
}
