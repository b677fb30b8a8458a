#include "front/watching.h"

#include <stdio.h>

#include "keyvalue.pb-c.h"
#include "support/text.h"
#include "watch/watches.h"

/* What the request asks for. */
static struct wkv_watch_order order_of(const struct wkv_exchange *exchange)
{
    const struct wkv_command *command = &exchange->call.ticket.command;
    const Keyvalue__WatchRequest *request = (const Keyvalue__WatchRequest *)command->message;
    bool one_key = request->key.len > 0;
    return (struct wkv_watch_order){.reply = wkv_text_from(natsMsg_GetReply(exchange->message)),
                                    .actor = exchange->call.request.actor,
                                    .name = wkv_text_of(one_key ? request->key : request->prefix),
                                    .watched = one_key                   ? WKV_WATCHED_KEY
                                               : request->prefix.len > 0 ? WKV_WATCHED_PREFIX
                                                                         : WKV_WATCHED_KEYSPACE,
                                    .encoding = command->encoding,
                                    .keyspace = command->keyspace,
                                    .values = request->values,
                                    .lease_ms = request->lease_ms};
}

/* A change of the actor's binding ends the watches that there are: one that was admitted before the change,
 * and began after it, is ended here. */
static void end_if_rebound(struct wkv_exchange *exchange, bool was_bound)
{
    struct wkv_worker *worker = exchange->worker;
    struct wkv_text actor = exchange->call.request.actor;
    const struct wkv_binding *binding = wkv_bindings_find(&worker->session.bindings, actor);
    if (binding->keyspace != exchange->call.ticket.command.keyspace || binding->claims.bound != was_bound)
        wkv_watches_end_actor(worker->provider->watches, actor);
}

enum wkv_outcome wkv_front_watch(struct wkv_exchange *exchange)
{
    const struct wkv_command *command = &exchange->call.ticket.command;
    struct wkv_watches *watches = exchange->worker->provider->watches;
    struct wkv_watch_order order = order_of(exchange);
    /* The reader's, until its next look. */
    bool was_bound = exchange->call.asked.bound->bound;
    enum wkv_code code = WKV_OK;
    if (watches == NULL || order.reply.len == 0)
        code = wkv_fail(exchange->error, WKV_BAD_REQUEST,
                        "the request has no reply subject, to which events would go");
    else
        code = wkv_watches_start(watches, &order, exchange->error);
    if (code == WKV_OK) {
        end_if_rebound(exchange, was_bound);
        return WKV_STREAMS;
    }
    (void)wkv_command_blame(command, exchange->error);
    return WKV_REFUSED;
}

/* The workers of this instance share them. */
enum wkv_code wkv_front_listen_for_renewals(struct wkv_worker *worker, const struct wkv_endpoint *endpoint,
                                            struct wkv_error *error)
{
    char name[128], subject[WKV_SUBJECT_BYTES];
    struct wkv_endpoint own = *endpoint;
    own.shared = false;
    (void)snprintf(name, sizeof name, "%s-%s", endpoint->operation->name, worker->provider->instance);
    if (wkv_subject_operation(worker->address, "*", name, subject, error) != WKV_OK ||
        wkv_front_listen(worker, &own, subject, name, error) == NULL)
        return error->code;
    return WKV_OK;
}
