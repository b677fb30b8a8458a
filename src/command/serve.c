/* wascc-keyvalue serve: serves until SIGTERM or SIGINT, then drains and exits 0. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "command/command.h"
#include "command/config.h"
#include "wascc_keyvalue/clock.h"
#include "wascc_keyvalue/janitor.h"

#define MAX_SHUTDOWN_WAIT_MS 1000

/* The cores that this process may run on, which a container's limits may have made fewer than the machine's.
 */
static unsigned usable_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    unsigned cores = (unsigned)CPU_COUNT(&set);
    return cores < 1 ? 1 : cores > WKV_MAX_WORKERS ? WKV_MAX_WORKERS : cores;
}

/* Blocks the stopping signals in this thread and all that it starts, and makes them readable. */
static int open_stop_signals(void)
{
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &stop, NULL) != 0)
        return -1;
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum wkv_code check_config(const struct wkv_config *config, struct wkv_log *log,
                                  struct wkv_error *error)
{
    enum wkv_log_level level;
    enum wkv_log_format format;
    if (!wkv_log_level_parse(config->log_level, &level))
        return wkv_fail(error, WKV_BAD_REQUEST, "--log-level takes error, warn, info or debug");
    if (!wkv_log_format_parse(config->log_format, &format))
        return wkv_fail(error, WKV_BAD_REQUEST, "--log-format takes text or json");
    wkv_log_init(log, STDERR_FILENO, level, format);
    if (strcmp(config->auth, "none") == 0)
        return WKV_OK;
    if (strcmp(config->auth, "claims") == 0 || strcmp(config->auth, "invocation") == 0 ||
        strcmp(config->auth, "binding") == 0)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--auth %s is not there yet; give --auth none, on a desk, to serve without",
                        config->auth);
    return wkv_fail(error, WKV_BAD_REQUEST, "--auth takes claims, invocation, binding or none");
}

/* What is wrong with the connection's options is said before anything is served. nats.c starts threads for this, so the
 * signals must be blocked by now. */
static enum wkv_code check_connect(const struct wkv_config *config, struct wkv_error *error)
{
    natsOptions *options;
    enum wkv_code code = wkv_connect_options_apply(&config->connect, WKV_SERVICE_NAME, &options, error);
    natsOptions_Destroy(options);
    return code;
}

static int report(struct wkv_log *log, enum wkv_server_outcome outcome, const struct wkv_error *error)
{
    switch (outcome) {
    case WKV_SERVER_DRAINED:
        return WKV_EXIT_OK;
    case WKV_SERVER_SPLIT:
        wkv_log_error(log, "%s", error->text);
        return WKV_EXIT_UNAVAILABLE;
    case WKV_SERVER_FAILED:
        break;
    }
    wkv_log_error(log, "%s", error->text);
    return error->code == WKV_BAD_REQUEST ? WKV_EXIT_USAGE : WKV_EXIT_FAILED;
}

static int serve_store(const struct wkv_config *config, struct wkv_store *store, struct wkv_log *log,
                       struct wkv_watchdog *watchdog, int stop_fd)
{
    struct wkv_provider provider = {.store = store,
                                    .max_key_bytes = (uint32_t)config->max_key_bytes,
                                    .max_value_bytes = (uint32_t)config->max_value_bytes};
    struct wkv_server_options options = {.connect = config->connect,
                                         .address = config->address,
                                         .workers = config->workers == 0 ? usable_cores()
                                                                         : (unsigned)config->workers,
                                         .allow_split = config->allow_split,
                                         .drain_timeout_ms = (int64_t)config->drain_timeout_ms,
                                         .provider = &provider,
                                         .log = log,
                                         .watchdog = watchdog};
    struct wkv_janitor *janitor = wkv_janitor_start(store);
    if (janitor == NULL || watchdog == NULL) {
        wkv_log_error(log, "no thread for the janitor or the watchdog");
        wkv_janitor_stop(janitor);
        return WKV_EXIT_FAILED;
    }
    struct wkv_error error = {0};
    enum wkv_server_outcome outcome = wkv_server_run(&options, stop_fd, &error);
    wkv_janitor_stop(janitor);
    return report(log, outcome, &error);
}

/* What can still be wrong with the options shows here. */
static int prepare(const struct wkv_config *config, struct wkv_store **store)
{
    struct wkv_error error;
    struct wkv_store_options options = {.shards = (uint32_t)config->shards,
                                        .max_memory_bytes = config->max_memory_bytes};
    *store = NULL;
    if (check_connect(config, &error) != WKV_OK)
        return wkv_usage_error(&error);
    *store = wkv_store_create(&options, wkv_monotonic_ns());
    if (*store != NULL)
        return WKV_EXIT_OK;
    (void)wkv_fail(&error, WKV_BAD_REQUEST,
                   "--max-memory is too small for %u empty shards: give more memory, or fewer --shards",
                   (unsigned)config->shards);
    return wkv_usage_error(&error);
}

static int serve(const struct wkv_config *config, struct wkv_log *log)
{
    int stop_fd = open_stop_signals();
    if (stop_fd < 0) {
        wkv_log_error(log, "cannot watch for signals: %s", strerror(errno));
        return WKV_EXIT_FAILED;
    }
    /* The promise of --drain-timeout is for the process, so the watchdog goes last. */
    struct wkv_watchdog *watchdog = wkv_watchdog_start(log);
    struct wkv_store *store;
    int status = prepare(config, &store);
    if (status == WKV_EXIT_OK) {
        wkv_log_warn(log, "--auth none: everybody who may publish on this binding's subjects may read and "
                          "write its data");
        status = serve_store(config, store, log, watchdog, stop_fd);
    }
    wkv_store_destroy(store);
    (void)close(stop_fd);
    (void)nats_CloseAndWait(MAX_SHUTDOWN_WAIT_MS);
    wkv_watchdog_stop(watchdog);
    return status;
}

int wkv_command_serve(int argc, char **argv)
{
    struct wkv_config config;
    struct wkv_error error;
    struct wkv_log log;
    int rest;
    if (wkv_config_read(WKV_COMMAND_SERVE, argc, argv, &config, &rest, &error) != WKV_OK)
        return wkv_usage_error(&error);
    if (config.help) {
        (void)printf("usage: wascc-keyvalue serve [OPTION]...\n\n"
                     "Serves wascc:keyvalue on NATS until SIGTERM or SIGINT, then answers what it has "
                     "received and exits.\n\n");
        wkv_config_print_options(WKV_COMMAND_SERVE, stdout);
        return WKV_EXIT_OK;
    }
    if (rest < argc) {
        (void)wkv_fail(&error, WKV_BAD_REQUEST, "serve takes options only; see --help");
        return wkv_usage_error(&error);
    }
    if (check_config(&config, &log, &error) != WKV_OK)
        return wkv_usage_error(&error);
    return serve(&config, &log);
}
