/* wascc-keyvalue serve: serves until SIGTERM or SIGINT, then drains and exits 0. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "access/bindings.h"
#include "access/policy.h"
#include "command/command.h"
#include "metrics/metrics.h"
#include "nats/connect.h"
#include "operation/provider.h"
#include "server/janitor.h"
#include "server/server.h"
#include "server/watchdog.h"
#include "support/clock.h"
#include "support/cpus.h"
#include "support/self.h"
#include "support/text.h"

#define MAX_SHUTDOWN_WAIT_MS 1000
/* For the lines of the log that still wait for their reader at the end. */
#define LAST_LINES_MS 200

/* Everything that one run of serve owns. */
struct service {
    const struct wkv_config *config;
    struct wkv_log log;
    enum wkv_auth auth;
    int stop_fd;   /* SIGTERM, SIGINT */
    int reload_fd; /* SIGHUP */
    struct wkv_store *store;
    struct wkv_bindings *bindings;
    struct wkv_trust_source *trust;
    struct wkv_replay *replay;
    struct wkv_claims_tally claims;
    struct wkv_stats *stats;
    struct wkv_janitor *janitor;
    struct wkv_metrics *metrics; /* NULL: not asked for */
    struct wkv_watchdog watchdog;
    struct wkv_vitals vitals;
    struct wkv_self *self; /* NULL: health --self does not find this process */
    char instance[WKV_INSTANCE_ID_BYTES];
};

static unsigned worker_count(const struct wkv_config *config)
{
    if (config->workers != 0)
        return (unsigned)config->workers;
    unsigned usable = wkv_cpus_usable();
    return usable > WKV_MAX_WORKERS ? WKV_MAX_WORKERS : usable;
}

/* Blocks a signal in this thread and all that it starts, and makes it readable. */
static int open_signals(int first, int second)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, first);
    (void)sigaddset(&set, second);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum wkv_code check_config(struct service *service, struct wkv_error *error)
{
    const struct wkv_config *config = service->config;
    enum wkv_log_level level;
    enum wkv_log_format format;
    if (!wkv_log_level_parse(config->log_level, &level))
        return wkv_fail(error, WKV_BAD_REQUEST, "--log-level takes error, warn, info or debug");
    if (!wkv_log_format_parse(config->log_format, &format))
        return wkv_fail(error, WKV_BAD_REQUEST, "--log-format takes text or json");
    if (!wkv_auth_parse(config->auth, &service->auth))
        return wkv_fail(error, WKV_BAD_REQUEST, "--auth takes claims, invocation, binding or none");
    wkv_log_init(&service->log, STDERR_FILENO, level, format);
    return WKV_OK;
}

/* The set of the config's lists and files, if a server in this mode can do anything with it. */
static enum wkv_code load_trust(const struct service *service, struct wkv_trust **trust,
                                struct wkv_error *error)
{
    if (wkv_load_trust(service->config, trust, error) != WKV_OK)
        return error->code;
    if (wkv_auth_check_trust(service->auth, *trust, error) == WKV_OK)
        return WKV_OK;
    wkv_trust_release(*trust);
    return error->code;
}

static void log_trust(struct service *service, const struct wkv_trust *trust, const char *what)
{
    size_t issuers = wkv_trust_count(trust, WKV_TRUST_ISSUERS),
           hosts = wkv_trust_count(trust, WKV_TRUST_HOSTS);
    wkv_log_info(&service->log, "%s: --auth %s, %zu trusted issuer%s, %s%zu trusted host%s", what,
                 wkv_auth_name(service->auth), issuers, wkv_plural(issuers),
                 wkv_trust_any_host(trust) ? "any host, " : "", hosts, wkv_plural(hosts));
}

/* SIGHUP: the lists are read again and become those of the moment; requests go on meanwhile. What cannot be
 * read changes nothing. */
static void reload(void *context)
{
    struct service *service = context;
    struct signalfd_siginfo info;
    struct wkv_trust *trust;
    struct wkv_error error;
    while (read(service->reload_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    }
    if (service->trust == NULL)
        return;
    if (load_trust(service, &trust, &error) != WKV_OK) {
        wkv_log_error(&service->log, "not reloaded, the trusted lists stay as they were: %s", error.text);
        return;
    }
    /* Logged when it holds: who reads the line may rely on it. The source keeps the set until the next
     * reload. */
    wkv_trust_source_publish(service->trust, trust);
    size_t removed = wkv_bindings_remove_untrusted(service->bindings, trust);
    if (removed > 0)
        wkv_log_warn(&service->log, "removed %zu binding%s of hosts that are no longer trusted", removed,
                     wkv_plural(removed));
    log_trust(service, trust, "reloaded");
}

static enum wkv_code open_trust(struct service *service, struct wkv_error *error)
{
    struct wkv_trust *trust;
    struct wkv_replay_options options = {0};
    if (load_trust(service, &trust, error) != WKV_OK)
        return error->code;
    /* What is wrong is wrong also where it is not needed. */
    if (service->auth == WKV_AUTH_NONE) {
        wkv_trust_release(trust);
        return WKV_OK;
    }
    if (wkv_trust_source_create(trust, &service->trust, error) != WKV_OK) {
        wkv_trust_release(trust);
        return error->code;
    }
    return wkv_replay_create(&options, &service->replay, error);
}

/* Contract section 7: hosts of waSCC lower-case the URLs that they sign. Here names are compared as they are,
 * or what was signed for `prod` could be used at `Prod`. */
static void tell_binding(struct service *service)
{
    const char *binding = service->config->address.binding;
    if (strpbrk(binding, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
        wkv_log_warn(
            &service->log,
            "--binding %s has capitals: hosts of waSCC sign a binding's name in lower case, so their "
            "invocations will be refused; choose a name in lower case to serve them",
            binding);
}

/* Who gets in, for the log. */
static void tell_trust(struct service *service)
{
    struct wkv_trust_reader reader;
    if (service->trust == NULL) {
        wkv_log_warn(&service->log,
                     "--auth none: anybody who may publish on this binding's subjects may read and write "
                     "its data");
        return;
    }
    tell_binding(service);
    wkv_trust_reader_init(&reader, service->trust);
    const struct wkv_trust *trust = wkv_trust_reader_current(&reader);
    log_trust(service, trust, "starting");
    if (!wkv_trust_any_host(trust) && wkv_trust_count(trust, WKV_TRUST_HOSTS) == 0)
        wkv_log_info(&service->log,
                     "no --trusted-host: requests of operators and bindings of actors are refused");
    if (wkv_trust_any_host(trust))
        wkv_log_warn(&service->log, "--trusted-host any: anybody with a key pair may sign as a host");
    wkv_trust_reader_destroy(&reader);
}

/* What is counted, and who shows it. /livez is there before a server is. */
static enum wkv_code open_stats(struct service *service, struct wkv_error *error)
{
    const struct wkv_config *config = service->config;
    struct wkv_stats_options options = {.workers = worker_count(config),
                                        .operations = wkv_operation_count,
                                        .now_ns = wkv_monotonic_ns(),
                                        .wall_ns = wkv_wall_ns()};
    service->stats = wkv_stats_create(&options);
    if (service->stats == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the statistics of %u worker threads",
                        worker_count(config));
    service->janitor = wkv_janitor_start(service->store, service->stats);
    if (service->janitor == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory or no thread to start with");
    wkv_vitals_add(&service->vitals, wkv_janitor_pulse(service->janitor));
    struct wkv_metrics_options metrics = {.listen = config->metrics_listen,
                                          .sources = {.stats = service->stats,
                                                      .store = service->store,
                                                      .bindings = service->bindings,
                                                      .claims = &service->claims,
                                                      .log = &service->log},
                                          .lattice_namespace = config->address.lattice_namespace,
                                          .binding = config->address.binding,
                                          .log = &service->log,
                                          .vitals = &service->vitals};
    return config->metrics_listen == NULL ? WKV_OK : wkv_metrics_start(&metrics, &service->metrics, error);
}

/* What the log goes to may be a pipe without a reader, a file at its limit, or a terminal that stops who
 * writes in the background: none of them ends or stops the process. */
static void ignore_log_signals(void)
{
    static const int signals[] = {SIGPIPE, SIGXFSZ, SIGTTOU};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)signal(signals[i], SIG_IGN);
}

static enum wkv_code open_service(struct service *service, struct wkv_error *error)
{
    const struct wkv_config *config = service->config;
    struct wkv_store_options options = {.shards = (uint32_t)config->shards,
                                        .max_memory_bytes = config->max_memory_bytes};
    ignore_log_signals();
    service->stop_fd = open_signals(SIGTERM, SIGINT);
    service->reload_fd = open_signals(SIGHUP, SIGHUP);
    if (service->stop_fd < 0 || service->reload_fd < 0)
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot watch for signals: %s", strerror(errno));
    if (!wkv_watchdog_start(&service->watchdog, service->stop_fd, (int64_t)config->drain_timeout_ms) ||
        !wkv_log_start(&service->log))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory or no thread to start with");
    struct wkv_self_name name = {config->address.lattice_namespace, config->address.binding};
    service->self = wkv_self_start(&name, &service->vitals, &service->log);
    /* What is wrong with the connection's options is said before anything is served. nats.c starts threads
     * for this, so the signals must be blocked by now. */
    if (wkv_connect_options_check(&config->connect, error) != WKV_OK || open_trust(service, error) != WKV_OK)
        return error->code;
    service->store = wkv_store_create(&options, wkv_monotonic_ns());
    if (service->store == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--max-memory is too small for %u empty shards: give more memory, or fewer --shards",
                        (unsigned)config->shards);
    service->bindings = wkv_bindings_create(config->address.binding);
    if (service->bindings == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory or no thread to start with");
    wkv_bindings_count_in(service->bindings, service->store, worker_count(config));
    wkv_bindings_trust(service->bindings, service->trust);
    return open_stats(service, error);
}

static void close_service(struct service *service)
{
    wkv_self_stop(service->self);
    wkv_metrics_stop(service->metrics);
    wkv_janitor_stop(service->janitor);
    wkv_stats_destroy(service->stats);
    wkv_store_destroy(service->store);
    wkv_bindings_destroy(service->bindings);
    wkv_replay_destroy(service->replay);
    wkv_trust_source_destroy(service->trust);
    (void)nats_CloseAndWait(MAX_SHUTDOWN_WAIT_MS);
    wkv_log_stop(&service->log, LAST_LINES_MS);
    /* The promise of --drain-timeout is for the process, so the watchdog goes last, but for what it looks at.
     */
    wkv_watchdog_end(&service->watchdog);
    if (service->stop_fd >= 0)
        (void)close(service->stop_fd);
    if (service->reload_fd >= 0)
        (void)close(service->reload_fd);
    wkv_vitals_destroy(&service->vitals);
    wkv_claims_tally_destroy(&service->claims);
}

static enum wkv_server_outcome run(struct service *service, struct wkv_error *error)
{
    const struct wkv_config *config = service->config;
    wkv_make_instance_id(service->instance);
    struct wkv_provider provider = {.store = service->store,
                                    .bindings = service->bindings,
                                    .trust = service->trust,
                                    .replay = service->replay,
                                    .claims = &service->claims,
                                    .stats = service->stats,
                                    .log = &service->log,
                                    .binding = config->address.binding,
                                    .instance = service->instance,
                                    .split = config->allow_split,
                                    .auth = service->auth,
                                    .require_binding = config->require_binding,
                                    .max_key_bytes = (uint32_t)config->max_key_bytes,
                                    .max_value_bytes = (uint32_t)config->max_value_bytes};
    struct wkv_server_options options = {.connect = config->connect,
                                         .address = config->address,
                                         .workers = worker_count(config),
                                         .allow_split = config->allow_split,
                                         .drain_timeout_ms = (int64_t)config->drain_timeout_ms,
                                         .max_wait_ms = (int64_t)config->max_wait_ms,
                                         .provider = &provider,
                                         .log = &service->log,
                                         .vitals = &service->vitals,
                                         .reload_fd = service->reload_fd,
                                         .reload = reload,
                                         .reload_context = service};
    return wkv_server_run(&options, service->stop_fd, error);
}

static int serve(const struct wkv_config *config, char **arguments)
{
    (void)arguments;
    struct service service = {.config = config, .stop_fd = -1, .reload_fd = -1};
    struct wkv_error error;
    wkv_error_clear(&error);
    wkv_vitals_init(&service.vitals);
    wkv_claims_tally_init(&service.claims);
    if (check_config(&service, &error) != WKV_OK)
        return wkv_usage_error(&error);
    if (open_service(&service, &error) != WKV_OK) {
        int status = wkv_failed(&error);
        close_service(&service);
        return status;
    }
    tell_trust(&service);
    enum wkv_server_outcome outcome = run(&service, &error);
    if (outcome != WKV_SERVER_DRAINED && outcome != WKV_SERVER_CUT)
        wkv_log_error(&service.log, "%s", error.text);
    close_service(&service);
    if (outcome == WKV_SERVER_SPLIT)
        return WKV_EXIT_UNAVAILABLE;
    if (outcome == WKV_SERVER_CUT)
        return WKV_EXIT_FAILED;
    if (outcome == WKV_SERVER_FAILED)
        return error.code == WKV_BAD_REQUEST ? WKV_EXIT_USAGE : WKV_EXIT_FAILED;
    return WKV_EXIT_OK;
}

const struct wkv_subcommand wkv_command_serve = {
    .name = "serve",
    .doc = "serve wascc:keyvalue on NATS",
    .usage = "[OPTION]...",
    .about = "Serves wascc:keyvalue on NATS until SIGTERM or SIGINT, then answers what it has\n"
             "received and exits. SIGHUP reads the trusted lists again.\n",
    .takes = "options only",
    .bit = WKV_COMMAND_SERVE,
    .run = serve,
};
