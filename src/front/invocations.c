#include "front/invocations.h"

#include <stdio.h>
#include <string.h>

#include "security/token.h"
#include "support/text.h"

/* Responses up to this size reuse the buffer. */
#define RESPONSE_KEEP_BYTES ((size_t)256 * 1024)

/* The operation of that name, if it may be called on this subject: the binding's own takes three of the
 * system's, an actor's those of actors. */
static const struct wkv_operation *find_operation(bool own_subject, struct wkv_text name)
{
    static const char *const own[] = {"BindActor", "RemoveActor", "GetCapabilityDescriptor"};
    if (own_subject) {
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            if (wkv_text_is(name, own[i]))
                return wkv_operation_find(own[i]);
        return NULL;
    }
    for (size_t i = 0; i < wkv_operation_count; i++)
        if (!wkv_operation_is_system(&wkv_operations[i]) && wkv_text_is(name, wkv_operations[i].name))
            return &wkv_operations[i];
    return NULL;
}

/* ---- reading ---- */

static enum wkv_code check_operation(const struct wkv_exchange *exchange, struct wkv_error *error)
{
    if (exchange->call.request.operation != NULL)
        return exchange->call.request.operation->streams
                   ? wkv_fail(error, WKV_BAD_REQUEST,
                              "%s has many replies and an invocation has one: send it to the operation's "
                              "subject",
                              exchange->call.request.operation->name)
                   : WKV_OK;
    return wkv_fail(error, WKV_BAD_REQUEST, "%s",
                    exchange->endpoint->for_system ? WKV_POLICY_UNBOUND
                                                   : "there is no such operation of " WKV_CAPABILITY);
}

/* "both URLs": what the message says of origin and target must be what the subject says; the claims are held
 * against that. A host may have the binding's name as it was told. */
static enum wkv_code check_entities(const struct wkv_exchange *exchange,
                                    const struct wkv_invocation *invocation, struct wkv_error *error)
{
    const struct wkv_entity *origin = &invocation->origin;
    const struct wkv_entity *target = &invocation->target;
    struct wkv_text actor = exchange->call.request.actor;
    if (exchange->worker->provider->auth == WKV_AUTH_NONE)
        return WKV_OK;
    if (origin->is_capability || origin->actor.len != actor.len ||
        memcmp(origin->actor.data, actor.data, actor.len) != 0)
        return wkv_fail(error, WKV_FORBIDDEN, "the invocation's origin is not the actor of its subject (%s)",
                        exchange->endpoint->for_system ? "system, on the binding's own" : "the last token");
    if (!target->is_capability || !wkv_text_is(target->capid, WKV_CAPABILITY) ||
        !wkv_text_is(target->binding, exchange->worker->address->binding))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the invocation's target is not " WKV_CAPABILITY " with this binding");
    return WKV_OK;
}

/* The id goes back in the response, so it must have room once the operation is done. An id that claims can
 * name is never longer than this; the error for a longer one goes without it. */
static enum wkv_code check_id(struct wkv_request *request, struct wkv_error *error)
{
    size_t len = request->id.len;
    if (len <= WKV_TOKEN_MAX_ID_BYTES)
        return WKV_OK;
    request->id.len = 0;
    return wkv_fail(error, WKV_BAD_REQUEST, "the invocation's id has %zu bytes; an id has at most %d", len,
                    WKV_TOKEN_MAX_ID_BYTES);
}

/* The policy must see that an empty text was sent. */
static struct wkv_text sent(struct wkv_text text)
{
    return (struct wkv_text){text.data == NULL ? "" : text.data, text.len};
}

/* In the response the reply is an array of numbers, up to twice as large. */
static size_t response_bytes(const struct wkv_request *request, struct wkv_text reply)
{
    return wkv_invocation_response_bytes(reply, NULL, request->id);
}

void wkv_invocation_ask(const struct wkv_invocation *invocation, struct wkv_request *request)
{
    request->form = WKV_FORM_MSGPACK;
    request->evidence = WKV_EVIDENCE_ENVELOPE;
    request->invocation = sent(invocation->encoded_claims);
    request->id = sent(invocation->id);
    request->host = sent(invocation->host_id);
    request->payload = invocation->msg.data;
    request->payload_bytes = invocation->msg.len;
    request->sent_bytes = response_bytes;
}

static enum wkv_reading read_invocation(struct wkv_exchange *exchange, struct wkv_error *error)
{
    struct wkv_worker *worker = exchange->worker;
    struct wkv_request *request = &exchange->call.request;
    bool own_subject = exchange->endpoint->for_system;
    struct wkv_invocation invocation;
    struct wkv_error cause;
    wkv_front_read_headers(exchange);
    request->actor = own_subject ? (struct wkv_text){WKV_POLICY_SYSTEM, strlen(WKV_POLICY_SYSTEM)}
                                 : wkv_front_actor(worker, exchange->message);
    wkv_arena_reset(&worker->envelope);
    if (wkv_invocation_decode(natsMsg_GetData(exchange->message),
                              (size_t)natsMsg_GetDataLength(exchange->message), &worker->envelope,
                              &invocation, &cause) != WKV_OK) {
        (void)wkv_fail(error, cause.code, "the invocation cannot be read: %s", cause.text);
        return WKV_READ_REFUSED;
    }
    wkv_invocation_ask(&invocation, request);
    request->operation = find_operation(own_subject, invocation.operation);
    request->claims = exchange->headers.claims;
    request->max_reply_bytes = wkv_front_room(exchange);
    bool good = check_id(request, error) == WKV_OK && check_operation(exchange, error) == WKV_OK &&
                check_entities(exchange, &invocation, error) == WKV_OK;
    return good ? WKV_READ_REQUEST : WKV_READ_REFUSED;
}

/* ---- answering ---- */

/* Sends the response: the reply, or the error with an empty one. A reply has been made to fit; an error goes
 * without an id for which there is no room. Providers of waSCC answer with no bytes where there is nothing to
 * say. */
static bool send_response(struct wkv_exchange *exchange, struct wkv_text reply, struct wkv_error *error)
{
    struct wkv_buffer *response = &exchange->worker->wrapped;
    bool done = error->code == WKV_OK;
    struct wkv_text msg = {NULL, 0};
    struct wkv_text id = exchange->call.request.id;
    const char *text = done ? NULL : error->text;
    if (done && exchange->call.request.operation->reply->n_fields > 0)
        msg = reply;
    exchange->reply_bytes = msg.len;
    if (wkv_invocation_response_bytes(msg, text, id) > wkv_front_room(exchange))
        id.len = 0;
    wkv_buffer_reset(response, RESPONSE_KEEP_BYTES);
    return wkv_invocation_response_write(response, msg, text, id) &&
           wkv_front_reply(exchange, response->data, response->len);
}

/* ---- listening ---- */

static enum wkv_code listen(struct wkv_worker *worker, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES];
    struct wkv_endpoint endpoint = {.front = &wkv_front_invocations};
    if (worker->serves == WKV_SERVES_ACTORS) {
        worker->bound_actors = wkv_front_endpoint(worker, &endpoint, error);
        return worker->bound_actors == NULL ? error->code : WKV_OK;
    }
    wkv_subject_base(worker->address, subject);
    endpoint.for_system = true;
    /* What the headers of claims would say stands in the invocation, but for the signed claims of an actor
     * that is to be bound, which that mode wants. */
    endpoint.reads_claims = worker->provider->auth == WKV_AUTH_BINDING;
    /* A server's permissions that know nothing of a lattice are no reason not to serve. */
    endpoint.optional = true;
    return wkv_front_listen(worker, &endpoint, subject, NULL, error) == NULL ? error->code : WKV_OK;
}

const struct wkv_front wkv_front_invocations = {
    .via = "lattice: ", .listen = listen, .read = read_invocation, .send = send_response};

/* "one subscription per bound actor", "queue group = the subject itself" */
static bool actor_subject(const struct wkv_worker *worker, struct wkv_text actor, char out[WKV_SUBJECT_BYTES])
{
    char base[WKV_SUBJECT_BYTES];
    wkv_subject_base(worker->address, base);
    int len = snprintf(out, WKV_SUBJECT_BYTES, "%s.%.*s", base, (int)actor.len, actor.data);
    return len > 0 && len < WKV_SUBJECT_BYTES;
}

/* An actor whose name leaves no room for the rest of the subject could never be called. */
enum wkv_listening wkv_invocations_add_actor(struct wkv_worker *worker, struct wkv_text actor,
                                             int64_t timeout_ms)
{
    char subject[WKV_SUBJECT_BYTES];
    if (!actor_subject(worker, actor, subject))
        return WKV_LISTENS;
    const struct wkv_listen listen = {.subject = subject,
                                      .queue = subject,
                                      .handle = wkv_front_handle,
                                      .context = worker->bound_actors,
                                      .shared = true};
    return wkv_subscriptions_add(&worker->loop.subscriptions, &listen, timeout_ms);
}

enum wkv_listening wkv_invocations_await_actor(struct wkv_worker *worker, struct wkv_text actor,
                                               int64_t until_ns)
{
    char subject[WKV_SUBJECT_BYTES];
    if (!actor_subject(worker, actor, subject))
        return WKV_LISTENS;
    return wkv_subscriptions_await(&worker->loop.subscriptions, subject, until_ns);
}

void wkv_invocations_drop_actor(struct wkv_worker *worker, struct wkv_text actor, int64_t timeout_ms)
{
    char subject[WKV_SUBJECT_BYTES];
    if (actor_subject(worker, actor, subject))
        wkv_subscriptions_leave(&worker->loop.subscriptions, subject, timeout_ms);
}
