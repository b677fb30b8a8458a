/* A worker: a loop, and what its thread keeps between requests. Most serve actors, each on every subject, in
 * a queue group with its sisters. One serves `system`: it answers what hosts and operators ask, for the
 * process, so that no actor waits for them. */
#ifndef WKV_FRONT_WORKER_H
#define WKV_FRONT_WORKER_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "front/provider.h"
#include "front/session.h"
#include "nats/loop.h"
#include "nats/subject.h"

struct wkv_endpoint;

enum wkv_serves { WKV_SERVES_ACTORS, WKV_SERVES_SYSTEM };

struct wkv_worker {
    struct wkv_loop loop;
    enum wkv_serves serves;
    const struct wkv_provider *provider; /* borrowed */
    const struct wkv_address *address;   /* borrowed */
    struct wkv_log *log;                 /* borrowed */
    struct wkv_stats_block *stats;       /* borrowed; its thread is the loop's */
    struct wkv_session session;
    const struct wkv_engine *engine;   /* borrowed */
    void *engine_context;              /* borrowed: what the process made for the engine */
    void *engine_part;                 /* this worker's */
    struct wkv_endpoint *endpoints;    /* owned */
    struct wkv_endpoint *bound_actors; /* one of them, for subscriptions that come and go: invocations.c */
    size_t actor_offset;               /* where the actor begins in a request's subject */
    struct wkv_arena envelope;         /* of the message in hand */
    struct wkv_buffer wrapped;         /* the reply in its envelope */
    bool looks_again;                  /* the message in hand has been refused before, and waited */
    _Atomic bool refuse;               /* answer 503: the time to drain is over */
};

struct wkv_worker_options {
    enum wkv_serves serves;
    unsigned number;                     /* of its block in the provider's statistics */
    const struct wkv_provider *provider; /* for all workers, like the engine; borrowed */
    const struct wkv_engine *engine;
    void *engine_context;
    struct wkv_loop_options loop; /* but its name */
};

/* Makes an unconnected worker, which listens by every front of the table. Errors: WKV_BAD_REQUEST (address),
 * WKV_UNAVAILABLE, WKV_NO_MEMORY; nothing is left to destroy then. */
enum wkv_code wkv_worker_init(struct wkv_worker *worker, const struct wkv_worker_options *options,
                              struct wkv_error *error);

/* Frees a disconnected worker. */
void wkv_worker_destroy(struct wkv_worker *worker);

/* From now on every request is refused with 503. Any thread. */
static inline void wkv_worker_refuse(struct wkv_worker *worker)
{
    atomic_store(&worker->refuse, true);
}

#endif
