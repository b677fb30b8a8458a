/* A worker: a loop that listens on every operation's subject, in a queue group with its sisters, and answers. The first one also
 * answers the system's operations, for the process. */
#ifndef WKV_TRANSPORT_WORKER_H
#define WKV_TRANSPORT_WORKER_H

#include "transport/loop.h"
#include "transport/responder.h"

struct wkv_worker {
    struct wkv_loop loop;
    struct wkv_responder responder;
};

/* Makes an unconnected worker that listens on address. Errors: WKV_BAD_REQUEST (address), WKV_UNAVAILABLE; nothing is left
 * to destroy then. */
enum wkv_code wkv_worker_init(struct wkv_worker *worker, unsigned number, const struct wkv_address *address,
                              const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
                              struct wkv_error *error);

/* Frees a disconnected worker. */
void wkv_worker_destroy(struct wkv_worker *worker);

#endif
