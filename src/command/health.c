/* wascc-keyvalue health: exit 0 where an instance answers. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What was found out. */
struct finding {
    bool healthy;
    const char *instance; /* NULL: it is not known which */
    const char *text;     /* for people */
    int status;           /* the exit status */
};

static int print_json(const struct wkv_config *config, const struct finding *finding)
{
    const char *space = config->address.lattice_namespace;
    json_t *report =
        json_pack("{s:b, s:s, s:s, s:s?, s:s?}", "healthy", finding->healthy, "binding",
                  config->address.binding, "lattice_namespace", space == NULL ? "" : space, "instance",
                  finding->instance, "error", finding->healthy ? NULL : finding->text);
    char *printed = report == NULL ? NULL : json_dumps(report, JSON_COMPACT | JSON_PRESERVE_ORDER);
    bool made = printed != NULL;
    if (made)
        wkv_print_json(printed, strlen(printed));
    else
        (void)fprintf(stderr, "wascc-keyvalue: no memory for the report\n");
    free(printed);
    json_decref(report);
    return made ? finding->status : WKV_EXIT_FAILED;
}

static int tell(const struct wkv_config *config, const struct finding *finding)
{
    if (config->look.json)
        return print_json(config, finding);
    if (finding->healthy)
        (void)printf("ok: %s\n", finding->text);
    else
        (void)fprintf(stderr, "wascc-keyvalue: %s\n", finding->text);
    return finding->status;
}

static int tell_error(const struct wkv_config *config, const struct wkv_error *error, int status)
{
    struct finding finding = {.text = error->text, .status = status};
    return tell(config, &finding);
}

static int check(const struct wkv_config *config)
{
    struct wkv_error error;
    struct found found = {.any = false};
    natsConnection *connection;
    char text[WKV_ERROR_TEXT_BYTES];
    if (wkv_connect(&config->connect, "wascc-keyvalue health", &connection, &error) != WKV_OK) {
        bool usage = wkv_config_blame(config, &error) == WKV_BAD_REQUEST;
        return usage ? wkv_usage_error(&error) : tell_error(config, &error, WKV_EXIT_FAILED);
    }
    enum wkv_code code = wkv_discovery_ask(connection, config->connect.inbox_prefix, &config->address,
                                           (int64_t)config->timeout_ms, note_serving, &found, &error);
    natsConnection_Destroy(connection);
    if (code == WKV_OK && found.any) {
        (void)snprintf(text, sizeof text, "instance %s serves binding \"%s\"", found.id,
                       config->address.binding);
        return tell(config, &(struct finding){.healthy = true, .instance = found.id, .text = text});
    }
    if (code == WKV_OK)
        (void)wkv_fail(&error, WKV_UNAVAILABLE, "no instance serves this binding and lattice namespace");
    return tell_error(config, &error, WKV_EXIT_FAILED);
}

/* Contract section 9: "this very process, without NATS …; one that hangs is not healthy". */
static int check_self(const struct wkv_config *config)
{
    struct wkv_error error;
    struct wkv_self_name name = {config->address.lattice_namespace, config->address.binding};
    char text[WKV_ERROR_TEXT_BYTES];
    if (wkv_self_ask(&name, (int64_t)config->timeout_ms, &error) != WKV_OK)
        return tell_error(config, &error, WKV_EXIT_UNAVAILABLE);
    (void)snprintf(text, sizeof text, "the process that serves binding \"%s\" here is well", name.binding);
    return tell(config, &(struct finding){.healthy = true, .text = text});
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
             "in this container, is well, whether or not NATS is; else 69.\n"
             "With --json it prints an object with \"healthy\" and \"error\", whatever the answer\n"
             "is.\n",
    .takes = "options only",
    .bit = WKV_COMMAND_HEALTH,
    .run = run,
};
