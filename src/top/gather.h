/* Where `top` gets its answers: a NATS connection and the question `$SRV.STATS.wascc-keyvalue` (contract
 * section 8). */
#ifndef WKV_TOP_GATHER_H
#define WKV_TOP_GATHER_H

#include "nats/connect.h"
#include "support/error.h"
#include "top/model.h"

struct wkv_top_source {
    const struct wkv_connect_options *options; /* borrowed */
    natsConnection *connection;                /* NULL: none */
};

/* Connects, trying once. The connection comes back by itself when it is lost. The caller closes the source in
 * any case. Errors: WKV_BAD_REQUEST (an option cannot be used), WKV_UNAVAILABLE. */
enum wkv_code wkv_top_open(struct wkv_top_source *source, const struct wkv_connect_options *options,
                           struct wkv_error *error);

void wkv_top_close(struct wkv_top_source *source);

/* Asks all instances and gives the model their answers: until all that answered last time have, and some time
 * for others; else for 300 ms. Errors: WKV_UNAVAILABLE (the server is away, and it is tried to connect again;
 * or no memory), WKV_FORBIDDEN (the server's permissions refuse the question or its answers). No instance in
 * the model is gone then. */
enum wkv_code wkv_top_ask(struct wkv_top_source *source, struct wkv_top_model *model,
                          struct wkv_error *error);

#endif
