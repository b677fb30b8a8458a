#include "front/actors.h"

#include "front/invocations.h"
#include "support/clock.h"

/* How long the server has to confirm that all workers listen to an actor: a host waits 600 ms for the whole
 * of a BindActor. */
#define LISTEN_TIMEOUT_MS 400
/* At most one warning in this time: hosts decide how often they bind and are refused. */
#define WARN_NS WKV_NS_PER_S

static enum wkv_code refuse(enum wkv_listening state, struct wkv_loop *loop, struct wkv_error *error)
{
    char said[WKV_COMPLAINT_BYTES];
    switch (state) {
    case WKV_LISTEN_REFUSED:
        wkv_subscriptions_refusal(&loop->subscriptions, said);
        return wkv_fail(
            error, WKV_FORBIDDEN,
            "the server does not let the provider listen to this actor (%s); grant the provider's user "
            "`subscribe` on it",
            said);
    case WKV_LISTEN_NO_ROOM:
        return wkv_fail(
            error, WKV_BUDGET_SPENT,
            "the server has no room to listen to one more actor (maximum subscriptions exceeded, with "
            "%zu actors); raise its max_subscriptions, or remove actors",
            wkv_subscriptions_room(&loop->subscriptions));
    case WKV_LISTEN_NO_MEMORY:
        return wkv_fail(error, WKV_NO_MEMORY, "no memory to listen to one more actor; try again later");
    case WKV_LISTEN_STOPPING:
        return wkv_fail(error, WKV_UNAVAILABLE, "this instance is shutting down; send the request again");
    default:
        return wkv_fail(
            error, WKV_UNAVAILABLE,
            "the server has not confirmed in time that the provider listens to this actor; send the "
            "request again");
    }
}

/* Asks one worker after the other: where the server has no room, only one of them loses its connection.
 * Returns what stands in the way and where, or LISTENS. */
static enum wkv_listening ask(struct wkv_actors *actors, struct wkv_text actor, struct wkv_loop **where)
{
    int64_t deadline_ns = wkv_monotonic_ns() + LISTEN_TIMEOUT_MS * WKV_NS_PER_MS;
    enum wkv_listening best = WKV_LISTENS_LATER;
    for (unsigned i = 0; i < actors->worker_count; i++) {
        struct wkv_worker *worker = &actors->workers[i];
        enum wkv_listening state = wkv_invocations_add_actor(worker, actor, wkv_left_ms(deadline_ns) + 1);
        *where = &worker->loop;
        if (state == WKV_LISTENS)
            best = WKV_LISTENS;
        else if (state != WKV_LISTENS_LATER)
            return state;
    }
    return best;
}

/* Shares the limit that one worker found at the cost of its connection. */
static void share_limit(struct wkv_actors *actors, struct wkv_loop *where)
{
    size_t room = wkv_subscriptions_room(&where->subscriptions);
    for (unsigned i = 0; i < actors->worker_count; i++)
        wkv_subscriptions_limit(&actors->workers[i].loop.subscriptions, room);
}

/* wait_ms 0: without waiting for the server. */
static void drop(struct wkv_actors *actors, struct wkv_text actor, int64_t wait_ms)
{
    int64_t deadline_ns = wkv_monotonic_ns() + wait_ms * WKV_NS_PER_MS;
    for (unsigned i = 0; i < actors->worker_count; i++)
        wkv_invocations_drop_actor(&actors->workers[i], actor,
                                   wait_ms > 0 ? wkv_left_ms(deadline_ns) + 1 : 0);
}

static void warn(struct wkv_actors *actors, struct wkv_text actor, const struct wkv_error *error)
{
    int64_t now_ns = wkv_monotonic_ns();
    if (actors->warned_ns != 0 && now_ns - actors->warned_ns < WARN_NS)
        return;
    actors->warned_ns = now_ns;
    wkv_log_warn(actors->log, "actor %.*s is not bound: %s", (int)actor.len, actor.data, error->text);
}

/* Under the lock. Returns what stands in the way as an error. */
static enum wkv_code judge(struct wkv_actors *actors, struct wkv_text actor, enum wkv_listening state,
                           struct wkv_loop *where, struct wkv_error *error)
{
    if (state == WKV_LISTENS)
        return WKV_OK;
    enum wkv_code code = refuse(state, where, error);
    if (state == WKV_LISTEN_NO_ROOM)
        share_limit(actors, where);
    if (!wkv_bindings_is_bound(actors->bindings, actor))
        drop(actors, actor, 0);
    warn(actors, actor, error);
    return code;
}

enum wkv_code wkv_actors_listen(struct wkv_actors *actors, struct wkv_text actor, struct wkv_error *error)
{
    struct wkv_loop *where = NULL;
    (void)pthread_mutex_lock(&actors->lock);
    enum wkv_listening state = ask(actors, actor, &where);
    enum wkv_code code = judge(actors, actor, state, where, error);
    (void)pthread_mutex_unlock(&actors->lock);
    return code;
}

enum wkv_code wkv_actors_confirm(struct wkv_actors *actors, struct wkv_text actor, int64_t until_ns,
                                 struct wkv_error *error)
{
    struct wkv_loop *where = NULL;
    enum wkv_listening state = WKV_LISTENS;
    (void)pthread_mutex_lock(&actors->lock);
    for (unsigned i = 0; i < actors->worker_count && state == WKV_LISTENS; i++) {
        where = &actors->workers[i].loop;
        state = wkv_invocations_await_actor(&actors->workers[i], actor, until_ns);
    }
    enum wkv_code code = judge(actors, actor, state, where, error);
    (void)pthread_mutex_unlock(&actors->lock);
    return code;
}

/* Two threads may bind and remove at once, and report it in another order: the registry's present state
 * counts. */
static void settle(struct wkv_actors *actors, struct wkv_text actor, int64_t timeout_ms)
{
    struct wkv_loop *where;
    (void)pthread_mutex_lock(&actors->lock);
    if (wkv_bindings_is_bound(actors->bindings, actor))
        (void)ask(actors, actor, &where);
    else
        drop(actors, actor, timeout_ms);
    (void)pthread_mutex_unlock(&actors->lock);
}

void wkv_actors_settle(struct wkv_actors *actors, struct wkv_text actor)
{
    settle(actors, actor, 0);
}

void wkv_actors_settle_and_wait(struct wkv_actors *actors, struct wkv_text actor)
{
    settle(actors, actor, LISTEN_TIMEOUT_MS);
}
