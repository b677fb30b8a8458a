#include "front/invocations.h"

#include <stdio.h>
#include <string.h>

#include "front/request_log.h"
#include "nats/loop_extra.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "security/token.h"
#include "support/clock.h"

/* Responses up to this size reuse the buffer. */
#define RESPONSE_KEEP_BYTES ((size_t)256 * 1024)

/* An invocation on its way. */
struct incoming {
    struct wkv_responder *responder;
    struct wkv_loop *loop;
    natsMsg *message;
    struct wkv_invocation invocation;
    struct wkv_request_headers headers;
    struct wkv_text actor; /* of the subject; `system` on the binding's own */
    bool own_subject;
    const struct wkv_operation *operation; /* NULL: none that may be called here */
    int64_t start_ns;
};

static bool equals(struct wkv_text slice, const char *text)
{
    return slice.len == strlen(text) && (slice.len == 0 || memcmp(slice.data, text, slice.len) == 0);
}

/* The operation that the invocation names, if it may be called on this subject: the binding's own takes three
 * of the system's, an actor's those of actors. */
static const struct wkv_operation *find_operation(const struct incoming *incoming)
{
    static const char *const own[] = {"BindActor", "RemoveActor", "GetCapabilityDescriptor"};
    const struct wkv_text name = incoming->invocation.operation;
    if (incoming->own_subject) {
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            if (equals(name, own[i]))
                return wkv_operation_find(own[i]);
        return NULL;
    }
    for (size_t i = 0; i < wkv_operation_count; i++)
        if (!wkv_operations[i].system && equals(name, wkv_operations[i].name))
            return &wkv_operations[i];
    return NULL;
}

/* "both URLs": what the message says of origin and target must be what the subject says; the claims are held
 * against that. A host may have the binding's name as it was told. */
static enum wkv_code check_entities(const struct incoming *incoming, struct wkv_error *error)
{
    const struct wkv_entity *origin = &incoming->invocation.origin;
    const struct wkv_entity *target = &incoming->invocation.target;
    if (origin->is_capability || origin->actor.len != incoming->actor.len ||
        memcmp(origin->actor.data, incoming->actor.data, incoming->actor.len) != 0)
        return wkv_fail(error, WKV_FORBIDDEN, "the invocation's origin is not the actor of its subject (%s)",
                        incoming->own_subject ? "system, on the binding's own" : "the last token");
    if (!target->is_capability || !equals(target->capid, WKV_CAPABILITY) ||
        !equals(target->binding, incoming->responder->address->binding))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the invocation's target is not " WKV_CAPABILITY " with this binding");
    return WKV_OK;
}

/* The id goes back with the response, which must have room for it once the operation is done. One that claims
 * can name is never longer than this; a longer one is told of its mistake without it. */
static enum wkv_code check_id(struct incoming *incoming, struct wkv_error *error)
{
    size_t len = incoming->invocation.id.len;
    if (len <= WKV_TOKEN_MAX_ID_BYTES)
        return WKV_OK;
    incoming->invocation.id.len = 0;
    return wkv_fail(error, WKV_BAD_REQUEST, "the invocation's id has %zu bytes; an id has at most %d", len,
                    WKV_TOKEN_MAX_ID_BYTES);
}

/* Of a text without bytes the policy must see that it was sent. */
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

static enum wkv_code answer(struct incoming *incoming, struct wkv_text *reply, struct wkv_error *error)
{
    struct wkv_responder *responder = incoming->responder;
    if (check_id(incoming, error) != WKV_OK)
        return error->code;
    if (incoming->operation == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "%s",
                        incoming->own_subject ? WKV_POLICY_UNBOUND
                                              : "there is no such operation of " WKV_CAPABILITY);
    if (responder->provider->auth != WKV_AUTH_NONE && check_entities(incoming, error) != WKV_OK)
        return error->code;
    struct wkv_request request = {.operation = incoming->operation,
                                  .actor = incoming->actor,
                                  .claims = incoming->headers.claims,
                                  .max_reply_bytes = wkv_responder_room(incoming->loop, &incoming->headers),
                                  .now_ns = incoming->start_ns,
                                  .wall_s = wkv_wall_coarse_s()};
    wkv_invocation_ask(&incoming->invocation, &request);
    enum wkv_code code = wkv_responder_answer(responder, incoming->loop, &request, reply, error);
    /* Providers of waSCC answer with no bytes where there is nothing to say. */
    if (code == WKV_OK && request.operation->reply->n_fields == 0)
        reply->len = 0;
    return code;
}

/* Counts it with the requests that came another way. What names no operation of ours has nowhere to be
 * counted. */
static void count(const struct incoming *incoming, enum wkv_code code, const struct wkv_error *error,
                  size_t reply_bytes)
{
    const struct wkv_trace *trace = &incoming->headers.trace;
    struct wkv_responder *responder = incoming->responder;
    struct wkv_stats_request done = {.actor = incoming->actor,
                                     .code = wkv_code_on_wire(code),
                                     .error = error->text,
                                     .start_ns = incoming->start_ns,
                                     .end_ns = wkv_loop_done_ns(incoming->loop),
                                     .request_bytes = incoming->invocation.msg.len,
                                     .reply_bytes = reply_bytes,
                                     .trace = trace};
    if (incoming->operation != NULL) {
        done.operation = (size_t)(incoming->operation - wkv_operations);
        wkv_stats_count(responder->stats, &done);
    }
    wkv_log_request(responder->log, "lattice: ",
                    incoming->operation == NULL ? "no operation of this subject" : incoming->operation->name,
                    &done);
}

/* Sends the response: the reply, or the error with an empty one. A reply has been made to fit; an error goes
 * without an id for which there is no room. */
static void respond(const struct incoming *incoming, enum wkv_code code, struct wkv_text reply,
                    const struct wkv_error *error)
{
    struct wkv_buffer *response = &incoming->responder->response;
    struct wkv_text msg = {code == WKV_OK ? reply.data : NULL, code == WKV_OK ? reply.len : 0};
    struct wkv_text id = incoming->invocation.id;
    const char *text = code == WKV_OK ? NULL : error->text;
    if (wkv_invocation_response_bytes(msg, text, id) > wkv_responder_room(incoming->loop, &incoming->headers))
        id.len = 0;
    wkv_buffer_reset(response, RESPONSE_KEEP_BYTES);
    if (!wkv_invocation_response_write(response, msg, text, id) ||
        !wkv_responder_send(incoming->loop, incoming->message, response->data, response->len,
                            &incoming->headers))
        wkv_stats_count_unsent(incoming->responder->stats);
}

static void handle_invocation(struct incoming *incoming)
{
    struct wkv_responder *responder = incoming->responder;
    natsMsg *message = incoming->message;
    struct wkv_text reply = {NULL, 0};
    struct wkv_error error, cause;
    wkv_error_clear(&error);
    incoming->start_ns = wkv_loop_begun_ns(incoming->loop);
    /* What the headers of claims would say stands in the invocation, but for the signed claims of an actor
     * that is to be bound, which that mode wants. */
    bool claims = incoming->own_subject && responder->provider->auth == WKV_AUTH_BINDING;
    wkv_responder_read_headers(message, claims, false, &incoming->headers);
    wkv_arena_reset(&responder->envelope);
    enum wkv_code code =
        wkv_invocation_decode(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                              &responder->envelope, &incoming->invocation, &cause);
    if (code != WKV_OK) {
        (void)wkv_fail(&error, code, "the invocation cannot be read: %s", cause.text);
    } else {
        incoming->operation = find_operation(incoming);
        code = answer(incoming, &reply, &error);
    }
    respond(incoming, code, reply, &error);
    count(incoming, code, &error, reply.len);
}

static void handle_own(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct incoming incoming = {.responder = context,
                                .loop = loop,
                                .message = message,
                                .actor = {WKV_POLICY_SYSTEM, strlen(WKV_POLICY_SYSTEM)},
                                .own_subject = true};
    handle_invocation(&incoming);
}

static void handle_actor(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_responder *responder = context;
    const char *actor = natsMsg_GetSubject(message) + responder->actor_offset;
    struct incoming incoming = {
        .responder = responder, .loop = loop, .message = message, .actor = {actor, strlen(actor)}};
    handle_invocation(&incoming);
}

void wkv_lattice_listen(struct wkv_responder *responder, struct wkv_loop *loop)
{
    char subject[WKV_SUBJECT_BYTES];
    wkv_subject_base(responder->address, subject);
    wkv_loop_listen(loop, subject, NULL, handle_own, NULL, responder);
    /* A server's permissions that know nothing of a lattice are no reason not to serve. */
    wkv_loop_listen_optional(loop);
}

/* "one subscription per bound actor", "queue group = the subject itself" */
static bool actor_subject(const struct wkv_responder *responder, struct wkv_text actor,
                          char out[WKV_SUBJECT_BYTES])
{
    char base[WKV_SUBJECT_BYTES];
    wkv_subject_base(responder->address, base);
    int len = snprintf(out, WKV_SUBJECT_BYTES, "%s.%.*s", base, (int)actor.len, actor.data);
    return len > 0 && len < WKV_SUBJECT_BYTES;
}

/* An actor whose name leaves no room for the rest of the subject could never be called. */
enum wkv_loop_extra_state wkv_lattice_add_actor(struct wkv_responder *responder, struct wkv_loop *loop,
                                                struct wkv_text actor, int64_t timeout_ms)
{
    char subject[WKV_SUBJECT_BYTES];
    if (!actor_subject(responder, actor, subject))
        return WKV_EXTRA_LISTENS;
    return wkv_loop_extra_add(loop, subject, subject, handle_actor, responder, timeout_ms);
}

enum wkv_loop_extra_state wkv_lattice_await_actor(struct wkv_responder *responder, struct wkv_loop *loop,
                                                  struct wkv_text actor, int64_t until_ns)
{
    char subject[WKV_SUBJECT_BYTES];
    if (!actor_subject(responder, actor, subject))
        return WKV_EXTRA_LISTENS;
    return wkv_loop_extra_await(loop, subject, until_ns);
}

void wkv_lattice_drop_actor(struct wkv_responder *responder, struct wkv_loop *loop, struct wkv_text actor,
                            int64_t timeout_ms)
{
    char subject[WKV_SUBJECT_BYTES];
    if (actor_subject(responder, actor, subject))
        wkv_loop_extra_drop(loop, subject, timeout_ms);
}
