/* How a loop's connection ends: drained, broken where it is stuck, closed. */
#include "nats/loop.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "nats/loop_events.h"
#include "nats/loop_extra.h"
#include "support/clock.h"

#define DRAIN_SLICE_MS 200
#define DRAIN_AT_ONCE 64
/* With the time between two checks less than the ten seconds after which nats.c's own timer may find the
 * connection stale. */
#define STUCK_NS (7 * WKV_NS_PER_S)

/* Waits until the loop has done a whole turn that began after this call: what it had taken in hand before is
 * answered. */
static bool await_turn(struct wkv_loop *loop, int64_t deadline_ns)
{
    uint64_t mine = atomic_fetch_add_explicit(&loop->turns_asked, 1, memory_order_acq_rel) + 1;
    wkv_loop_wake(loop);
    struct timespec until = {deadline_ns / WKV_NS_PER_S, deadline_ns % WKV_NS_PER_S};
    int waited = 0;
    (void)pthread_mutex_lock(&loop->turn_lock);
    while (loop->turns_done < mine && waited == 0)
        waited = pthread_cond_timedwait(&loop->turn_done, &loop->turn_lock, &until);
    bool done = loop->turns_done >= mine;
    (void)pthread_mutex_unlock(&loop->turn_lock);
    return done;
}

static int64_t left_ms(int64_t deadline_ns)
{
    int64_t left = (deadline_ns - wkv_monotonic_ns()) / WKV_NS_PER_MS;
    return left < 1 ? 1 : left;
}

static bool is_connected(const struct wkv_loop *loop)
{
    return natsConnection_Status(loop->connection) == NATS_CONN_STATUS_CONNECTED;
}

/* How long to wait in one go: the connection may be lost at any moment of a drain, and nats.c would wait on
 * for an answer that cannot come. */
static int64_t slice_ms(int64_t deadline_ns)
{
    int64_t left = left_ms(deadline_ns);
    return left < DRAIN_SLICE_MS ? left : DRAIN_SLICE_MS;
}

static bool begin_drain(const struct wkv_loop_subscription *one, int64_t deadline_ns)
{
    return one->subscription == NULL ||
           natsSubscription_DrainTimeout(one->subscription, left_ms(deadline_ns)) == NATS_OK;
}

static bool await_drained(struct wkv_loop *loop, natsSubscription *subscription, int64_t deadline_ns)
{
    natsStatus status;
    if (subscription == NULL)
        return true;
    do
        status = natsSubscription_WaitForDrainCompletion(subscription, slice_ms(deadline_ns));
    while (status == NATS_TIMEOUT && is_connected(loop) && wkv_monotonic_ns() < deadline_ns);
    return status == NATS_OK;
}

/* Some at a time, since nats.c starts a thread for each that it drains. */
static bool drain_extras(struct wkv_loop *loop, int64_t deadline_ns)
{
    bool drained = true;
    struct wkv_loop_extra *end;
    for (struct wkv_loop_extra *first = loop->extras; first != NULL && is_connected(loop); first = end) {
        size_t begun = 0;
        for (end = first; end != NULL && begun < DRAIN_AT_ONCE; end = end->next, begun++)
            drained &= end->dropped || begin_drain(&end->listen, deadline_ns);
        for (struct wkv_loop_extra *one = first; one != end && is_connected(loop); one = one->next)
            drained &= one->dropped || await_drained(loop, one->listen.subscription, deadline_ns);
    }
    return drained;
}

/* nats.c's drain of a subscription: it tells the server, waits until the server has heard (so nothing more
 * comes), and then until the queue is empty, which the loop sees to. The connection stays up, so the replies
 * go out. */
static bool drain_subscriptions(struct wkv_loop *loop, int64_t deadline_ns)
{
    bool drained = true;
    for (size_t i = 0; i < loop->subscription_count && is_connected(loop); i++)
        drained &= begin_drain(&loop->subscriptions[i], deadline_ns);
    for (size_t i = 0; i < loop->subscription_count && is_connected(loop); i++)
        drained &= await_drained(loop, loop->subscriptions[i].subscription, deadline_ns);
    drained &= drain_extras(loop, deadline_ns);
    return drained && is_connected(loop);
}

/* Waits until the server has taken all that was published. */
static bool flush(struct wkv_loop *loop, int64_t deadline_ns)
{
    natsStatus status;
    do
        status = natsConnection_FlushTimeout(loop->connection, slice_ms(deadline_ns));
    while (status == NATS_TIMEOUT && is_connected(loop) && wkv_monotonic_ns() < deadline_ns);
    return status == NATS_OK;
}

bool wkv_loop_drain(struct wkv_loop *loop, int64_t timeout_ms)
{
    if (!loop->running || atomic_load(&loop->closed))
        return true;
    /* Without a server there is nobody whose requests could still be answered. */
    if (!is_connected(loop))
        return true;
    int64_t deadline_ns = wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS;
    wkv_loop_extra_freeze(loop);
    return drain_subscriptions(loop, deadline_ns) && await_turn(loop, deadline_ns) &&
           flush(loop, deadline_ns);
}

/* nats.c tells of the close on a thread of its own, after the calls that it had yet to make: the loop must
 * outlive that. */
static void await_closed(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    while (!atomic_load(&loop->closed))
        (void)pthread_cond_wait(&loop->turn_done, &loop->turn_lock);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* Whoever waits at the socket is woken, and finds it ended. Under the lock it is still ours. */
static void break_socket(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    int socket = atomic_load(&loop->socket_fd);
    if (socket >= 0)
        (void)shutdown(socket, SHUT_RDWR);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

void wkv_loop_check(struct wkv_loop *loop)
{
    if (wkv_loop_is_lost(loop))
        return;
    int64_t now_ns = wkv_monotonic_ns();
    uint64_t turns = atomic_load_explicit(&loop->turns_begun, memory_order_relaxed);
    if (turns != loop->turns_seen) {
        loop->turns_seen = turns;
        loop->turned_ns = now_ns;
    } else if (now_ns - loop->turned_ns > STUCK_NS) {
        wkv_log_warn(loop->log, "%s: the connection has stopped within a message: ending it", loop->name);
        break_socket(loop);
        loop->turned_ns = now_ns;
    }
    wkv_loop_wake(loop);
}

void wkv_loop_disconnect(struct wkv_loop *loop, int64_t timeout_ms)
{
    if (loop->running) {
        bool turned =
            atomic_load(&loop->closed) || await_turn(loop, wkv_monotonic_ns() + timeout_ms * WKV_NS_PER_MS);
        atomic_store_explicit(&loop->want_stop, true, memory_order_release);
        wkv_loop_wake(loop);
        /* It may be one that waits without end. */
        if (!turned)
            break_socket(loop);
        (void)pthread_join(loop->thread, NULL);
        atomic_store(&loop->owner, (pthread_t)0);
        loop->running = false;
    }
    wkv_loop_forget_messages(loop);
    /* Closed first: a subscription that goes while the connection is open leaves an UNSUB behind, for which
     * the close would then wait half a second, as there is no loop any more to send it. */
    if (loop->connection != NULL) {
        natsConnection_Close(loop->connection);
        await_closed(loop);
    }
    (void)pthread_mutex_lock(&loop->extra_lock);
    while (loop->holders > 0)
        (void)pthread_cond_wait(&loop->holders_gone, &loop->extra_lock);
    for (size_t i = 0; i < loop->subscription_count; i++) {
        natsSubscription_Destroy(loop->subscriptions[i].subscription);
        loop->subscriptions[i].subscription = NULL;
    }
    wkv_loop_extra_unsubscribe(loop);
    natsConnection_Destroy(loop->connection);
    loop->connection = NULL;
    (void)pthread_mutex_unlock(&loop->extra_lock);
    wkv_loop_close_left(loop);
    natsStatistics_Destroy(loop->statistics);
    loop->statistics = NULL;
}

natsConnection *wkv_loop_hold(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    natsConnection *held = atomic_load(&loop->up) ? loop->connection : NULL;
    loop->holders += held != NULL ? 1 : 0;
    (void)pthread_mutex_unlock(&loop->extra_lock);
    return held;
}

void wkv_loop_let_go(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->extra_lock);
    if (--loop->holders == 0)
        (void)pthread_cond_broadcast(&loop->holders_gone);
    (void)pthread_mutex_unlock(&loop->extra_lock);
}
