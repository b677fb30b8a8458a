/* How a message is handled, whichever front it came by. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "front/front.h"
#include "front/request_log.h"
#include "front/watching.h"
#include "operation/batch.h"
#include "support/clock.h"
#include "support/text.h"

/* The most of a traceparent that goes back: one of a later W3C version may have any length. Its header, with
 * its name and `NATS/1.0`, has WKV_LOOP_HEADER_BYTES at most. */
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
        one->reads_claims = wkv_call_reads_claims(worker->provider->auth, one->operation);
        one->reads_invocation = wkv_call_reads_invocation(worker->provider->auth, one->operation);
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
                                      .optional = one->optional,
                                      .shared = one->shared};
    return wkv_loop_listen(&worker->loop, &listen, error) == WKV_OK ? one : NULL;
}

/* The loop has seen to it that a message has the subject that was subscribed to. */
struct wkv_text wkv_front_actor(const struct wkv_worker *worker, natsMsg *message)
{
    const char *actor = natsMsg_GetSubject(message) + worker->actor_offset;
    return (struct wkv_text){actor, wkv_subject_token_bytes(actor)};
}

bool wkv_front_is_system(struct wkv_text actor)
{
    return wkv_text_is(actor, WKV_POLICY_SYSTEM);
}

void wkv_front_read_headers(struct wkv_exchange *exchange)
{
    const struct wkv_endpoint *endpoint = exchange->endpoint;
    struct wkv_request_headers *headers = &exchange->headers;
    if (wkv_headers_are_none(exchange->message))
        return;
    struct wkv_header wanted[] = {{.name = "traceparent"},
                                  {.name = "Nats-Msg-Id"},
                                  {.name = "Wascc-Claims"},
                                  {.name = "Wascc-Invocation"},
                                  {.name = "Wascc-Reads"}};
    wkv_headers_of(exchange->message, wanted,
                   exchange->worker->provider->has_log ? 5
                   : endpoint->reads_invocation        ? 4
                   : endpoint->reads_claims            ? 3
                                                       : 2);
    exchange->call.request.reads_locally = wkv_text_is(wanted[4].value, "local");
    headers->traceparent = wanted[0];
    headers->once_id = wanted[1].value;
    bool holds =
        wkv_trace_read(headers->traceparent.value.data, headers->traceparent.value.len, &headers->trace);
    if (!holds || headers->traceparent.value.len > MAX_TRACEPARENT_BYTES)
        headers->traceparent.value.data = NULL;
    headers->claims = endpoint->reads_claims ? wanted[2].value : (struct wkv_text){NULL, 0};
    headers->invocation = endpoint->reads_invocation ? wanted[3].value : (struct wkv_text){NULL, 0};
}

/* Whether the request is to be done once only. */
static bool is_once(const struct wkv_exchange *exchange)
{
    const struct wkv_operation *operation = exchange->call.request.operation;
    return exchange->headers.once_id.len > 0 && operation != NULL && wkv_once_is_for(operation);
}

static size_t header_bytes(const struct wkv_exchange *exchange)
{
    return (size_t)(exchange->headers.trace.present + is_once(exchange)) * WKV_LOOP_HEADER_BYTES;
}

/* Headers that go back count towards the server's max_payload, also those that only a repeated answer has. */
size_t wkv_front_room(const struct wkv_exchange *exchange)
{
    size_t room = wkv_loop_max_payload(&exchange->worker->loop), headers = header_bytes(exchange);
    return room < headers ? 0 : room - headers;
}

bool wkv_front_reply(struct wkv_exchange *exchange, const void *bytes, size_t len)
{
    static const struct wkv_header duplicate = {
        .name = "Wascc-Duplicate", .spelled = "Wascc-Duplicate", .value = {"true", 4}};
    struct wkv_loop *loop = &exchange->worker->loop;
    struct wkv_header headers[2];
    size_t count = 0;
    if (exchange->headers.traceparent.value.data != NULL)
        headers[count++] = exchange->headers.traceparent;
    if (exchange->call.ticket.once.duplicate)
        headers[count++] = duplicate;
    return count == 0 ? wkv_loop_reply(loop, exchange->message, bytes, len)
                      : wkv_loop_reply_with(loop, exchange->message, bytes, len, headers, count);
}

/* ---- plain messages ---- */

enum wkv_reading wkv_front_read_plain(struct wkv_exchange *exchange, struct wkv_error *error)
{
    struct wkv_request *request = &exchange->call.request;
    (void)error;
    wkv_front_read_headers(exchange);
    request->actor = wkv_front_actor(exchange->worker, exchange->message);
    request->claims = exchange->headers.claims;
    request->invocation = exchange->headers.invocation;
    if (wkv_operation_is_system(request->operation) && natsMsg_GetReply(exchange->message) != NULL)
        request->reply_to = wkv_text_from(natsMsg_GetReply(exchange->message));
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
                                     &exchange->call.ticket.command.encoding, &exchange->headers.traceparent);
    exchange->reply_bytes = worker->loop.sending.replied_bytes;
    return sent;
}

/* ---- the answer ---- */

/* Whether both have been done, by the same operation: such are counted at once. */
static bool is_alike(const struct wkv_batch_item *item, const struct wkv_batch_item *other)
{
    return item->command.operation == other->command.operation && item->code == WKV_OK &&
           other->code == WKV_OK;
}

/* "Items are counted in the statistics of their own operations": each with its share of the time, while the
 * bytes are the Batch's. */
static void count_items(struct wkv_stats_block *stats, const struct wkv_batch *batch,
                        const struct wkv_stats_request *whole)
{
    int64_t share_ns = (whole->end_ns - whole->start_ns) / (int64_t)(batch->count + 1);
    for (size_t i = 0, next; i < batch->count; i = next) {
        const struct wkv_batch_item *item = &batch->items[i];
        for (next = i + 1; next < batch->count && is_alike(item, &batch->items[next]); next++)
            continue;
        if (item->command.operation == NULL)
            continue;
        wkv_stats_count(stats, &(struct wkv_stats_request){
                                   .operation = (size_t)(item->command.operation - wkv_operations),
                                   .actor = whole->actor,
                                   .code = wkv_code_on_wire(item->code),
                                   .error = item->text,
                                   .start_ns = whole->start_ns,
                                   .end_ns = whole->start_ns + share_ns,
                                   .items = next - i});
    }
}

/* Counts what has been answered before the answer can reach anybody: it leaves at the end of the loop's turn.
 * A request that names none of our operations is counted nowhere. */
static void count(const struct wkv_exchange *exchange, const struct wkv_batch *batch)
{
    struct wkv_worker *worker = exchange->worker;
    const struct wkv_request *request = &exchange->call.request;
    struct wkv_stats_request done = {.actor = request->actor,
                                     .code = wkv_code_on_wire(exchange->error->code),
                                     .error = exchange->error->text,
                                     .start_ns = request->now_ns,
                                     .end_ns = wkv_loop_done_ns(&worker->loop),
                                     .request_bytes = request->payload_bytes,
                                     .reply_bytes = exchange->reply_bytes,
                                     .trace = &exchange->headers.trace};
    if (request->operation != NULL) {
        done.operation = (size_t)(request->operation - wkv_operations);
        wkv_stats_count(worker->stats, &done);
        if (batch != NULL)
            count_items(worker->stats, batch, &done);
    }
    if (wkv_log_wants(worker->log, WKV_LOG_DEBUG))
        wkv_log_request(
            worker->log, exchange->endpoint->front->via,
            request->operation == NULL ? "no operation of this subject" : request->operation->name, &done);
}

/* A silent outcome is another instance's to answer and to count. */
static void conclude(struct wkv_exchange *exchange, enum wkv_outcome outcome)
{
    struct wkv_ticket *ticket = &exchange->call.ticket;
    struct wkv_worker *worker = exchange->worker;
    struct wkv_text reply = {NULL, 0};
    if (outcome == WKV_SILENT)
        return;
    if (outcome == WKV_ANSWERED)
        reply = ticket->reply;
    else if (outcome == WKV_REFUSED && ticket->squeezed)
        (void)wkv_loop_refuse(&worker->loop, exchange->call.request.operation->name, exchange->error);
    if (outcome != WKV_STREAMS && !exchange->endpoint->front->send(exchange, reply, exchange->error))
        wkv_stats_count_unsent(worker->stats);
    bool is_new = outcome == WKV_ANSWERED && !ticket->once.duplicate;
    count(exchange, is_new ? ticket->command.batch : NULL);
}

/* ---- what is answered later ---- */

struct kept {
    struct wkv_exchange exchange;
    struct wkv_error error;
    struct wkv_slab *slab;
    size_t bytes; /* beside the message */
};

static void complete(struct wkv_ticket *ticket, enum wkv_outcome outcome)
{
    struct kept *kept = (struct kept *)((char *)ticket - offsetof(struct kept, exchange.call.ticket));
    struct wkv_worker *worker = kept->exchange.worker;
    conclude(&kept->exchange, outcome);
    wkv_slabs_release(&worker->session.memory, kept->slab);
    wkv_loop_give_back(&worker->loop, kept->exchange.message, kept->bytes);
    free(kept);
}

/* Other replies may have taken room since. A write had room for its reply when it was accepted. */
static bool resume(struct wkv_ticket *ticket)
{
    struct kept *kept = (struct kept *)((char *)ticket - offsetof(struct kept, exchange.call.ticket));
    enum wkv_loop_overload overload = wkv_loop_overload_of_replies(&kept->exchange.worker->loop);
    if (overload == WKV_LOOP_SMALL_ONLY && ticket->room > WKV_LOOP_SMALL_BYTES &&
        ticket->command.operation->effect == WKV_READS)
        ticket->room = WKV_LOOP_SMALL_BYTES;
    return overload != WKV_LOOP_REFUSE;
}

/* Who may what has changed since it was admitted: the message is handled as if it came now. */
static void again(struct wkv_ticket *ticket)
{
    struct kept *kept = (struct kept *)((char *)ticket - offsetof(struct kept, exchange.call.ticket));
    struct wkv_worker *worker = kept->exchange.worker;
    struct wkv_endpoint *endpoint = (struct wkv_endpoint *)(uintptr_t)kept->exchange.endpoint;
    natsMsg *message = kept->exchange.message;
    size_t bytes = kept->bytes;
    wkv_slabs_release(&worker->session.memory, kept->slab);
    free(kept);
    worker->looks_again = true;
    wkv_loop_handle_again(&worker->loop, message, bytes, wkv_front_handle, endpoint);
    worker->looks_again = false;
}

static struct wkv_ticket *keep(struct wkv_ticket *ticket)
{
    const struct wkv_exchange *exchange =
        (const struct wkv_exchange *)((char *)ticket - offsetof(struct wkv_exchange, call.ticket));
    struct wkv_worker *worker = exchange->worker;
    struct kept *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return NULL;
    kept->slab = wkv_slabs_hold(&worker->session.memory, &kept->bytes);
    if (kept->slab == NULL) {
        free(kept);
        return NULL;
    }
    kept->bytes += sizeof *kept;
    kept->exchange = *exchange;
    wkv_call_move(&kept->exchange.call, &exchange->call);
    kept->error = *exchange->error;
    kept->exchange.error = kept->exchange.call.ticket.error = &kept->error;
    wkv_loop_keep(&worker->loop, exchange->message, kept->bytes);
    return &kept->exchange.call.ticket;
}

/* ---- the way ---- */

/* Whether there is time and room for one more: else it is refused. */
static bool is_welcome(struct wkv_exchange *exchange)
{
    struct wkv_worker *worker = exchange->worker;
    struct wkv_request *request = &exchange->call.request;
    const char *name = request->operation->name;
    enum wkv_loop_overload overload = wkv_loop_overload(&worker->loop);
    bool ends = atomic_load_explicit(&worker->refuse, memory_order_relaxed);
    request->reply_header_bytes = header_bytes(exchange);
    if (!ends && overload != WKV_LOOP_REFUSE) {
        request->room_now = overload == WKV_LOOP_SMALL_ONLY ? WKV_LOOP_SMALL_BYTES : 0;
        return true;
    }
    exchange->call.ticket.command.encoding = wkv_call_encoding(request);
    if (overload == WKV_LOOP_REFUSE)
        (void)wkv_loop_refuse(&worker->loop, name, exchange->error);
    else
        (void)wkv_fail(exchange->error, WKV_UNAVAILABLE,
                       "%s: this instance is shutting down; send the request again", name);
    return false;
}

/* Whether the refusal may be for a binding that another instance has answered and this one does not know yet:
 * "one host's BindActor holds at every instance" (contract section 10). Only where a binding decides: what
 * else is refused costs no look at the log. */
static bool may_be_bound_elsewhere(const struct wkv_exchange *exchange)
{
    const struct wkv_worker *worker = exchange->worker;
    const struct wkv_policy_request *asked = &exchange->call.asked;
    enum wkv_code code = exchange->error->code;
    if (worker->engine->look_again == NULL || worker->looks_again || asked->system_operation)
        return false;
    if (asked->evidence == WKV_EVIDENCE_HEADERS && worker->provider->auth == WKV_AUTH_BINDING)
        return code == WKV_UNAUTHORIZED;
    bool is_needed = asked->evidence == WKV_EVIDENCE_ENVELOPE || worker->provider->require_binding;
    return is_needed && code == WKV_FORBIDDEN && (asked->bound == NULL || !asked->bound->bound);
}

static enum wkv_outcome take(struct wkv_exchange *exchange)
{
    struct wkv_worker *worker = exchange->worker;
    struct wkv_ticket *ticket = &exchange->call.ticket;
    if (is_once(exchange))
        exchange->call.request.once_id = exchange->headers.once_id;
    if (!is_welcome(exchange))
        return WKV_REFUSED;
    enum wkv_code code = wkv_call_admit(&worker->session, &exchange->call, exchange->error);
    ticket->complete = complete;
    ticket->keep = keep;
    ticket->resume = resume;
    ticket->again = again;
    if (code != WKV_OK)
        return may_be_bound_elsewhere(exchange) ? worker->engine->look_again(worker->engine_part, ticket)
                                                : WKV_REFUSED;
    return ticket->command.operation->streams ? wkv_front_watch(exchange)
                                              : worker->engine->submit(worker->engine_part, ticket);
}

void wkv_front_handle(struct wkv_loop *loop, void *context, natsMsg *message)
{
    const struct wkv_endpoint *endpoint = context;
    struct wkv_worker *worker = endpoint->worker;
    struct wkv_error error;
    struct wkv_exchange exchange;
    exchange.endpoint = endpoint;
    exchange.worker = worker;
    exchange.message = message;
    exchange.headers = (struct wkv_request_headers){.claims = {NULL, 0}};
    exchange.call.request =
        (struct wkv_request){.operation = endpoint->operation, .now_ns = wkv_loop_begun_ns(loop)};
    exchange.call.ticket.squeezed = false;
    exchange.call.ticket.once.duplicate = false;
    exchange.reply_bytes = 0;
    exchange.error = &error;
    if (worker->provider->auth != WKV_AUTH_NONE)
        exchange.call.request.wall_s = wkv_wall_coarse_s();
    enum wkv_reading reading = endpoint->front->read(&exchange, &error);
    if (reading == WKV_READ_SILENT)
        return;
    enum wkv_outcome outcome = reading == WKV_READ_REQUEST ? take(&exchange) : WKV_REFUSED;
    if (outcome != WKV_LATER)
        conclude(&exchange, outcome);
}
