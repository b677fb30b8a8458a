#include "front/responder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/request_log.h"
#include "nats/header.h"
#include "nats/loop_events.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "support/clock.h"

#define SYSTEM "system"
/* Of a traceparent that goes back, which a later version of W3C's may make as long as it likes; its header,
 * with its name and `NATS/1.0`, has WKV_LOOP_HEADER_BYTES at the most. */
#define MAX_TRACEPARENT_BYTES (WKV_LOOP_HEADER_BYTES - sizeof "NATS/1.0\r\ntraceparent: \r\n\r\n")
/* The bytes of an invocation's message, which are all that comes here. */
#define ENVELOPE_BYTES ((size_t)16 * 1024)
#define ENVELOPE_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* The actor is the token between the base of the subjects and the operation: the loop has seen to it that a
 * message has the subject that was subscribed to. */
static struct wkv_text actor_of(const struct wkv_responder *responder, const char *subject)
{
    const char *actor = subject + responder->actor_offset;
    return (struct wkv_text){actor, strcspn(actor, ".")};
}

static bool is_system(struct wkv_text actor)
{
    return actor.len == strlen(SYSTEM) && memcmp(actor.data, SYSTEM, actor.len) == 0;
}

enum wkv_code wkv_responder_answer(struct wkv_responder *responder, struct wkv_loop *loop,
                                   struct wkv_request *request, struct wkv_text *reply,
                                   struct wkv_error *error)
{
    const char *name = request->operation->name;
    enum wkv_loop_overload overload = wkv_loop_overload(loop);
    if (atomic_load_explicit(&responder->refuse, memory_order_relaxed) || overload == WKV_LOOP_REFUSE) {
        responder->session.encoding = wkv_request_encoding(request);
        return overload == WKV_LOOP_REFUSE
                   ? wkv_loop_refuse(loop, name, error)
                   : wkv_fail(error, WKV_UNAVAILABLE,
                              "%s: this instance is shutting down; send the request again", name);
    }
    if (overload == WKV_LOOP_AT_EASE || request->max_reply_bytes <= WKV_LOOP_SMALL_BYTES)
        return wkv_dispatch(&responder->session, request, reply, error);
    request->max_reply_bytes = WKV_LOOP_SMALL_BYTES;
    enum wkv_code code = wkv_dispatch(&responder->session, request, reply, error);
    return code == WKV_TOO_LARGE ? wkv_loop_refuse(loop, name, error) : code;
}

void wkv_responder_read_headers(natsMsg *message, bool claims, bool invocation,
                                struct wkv_request_headers *headers)
{
    struct wkv_header wanted[] = {
        {.name = "traceparent"}, {.name = "Wascc-Claims"}, {.name = "Wascc-Invocation"}};
    wkv_headers_of(message, wanted, invocation ? 3 : claims ? 2 : 1);
    headers->traceparent = wanted[0];
    bool holds =
        wkv_trace_read(headers->traceparent.value.data, headers->traceparent.value.len, &headers->trace);
    if (!holds || headers->traceparent.value.len > MAX_TRACEPARENT_BYTES)
        headers->traceparent.value.data = NULL;
    headers->claims = claims ? wanted[1].value : (struct wkv_text){NULL, 0};
    headers->invocation = invocation ? wanted[2].value : (struct wkv_text){NULL, 0};
}

/* The header that goes back counts in the server's max_payload. */
size_t wkv_responder_room(const struct wkv_loop *loop, const struct wkv_request_headers *headers)
{
    size_t room = wkv_loop_max_payload(loop);
    if (!headers->trace.present)
        return room;
    return room < WKV_LOOP_HEADER_BYTES ? 0 : room - WKV_LOOP_HEADER_BYTES;
}

bool wkv_responder_send(struct wkv_loop *loop, natsMsg *message, const void *bytes, size_t len,
                        const struct wkv_request_headers *headers)
{
    return headers->traceparent.value.data == NULL
               ? wkv_loop_reply(loop, message, bytes, len)
               : wkv_loop_reply_traced(loop, message, bytes, len, &headers->traceparent);
}

/* Sends what dispatch came to. A reply that nats.c does not take for its size is answered with an error, into
 * which *code turns then. Returns false where nothing could be sent. */
static bool send_answer(struct wkv_responder *responder, struct wkv_loop *loop, natsMsg *message,
                        enum wkv_code *code, struct wkv_text reply, struct wkv_error *error,
                        const struct wkv_request_headers *headers)
{
    if (*code == WKV_OK) {
        if (wkv_responder_send(loop, message, reply.data, reply.len, headers))
            return true;
        wkv_loop_note_max_payload(loop);
        if (reply.len <= wkv_responder_room(loop, headers))
            return false;
        *code =
            wkv_fail(error, WKV_TOO_LARGE, "the reply has %zu bytes and the server's max_payload is now %zu",
                     reply.len, wkv_loop_max_payload(loop));
    }
    return wkv_loop_reply_error(loop, message, error, responder->session.encoding, &headers->traceparent);
}

/* Counts what has been answered, before the answer can reach anybody: it leaves with the end of the loop's
 * turn. */
static void finish(const struct wkv_endpoint *endpoint, struct wkv_loop *loop,
                   const struct wkv_request *request, enum wkv_code code, const struct wkv_error *error,
                   const struct wkv_trace *trace)
{
    struct wkv_responder *responder = endpoint->responder;
    struct wkv_stats_request done = {.operation = endpoint->index,
                                     .actor = request->actor,
                                     .code = wkv_code_on_wire(code),
                                     .error = error->text,
                                     .start_ns = request->now_ns,
                                     .end_ns = wkv_loop_done_ns(loop),
                                     .request_bytes = request->payload_bytes,
                                     .reply_bytes = loop->replied_bytes,
                                     .trace = trace};
    wkv_stats_count(responder->stats, &done);
    if (wkv_log_wants(responder->log, WKV_LOG_DEBUG))
        wkv_log_request(responder->log, "", request->operation->name, &done);
}

static void handle_request(struct wkv_loop *loop, void *context, natsMsg *message)
{
    const struct wkv_endpoint *endpoint = context;
    struct wkv_responder *responder = endpoint->responder;
    struct wkv_request request = {
        .operation = endpoint->operation,
        .actor = actor_of(responder, natsMsg_GetSubject(message)),
        .payload = natsMsg_GetData(message),
        .payload_bytes = (size_t)natsMsg_GetDataLength(message),
        .now_ns = wkv_loop_begun_ns(loop),
    };
    if (endpoint->operation->system && !endpoint->for_system && is_system(request.actor))
        return;
    struct wkv_request_headers headers;
    wkv_responder_read_headers(message, endpoint->reads_claims, endpoint->reads_invocation, &headers);
    request.claims = headers.claims;
    request.invocation = headers.invocation;
    request.max_reply_bytes = wkv_responder_room(loop, &headers);
    if (responder->provider->auth != WKV_AUTH_NONE)
        request.wall_s = wkv_wall_coarse_s();
    struct wkv_text reply = {NULL, 0};
    struct wkv_error error;
    enum wkv_code code = wkv_responder_answer(responder, loop, &request, &reply, &error);
    /* Another instance answers, and counts it. */
    if (code == WKV_OK && reply.data == NULL)
        return;
    if (!send_answer(responder, loop, message, &code, reply, &error, &headers))
        wkv_stats_count_unsent(responder->stats);
    finish(endpoint, loop, &request, code, &error, &headers.trace);
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

enum wkv_code wkv_responder_init(struct wkv_responder *responder, unsigned number,
                                 const struct wkv_address *address, const struct wkv_provider *provider,
                                 struct wkv_log *log, struct wkv_error *error)
{
    char base[WKV_SUBJECT_BYTES];
    memset(responder, 0, sizeof *responder);
    responder->provider = provider;
    responder->address = address;
    responder->log = log;
    responder->stats = wkv_stats_worker(provider->stats, number);
    wkv_subject_base(address, base);
    responder->actor_offset = strlen(base) + 1;
    responder->endpoints = calloc(wkv_operation_count * 2, sizeof *responder->endpoints);
    wkv_buffer_init(&responder->response);
    if (responder->endpoints == NULL ||
        wkv_arena_init(&responder->envelope, ENVELOPE_BYTES, ENVELOPE_MAX_BYTES) != 0 ||
        wkv_session_init(&responder->session, provider) != 0) {
        wkv_arena_destroy(&responder->envelope);
        free(responder->endpoints);
        responder->endpoints = NULL;
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a worker");
    }
    wkv_stats_watch_claims(responder->stats, responder->session.policy.cache);
    for (size_t i = 0; i < wkv_operation_count * 2; i++) {
        const struct wkv_operation *operation = &wkv_operations[i % wkv_operation_count];
        responder->endpoints[i] =
            (struct wkv_endpoint){.responder = responder,
                                  .operation = operation,
                                  .index = i % wkv_operation_count,
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
    wkv_stats_watch_claims(responder->stats, NULL);
    wkv_session_destroy(&responder->session);
    wkv_arena_destroy(&responder->envelope);
    wkv_buffer_destroy(&responder->response);
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
