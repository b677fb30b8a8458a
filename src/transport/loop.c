#include "transport/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/loop_events.h"
#include "transport/loop_extra.h"
#include "wascc_keyvalue/clock.h"

/* With more than this waiting to be sent, the loop reads no further requests until the server has taken some:
 * a caller that asks faster than it listens holds up itself, not our memory. */
#define UNSENT_HIGH_BYTES ((size_t)8 * 1024 * 1024)
/* After so many published bytes in one turn they are offered to the socket before the turn goes on. */
#define UNSENT_LOOK_BYTES ((size_t)1024 * 1024)
/* Handled messages are kept until there are WKV_LOOP_SPENT of them or so many bytes, headers included, have
 * come since the last were destroyed. */
#define SPENT_BYTES ((uint64_t)2 * 1024 * 1024)

static void poke(void *context)
{
    wkv_loop_wake(context);
}

enum wkv_code wkv_loop_init(struct wkv_loop *loop, const char *name, const struct wkv_address *address,
                            struct wkv_stats *stats, struct wkv_log *log, int notify_fd,
                            struct wkv_error *error)
{
    memset(loop, 0, sizeof *loop);
    (void)snprintf(loop->name, sizeof loop->name, "%s", name);
    loop->address = address;
    loop->stats = stats;
    loop->log = log;
    loop->notify_fd = notify_fd;
    loop->pulse = (struct wkv_pulse){.name = loop->name, .poke = poke, .context = loop};
    loop->extras_room = SIZE_MAX;
    randombytes_buf(loop->extras_key, sizeof loop->extras_key);
    atomic_init(&loop->socket_fd, -1);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.fd = loop->wake_fd};
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) != 0 ||
        pthread_mutex_init(&loop->turn_lock, NULL) != 0 || pthread_mutex_init(&loop->extra_lock, NULL) != 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "%s: no file descriptors for a loop: %s", name,
                        strerror(errno));
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&loop->turn_done, &monotonic);
    (void)pthread_cond_init(&loop->holders_gone, &monotonic);
    (void)pthread_cond_init(&loop->extras_told, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return WKV_OK;
}

void wkv_loop_listen(struct wkv_loop *loop, const char *subject, const char *queue, wkv_loop_handler handle,
                     wkv_loop_preparer prepare, void *context)
{
    struct wkv_loop_subscription *one = &loop->subscriptions[loop->subscription_count++];
    one->handle = handle;
    one->prepare = prepare;
    one->context = context;
    one->subscription = NULL;
    (void)snprintf(one->subject, sizeof one->subject, "%s", subject);
    (void)snprintf(one->queue, sizeof one->queue, "%s", queue == NULL ? "" : queue);
}

void wkv_loop_listen_optional(struct wkv_loop *loop)
{
    loop->subscriptions[loop->subscription_count - 1].optional = true;
}

void wkv_loop_wake(struct wkv_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

/* ---- the loop's thread ---- */

/* Takes over how many messages nats.c has put into subscriptions since the last look. */
static void count_pending(struct wkv_loop *loop)
{
    uint64_t in = 0;
    if (natsConnection_GetStats(loop->connection, loop->statistics) != NATS_OK ||
        natsStatistics_GetCounts(loop->statistics, &in, &loop->bytes_seen, NULL, NULL, NULL) != NATS_OK)
        return;
    loop->pending += in - loop->messages_seen;
    loop->messages_seen = in;
}

/* Offers what is buffered to the socket. Returns whether the buffer is low enough to go on. */
static bool offer_writes(struct wkv_loop *loop)
{
    if (!atomic_load_explicit(&loop->want_write, memory_order_acquire))
        return true;
    wkv_pulse_set(&loop->pulse, false);
    natsConnection_ProcessWriteEvent(loop->connection);
    wkv_pulse_set(&loop->pulse, true);
    loop->clock_ns = 0;
    loop->unsent_bytes = 0;
    if (!atomic_load_explicit(&loop->want_write, memory_order_acquire))
        return true;
    int buffered = natsConnection_Buffered(loop->connection);
    return buffered < 0 || (size_t)buffered < UNSENT_HIGH_BYTES;
}

static void destroy_spent(struct wkv_loop *loop)
{
    for (size_t i = 0; i < loop->spent_count; i++)
        natsMsg_Destroy(loop->spent[i]);
    loop->clock_ns = 0;
    loop->spent_count = 0;
    loop->spent_from = loop->bytes_seen;
}

void wkv_loop_retire(struct wkv_loop *loop, natsMsg *message)
{
    loop->spent[loop->spent_count++] = message;
    if (loop->spent_count == WKV_LOOP_SPENT)
        destroy_spent(loop);
}

int64_t wkv_loop_begun_ns(const struct wkv_loop *loop)
{
    return loop->clock_ns != 0 ? loop->clock_ns : wkv_monotonic_ns();
}

int64_t wkv_loop_done_ns(struct wkv_loop *loop)
{
    loop->clock_ns = wkv_monotonic_ns();
    return loop->clock_ns;
}

/* Handles what is left of the batch. Returns false where it had to stop because what is to be sent piles up.
 */
static bool handle_batch(struct wkv_loop *loop)
{
    loop->clock_ns = 0;
    wkv_pulse_beat(&loop->pulse);
    while (loop->batch_next < loop->batch_count) {
        natsMsg *message = loop->batch[loop->batch_next++];
        loop->batch_from->handle(loop, loop->batch_from->context, message);
        wkv_loop_retire(loop, message);
        if ((loop->unsent_bytes >= UNSENT_LOOK_BYTES && !offer_writes(loop)) ||
            atomic_load_explicit(&loop->want_stop, memory_order_relaxed))
            return false;
    }
    return true;
}

/* Whether the message is what was subscribed to, and its reply what the provider may send. What is not is
 * dropped and counted. */
static bool may_handle(struct wkv_loop *loop, const struct wkv_loop_subscription *from, natsMsg *message)
{
    const char *reply = natsMsg_GetReply(message);
    bool expected = wkv_subject_matches(from->subject, natsMsg_GetSubject(message));
    if (expected && (reply == NULL || wkv_subject_takes_replies(loop->address, reply)))
        return true;
    wkv_stats_count_dropped(loop->stats, expected ? WKV_DROP_REPLY_SUBJECT : WKV_DROP_SUBJECT);
    return false;
}

/* Takes the next messages of a subscription, as many as there are up to a batch. Returns whether there may be
 * more. */
static bool fill_batch(struct wkv_loop *loop, struct wkv_loop_subscription *from)
{
    natsStatus status = NATS_OK;
    loop->batch_from = from;
    loop->batch_next = 0;
    loop->batch_count = 0;
    /* A request that pretends to be the server's "no responders" is taken away by nats.c and says so here. */
    while (loop->pending > 0 && loop->batch_count < WKV_LOOP_BATCH &&
           (status == NATS_OK || status == NATS_NO_RESPONDERS)) {
        natsMsg *message = NULL;
        status = natsSubscription_NextMsg(&message, from->subscription, 0);
        loop->pending -= status == NATS_OK || status == NATS_NO_RESPONDERS ? 1 : 0;
        if (status == NATS_OK && may_handle(loop, from, message))
            loop->batch[loop->batch_count++] = message;
        else if (status == NATS_OK)
            wkv_loop_retire(loop, message);
    }
    if (loop->batch_count > 1 && from->prepare != NULL)
        from->prepare(from->context, loop->batch, loop->batch_count);
    return loop->batch_count == WKV_LOOP_BATCH;
}

/* Handles the messages of one subscription until none is left there. Returns false where it had to stop. */
static bool handle_subscription(struct wkv_loop *loop, struct wkv_loop_subscription *from)
{
    bool more;
    do {
        more = fill_batch(loop, from);
        if (!handle_batch(loop))
            return false;
    } while (more);
    return true;
}

/* A look at an empty subscription by taking a message costs nearly as much as a message: nats.c words an
 * error for it. */
static bool has_messages(natsSubscription *subscription)
{
    uint64_t queued = 0;
    return subscription != NULL && natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK &&
           queued > 0;
}

/* Handles what is pending for the subjects that every connection has, beginning where messages came last:
 * mostly one operation is all the traffic. Returns false where it had to stop. */
static bool handle_fixed(struct wkv_loop *loop)
{
    size_t first = loop->hot;
    for (size_t i = 0; i < loop->subscription_count && loop->pending > 0; i++) {
        size_t index = (first + i) % loop->subscription_count;
        struct wkv_loop_subscription *from = &loop->subscriptions[index];
        if (!has_messages(from->subscription))
            continue;
        uint64_t before = loop->pending;
        bool go_on = handle_subscription(loop, from);
        if (loop->pending != before) {
            loop->hot = index;
            loop->extras_first = false;
        }
        if (!go_on)
            return false;
    }
    return true;
}

/* Likewise for the subjects of single actors: one that had messages goes to the front. */
static bool handle_extras(struct wkv_loop *loop)
{
    for (struct wkv_loop_extra **link = &loop->recent; *link != NULL && loop->pending > 0;) {
        struct wkv_loop_extra *one = *link;
        uint64_t before = loop->pending;
        bool go_on = !has_messages(one->listen.subscription) || handle_subscription(loop, &one->listen);
        if (loop->pending != before) {
            *link = one->next_recent;
            one->next_recent = loop->recent;
            loop->recent = one;
            loop->extras_first = true;
        }
        if (!go_on)
            return false;
        /* The one that went to the front may have left link pointing at its own successor's place: that is
         * what follows. */
        if (*link == one)
            link = &one->next_recent;
    }
    return true;
}

/* Handles what is pending. Returns false where it had to stop. */
static bool handle_pending(struct wkv_loop *loop)
{
    if (!handle_batch(loop))
        return false;
    wkv_loop_extra_refresh(loop);
    bool extras_first = loop->extras_first;
    if (!(extras_first ? handle_extras(loop) : handle_fixed(loop)) ||
        !(extras_first ? handle_fixed(loop) : handle_extras(loop)))
        return false;
    /* What is left was for no subscription of ours (a client's inbox on this connection, or one that has
     * ended). */
    loop->pending = 0;
    return true;
}

static void answer_turns(struct wkv_loop *loop, uint64_t asked)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    loop->turns_done = asked;
    (void)pthread_cond_broadcast(&loop->turn_done);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* One turn: wait, read, handle, write. */
static void turn(struct wkv_loop *loop, bool *flowing)
{
    bool readable = false;
    bool woken = false;
    struct epoll_event events[4];
    /* No other thread writes it. */
    uint64_t begun = atomic_load_explicit(&loop->turns_begun, memory_order_relaxed);
    atomic_store_explicit(&loop->turns_begun, begun + 1, memory_order_relaxed);
    wkv_pulse_beat(&loop->pulse);
    uint64_t asked = atomic_load_explicit(&loop->turns_asked, memory_order_acquire);
    int count = epoll_wait(loop->epoll_fd, events, 4, asked != loop->turns_done && *flowing ? 0 : -1);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == loop->wake_fd)
            woken = true;
        else
            readable |= (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    }
    if (woken) {
        uint64_t drained;
        ssize_t got = read(loop->wake_fd, &drained, sizeof drained);
        (void)got;
    }
    if (readable && *flowing) {
        loop->turn++;
        wkv_pulse_set(&loop->pulse, false);
        natsConnection_ProcessReadEvent(loop->connection);
        wkv_pulse_set(&loop->pulse, true);
        /* The server may have told of another limit, a user's own say. It does so nowhere else: this is the
         * limit of every request until the next read. */
        wkv_loop_note_max_payload(loop);
    }
    count_pending(loop);
    /* Where the server takes no replies, none are made, whatever has woken the loop. */
    *flowing = offer_writes(loop) && handle_pending(loop);
    if (loop->bytes_seen - loop->spent_from >= SPENT_BYTES)
        destroy_spent(loop);
    if (!offer_writes(loop))
        *flowing = false;
    wkv_loop_update_interest(loop, *flowing);
    if (asked != loop->turns_done && *flowing)
        answer_turns(loop, asked);
}

/* As `top -H` and a debugger show it; Linux takes fifteen characters. */
static void name_thread(const struct wkv_loop *loop)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%.15s", loop->name);
    (void)pthread_setname_np(pthread_self(), name);
}

void *wkv_loop_run(void *argument)
{
    struct wkv_loop *loop = argument;
    bool flowing = true;
    atomic_store_explicit(&loop->owner, pthread_self(), memory_order_relaxed);
    name_thread(loop);
    wkv_pulse_set(&loop->pulse, true);
    while (!atomic_load_explicit(&loop->want_stop, memory_order_acquire))
        turn(loop, &flowing);
    wkv_pulse_set(&loop->pulse, false);
    return NULL;
}

void wkv_loop_forget_messages(struct wkv_loop *loop)
{
    while (loop->batch_next < loop->batch_count)
        wkv_loop_retire(loop, loop->batch[loop->batch_next++]);
    destroy_spent(loop);
}

void wkv_loop_destroy(struct wkv_loop *loop)
{
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    wkv_loop_extra_destroy(loop);
    (void)pthread_mutex_destroy(&loop->turn_lock);
    (void)pthread_cond_destroy(&loop->turn_done);
    (void)pthread_cond_destroy(&loop->holders_gone);
    (void)pthread_cond_destroy(&loop->extras_told);
    free(loop->url);
}
