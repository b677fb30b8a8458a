/* What hosts ask, as `system` (contract sections 2, 3 and 7). */
#include <string.h>

#include "access/binding_values.h"
#include "core.pb-c.h"
#include "operation/call.h"

/* A value of the configuration; data NULL: there is none. The last of several of a name holds, as in a
 * protobuf map. */
static struct wkv_text value_of(const Core__CapabilityConfiguration *configuration, const char *name)
{
    struct wkv_text value = {NULL, 0};
    for (size_t i = 0; i < configuration->n_values; i++) {
        const Core__CapabilityConfiguration__ValuesEntry *entry = configuration->values[i];
        if (entry->key.len == strlen(name) && memcmp(entry->key.data, name, entry->key.len) == 0) {
            value = wkv_text_of(entry->value);
            if (value.data == NULL)
                value.data = "";
        }
    }
    return value;
}

/* What is known of the actor's claims when it is bound. Contract section 7: in an envelope the host's
 * statement stands for them. Section 6: "`--auth binding`: its BindActor having brought `Wascc-Claims` that
 * hold, for that actor"; such a host may send them too, and else its statement counts for requests in
 * envelopes only. In the other modes a binding is configuration, and claims that come with it are
 * not looked at. */
static enum wkv_code claims_of(struct wkv_call *call, const Core__CapabilityConfiguration *request,
                               struct wkv_policy_binding *claims, struct wkv_error *cause)
{
    const struct wkv_policy *policy = &call->session->policy;
    struct wkv_policy_statement stated = {.issuer = value_of(request, "__wascc_issuer"),
                                          .capabilities = value_of(request, "__wascc_capabilities"),
                                          .expires = value_of(request, "__wascc_expires")};
    if (call->provider->auth == WKV_AUTH_NONE)
        return WKV_OK;
    if (call->asked->evidence == WKV_EVIDENCE_ENVELOPE) {
        enum wkv_code code = wkv_policy_check_statement(policy, &stated, call->asked->now_s, claims, cause);
        if (code != WKV_OK || call->asked->claims.data == NULL)
            return code;
    }
    if (call->provider->auth == WKV_AUTH_BINDING)
        return wkv_policy_check_bind(policy, call->asked, wkv_text_of(request->module), claims, cause);
    return WKV_OK;
}

/* Names of values that are not ours: KEYSPACE misspelt would bind to the wrong keyspace. */
static enum wkv_code check_values(const Core__CapabilityConfiguration *request,
                                  struct wkv_binding_values *values, struct wkv_error *cause)
{
    for (size_t i = 0; i < request->n_values; i++)
        if (wkv_binding_values_look(values, wkv_text_of(request->values[i]->key), cause) != WKV_OK)
            return cause->code;
    return WKV_OK;
}

static void warn_of(struct wkv_call *call, struct wkv_text actor, const struct wkv_binding_values *values)
{
    if (values->unknown > 0)
        wkv_log_warn(call->provider->log,
                     "BindActor of %.*s: %zu unknown value%s ignored (%s): known ones are KEYSPACE and the "
                     "host's __wascc_...",
                     (int)actor.len, actor.data, values->unknown, values->unknown == 1 ? " is" : "s are",
                     values->names);
}

static enum wkv_code bind_actor(struct wkv_call *call, const Core__CapabilityConfiguration *request,
                                struct wkv_error *cause)
{
    struct wkv_text actor = wkv_text_of(request->module);
    struct wkv_policy_binding claims = {.bound = true};
    struct wkv_binding_values values = {.unknown = 0};
    /* "The binding value `KEYSPACE` gives the actor a keyspace of that name." */
    struct wkv_text keyspace = value_of(request, "KEYSPACE");
    if (check_values(request, &values, cause) != WKV_OK || claims_of(call, request, &claims, cause) != WKV_OK)
        return cause->code;
    claims.has_host = call->provider->auth != WKV_AUTH_NONE;
    if (claims.has_host)
        memcpy(claims.host, call->host, sizeof claims.host);
    if (wkv_bindings_bind(call->provider->bindings, actor, keyspace, &claims, cause) != WKV_OK)
        return cause->code;
    warn_of(call, actor, &values);
    return WKV_OK;
}

enum wkv_code wkv_handle_bind_actor(struct wkv_call *call)
{
    const Core__CapabilityConfiguration *request = (const Core__CapabilityConfiguration *)call->request;
    struct wkv_error cause;
    if (bind_actor(call, request, &cause) != WKV_OK)
        return wkv_call_fail(call, cause.code, "%s", cause.text);
    return wkv_call_finish(call);
}

/* "RemoveActor takes the binding away." */
enum wkv_code wkv_handle_remove_actor(struct wkv_call *call)
{
    const Core__CapabilityConfiguration *request = (const Core__CapabilityConfiguration *)call->request;
    struct wkv_error cause;
    if (wkv_bindings_check_actor(wkv_text_of(request->module), &cause) != WKV_OK)
        return wkv_call_fail(call, cause.code, "%s", cause.text);
    wkv_bindings_remove(call->provider->bindings, wkv_text_of(request->module));
    return wkv_call_finish(call);
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
        row->name = wkv_bytes_of(wkv_operations[i].name);
        row->direction = CORE__OPERATION_DIRECTION__to_provider;
        row->doctext = wkv_bytes_of(wkv_operations[i].doc);
        list[(*count)++] = row;
    }
    return list;
}

/* Section 7: "CapabilityDescriptor {id, name, version, revision, long_description, supported_operations}". */
enum wkv_code wkv_handle_get_capability_descriptor(struct wkv_call *call)
{
    Core__CapabilityDescriptor descriptor = CORE__CAPABILITY_DESCRIPTOR__INIT;
    descriptor.id = wkv_bytes_of(WKV_CAPABILITY);
    descriptor.name = wkv_bytes_of(WKV_SERVICE_NAME);
    descriptor.version = wkv_bytes_of(WKV_VERSION);
    descriptor.revision = WKV_DESCRIPTOR_REVISION;
    descriptor.long_description = wkv_bytes_of(WKV_DESCRIPTION);
    descriptor.supported_operations = describe_operations(call, &descriptor.n_supported_operations);
    if (descriptor.supported_operations == NULL)
        return wkv_call_fail(call, WKV_NO_MEMORY, "no memory for the request; try again later");
    wkv_sink_message(&call->sink, &descriptor.base);
    return wkv_call_finish(call);
}

enum wkv_code wkv_handle_health_request(struct wkv_call *call)
{
    return wkv_call_finish(call);
}
