/* A worker: a loop that listens on every operation's subject, in a queue group with its sisters, and answers.
 * One more of them is for `system`: it answers what hosts and operators ask, for the process, so that no
 * actor waits for them. */
#ifndef WKV_FRONT_WORKER_H
#define WKV_FRONT_WORKER_H

#include "front/responder.h"
#include "nats/loop.h"
#include "nats/subject.h"
#include "operation/provider.h"

struct wkv_worker {
    struct wkv_loop loop;
    struct wkv_responder responder;
};

/* Makes an unconnected worker that listens on address. number is that of its block in the provider's
 * statistics. Errors: WKV_BAD_REQUEST (address), WKV_UNAVAILABLE; nothing is left to destroy then. */
enum wkv_code wkv_worker_init(struct wkv_worker *worker, unsigned number, const struct wkv_address *address,
                              const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
                              struct wkv_error *error);

/* The same for `system`. */
enum wkv_code wkv_worker_init_system(struct wkv_worker *worker, unsigned number,
                                     const struct wkv_address *address, const struct wkv_provider *provider,
                                     struct wkv_log *log, int notify_fd, struct wkv_error *error);

/* Frees a disconnected worker. */
void wkv_worker_destroy(struct wkv_worker *worker);

#endif
