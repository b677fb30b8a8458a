/* How a loop's connection comes to be: connected, subscribed, running, confirmed. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "nats/attempt.h"
#include "nats/loop.h"
#include "nats/servers.h"
#include "support/clock.h"
#include "support/condition.h"

/* How long to wait for nats.c to pass on what the server said. */
#define REFUSAL_WAIT_MS 1000
/* For the server's confirmation of the subscriptions, and how often to look whether it is still wanted. */
#define CONFIRM_TIMEOUT_MS 5000
#define CONFIRM_SLICE_MS 100

static void on_discovered(natsConnection *connection, void *loop)
{
    wkv_link_note_discovered(&((struct wkv_loop *)loop)->link, connection);
}

static natsStatus set_options(struct wkv_loop *loop, natsOptions *options)
{
    natsStatus status = wkv_poller_serve(&loop->poller, options);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(options, wkv_loop_on_closed, loop);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, wkv_loop_on_error, loop);
    if (status == NATS_OK)
        status = natsOptions_SetDiscoveredServersCB(options, on_discovered, loop);
    return status;
}

static void reset_for_connection(struct wkv_loop *loop)
{
    atomic_store(&loop->want_stop, false);
    wkv_link_reset(&loop->link);
    loop->intake.messages_seen = 0;
    loop->intake.pending = 0;
    loop->sending.unsent_bytes = 0;
    loop->sending.buffered_bytes = 0;
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
    (void)pthread_mutex_lock(&loop->link.lock);
    loop->link.connection = connection;
    (void)pthread_mutex_unlock(&loop->link.lock);
    return status;
}

/* A wkv_dial_attempt. */
static enum wkv_code connect_once(void *context, const struct wkv_connect_options *connect,
                                  const struct wkv_dial_server *server, struct wkv_error *error)
{
    struct wkv_loop *loop = context;
    struct wkv_server_url url = wkv_pool_url(server->server);
    const char *tls_name = server->server->tls_name;
    natsOptions *options;
    if (server->address != NULL) {
        url.host = server->address;
        tls_name = server->server->host;
    }
    if (wkv_connect_options_apply(connect, &url, "wascc-keyvalue", &options, error) != WKV_OK)
        return error->code;
    reset_for_connection(loop);
    loop->link.server = *server->server;
    natsStatus status = set_options(loop, options);
    if (status == NATS_OK && *tls_name != '\0')
        status = natsOptions_SetExpectedHostname(options, tls_name);
    if (status == NATS_OK)
        status = connect_now(loop, options, &server->limits);
    if (status != NATS_OK)
        (void)wkv_connect_failed(loop->name, connect, &url, status, error);
    natsOptions_Destroy(options);
    return status == NATS_OK ? WKV_OK : error->code;
}

static enum wkv_code connect_to_any(struct wkv_loop *loop, const struct wkv_dial *dial,
                                    struct wkv_error *error)
{
    loop->link.pool = dial->pool;
    if (natsStatistics_Create(&loop->link.statistics) != NATS_OK)
        return wkv_fail(error, WKV_NO_MEMORY, "%s: no memory for a connection", loop->name);
    if (wkv_dial(dial, connect_once, loop, error) != WKV_OK)
        return error->code;
    wkv_loop_note_max_payload(loop);
    if (!atomic_exchange(&loop->link.up, true))
        wkv_loop_note(loop, loop->opened ? WKV_LOOP_RECONNECTED : WKV_LOOP_CONNECTED);
    wkv_link_note_discovered(&loop->link, loop->link.connection);
    return WKV_OK;
}

/* The server has refused something; nats.c says what by a callback on a thread of its own. Where that was no
 * subscription but a reply to an early request, there is nothing to wait for but the time. */
static void await_refusal(struct wkv_link *link)
{
    int64_t deadline_ns = wkv_monotonic_ns() + REFUSAL_WAIT_MS * WKV_NS_PER_MS;
    (void)pthread_mutex_lock(&link->lock);
    while (link->refusal[0] == '\0' && wkv_condition_wait(&link->changed, &link->lock, deadline_ns)) {
    }
    (void)pthread_mutex_unlock(&link->lock);
}

/* A server that ends the connection has said why: such as that a user has too many subscriptions. */
static enum wkv_code cannot_subscribe(struct wkv_loop *loop, natsStatus status, struct wkv_error *error)
{
    char text[WKV_WHY_BYTES];
    const char *why = wkv_why_closed(loop->link.connection, text);
    return wkv_fail(error, WKV_UNAVAILABLE, "%s: cannot subscribe: %s", loop->name,
                    why != NULL ? why : natsStatus_GetText(status));
}

/* Before there is a thread that reads: a message finds its subscription in place. */
static enum wkv_code subscribe_and_run(struct wkv_loop *loop, struct wkv_error *error)
{
    natsStatus status = wkv_subscriptions_begin(&loop->subscriptions);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    /* The thread looks at it: in its first turn it may give back what was kept before a reconnect. */
    loop->running = true;
    if (pthread_create(&loop->thread, NULL, wkv_loop_run, loop) == 0)
        return WKV_OK;
    loop->running = false;
    return wkv_fail(error, WKV_UNAVAILABLE, "%s: no thread for a connection", loop->name);
}

static natsStatus flush(struct wkv_loop *loop, const struct wkv_dial *dial)
{
    int64_t deadline_ns = wkv_monotonic_ns() + CONFIRM_TIMEOUT_MS * WKV_NS_PER_MS;
    natsStatus status;
    do
        status = natsConnection_FlushTimeout(loop->link.connection, CONFIRM_SLICE_MS);
    while (status == NATS_TIMEOUT && !wkv_dial_is_cancelled(dial) && wkv_monotonic_ns() < deadline_ns);
    return status;
}

/* From here on a refusal is one of something that was granted, see wkv_loop_on_error. */
static enum wkv_code confirm(struct wkv_loop *loop, struct wkv_error *error)
{
    struct wkv_link *link = &loop->link;
    enum wkv_code code = WKV_OK;
    (void)pthread_mutex_lock(&link->lock);
    if (link->refusal[0] == '\0')
        atomic_store(&link->confirmed, true);
    else
        code = wkv_fail(error, WKV_FORBIDDEN,
                        "%s: the server refuses a subscription (%s); grant this user `subscribe` on it",
                        loop->name, link->refusal);
    (void)pthread_mutex_unlock(&link->lock);
    return code;
}

/* The server answers a PING after the subscriptions before it, and refusals of them come before its PONG. */
static enum wkv_code await_confirmation(struct wkv_loop *loop, const struct wkv_dial *dial,
                                        struct wkv_error *error)
{
    natsStatus status = flush(loop, dial);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    if (wkv_was_refused(loop->link.connection))
        await_refusal(&loop->link);
    return confirm(loop, error);
}

/* Single actors' subjects come behind those that every connection must have, and apart: where there is no
 * room for all of them, or the server does not let us, the operations are served all the same. */
static enum wkv_code subscribe_actors(struct wkv_loop *loop, const struct wkv_dial *dial,
                                      struct wkv_error *error)
{
    natsStatus status;
    size_t asked;
    do {
        status = wkv_subscriptions_resume(&loop->subscriptions, &asked);
        if (asked > 0 && status == NATS_OK)
            status = flush(loop, dial);
        wkv_subscriptions_note_flushed(&loop->subscriptions, asked, status);
    } while (asked > 0 && status == NATS_OK);
    if (status != NATS_OK)
        return cannot_subscribe(loop, status, error);
    size_t left_out = wkv_subscriptions_left_out(&loop->subscriptions);
    if (left_out > 0)
        wkv_log_warn(
            loop->options.log,
            "%s: the server has no room for the subjects of %zu actors that are bound and cannot be called: "
            "raise its max_subscriptions",
            loop->name, left_out);
    return WKV_OK;
}

enum wkv_code wkv_loop_open(struct wkv_loop *loop, const struct wkv_dial *dial, struct wkv_error *error)
{
    enum wkv_code code = connect_to_any(loop, dial, error);
    if (code == WKV_OK)
        code = subscribe_and_run(loop, error);
    if (code == WKV_OK)
        code = await_confirmation(loop, dial, error);
    if (code == WKV_OK)
        code = subscribe_actors(loop, dial, error);
    if (code != WKV_OK) {
        wkv_loop_disconnect(loop, 0);
        return code;
    }
    if (loop->opened)
        wkv_log_info(loop->options.log, "%s: reconnected", loop->name);
    loop->opened = true;
    return WKV_OK;
}
