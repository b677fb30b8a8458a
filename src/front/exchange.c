/* The one way of a message, whatever front it came by. */
#include <stdlib.h>
#include <string.h>

#include "front/front.h"
#include "front/request_log.h"
#include "support/clock.h"
#include "support/text.h"

/* Of a traceparent that goes back, which a later version of W3C's may make as long as it likes; its header,
 * with its name and `NATS/1.0`, has WKV_LOOP_HEADER_BYTES at the most. */
#define MAX_TRACEPARENT_BYTES (WKV_LOOP_HEADER_BYTES - sizeof "NATS/1.0\r\ntraceparent: \r\n\r\n")

/* ---- what fronts share ---- */

struct wkv_endpoint *wkv_front_endpoint(struct wkv_worker *worker, const struct wkv_endpoint *endpoint,
                                        struct wkv_error *error)
{
    struct wkv_endpoint *one = malloc(sizeof *one);
    if (one == NULL) {
        (void)wkv_fail(error, WKV_NO_MEMORY, "no memory for a worker");
        return NULL;
    }
    *one = *endpoint;
    one->worker = worker;
    if (one->operation != NULL) {
        one->reads_claims = wkv_provider_reads_claims(worker->provider, one->operation);
        one->reads_invocation = wkv_provider_reads_invocation(worker->provider, one->operation);
    }
    one->next = worker->endpoints;
    worker->endpoints = one;
    return one;
}

struct wkv_endpoint *wkv_front_listen(struct wkv_worker *worker, const struct wkv_endpoint *endpoint,
                                      const char *subject, const char *queue, struct wkv_error *error)
{
    struct wkv_endpoint *one = wkv_front_endpoint(worker, endpoint, error);
    if (one == NULL)
        return NULL;
    const struct wkv_listen listen = {.subject = subject,
                                      .queue = queue,
                                      .handle = wkv_front_handle,
                                      .prepare = one->prepare,
                                      .context = one,
                                      .optional = one->optional};
    return wkv_loop_listen(&worker->loop, &listen, error) == WKV_OK ? one : NULL;
}

/* The loop has seen to it that a message has the subject that was subscribed to. */
struct wkv_text wkv_front_actor(const struct wkv_worker *worker, natsMsg *message)
{
    const char *actor = natsMsg_GetSubject(message) + worker->actor_offset;
    return (struct wkv_text){actor, strcspn(actor, ".")};
}

bool wkv_front_is_system(struct wkv_text actor)
{
    return wkv_text_is(actor, WKV_POLICY_SYSTEM);
}

void wkv_front_read_headers(struct wkv_exchange *exchange)
{
    const struct wkv_endpoint *endpoint = exchange->endpoint;
    struct wkv_request_headers *headers = &exchange->headers;
    struct wkv_header wanted[] = {
        {.name = "traceparent"}, {.name = "Wascc-Claims"}, {.name = "Wascc-Invocation"}};
    wkv_headers_of(exchange->message, wanted,
                   endpoint->reads_invocation ? 3
                   : endpoint->reads_claims   ? 2
                                              : 1);
    headers->traceparent = wanted[0];
    bool holds =
        wkv_trace_read(headers->traceparent.value.data, headers->traceparent.value.len, &headers->trace);
    if (!holds || headers->traceparent.value.len > MAX_TRACEPARENT_BYTES)
        headers->traceparent.value.data = NULL;
    headers->claims = endpoint->reads_claims ? wanted[1].value : (struct wkv_text){NULL, 0};
    headers->invocation = endpoint->reads_invocation ? wanted[2].value : (struct wkv_text){NULL, 0};
}

static size_t header_bytes(const struct wkv_exchange *exchange)
{
    return exchange->headers.trace.present ? WKV_LOOP_HEADER_BYTES : 0;
}

/* The header that goes back counts in the server's max_payload. */
size_t wkv_front_room(const struct wkv_exchange *exchange)
{
    size_t room = wkv_loop_max_payload(&exchange->worker->loop), headers = header_bytes(exchange);
    return room < headers ? 0 : room - headers;
}

bool wkv_front_reply(struct wkv_exchange *exchange, const void *bytes, size_t len)
{
    struct wkv_loop *loop = &exchange->worker->loop;
    return exchange->headers.traceparent.value.data == NULL
               ? wkv_loop_reply(loop, exchange->message, bytes, len)
               : wkv_loop_reply_traced(loop, exchange->message, bytes, len, &exchange->headers.traceparent);
}

/* ---- plain messages ---- */

enum wkv_reading wkv_front_read_plain(struct wkv_exchange *exchange, struct wkv_error *error)
{
    struct wkv_request *request = &exchange->request;
    (void)error;
    wkv_front_read_headers(exchange);
    request->actor = wkv_front_actor(exchange->worker, exchange->message);
    request->claims = exchange->headers.claims;
    request->invocation = exchange->headers.invocation;
    request->payload = natsMsg_GetData(exchange->message);
    request->payload_bytes = (size_t)natsMsg_GetDataLength(exchange->message);
    request->max_reply_bytes = wkv_front_room(exchange);
    return WKV_READ_REQUEST;
}

static size_t write_body(const void *encoding, const struct wkv_error *error, char *out)
{
    return wkv_error_body(*(const enum wkv_encoding *)encoding, error, out);
}

/* A reply that nats.c does not take for its size is answered with an error. */
bool wkv_front_send_plain(struct wkv_exchange *exchange, struct wkv_text reply, struct wkv_error *error)
{
    struct wkv_worker *worker = exchange->worker;
    exchange->reply_bytes = reply.len;
    if (error->code == WKV_OK) {
        if (wkv_front_reply(exchange, reply.data, reply.len))
            return true;
        wkv_loop_note_max_payload(&worker->loop);
        if (reply.len <= wkv_front_room(exchange))
            return false;
        (void)wkv_fail(error, WKV_TOO_LARGE,
                       "the reply has %zu bytes and the server's max_payload is now %zu", reply.len,
                       wkv_loop_max_payload(&worker->loop));
    }
    bool sent = wkv_loop_reply_error(&worker->loop, exchange->message, error, write_body,
                                     &worker->session.encoding, &exchange->headers.traceparent);
    exchange->reply_bytes = worker->loop.sending.replied_bytes;
    return sent;
}

/* ---- the way ---- */

/* Does what the request asks for, unless the process is about to end or there is too much to do: then 503. */
static void answer(struct wkv_exchange *exchange, struct wkv_text *reply, struct wkv_error *error)
{
    struct wkv_worker *worker = exchange->worker;
    struct wkv_request *request = &exchange->request;
    const char *name = request->operation->name;
    enum wkv_loop_overload overload = wkv_loop_overload(&worker->loop);
    bool ends = atomic_load_explicit(&worker->refuse, memory_order_relaxed);
    if (ends || overload == WKV_LOOP_REFUSE) {
        worker->session.encoding = wkv_request_encoding(request);
        if (overload == WKV_LOOP_REFUSE)
            (void)wkv_loop_refuse(&worker->loop, name, error);
        else
            (void)wkv_fail(error, WKV_UNAVAILABLE,
                           "%s: this instance is shutting down; send the request again", name);
        return;
    }
    request->reply_header_bytes = header_bytes(exchange);
    bool small_only = overload != WKV_LOOP_AT_EASE && request->max_reply_bytes > WKV_LOOP_SMALL_BYTES;
    if (small_only)
        request->max_reply_bytes = WKV_LOOP_SMALL_BYTES;
    if (wkv_dispatch(&worker->session, request, reply, error) == WKV_TOO_LARGE && small_only)
        (void)wkv_loop_refuse(&worker->loop, name, error);
}

/* Counts what has been answered, before the answer can reach anybody: it leaves with the end of the loop's
 * turn. What names no operation of ours has nowhere to be counted. */
static void finish(const struct wkv_exchange *exchange, const struct wkv_error *error)
{
    struct wkv_worker *worker = exchange->worker;
    const struct wkv_request *request = &exchange->request;
    struct wkv_stats_request done = {.actor = request->actor,
                                     .code = error->code,
                                     .error = error->text,
                                     .start_ns = request->now_ns,
                                     .end_ns = wkv_loop_done_ns(&worker->loop),
                                     .request_bytes = request->payload_bytes,
                                     .reply_bytes = exchange->reply_bytes,
                                     .trace = &exchange->headers.trace};
    if (request->operation != NULL) {
        done.operation = (size_t)(request->operation - wkv_operations);
        wkv_stats_count(worker->stats, &done);
    }
    if (wkv_log_wants(worker->log, WKV_LOG_DEBUG))
        wkv_log_request(
            worker->log, exchange->endpoint->front->via,
            request->operation == NULL ? "no operation of this subject" : request->operation->name, &done);
}

void wkv_front_handle(struct wkv_loop *loop, void *context, natsMsg *message)
{
    const struct wkv_endpoint *endpoint = context;
    const struct wkv_front *front = endpoint->front;
    struct wkv_worker *worker = endpoint->worker;
    struct wkv_exchange exchange = {
        .endpoint = endpoint,
        .worker = worker,
        .message = message,
        .request = {.operation = endpoint->operation, .now_ns = wkv_loop_begun_ns(loop)}};
    struct wkv_text reply = {NULL, 0};
    struct wkv_error error;
    if (worker->provider->auth != WKV_AUTH_NONE)
        exchange.request.wall_s = wkv_wall_coarse_s();
    enum wkv_reading reading = front->read(&exchange, &error);
    if (reading == WKV_READ_REQUEST)
        answer(&exchange, &reply, &error);
    /* Another instance answers, and counts it. */
    if (reading == WKV_READ_SILENT || (error.code == WKV_OK && reply.data == NULL))
        return;
    if (!front->send(&exchange, reply, &error))
        wkv_stats_count_unsent(worker->stats);
    finish(&exchange, &error);
}
