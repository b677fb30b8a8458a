#include <string.h>

#include "operation/call.h"

/* Replies up to this size reuse the buffer; after a larger one the memory goes back. */
#define REPLY_KEEP_BYTES ((size_t)256 * 1024)
#define REPLY_FIRST_BYTES ((size_t)4 * 1024)

/* What one request may borrow beside its own bytes while it is decoded: room for the most keys that one may
 * name, and several times that. A request of a megabyte of tiny fields would want forty for nothing. */
#define DECODE_BYTES ((size_t)4 * 1024 * 1024)

bool wkv_provider_reads_claims(const struct wkv_provider *provider, const struct wkv_operation *operation)
{
    if (operation->system)
        return provider->auth == WKV_AUTH_BINDING;
    return provider->auth == WKV_AUTH_CLAIMS || provider->auth == WKV_AUTH_INVOCATION;
}

bool wkv_provider_reads_invocation(const struct wkv_provider *provider, const struct wkv_operation *operation)
{
    return operation->system ? provider->auth != WKV_AUTH_NONE : provider->auth == WKV_AUTH_INVOCATION;
}

/* Makes the session's memory as new. A small reply always finds room: what has been done must be told. */
static bool reset_memory(struct wkv_session *session)
{
    wkv_arena_reset(&session->arena);
    wkv_buffer_reset(&session->reply, REPLY_KEEP_BYTES);
    return wkv_buffer_reserve(&session->reply, REPLY_FIRST_BYTES);
}

/* Who? May they? Contract section 6. */
static enum wkv_code authorize(struct wkv_call *call, const struct wkv_policy_request *asked)
{
    struct wkv_error cause;
    if (wkv_policy_check(&call->session->policy, asked, &cause) != WKV_OK)
        return wkv_call_fail(call, cause.code, "%s", cause.text);
    return WKV_OK;
}

/* More than `bytes` by n times `each`, or as much as there can be. */
static size_t plus(size_t bytes, size_t n, size_t each)
{
    size_t more;
    if (__builtin_mul_overflow(n, each, &more) || __builtin_add_overflow(bytes, more, &bytes))
        return SIZE_MAX;
    return bytes;
}

/* An operator's request is JSON. */
static enum wkv_form form_of(const struct wkv_request *request)
{
    return request->operation->json ? WKV_FORM_JSON : request->form;
}

enum wkv_encoding wkv_request_encoding(const struct wkv_request *request)
{
    return wkv_guess_encoding(request->operation->request, form_of(request), request->payload,
                              request->payload_bytes);
}

/* What do they want? Do it. */
static enum wkv_code perform(struct wkv_call *call, const struct wkv_request *request)
{
    struct wkv_session *session = call->session;
    ProtobufCMessage *message;
    struct wkv_error cause;
    /* Texts are copied once, and the last block of an arena may be as large as all before it. */
    session->arena.max_bytes = plus(DECODE_BYTES, request->payload_bytes, 2);
    enum wkv_code code =
        wkv_decode_request(call->operation->request, form_of(request), request->payload,
                           request->payload_bytes, call->arena, &message, &session->encoding, &cause);
    if (code != WKV_OK)
        return wkv_call_fail(call, code, "%s", cause.text);
    session->arena.max_bytes = plus(session->arena.max_bytes, request->max_reply_bytes, 2);
    call->request = message;
    wkv_sink_begin(&call->sink, call->operation->reply, session->encoding, &session->reply,
                   request->max_reply_bytes);
    call->sink.error = call->error;
    call->sink.who = call->operation->name;
    return call->operation->handle(call);
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
        .system_operation = request->operation->system,
        .claims = request->claims,
        .invocation = request->invocation,
        .id = request->id,
        .host = request->host,
        .payload = {request->payload, request->payload_bytes},
        .bound = &bound->claims,
        .now_s = request->wall_s,
    };
}

enum wkv_code wkv_dispatch(struct wkv_session *session, const struct wkv_request *request,
                           struct wkv_text *reply, struct wkv_error *error)
{
    const struct wkv_operation *operation = request->operation;
    const struct wkv_provider *provider = session->provider;
    wkv_error_clear(error);
    /* Every request asks what is known of its actor: its keyspace, and in some modes whether it may. */
    struct wkv_binding bound = {.keyspace = 0};
    if (!operation->system)
        bound = wkv_bindings_find(&session->bindings, request->actor);
    struct wkv_policy_request asked = ask_policy(provider, request, &bound);
    struct wkv_call call = {.provider = provider,
                            .front = request,
                            .operation = operation,
                            .session = session,
                            .asked = &asked,
                            .keyspace = bound.keyspace,
                            .now_ns = request->now_ns,
                            .arena = &session->arena,
                            .error = error};
    asked.signer = call.host;
    enum wkv_code code = WKV_OK;
    if (!reset_memory(session))
        code = wkv_call_fail(&call, WKV_NO_MEMORY, "no memory for the request; try again later");
    else
        code = authorize(&call, &asked);
    if (code != WKV_OK) {
        session->encoding = wkv_request_encoding(request);
        return code;
    }
    if (perform(&call, request) != WKV_OK)
        return error->code;
    *reply = (struct wkv_text){call.silent ? NULL : session->reply.data, session->reply.len};
    return WKV_OK;
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
