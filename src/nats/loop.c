#include "nats/loop.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nats/loop_events.h"
#include "nats/loop_extra.h"
#include "nats/loop_renew.h"
#include "nats/loop_turn.h"
#include "support/clock.h"

/* A turn handles messages for so long, and then looks at the socket. */
#define SLICE_NS (2 * WKV_NS_PER_MS)
/* So often it is read in a turn while messages are left over; nats.c takes 32 KB at once. */
#define READS_BEHIND 8
/* Of messages that wait, see loop.h. */
#define BACKLOG_BYTES ((size_t)8 * 1024 * 1024)
/* After so many published bytes in one turn they are offered to the socket before the turn goes on. */
#define UNSENT_LOOK_BYTES ((size_t)1024 * 1024)
/* Messages that are done with, received or sent, are kept until there are WKV_LOOP_SPENT of them or they have
 * so many bytes, or so many have come since the last were destroyed. */
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
    wkv_backlog_init(&loop->backlog);
    randombytes_buf(loop->extras_key, sizeof loop->extras_key);
    atomic_init(&loop->socket_fd, -1);
    atomic_init(&loop->left_fd, -1);
    /* Where it has this function an event loop is to call it when it polls no more; all it does is to close.
     */
    loop->closes_sockets = dlsym(RTLD_DEFAULT, "natsConnection_ProcessCloseEvent") != NULL;
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

static void destroy_spent(struct wkv_loop *loop)
{
    for (size_t i = 0; i < loop->spent_count; i++)
        natsMsg_Destroy(loop->spent[i]);
    loop->clock_ns = 0;
    loop->spent_count = 0;
    loop->spent_bytes = 0;
    loop->spent_from = loop->bytes_seen;
}

void wkv_loop_retire(struct wkv_loop *loop, natsMsg *message)
{
    loop->spent[loop->spent_count++] = message;
    loop->spent_bytes += wkv_loop_bytes_of(message);
    if (loop->spent_count == WKV_LOOP_SPENT || loop->spent_bytes >= SPENT_BYTES)
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

/* Counted up by messages, too: a long turn is not a thread that is stuck. No other thread writes it; who sees
 * it counted up sees that what nats.c had read before is delivered (alone.c). */
void wkv_loop_note_progress(struct wkv_loop *loop)
{
    uint64_t begun = atomic_load_explicit(&loop->turns_begun, memory_order_relaxed);
    atomic_store_explicit(&loop->turns_begun, begun + 1, memory_order_release);
    wkv_pulse_beat(&loop->pulse);
}

void wkv_loop_keep(struct wkv_loop *loop, natsMsg *message)
{
    loop->kept.count++;
    loop->kept.bytes += wkv_loop_bytes_of(message);
    loop->kept.in_hand = true;
}

void wkv_loop_give_back(struct wkv_loop *loop, natsMsg *message)
{
    loop->kept.count--;
    loop->kept.bytes -= wkv_loop_bytes_of(message);
    if (loop->running)
        wkv_loop_retire(loop, message);
    else
        natsMsg_Destroy(message);
}

void wkv_loop_call_after_turns(struct wkv_loop *loop, wkv_loop_after_turn call, void *context)
{
    loop->kept.after_turn = call;
    loop->kept.context = context;
}

int64_t wkv_loop_late_ns(const struct wkv_loop *loop)
{
    return loop->late_ns;
}

static void handle(struct wkv_loop *loop, struct wkv_loop_subscription *from, natsMsg *message)
{
    wkv_loop_note_progress(loop);
    loop->kept.in_hand = false;
    if (wkv_loop_unsent(loop) >= WKV_LOOP_UNSENT_LAST)
        wkv_loop_drop(loop);
    else
        from->handle(loop, from->context, message);
    from->waiting--;
    if (!loop->kept.in_hand)
        wkv_loop_retire(loop, message);
    if (loop->unsent_bytes >= UNSENT_LOOK_BYTES)
        wkv_loop_offer_writes(loop);
}

/* Gets ready for the next messages, as many as are of one subscription up to a batch. Of what is shared out
 * only one is next for sure. */
static void prepare(struct wkv_loop *loop)
{
    const struct wkv_backlog_item *items[WKV_LOOP_BATCH];
    natsMsg *messages[WKV_LOOP_BATCH];
    size_t ahead = wkv_backlog_look(&loop->backlog, items, WKV_LOOP_BATCH);
    struct wkv_loop_subscription *from = items[0]->from;
    size_t count = 0;
    for (; count < ahead && items[count]->from == from; count++)
        messages[count] = items[count]->message;
    if (count > 1 && from->prepare != NULL)
        from->prepare(from->context, messages, count);
    loop->prepared = count;
}

void wkv_loop_handle_waiting(struct wkv_loop *loop)
{
    struct wkv_backlog_item item;
    while (loop->backlog.count > 0) {
        loop->clock_ns = wkv_loop_begun_ns(loop);
        if (loop->slice_end_ns == 0)
            loop->slice_end_ns = loop->clock_ns + SLICE_NS;
        if (loop->clock_ns >= loop->slice_end_ns ||
            atomic_load_explicit(&loop->want_stop, memory_order_relaxed))
            return;
        if (loop->prepared == 0)
            prepare(loop);
        loop->prepared--;
        (void)wkv_backlog_pop(&loop->backlog, &item);
        loop->late_ns = loop->max_wait_ns > 0 ? item.read_ns + loop->max_wait_ns : 0;
        loop->late = loop->late_ns > 0 && loop->clock_ns > loop->late_ns;
        handle(loop, item.from, item.message);
    }
}

/* Makes room for what comes: the oldest of whoever sent the most are refused. A single message may be as
 * large as the server lets it. */
static void refuse_excess(struct wkv_loop *loop)
{
    struct wkv_backlog_item item;
    loop->prepared = 0;
    while (loop->backlog.bytes > BACKLOG_BYTES && loop->backlog.count > 1 &&
           wkv_backlog_pop_heaviest(&loop->backlog, &item)) {
        struct wkv_loop_subscription *from = item.from;
        loop->late = true;
        if (loop->max_wait_ns > 0 && loop->backlog.bytes <= 2 * BACKLOG_BYTES) {
            handle(loop, from, item.message);
            continue;
        }
        wkv_loop_drop(loop);
        from->waiting--;
        wkv_loop_retire(loop, item.message);
    }
}

static void answer_turns(struct wkv_loop *loop, uint64_t asked)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    loop->turns_done = asked;
    (void)pthread_cond_broadcast(&loop->turn_done);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* How long to wait for something, for epoll_wait: as long as whoever is called after turns has said. */
static int wait_ms(const struct wkv_loop *loop)
{
    if (loop->kept.after_turn == NULL || loop->kept.next_turn_ns == WKV_NO_TURN)
        return -1;
    int64_t left_ns = loop->kept.next_turn_ns - wkv_monotonic_ns();
    if (left_ns <= 0)
        return 0;
    return left_ns / WKV_NS_PER_MS < INT_MAX ? (int)(left_ns / WKV_NS_PER_MS) + 1 : INT_MAX;
}

/* Waits for something to do, unless something is left to do. Returns whether the socket can be read. */
static bool await_events(struct wkv_loop *loop, bool wait)
{
    bool readable = false;
    struct epoll_event events[4];
    int count = epoll_wait(loop->epoll_fd, events, 4, wait ? wait_ms(loop) : 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == loop->wake_fd) {
            uint64_t drained;
            ssize_t got = read(loop->wake_fd, &drained, sizeof drained);
            (void)got;
        } else {
            readable |= (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
        }
    }
    return readable;
}

static void read_once(struct wkv_loop *loop)
{
    loop->turn++;
    wkv_pulse_set(&loop->pulse, false);
    natsConnection_ProcessReadEvent(loop->connection);
    wkv_pulse_set(&loop->pulse, true);
    loop->clock_ns = 0;
    /* The server may have told of another limit, a user's own say. It does so nowhere else: this is the limit
     * of every request until the next read. */
    wkv_loop_note_max_payload(loop);
}

/* One turn: wait, read, handle, write. While messages are left over it reads more at once: whoever is behind
 * them must be seen in time. */
static void turn(struct wkv_loop *loop)
{
    bool left_over = loop->backlog.count > 0;
    unsigned reads = left_over ? READS_BEHIND : 1;
    wkv_loop_note_progress(loop);
    uint64_t asked = atomic_load_explicit(&loop->turns_asked, memory_order_acquire);
    bool readable = await_events(loop, !left_over && (asked == loop->turns_done || loop->kept.count > 0));
    loop->clock_ns = 0;
    loop->slice_end_ns = 0;
    do {
        if (readable)
            read_once(loop);
        wkv_loop_take_in(loop);
        readable = readable && --reads > 0 && await_events(loop, false);
    } while (readable);
    wkv_loop_renew(loop);
    if (loop->backlog.bytes > BACKLOG_BYTES)
        refuse_excess(loop);
    wkv_loop_handle_waiting(loop);
    if (loop->backlog.count > 0)
        wkv_loop_share_backlog(loop);
    if (loop->kept.after_turn != NULL)
        loop->kept.next_turn_ns = loop->kept.after_turn(loop->kept.context);
    if (loop->bytes_seen - loop->spent_from >= SPENT_BYTES)
        destroy_spent(loop);
    wkv_loop_offer_writes(loop);
    wkv_loop_tell_refusals(loop);
    wkv_loop_update_interest(loop);
    if (asked != loop->turns_done && loop->backlog.count == 0 && loop->kept.count == 0)
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
    atomic_store_explicit(&loop->owner, pthread_self(), memory_order_relaxed);
    name_thread(loop);
    wkv_pulse_set(&loop->pulse, true);
    while (!atomic_load_explicit(&loop->want_stop, memory_order_acquire))
        turn(loop);
    wkv_pulse_set(&loop->pulse, false);
    return NULL;
}

void wkv_loop_forget_messages(struct wkv_loop *loop)
{
    struct wkv_backlog_item item;
    loop->prepared = 0;
    while (wkv_backlog_pop(&loop->backlog, &item)) {
        ((struct wkv_loop_subscription *)item.from)->waiting--;
        wkv_loop_retire(loop, item.message);
    }
    destroy_spent(loop);
}

void wkv_loop_destroy(struct wkv_loop *loop)
{
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    wkv_backlog_destroy(&loop->backlog);
    wkv_loop_extra_destroy(loop);
    (void)pthread_mutex_destroy(&loop->turn_lock);
    (void)pthread_cond_destroy(&loop->turn_done);
    (void)pthread_cond_destroy(&loop->holders_gone);
    (void)pthread_cond_destroy(&loop->extras_told);
    wkv_wipe_text(loop->url);
}
