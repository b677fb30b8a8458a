/* A call on its way to an engine. */
#include "front/call.h"

#include <string.h>

#include "operation/batch.h"
#include "support/text.h"

bool wkv_call_reads_claims(enum wkv_auth auth, const struct wkv_operation *operation)
{
    if (wkv_operation_is_system(operation))
        return auth == WKV_AUTH_BINDING;
    return auth == WKV_AUTH_CLAIMS || auth == WKV_AUTH_INVOCATION;
}

bool wkv_call_reads_invocation(enum wkv_auth auth, const struct wkv_operation *operation)
{
    return wkv_operation_is_system(operation) || wkv_batch_is(operation) ? auth != WKV_AUTH_NONE
                                                                         : auth == WKV_AUTH_INVOCATION;
}

enum wkv_encoding wkv_call_encoding(const struct wkv_request *request)
{
    struct wkv_text payload = {request->payload, request->payload_bytes};
    return wkv_command_encoding(request->operation, payload, request->form);
}

/* ---- what a call is made of ---- */

/* Hosts and operators may ask for the keys of any keyspace in a Batch. */
static bool is_batch_of_system(const struct wkv_request *request)
{
    return wkv_batch_is(request->operation) && request->evidence == WKV_EVIDENCE_HEADERS &&
           wkv_text_is(request->actor, WKV_POLICY_SYSTEM);
}

/* Assigns field by field, here and below: a whole struct would be built elsewhere and copied, in each
 * request. */
static void ask_policy(struct wkv_call *call, const struct wkv_provider *provider,
                       const struct wkv_binding *bound)
{
    const struct wkv_request *request = &call->request;
    struct wkv_policy_request *asked = &call->asked;
    asked->evidence = request->evidence;
    asked->actor = request->actor;
    asked->binding = provider->binding;
    asked->operation = request->operation->name;
    asked->system_operation = wkv_operation_is_system(request->operation) || is_batch_of_system(request);
    asked->claims = request->claims;
    asked->invocation = request->invocation;
    asked->payload = (struct wkv_text){request->payload, request->payload_bytes};
    asked->id = request->id;
    asked->host = request->host;
    asked->bound = bound == NULL ? NULL : &bound->claims;
    asked->now_s = request->wall_s;
    asked->signer = call->signer;
    call->note.present = false;
    asked->note = provider->has_log ? &call->note : NULL;
}

static void limit(struct wkv_limits *limits, struct wkv_session *session, const struct wkv_request *request)
{
    limits->max_key_bytes = session->provider->max_key_bytes;
    limits->max_value_bytes = session->provider->max_value_bytes;
    limits->max_reply_bytes = request->max_reply_bytes;
    limits->reply_header_bytes = request->reply_header_bytes;
    limits->sent_bytes = request->sent_bytes;
    limits->request = request;
    limits->scratch = &session->reply;
}

static struct wkv_host host_of(struct wkv_session *session, const struct wkv_request *request,
                               const struct wkv_policy_request *asked)
{
    const struct wkv_provider *provider = session->provider;
    return (struct wkv_host){.store = provider->store,
                             .bindings = provider->bindings,
                             .stats = provider->stats,
                             .log = provider->log,
                             .engine = provider->engine_report,
                             .instance = provider->instance,
                             .split = provider->split,
                             .policy = &session->policy,
                             .asked = asked,
                             .asked_ns = request->now_ns,
                             .reply_to = request->reply_to,
                             .arena = &session->memory.current->arena};
}

void wkv_call_move(struct wkv_call *to, const struct wkv_call *from)
{
    *to = *from;
    wkv_command_move(&to->ticket.command, &from->ticket.command);
    to->asked.bound = NULL; /* the reader's, which has been looked at */
    to->asked.signer = to->signer;
    to->asked.note = from->ticket.note == NULL ? NULL : &to->note;
    to->ticket.note = to->asked.note;
    to->host.asked = &to->asked;
    to->ticket.limits.request = &to->request;
    if (from->ticket.host != NULL)
        to->ticket.host = &to->host;
}

static void begin(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    const struct wkv_request *request = &call->request;
    struct wkv_ticket *ticket = &call->ticket;
    size_t room = request->max_reply_bytes;
    bool is_system = wkv_operation_is_system(request->operation);
    /* Every request asks what is known of its actor: its keyspace, and in some modes whether it may. */
    const struct wkv_binding *bound =
        is_system ? NULL : wkv_bindings_find(&session->bindings, request->actor);
    ask_policy(call, session->provider, bound);
    wkv_command_begin(&ticket->command, request->operation, is_system ? 0 : bound->keyspace);
    limit(&ticket->limits, session, request);
    ticket->once.keys = NULL;
    ticket->once.duplicate = false;
    ticket->store = session->provider->store;
    ticket->host = NULL;
    ticket->note = session->provider->has_log ? &call->note : NULL;
    ticket->freshness = request->reads_locally ? WKV_FRESH_LOCALLY : WKV_FRESH_BY_OPTION;
    ticket->room = request->room_now > 0 && request->room_now < room ? request->room_now : room;
    ticket->now_ns = request->now_ns;
    ticket->buffer = &session->reply;
    ticket->error = error;
    ticket->squeezed = false;
    (void)wkv_slabs_begin(&session->memory);
    if (is_system) {
        call->host = host_of(session, request, &call->asked);
        ticket->host = &call->host;
    }
}

/* ---- admission ---- */

/* Who? May they? */
static enum wkv_code authorize(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    if (wkv_policy_check(&session->policy, &call->asked, error) == WKV_OK)
        return WKV_OK;
    call->ticket.command.encoding = wkv_call_encoding(&call->request);
    return wkv_command_blame(&call->ticket.command, error);
}

/* The reply to a write must fit into the room that there is now, too; a read finds out when it is done. */
static enum wkv_code __attribute__((noinline))
check_room_now(struct wkv_ticket *ticket, struct wkv_arena *arena, struct wkv_error *error)
{
    struct wkv_command again = ticket->command;
    struct wkv_limits limits = ticket->limits;
    struct wkv_error ignored;
    limits.max_reply_bytes = ticket->room;
    ticket->squeezed = wkv_command_check(&again, &limits, arena, &ignored) != WKV_OK;
    return ticket->squeezed ? wkv_fail(error, WKV_UNAVAILABLE, "no room for the reply") : WKV_OK;
}

static enum wkv_code find_keyspace(struct wkv_session *session, struct wkv_call *call,
                                   struct wkv_error *error)
{
    struct wkv_command *command = &call->ticket.command;
    struct wkv_text name = wkv_batch_keyspace(command);
    if (name.len == 0)
        return WKV_OK;
    if (!call->asked.system_operation)
        return wkv_command_fail(command, error, WKV_FORBIDDEN,
                                "only `system` names a keyspace; an actor has its own: leave it out");
    return wkv_bindings_keyspace_number(session->provider->bindings, name, &command->keyspace)
               ? WKV_OK
               : wkv_command_fail(
                     command, error, WKV_BAD_REQUEST,
                     "there is no such keyspace: bind an actor to it first, or leave it out for the "
                     "binding's own");
}

static enum wkv_code note_once(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    const struct wkv_request *request = &call->request;
    struct wkv_ticket *ticket = &call->ticket;
    struct wkv_once_request once = {.actor = request->actor,
                                    .id = request->once_id,
                                    .payload = {request->payload, request->payload_bytes}};
    ticket->once.window_ns = session->provider->duplicate_window_ns;
    return wkv_once_prepare(&ticket->once, &once, &ticket->command, &session->memory.current->arena, error);
}

enum wkv_code wkv_call_admit(struct wkv_session *session, struct wkv_call *call, struct wkv_error *error)
{
    const struct wkv_request *request = &call->request;
    struct wkv_ticket *ticket = &call->ticket;
    struct wkv_text payload = {request->payload, request->payload_bytes};
    wkv_error_clear(error);
    begin(session, call, error);
    struct wkv_arena *arena = &session->memory.current->arena;
    enum wkv_code code = authorize(session, call, error);
    if (code == WKV_OK)
        code = wkv_command_decode(&ticket->command, payload, request->form, &ticket->limits, arena, error);
    if (code == WKV_OK && ticket->host != NULL && wkv_host_is_for_another(&call->host, &ticket->command)) {
        call->host.silent = true;
        return WKV_OK;
    }
    if (code == WKV_OK && wkv_batch_is(request->operation))
        code = find_keyspace(session, call, error);
    if (code == WKV_OK)
        code = wkv_command_check(&ticket->command, &ticket->limits, arena, error);
    if (code == WKV_OK && request->once_id.len > 0)
        code = note_once(session, call, error);
    bool is_narrow =
        ticket->room < ticket->limits.max_reply_bytes && ticket->command.operation->effect != WKV_READS;
    return code == WKV_OK && is_narrow ? check_room_now(ticket, arena, error) : code;
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
                (struct wkv_key){wkv_bindings_find(&session->bindings, requests[i].actor)->keyspace, name};
    }
    wkv_store_prefetch(session->provider->store, keys, found);
}
