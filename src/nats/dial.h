/* Finds a server that a connection can be made to: the one that worked last, and where that does not answer
 * soon, whichever of the others does.
 */
#ifndef WKV_NATS_DIAL_H
#define WKV_NATS_DIAL_H

#include "nats/attempt.h"
#include "nats/connect.h"
#include "nats/server_pool.h"
#include "support/error.h"

/* How connections are made. Borrowed; read by several threads at once. */
struct wkv_dial {
    const struct wkv_connect_options *connect; /* of which `servers` is not looked at */
    struct wkv_pool *pool;
    int cancel_fd; /* readable: attempts give up */
};

/* One server, for one attempt. */
struct wkv_dial_server {
    const struct wkv_pool_server *server;
    const char *address; /* which of its host's to connect to; NULL: whichever */
    struct wkv_attempt_limits limits;
};

/* Makes one connection. Errors: as wkv_loop_open's. */
typedef enum wkv_code (*wkv_dial_attempt)(void *context, const struct wkv_connect_options *connect,
                                          const struct wkv_dial_server *server, struct wkv_error *error);

/* Attempts until one succeeds, at most one for each server but the first, which may have two. Errors: those
 * of the last attempt. */
enum wkv_code wkv_dial(const struct wkv_dial *dial, wkv_dial_attempt attempt, void *context,
                       struct wkv_error *error);

/* Whether to give up. */
bool wkv_dial_is_cancelled(const struct wkv_dial *dial);

#endif
