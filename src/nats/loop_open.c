/* How a loop's connection comes to be: connected, subscribed, running, confirmed. */
#include "nats/loop.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "nats/attempt.h"
#include "nats/loop_events.h"
#include "nats/loop_extra.h"
#include "nats/server_pool.h"
#include "support/clock.h"

/* How long to wait for nats.c to pass on what the server said. */
#define REFUSAL_WAIT_MS 1000
/* For the server's confirmation of the subscriptions, and how often to look whether it is still wanted. */
#define CONFIRM_TIMEOUT_MS 5000
#define CONFIRM_SLICE_MS 100

static natsStatus set_options(struct wkv_loop *loop, natsOptions *options)
{
    natsStatus status = natsOptions_SetEventLoop(options, loop, wkv_loop_on_attach, wkv_loop_on_read,
                                                 wkv_loop_on_write, wkv_loop_on_detach);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(options, wkv_loop_on_closed, loop);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, wkv_loop_on_error, loop);
    if (status == NATS_OK)
        status = natsOptions_SetDiscoveredServersCB(options, wkv_loop_on_discovered, loop);
    return status;
}

static void reset_for_connection(struct wkv_loop *loop)
{
    atomic_store(&loop->want_stop, false);
    atomic_store(&loop->want_write, false);
    atomic_store(&loop->closed, false);
    atomic_store(&loop->confirmed, false);
    atomic_store(&loop->refused, false);
    loop->interest = EPOLLIN;
    loop->messages_seen = 0;
    loop->bytes_seen = 0;
    loop->spent_from = 0;
    loop->pending = 0;
    loop->unsent_bytes = 0;
    loop->buffered_bytes = 0;
    loop->hot = 0;
    (void)pthread_mutex_lock(&loop->turn_lock);
    loop->refusal[0] = '\0';
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* OpenSSL keeps errors in a queue of each thread, and nats.c leaves there what ended a connection over TLS.
 * For the next connection that this thread makes "would block" then looks like that error. So each begins
 * with an empty queue; the loop's thread is a new one for each. It is nats.c that links OpenSSL, if anything
 * does, hence the look-up. */
static void forget_tls_errors(void)
{
    void (*clear)(void) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "ERR_clear_error");
    memcpy(&clear, &found, sizeof clear);
    if (clear != NULL)
        clear();
}

static natsStatus connect_now(struct wkv_loop *loop, natsOptions *options,
                              const struct wkv_attempt_limits *limits)
{
    natsConnection *connection = NULL;
    forget_tls_errors();
    natsStatus status = wkv_attempt(&connection, options, limits);
    (void)pthread_mutex_lock(&loop->extra_lock);
    loop->connection = connection;
    (void)pthread_mutex_unlock(&loop->extra_lock);
    return status;
}

static enum wkv_code connect_to(struct wkv_loop *loop, const struct wkv_connect_options *connect,
                                const struct wkv_dial_server *server, const struct wkv_server_url *url,
                                struct wkv_error *error)
{
    natsOptions *options;
    if (wkv_connect_options_apply(connect, url, "wascc-keyvalue", &options, error) != WKV_OK)
        return error->code;
    reset_for_connection(loop);
    wkv_wipe_text(loop->url);
    loop->url = strdup(server->pool_url);
    natsStatus status = loop->url == NULL ? NATS_NO_MEMORY : set_options(loop, options);
    if (status == NATS_OK && *server->tls_name != '\0')
        status = natsOptions_SetExpectedHostname(options, server->tls_name);
    if (status == NATS_OK)
        status = connect_now(loop, options, &server->limits);
    if (status != NATS_OK)
        (void)wkv_connect_failed(loop->name, connect, url, status, error);
    natsOptions_Destroy(options);
    return status == NATS_OK ? WKV_OK : error->code;
}

/* A wkv_dial_attempt. */
static enum wkv_code connect_once(void *context, const struct wkv_connect_options *connect,
                                  const struct wkv_dial_server *server, struct wkv_error *error)
{
    struct wkv_servers *parsed;
    if (wkv_servers_parse("--server", server->url, &parsed, error) != WKV_OK)
        return error->code;
    enum wkv_code code = connect_to(context, connect, server, &parsed->items[0], error);
    wkv_servers_destroy(parsed);
    return code;
}

static enum wkv_code connect_to_any(struct wkv_loop *loop, const struct wkv_dial *dial,
                                    struct wkv_error *error)
{
    loop->pool = dial->pool;
    if (natsStatistics_Create(&loop->statistics) != NATS_OK)
        return wkv_fail(error, WKV_NO_MEMORY, "%s: no memory for a connection", loop->name);
    if (wkv_dial(dial, connect_once, loop, error) != WKV_OK)
        return error->code;
    wkv_loop_note_max_payload(loop);
    wkv_loop_note_up(loop);
    wkv_loop_on_discovered(loop->connection, loop);
    return WKV_OK;
}

natsStatus wkv_loop_subscribe_one(struct wkv_loop *loop, struct wkv_loop_subscription *one)
{
    natsStatus status = one->queue[0] == '\0'
                            ? natsConnection_SubscribeSync(&one->subscription, loop->connection, one->subject)
                            : natsConnection_QueueSubscribeSync(&one->subscription, loop->connection,
                                                                one->subject, one->queue);
    /* No bound of nats.c's own, which would drop requests: the loop reads no more than it has handled. */
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(one->subscription, -1, -1);
    return status;
}

/* Under turn_lock. */
static enum wkv_code refused(const struct wkv_loop *loop, struct wkv_error *error)
{
    return wkv_fail(error, WKV_FORBIDDEN,
                    "%s: the server refuses a subscription (%s); grant this user `subscribe` on it",
                    loop->name, loop->refusal);
}

/* The server has refused something. Its words reach us by a callback of nats.c's, on a thread of its own;
 * where they are not of a subscription, but of a reply to a request that came in already, there is nothing to
 * wait for but the time. */
static void await_refusal(struct wkv_loop *loop)
{
    int64_t deadline_ns = wkv_monotonic_ns() + REFUSAL_WAIT_MS * WKV_NS_PER_MS;
    struct timespec until = {deadline_ns / WKV_NS_PER_S, deadline_ns % WKV_NS_PER_S};
    int waited = 0;
    (void)pthread_mutex_lock(&loop->turn_lock);
    while (loop->refusal[0] == '\0' && waited == 0)
        waited = pthread_cond_timedwait(&loop->turn_done, &loop->turn_lock, &until);
    (void)pthread_mutex_unlock(&loop->turn_lock);
}

/* A server that ends the connection has said why: such as that a user has too many subscriptions. */
static enum wkv_code cannot_subscribe(struct wkv_loop *loop, natsStatus status, struct wkv_error *error)
{
    const char *text = NULL;
    natsStatus last = NATS_OK;
    /* The text of one that is closed does not change any more. */
    if (natsConnection_IsClosed(loop->connection))
        last = natsConnection_GetLastError(loop->connection, &text);
    if (last == NATS_OK || text == NULL || *text == '\0')
        text = natsStatus_GetText(status);
    return wkv_fail(error, WKV_UNAVAILABLE, "%s: cannot subscribe: %s", loop->name, text);
}

/* Before there is a thread that reads: a message finds its subscription in place. */
static enum wkv_code subscribe_and_run(struct wkv_loop *loop, struct wkv_error *error)
{
    natsStatus status = NATS_OK;
    for (size_t i = 0; i < loop->subscription_count && status == NATS_OK; i++)
        status = wkv_loop_subscribe_one(loop, &loop->subscriptions[i]);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    loop->running = pthread_create(&loop->thread, NULL, wkv_loop_run, loop) == 0;
    return loop->running ? WKV_OK
                         : wkv_fail(error, WKV_UNAVAILABLE, "%s: no thread for a connection", loop->name);
}

natsStatus wkv_loop_flush(struct wkv_loop *loop, const struct wkv_dial *dial)
{
    int64_t deadline_ns = wkv_monotonic_ns() + CONFIRM_TIMEOUT_MS * WKV_NS_PER_MS;
    natsStatus status;
    do
        status = natsConnection_FlushTimeout(loop->connection, CONFIRM_SLICE_MS);
    while (status == NATS_TIMEOUT && !wkv_dial_is_cancelled(dial) && wkv_monotonic_ns() < deadline_ns);
    return status;
}

/* From here on a refusal is one of something that was granted, see wkv_loop_on_error. */
static enum wkv_code confirm(struct wkv_loop *loop, struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    (void)pthread_mutex_lock(&loop->turn_lock);
    if (loop->refusal[0] != '\0')
        code = refused(loop, error);
    else
        atomic_store(&loop->confirmed, true);
    (void)pthread_mutex_unlock(&loop->turn_lock);
    return code;
}

/* The server answers a PING after the subscriptions before it, and refusals of them come before its PONG. */
static enum wkv_code await_confirmation(struct wkv_loop *loop, const struct wkv_dial *dial,
                                        struct wkv_error *error)
{
    const char *changing; /* the next error overwrites it: not for reading */
    natsStatus status = wkv_loop_flush(loop, dial);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    if (natsConnection_GetLastError(loop->connection, &changing) == NATS_NOT_PERMITTED)
        await_refusal(loop);
    return confirm(loop, error);
}

/* Single actors' subjects come behind those that every connection must have, and apart: where there is no
 * room for all of them, or the server does not let us, the operations are served all the same. */
static enum wkv_code subscribe_extras(struct wkv_loop *loop, const struct wkv_dial *dial,
                                      struct wkv_error *error)
{
    natsStatus status = wkv_loop_extra_subscribe(loop, dial);
    return status == NATS_OK ? WKV_OK : cannot_subscribe(loop, status, error);
}

enum wkv_code wkv_loop_open(struct wkv_loop *loop, const struct wkv_dial *dial, struct wkv_error *error)
{
    enum wkv_code code = connect_to_any(loop, dial, error);
    if (code == WKV_OK)
        code = subscribe_and_run(loop, error);
    if (code == WKV_OK)
        code = await_confirmation(loop, dial, error);
    if (code == WKV_OK)
        code = subscribe_extras(loop, dial, error);
    if (code != WKV_OK) {
        wkv_loop_disconnect(loop, 0);
        return code;
    }
    if (loop->opened)
        wkv_log_info(loop->log, "%s: reconnected", loop->name);
    loop->opened = true;
    return WKV_OK;
}

bool wkv_loop_is_confirmed(struct wkv_loop *loop)
{
    return atomic_load(&loop->up) && atomic_load(&loop->confirmed);
}

bool wkv_loop_is_lost(struct wkv_loop *loop)
{
    return !loop->running || atomic_load(&loop->closed) || atomic_load(&loop->refused);
}
