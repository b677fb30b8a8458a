/* A worker: a loop that listens on every operation's subject, in a queue group with its sisters, and answers.
 */
#ifndef WKV_TRANSPORT_WORKER_H
#define WKV_TRANSPORT_WORKER_H

#include <stdatomic.h>
#include <stdint.h>

#include "transport/loop.h"
#include "wascc_keyvalue/provider.h"

struct wkv_worker;

/* One operation's subscription. */
struct wkv_worker_endpoint {
    struct wkv_worker *worker;
    const struct wkv_operation *operation;
};

struct wkv_worker {
    struct wkv_loop loop;
    const struct wkv_provider *provider; /* borrowed */
    struct wkv_scratch scratch;
    struct wkv_worker_endpoint *endpoints; /* one for each operation */
    size_t actor_offset;                   /* where the actor begins in a request's subject */
    _Atomic bool refuse;                   /* answer 503: the time to drain is over */

    /* Written by the loop's thread alone. */
    _Atomic uint64_t answered; /* requests with a reply */
    _Atomic uint64_t failed;   /* of these, with an error */
    _Atomic uint64_t unsent;   /* replies that nats.c could not take */
};

/* Makes an unconnected worker that listens on address. Errors: WKV_BAD_REQUEST (address), WKV_UNAVAILABLE. */
enum wkv_code wkv_worker_init(struct wkv_worker *worker, unsigned number, const struct wkv_address *address,
                              const struct wkv_provider *provider, struct wkv_log *log, int notify_fd,
                              struct wkv_error *error);

/* Frees a disconnected worker. */
void wkv_worker_destroy(struct wkv_worker *worker);

#endif
