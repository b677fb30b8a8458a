/* What hosts ask about the provider (contract sections 3 and 7). */
#include "core.pb-c.h"
#include "operation/identity.h"
#include "operation/serve.h"

/* The operations that an actor may call, out of the one table. */
static Core__OperationDescriptor **describe_operations(struct wkv_arena *arena, size_t *count)
{
    Core__OperationDescriptor **list = wkv_arena_alloc(arena, wkv_operation_count * sizeof(void *));
    Core__OperationDescriptor *rows = wkv_arena_alloc(arena, wkv_operation_count * sizeof *rows);
    if (list == NULL || rows == NULL)
        return NULL;
    *count = 0;
    for (size_t i = 0; i < wkv_operation_count; i++) {
        if (wkv_operation_is_system(&wkv_operations[i]))
            continue;
        Core__OperationDescriptor *row = &rows[*count];
        core__operation_descriptor__init(row);
        row->name = wkv_bytes_of(wkv_operations[i].name);
        row->direction = CORE__OPERATION_DIRECTION__to_provider;
        row->doctext = wkv_bytes_of(wkv_operations[i].doc);
        list[(*count)++] = row;
    }
    return list;
}

/* Section 7: "CapabilityDescriptor {id, name, version, revision, long_description, supported_operations}". */
WKV_SERVE(wkv_serve_get_capability_descriptor)
{
    (void)command, (void)now_ns;
    Core__CapabilityDescriptor descriptor = CORE__CAPABILITY_DESCRIPTOR__INIT;
    descriptor.id = wkv_bytes_of(WKV_CAPABILITY);
    descriptor.name = wkv_bytes_of(WKV_SERVICE_NAME);
    descriptor.version = wkv_bytes_of(WKV_VERSION);
    descriptor.revision = WKV_DESCRIPTOR_REVISION;
    descriptor.long_description = wkv_bytes_of(WKV_DESCRIPTION);
    descriptor.supported_operations = describe_operations(host->arena, &descriptor.n_supported_operations);
    if (descriptor.supported_operations == NULL)
        (void)wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for the request; try again later");
    else
        wkv_sink_message(sink, &descriptor.base);
}

WKV_SERVE(wkv_serve_health_request)
{
    (void)host, (void)command, (void)now_ns, (void)sink;
}
