/* Who else serves this binding, asked as any client of NATS may ask (contract section 8). */
#ifndef WKV_LATTICE_ASK_H
#define WKV_LATTICE_ASK_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "nats/subject.h"
#include "support/error.h"

/* Asks `$SRV.PING.wascc-keyvalue` on connection and gives the id of each instance on this address with this
 * engine that answers, serving or draining, to `seen`, for wait_ms or until seen returns false. The
 * connection's messages must be delivered meanwhile, by a loop of its own or nats.c's threads. inbox_prefix
 * is the connection's own (NULL: _INBOX). Errors: WKV_FORBIDDEN (the server's permissions refuse the question
 * or its answers), WKV_UNAVAILABLE. */
enum wkv_code wkv_discovery_ask(natsConnection *connection, const char *inbox_prefix,
                                const struct wkv_address *address, int64_t wait_ms,
                                bool (*seen)(void *context, const char *id), void *context,
                                struct wkv_error *error);

#endif
