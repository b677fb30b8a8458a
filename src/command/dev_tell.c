/* What `serve --dev` prints: how it is called from another shell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/dev.h"
#include "command/options.h"
#include "nats/greeting.h"
#include "nats/server_pool.h"

#define GREETING_MS 1000
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-"

/* As one word of a shell. */
static void print_word(const char *text)
{
    if (*text != '\0' && text[strspn(text, PLAIN)] == '\0') {
        (void)printf("%s", text);
        return;
    }
    (void)putchar('\'');
    for (; *text != '\0'; text++)
        (void)(*text == '\'' ? printf("'\\''") : putchar(*text));
    (void)putchar('\'');
}

/* The program by its path, which another shell may not search. */
static void print_program(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    path[len < 0 ? 0 : len] = '\0';
    print_word(len <= 0 ? "wascc-keyvalue" : path);
}

static void print_servers(const struct wkv_servers *servers)
{
    char list[WKV_SERVERS_MAX * WKV_SERVER_URL_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < servers->count; i++) {
        char url[WKV_SERVER_URL_BYTES];
        wkv_server_url_text(&servers->items[i], url);
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ",", url);
    }
    print_word(list);
}

/* A file's name must mean the same elsewhere. */
static void print_value(const struct wkv_option *option, const char *value)
{
    char path[PATH_MAX];
    bool is_file = strcmp(option->argument, "FILE") == 0;
    print_word(is_file && realpath(value, path) != NULL ? path : value);
}

static bool is_given(const struct wkv_option *option, const struct wkv_config *config)
{
    return wkv_option_origin(option, config)->layer > WKV_LAYER_DEFAULT;
}

/* The options of the connection that serve was given, but secrets. */
static void print_options(const struct wkv_config *config)
{
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++)
        if ((option->commands & WKV_CONNECTING) == WKV_CONNECTING && option->kind == WKV_OPTION_TEXT &&
            is_given(option, config)) {
            (void)printf(" --%s ", option->name);
            print_value(option, wkv_option_origin(option, config)->text);
        }
}

static void print_file(const struct wkv_dev *dev, const char *option, const char *name)
{
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/%s", dev->directory, name);
    (void)printf(" --%s ", option);
    print_word(path);
}

/* What a request must bring is what the policy asks for. */
static void print_call(const struct wkv_dev *dev, const struct wkv_config *config, bool as_actor,
                       const char *request)
{
    bool signs = !as_actor || strcmp(config->trust.auth, "invocation") == 0;
    (void)printf("  ");
    print_program();
    (void)printf(" call --server ");
    print_servers(config->connect.servers);
    print_options(config);
    if (as_actor)
        print_file(dev, "claims", "actor.jwt");
    if (signs)
        print_file(dev, "host-seed", "host.json");
    (void)printf(" %s\n", request);
}

static void print_calls(const struct wkv_dev *dev, const struct wkv_config *config)
{
    static const struct {
        bool as_actor;
        const char *request;
    } calls[] = {{.as_actor = true, "Set '{\"key\":\"greeting\",\"value\":\"hello\"}'"},
                 {.as_actor = true, "Get '{\"key\":\"greeting\"}'"},
                 {.as_actor = true, "Increment '{\"key\":\"visits\",\"delta\":1}'"},
                 {.as_actor = true, "Push '{\"key\":\"queue\",\"value\":\"first\"}'"},
                 {.as_actor = false, "Keys '{}'"}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        print_call(dev, config, calls[i].as_actor, calls[i].request);
}

/* What these lines cannot say. */
static void print_secret(const struct wkv_config *config)
{
    const struct wkv_servers *servers = config->connect.servers;
    bool named = false;
    for (size_t i = 0; i < servers->count; i++)
        named = named || servers->items[i].user != NULL || servers->items[i].token != NULL;
    if (named)
        (void)printf(
            "They leave out the user, password or token of --server, which is a secret: put it back in.\n");
    if (config->connect.password != NULL)
        (void)printf("They leave out the password, which is a secret: export NATS_PASSWORD first.\n");
}

static bool any_greets(const struct wkv_servers *servers)
{
    static const bool none_skipped[WKV_SERVERS_MAX];
    struct wkv_greeting greeting;
    struct wkv_pool_server *list = NULL;
    struct wkv_pool *pool = wkv_pool_create(servers);
    size_t count = pool == NULL ? 0 : wkv_pool_list(pool, &list);
    bool greets = count == 0 || wkv_greeting_await(list, none_skipped, count, GREETING_MS, -1, &greeting);
    free(list);
    wkv_pool_destroy(pool);
    return greets;
}

static void tell_of_server(const struct wkv_servers *servers)
{
    const struct wkv_server_url *first = &servers->items[0];
    char url[WKV_SERVER_URL_BYTES];
    if (any_greets(servers))
        return;
    wkv_server_url_text(first, url);
    (void)printf(
        "\nNo NATS server answers at %s yet. Start one in another shell, and this one goes on by itself:\n\n"
        "  nats-server --addr 127.0.0.1 --port %u\n",
        url, first->port);
}

void wkv_dev_tell(const struct wkv_dev *dev, const struct wkv_config *config)
{
    (void)printf("*** " WKV_DEV_NOT_FOR_PRODUCTION " ***\n"
                 "Its account, host, actor and claims are in ");
    print_word(dev->directory);
    (void)printf("\n\nThese five lines call it from another shell:\n\n");
    print_calls(dev, config);
    print_secret(config);
    tell_of_server(config->connect.servers);
    (void)putchar('\n');
    (void)fflush(stdout);
}
