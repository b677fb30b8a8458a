#include "nats/dial.h"

#include <poll.h>
#include <stdlib.h>

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
    const struct wkv_dial *dial = dialling->dial;
    enum wkv_code code = dialling->attempt(dialling->context, dial->connect, server, error);
    (code == WKV_OK ? wkv_pool_worked : wkv_pool_failed)(dial->pool, server->server);
    return code;
}

static struct wkv_attempt_limits limits(const struct dialling *dialling, int64_t timeout_ms)
{
    return (struct wkv_attempt_limits){.timeout_ms = timeout_ms, .cancel_fd = dialling->dial->cancel_fd};
}

/* Whether there is more than one to try. */
static bool has_others(const struct dialling *dialling)
{
    return dialling->count > 1 || !wkv_pool_is_address(&dialling->list[0]);
}

/* The one that worked last, or the first that --server names. */
static enum wkv_code try_first(struct dialling *dialling, struct wkv_error *error)
{
    struct wkv_dial_server server = {
        .server = &dialling->list[0],
        .limits = limits(dialling, has_others(dialling) ? SOON_MS : CONNECT_TIMEOUT_MS)};
    return try(dialling, &server, error);
}

/* One that has just greeted. Of a name's several addresses it must be the one that did; but where TLS is
 * asked for the name stays, since proxies go by it. */
static enum wkv_code try_greeting(struct dialling *dialling, const struct wkv_greeting *greeting,
                                  struct wkv_error *error)
{
    const struct wkv_connect_options *connect = dialling->dial->connect;
    struct wkv_dial_server server = {.server = &dialling->list[greeting->server],
                                     .limits = limits(dialling, CONNECT_TIMEOUT_MS)};
    if (greeting->one_of_several && !server.server->named->tls && connect->tlsca == NULL &&
        connect->tlscert == NULL)
        server.address = greeting->address;
    return try(dialling, &server, error);
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
    if (wkv_code_may_pass(code) && has_others(&dialling) && !wkv_dial_is_cancelled(dial))
        code = try_others(&dialling, error);
    free(dialling.list);
    return code;
}
