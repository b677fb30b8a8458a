/* BindActor and RemoveActor (contract sections 3, 6 and 7). */
#include <string.h>

#include "access/binding_values.h"
#include "core.pb-c.h"
#include "operation/serve.h"
#include "support/text.h"

/* A value of the configuration; data NULL: there is none. The last of several of a name holds, as in a
 * protobuf map. */
static struct wkv_text value_of(const Core__CapabilityConfiguration *configuration, const char *name)
{
    struct wkv_text value = {NULL, 0};
    for (size_t i = 0; i < configuration->n_values; i++) {
        const Core__CapabilityConfiguration__ValuesEntry *entry = configuration->values[i];
        if (wkv_text_is(wkv_text_of(entry->key), name)) {
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
static enum wkv_code claims_of(const struct wkv_host *host, const Core__CapabilityConfiguration *request,
                               struct wkv_policy_binding *claims, struct wkv_error *cause)
{
    const struct wkv_policy *policy = host->policy;
    struct wkv_policy_statement stated = {.issuer = value_of(request, "__wascc_issuer"),
                                          .capabilities = value_of(request, "__wascc_capabilities"),
                                          .expires = value_of(request, "__wascc_expires")};
    if (policy->auth == WKV_AUTH_NONE)
        return WKV_OK;
    if (host->asked->evidence == WKV_EVIDENCE_ENVELOPE) {
        enum wkv_code code = wkv_policy_check_statement(policy, &stated, host->asked->now_s, claims, cause);
        if (code != WKV_OK || host->asked->claims.data == NULL)
            return code;
    }
    if (policy->auth == WKV_AUTH_BINDING)
        return wkv_policy_check_bind(policy, host->asked, wkv_text_of(request->module), claims, cause);
    return WKV_OK;
}

static const Core__CapabilityConfiguration *request_of(const struct wkv_command *command)
{
    return (const Core__CapabilityConfiguration *)command->message;
}

/* Names of values that are not ours: KEYSPACE misspelt would bind to the wrong keyspace. */
static enum wkv_code look_at_values(const Core__CapabilityConfiguration *request,
                                    struct wkv_binding_values *values, struct wkv_error *cause)
{
    for (size_t i = 0; i < request->n_values; i++)
        if (wkv_binding_values_look(values, wkv_text_of(request->values[i]->key), cause) != WKV_OK)
            return cause->code;
    return WKV_OK;
}

/* wkv_bindings_bind checks the names of the actor and of the keyspace: only a caller who may bind is told
 * what is wrong with them. */
WKV_CHECK(wkv_check_bind_actor)
{
    struct wkv_binding_values values = {.unknown = 0};
    (void)limits;
    if (look_at_values(request_of(command), &values, error) != WKV_OK)
        return wkv_command_blame(command, error);
    return WKV_OK;
}

WKV_CHECK(wkv_check_remove_actor)
{
    (void)limits;
    return wkv_bindings_check_actor(wkv_text_of(request_of(command)->module), error) == WKV_OK
               ? WKV_OK
               : wkv_command_blame(command, error);
}

static void warn_of_unknown(const struct wkv_host *host, const Core__CapabilityConfiguration *request)
{
    struct wkv_text actor = wkv_text_of(request->module);
    struct wkv_binding_values values = {.unknown = 0};
    struct wkv_error ignored;
    (void)look_at_values(request, &values, &ignored);
    if (values.unknown > 0)
        wkv_log_warn(host->log,
                     "BindActor of %.*s: %zu unknown value%s ignored (%s): known ones are KEYSPACE and the "
                     "host's __wascc_...",
                     (int)actor.len, actor.data, values.unknown, values.unknown == 1 ? " is" : "s are",
                     values.names);
}

/* What a BindActor asks for, its claims checked. "The binding value `KEYSPACE` gives the actor a keyspace of
 * that name." */
static enum wkv_code read_wish(const struct wkv_host *host, const Core__CapabilityConfiguration *request,
                               struct wkv_bindings_wish *wish, struct wkv_error *cause)
{
    *wish = (struct wkv_bindings_wish){.actor = wkv_text_of(request->module),
                                       .bound = true,
                                       .keyspace = value_of(request, "KEYSPACE"),
                                       .claims = {.bound = true}};
    if (claims_of(host, request, &wish->claims, cause) != WKV_OK)
        return cause->code;
    wish->claims.has_host = host->policy->auth != WKV_AUTH_NONE;
    if (wish->claims.has_host)
        memcpy(wish->claims.host, host->asked->signer, sizeof wish->claims.host);
    return WKV_OK;
}

static enum wkv_code bind_actor(const struct wkv_host *host, const Core__CapabilityConfiguration *request,
                                struct wkv_error *cause)
{
    struct wkv_bindings_wish wish;
    if (read_wish(host, request, &wish, cause) != WKV_OK ||
        wkv_bindings_bind(host->bindings, wish.actor, wish.keyspace, &wish.claims, cause) != WKV_OK)
        return cause->code;
    warn_of_unknown(host, request);
    return WKV_OK;
}

bool wkv_host_changes_bindings(const struct wkv_operation *operation)
{
    return operation->serve == wkv_serve_bind_actor || operation->serve == wkv_serve_remove_actor;
}

enum wkv_code wkv_host_prepare_binding(const struct wkv_host *host, const struct wkv_command *command,
                                       struct wkv_bindings_wish *wish, struct wkv_error *error)
{
    const Core__CapabilityConfiguration *request = request_of(command);
    if (command->operation->serve == wkv_serve_remove_actor) {
        *wish = (struct wkv_bindings_wish){.actor = wkv_text_of(request->module)};
        return WKV_OK;
    }
    if (read_wish(host, request, wish, error) != WKV_OK ||
        wkv_bindings_prepare(host->bindings, wish, error) != WKV_OK)
        return wkv_command_blame(command, error);
    warn_of_unknown(host, request);
    return WKV_OK;
}

WKV_SERVE(wkv_serve_bind_actor)
{
    (void)now_ns;
    struct wkv_error cause;
    if (bind_actor(host, request_of(command), &cause) != WKV_OK)
        (void)wkv_sink_fail(sink, cause.code, "%s", cause.text);
}

/* "RemoveActor takes the binding away." */
WKV_SERVE(wkv_serve_remove_actor)
{
    (void)now_ns, (void)sink;
    wkv_bindings_remove(host->bindings, wkv_text_of(request_of(command)->module));
}
