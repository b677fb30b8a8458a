/* wascc-keyvalue health: exit 0 where an instance answers. */
#include <stdio.h>
#include <string.h>

#include "command/command.h"
#include "command/config.h"
#include "lattice/ask.h"
#include "nats/connect.h"
#include "support/self.h"
#include "support/shown.h"

struct found {
    char id[64];
    bool any;
};

static bool note_serving(void *context, const char *id)
{
    struct found *found = context;
    found->any = true;
    (void)wkv_shown(WKV_SHOWN_TEXT, id, strlen(id), found->id, sizeof found->id);
    return false;
}

static int check(const struct wkv_config *config)
{
    struct wkv_error error;
    struct found found = {.any = false};
    natsConnection *connection;
    if (wkv_connect(&config->connect, "wascc-keyvalue health", &connection, &error) != WKV_OK) {
        (void)wkv_config_blame(config, &error);
        return wkv_failed(&error);
    }
    enum wkv_code code = wkv_discovery_ask(connection, config->connect.inbox_prefix, &config->address,
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

/* Contract section 9: "this very process, without NATS …; one that hangs is not healthy". */
static int check_self(const struct wkv_config *config)
{
    struct wkv_error error;
    struct wkv_self_name name = {config->address.lattice_namespace, config->address.binding};
    if (wkv_self_ask(&name, (int64_t)config->timeout_ms, &error) == WKV_OK) {
        (void)printf("ok: the process that serves binding \"%s\" here is well\n", name.binding);
        return WKV_EXIT_OK;
    }
    (void)wkv_failure(&error);
    return WKV_EXIT_UNAVAILABLE;
}

static int run(const struct wkv_config *config, char **arguments)
{
    (void)arguments;
    if (config->look.self)
        return check_self(config);
    int status = check(config);
    (void)nats_CloseAndWait(1000);
    return status;
}

const struct wkv_subcommand wkv_command_health = {
    .name = "health",
    .doc = "exit 0 where an instance answers",
    .usage = "[OPTION]...",
    .about = "Exits 0 where an instance serves the binding.\n"
             "With --self: where the process that this user runs for it on this machine, or\n"
             "in this container, is well, whether or not NATS is; else 69.\n",
    .takes = "options only",
    .bit = WKV_COMMAND_HEALTH,
    .run = run,
};
