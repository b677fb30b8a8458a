#include "nats/loop_events.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nats/loop_extra.h"
#include "support/clock.h"

/* The most that max_payload can be, as NATS documents it. What a broken server, or somebody in its place,
 * says beyond that must not decide how much memory a reply takes. */
#define MOST_PAYLOAD_BYTES ((int64_t)64 * 1024 * 1024)
/* Lines of a second's log that the server's complaints may take up: who makes us publish where we may not
 * decides how many there are, and nats.c has one thread for these and for the loss of connections. */
#define TOLD_A_SECOND 16

natsStatus wkv_loop_on_attach(void **user_data, void *argument, natsConnection *connection, natsSock socket)
{
    struct wkv_loop *loop = argument;
    (void)connection;
    *user_data = loop;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, socket, &event) != 0)
        return NATS_ERR;
    atomic_store(&loop->socket_fd, socket);
    return NATS_OK;
}

/* nats.c is about to close the socket: it must be out of the set before its number can mean another file. A
 * nats.c that leaves the closing to us may still be reading on the loop's thread: the server is told at once
 * that the connection is over, and the number is given back when that thread has ended. */
static void forget_socket(struct wkv_loop *loop)
{
    (void)pthread_mutex_lock(&loop->turn_lock);
    int socket = atomic_exchange(&loop->socket_fd, -1);
    (void)pthread_mutex_unlock(&loop->turn_lock);
    if (socket < 0)
        return;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, socket, NULL);
    if (loop->closes_sockets) {
        (void)shutdown(socket, SHUT_RDWR);
        atomic_store(&loop->left_fd, socket);
    }
}

void wkv_loop_close_left(struct wkv_loop *loop)
{
    int left = atomic_exchange(&loop->left_fd, -1);
    if (left >= 0)
        (void)close(left);
}

natsStatus wkv_loop_on_read(void *user_data, bool add)
{
    if (!add)
        forget_socket(user_data);
    return NATS_OK;
}

/* Called for each first byte to be sent, mostly from a handler on the loop's own thread, whose turn ends with
 * a write anyway; from any other thread the loop has to be woken. */
natsStatus wkv_loop_on_write(void *user_data, bool add)
{
    struct wkv_loop *loop = user_data;
    atomic_store_explicit(&loop->want_write, add, memory_order_release);
    if (add && !pthread_equal(pthread_self(), atomic_load_explicit(&loop->owner, memory_order_relaxed)))
        wkv_loop_wake(loop);
    return NATS_OK;
}

natsStatus wkv_loop_on_detach(void *user_data)
{
    forget_socket(user_data);
    return NATS_OK;
}

void wkv_loop_update_interest(struct wkv_loop *loop)
{
    int socket = atomic_load(&loop->socket_fd);
    bool writing = atomic_load_explicit(&loop->want_write, memory_order_acquire);
    uint32_t wanted = (uint32_t)EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0);
    if (socket < 0 || wanted == loop->interest)
        return;
    struct epoll_event event = {.events = wanted, .data.fd = socket};
    /* A socket that nats.c has just closed is no longer in the set: nothing to do. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, socket, &event);
    loop->interest = wanted;
}

/* Tells who waits on notify_fd that something is to be looked at. */
static void notify(struct wkv_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->notify_fd, &one, sizeof one);
    (void)written;
}

void wkv_loop_note_up(struct wkv_loop *loop)
{
    if (!atomic_exchange(&loop->up, true))
        wkv_stats_connected(loop->stats, loop->opened);
}

void wkv_loop_note_max_payload(struct wkv_loop *loop)
{
    int64_t bytes = natsConnection_GetMaxPayload(loop->connection);
    loop->max_payload = (size_t)(bytes < 0 ? 0 : bytes > MOST_PAYLOAD_BYTES ? MOST_PAYLOAD_BYTES : bytes);
}

/* Why, where the server or nats.c has said so: the text of a closed connection does not change any more. */
static void tell_loss(struct wkv_loop *loop, natsConnection *connection)
{
    const char *text = NULL;
    bool known = natsConnection_GetLastError(connection, &text) != NATS_OK && text != NULL && *text != '\0';
    wkv_log_warn(loop->log, "%s: disconnected from the server; the data stays, trying to reconnect%s%s%s",
                 loop->name, known ? " (" : "", known ? text : "", known ? ")" : "");
}

void wkv_loop_on_closed(natsConnection *connection, void *closure)
{
    struct wkv_loop *loop = closure;
    bool was_up = atomic_exchange(&loop->up, false);
    /* After `up`: whoever is about to call the process ready looks at that again afterwards. */
    wkv_stats_set_ready(loop->stats, false);
    if (was_up)
        wkv_stats_disconnected(loop->stats);
    if (was_up && !atomic_load(&loop->want_stop))
        tell_loss(loop, connection);
    (void)pthread_mutex_lock(&loop->turn_lock);
    atomic_store(&loop->closed, true);
    /* Before the lock is given up: who finds it closed may destroy the loop. */
    notify(loop);
    (void)pthread_cond_broadcast(&loop->turn_done);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* Whether the server's text is about a subscription that we can do without: one that says so, or one of a
 * single actor (loop_extra.h). The text quotes the subject, which nats.c may have cut off. */
static bool is_optional(const struct wkv_loop *loop, const char *text)
{
    const char *subject = strchr(text, '"');
    if (subject == NULL)
        return false;
    bool whole = strchr(subject + 1, '"') != NULL;
    for (size_t i = 0; i < loop->subscription_count; i++) {
        char quoted[WKV_SUBJECT_BYTES + 2];
        int len = snprintf(quoted, sizeof quoted, "\"%s\"", loop->subscriptions[i].subject);
        if (!loop->subscriptions[i].optional &&
            strncmp(subject, quoted, whole ? (size_t)len : strlen(subject)) == 0)
            return false;
    }
    return true;
}

/* A subscription that every connection must have. While one is opened its opener waits for this; later, the
 * server has taken back what it had granted, and nobody but its operator knows when it grants it again: the
 * connection is as good as lost, and is opened again until it has all. */
static void note_refusal(struct wkv_loop *loop, const char *text)
{
    if (strstr(text, "Permissions Violation for Subscription") == NULL)
        return;
    if (is_optional(loop, text)) {
        wkv_loop_extra_refused(loop, text);
        return;
    }
    (void)pthread_mutex_lock(&loop->turn_lock);
    if (loop->refusal[0] == '\0')
        (void)snprintf(loop->refusal, sizeof loop->refusal, "%s", text);
    (void)pthread_cond_broadcast(&loop->turn_done);
    bool granted = atomic_exchange(&loop->confirmed, false);
    (void)pthread_mutex_unlock(&loop->turn_lock);
    if (!granted)
        return;
    wkv_stats_set_ready(loop->stats, false);
    wkv_log_warn(loop->log, "%s: the server takes a subscription back: not ready until it grants it again",
                 loop->name);
    atomic_store(&loop->refused, true);
    notify(loop);
}

/* A reply that was sent and will not arrive. What the provider says in its own name, and may not, is none. */
static void count_unsent(struct wkv_loop *loop, const char *text)
{
    static const char publishing[] = "Permissions Violation for Publish to \"";
    char subject[WKV_SUBJECT_BYTES];
    const char *found = strcasestr(text, publishing);
    if (found == NULL)
        return;
    found += strlen(publishing);
    (void)snprintf(subject, sizeof subject, "%.*s", (int)strcspn(found, "\""), found);
    if (wkv_subject_takes_replies(loop->address, subject))
        wkv_stats_count_refused_reply(loop->stats);
}

/* Whether one more line is to be logged. */
static bool may_tell(struct wkv_loop *loop)
{
    int64_t now_ns = wkv_monotonic_ns();
    if (now_ns - loop->told_from_ns >= WKV_NS_PER_S) {
        if (loop->told > TOLD_A_SECOND)
            wkv_log_warn(loop->log, "%s: the server said such things %u times more", loop->name,
                         loop->told - TOLD_A_SECOND);
        loop->told_from_ns = now_ns;
        loop->told = 0;
    }
    loop->told += loop->told < UINT_MAX ? 1 : 0;
    return loop->told <= TOLD_A_SECOND;
}

/* nats.c hands the text of this error to this thread. The connection's own (natsConnection_GetLastError) is
 * overwritten by the next error while it is read. */
void wkv_loop_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                       void *closure)
{
    struct wkv_loop *loop = closure;
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);
    (void)connection;
    (void)subscription;
    if (text == NULL || last != status)
        text = "no more than that";
    if (status == NATS_NOT_PERMITTED) {
        note_refusal(loop, text);
        count_unsent(loop, text);
    }
    if (may_tell(loop))
        wkv_log_warn(loop->log, "%s: the server says: %s (%s)", loop->name, text, natsStatus_GetText(status));
}

void wkv_loop_on_discovered(natsConnection *connection, void *closure)
{
    struct wkv_loop *loop = closure;
    char **urls = NULL;
    int count = 0;
    if (natsConnection_GetDiscoveredServers(connection, &urls, &count) != NATS_OK)
        return;
    if (count > 0)
        wkv_pool_discovered(loop->pool, loop->url, urls, count);
    for (int i = 0; i < count; i++)
        free(urls[i]);
    free(urls);
}
