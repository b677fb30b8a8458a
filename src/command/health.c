/* wascc-keyvalue health: exit 0 where an instance answers. */
#include <stdio.h>

#include "command/command.h"
#include "command/config.h"

struct found {
    char id[64];
    bool any;
};

static bool note_serving(void *context, const char *id, bool serving)
{
    struct found *found = context;
    if (!serving)
        return true;
    found->any = true;
    (void)snprintf(found->id, sizeof found->id, "%s", id);
    return false;
}

static int check(const struct wkv_config *config)
{
    struct wkv_error error;
    struct found found = {.any = false};
    natsConnection *connection;
    if (wkv_connect(&config->connect, "wascc-keyvalue health", &connection, &error) != WKV_OK) {
        (void)fprintf(stderr, "wascc-keyvalue: %s\n", error.text);
        return WKV_EXIT_FAILED;
    }
    enum wkv_code code = wkv_discovery_ask(connection, config->connect.inbox_prefix, &config->address, false,
                                           (int64_t)config->timeout_ms, note_serving, &found, &error);
    natsConnection_Destroy(connection);
    if (code == WKV_OK && found.any) {
        (void)printf("ok: instance %s serves binding \"%s\"\n", found.id, config->address.binding);
        return WKV_EXIT_OK;
    }
    (void)fprintf(stderr, "wascc-keyvalue: %s\n",
                  code == WKV_OK ? "no instance serves this binding and lattice namespace" : error.text);
    return WKV_EXIT_FAILED;
}

int wkv_command_health(int argc, char **argv)
{
    struct wkv_config config;
    struct wkv_error error;
    int rest;
    if (wkv_config_read(WKV_COMMAND_HEALTH, argc, argv, &config, &rest, &error) != WKV_OK) {
        wkv_config_destroy(&config);
        return wkv_usage_error(&error);
    }
    if (config.help) {
        (void)printf(
            "usage: wascc-keyvalue health [OPTION]...\n\nExits 0 where an instance serves the binding.\n\n");
        wkv_config_print_options(WKV_COMMAND_HEALTH, stdout);
        return WKV_EXIT_OK;
    }
    if (rest < argc) {
        (void)wkv_fail(&error, WKV_BAD_REQUEST, "health takes options only; see --help");
        return wkv_usage_error(&error);
    }
    int status = check(&config);
    wkv_config_destroy(&config);
    (void)nats_CloseAndWait(1000);
    return status;
}
