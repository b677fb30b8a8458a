/* A call on its way to an engine. */
#include "front/call.h"

#include <string.h>

bool wkv_call_reads_claims(enum wkv_auth auth, const struct wkv_operation *operation)
{
    if (wkv_operation_is_system(operation))
        return auth == WKV_AUTH_BINDING;
    return auth == WKV_AUTH_CLAIMS || auth == WKV_AUTH_INVOCATION;
}

bool wkv_call_reads_invocation(enum wkv_auth auth, const struct wkv_operation *operation)
{
    return wkv_operation_is_system(operation) ? auth != WKV_AUTH_NONE : auth == WKV_AUTH_INVOCATION;
}

enum wkv_encoding wkv_call_encoding(const struct wkv_request *request)
{
    struct wkv_text payload = {request->payload, request->payload_bytes};
    return wkv_command_encoding(request->operation, payload, request->form);
}

/* ---- what a call is made of ---- */

static struct wkv_policy_request ask_policy(const struct wkv_provider *provider,
                                            const struct wkv_request *request)
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
        .now_s = request->wall_s,
    };
}

static struct wkv_limits limits_of(struct wkv_session *session, const struct wkv_request *request)
{
    const struct wkv_provider *provider = session->provider;
    return (struct wkv_limits){.max_key_bytes = provider->max_key_bytes,
                               .max_value_bytes = provider->max_value_bytes,
                               .max_reply_bytes = request->max_reply_bytes,
                               .reply_header_bytes = request->reply_header_bytes,
                               .sent_bytes = request->sent_bytes,
                               .scratch = &session->reply};
}

static struct wkv_host host_of(struct wkv_session *session, struct wkv_arena *arena)
{
    const struct wkv_provider *provider = session->provider;
    return (struct wkv_host){.store = provider->store,
                             .bindings = provider->bindings,
                             .stats = provider->stats,
                             .log = provider->log,
                             .instance = provider->instance,
                             .split = provider->split,
                             .policy = &session->policy,
                             .arena = arena};
}

/* What points from one part of a call to another. */
static void aim(struct wkv_call *call)
{
    call->asked.bound = &call->bound.claims;
    call->asked.signer = call->signer;
    call->ticket.limits.request = &call->request;
    call->ticket.host.asked = &call->asked;
}

void wkv_call_move(struct wkv_call *to, const struct wkv_call *from)
{
    *to = *from;
    wkv_command_move(&to->ticket.command, &from->ticket.command);
    aim(to);
}

static void begin(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    const struct wkv_request *request = &call->request;
    size_t room = request->max_reply_bytes;
    /* Every request asks what is known of its actor: its keyspace, and in some modes whether it may. */
    call->bound = wkv_operation_is_system(request->operation)
                      ? (struct wkv_binding){.keyspace = 0}
                      : wkv_bindings_find(&session->bindings, request->actor);
    call->asked = ask_policy(session->provider, request);
    call->ticket = (struct wkv_ticket){
        .command = {.operation = request->operation, .keyspace = call->bound.keyspace},
        .limits = limits_of(session, request),
        .host = host_of(session, wkv_slabs_begin(&session->memory)),
        .room = request->room_now > 0 && request->room_now < room ? request->room_now : room,
        .now_ns = request->now_ns,
        .buffer = &session->reply,
        .error = error};
    aim(call);
}

/* ---- admission ---- */

/* Who? May they? */
static enum wkv_code authorize(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    struct wkv_command *command = &call->ticket.command;
    struct wkv_error cause;
    if (wkv_policy_check(&session->policy, &call->asked, &cause) == WKV_OK)
        return WKV_OK;
    command->encoding = wkv_call_encoding(&call->request);
    return wkv_command_fail(command, error, cause.code, "%s", cause.text);
}

/* What a write answers must find room at this moment, too; a read finds out when it is done. */
static enum wkv_code check_room_now(struct wkv_ticket *ticket, struct wkv_error *error)
{
    if (ticket->room >= ticket->limits.max_reply_bytes || ticket->command.operation->effect == WKV_READS)
        return WKV_OK;
    struct wkv_command again = ticket->command;
    struct wkv_limits limits = ticket->limits;
    struct wkv_error ignored;
    limits.max_reply_bytes = ticket->room;
    ticket->squeezed = wkv_command_check(&again, &limits, ticket->host.arena, &ignored) == WKV_TOO_LARGE;
    return ticket->squeezed ? wkv_fail(error, WKV_UNAVAILABLE, "no room for the reply") : WKV_OK;
}

static enum wkv_code note_once(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    const struct wkv_request *request = &call->request;
    struct wkv_ticket *ticket = &call->ticket;
    struct wkv_once_request once = {.actor = request->actor,
                                    .id = request->once_id,
                                    .payload = {request->payload, request->payload_bytes}};
    ticket->once.window_ns = session->provider->duplicate_window_ns;
    return wkv_once_prepare(&ticket->once, &once, &ticket->command, ticket->host.arena, error);
}

enum wkv_code wkv_call_admit(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    const struct wkv_request *request = &call->request;
    struct wkv_ticket *ticket = &call->ticket;
    struct wkv_text payload = {request->payload, request->payload_bytes};
    wkv_error_clear(error);
    begin(session, call, error);
    enum wkv_code code = authorize(session, call, error);
    if (code == WKV_OK)
        code = wkv_command_decode(&ticket->command, payload, request->form, &ticket->limits,
                                  ticket->host.arena, error);
    if (code == WKV_OK)
        code = wkv_command_check(&ticket->command, &ticket->limits, ticket->host.arena, error);
    if (code == WKV_OK && request->once_id.len > 0)
        code = note_once(session, call, error);
    bool is_narrow =
        ticket->room < ticket->limits.max_reply_bytes && ticket->command.operation->effect != WKV_READS;
    return code == WKV_OK && is_narrow ? check_room_now(ticket, error) : code;
}

void wkv_call_prefetch(struct wkv_session *session, const struct wkv_request *requests, size_t count)
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
