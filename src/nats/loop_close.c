/* How a loop's connection ends: drained, broken where it is stuck, closed. */
#include <stdlib.h>

#include "nats/loop.h"
#include "support/clock.h"

#define DRAIN_SLICE_MS 200
/* Some at a time, since nats.c starts a thread for each that it drains. */
#define DRAIN_AT_ONCE 64
/* With the time between two checks less than the ten seconds after which nats.c's own timer may find the
 * connection stale. */
#define STUCK_NS (7 * WKV_NS_PER_S)

static bool is_connected(const struct wkv_loop *loop)
{
    return natsConnection_Status(loop->link.connection) == NATS_CONN_STATUS_CONNECTED;
}

/* How long to wait at once: the connection may be lost at any moment of a drain, and nats.c would wait on for
 * an answer that cannot come. */
static int64_t slice_ms(int64_t deadline_ns)
{
    int left_ms = wkv_left_ms(deadline_ns);
    return left_ms < 1 ? 1 : left_ms < DRAIN_SLICE_MS ? left_ms : DRAIN_SLICE_MS;
}

static bool drains(const struct wkv_subscription *one)
{
    return (!one->left || one->drain == WKV_DRAIN_DUE) && one->subscription != NULL;
}

static bool await_drained(struct wkv_loop *loop, natsSubscription *subscription, int64_t deadline_ns)
{
    natsStatus status;
    do
        status = natsSubscription_WaitForDrainCompletion(subscription, slice_ms(deadline_ns));
    while (status == NATS_TIMEOUT && is_connected(loop) && wkv_monotonic_ns() < deadline_ns);
    return status == NATS_OK;
}

/* nats.c's drain of a subscription: it tells the server, waits until the server has heard (so nothing more
 * comes), and then until the queue is empty, which the loop sees to. The connection stays up, so the replies
 * go out. */
static bool drain_subscriptions(struct wkv_loop *loop, int64_t deadline_ns)
{
    bool drained = true;
    struct wkv_subscription *end;
    wkv_subscriptions_freeze(&loop->subscriptions);
    for (struct wkv_subscription *first = TAILQ_FIRST(&loop->subscriptions.all);
         first != NULL && is_connected(loop); first = end) {
        size_t begun = 0;
        for (end = first; end != NULL && begun < DRAIN_AT_ONCE; end = TAILQ_NEXT(end, all), begun++)
            if (drains(end))
                drained &=
                    natsSubscription_DrainTimeout(end->subscription, wkv_left_ms(deadline_ns) + 1) == NATS_OK;
        for (struct wkv_subscription *one = first; one != end && is_connected(loop);
             one = TAILQ_NEXT(one, all))
            if (drains(one))
                drained &= await_drained(loop, one->subscription, deadline_ns);
    }
    return drained && is_connected(loop);
}

/* Waits until the loop has done a whole turn that began after this call: what it had taken in hand before is
 * answered. */
static bool await_turn(struct wkv_loop *loop, int64_t deadline_ns)
{
    uint64_t asked = wkv_turns_ask(&loop->turns);
    wkv_poller_wake(&loop->poller);
    return wkv_turns_await(&loop->turns, asked, deadline_ns);
}

/* Waits until the server has taken all that was published. */
static bool flush(struct wkv_loop *loop, int64_t deadline_ns)
{
    natsStatus status;
    do
        status = natsConnection_FlushTimeout(loop->link.connection, slice_ms(deadline_ns));
    while (status == NATS_TIMEOUT && is_connected(loop) && wkv_monotonic_ns() < deadline_ns);
    return status == NATS_OK;
}

bool wkv_loop_drain(struct wkv_loop *loop, int64_t timeout_ms)
{
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    /* Without a server no request can be answered any more. */
    if (!loop->running || atomic_load(&loop->link.closed) || !is_connected(loop))
        return true;
    return drain_subscriptions(loop, deadline_ns) && await_turn(loop, deadline_ns) &&
           flush(loop, deadline_ns);
}

void wkv_loop_check(struct wkv_loop *loop)
{
    if (wkv_loop_is_lost(loop))
        return;
    if (wkv_turns_are_stuck(&loop->turns, STUCK_NS)) {
        wkv_log_warn(loop->options.log, "%s: the connection stopped in the middle of a message: closing it",
                     loop->name);
        wkv_poller_break(&loop->poller);
    }
    wkv_poller_wake(&loop->poller);
}

static void stop_thread(struct wkv_loop *loop, int64_t timeout_ms)
{
    bool turned =
        atomic_load(&loop->link.closed) || await_turn(loop, wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS);
    atomic_store_explicit(&loop->want_stop, true, memory_order_release);
    wkv_poller_wake(&loop->poller);
    /* The loop may be in a wait without end. */
    if (!turned)
        wkv_poller_break(&loop->poller);
    (void)pthread_join(loop->thread, NULL);
    atomic_store(&loop->poller.owner, (pthread_t)0);
    loop->running = false;
}

/* nats.c tells of the close on a thread of its own, after the calls that it had yet to make: the loop must
 * outlive that.
 */
static void close_connection(struct wkv_link *link)
{
    natsConnection_Close(link->connection);
    (void)pthread_mutex_lock(&link->lock);
    while (!atomic_load(&link->closed))
        (void)pthread_cond_wait(&link->changed, &link->lock);
    (void)pthread_mutex_unlock(&link->lock);
}

void wkv_loop_disconnect(struct wkv_loop *loop, int64_t timeout_ms)
{
    struct wkv_link *link = &loop->link;
    if (loop->running)
        stop_thread(loop, timeout_ms);
    wkv_intake_forget(loop);
    wkv_spent_empty(&loop->spent);
    /* The connection is closed first: a subscription destroyed while it is open leaves an UNSUB to be sent,
     * for which the close would wait half a second, since no loop is left to send it. */
    if (link->connection != NULL) {
        close_connection(link);
        wkv_poller_await_detached(&loop->poller);
    }
    (void)pthread_mutex_lock(&link->lock);
    wkv_link_await_holders(link);
    wkv_subscriptions_end(&loop->subscriptions);
    wkv_link_end(link);
    (void)pthread_mutex_unlock(&link->lock);
    wkv_poller_close_left(&loop->poller);
}

/* Why, where the server or nats.c has said so. */
static void tell_loss(struct wkv_loop *loop, natsConnection *connection)
{
    char text[WKV_WHY_BYTES];
    const char *why = wkv_why_closed(connection, text);
    wkv_log_warn(loop->options.log,
                 "%s: disconnected from the server; the data stays, trying to reconnect%s%s%s", loop->name,
                 why != NULL ? " (" : "", why != NULL ? why : "", why != NULL ? ")" : "");
}

void wkv_loop_on_closed(natsConnection *connection, void *closure)
{
    struct wkv_loop *loop = closure;
    struct wkv_link *link = &loop->link;
    bool was_up = atomic_exchange(&link->up, false);
    /* After `up`, which is looked at again after the process was called ready. */
    wkv_loop_note(loop, WKV_LOOP_UNCONFIRMED);
    if (was_up)
        wkv_loop_note(loop, WKV_LOOP_DISCONNECTED);
    if (was_up && !atomic_load(&loop->want_stop))
        tell_loss(loop, connection);
    (void)pthread_mutex_lock(&link->lock);
    atomic_store(&link->closed, true);
    /* Before the lock is given up: a thread that finds it closed may destroy the loop. */
    wkv_loop_notify(loop);
    (void)pthread_cond_broadcast(&link->changed);
    (void)pthread_mutex_unlock(&link->lock);
}
