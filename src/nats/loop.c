#include "nats/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "support/clock.h"

/* So often the socket is read in a turn while messages are left over; nats.c takes 32 KB at once. */
#define READS_BEHIND 8

static void poke(void *context)
{
    wkv_poller_wake(context);
}

enum wkv_code wkv_loop_init(struct wkv_loop *loop, const struct wkv_loop_options *options,
                            struct wkv_error *error)
{
    memset(loop, 0, sizeof *loop);
    loop->options = *options;
    (void)snprintf(loop->name, sizeof loop->name, "%s", options->name);
    loop->options.name = loop->name;
    wkv_link_init(&loop->link);
    wkv_subscriptions_init(&loop->subscriptions, &loop->link, &loop->poller);
    wkv_turns_init(&loop->turns, loop->name, poke, &loop->poller);
    wkv_backlog_init(&loop->intake.backlog);
    if (!wkv_poller_init(&loop->poller))
        return wkv_fail(error, WKV_UNAVAILABLE, "%s: no file descriptors for a loop: %s", loop->name,
                        strerror(errno));
    return WKV_OK;
}

void wkv_loop_destroy(struct wkv_loop *loop)
{
    wkv_backlog_destroy(&loop->intake.backlog);
    wkv_subscriptions_destroy(&loop->subscriptions);
    wkv_turns_destroy(&loop->turns);
    wkv_poller_destroy(&loop->poller);
    wkv_link_destroy(&loop->link);
}

enum wkv_code wkv_loop_listen(struct wkv_loop *loop, const struct wkv_listen *listen, struct wkv_error *error)
{
    return wkv_subscriptions_listen(&loop->subscriptions, listen)
               ? WKV_OK
               : wkv_fail(error, WKV_NO_MEMORY, "%s: no memory for a subscription", loop->name);
}

void wkv_loop_notify(struct wkv_loop *loop)
{
    (void)eventfd_write(loop->options.notify_fd, 1);
}

void wkv_loop_publish(struct wkv_loop *loop, const char *subject, const char *text)
{
    natsConnection *connection = wkv_link_hold(&loop->link);
    if (connection == NULL)
        return;
    (void)natsConnection_PublishString(connection, subject, text);
    wkv_link_let_go(&loop->link);
}

bool wkv_loop_is_confirmed(struct wkv_loop *loop)
{
    return atomic_load(&loop->link.up) && atomic_load(&loop->link.confirmed);
}

bool wkv_loop_is_lost(struct wkv_loop *loop)
{
    return !loop->running || atomic_load(&loop->link.closed) || atomic_load(&loop->link.taken_back);
}

/* ---- the loop's thread ---- */

void wkv_loop_retire_sized(struct wkv_loop *loop, natsMsg *message, size_t bytes)
{
    if (wkv_spent_add(&loop->spent, message, bytes))
        loop->clock_ns = 0;
}

void wkv_loop_retire(struct wkv_loop *loop, natsMsg *message)
{
    wkv_loop_retire_sized(loop, message, wkv_message_bytes(message));
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

void wkv_loop_note_progress(struct wkv_loop *loop)
{
    wkv_turns_note(&loop->turns);
}

static void read_once(struct wkv_loop *loop)
{
    loop->intake.reads++;
    wkv_pulse_rest(&loop->turns.pulse);
    natsConnection_ProcessReadEvent(loop->link.connection);
    wkv_pulse_turn(&loop->turns.pulse);
    loop->clock_ns = 0;
    /* The server may have told of another limit, a user's own say. It does so nowhere else: this is the limit
     * of every request until the next read. */
    wkv_loop_note_max_payload(loop);
}

/* How long the next turn may wait for something. */
static int64_t wait_ns(const struct wkv_loop *loop)
{
    int64_t ns = wkv_kept_wait_ns(&loop->kept);
    bool soon = ns != WKV_POLLER_FOREVER && ns < WKV_NS_PER_MS;
    return loop->subscriptions.hurries && !soon ? WKV_NS_PER_MS : ns;
}

/* One turn: wait, read, handle, write. While messages are left over it reads more at once: their sender must
 * be seen in time. */
static void turn(struct wkv_loop *loop)
{
    struct wkv_intake *intake = &loop->intake;
    bool left_over = intake->backlog.count > 0;
    unsigned reads = left_over ? READS_BEHIND : 1;
    wkv_turns_note(&loop->turns);
    uint64_t asked = wkv_turns_asked(&loop->turns);
    bool waits =
        left_over ? wkv_kept_is_full(&loop->kept) : asked == loop->turns.done || loop->kept.count > 0;
    bool readable =
        wkv_poller_wait(&loop->poller, waits ? wait_ns(loop) : 0) && !(left_over && loop->options.reads_last);
    loop->clock_ns = 0;
    intake->slice_end_ns = 0;
    do {
        if (readable)
            read_once(loop);
        wkv_intake_take(loop);
        readable = readable && --reads > 0 && wkv_poller_wait(&loop->poller, 0);
    } while (readable);
    wkv_renewals_ask(&loop->subscriptions);
    wkv_intake_refuse_excess(loop);
    wkv_intake_handle(loop);
    wkv_intake_share(loop);
    wkv_kept_end_turn(&loop->kept);
    wkv_sending_offer(loop);
    wkv_sending_tell(loop);
    wkv_poller_update(&loop->poller);
    if (asked != loop->turns.done && intake->backlog.count == 0 && loop->kept.count == 0)
        wkv_turns_end(&loop->turns, asked);
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
    atomic_store_explicit(&loop->poller.owner, pthread_self(), memory_order_relaxed);
    name_thread(loop);
    wkv_pulse_turn(&loop->turns.pulse);
    while (!atomic_load_explicit(&loop->want_stop, memory_order_acquire))
        turn(loop);
    wkv_pulse_rest(&loop->turns.pulse);
    return NULL;
}
