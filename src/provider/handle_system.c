/* What hosts ask, as `system` (contract sections 2, 3 and 7). */
#include <string.h>

#include "core.pb-c.h"
#include "provider/call.h"

#define KEYSPACE "KEYSPACE"

static struct wkv_text text_of(ProtobufCBinaryData bytes)
{
    return (struct wkv_text){(const char *)bytes.data, bytes.len};
}

/* "The binding value `KEYSPACE` gives the actor a keyspace of that name." The last of several holds, as in a protobuf map. */
static struct wkv_text keyspace_value(const Core__CapabilityConfiguration *configuration)
{
    struct wkv_text keyspace = {NULL, 0};
    for (size_t i = 0; i < configuration->n_values; i++) {
        const Core__CapabilityConfiguration__ValuesEntry *entry = configuration->values[i];
        if (entry->key.len == strlen(KEYSPACE) && memcmp(entry->key.data, KEYSPACE, entry->key.len) == 0) {
            keyspace = text_of(entry->value);
            if (keyspace.data == NULL)
                keyspace.data = "";
        }
    }
    return keyspace;
}

/* "--auth binding: the actor must be bound, its BindActor having brought `Wascc-Claims` that hold, for that actor." In the
 * other modes a binding is configuration, and claims that come with it are not looked at. */
enum wkv_code wkv_handle_bind_actor(struct wkv_call *call)
{
    const Core__CapabilityConfiguration *request = (const Core__CapabilityConfiguration *)call->request;
    struct wkv_text module = text_of(request->module);
    struct wkv_policy_binding claims = {.bound = true};
    struct wkv_error cause;
    if (call->provider->auth == WKV_AUTH_BINDING &&
        wkv_policy_check_bind(&call->session->policy, call->asked,
                              (struct wkv_policy_text){module.data, module.len}, &claims, &cause) != WKV_OK)
        return wkv_call_fail(call, cause.code, "%s", cause.text);
    if (wkv_bindings_bind(call->provider->bindings, module, keyspace_value(request), &claims, &cause) !=
        WKV_OK)
        return wkv_call_fail(call, cause.code, "%s", cause.text);
    return wkv_call_finish(call);
}

/* "RemoveActor takes the binding away." */
enum wkv_code wkv_handle_remove_actor(struct wkv_call *call)
{
    const Core__CapabilityConfiguration *request = (const Core__CapabilityConfiguration *)call->request;
    if (request->module.len == 0)
        return wkv_call_fail(call, WKV_BAD_REQUEST,
                             "the module is empty: give the actor's public key (M...)");
    wkv_bindings_remove(call->provider->bindings, text_of(request->module));
    return wkv_call_finish(call);
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* The operations that an actor may call, out of the one table. */
static Core__OperationDescriptor **describe_operations(struct wkv_call *call, size_t *count)
{
    Core__OperationDescriptor **list = wkv_arena_alloc(call->arena, wkv_operation_count * sizeof(void *));
    Core__OperationDescriptor *rows = wkv_arena_alloc(call->arena, wkv_operation_count * sizeof *rows);
    if (list == NULL || rows == NULL)
        return NULL;
    *count = 0;
    for (size_t i = 0; i < wkv_operation_count; i++) {
        if (wkv_operations[i].system)
            continue;
        Core__OperationDescriptor *row = &rows[*count];
        core__operation_descriptor__init(row);
        row->name = bytes_of(wkv_operations[i].name);
        row->direction = CORE__OPERATION_DIRECTION__to_provider;
        row->doctext = bytes_of(wkv_operations[i].doc);
        list[(*count)++] = row;
    }
    return list;
}

/* Section 7: "CapabilityDescriptor {id, name, version, revision, long_description, supported_operations}". */
enum wkv_code wkv_handle_get_capability_descriptor(struct wkv_call *call)
{
    Core__CapabilityDescriptor descriptor = CORE__CAPABILITY_DESCRIPTOR__INIT;
    descriptor.id = bytes_of(WKV_CAPABILITY);
    descriptor.name = bytes_of("wascc-keyvalue");
    descriptor.version = bytes_of(WKV_VERSION);
    descriptor.revision = WKV_DESCRIPTOR_REVISION;
    descriptor.long_description =
        bytes_of("Keys and values in memory, with expiries, counters, lists and sets, on NATS");
    descriptor.supported_operations = describe_operations(call, &descriptor.n_supported_operations);
    if (descriptor.supported_operations == NULL)
        return wkv_call_fail(call, WKV_UNAVAILABLE, "no memory for the request; try again later");
    wkv_writer_message(&call->writer, &descriptor.base);
    return wkv_call_finish(call);
}

enum wkv_code wkv_handle_health_request(struct wkv_call *call)
{
    return wkv_call_finish(call);
}
