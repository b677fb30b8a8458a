#include "nats/dial.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/greeting.h"

/* A server has so long to accept a connection. */
#define CONNECT_TIMEOUT_MS 2000
/* Where there are others, no longer than this is waited for the one that worked last before they are asked
 * too. */
#define SOON_MS 400

/* One call of wkv_dial. */
struct dialling {
    const struct wkv_dial *dial;
    wkv_dial_attempt attempt;
    void *context;
    struct wkv_pool_server *list;
    size_t count;
    bool failed[WKV_POOL_MAX];
};

bool wkv_dial_is_cancelled(const struct wkv_dial *dial)
{
    struct pollfd cancel = {.fd = dial->cancel_fd, .events = POLLIN};
    return poll(&cancel, 1, 0) > 0;
}

static enum wkv_code try(struct dialling *dialling, const struct wkv_dial_server *server,
                         struct wkv_error *error)
{
    struct wkv_pool *pool = dialling->dial->pool;
    struct wkv_connect_options connect = *dialling->dial->connect;
    connect.server = server->url;
    enum wkv_code code = dialling->attempt(dialling->context, &connect, server, error);
    (code == WKV_OK ? wkv_pool_worked : wkv_pool_failed)(pool, server->pool_url);
    return code;
}

static struct wkv_attempt_limits limits(const struct dialling *dialling, int64_t timeout_ms)
{
    return (struct wkv_attempt_limits){.timeout_ms = timeout_ms, .cancel_fd = dialling->dial->cancel_fd};
}

/* The one that worked last, or the first that --server names. */
static enum wkv_code try_first(struct dialling *dialling, struct wkv_error *error)
{
    const struct wkv_pool_server *first = &dialling->list[0];
    bool others = dialling->count > 1 || !wkv_pool_is_address(first->url);
    struct wkv_dial_server server = {.url = first->url,
                                     .pool_url = first->url,
                                     .tls_name = first->tls_name,
                                     .limits = limits(dialling, others ? SOON_MS : CONNECT_TIMEOUT_MS)};
    return try(dialling, &server, error);
}

/* The URL with the address in place of the host's name. The caller frees it. */
static char *with_address(const char *url, const char *address)
{
    struct wkv_pool_parts parts;
    char *made = NULL;
    bool brackets = strchr(address, ':') != NULL;
    wkv_pool_split(url, &parts);
    if (asprintf(&made, "%.*s%s%s%s:%.*s", (int)parts.before_host_len, parts.before_host, brackets ? "[" : "",
                 address, brackets ? "]" : "", (int)parts.port_len, parts.port) < 0)
        return NULL;
    return made;
}

/* One that has just greeted. Of a name's several addresses it must be the one that did; but where TLS is
 * asked for the name stays, since proxies go by it. */
static enum wkv_code try_greeting(struct dialling *dialling, const struct wkv_greeting *greeting,
                                  struct wkv_error *error)
{
    const struct wkv_pool_server *found = &dialling->list[greeting->server];
    const struct wkv_connect_options *connect = dialling->dial->connect;
    struct wkv_pool_parts parts;
    struct wkv_dial_server server = {.url = found->url,
                                     .pool_url = found->url,
                                     .tls_name = found->tls_name,
                                     .limits = limits(dialling, CONNECT_TIMEOUT_MS)};
    char name[WKV_POOL_HOST_BYTES], *url = NULL;
    wkv_pool_split(found->url, &parts);
    if (greeting->one_of_several && !parts.tls && connect->tlsca == NULL && connect->tlscert == NULL)
        url = with_address(found->url, greeting->address);
    if (url != NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)parts.host_len, parts.host);
        server.url = url;
        server.tls_name = name;
    }
    enum wkv_code code = try(dialling, &server, error);
    wkv_wipe_text(url);
    return code;
}

/* Those that speak, until none is left. */
static enum wkv_code try_others(struct dialling *dialling, struct wkv_error *error)
{
    struct wkv_greeting greeting;
    enum wkv_code code = WKV_UNAVAILABLE;
    while (wkv_code_may_pass(code) &&
           wkv_greeting_await(dialling->list, dialling->failed, dialling->count, CONNECT_TIMEOUT_MS,
                              dialling->dial->cancel_fd, &greeting)) {
        dialling->failed[greeting.server] = true;
        code = try_greeting(dialling, &greeting, error);
    }
    return code;
}

enum wkv_code wkv_dial(const struct wkv_dial *dial, wkv_dial_attempt attempt, void *context,
                       struct wkv_error *error)
{
    struct dialling dialling = {.dial = dial, .attempt = attempt, .context = context};
    dialling.count = wkv_pool_list(dial->pool, &dialling.list);
    if (dialling.count == 0)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the servers' URLs");
    enum wkv_code code = try_first(&dialling, error);
    bool others = dialling.count > 1 || !wkv_pool_is_address(dialling.list[0].url);
    if (wkv_code_may_pass(code) && others && !wkv_dial_is_cancelled(dial))
        code = try_others(&dialling, error);
    wkv_pool_list_free(dialling.list, dialling.count);
    return code;
}
