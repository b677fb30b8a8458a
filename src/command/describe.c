#include "command/describe.h"

#include "codec/fields.h"
#include "operation/identity.h"
#include "operation/operation.h"

static const char *type_name(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        return "bool";
    case PROTOBUF_C_TYPE_INT32:
        return "int32";
    case PROTOBUF_C_TYPE_UINT32:
        return "uint32";
    case PROTOBUF_C_TYPE_INT64:
        return "int64";
    case PROTOBUF_C_TYPE_UINT64:
        return "uint64";
    default: /* strings, and enums by their names */
        return "string";
    }
}

static void describe_field(struct wkv_wrap *wrap, const ProtobufCFieldDescriptor *field)
{
    bool repeats = field->label == PROTOBUF_C_LABEL_REPEATED && !wkv_field_is_map(field);
    wkv_wrap_all(wrap, field->name, repeats ? ": [" : ": ", NULL);
    if (wkv_field_is_map(field))
        wkv_wrap(wrap, "{string: string}");
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        wkv_describe_message(wrap, field->descriptor);
    else
        wkv_wrap(wrap, type_name(field->type));
    wkv_wrap(wrap, repeats ? "]" : "");
}

void wkv_describe_message(struct wkv_wrap *wrap, const ProtobufCMessageDescriptor *message)
{
    wkv_wrap(wrap, "{");
    for (unsigned i = 0; i < message->n_fields; i++) {
        wkv_wrap(wrap, i == 0 ? "" : ", ");
        describe_field(wrap, &message->fields[i]);
    }
    wkv_wrap(wrap, "}");
}

void wkv_describe_operations(FILE *out)
{
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        struct wkv_wrap wrap = {.out = out, .indent = 2, .hang = 4};
        wkv_wrap_all(&wrap, operation->name, " ", NULL);
        wkv_describe_message(&wrap, operation->request);
        wkv_wrap_end(&wrap);
        wrap = (struct wkv_wrap){.out = out, .indent = 6};
        wkv_wrap(&wrap, operation->doc);
        wkv_wrap_end(&wrap);
        wkv_wrap(&wrap, "Answers ");
        wkv_describe_message(&wrap, operation->reply);
        wkv_wrap(&wrap, ".");
        wkv_wrap_end(&wrap);
    }
}
