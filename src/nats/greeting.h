/* Which of several servers speaks: a NATS server greets its clients, one that is frozen, half dead or
 * unreachable does not. All addresses of all servers are tried at once, so none of them is waited for.
 */
#ifndef WKV_NATS_GREETING_H
#define WKV_NATS_GREETING_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/server_pool.h"

struct wkv_greeting {
    size_t server;            /* which of the list */
    char address[NI_MAXHOST]; /* which of its addresses, in numbers */
    bool one_of_several;      /* the host's name has more of them */
};

/* Waits at most timeout_ms for the first greeting of a server of the list whose skip[i] is false. Ends at
 * once when cancel_fd is readable. Names are resolved meanwhile, which can take longer. Returns false where
 * none has greeted. */
bool wkv_greeting_await(const struct wkv_pool_server *list, const bool *skip, size_t count,
                        int64_t timeout_ms, int cancel_fd, struct wkv_greeting *greeting);

#endif
