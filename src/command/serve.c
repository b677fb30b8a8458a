/* wascc-keyvalue serve: serves until SIGTERM or SIGINT, then drains and exits 0. */
#include <string.h>

#include "command/command.h"
#include "command/dev.h"
#include "command/options.h"
#include "command/print_config.h"
#include "nats/subject.h"
#include "server/server.h"
#include "support/cpus.h"

static unsigned worker_count(const struct wkv_config *config)
{
    if (config->serve.workers != 0)
        return (unsigned)config->serve.workers;
    unsigned usable = wkv_cpus_usable();
    return usable > WKV_MAX_WORKERS ? WKV_MAX_WORKERS : usable;
}

static enum wkv_code load_trust(const void *config, struct wkv_trust **trust, struct wkv_error *error)
{
    return wkv_load_trust(config, trust, error);
}

static enum wkv_code check_without_log(const struct wkv_config *config, struct wkv_error *error)
{
    for (size_t i = 0; i < wkv_option_count; i++)
        if (wkv_options[i].of_log && config->origins[i].layer > WKV_LAYER_DEFAULT)
            return wkv_fail(error, WKV_BAD_REQUEST, "%s needs --engine jetstream: give that, or leave it out",
                            config->origins[i].source);
    return WKV_OK;
}

/* A replica count that does nothing, say, would be a promise of safety that nobody keeps: so what one engine
 * does not know is refused and not passed over. */
static enum wkv_code check_engine(const struct wkv_config *config, const struct wkv_server_options *options,
                                  struct wkv_error *error)
{
    const char *domain = config->serve.js_domain;
    if (options->engine == WKV_ENGINE_MEMORY)
        return check_without_log(config, error);
    if (options->evict != WKV_EVICT_NONE)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--evict must be none with --engine jetstream: evictions are not in its log yet");
    if (options->allow_split)
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "--allow-split is for --engine memory: with jetstream any number of instances serve the "
            "same data without it");
    if (domain != NULL && !wkv_subject_token_valid(domain))
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "--js-domain takes one token of a subject: 1 to 128 bytes without a dot, white space, * or >");
    return WKV_OK;
}

/* The table of options has let their names pass. */
static enum wkv_code read_names(const struct wkv_config *config, struct wkv_server_options *options,
                                struct wkv_error *error)
{
    options->engine =
        strcmp(config->serve.engine, "jetstream") == 0 ? WKV_ENGINE_JETSTREAM : WKV_ENGINE_MEMORY;
    options->reads_mode = strcmp(config->serve.reads, "local") == 0 ? WKV_READ_LOCAL : WKV_READ_LINEARIZABLE;
    if (wkv_log_level_parse(config->log.level, &options->log_level) &&
        wkv_log_format_parse(config->log.format, &options->log_format) &&
        wkv_auth_parse(config->trust.auth, &options->auth) &&
        wkv_evict_parse(config->serve.evict, &options->evict))
        return check_engine(config, options, error);
    return wkv_fail(error, WKV_BAD_REQUEST, "an option has a value without a meaning");
}

static int run(const struct wkv_config *config, const struct wkv_server_options *options)
{
    struct wkv_error error;
    wkv_error_clear(&error);
    switch (wkv_server_run(options, &error)) {
    case WKV_SERVER_NOT_BEGUN:
        (void)wkv_config_blame(config, &error);
        return wkv_failed(&error);
    case WKV_SERVER_SPLIT:
    case WKV_SERVER_UNUSABLE:
        return WKV_EXIT_UNAVAILABLE;
    case WKV_SERVER_LOST:
    case WKV_SERVER_AGAIN:
    case WKV_SERVER_DIVERGED:
        return WKV_EXIT_LOST;
    case WKV_SERVER_FAILED:
        return error.code == WKV_BAD_REQUEST ? WKV_EXIT_USAGE : WKV_EXIT_FAILED;
    case WKV_SERVER_CUT:
        return WKV_EXIT_FAILED;
    case WKV_SERVER_GOES_ON:
    case WKV_SERVER_STOPPED:
        break;
    }
    return WKV_EXIT_OK;
}

static enum wkv_code add_trusted(struct wkv_config_list *list, const char *key, struct wkv_error *error)
{
    if (list->count == WKV_CONFIG_ITEMS)
        return wkv_fail(error, WKV_BAD_REQUEST, "--dev: there are too many trusted keys beside its own");
    list->items[list->count++] = key;
    return WKV_OK;
}

/* The lines that it prints must do. */
static enum wkv_code check_dev(const struct wkv_server_options *options, struct wkv_error *error)
{
    if (options->auth != WKV_AUTH_BINDING && !options->require_binding)
        return WKV_OK;
    return wkv_fail(error, WKV_BAD_REQUEST, "--dev binds no actor: leave out %s, or serve without it",
                    options->require_binding ? "--require-binding" : "--auth binding");
}

/* Serves those of the directory, too. */
static int serve_dev(const struct wkv_config *config, struct wkv_server_options *options)
{
    struct wkv_config own = *config;
    struct wkv_dev dev;
    struct wkv_error error;
    if (check_dev(options, &error) != WKV_OK || wkv_dev_open(config->serve.dev, &dev, &error) != WKV_OK ||
        add_trusted(&own.trust.issuers, dev.account, &error) != WKV_OK ||
        add_trusted(&own.trust.hosts, dev.host, &error) != WKV_OK)
        return wkv_failed(&error);
    options->trust_context = &own;
    options->warning = WKV_DEV_NOT_FOR_PRODUCTION;
    wkv_dev_tell(&dev, config);
    return run(config, options);
}

static int serve(const struct wkv_config *config, char **arguments)
{
    struct wkv_server_options options = {.connect = config->connect,
                                         .address = config->address,
                                         .require_binding = config->trust.require_binding,
                                         .allow_split = config->serve.allow_split,
                                         .workers = worker_count(config),
                                         .shards = (uint32_t)config->serve.shards,
                                         .max_memory_bytes = config->serve.max_memory_bytes,
                                         .max_key_bytes = (uint32_t)config->serve.max_key_bytes,
                                         .max_value_bytes = (uint32_t)config->serve.max_value_bytes,
                                         .drain_timeout_ms = (int64_t)config->serve.drain_timeout_ms,
                                         .max_wait_ms = (int64_t)config->serve.max_wait_ms,
                                         .duplicate_window_ms = (int64_t)config->serve.duplicate_window_ms,
                                         .replicas = (unsigned)config->serve.replicas,
                                         .write_timeout_ms = (int64_t)config->serve.write_timeout_ms,
                                         .log_max_bytes = config->serve.log_max_bytes,
                                         .snapshot_every_ms = (int64_t)config->serve.snapshot_every_ms,
                                         .js_domain = config->serve.js_domain,
                                         .metrics_listen = config->serve.metrics_listen,
                                         .load_trust = load_trust,
                                         .trust_context = config};
    struct wkv_error error;
    (void)arguments;
    if (read_names(config, &options, &error) != WKV_OK)
        return wkv_usage_error(&error);
    if (config->serve.print_config)
        return wkv_print_config(config, &options);
    return config->serve.dev != NULL ? serve_dev(config, &options) : run(config, &options);
}

const struct wkv_subcommand wkv_command_serve = {
    .name = "serve",
    .doc = "serve wascc:keyvalue on NATS",
    .usage = "[OPTION]...",
    .about = "Serves wascc:keyvalue on NATS until SIGTERM or SIGINT, then answers what it has\n"
             "received and exits. SIGHUP reads the trusted lists again.\n"
             "To try it on a desk, with a nats-server running: wascc-keyvalue serve --dev\n",
    .takes = "options only",
    .bit = WKV_COMMAND_SERVE,
    .run = serve,
};
