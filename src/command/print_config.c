#include "command/print_config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command/config_file.h"
#include "command/layers.h"
#include "command/options.h"

#define AT(member) offsetof(struct wkv_config, member)

/* A comment behind a value: where it comes from. */
static void print_origin(const struct wkv_origin *origin, const char *more)
{
    if (origin->layer <= WKV_LAYER_DEFAULT)
        (void)printf("  # default%s\n", more);
    else
        (void)printf("  # from %.*s%s\n", (int)origin->place_len, origin->source, more);
}

static void print_line(const char *name, const char *value, const struct wkv_origin *origin, const char *more)
{
    (void)printf("%s = ", name);
    wkv_config_print_value(value);
    print_origin(origin, more);
}

static void print_servers(const char *name, const struct wkv_servers *servers,
                          const struct wkv_origin *origin)
{
    bool secret = false;
    (void)printf("%s = ", name);
    for (size_t i = 0; i < servers->count; i++) {
        const struct wkv_server_url *server = &servers->items[i];
        char url[WKV_SERVER_URL_BYTES];
        wkv_server_url_text(server, url);
        (void)printf("%s%s", i == 0 ? "" : ",", url);
        secret = secret || server->user != NULL || server->token != NULL;
    }
    print_origin(origin, secret ? "; its user, password or token is not shown" : "");
}

/* Each item has its own line of a file. */
static void print_list(const struct wkv_option *option, const struct wkv_config *config)
{
    const struct wkv_config_list *list = (const void *)((const char *)config + option->offset);
    struct wkv_origin origin = *wkv_option_origin(option, config);
    for (size_t i = 0; i < list->count; i++) {
        if (origin.layer == WKV_LAYER_FILE)
            origin.place_len = (size_t)snprintf(origin.source, sizeof origin.source, "%s:%u",
                                                wkv_shown_path(config->serve.config), list->lines[i]);
        print_line(option->name, list->items[i], &origin, "");
    }
}

/* A line that --config passes by: there is no value, or none that may be shown, or none that counts. */
static void print_comment(const struct wkv_option *option, const struct wkv_origin *origin)
{
    if (option->kind == WKV_OPTION_SECRET && origin->layer != WKV_LAYER_NONE)
        (void)printf("# %s is set by %.*s and not shown\n", option->name, (int)origin->place_len,
                     origin->source);
    else if (origin->layer != WKV_LAYER_NONE)
        (void)printf("# %s counts with engine = jetstream\n", option->name);
    else if (option->otherwise != NULL)
        (void)printf("# %s: %s  # default\n", option->name, option->otherwise);
    else
        (void)printf("# %s is not set\n", option->name);
}

static void print_option(const struct wkv_option *option, const struct wkv_config *config,
                         const struct wkv_server_options *options)
{
    const struct wkv_origin *origin = wkv_option_origin(option, config);
    const void *member = (const char *)config + option->offset;
    if (option->offset == AT(connect.server)) {
        print_servers(option->name, config->connect.servers, origin);
    } else if (option->offset == AT(serve.workers)) {
        (void)printf("%s = %u", option->name, options->workers);
        print_origin(origin, "");
    } else if (option->kind == WKV_OPTION_FLAG) {
        print_line(option->name, *(const bool *)member ? "true" : "false", origin, "");
    } else if (origin->layer == WKV_LAYER_NONE || option->kind == WKV_OPTION_SECRET ||
               (option->of_log && options->engine == WKV_ENGINE_MEMORY)) {
        print_comment(option, origin);
    } else if (option->kind == WKV_OPTION_LIST) {
        print_list(option, config);
    } else {
        print_line(option->name, origin->text, origin, "");
    }
}

/* What no file can say. */
static void print_beside(const struct wkv_config *config)
{
    if (config->serve.dev != NULL)
        (void)printf("# --dev trusts an account and a host of its own as well\n");
    if (config->serve.config == NULL)
        return;
    (void)printf("# config = ");
    wkv_config_print_value(config->serve.config);
    print_origin(wkv_option_origin(wkv_option_at(AT(serve.config)), config), "");
}

int wkv_print_config(const struct wkv_config *config, const struct wkv_server_options *options)
{
    (void)printf("# wascc-keyvalue %s: what serve has in force, and where each value comes from\n",
                 WKV_VERSION);
    print_beside(config);
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++)
        if ((option->commands & WKV_COMMAND_SERVE) != 0 && !option->is_command &&
            option->offset != AT(serve.config))
            print_option(option, config, options);
    return WKV_EXIT_OK;
}
