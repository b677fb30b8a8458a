/* Discovery: what this process says of itself on `$SRV` (contract section 8, ADR-32). */
#ifndef WKV_TRANSPORT_DISCOVERY_H
#define WKV_TRANSPORT_DISCOVERY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "transport/loop.h"

#define WKV_INSTANCE_ID_BYTES 27 /* 26 characters of base32 and a NUL */

struct wkv_discovery {
    struct wkv_loop loop; /* a connection of its own: no request waits for an operator's question */
    const struct wkv_address *address; /* borrowed */
    char id[WKV_INSTANCE_ID_BYTES];    /* unique for each process */
    _Atomic bool serving;              /* false: starting */
};

/* Makes an unconnected discovery with a fresh id. Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_discovery_init(struct wkv_discovery *discovery, const struct wkv_address *address,
                                 struct wkv_log *log, int notify_fd, struct wkv_error *error);

/* Frees a disconnected discovery. */
void wkv_discovery_destroy(struct wkv_discovery *discovery);

/* Whether this instance, connected and subscribed, may hold the data of its address: false where another one
 * serves there, or is starting there and goes first. Two that start at once each see the other, because each
 * listens before it asks; the one with the smaller id goes on. `other` gets the id of the one in the way.
 * inbox_prefix is that of the loop's connection (NULL: _INBOX). Errors: as wkv_discovery_ask. */
enum wkv_code wkv_discovery_claim(struct wkv_discovery *discovery, const char *inbox_prefix, bool *alone,
                                  char other[WKV_INSTANCE_ID_BYTES], struct wkv_error *error);

#endif
