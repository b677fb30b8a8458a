/* Makes and ends everything. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "server/parts.h"
#include "support/clock.h"

#define MAX_SHUTDOWN_WAIT_MS 1000
/* For the lines of the log that still wait for their reader at the end. */
#define LAST_LINES_MS 200

/* ---- signals ---- */

/* Blocks a signal in this thread and all that it starts, and makes it readable. */
static int open_signal_fd(int first, int second)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, first);
    (void)sigaddset(&set, second);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the log goes to may be a pipe without a reader, a file at its limit, or a terminal that stops writers
 * in the background: none of them ends or stops the process. */
static void ignore_log_signals(void)
{
    static const int signals[] = {SIGPIPE, SIGXFSZ, SIGTTOU};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)signal(signals[i], SIG_IGN);
}

static void poke(void *context)
{
    const struct wkv_server *server = context;
    (void)eventfd_write(server->poke_fd, 1);
}

static enum wkv_code open_signals(struct wkv_server *server, struct wkv_error *error)
{
    ignore_log_signals();
    server->stop_fd = open_signal_fd(SIGTERM, SIGINT);
    server->reload_fd = open_signal_fd(SIGHUP, SIGHUP);
    server->poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->network.notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop_fd < 0 || server->reload_fd < 0 || server->poke_fd < 0 || server->network.notify_fd < 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot watch for signals: %s", strerror(errno));
    if (!wkv_watchdog_start(&server->watchdog, server->stop_fd, server->options->drain_timeout_ms))
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot watch the time for stopping: %s", strerror(errno));
    return WKV_OK;
}

/* ---- data ---- */

static bool budget_holds(struct wkv_store_options options, uint64_t kb)
{
    options.max_memory_bytes = kb * 1024;
    struct wkv_store *store = wkv_store_create(&options, 0);
    bool holds = store != NULL;
    wkv_store_destroy(store);
    return holds;
}

/* More is no answer. */
#define LEAST_MOST_KB ((uint64_t)1 << 30)

/* The least budget that holds an empty store, in kilobytes: found by trying, for an error's text. */
static uint64_t least_budget_kb(const struct wkv_store_options *options)
{
    uint64_t low = options->max_memory_bytes / 1024, high = low + 1;
    while (high < LEAST_MOST_KB && !budget_holds(*options, high)) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        *(budget_holds(*options, middle) ? &high : &low) = middle;
    }
    return high;
}

static enum wkv_code no_store(const struct wkv_store_options *options, struct wkv_error *error)
{
    if (options->max_memory_bytes == 0)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for an empty store");
    return wkv_fail(error, WKV_BAD_REQUEST,
                    "--max-memory is too small for %u empty shards: give at least %" PRIu64
                    "kb and room for the data, or fewer --shards, not %" PRIu64 " bytes",
                    (unsigned)options->shards, least_budget_kb(options), options->max_memory_bytes);
}

static enum wkv_code open_store(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    const struct wkv_store_options store = {
        .shards = options->shards, .max_memory_bytes = options->max_memory_bytes, .evict = options->evict};
    bool in_memory = options->engine == WKV_ENGINE_MEMORY;
    if (in_memory)
        server->provider.store = wkv_store_create(&store, wkv_monotonic_ns());
    if (in_memory && server->provider.store == NULL)
        return no_store(&store, error);
    server->provider.bindings = wkv_bindings_create(options->address.binding);
    if (server->provider.bindings == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory or no thread to start with");
    if (in_memory)
        wkv_bindings_count_in(server->provider.bindings, server->provider.store, options->workers);
    wkv_bindings_trust(server->provider.bindings, server->provider.trust);
    return WKV_OK;
}

static enum wkv_code open_stats(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_stats_options stats = {.workers = server->options->workers,
                                            .operations = wkv_operation_count,
                                            .now_ns = wkv_monotonic_ns(),
                                            .wall_ns = wkv_wall_ns()};
    server->provider.stats = wkv_stats_create(&stats);
    if (server->provider.stats == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the statistics of %u worker threads",
                        server->options->workers);
    server->upkeep = wkv_upkeep_start(server->provider.store, server->provider.stats);
    if (server->upkeep == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory or no thread to start with");
    wkv_vitals_add(&server->vitals, wkv_upkeep_pulse(server->upkeep));
    return WKV_OK;
}

/* /livez is there before NATS is. */
static enum wkv_code open_metrics(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    const struct wkv_metrics_options metrics = {.listen = options->metrics_listen,
                                                .sources = wkv_server_sources(server),
                                                .lattice_namespace = options->address.lattice_namespace,
                                                .binding = options->address.binding,
                                                .log = &server->log,
                                                .vitals = &server->vitals};
    return metrics.listen == NULL ? WKV_OK : wkv_metrics_start(&metrics, &server->metrics, error);
}

/* ---- all ---- */

/* What is wrong with the connection's options is said before anything is served. nats.c starts threads for
 * that, so the signals must be blocked by then. */
static enum wkv_code open_parts(struct wkv_server *server, struct wkv_error *error)
{
    const struct wkv_server_options *options = server->options;
    const struct wkv_self_name name = {options->address.lattice_namespace, options->address.binding};
    if (open_signals(server, error) != WKV_OK)
        return error->code;
    if (!wkv_log_start(&server->log))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory or no thread to start with");
    server->self = wkv_self_start(&name, &server->vitals, &server->log);
    if (wkv_connect_options_check(&options->connect, error) != WKV_OK ||
        wkv_server_open_trust(server, error) != WKV_OK || open_store(server, error) != WKV_OK ||
        open_stats(server, error) != WKV_OK)
        return error->code;
    return open_metrics(server, error);
}

/* ends: the process does, too; nats.c is not to be opened again. */
static void close_parts(struct wkv_server *server, bool ends)
{
    const int fds[] = {server->stop_fd, server->reload_fd, server->poke_fd, server->network.notify_fd};
    wkv_self_stop(server->self);
    wkv_metrics_stop(server->metrics);
    wkv_upkeep_stop(server->upkeep);
    wkv_journal_destroy(server->network.journal);
    wkv_stats_destroy(server->provider.stats);
    if (server->options->engine == WKV_ENGINE_MEMORY)
        wkv_store_destroy(server->provider.store);
    wkv_bindings_destroy(server->provider.bindings);
    wkv_replay_destroy(server->provider.replay);
    wkv_trust_source_destroy(server->provider.trust);
    if (ends)
        (void)nats_CloseAndWait(MAX_SHUTDOWN_WAIT_MS);
    wkv_log_stop(&server->log, LAST_LINES_MS);
    /* The promise of --drain-timeout is for the process, so the watchdog goes last, but for what it looks at.
     */
    wkv_watchdog_end(&server->watchdog);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    wkv_vitals_destroy(&server->vitals);
    wkv_claims_tally_destroy(&server->claims);
}

static enum wkv_server_outcome run(struct wkv_server *server, struct wkv_error *error)
{
    enum wkv_server_outcome outcome = WKV_SERVER_FAILED;
    if (wkv_network_open(server, error) == WKV_OK)
        outcome = wkv_server_live(server, error);
    wkv_network_close(server);
    if (outcome >= WKV_SERVER_SPLIT)
        wkv_log_error(&server->log, "%s", error->text);
    return outcome == WKV_SERVER_STOPPED && server->cut ? WKV_SERVER_CUT : outcome;
}

/* *diverged: whether the log had, before and after. */
static enum wkv_server_outcome run_once(const struct wkv_server_options *options, bool *diverged,
                                        struct wkv_error *error)
{
    struct wkv_server server = {.options = options,
                                .stop_fd = -1,
                                .reload_fd = -1,
                                .poke_fd = -1,
                                .network = {.notify_fd = -1},
                                .had_diverged = *diverged,
                                .diverged = *diverged};
    server.network.actors.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    wkv_make_instance_id(server.instance);
    wkv_log_init(&server.log, STDERR_FILENO, options->log_level, options->log_format);
    wkv_vitals_init(&server.vitals);
    wkv_claims_tally_init(&server.claims);
    server.pulse = (struct wkv_pulse){.name = "main", .poke = poke, .context = &server};
    server.provider =
        (struct wkv_provider){.claims = &server.claims,
                              .log = &server.log,
                              .binding = options->address.binding,
                              .instance = server.instance,
                              .split = options->allow_split,
                              .has_log = options->engine != WKV_ENGINE_MEMORY,
                              .auth = options->auth,
                              .require_binding = options->require_binding,
                              .max_key_bytes = options->max_key_bytes,
                              .max_value_bytes = options->max_value_bytes,
                              .duplicate_window_ns = options->duplicate_window_ms * WKV_NS_PER_MS};
    enum wkv_server_outcome outcome = WKV_SERVER_NOT_BEGUN;
    if (options->engine == WKV_ENGINE_JETSTREAM)
        wkv_server_report_log(&server);
    if (open_parts(&server, error) == WKV_OK) {
        wkv_server_tell_start(&server);
        wkv_server_tell_trust(&server);
        outcome = run(&server, error);
    }
    close_parts(&server, outcome != WKV_SERVER_AGAIN && outcome != WKV_SERVER_DIVERGED);
    *diverged = server.diverged;
    return outcome;
}

/* What this process had of the log was wrong, or is not there any more: it begins with nothing, as a new
 * instance. Where the log is not what was applied again so soon it is not to be trusted. */
#define DIVERGED_NS (600 * WKV_NS_PER_S)
/* Of one that comes to nothing so soon, before it is tried again. */
#define REST_NS (WKV_NS_PER_S / 2)

enum wkv_server_outcome wkv_server_run(const struct wkv_server_options *options, struct wkv_error *error)
{
    static const struct timespec rest = {.tv_nsec = REST_NS};
    int64_t diverged_ns = 0;
    bool diverged = false;
    for (;;) {
        int64_t begun_ns = wkv_monotonic_ns();
        enum wkv_server_outcome outcome = run_once(options, &diverged, error);
        int64_t now_ns = wkv_monotonic_ns();
        if (outcome != WKV_SERVER_AGAIN && outcome != WKV_SERVER_DIVERGED)
            return outcome;
        if (outcome == WKV_SERVER_DIVERGED && diverged_ns != 0 && now_ns - diverged_ns < DIVERGED_NS)
            return WKV_SERVER_LOST;
        if (outcome == WKV_SERVER_DIVERGED)
            diverged_ns = now_ns;
        if (now_ns - begun_ns < 2 * REST_NS)
            (void)nanosleep(&rest, NULL);
    }
}
