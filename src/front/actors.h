/* The lattice's subjects of bound actors: "a successful bind makes the provider listen on
 * `….<binding>.<actor>`" (contract section 7). Every worker listens, since each invocation costs the
 * verification of a signature.
 *
 * A bind is successful when the server has taken the subject: it asks first, and where the server says no,
 * nothing has changed.
 */
#ifndef WKV_FRONT_ACTORS_H
#define WKV_FRONT_ACTORS_H

#include <pthread.h>
#include <stdbool.h>

#include "access/bindings.h"
#include "front/worker.h"
#include "wascc_keyvalue/text.h"

struct wkv_actors {
    struct wkv_worker *workers; /* borrowed: those for actors */
    unsigned worker_count;
    struct wkv_bindings *bindings; /* borrowed */
    struct wkv_log *log;           /* borrowed */
    pthread_mutex_t lock;          /* one change at a time is followed */
    int64_t warned_ns;             /* under the lock */
};

/* Before a bind: listens. Any thread but the workers'. Errors, after which it is as before: WKV_FORBIDDEN
 * (the server's permissions), WKV_BUDGET_SPENT (the server's max_subscriptions), WKV_NO_MEMORY,
 * WKV_UNAVAILABLE (no worker is connected, or the server does not answer in time); the text says what the
 * server said. */
enum wkv_code wkv_actors_listen(struct wkv_actors *actors, struct wkv_text actor, struct wkv_error *error);

/* Whether it listens, after a wait until then (monotonic) for a refusal that may be on its way. Any thread
 * but the workers'. Errors: WKV_FORBIDDEN, as above. */
enum wkv_code wkv_actors_confirm(struct wkv_actors *actors, struct wkv_text actor, int64_t until_ns,
                                 struct wkv_error *error);

/* After a change of its binding, made or not made: listens no more where it is not bound. The second waits
 * for the server. Any thread but the workers'. */
void wkv_actors_settle(struct wkv_actors *actors, struct wkv_text actor);
void wkv_actors_settle_and_wait(struct wkv_actors *actors, struct wkv_text actor);

#endif
