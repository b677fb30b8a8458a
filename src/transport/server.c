#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/discovery.h"
#include "transport/events.h"
#include "transport/lattice.h"
#include "transport/worker.h"
#include "wascc_keyvalue/clock.h"
#include "wascc_keyvalue/notify.h"

#define FIRST_BACKOFF_MS 100
#define LAST_BACKOFF_MS 5000
#define SUBSCRIBE_TIMEOUT_MS 10000
#define SHORT_LIFE_NS WKV_NS_PER_S
#define CHECK_MS 5000 /* for connections that have stopped */
/* For the server's word that all workers listen to an actor: a host waits 600 ms for the whole of a
 * BindActor. */
#define FOLLOW_TIMEOUT_MS 400
/* Of the time to drain, what is kept for refusing the rest and closing: a fifth, at most this. */
#define CLOSE_SHARE 5
#define CLOSE_MAX_MS 500

/* Where the process stands. */
enum progress {
    GO_ON,
    STOPPED, /* told to stop */
    FAILED,
};

struct server {
    const struct wkv_server_options *options;
    int stop_fd;
    int notify_fd; /* a connection was closed */
    struct wkv_discovery discovery;
    struct wkv_worker *workers;  /* for actors; behind them one more, for `system` */
    unsigned worker_count;       /* initialised ones, that one included */
    bool served;                 /* the lattice has heard of this process */
    int64_t opened_ns;           /* monotonic: when all connections were there the last time, or 0 */
    pthread_mutex_t follow_lock; /* one change of a binding at a time is followed */
};

/* The service manager hears of a reload only from a process that it knows to be ready. */
static void reload_lists(const struct server *server)
{
    if (server->served)
        wkv_notify_reloading();
    server->options->reload(server->options->reload_context);
    if (server->served)
        wkv_notify_ready();
}

/* Waits until stop_fd or notify_fd is readable or the time is over, reloading on the way when told to.
 * Returns whether stop_fd is readable. */
static bool wait_for_stop(const struct server *server, int notify_fd, int timeout_ms)
{
    const struct wkv_server_options *options = server->options;
    struct pollfd fds[] = {{.fd = server->stop_fd, .events = POLLIN},
                           {.fd = notify_fd, .events = POLLIN},
                           {.fd = options->reload_fd, .events = POLLIN}};
    for (;;) {
        int ready = poll(fds, 3, timeout_ms);
        if (ready < 0 && errno == EINTR)
            continue;
        bool reload = ready > 0 && (fds[2].revents & POLLIN) != 0;
        if (reload)
            reload_lists(server);
        if (!reload || ((fds[0].revents | fds[1].revents) & POLLIN) != 0)
            break;
    }
    return (fds[0].revents & POLLIN) != 0;
}

/* What keeps it from its server is said, to people and to the service manager. Returns whether it was told to
 * stop meanwhile. */
static bool back_off(const struct server *server, const struct wkv_error *error, int *backoff_ms)
{
    int now_ms = *backoff_ms;
    wkv_log_warn(server->options->log, "%s; trying again in %d ms", error->text, now_ms);
    wkv_notify_status(error->text);
    *backoff_ms = now_ms * 2 > LAST_BACKOFF_MS ? LAST_BACKOFF_MS : now_ms * 2;
    return wait_for_stop(server, -1, now_ms);
}

/* At the start: again and again while no server can be reached. Settings that cannot work end it. */
static enum progress open_loop(const struct server *server, struct wkv_loop *loop, struct wkv_error *error)
{
    int backoff_ms = FIRST_BACKOFF_MS;
    for (;;) {
        enum wkv_code code = wkv_loop_open(loop, &server->options->connect, SUBSCRIBE_TIMEOUT_MS, error);
        if (code != WKV_UNAVAILABLE)
            return code == WKV_OK ? GO_ON : FAILED;
        if (back_off(server, error, &backoff_ms))
            return STOPPED;
    }
}

/* Contract, section 9 and the project's rule: two instances that hold their data in memory would split it. */
static enum wkv_server_outcome claim_address(struct server *server, struct wkv_error *error)
{
    bool alone;
    char other[WKV_INSTANCE_ID_BYTES];
    if (wkv_discovery_claim(&server->discovery, server->options->connect.inbox_prefix, &alone, other,
                            error) != WKV_OK)
        return WKV_SERVER_FAILED;
    if (alone)
        return WKV_SERVER_DRAINED;
    if (server->options->allow_split) {
        wkv_log_warn(server->options->log,
                     "instance %s serves this binding too: with --allow-split each holds a part of the data",
                     other);
        return WKV_SERVER_DRAINED;
    }
    (void)wkv_fail(error, WKV_UNAVAILABLE,
                   "instance %s already serves binding \"%s\" from its memory; a second one would split the "
                   "data: stop that "
                   "one, choose another --binding or --lattice-namespace, or give --allow-split",
                   other, server->options->address.binding);
    return WKV_SERVER_SPLIT;
}

static enum progress open_workers(struct server *server, struct wkv_error *error)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        enum progress progress = open_loop(server, &server->workers[i].loop, error);
        if (progress != GO_ON)
            return progress;
    }
    return GO_ON;
}

static struct wkv_loop *loop_at(struct server *server, unsigned i)
{
    return i == 0 ? &server->discovery.loop : &server->workers[i - 1].loop;
}

static bool all_confirmed(struct server *server)
{
    for (unsigned i = 0; i <= server->worker_count; i++)
        if (!wkv_loop_is_confirmed(loop_at(server, i)))
            return false;
    return true;
}

/* "ready only while connected with confirmed subscriptions". A connection that is lost makes the process
 * unready by itself, at any moment: hence the second look. */
static void find_readiness(struct server *server)
{
    if (!all_confirmed(server))
        return;
    wkv_stats_set_ready(server->options->provider->stats, true);
    if (!all_confirmed(server))
        wkv_stats_set_ready(server->options->provider->stats, false);
    else
        wkv_notify_status("serving");
}

/* Opens those that are lost, beginning with *first, until one cannot be had: the next time it is the others'
 * turn before it. */
static bool open_lost(struct server *server, unsigned *first, struct wkv_error *error)
{
    unsigned count = server->worker_count + 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned number = (*first + i) % count;
        struct wkv_loop *loop = loop_at(server, number);
        if (!wkv_loop_is_lost(loop))
            continue;
        wkv_loop_disconnect(loop, 0);
        if (wkv_loop_open(loop, &server->options->connect, SUBSCRIBE_TIMEOUT_MS, error) != WKV_OK) {
            *first = (number + 1) % count;
            return false;
        }
    }
    return true;
}

static void check_loops(struct server *server)
{
    for (unsigned i = 0; i <= server->worker_count; i++)
        wkv_loop_check(loop_at(server, i));
}

/* Connections may have been lost. The data is in this process, so ending it is the worst answer, also where
 * the server refuses it or a file is gone: both may come back. New connections are made for as long as it
 * takes. */
static enum progress look_after_connections(struct server *server, struct wkv_error *error)
{
    uint64_t count;
    bool told = read(server->notify_fd, &count, sizeof count) == (ssize_t)sizeof count;
    if (!told && server->opened_ns != 0)
        return GO_ON;
    unsigned first = 0;
    int backoff_ms = FIRST_BACKOFF_MS;
    /* What is lost again at once is waited for, too. */
    if (wkv_monotonic_ns() < server->opened_ns + SHORT_LIFE_NS && wait_for_stop(server, -1, backoff_ms))
        return STOPPED;
    while (!open_lost(server, &first, error)) {
        if (back_off(server, error, &backoff_ms))
            return STOPPED;
        check_loops(server);
    }
    server->opened_ns = wkv_monotonic_ns();
    find_readiness(server);
    return GO_ON;
}

static int64_t left_ms(int64_t deadline_ns)
{
    int64_t left = (deadline_ns - wkv_monotonic_ns()) / WKV_NS_PER_MS;
    return left < 0 ? 0 : left;
}

/* "A successful bind makes the provider listen on `….<binding>.<actor>`; RemoveActor ends that", before
 * either is answered. Every worker listens, since each invocation costs the verification of a signature. Then
 * the lattice hears of it. Runs on the thread that binds, which is `system`'s or discovery's. */
static void follow_binding(void *context, const struct wkv_bindings_change *change)
{
    struct server *server = context;
    int64_t deadline_ns = wkv_monotonic_ns() + FOLLOW_TIMEOUT_MS * WKV_NS_PER_MS;
    (void)pthread_mutex_lock(&server->follow_lock);
    /* Two threads may bind and remove at once, and be heard in another order than they did it: what holds now
     * counts. */
    bool listens = wkv_bindings_is_bound(server->options->provider->bindings, change->actor);
    for (unsigned i = 0; i < server->options->workers; i++) {
        int64_t left = left_ms(deadline_ns);
        (listens ? wkv_lattice_add_actor : wkv_lattice_drop_actor)(&server->workers[i].responder,
                                                                   &server->workers[i].loop, change->actor,
                                                                   !change->awaited ? 0
                                                                   : left > 0       ? left
                                                                                    : 1);
    }
    (void)pthread_mutex_unlock(&server->follow_lock);
    wkv_event_publish(&server->discovery,
                      change->bound ? WKV_EVENT_BINDING_CREATED : WKV_EVENT_BINDING_REMOVED, change->actor);
}

static enum progress serve(struct server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    char base[WKV_SUBJECT_BYTES];
    wkv_subject_base(&options->address, base);
    atomic_store(&server->discovery.phase, WKV_PHASE_SERVING);
    enum progress progress = look_after_connections(server, error);
    if (progress != GO_ON)
        return progress;
    server->served = true;
    wkv_event_publish(&server->discovery, WKV_EVENT_PROVIDER_LOADED, (struct wkv_text){NULL, 0});
    wkv_discovery_ask_bindings(&server->discovery);
    wkv_log_info(options->log, "ready: %s %s serves %s.<actor>.<operation> with %u workers", WKV_SERVICE_NAME,
                 server->discovery.id, base, options->workers);
    wkv_notify_ready();
    while (progress == GO_ON) {
        if (wait_for_stop(server, server->notify_fd, CHECK_MS))
            return STOPPED;
        check_loops(server);
        progress = look_after_connections(server, error);
    }
    return progress;
}

static void log_totals(const struct server *server, bool drained)
{
    struct wkv_stats_service stats;
    if (!wkv_stats_service(server->options->provider->stats, wkv_monotonic_ns(), &stats))
        return;
    wkv_log_info(
        server->options->log,
        "%s: %" PRIu64 " requests answered, %" PRIu64 " of them with an error, %" PRIu64 " replies not sent",
        drained ? "drained" : "stopped before all was drained",
        /* A lattice's garbage has no operation to be counted with, but an answer that may not be sent. */
        stats.requests > stats.unsent ? stats.requests - stats.unsent : 0, stats.errors, stats.unsent);
}

/* Takes no more requests, answers those received, and closes; what the time does not suffice for is refused.
 */
static void drain(struct server *server)
{
    int64_t total_ms = server->options->drain_timeout_ms;
    int64_t close_ms = total_ms / CLOSE_SHARE > CLOSE_MAX_MS ? CLOSE_MAX_MS : total_ms / CLOSE_SHARE;
    int64_t end_ns = wkv_monotonic_ns() + total_ms * WKV_NS_PER_MS;
    int64_t deadline_ns = end_ns - close_ms * WKV_NS_PER_MS;
    wkv_notify_stopping();
    wkv_log_info(server->options->log, "stopping: draining for at most %" PRId64 " ms", total_ms);
    bool drained = true;
    atomic_store(&server->discovery.phase, WKV_PHASE_DRAINING);
    wkv_stats_set_ready(server->options->provider->stats, false);
    for (unsigned i = 0; i < server->worker_count; i++)
        drained &= wkv_loop_drain(&server->workers[i].loop, left_ms(deadline_ns));
    if (server->served)
        wkv_event_publish(&server->discovery, WKV_EVENT_PROVIDER_REMOVED, (struct wkv_text){NULL, 0});
    for (unsigned i = 0; i < server->worker_count; i++)
        atomic_store(&server->workers[i].responder.refuse, true);
    for (unsigned i = 0; i < server->worker_count; i++)
        wkv_loop_disconnect(&server->workers[i].loop, left_ms(end_ns) / 2);
    wkv_loop_disconnect(&server->discovery.loop, left_ms(end_ns) / 2);
    log_totals(server, drained);
}

static enum wkv_code init(struct server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    if (wkv_discovery_init(&server->discovery, &options->address, options->provider,
                           options->connect.inbox_prefix, options->log, server->notify_fd, error) != WKV_OK)
        return error->code;
    server->workers = calloc((size_t)options->workers + 1, sizeof *server->workers);
    if (server->workers == NULL)
        return wkv_fail(error, WKV_UNAVAILABLE, "no memory for %u workers", options->workers);
    for (; server->worker_count <= options->workers; server->worker_count++) {
        bool last = server->worker_count == options->workers;
        if ((last ? wkv_worker_init_system : wkv_worker_init)(
                &server->workers[server->worker_count], server->worker_count, &options->address,
                options->provider, options->log, server->notify_fd, error) != WKV_OK)
            return error->code;
    }
    wkv_bindings_watch(options->provider->bindings, follow_binding, server);
    return WKV_OK;
}

static void destroy(struct server *server)
{
    /* `system` and discovery bind, and tell the workers: they go first. */
    wkv_loop_disconnect(&server->discovery.loop, 0);
    for (unsigned i = server->worker_count; i-- > 0;)
        wkv_loop_disconnect(&server->workers[i].loop, 0);
    wkv_bindings_watch(server->options->provider->bindings, NULL, NULL);
    for (unsigned i = 0; i < server->worker_count; i++)
        wkv_worker_destroy(&server->workers[i]);
    free(server->workers);
    wkv_discovery_destroy(&server->discovery);
    (void)close(server->notify_fd);
    (void)pthread_mutex_destroy(&server->follow_lock);
}

/* Asks whether it is alone, again where the server goes away meanwhile. */
static enum progress open_discovery(struct server *server, enum wkv_server_outcome *outcome,
                                    struct wkv_error *error)
{
    int backoff_ms = FIRST_BACKOFF_MS;
    for (;;) {
        enum progress progress = open_loop(server, &server->discovery.loop, error);
        if (progress == GO_ON)
            *outcome = claim_address(server, error);
        if (progress != GO_ON || *outcome == WKV_SERVER_DRAINED)
            return progress;
        if (*outcome != WKV_SERVER_FAILED || error->code != WKV_UNAVAILABLE)
            return FAILED;
        wkv_loop_disconnect(&server->discovery.loop, 0);
        if (back_off(server, error, &backoff_ms))
            return STOPPED;
    }
}

static enum wkv_server_outcome run(struct server *server, struct wkv_error *error)
{
    enum wkv_server_outcome outcome = WKV_SERVER_FAILED;
    enum progress progress = open_discovery(server, &outcome, error);
    if (progress == GO_ON) {
        outcome = WKV_SERVER_FAILED;
        progress = open_workers(server, error);
    }
    if (progress == GO_ON)
        progress = serve(server, error);
    if (progress == FAILED)
        return outcome;
    drain(server);
    return WKV_SERVER_DRAINED;
}

enum wkv_server_outcome wkv_server_run(const struct wkv_server_options *options, int stop_fd,
                                       struct wkv_error *error)
{
    struct server server = {.options = options, .stop_fd = stop_fd, .follow_lock = PTHREAD_MUTEX_INITIALIZER};
    server.notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server.notify_fd < 0) {
        (void)wkv_fail(error, WKV_UNAVAILABLE, "no file descriptor: %s", strerror(errno));
        return WKV_SERVER_FAILED;
    }
    enum wkv_server_outcome outcome = WKV_SERVER_FAILED;
    if (init(&server, error) == WKV_OK)
        outcome = run(&server, error);
    destroy(&server);
    return outcome;
}
