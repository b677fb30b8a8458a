#include "operation/serve.h"

#include <string.h>

#include "support/text.h"

bool wkv_host_is_another(const struct wkv_host *host, struct wkv_text instance)
{
    return instance.len > 0 && !wkv_text_is(instance, host->instance);
}

bool wkv_host_is_for_another(const struct wkv_host *host, const struct wkv_command *command)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(command->operation->request, "instance");
    if (field == NULL)
        return false;
    const void *at = (const char *)command->message + field->offset;
    return wkv_host_is_another(host, wkv_text_of(*(const ProtobufCBinaryData *)at));
}

void wkv_host_serve(struct wkv_host *host, const struct wkv_command *command, int64_t now_ns,
                    struct wkv_sink *sink)
{
    if (!host->silent)
        command->operation->serve(host, command, now_ns, sink);
}

enum wkv_code wkv_host_keyspace(const struct wkv_host *host, struct wkv_sink *sink, struct wkv_text name,
                                uint32_t *keyspace)
{
    *keyspace = 0;
    if (name.len == 0 || wkv_bindings_keyspace_number(host->bindings, name, keyspace))
        return WKV_OK;
    return wkv_sink_fail(sink, WKV_BAD_REQUEST,
                         "there is no such keyspace: leave it out for the binding's own, or take one that "
                         "Bindings or STATS lists");
}

/* JSON writes a control character as \u0001. */
size_t wkv_json_bytes(struct wkv_text text)
{
    size_t bytes = sizeof "\"\",";
    for (size_t i = 0; i < text.len; i++)
        bytes += (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f ? 6
                 : strchr("\"\\/", text.data[i]) != NULL                    ? 2
                                                                            : 1;
    return bytes;
}
