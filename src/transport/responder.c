#include "transport/responder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/header.h"
#include "wascc_keyvalue/clock.h"

#define SYSTEM "system"

/* The actor is the token between the base of the subjects and the operation. */
static struct wkv_text actor_of(const struct wkv_responder *responder, const char *subject)
{
    const char *actor = subject + responder->actor_offset;
    return (struct wkv_text){actor, strcspn(actor, ".")};
}

static bool is_system(struct wkv_text actor)
{
    return actor.len == strlen(SYSTEM) && memcmp(actor.data, SYSTEM, actor.len) == 0;
}

/* Counters have one writer, so a plain store is enough; they are atomic for their readers. */
static void increment(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static enum wkv_code answer(struct wkv_responder *responder, const struct wkv_request *request,
                            struct wkv_text *reply, struct wkv_error *error)
{
    if (atomic_load_explicit(&responder->refuse, memory_order_relaxed))
        return wkv_fail(error, WKV_UNAVAILABLE, "%s: this instance is shutting down; send the request again",
                        request->operation->name);
    return wkv_dispatch(&responder->session, request, reply, error);
}

/* Whether the reply would be a request to this binding. A server whose permissions let a host speak only as its own actors must
 * not be got round by having the provider, which may publish more, send our reply to another actor's subject. */
static bool replies_to_us(const struct wkv_responder *responder, natsMsg *message)
{
    const char *reply = natsMsg_GetReply(message);
    return reply != NULL && strncmp(reply, natsMsg_GetSubject(message), responder->actor_offset) == 0;
}

static void handle_request(struct wkv_loop *loop, void *context, natsMsg *message)
{
    const struct wkv_endpoint *endpoint = context;
    struct wkv_responder *responder = endpoint->responder;
    if (replies_to_us(responder, message))
        return;
    struct wkv_request request = {
        .operation = endpoint->operation,
        .actor = actor_of(responder, natsMsg_GetSubject(message)),
        .payload = natsMsg_GetData(message),
        .payload_bytes = (size_t)natsMsg_GetDataLength(message),
        .max_reply_bytes = wkv_loop_max_payload(loop),
        .now_ns = wkv_monotonic_ns(),
    };
    if (endpoint->operation->system && !endpoint->for_system && is_system(request.actor))
        return;
    /* Only where the mode asks for them: even a look costs something. */
    if (endpoint->reads_claims)
        request.claims = wkv_header_of(message, "Wascc-Claims");
    if (endpoint->reads_invocation)
        request.invocation = wkv_header_of(message, "Wascc-Invocation");
    if (responder->provider->auth != WKV_AUTH_NONE)
        request.wall_s = wkv_wall_coarse_s();
    struct wkv_text reply;
    struct wkv_error error;
    bool sent;
    if (answer(responder, &request, &reply, &error) == WKV_OK) {
        sent = wkv_loop_reply(loop, message, reply.data, reply.len);
    } else {
        increment(&responder->failed);
        sent = wkv_loop_reply_error(loop, message, &error);
    }
    increment(sent ? &responder->answered : &responder->unsent);
}

static void prepare_requests(void *context, natsMsg *const *messages, size_t count)
{
    const struct wkv_endpoint *endpoint = context;
    struct wkv_request requests[WKV_LOOP_BATCH];
    for (size_t i = 0; i < count; i++)
        requests[i] =
            (struct wkv_request){.actor = actor_of(endpoint->responder, natsMsg_GetSubject(messages[i])),
                                 .payload = natsMsg_GetData(messages[i]),
                                 .payload_bytes = (size_t)natsMsg_GetDataLength(messages[i])};
    wkv_prefetch(&endpoint->responder->session, requests, count);
}

static_assert(WKV_LOOP_BATCH <= WKV_STORE_PREFETCH, "a batch can be prefetched");

enum wkv_code wkv_responder_init(struct wkv_responder *responder, const struct wkv_address *address,
                                 const struct wkv_provider *provider, struct wkv_error *error)
{
    char base[WKV_SUBJECT_BYTES];
    memset(responder, 0, sizeof *responder);
    responder->provider = provider;
    responder->address = address;
    wkv_subject_base(address, base);
    responder->actor_offset = strlen(base) + 1;
    responder->endpoints = calloc(wkv_operation_count * 2, sizeof *responder->endpoints);
    if (responder->endpoints == NULL || wkv_session_init(&responder->session, provider) != 0) {
        free(responder->endpoints);
        responder->endpoints = NULL;
        return wkv_fail(error, WKV_UNAVAILABLE, "no memory for a worker");
    }
    for (size_t i = 0; i < wkv_operation_count * 2; i++) {
        const struct wkv_operation *operation = &wkv_operations[i % wkv_operation_count];
        responder->endpoints[i] =
            (struct wkv_endpoint){.responder = responder,
                                  .operation = operation,
                                  .for_system = i >= wkv_operation_count,
                                  .reads_claims = wkv_provider_reads_claims(provider, operation),
                                  .reads_invocation = wkv_provider_reads_invocation(provider, operation)};
    }
    return WKV_OK;
}

void wkv_responder_destroy(struct wkv_responder *responder)
{
    if (responder->endpoints == NULL)
        return;
    wkv_session_destroy(&responder->session);
    free(responder->endpoints);
    responder->endpoints = NULL;
}

enum wkv_code wkv_responder_listen(struct wkv_responder *responder, struct wkv_loop *loop,
                                   struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES];
    char queue[WKV_SUBJECT_BYTES];
    (void)snprintf(queue, sizeof queue, "wascc.keyvalue.%s", responder->address->binding);
    for (size_t i = 0; i < wkv_operation_count; i++) {
        struct wkv_endpoint *endpoint = &responder->endpoints[i];
        if (wkv_subject_operation(responder->address, "*", endpoint->operation->name, subject, error) !=
            WKV_OK)
            return error->code;
        wkv_loop_listen(loop, subject, queue, handle_request,
                        endpoint->operation->system ? NULL : prepare_requests, endpoint);
    }
    return WKV_OK;
}

enum wkv_code wkv_responder_listen_system(struct wkv_responder *responder, struct wkv_loop *loop,
                                          struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES];
    for (size_t i = 0; i < wkv_operation_count; i++) {
        struct wkv_endpoint *endpoint = &responder->endpoints[wkv_operation_count + i];
        if (!endpoint->operation->system)
            continue;
        if (wkv_subject_operation(responder->address, SYSTEM, endpoint->operation->name, subject, error) !=
            WKV_OK)
            return error->code;
        wkv_loop_listen(loop, subject, NULL, handle_request, NULL, endpoint);
    }
    return WKV_OK;
}
