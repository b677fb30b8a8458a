#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "front/actors.h"
#include "front/worker.h"
#include "lattice/alone.h"
#include "lattice/discovery.h"
#include "lattice/events.h"
#include "nats/keeper.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "server/loop_notes.h"
#include "server/server.h"
#include "support/clock.h"
#include "support/notify.h"
#include "support/text.h"

/* Between two questions whether this process is alone, where the first could not be asked. */
#define ASK_AGAIN_MS 200
/* At the end, for those that are still connecting: as long as an attempt takes. */
#define CONNECTING_END_NS (5 * WKV_NS_PER_S / 2)
/* Of the time to drain, what is kept for refusing the rest and closing: a fifth, at most this. */
#define CLOSE_SHARE 5
#define CLOSE_MAX_MS 500
/* For lines of the log that nobody has written yet. */
#define LAST_WORDS_MS 100

/* Where the process stands. */
enum progress {
    GO_ON,
    STOPPED, /* told to stop */
    SPLIT,   /* another instance holds this address's data */
    FAILED,
};

/* The loops are numbered: discovery's is 0, a worker's is one more than the worker's number, and the last one
 * is that of `system`. */
struct server {
    const struct wkv_server_options *options;
    int stop_fd;
    int notify_fd;          /* a connection was opened, or never will be */
    int poke_fd;            /* this thread is asked whether it turns, */
    struct wkv_pulse pulse; /* which it need not before it serves, or when it stops */
    struct wkv_keepers keepers;
    struct wkv_keeper *each; /* discovery's, and each worker's */
    unsigned keeper_count;
    struct wkv_discovery discovery;
    struct wkv_alone alone;
    struct wkv_worker *workers; /* for actors; behind them one more, for `system` */
    unsigned worker_count;      /* initialised ones, that one included */
    bool served;                /* the lattice has heard of this process */
    bool cut;                   /* not all that was received could be answered */
    bool split;                 /* it stops since another instance holds the data */
    struct wkv_actors actors;
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

static void poke(void *context)
{
    const struct server *server = context;
    (void)eventfd_write(server->poke_fd, 1);
}

static void answer_poke(struct server *server)
{
    eventfd_t pokes;
    (void)eventfd_read(server->poke_fd, &pokes);
    wkv_pulse_beat(&server->pulse);
}

/* What is left of the time, for poll; -1: no end. */
static int left_to_wait(int64_t begun_ns, int timeout_ms)
{
    int64_t waited_ms = (wkv_monotonic_ns() - begun_ns) / WKV_NS_PER_MS;
    return timeout_ms < 0 ? -1 : waited_ms >= timeout_ms ? 0 : timeout_ms - (int)waited_ms;
}

/* Waits until stop_fd or notify_fd is readable or the time is over, reloading on the way when told to.
 * Returns whether stop_fd is readable. */
static bool wait_for_stop(struct server *server, int notify_fd, int timeout_ms)
{
    int64_t begun_ns = wkv_monotonic_ns();
    struct pollfd fds[] = {{.fd = server->stop_fd, .events = POLLIN},
                           {.fd = notify_fd, .events = POLLIN},
                           {.fd = server->options->reload_fd, .events = POLLIN},
                           {.fd = server->poke_fd, .events = POLLIN}};
    for (;;) {
        int ready = poll(fds, 4, left_to_wait(begun_ns, timeout_ms));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready > 0 && (fds[3].revents & POLLIN) != 0)
            answer_poke(server);
        if (ready > 0 && (fds[2].revents & POLLIN) != 0)
            reload_lists(server);
        if (ready <= 0 || ((fds[0].revents | fds[1].revents) & POLLIN) != 0)
            break;
    }
    return (fds[0].revents & POLLIN) != 0;
}

/* Contract, section 10: two instances that hold their data in memory would split it. */
static enum progress claim_address(struct server *server, struct wkv_error *error)
{
    wkv_alone_claim(&server->alone);
    for (;;) {
        int64_t wait_ms;
        enum wkv_alone_verdict verdict = wkv_alone_turn(&server->alone, &wait_ms, error);
        if (verdict != WKV_ALONE_WAIT)
            return verdict == WKV_ALONE_CLAIMED ? GO_ON : verdict == WKV_ALONE_GO ? SPLIT : FAILED;
        if (wait_for_stop(server, -1, (int)wait_ms))
            return STOPPED;
        if (!wkv_loop_is_confirmed(&server->discovery.loop)) {
            (void)wkv_fail(error, WKV_UNAVAILABLE, "cannot ask for other instances: the connection is lost");
            return FAILED;
        }
    }
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

/* Returns whether there were any. It does not block. */
static bool forget_notices(const struct server *server)
{
    uint64_t count;
    return read(server->notify_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

/* Whether one of the connections, which has never been there, cannot come to be. */
static bool has_failed(struct server *server, struct wkv_error *error)
{
    for (unsigned i = 0; i < server->keeper_count; i++)
        if (wkv_keeper_state(&server->each[i], error) == WKV_KEEPER_FAILED)
            return true;
    return false;
}

/* Starts the keepers from first to the one before end, and waits until their connections are there. */
static enum progress open_connections(struct server *server, unsigned first, unsigned end,
                                      struct wkv_error *error)
{
    for (unsigned i = first; i < end; i++)
        if (!server->each[i].started && wkv_keeper_start(&server->each[i], error) != WKV_OK)
            return FAILED;
    for (;;) {
        bool all = true;
        (void)forget_notices(server);
        if (has_failed(server, error))
            return FAILED;
        for (unsigned i = first; i < end; i++)
            all &= wkv_loop_is_confirmed(loop_at(server, i));
        if (all)
            return GO_ON;
        if (wait_for_stop(server, server->notify_fd, -1))
            return STOPPED;
    }
}

/* Before a bind: the provider listens, or there is no bind. Runs on the thread that binds, which is
 * `system`'s or discovery's. */
static enum wkv_code listen_to_actor(void *context, struct wkv_text actor, struct wkv_error *error)
{
    struct server *server = context;
    return wkv_actors_listen(&server->actors, actor, error);
}

static void give_up_actor(void *context, struct wkv_text actor)
{
    struct server *server = context;
    wkv_actors_settle(&server->actors, actor, false);
}

/* "RemoveActor ends that", before it is answered. Then the lattice hears of it. Runs on the thread that binds
 * or removes. */
static void follow_binding(void *context, const struct wkv_bindings_change *change)
{
    struct server *server = context;
    wkv_actors_settle(&server->actors, change->actor, change->awaited);
    wkv_event_publish(&server->discovery,
                      change->bound ? WKV_EVENT_BINDING_CREATED : WKV_EVENT_BINDING_REMOVED, change->actor);
}

/* Until it is told to stop, or has to leave the data to another instance. */
static enum progress serve(struct server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    char base[WKV_SUBJECT_BYTES];
    wkv_subject_base(&options->address, base);
    atomic_store(&server->discovery.phase, WKV_PHASE_SERVING);
    find_readiness(server);
    server->served = true;
    wkv_event_publish(&server->discovery, WKV_EVENT_PROVIDER_LOADED, (struct wkv_text){NULL, 0});
    wkv_discovery_ask_bindings(&server->discovery);
    wkv_log_info(options->log, "ready: %s %s serves %s.<actor>.<operation> with %u worker%s",
                 WKV_SERVICE_NAME, server->discovery.id, base, options->workers,
                 wkv_plural(options->workers));
    wkv_notify_ready();
    enum progress progress = GO_ON;
    wkv_pulse_set(&server->pulse, true);
    while (progress == GO_ON) {
        int64_t wait_ms;
        if (wkv_alone_turn(&server->alone, &wait_ms, error) == WKV_ALONE_GO)
            progress = SPLIT;
        else if (wait_for_stop(server, server->notify_fd, (int)wait_ms))
            progress = STOPPED;
        else if (forget_notices(server))
            find_readiness(server);
    }
    wkv_pulse_set(&server->pulse, false);
    return progress;
}

static void log_totals(const struct server *server, bool drained)
{
    struct wkv_stats_service stats;
    wkv_stats_service(server->options->provider->stats, wkv_monotonic_ns(), &stats);
    /* A lattice's garbage has no operation to be counted with, but an answer that may not be sent. */
    uint64_t answered = stats.requests > stats.unsent ? stats.requests - stats.unsent : 0;
    wkv_log_info(server->options->log,
                 "%s: %" PRIu64 " request%s answered, %" PRIu64 " of them with an error, %" PRIu64
                 " repl%s not sent",
                 drained ? "drained" : "stopped before everything was drained", answered,
                 wkv_plural(answered), stats.errors, stats.unsent, stats.unsent == 1 ? "y" : "ies");
}

/* Waits for the ends of all keepers' threads. One that is still connecting may wait for a server, or for a
 * resolver, which nothing can end: then the process ends around it. */
static bool end_keepers(struct server *server, int64_t until_ns)
{
    bool cut = false, ended = true;
    for (unsigned i = 0; i < server->keeper_count; i++)
        ended &= wkv_keeper_join(&server->each[i], until_ns, &cut);
    server->cut |= cut;
    return ended;
}

/* Ends the process while threads of it run that nothing can end. */
static void end_now(struct server *server, int status)
{
    for (unsigned i = 0; i < server->keeper_count; i++)
        wkv_keeper_abandon(&server->each[i]);
    wkv_log_flush(server->options->log, LAST_WORDS_MS);
    _exit(status);
}

/* Until when to wait for those that are still connecting: not as long as the watchdog, which knows nothing of
 * what was drained. */
static int64_t end_of_patience(int64_t end_ns, int64_t close_ms)
{
    int64_t now_ns = wkv_monotonic_ns();
    int64_t until_ns = end_ns - close_ms / 4 * WKV_NS_PER_MS;
    if (until_ns > now_ns + CONNECTING_END_NS)
        until_ns = now_ns + CONNECTING_END_NS;
    return until_ns < now_ns + LAST_WORDS_MS * WKV_NS_PER_MS ? now_ns + LAST_WORDS_MS * WKV_NS_PER_MS
                                                             : until_ns;
}

/* Takes no more requests, answers those received, and closes; what the time does not suffice for is refused.
 * Every connection that is there is drained at once, whatever others wait for. */
static void drain(struct server *server)
{
    int64_t total_ms = server->options->drain_timeout_ms;
    int64_t close_ms = total_ms / CLOSE_SHARE > CLOSE_MAX_MS ? CLOSE_MAX_MS : total_ms / CLOSE_SHARE;
    int64_t end_ns = wkv_monotonic_ns() + total_ms * WKV_NS_PER_MS;
    int64_t deadline_ns = end_ns - close_ms * WKV_NS_PER_MS;
    wkv_notify_stopping();
    wkv_log_info(server->options->log, "stopping: draining for at most %" PRId64 " ms", total_ms);
    atomic_store(&server->discovery.phase, WKV_PHASE_DRAINING);
    wkv_stats_set_ready(server->options->provider->stats, false);
    wkv_keepers_begin(&server->keepers, WKV_KEEPERS_DRAIN, deadline_ns);
    for (unsigned i = 1; i < server->keeper_count; i++)
        server->cut |= !wkv_keeper_await_drained(&server->each[i], deadline_ns);
    if (server->served)
        wkv_event_publish(&server->discovery, WKV_EVENT_PROVIDER_REMOVED, (struct wkv_text){NULL, 0});
    for (unsigned i = 0; i < server->worker_count; i++)
        wkv_worker_refuse(&server->workers[i]);
    wkv_keepers_begin(&server->keepers, WKV_KEEPERS_CLOSE, end_ns);
    bool ended = end_keepers(server, end_of_patience(end_ns, close_ms));
    log_totals(server, !server->cut);
    /* Whoever gives no time at all asks for no drain. */
    server->cut &= total_ms > 0;
    if (!ended)
        end_now(server, server->split ? EX_UNAVAILABLE : server->cut ? EXIT_FAILURE : EXIT_SUCCESS);
}

static struct wkv_loop_options loop_options(const struct server *server, const struct wkv_keeper *keeper)
{
    const struct wkv_server_options *options = server->options;
    return (struct wkv_loop_options){.address = &options->address,
                                     .log = options->log,
                                     .notify_fd = keeper->lost_fd,
                                     .note = wkv_loop_count_event,
                                     .context = options->provider->stats};
}

static enum wkv_code init_workers(struct server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    for (unsigned i = 0; i <= options->workers; i++) {
        struct wkv_worker *worker = &server->workers[i];
        struct wkv_keeper *keeper = &server->each[i + 1];
        if (wkv_keeper_init(keeper, &server->keepers, &worker->loop, error) != WKV_OK)
            return error->code;
        keeper->drains = true;
        server->keeper_count++;
        struct wkv_worker_options worker_options = {.serves = i == options->workers ? WKV_SERVES_SYSTEM
                                                                                    : WKV_SERVES_ACTORS,
                                                    .number = i,
                                                    .provider = options->provider,
                                                    .loop = loop_options(server, keeper)};
        worker_options.loop.max_wait_ns = options->max_wait_ms * WKV_NS_PER_MS;
        if (wkv_worker_init(worker, &worker_options, error) != WKV_OK)
            return error->code;
        server->worker_count++;
    }
    return WKV_OK;
}

/* Adds the pulses of all that turns to the process's vitals, or removes them. */
static void show_pulses(struct server *server,
                        void (*change)(struct wkv_vitals *vitals, struct wkv_pulse *pulse))
{
    struct wkv_vitals *vitals = server->options->vitals;
    change(vitals, &server->pulse);
    for (unsigned i = 0; i <= server->worker_count; i++)
        change(vitals, &loop_at(server, i)->turns.pulse);
}

static void watch_bindings(struct server *server)
{
    const struct wkv_server_options *options = server->options;
    struct wkv_bindings *bindings = options->provider->bindings;
    struct wkv_bindings_guard guard = {
        .before = listen_to_actor, .gave_up = give_up_actor, .context = server};
    server->actors.workers = server->workers;
    server->actors.worker_count = options->workers;
    server->actors.bindings = bindings;
    server->actors.log = options->log;
    wkv_bindings_set_guard(bindings, &guard);
    wkv_bindings_watch(bindings, follow_binding, server);
}

static enum wkv_code init(struct server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    size_t workers = (size_t)options->workers + 1; /* `system` */
    server->workers = calloc(workers, sizeof *server->workers);
    server->each = calloc(workers + 1, sizeof *server->each);
    if (server->workers == NULL || server->each == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for %u worker threads", options->workers);
    if (wkv_keeper_init(&server->each[0], &server->keepers, &server->discovery.loop, error) != WKV_OK)
        return error->code;
    server->keeper_count = 1;
    struct wkv_loop_options loop = loop_options(server, &server->each[0]);
    if (wkv_discovery_init(&server->discovery, options->provider, &loop, options->connect.inbox_prefix,
                           error) != WKV_OK ||
        init_workers(server, error) != WKV_OK)
        return error->code;
    wkv_alone_init(&server->alone, &server->discovery, options->connect.inbox_prefix);
    watch_bindings(server);
    show_pulses(server, wkv_vitals_add);
    return WKV_OK;
}

static void destroy(struct server *server)
{
    show_pulses(server, wkv_vitals_remove);
    wkv_keepers_begin(&server->keepers, WKV_KEEPERS_CLOSE, wkv_monotonic_ns());
    if (!end_keepers(server, wkv_monotonic_ns() + CONNECTING_END_NS))
        end_now(server, EXIT_FAILURE);
    wkv_bindings_watch(server->options->provider->bindings, NULL, NULL);
    wkv_bindings_set_guard(server->options->provider->bindings, NULL);
    for (unsigned i = 0; i < server->worker_count; i++)
        wkv_worker_destroy(&server->workers[i]);
    free(server->workers);
    wkv_alone_destroy(&server->alone);
    if (server->keeper_count > 0)
        wkv_discovery_destroy(&server->discovery);
    for (unsigned i = 0; i < server->keeper_count; i++)
        wkv_keeper_destroy(&server->each[i]);
    free(server->each);
    wkv_keepers_destroy(&server->keepers);
    (void)close(server->notify_fd);
    (void)close(server->poke_fd);
    (void)pthread_mutex_destroy(&server->actors.lock);
}

/* Asks whether it is alone, again where the server goes away meanwhile. */
static enum progress open_discovery(struct server *server, struct wkv_error *error)
{
    for (;;) {
        enum progress progress = open_connections(server, 0, 1, error);
        if (progress == GO_ON)
            progress = claim_address(server, error);
        if (progress != FAILED || !wkv_code_may_pass(error->code))
            return progress;
        wkv_log_warn(server->options->log, "%s; asking again", error->text);
        if (wait_for_stop(server, -1, ASK_AGAIN_MS))
            return STOPPED;
    }
}

static enum wkv_server_outcome run(struct server *server, struct wkv_error *error)
{
    enum progress progress = open_discovery(server, error);
    if (progress == SPLIT)
        return WKV_SERVER_SPLIT;
    if (progress == GO_ON)
        progress = open_connections(server, 1, server->keeper_count, error);
    if (progress == FAILED)
        return WKV_SERVER_FAILED;
    if (progress == GO_ON)
        progress = serve(server, error);
    server->split = progress == SPLIT;
    drain(server);
    return server->split ? WKV_SERVER_SPLIT : server->cut ? WKV_SERVER_CUT : WKV_SERVER_DRAINED;
}

enum wkv_server_outcome wkv_server_run(const struct wkv_server_options *options, int stop_fd,
                                       struct wkv_error *error)
{
    struct server server = {
        .options = options, .stop_fd = stop_fd, .actors = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    server.notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server.poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server.pulse = (struct wkv_pulse){.name = "main", .poke = poke, .context = &server};
    if (server.notify_fd < 0 || server.poke_fd < 0) {
        (void)wkv_fail(error, WKV_UNAVAILABLE, "no file descriptor: %s", strerror(errno));
        return WKV_SERVER_FAILED;
    }
    enum wkv_server_outcome outcome = WKV_SERVER_FAILED;
    if (wkv_keepers_init(&server.keepers, &options->connect, options->log, server.notify_fd, error) ==
            WKV_OK &&
        init(&server, error) == WKV_OK)
        outcome = run(&server, error);
    destroy(&server);
    return outcome;
}
