#include <string.h>

#include "operation/provider.h"

/* Replies up to this size reuse the buffer; after a larger one the memory goes back. */
#define REPLY_KEEP_BYTES ((size_t)256 * 1024)

bool wkv_provider_reads_claims(const struct wkv_provider *provider, const struct wkv_operation *operation)
{
    if (wkv_operation_is_system(operation))
        return provider->auth == WKV_AUTH_BINDING;
    return provider->auth == WKV_AUTH_CLAIMS || provider->auth == WKV_AUTH_INVOCATION;
}

bool wkv_provider_reads_invocation(const struct wkv_provider *provider, const struct wkv_operation *operation)
{
    return !wkv_operation_is_system(operation) ? provider->auth == WKV_AUTH_INVOCATION
                                               : provider->auth != WKV_AUTH_NONE;
}

/* Makes the session's memory as new. A small reply always finds room: what has been done must be told. */
static bool reset_memory(struct wkv_session *session)
{
    wkv_arena_reset(&session->arena);
    wkv_buffer_reset(&session->reply, REPLY_KEEP_BYTES);
    return wkv_buffer_reserve(&session->reply, WKV_REPLY_FIRST_BYTES);
}

enum wkv_encoding wkv_request_encoding(const struct wkv_request *request)
{
    struct wkv_text payload = {request->payload, request->payload_bytes};
    return wkv_command_encoding(request->operation, payload, request->form);
}

static struct wkv_policy_request ask_policy(const struct wkv_provider *provider,
                                            const struct wkv_request *request,
                                            const struct wkv_binding *bound)
{
    return (struct wkv_policy_request){
        .evidence = request->evidence,
        .actor = request->actor,
        .binding = {provider->binding, strlen(provider->binding)},
        .operation = {request->operation->name, strlen(request->operation->name)},
        .system_operation = wkv_operation_is_system(request->operation),
        .claims = request->claims,
        .invocation = request->invocation,
        .id = request->id,
        .host = request->host,
        .payload = {request->payload, request->payload_bytes},
        .bound = &bound->claims,
        .now_s = request->wall_s,
    };
}

static enum wkv_code no_memory(const struct wkv_command *command, struct wkv_error *error)
{
    return wkv_command_fail(command, error, WKV_NO_MEMORY, "no memory for the request; try again later");
}

/* Who? May they? Contract section 6. */
static enum wkv_code authorize(struct wkv_session *session, const struct wkv_command *command,
                               const struct wkv_policy_request *asked, struct wkv_error *error)
{
    struct wkv_error cause;
    if (wkv_policy_check(&session->policy, asked, &cause) != WKV_OK)
        return wkv_command_fail(command, error, cause.code, "%s", cause.text);
    return WKV_OK;
}

/* What do they want? Contract sections 3 and 4. */
static enum wkv_code read_command(struct wkv_session *session, const struct wkv_request *request,
                                  const struct wkv_limits *limits, struct wkv_command *command,
                                  struct wkv_error *error)
{
    struct wkv_text payload = {request->payload, request->payload_bytes};
    enum wkv_code code = wkv_command_decode(command, payload, request->form, limits, &session->arena, error);
    session->encoding = command->encoding;
    return code != WKV_OK ? code : wkv_command_check(command, limits, &session->arena, error);
}

static void serve(struct wkv_session *session, const struct wkv_command *command,
                  const struct wkv_policy_request *asked, int64_t now_ns, struct wkv_sink *sink, bool *silent)
{
    const struct wkv_provider *provider = session->provider;
    struct wkv_host host = {.store = provider->store,
                            .bindings = provider->bindings,
                            .stats = provider->stats,
                            .log = provider->log,
                            .instance = provider->instance,
                            .split = provider->split,
                            .policy = &session->policy,
                            .asked = asked,
                            .arena = &session->arena};
    wkv_host_serve(&host, command, now_ns, sink);
    *silent = host.silent;
}

/* Does it. *reply has no data where it is another instance's to answer. */
static enum wkv_code perform(struct wkv_session *session, const struct wkv_command *command,
                             const struct wkv_limits *limits, const struct wkv_policy_request *asked,
                             int64_t now_ns, struct wkv_text *reply, struct wkv_error *error)
{
    struct wkv_sink sink;
    bool silent = false;
    if (command->reply_bytes > 0 && !wkv_buffer_reserve(&session->reply, command->reply_bytes))
        return no_memory(command, error);
    wkv_sink_begin(&sink, command->operation->reply, command->encoding, &session->reply,
                   limits->max_reply_bytes);
    sink.error = error;
    sink.who = command->operation->name;
    if (wkv_operation_is_system(command->operation))
        serve(session, command, asked, now_ns, &sink, &silent);
    else
        (void)wkv_command_execute(command, session->provider->store, now_ns, &sink);
    enum wkv_code code = silent ? WKV_OK : wkv_command_finish(command, limits, &sink);
    *reply = (struct wkv_text){silent ? NULL : session->reply.data, session->reply.len};
    return code;
}

enum wkv_code wkv_dispatch(struct wkv_session *session, const struct wkv_request *request,
                           struct wkv_text *reply, struct wkv_error *error)
{
    const struct wkv_provider *provider = session->provider;
    unsigned char signer[WKV_NKEY_BYTES];
    wkv_error_clear(error);
    /* Every request asks what is known of its actor: its keyspace, and in some modes whether it may. */
    struct wkv_binding bound = {.keyspace = 0};
    if (!wkv_operation_is_system(request->operation))
        bound = wkv_bindings_find(&session->bindings, request->actor);
    struct wkv_policy_request asked = ask_policy(provider, request, &bound);
    asked.signer = signer;
    struct wkv_command command = {.operation = request->operation, .keyspace = bound.keyspace};
    struct wkv_limits limits = {.max_key_bytes = provider->max_key_bytes,
                                .max_value_bytes = provider->max_value_bytes,
                                .max_reply_bytes = request->max_reply_bytes,
                                .reply_header_bytes = request->reply_header_bytes,
                                .sent_bytes = request->sent_bytes,
                                .request = request,
                                .scratch = &session->reply};
    enum wkv_code code =
        reset_memory(session) ? authorize(session, &command, &asked, error) : no_memory(&command, error);
    if (code != WKV_OK) {
        session->encoding = wkv_request_encoding(request);
        return code;
    }
    code = read_command(session, request, &limits, &command, error);
    return code != WKV_OK ? code : perform(session, &command, &limits, &asked, request->now_ns, reply, error);
}

void wkv_prefetch(struct wkv_session *session, const struct wkv_request *requests, size_t count)
{
    struct wkv_key keys[WKV_STORE_PREFETCH];
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct wkv_text name;
        if (wkv_peek_text(requests[i].payload, requests[i].payload_bytes, &name.data, &name.len) &&
            name.len > 0)
            keys[found++] =
                (struct wkv_key){wkv_bindings_find(&session->bindings, requests[i].actor).keyspace, name};
    }
    wkv_store_prefetch(session->provider->store, keys, found);
}
