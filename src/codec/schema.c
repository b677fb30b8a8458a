#include "codec/schema.h"

#include <stdio.h>
#include <string.h>

#include "codec/fields.h"

/* Messages nest less deep; one that held itself would have no end. */
#define MAX_DEPTH 8

static json_t *describe_message(const struct wkv_schema_of *of, unsigned depth);

/* JSON's numbers are exact in every reader up to 2^53: the limits of 64 bits are told by name. */
static json_t *describe_integer(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
        return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", INT32_MIN, "maximum", INT32_MAX);
    case PROTOBUF_C_TYPE_UINT32:
        return json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0, "maximum",
                         (json_int_t)UINT32_MAX);
    case PROTOBUF_C_TYPE_INT64:
        return json_pack("{s:s, s:s}", "type", "integer", "format", "int64");
    default:
        return json_pack("{s:s, s:i, s:s}", "type", "integer", "minimum", 0, "format", "uint64");
    }
}

static json_t *describe_enum(const ProtobufCEnumDescriptor *type)
{
    json_t *names = json_array();
    int failed = 0;
    for (unsigned i = 0; i < type->n_values; i++)
        failed |= json_array_append_new(names, json_string(type->values[i].name));
    if (failed == 0)
        return json_pack("{s:s, s:o}", "type", "string", "enum", names);
    json_decref(names);
    return NULL;
}

static bool is_required(const struct wkv_schema_of *of, const ProtobufCFieldDescriptor *field)
{
    return of->required != NULL && strcmp(field->name, of->required) == 0;
}

static json_t *describe_text(const struct wkv_schema_of *of, const ProtobufCFieldDescriptor *field)
{
    return is_required(of, field) ? json_pack("{s:s, s:i}", "type", "string", "minLength", 1)
                                  : json_pack("{s:s}", "type", "string");
}

/* One value of the field. */
static json_t *describe_value(const struct wkv_schema_of *of, const ProtobufCFieldDescriptor *field,
                              unsigned depth)
{
    struct wkv_schema_of inner = *of;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return describe_text(of, field);
    case PROTOBUF_C_TYPE_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case PROTOBUF_C_TYPE_ENUM:
        return describe_enum(field->descriptor);
    case PROTOBUF_C_TYPE_MESSAGE:
        inner.type = field->descriptor;
        return describe_message(&inner, depth + 1);
    default:
        return describe_integer(field->type);
    }
}

/* The field, with what its value or each of its values is. */
static json_t *describe_field(const ProtobufCFieldDescriptor *field, json_t *value)
{
    if (wkv_field_is_map(field)) {
        json_decref(value);
        return json_pack("{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return json_pack("{s:s, s:o}", "type", "array", "items", value);
    return value;
}

static int add_base64(json_t *properties, const ProtobufCFieldDescriptor *field)
{
    char name[WKV_NAME_BYTES + sizeof "_base64"];
    (void)snprintf(name, sizeof name, "%s_base64", field->name);
    json_t *value = json_pack("{s:s, s:s}", "type", "string", "contentEncoding", "base64");
    return json_object_set_new(properties, name, describe_field(field, value));
}

static json_t *describe_fields(const struct wkv_schema_of *of, unsigned depth)
{
    json_t *properties = json_object();
    int failed = 0;
    for (unsigned i = 0; i < of->type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &of->type->fields[i];
        json_t *value = describe_value(of, field, depth);
        failed |= json_object_set_new(properties, field->name, describe_field(field, value));
        if (wkv_field_is_value(field))
            failed |= add_base64(properties, field);
    }
    if (failed == 0)
        return properties;
    json_decref(properties);
    return NULL;
}

/* Of the members of a oneof there is one: a request's item has one, a reply's may have none. */
static int limit_members(const struct wkv_schema_of *of, json_t *schema)
{
    int failed = 0;
    for (unsigned i = 0; i < of->type->n_fields; i++)
        if (is_required(of, &of->type->fields[i]))
            failed |= json_object_set_new(schema, "required", json_pack("[s]", of->required));
    if (of->type->n_fields > 0 && (of->type->fields[0].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        failed |= json_object_set_new(schema, "maxProperties", json_integer(1));
        if (of->is_request)
            failed |= json_object_set_new(schema, "minProperties", json_integer(1));
    }
    if (of->is_request)
        failed |= json_object_set_new(schema, "additionalProperties", json_false());
    return failed;
}

static json_t *describe_message(const struct wkv_schema_of *of, unsigned depth)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    int failed = schema == NULL || depth == MAX_DEPTH;
    if (failed == 0)
        failed = json_object_set_new(schema, "properties", describe_fields(of, depth));
    if (failed == 0 && limit_members(of, schema) == 0)
        return schema;
    json_decref(schema);
    return NULL;
}

json_t *wkv_schema(const struct wkv_schema_of *of)
{
    return describe_message(of, 0);
}
